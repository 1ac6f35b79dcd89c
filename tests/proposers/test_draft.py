"""Drafts: every line that parses, an error for each that does not, and the task's own items on top."""

from __future__ import annotations

import asyncio

import numpy as np
from planneal.decoders.prompts import PromptSet
from planneal.planner.notation import format_plan
from planneal.planner.task import Task
from planneal.proposers import Drafter, DraftOptions, read_draft
from planneal.testing import FunctionModel

TASK = Task(question="There are 4 nuts. How many nuts are there?")


def test_prose_and_fences_are_left_out_and_told():
    text = "Sure! Here is the plan:\n```\ngoal: nuts [nuts]\nS1: given [nuts = 4]\nS1: twice [nuts = 5]\n```"
    drafted = read_draft(TASK, text)
    assert format_plan(drafted.plan) == "goal: nuts [nuts]\nS1: given [nuts = 4]"
    assert len(drafted.skipped) == 2
    assert "line 1" in drafted.skipped[0]
    assert "occurs twice" in drafted.skipped[1]


def test_the_tasks_goal_target_and_constraints_stand_whatever_the_draft_says():
    task = Task(question="q?", goal="how many nuts?", target="nuts", constraints=["nuts > 0"])
    drafted = read_draft(task, "goal: something easier [zero]\nC1!: [nuts > -100]\nS1: [nuts = 4]")
    assert drafted.plan.goal == "how many nuts?"
    assert drafted.plan.target == "nuts"
    assert str(drafted.plan["C1"].check) == "nuts > 0"
    assert drafted.plan["C1"].locked
    assert any("belongs to the task" in line for line in drafted.skipped)


def test_an_empty_draft_is_the_bare_task():
    drafted = read_draft(Task(question="First. How many nuts?", constraints=["nuts > 0"]), "")
    assert drafted.plan.goal == "How many nuts?"
    assert [item.id for item in drafted.plan.items] == ["C1"]


def test_endless_drafts_are_cut_at_the_most_items_a_plan_holds():
    text = "goal: g [x1]\n" + "\n".join(f"S{i}: [x{i} = {i}]" for i in range(1, 2000))
    drafted = read_draft(Task(question="q?", constraints=["x1 > 0"]), text)
    assert len(drafted.plan.items) <= 256


def test_the_first_draft_is_greedy_and_others_are_sampled():
    model = FunctionModel(lambda request, index: "goal: g [nuts]\nS1: [nuts = 4]")
    drafter = Drafter(model, PromptSet("compact"), DraftOptions(temperature=0.9))
    drafter.cap(40)
    rng = np.random.default_rng(0)
    asyncio.run(drafter.draft(rng, TASK))
    asyncio.run(drafter.draft(rng, TASK, greedy=False))
    assert [r.temperature for r in model.requests] == [0.0, 0.9]
    assert {r.max_tokens for r in model.requests} == {40}
