"""The published puzzles: planneal beside as many random plans as it asked verifiers, and beside published figures."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import planneal
import pytest
from planneal.experiments import countdown_public
from planneal.experiments.comparison import problems, task_of
from planneal.experiments.countdown_public import by_chance, lines, main, measured
from planneal.experiments.countdown_random import Puzzles, first_hits
from planneal.experiments.families.registry import answer_text
from planneal.testing import FunctionModel

DATA = Path(planneal.__file__).resolve().parent.parent / "shared" / "data"
CHOSEN = problems(6, 2, "easy", family="countdown")


def test_random_plans_solve_what_they_hit_within_their_calls():
    hits = first_hits(CHOSEN, 200, 0)
    assert any(hits)
    assert by_chance(CHOSEN, [200] * 6, 0) == [hit > 0 for hit in hits]
    assert by_chance(CHOSEN, hits, 0) == [hit > 0 for hit in hits]
    assert not any(by_chance(CHOSEN, [max(0, hit - 1) for hit in hits], 0))
    assert not any(by_chance(CHOSEN, [0] * 6, 0))


def test_every_row_of_a_set_is_measured_at_planneals_own_verifier_calls():
    golds = {task_of(problem).question: problem for problem in CHOSEN}

    def reply(request, index):
        problem = next(golds[question] for question in golds if request.prompt.startswith(question))
        return problem.gold.plan if request.prompt.endswith("plan:\n") else answer_text(problem)

    entries = asyncio.run(measured(FunctionModel(reply), Puzzles("Countdown-4", CHOSEN), 1))
    methods = [entry["method"] for entry in entries]
    assert methods[:3] == ["planneal", "one plan", "direct"]
    assert [entry["correct"] for entry in entries[:3]] == [6, 6, 6]
    assert entries[3]["calls"] == entries[0]["calls"] > entries[4]["calls"] >= 1
    assert entries[2]["calls"] == 0
    shown = lines(entries)
    assert len(shown) == 7
    assert "| 45.8 |" in shown[5]
    assert "| 91.5 |" in shown[6]
    assert len(lines([entry | {"set": "Countdown-3"} for entry in entries])) == 5


def test_data_that_is_not_there_is_told(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["--data", str(tmp_path)])
    assert "holds no countdown/ and game24/" in capsys.readouterr().err


@pytest.mark.skipif(not (DATA / "countdown").is_dir(), reason="the published puzzles are not there (shared/data)")
def test_the_published_sets_are_read_and_a_model_that_knows_nothing_solves_none(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(countdown_public, "open_model", lambda *given: FunctionModel(lambda r, i: ""))
    out = tmp_path / "found.json"
    main(["--data", str(DATA), "--rows", "2", "--model", "openai/x", "--out", str(out)])
    entries = json.loads(out.read_text())["entries"]
    assert len({entry["set"] for entry in entries}) == 4
    assert all(entry["problems"] == 2 for entry in entries)
    assert not any(entry["correct"] for entry in entries if not entry["method"].startswith("random"))
    shown = capsys.readouterr().out
    assert "negative control" in shown
    assert "seed 1" in shown
