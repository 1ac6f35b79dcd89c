"""Swapped plans: what follows them, what keeps to the question, and what does neither."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text, family
from planneal.experiments.swapped import follow, implied, swap
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
