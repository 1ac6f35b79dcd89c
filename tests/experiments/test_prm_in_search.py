"""Planneal beside a further verifier: what is added is asked, and what it costs is in the row."""

from __future__ import annotations

import asyncio

import pytest
from planneal.experiments import prm_in_search
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text
from planneal.experiments.methods import Planneal
from planneal.experiments.prm_in_search import beside, line, main, measured
from planneal.planner.verdicts import Verdict
from planneal.planner.verifier import Judgement, Verifier
from planneal.planner.witnesses import Doubtful
from planneal.testing import FunctionModel

CHOSEN = problems(4, 2, "easy", family="countdown")
GOLDS = {problem.public.question: problem for problem in CHOSEN}


class Doubts(Verifier):
    """Doubts or trusts everything, and counts how often it is asked."""

    name, stage, trust = "doubts", 3, "noisy"

    def __init__(self, doubts):
        self.doubts, self.asked = doubts, 0

    def scope(self, task, plan, item_id):
        return str(plan.by_id.get(item_id)), len(plan.items)

    async def judge(self, task, plan, item_ids, draw=0):
        self.asked += 1
        found = Verdict(outcome="pass", score=1.0)
        if not self.doubts:
            return Judgement(dict.fromkeys(item_ids, found))
        named = {i: (Doubtful(item=i, detail="so it says"),) for i in item_ids}
        return Judgement({i: Verdict(outcome="fail", score=0.1, witnesses=named[i]) for i in item_ids})


def knowing():
    """A model that drafts gold plans and answers by them."""

    def reply(request, index):
        problem = next(GOLDS[question] for question in GOLDS if request.prompt.startswith(question))
        return problem.gold.plan if request.prompt.endswith("plan:\n") else answer_text(problem)

    return FunctionModel(reply)


def test_doubts_about_right_items_cost_and_trust_does_not():
    trusting, doubting = Doubts(False), Doubts(True)
    methods = [Planneal(), beside(trusting, "trusted"), beside(doubting, "doubted")]
    alone, trusted, doubted = asyncio.run(measured(methods, knowing(), CHOSEN, 1))
    assert [row.correct for row in (alone, trusted)] == [4, 4]
    assert trusting.asked >= 4
    calls = [sum(graded.outcome.usage.verifier_calls for graded in row.graded) for row in (alone, trusted, doubted)]
    assert calls[0] < calls[1] < calls[2], "a doubted plan is not done, so the search goes on"
    assert line("countdown", alone, alone, 1).endswith("| - |")
    assert "| trusted | 100.0 [51.0, 100.0] | 4/4 |" in line("countdown", trusted, alone, 1)
    assert "+0.0 [+0.0, +0.0], p = 1 |" in line("countdown", trusted, alone, 1)


def test_the_command_prints_a_row_for_each_way(monkeypatch, capsys):
    monkeypatch.setattr(prm_in_search, "open_model", lambda *given: knowing())
    monkeypatch.setattr(prm_in_search, "contenders", lambda: [Planneal(name="alone"), beside(Doubts(False), "with")])
    main(["--model", "embedded", "--tasks", "countdown:easy", "--problems", "4", "--seed", "2"])
    shown = capsys.readouterr().out.splitlines()
    assert "--problems 4 --seed 2" in shown[0]
    assert [row.split(" | ")[1] for row in shown[-2:]] == ["alone", "with"]
    with pytest.raises(SystemExit, match="no problem family"):
        main(["--tasks", "nothing:easy"])
