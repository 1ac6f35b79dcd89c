"""``planneal compare``: validated before anything is spent, planned without running, resumed by the same command."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import planneal.apps.compare as command
import pytest
from planneal.apps.cli import app
from planneal.apps.progress import Progress
from planneal.apps.screen import Screen
from planneal.experiments.runs import sealed
from planneal.experiments.runs.store import Store
from planneal.testing import FunctionModel
from typer.testing import CliRunner

BASE = ["compare", "--family", "arithmetic", "--difficulty", "easy", "--n", "2", "--methods", "direct,self-consistency"]
SMALL = [*BASE, "--budgets", "300,600", "--seeds", "2"]


class Unsealed(sealed.Sealed):
    """Grades in this process, which is quick."""

    async def __aenter__(self):
        self._grader = sealed.Grader(self._source)
        return self

    async def __aexit__(self, *_):
        pass

    async def _ask(self, *question):
        return await self._grader.answer(question)


@pytest.fixture
def scripted(monkeypatch):
    model = FunctionModel(lambda request, index: "answer: 10")
    monkeypatch.setattr(command, "load_model", lambda name, **options: model)
    from planneal.experiments.runs import driver

    plain = driver.run
    monkeypatch.setattr(driver, "run", lambda *given, **options: plain(*given, **options, seal=Unsealed))
    return model


def invoke(*arguments):
    return CliRunner().invoke(app, [str(part) for part in arguments])


def test_a_run_is_told_and_the_same_command_goes_on(scripted, tmp_path):
    first = invoke(*SMALL, "--out", tmp_path, "--json")
    assert first.exit_code == 0, first.stderr
    rows = [json.loads(line) for line in first.stdout.splitlines()]
    assert [(row["method"], row["budget"], row["attempts"]) for row in rows] == [
        ("direct", 300, 2), ("direct", 600, 2), ("self-consistency", 300, 4), ("self-consistency", 600, 4),
    ]  # fmt: skip
    assert all(row["tokens"] <= row["budget"] for row in rows)
    asked = len(scripted.requests)
    again = invoke(*SMALL, "--out", tmp_path, "--engine", "local", "--parallel", "1")
    assert again.exit_code == 0
    assert len(scripted.requests) == asked
    assert "| self-consistency |" in again.stdout
    assert "power, stated before the run: 2 problems show" in again.stderr
    assert f"all 12 attempts are in {tmp_path}" in again.stderr.replace("\n", "")


def test_other_arguments_are_refused(scripted, tmp_path):
    assert invoke(*SMALL, "--out", tmp_path, "-q").exit_code == 0
    refused = invoke(*SMALL[:-1], "1", "--out", tmp_path)
    assert refused.exit_code == 2
    assert "--seeds was 2 and is 1" in refused.stderr


def test_a_plan_runs_nothing(scripted):
    told = invoke(*SMALL, "--plan")
    assert told.exit_code == 0
    assert "self-consistency | 8 |" in " ".join(told.stdout.split())
    assert "power, stated before the run" in told.stdout
    plain = json.loads(invoke(*SMALL[:6], "500", *SMALL[7:], "--plan", "--json").stdout)
    assert plain["cells"] == 500 * 2 * 3
    assert plain["tokens_at_most"] == 500 * 3 * 900
    assert plain["least_difference"]["0.1"] == pytest.approx(0.04, abs=0.002)
    assert not scripted.requests


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ([], "give the run's folder: --out DIR"),
        (["--out", "x", "--engine", "spark"], "no engine 'spark'; there are local and ray"),
        (["--out", "x", "--budgets", "1k"], "--budgets 1k: give whole numbers"),
        (["--out", "x", "--methods", "dirct"], "no method 'dirct'"),
        (["--out", "x", "--data", "gsm8k"], "--data gsm8k: give the set's name and its file"),
        (["--out", "x", "--data", "gsm8k=nowhere.jsonl"], "give one source of problems"),
        (["--out", "x", "--base-url", "http://x"], "--base-url is for openai/NAME models"),
        (["--out", "x", "--seeds", "0"], "--seeds: Input should be greater"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_spent(scripted, tmp_path, monkeypatch, extra, told):
    monkeypatch.chdir(tmp_path)
    result = invoke(*BASE, *extra)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.split())
    assert not scripted.requests
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_not_there_is_told(scripted, tmp_path):
    result = invoke("compare", "--data", f"gsm8k={tmp_path / 'no.jsonl'}", "--n", "2", "--out", tmp_path / "x")
    assert result.exit_code == 2
    assert "no.jsonl" in result.stderr


def test_ctrl_c_finishes_what_is_under_way_and_says_how_to_go_on(tmp_path):
    here = str(Path(__file__).parent.parent / "experiments")
    code = (
        "import run_world, sys, planneal.apps.compare as c; from planneal.apps.cli import main\n"
        "if __name__ == '__main__':\n"
        "    c.load_model = lambda name: run_world.load(0.05)\n"
        "    main()"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    arguments = [
        sys.executable,
        str(script),
        *SMALL[:6],
        "20",
        *SMALL[7:],
        "--out",
        str(tmp_path / "run"),
        "--parallel",
        "2",
    ]
    environment = {**os.environ, "PYTHONPATH": here}
    with subprocess.Popen(
        arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        for line in process.stderr:
            if "attempts," in line:
                break
        process.send_signal(signal.SIGINT)
        rest = " ".join(process.communicate()[1].split())
    assert process.returncode == 130
    assert "finishing what is under way" in rest
    assert "run the same command again to go on" in rest
    with Store.open(tmp_path / "run") as store:
        assert 0 < len(store.done()) < 120


def test_progress_tells_every_tenth_with_the_time_left(capsys):
    seconds = iter([0.0, *(float(n) for n in range(100))])
    with Progress(Screen(), lambda: next(seconds)) as progress:
        for done in range(20, 101):
            progress.at(done, 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "30 of 100 attempts, about 0 s left"
    assert len(lines) == 8
    assert lines[-1].startswith("100 of 100 attempts, about 0 s left")
    assert asyncio.iscoroutinefunction(Unsealed.__aenter__)
