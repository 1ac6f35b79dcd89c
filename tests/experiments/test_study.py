"""The study is nothing but commands that users have: it says them, runs them, and stops at the first that fails."""

import sys

import pytest
from planneal.apps.cli import app
from planneal.experiments import study
from planneal.experiments.study import TASKS, Study, Task, commands, run
from planneal.planner.errors import RunError
from typer.testing import CliRunner


def test_every_family_is_compared_probed_and_reported(tmp_path):
    each, report = commands(Study(tmp_path / "runs", tmp_path / "out", dtype="bfloat16"))
    assert [pair[0][2] for pair in each] == ["schedule", "arithmetic", "tools", "code", "countdown"]
    assert all(pair[0][pair[0].index("--methods") + 1] == "all,planneal+embedded_prm" for pair in each)
    assert [pair[1][1] for pair in each] == list(report[1 : 1 + len(TASKS)])
    assert Task("arithmetic", "6steps,12steps").name == "arithmetic_6steps_12steps"


def test_the_commands_are_ones_that_the_command_line_knows(tmp_path):
    each, _ = commands(Study(tmp_path / "runs", tmp_path / "out"))
    told = CliRunner().invoke(app, [*each[0][0], "--plan"])
    assert told.exit_code == 0, told.output
    assert "power" in told.output
    refused = CliRunner().invoke(app, [*each[0][0], "--plan", "--no-such-option"])
    assert refused.exit_code != 0


def test_it_runs_each_task_in_turn_writes_down_what_it_runs_and_stops_where_one_fails(tmp_path, monkeypatch):
    script = "import sys; print(sys.argv[3:]); sys.exit('schedule' in ' '.join(sys.argv) and sys.argv[3] == 'probe')"
    (tmp_path / "stand_in.py").write_text(script)
    (tmp_path / "python").write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path / 'stand_in.py'} \"$@\"\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(study.sys, "executable", str(tmp_path / "python"))
    good = Study(tmp_path / "runs", tmp_path / "out", tasks=(Task("tools", "easy"),))
    run(good)
    assert "--n" in (tmp_path / "runs" / "tools_easy.log").read_text()
    assert (tmp_path / "runs" / "report.log").exists()
    assert (tmp_path / "out" / "commands.txt").read_text().count("planneal ") == 3
    bad = Study(tmp_path / "bad", tmp_path / "out2", tasks=(Task("schedule", "easy"), Task("tools", "easy")))
    with pytest.raises(RunError, match=r"planneal probe .*schedule_easy.log says why"):
        run(bad, jobs=1)
    assert not (tmp_path / "bad" / "tools_easy.log").exists()  # nothing else is begun
    assert not (tmp_path / "bad" / "report.log").exists()
