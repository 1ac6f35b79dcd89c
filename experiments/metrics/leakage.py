"""Can the answer be read off the plan alone, by a reader who does not know the question?

Three readers, from the weakest to the strongest:

- *stated*: the final value stands in the plan as a number or as a word. The exact reader of a plan that leaks.
- *derived*: the plan's relations determine the goal's value. A complete plan does; that is what it is for.
- *read*: the model, asked with an empty question, gives the right answer from the plan.

A plan that states the value has been drafted by somebody who had answered already, and refining it revises nothing.
*Read* without *stated* is no fault: it says that all of the question went into the plan. Hence the share to look at is
*stated*, and *read* beside it says how much the answer still takes from the question.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Hashable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ...decoders.answer import read_value
from ...planner.evaluation import value_of
from ...planner.expressions import Apply, Expression, Number, nodes_of
from ...planner.notation import format_item
from ...planner.plan import Item, Plan
from ...planner.task import Task
from ...planner.valuation import relation_of
from ...planner.values import goal_value
from ..statistics import Estimate, clustered_mean
from ..voting import ballot
from .probing import Probe

NEUTRAL = "Answer from the plan."
"""Stands for the question before a reader who is not to know it."""
Grade = Callable[[str], Awaitable[bool]]
"""Whether an answer's text is right; the gold stays with whoever grades."""
_WORD = re.compile(r"[^\W_]+(?:[.'-][^\W_]+)*")
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)(?!\.\d)")


def stated(plan: Plan, value: str, question: str = "") -> tuple[str, ...]:
    """Ids of the items in which a value stands as such.

    Numbers are compared as numbers, with the literals of an item's text and check and with what a side without symbols
    comes to (``wigs = 2 * 7`` states 14). Anything else is looked for word by word in the same order.

    Args:
        plan: The plan.
        value: The final value. Where the plan is to be blamed give the *gold* value, else the one that was answered.
        question: Where the value stands in the question already, no plan can leak it: then nothing is found.
    """
    number = read_value(value)
    if number is None:
        wanted = _words(value)
        if not wanted or _holds(_words(question), wanted):
            return ()
        return tuple(item.id for item in plan.items if _holds(_words(format_item(item, bare=True)), wanted))
    if number in {Fraction(found) for found in _NUMBER.findall(question)}:
        return ()
    return tuple(item.id for item in plan.items if number in _numbers(item))


def _numbers(item: Item) -> set[Fraction]:
    found = {Fraction(text) for text in _NUMBER.findall(item.text)}
    relation = relation_of(item)
    if relation is None:
        return found | {Fraction(text) for text in _NUMBER.findall(str(item.check or ""))}
    for term in relation.terms:
        for node in nodes_of(term):
            if isinstance(node, Number) or _is_plain(node):
                value = value_of(node, {})
                found |= {value} if isinstance(value, Fraction) else set()
    return found


def _is_plain(node: Expression) -> bool:
    return isinstance(node, Apply) and all(isinstance(part, Number | Apply) for part in nodes_of(node))


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _holds(words: Sequence[str], wanted: Sequence[str]) -> bool:
    size = len(wanted)
    return any(list(words[i : i + size]) == list(wanted) for i in range(len(words) - size + 1))


class Leak(NamedTuple):
    """What can be read off one plan.

    Attributes:
        stated: Ids of the items in which the value stands.
        derived: Whether the plan's relations determine that value; None where the plan has no target.
        read: Whether the model gave a right answer without the question; None where it was not asked.
    """

    stated: tuple[str, ...]
    derived: bool | None
    read: bool | None = None


def exact_leak(plan: Plan, value: str, question: str = "") -> Leak:
    """The two exact readers on one plan.

    Args:
        plan: The plan.
        value: The right final value.
        question: The question.
    """
    implied = goal_value(plan)
    derived = None if plan.target is None else implied is not None and ballot(value) == implied
    return Leak(stated(plan, value, question), derived)


async def read_without_question(probe: Probe, task: Task, plan: Plan, grade: Grade) -> bool:
    """Whether the model answers right from the plan alone.

    Args:
        probe: Answers from plans; what it spends is counted apart.
        task: The task; its question is kept from the model.
        plan: The plan.
        grade: Grades the answer.

    Raises:
        BudgetExhausted: The probe's budget does not suffice.
        ModelError: The model could not answer.
    """
    blind = task.model_copy(update={"question": NEUTRAL})
    return await grade((await probe.answer(blind, plan)).text)


class LeakRate(NamedTuple):
    """Shares over many plans, with intervals over problems; None where nobody was asked.

    Attributes:
        stated: Share of plans in which the value stands.
        derived: Share of plans with a target that determine it.
        read: Share of plans from which the model answered right without the question.
    """

    stated: Estimate
    derived: Estimate | None
    read: Estimate | None


def leak_rate(
    found: Sequence[Leak], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 2_000
) -> LeakRate:
    """Adds up what was found.

    Raises:
        ValueError: Nothing, or not one problem for each.
    """

    def share(values: Sequence[bool | None]) -> Estimate | None:
        rows = [(float(v), problem) for v, problem in zip(values, problems, strict=True) if v is not None]
        return clustered_mean([v for v, _ in rows], [p for _, p in rows], rng=rng, draws=draws) if rows else None

    in_plan = clustered_mean([float(bool(leak.stated)) for leak in found], problems, rng=rng, draws=draws)
    return LeakRate(in_plan, share([leak.derived for leak in found]), share([leak.read for leak in found]))


__all__ = ["NEUTRAL", "Grade", "Leak", "LeakRate", "exact_leak", "leak_rate", "read_without_question", "stated"]
