"""The noise study: problems have solutions, budgets hold, equal seeds give equal runs."""

import asyncio
import itertools

import numpy as np
import pytest
from planneal import Task
from planneal.experiments.noise_study import (
    ARMS,
    CONSTRAINTS,
    ITEMS,
    NOISES,
    Ended,
    Share,
    attempt,
    beliefs,
    problem,
    table,
)
from planneal.planner.witnesses import GOAL
from planneal.verifiers import OrderVerifier

QUIET, LOUD = NOISES[0], NOISES[3]


def share(plan):
    return asyncio.run(Share().assess(Task(question="?"), plan)).verdicts[GOAL].score


@pytest.mark.parametrize("seed", [0, 1])
def test_problems_have_solutions_and_do_not_start_with_one(seed):
    plan = problem(np.random.default_rng(seed))
    items, locked = plan.items[:ITEMS], plan.items[ITEMS:]
    assert len(locked) == CONSTRAINTS == len({item.check.text for item in locked})

    async def solvable():
        order, task, ids = OrderVerifier(), Task(question="?"), [item.id for item in locked]
        for found in itertools.permutations(items):
            said = await order.judge(task, plan.with_items([*found, *locked]), ids)
            if all(verdict.outcome == "pass" for verdict in said.verdicts.values()):
                return True
        return False

    assert asyncio.run(solvable())
    assert share(plan) < 1


@pytest.mark.parametrize("arm", ARMS, ids=[arm.name for arm in ARMS])
def test_all_arms_spend_what_they_may_and_no_more(arm):
    ended = asyncio.run(attempt(LOUD, arm, 5, 40))
    assert 36 <= ended.calls <= 40
    assert ended == asyncio.run(attempt(LOUD, arm, 5, 40))
    assert 0 <= ended.share <= 1
    assert ended.right == (ended.share == 1)


def test_without_noise_the_choice_believes_the_truth():
    ended = asyncio.run(attempt(QUIET, ARMS[0], 5, 60))
    assert ended.believed == pytest.approx(ended.share)
    assert ended.share > share(problem(np.random.default_rng([5, 0])))  # and it got somewhere


def test_tables_mark_what_the_pairs_tell_apart():
    def runs(right):
        return [Ended(n < right, 0.9, 0.95, 10) for n in range(20)]

    found = {(noise.name, arm.name): runs(10) for noise in NOISES for arm in ARMS}
    found[LOUD.name, "both"] = runs(20)
    shown = table(found)
    assert shown.count("*") == 1
    assert "| 1.00* [0.84, 1.00] |" in shown
    assert len(shown.splitlines()) == len(NOISES) + 2
    assert "0.95 / 0.90" in beliefs(found)
