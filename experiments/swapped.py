"""Plans that say something else than the question: does an answer follow the plan that it is given?

A *swapped* plan is the gold plan with own items that say something else, such that whoever follows it to the letter
comes to an answer that is wrong for the question. An answer that is right by the swapped plan *follows* it, one that is
right by the question *keeps* to the question, and any other does *neither*.

What "right by the plan" means is the family's own grader, handed what the swapped plan gives for its gold: the same
notations count as for real answers. Countdown answers are compared as expressions instead, since a swapped plan mostly
breaks the rules that its grader asks for.

In ``arithmetic`` a swap may take more away than there is, or split what cannot be split: an answer can then follow the
plan and still fail, by sums that no problem has. *Ordinary* swapped plans come to whole positive numbers below 1,000
all the way, as problems do; where a family has others, they are told apart.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple

import numpy as np

from ..decoders.citations import last_final, read_answer
from ..planner.errors import PlanError
from ..planner.notation import format_plan
from ..planner.plan import Plan
from .comparison import AnyProblem
from .families.arithmetic_answers import stated_value
from .families.code.following import read_plan
from .families.code.operations import compose, first_misfit
from .families.code.problem import Example, public_of
from .families.registry import answer_text, family
from .families.schedule.grading import read_order
from .families.tools.draw import ToolsPublic
from .families.tools.grading import run as run_calls
from .training.faults import reworded

__all__ = ["Followed", "Swap", "follow", "implied", "ordinary", "swap"]

Followed = Literal["follows", "keeps", "neither"]
Says = Callable[[str], Awaitable[bool]]
_DRAWS = 60
"""Most plans that are drawn for one problem."""


class Swap(NamedTuple):
    """A swapped plan.

    Attributes:
        plan: The plan.
        answer: The answer of somebody who follows it to the letter.
        says: Whether a text gives that answer, in whatever notation.
        ordinary: Whether it comes to nothing on the way that problems do not come to.
    """

    plan: Plan
    answer: str
    says: Says
    ordinary: bool = True


_VALUE = re.compile(r"= \(?(-?[0-9]+)(/[0-9]+)?\)?(?![0-9/]| [-+*/%])")
"""What a claim comes to: the number after an equals sign with which no more is done."""


def ordinary(name: str, answer: str) -> bool:
    """Whether all values of an answer are such as problems of the family have; of `arithmetic` alone they may not be.

    Args:
        name: The family.
        answer: The answer that a plan implies.
    """
    if name != "arithmetic":
        return True
    return all(not over and 0 < int(number) < 1000 for number, over in _VALUE.findall(answer))


def implied(problem: AnyProblem, plan: Plan) -> str | None:
    """The answer that a plan implies, None where nobody could follow it to an answer without adding to it."""
    try:
        text = answer_text(problem, format_plan(plan, bare=True))
    except PlanError:
        return None
    lines = read_answer(text)
    if last_final(lines) in (None, "unknown") or not all(line.citations or line.code for line in lines):
        return None
    return text


def _arithmetic(problem: AnyProblem, plan: Plan, answer: str) -> dict[str, Any] | None:
    value = stated_value(answer, problem.public.target, problem.gold.unit)
    return None if value is None else {"value": value}


def _schedule(problem: AnyProblem, plan: Plan, answer: str) -> dict[str, Any] | None:
    order = read_order(answer, problem.gold.order)
    if order is None:
        return None
    return {"order": order, "checks": tuple(f"{name} = {place}" for place, name in enumerate(order, start=1))}


def _tools(problem: AnyProblem, plan: Plan, answer: str) -> dict[str, Any] | None:
    assert isinstance(problem.public, ToolsPublic)
    ran = run_calls(problem.public, plan)
    return None if ran.value is None else {"value": ran.value, "changes": ran.changes}


def _code(problem: AnyProblem, plan: Plan, answer: str) -> dict[str, Any] | None:
    steps, public = read_plan(plan).composition, public_of(problem)
    if steps is None or first_misfit(steps, public.takes) is not None:
        return None
    arguments = [one.values[0] for one in (*problem.gold.hidden, *public.examples)]
    return {"hidden": tuple(Example.of(argument, compose(steps, argument)) for argument in arguments)}


_REGOLDED: dict[str, Callable[[AnyProblem, Plan, str], dict[str, Any] | None]] = {
    "arithmetic": _arithmetic,
    "schedule": _schedule,
    "tools": _tools,
    "code": _code,
}
"""What of the gold a plan changes, by family."""


def _expression(text: str) -> str:
    """The final expression of an answer without spaces and without what it comes to; empty where there is none."""
    final = last_final(read_answer(text)) or ""
    return "".join(final.split("=")[0].split())


def _says(problem: AnyProblem, plan: Plan, answer: str) -> Says | None:
    """Whether a text gives the answer that a plan implies; None where that cannot be told."""
    name = problem.public.family
    if name == "countdown":
        wanted = _expression(answer)

        async def same(text: str) -> bool:
            return bool(wanted) and _expression(text) == wanted

        return same
    try:
        changed = _REGOLDED[name](problem, plan, answer)
    except (KeyError, PlanError):
        return None
    if changed is None:
        return None
    public = problem.public.model_copy(update={"examples": ()}) if name == "code" else problem.public
    other = problem.model_copy(update={"public": public, "gold": problem.gold.model_copy(update=changed)})
    return lambda text: family(name).grade(other, text)


async def swap(rng: np.random.Generator, problem: AnyProblem) -> Swap | None:
    """Draws a swapped plan; None where none of many draws comes to an answer that is wrong for the question.

    Args:
        rng: Source of the choices.
        problem: The problem.
    """
    for _ in range(_DRAWS):
        plan = reworded(rng, problem)
        answer = None if plan is None else implied(problem, plan)
        if plan is None or answer is None:
            continue
        says = _says(problem, plan, answer)
        if says is None or await family(problem.public.family).grade(problem, answer):
            continue
        if await says(answer):  # what is asked of the model must be what somebody who follows the plan would say
            return Swap(plan, answer, says, ordinary(problem.public.family, answer))
    return None


async def follow(problem: AnyProblem, swapped: Swap, text: str) -> Followed:
    """What an answer from a swapped plan does.

    Args:
        problem: The problem.
        swapped: What the answer was decoded from.
        text: The answer's whole text.
    """
    if await swapped.says(text):
        return "follows"
    return "keeps" if await family(problem.public.family).grade(problem, text) else "neither"
