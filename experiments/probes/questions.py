"""What is asked about one plan: items changed, items taken out, and the question kept back."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

import numpy as np

from ...planner.plan import Item, Plan
from ...verifiers import default_verifiers
from ..methods.base import Case
from ..metrics.causal import Effect, effect
from ..metrics.fluff import EnergyOf, Removal, judged_energy, removals
from ..metrics.interventions import Change, Way, blank, corrupt, swap
from ..voting import ballot, said
from .asker import Asker
from .sample import Subject

__all__ = ["WAYS", "Seen", "changes", "exact_energy", "examine"]

WAYS: tuple[Way, ...] = ("blank", "corrupt", "swap")
"""How items are changed."""


class Seen(NamedTuple):
    """What was seen of one plan.

    Attributes:
        subject: The plan.
        effects: Of changed items, on the answer.
        removals: Of its own items, each taken out alone.
        sighted: Whether the answer from the plan is right, with the question.
        blind: Whether it is right without the question.
    """

    subject: Subject
    effects: tuple[Effect, ...]
    removals: tuple[Removal, ...]
    sighted: bool
    blind: bool


def changes(plan: Plan, seed: int, index: int, each: int) -> list[Change]:
    """Changes of a plan's own items, drawn from a stream that depends on the seed, the problem and the way alone.

    Args:
        plan: The plan.
        seed: Of the sample.
        index: Number of the problem.
        each: Most changes of each way.
    """
    own = [item for item in plan.items if not item.locked]
    found: list[Change] = []
    for number, way in enumerate(WAYS):
        rng = np.random.default_rng([seed, index, number])
        drawn = [own[int(place)] for place in rng.permutation(len(own))]
        made = (_change(way, plan, item, own, rng) for item in drawn)
        found += [change for change in made if change is not None][:each]
    return found


def _change(way: Way, plan: Plan, item: Item, own: list[Item], rng: np.random.Generator) -> Change | None:
    if way == "blank":
        return blank(plan, item.id)
    if way == "corrupt":
        return corrupt(plan, item.id, rng)
    donors = [other for other in own if other.id != item.id]
    return swap(plan, item.id, donors[int(rng.integers(len(donors)))]) if donors else None


def exact_energy(case: Case, plan: Plan) -> EnergyOf:
    """The energy under the case's exact verifiers: what asks a model would be noise, and would have to be paid for."""
    judges = case.verifiers or default_verifiers()
    return judged_energy(case.task, [judge for judge in judges if judge.trust == "exact"], plan)


async def examine(asker: Asker, subject: Subject, seed: int, each: int) -> Seen:
    """Asks all about one plan.

    Args:
        asker: Answers.
        subject: The plan.
        seed: Of the sample.
        each: Most changes of each way.

    Raises:
        TransientError, EndpointError: The endpoint fails; all that was paid for is kept.
    """
    index, plan = subject.number, subject.plan
    case = asker.case(index)

    async def comes_to(other: Plan) -> Hashable:
        text = (await asker.answer(index, case, other)).text or ""
        value = said(text)
        return None if value is None else ballot(value)

    before = await asker.answer(index, case, plan)
    seen: list[Effect] = []
    for change in changes(plan, seed, index, each):
        after = await asker.answer(index, case, change.apply(plan))
        seen.append(effect(plan, change, before.text or "", after.text or ""))
    taken = await removals(plan, exact_energy(case, plan), comes_to)
    blind = await asker.answer(index, case, plan, blind=True)
    return Seen(subject, tuple(seen), tuple(taken), before.right, blind.right)
