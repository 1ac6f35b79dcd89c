"""Schedule problems: the public part, the gold, and the plan and answer that an order of the things makes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ....planner.notation import parse_plan
from ....planner.plan import Plan
from ..base import Gold, Problem, PublicProblem, Split
from .drawing import Dice, Difficulty, Drawn, draw
from .wording import INTROS, QUESTIONS, intro, sentence

__all__ = [
    "NAME",
    "ScheduleGold",
    "ScheduleProblem",
    "SchedulePublic",
    "answer_text",
    "generate",
    "order_of",
    "plan_text",
]

NAME = "schedule"


class SchedulePublic(PublicProblem):
    """What a method may see; all of it stands in the question.

    Attributes:
        entries: The things to put in order, as the question lists them.
        rules: How many rules the question states.
    """

    entries: tuple[str, ...]
    rules: int


class ScheduleGold(Gold):
    """What the grader knows.

    Attributes:
        order: One order that keeps all rules.
        checks: The rules as texts of checks, in the order of the question.
        solutions: How many orders keep them.
    """

    order: tuple[str, ...]
    checks: tuple[str, ...]
    solutions: int


ScheduleProblem = Problem[ScheduleGold]


def generate(seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> ScheduleProblem:
    """Draws one problem; the same arguments give the same problem.

    Args:
        seed: Any non-negative integer.
        difficulty: How hard; the default has 7 things and 8 rules.
        split: Which half of the seed space.

    Raises:
        RuntimeError: The difficulty leaves so little room that no problem was found.
    """
    difficulty = difficulty or Difficulty()
    dice = Dice(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=split.spawn_key)))
    drawn = draw(dice, difficulty)
    checks = tuple(rule.check for rule in drawn.rules)
    locked = _locked(dice, difficulty, len(checks))
    goal = f"put {len(drawn.names)} in order"
    public = SchedulePublic(
        id=f"{NAME}-{split}-{difficulty.items}-{difficulty.constraints}-{seed}",
        family=NAME,
        question=_question(dice, drawn),
        goal=goal,
        constraints=tuple(f"C{n}: [order: {checks[n - 1]}]" for n in locked),
        size=len(drawn.names),
        entries=drawn.names,
        rules=len(checks),
    )
    plan = plan_text(goal, drawn.order, checks, locked)
    return ScheduleProblem(
        public=public, gold=ScheduleGold(plan=plan, order=drawn.order, checks=checks, solutions=drawn.solutions)
    )


def _question(dice: Dice, drawn: Drawn) -> str:
    told = [sentence(rule, dice.below(3)) for rule in drawn.rules]
    opening = intro(drawn.names, len(told), dice.below(len(INTROS)))
    return " ".join([opening, *told, QUESTIONS[dice.below(len(QUESTIONS))]])


def _locked(dice: Dice, difficulty: Difficulty, count: int) -> list[int]:
    """Numbers of the rules that are given as locked items, from 1, ascending."""
    how = difficulty.locked
    if how == "any":
        how = ("none", "some", "all")[dice.below(3)]
    if how == "some":
        return sorted(n + 1 for n in dice.several(1 + dice.below(count - 1), count))
    return list(range(1, count + 1)) if how == "all" else []


def plan_text(goal: str, order: Sequence[str], checks: Sequence[str], locked: Iterable[int] = ()) -> str:
    """A plan in notation: locked rules first, as a run has them, then the others, then the things in order.

    Args:
        goal: The goal in words.
        order: The things, the first in front; they become `S1`, `S2` and so on.
        checks: Every rule of the question; the n-th sentence is `Cn`.
        locked: Numbers of those that are locked.
    """
    given = set(locked)
    numbers = sorted(range(1, len(checks) + 1), key=lambda n: (n not in given, n))
    lines = [f"C{n}{'!' if n in given else ''}: [order: {checks[n - 1]}]" for n in numbers]
    return "\n".join([f"goal: {goal}", *lines, *(f"S{n}: {name}" for n, name in enumerate(order, start=1))])


def order_of(plan: Plan) -> tuple[str, ...]:
    """The texts of a plan's subgoals, in order."""
    return tuple(item.text for item in plan.items if item.kind == "S")


def answer_text(problem: ScheduleProblem, plan: str | None = None) -> str:
    """The answer that a plan implies, followed to the letter: one line a thing, then all of them.

    Args:
        problem: The problem.
        plan: The plan in notation; the gold plan if None.
    """
    steps = [item for item in parse_plan(problem.gold.plan if plan is None else plan).items if item.kind == "S"]
    lines = [f"{item.text} [{item.id}]" for item in steps]
    names, ids = ", ".join(item.text for item in steps), ", ".join(item.id for item in steps)
    return "\n".join([*lines, f"answer: {names} [{ids}]"])
