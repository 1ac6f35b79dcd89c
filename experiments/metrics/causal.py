r"""Does the answer rest on its plan? Change one item and see whether exactly its part of the answer moves.

The *parts* of an answer are what it says under each citation, and its final value. Of a changed item, those parts must
move that follow from it: the item's own, those of items that rest on it (unless their value is the same in the changed
plan), and the final value if the goal rests on it and its value is another. With *E* the parts expected to move and *M*
those that did,

- *follow* :math:`= |M \cap E| / |E|`: 0 for an answer that ignores its plan;
- *stray* :math:`= |M \setminus E| / |\text{parts} \setminus E|`: 0 where nothing else moved;
- *exact*: :math:`M = E`.

A part counts as expected only if the answer to the unchanged plan has it: what was never cited cannot be seen to move.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ...planner.graph import closure, goal_roots
from ...planner.plan import Plan
from ...planner.task import Task
from ...planner.values import goal_value, plan_values
from ..statistics import Estimate, clustered_mean
from ..voting import ballot
from .interventions import Change, Way
from .probing import Probe
from .reading import read

FINAL = "answer"
"""The name of the part that is the final value."""
Parts = Mapping[str, tuple[str, ...]]


def parts(text: str) -> dict[str, tuple[str, ...]]:
    """What an answer says under each item it cites, and under :data:`FINAL`; spaces do not matter."""
    found: dict[str, list[str]] = {}
    for line in read(text):
        if line.final is not None:
            found[FINAL] = [str(ballot(line.final))]  # the last one counts
            continue
        for cited in line.citations:
            found.setdefault(cited, []).append("".join(line.text.split()))
    return {name: tuple(lines) for name, lines in found.items()}


def expected(plan: Plan, change: Change) -> frozenset[str]:
    """The parts that must move if the answer follows the plan."""
    changed = change.apply(plan)
    before, after = plan_values(plan), plan_values(changed)
    found = {change.id}
    for item in plan.items:
        if item.id == change.id or change.id not in closure(plan, [item.id]):
            continue
        name = item.defines
        if name is None or before.get(name) is None or before.get(name) != after.get(name):
            found.add(item.id)
    rests = closure(plan, goal_roots(plan)) if plan.target else tuple(plan.by_id)
    value = goal_value(plan)
    if change.id in rests and (value is None or value != goal_value(changed)):
        found.add(FINAL)
    return frozenset(found)


class Effect(NamedTuple):
    """What one change did to the answer.

    Attributes:
        way: How the item was changed.
        item: Which item.
        expected: Parts that had to move and that the first answer has.
        moved: Parts that moved: said differently, gone, or new.
        unmoved: Parts that the first answer has, that had not to move and did not.
    """

    way: Way
    item: str
    expected: frozenset[str]
    moved: frozenset[str]
    unmoved: frozenset[str]

    @property
    def follow(self) -> float:
        """Share of the expected parts that moved, NaN where none was expected."""
        return len(self.moved & self.expected) / len(self.expected) if self.expected else math.nan

    @property
    def stray(self) -> float:
        """Share of the other parts that moved, NaN where there are no others."""
        astray = self.moved - self.expected
        others = len(astray) + len(self.unmoved)
        return len(astray) / others if others else math.nan

    @property
    def exact(self) -> bool:
        """Whether exactly the expected parts moved."""
        return self.moved == self.expected


def effect(plan: Plan, change: Change, before: str, after: str) -> Effect:
    """Compares the answers to a plan and to the same plan with one item changed.

    Args:
        plan: The plan as it was.
        change: The change.
        before: The answer to the plan.
        after: The answer to the changed plan.
    """
    was, now = parts(before), parts(after)
    due = expected(plan, change)
    moved = {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}
    seen = frozenset(moved - (due - was.keys()))  # a part that only appears where it was due is no stray one
    unmoved = frozenset(was.keys() - moved - due)
    return Effect(change.way, change.id, frozenset(due & was.keys()), seen, unmoved)


async def effects(probe: Probe, task: Task, plan: Plan, changes: Iterable[Change]) -> list[Effect]:
    """Answers from the plan and from each changed plan, and compares.

    Args:
        probe: Answers from plans; what it spends is counted apart.
        task: The task, with its question: the answer could ignore the plan, and that is what is asked.
        plan: The plan.
        changes: The changes, each for itself.

    Raises:
        BudgetExhausted: The probe's budget does not suffice.
        ModelError: The model could not answer.
    """
    before = (await probe.answer(task, plan)).text
    return [effect(plan, change, before, (await probe.answer(task, change.apply(plan))).text) for change in changes]


class CausalRate(NamedTuple):
    """Effects added up, with intervals over problems.

    Attributes:
        follow: Mean of :attr:`Effect.follow`.
        stray: Mean of :attr:`Effect.stray`.
        exact: Share of changes of which exactly the expected parts moved.
        changes: How many changes had an expected part.
    """

    follow: Estimate
    stray: Estimate | None
    exact: Estimate
    changes: int


def causal_rate(
    found: Sequence[Effect], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 2_000
) -> CausalRate:
    """Adds up effects; those without an expected part say nothing and are left out.

    Raises:
        ValueError: None is left, or not one problem for each.
    """
    rows = [(one, problem) for one, problem in zip(found, problems, strict=True) if one.expected]
    names = [problem for _, problem in rows]
    astray = [(one.stray, problem) for one, problem in rows if not math.isnan(one.stray)]
    return CausalRate(
        follow=clustered_mean([one.follow for one, _ in rows], names, rng=rng, draws=draws),
        stray=clustered_mean([s for s, _ in astray], [p for _, p in astray], rng=rng, draws=draws) if astray else None,
        exact=clustered_mean([float(one.exact) for one, _ in rows], names, rng=rng, draws=draws),
        changes=len(rows),
    )


__all__ = ["FINAL", "CausalRate", "Effect", "causal_rate", "effect", "effects", "expected", "parts"]
