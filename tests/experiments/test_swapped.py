"""Swapped plans: what follows them, what keeps to the question, and what does neither."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text, family
from planneal.experiments.swapped import follow, implied, ordinary, swap
from planneal.planner.notation import parse_plan


async def kinds(name, level, seed):
    problem = problems(1, seed, level, family=name)[0]
    swapped = await swap(np.random.default_rng(seed), problem)
    assert swapped is not None
    assert str(swapped.plan) != problem.gold.plan
    assert not await family(name).grade(problem, swapped.answer)
    said = (swapped.answer, answer_text(problem), "answer: 123456", "", "answer: unknown")
    return [await follow(problem, swapped, text) for text in said]


WANTED = ["follows", "keeps", "neither", "neither", "neither"]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["arithmetic", "schedule", "tools", "countdown"])
def test_an_answer_follows_the_plan_keeps_to_the_question_or_does_neither(name, seed):
    assert asyncio.run(kinds(name, ("easy", "middle", "hard")[seed], seed)) == WANTED


@pytest.mark.slow
def test_programs_follow_a_plan_by_what_they_compute():
    assert asyncio.run(kinds("code", "easy", 2)) == WANTED


def test_the_notation_of_an_answer_makes_no_difference():
    async def check():
        problem = problems(1, 4, "easy")[0]
        swapped = await swap(np.random.default_rng(1), problem)
        value = implied(problem, swapped.plan).rpartition("answer: ")[2].split(" ")[0]
        found = [await follow(problem, swapped, text) for text in (f"answer: {value}.0", f"so it is {value}")]
        assert found == ["follows", "follows"]

    asyncio.run(check())


def test_a_plan_that_must_be_added_to_implies_nothing():
    problem = problems(1, 4, "middle")[0]
    rows = problem.gold.plan.split("\n")
    assert implied(problem, parse_plan(problem.gold.plan)) == answer_text(problem)
    assert implied(problem, parse_plan("\n".join(rows[:1] + rows[2:]))) is None
    assert implied(problem, parse_plan("goal: g")) is None


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (" nuts = 27 [S1]\n bolts = nuts + 5 = 27 + 5 = 32 [S2]\nanswer: 32 [S2]", True),
        (" all = a + b + c = 1 + 2 + 3 = 3 + 3 = 6 [S4]\n left = all % 4 = 6 % 4 = 2", True),
        (" jars = 4 kg [S1]\n cups = jars / 2 = 4 kg / 2 = 2 kg [S2]", True),
        (" nuts = 3 [S1]\n bolts = nuts - 5 = 3 - 5 = -2 [S2]", False),
        (" bolts = nuts / 2 = 3 / 2 = 3/2 [S2]", False),
        (" bolts = nuts * 9 = 300 * 9 = 2700 [S2]", False),
        (" bolts = nuts - pins = 3 - 3 = 0 [S2]", False),
        (" bolts = nuts + pins = (-4) + 6 = 2 [S3]", False),
    ],
)
def test_plans_that_come_to_what_no_problem_has_are_told_apart(answer, wanted):
    assert ordinary("arithmetic", answer) is wanted
    assert ordinary("countdown", answer)


def test_a_swap_knows_whether_it_is_ordinary():
    found = [kind for seed in range(12) for kind in [asyncio.run(swap_of("arithmetic", seed))] if kind]
    assert {swapped.ordinary for swapped in found} == {True, False}
    assert all(swapped.ordinary == ordinary("arithmetic", swapped.answer) for swapped in found)


async def swap_of(name, seed):
    return await swap(np.random.default_rng(seed), problems(1, seed, "middle", family=name)[0])
