"""Fluff: items of a plan's own that change nothing. Take one out; if neither energy nor answer moves, it was filler.

Locked items are the task's and are never fluff. Items are taken out one at a time, so of two that say the same each
alone may seem needless: that is what makes a repetition fluff, but only one of the two could go.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np

from ...planner.edits import Delete, apply
from ...planner.energy import Anchor, Energy, EnergyModel, difference
from ...planner.plan import Plan
from ...planner.task import Task
from ...planner.values import goal_value
from ...planner.verifier import Verifier
from ..judging_kernel import judging_kernel
from ..statistics import Estimate, clustered_ratio
from ..voting import ballot
from .probing import Probe

EnergyOf = Callable[[Plan], Awaitable[Energy]]
"""The energy of a plan."""
AnswerOf = Callable[[Plan], Awaitable[Hashable]]
"""What the answer to a plan comes to, equal for equal answers."""


class Removal(NamedTuple):
    """What taking one item out did.

    Attributes:
        item: The item.
        change: ``E(without) - E(with)``.
        moved: Whether the answer is another one.
    """

    item: str
    change: float
    moved: bool

    @property
    def fluff(self) -> bool:
        """Whether nothing changed."""
        return self.change == 0.0 and not self.moved


async def removals(plan: Plan, energy_of: EnergyOf, answer_of: AnswerOf) -> list[Removal]:
    """Takes out each of the plan's own items, one at a time, and looks.

    The answer is asked for only where the energy did not move, since that settles it already.

    Args:
        plan: The plan.
        energy_of: Its energy; the same for equal plans, or else noise is taken for effect.
        answer_of: What its answer comes to; likewise.
    """
    before = await energy_of(plan)
    said: Hashable = None
    asked = False
    found: list[Removal] = []
    for item in plan.items:
        if item.locked:
            continue
        without = apply(plan, Delete(id=item.id))
        change = difference(await energy_of(without), before)
        moved = False
        if change == 0.0:
            if not asked:
                said, asked = await answer_of(plan), True
            moved = await answer_of(without) != said
        found.append(Removal(item.id, change, moved))
    return found


def judged_energy(task: Task, verifiers: Sequence[Verifier], plan: Plan, model: EnergyModel | None = None) -> EnergyOf:
    """The energy under verifiers, as refinement computes it, anchored at what this plan asks of itself.

    Args:
        task: The task.
        verifiers: Who judges.
        plan: The plan that sets the anchor, so that an empty slot costs what it would have cost the search.
        model: Weights and constants.
    """
    kernel, anchor = judging_kernel(task, verifiers, model), Anchor.of(plan)

    async def energy(other: Plan) -> Energy:
        return (await kernel.judge(other, anchor)).energy

    return energy


def probed_answer(probe: Probe, task: Task) -> AnswerOf:
    """The final value that the model gives from a plan; numbers as numbers, and None where it gives none."""

    async def answer(plan: Plan) -> Hashable:
        value = (await probe.answer(task, plan)).value
        return None if value is None else ballot(value)

    return answer


async def implied_answer(plan: Plan) -> Hashable:
    """The goal's value that a plan implies: an exact reader in the place of the model."""
    return goal_value(plan)


def fluff_share(found: Sequence[Removal]) -> float:
    """Share of a plan's own items that are fluff, NaN where it has none of its own."""
    return sum(removal.fluff for removal in found) / len(found) if found else math.nan


def fluff_rate(
    plans: Sequence[Sequence[Removal]], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 2_000
) -> Estimate:
    """Share of fluff among the own items of many plans, with an interval over problems.

    Raises:
        ValueError: No plans, or not one problem for each.
    """
    fluffy = [float(sum(removal.fluff for removal in found)) for found in plans]
    return clustered_ratio(fluffy, [float(len(found)) for found in plans], problems, rng=rng, draws=draws)


__all__ = [
    "AnswerOf",
    "EnergyOf",
    "Removal",
    "fluff_rate",
    "fluff_share",
    "implied_answer",
    "judged_energy",
    "probed_answer",
    "removals",
]
