"""Order: are the predicates on item positions true of the plan as it stands?

``order: S1 < S3``, ``order: |S1 - S4| >= 2``, ``order: figs = first`` and the other forms of
:mod:`~planneal.planner.ordering` are computed exactly at the places where the items stand. What fails names the items
that can be moved.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from ..planner.checks import OrderCheck
from ..planner.errors import ExpressionError
from ..planner.ordering import LAST, Standing, parse_ordering, standing
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import Duplicate, Malformed, Misplaced, UnresolvedNeed, Witness


class OrderVerifier(Verifier):
    """Judges ``order:`` checks; it has nothing to say about items without one."""

    name = "order"
    stage = 0
    trust = "exact"
    decides = frozenset({"order"})

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The predicate, and where the items it names stand; who they are where it names them by text."""
        item = plan.by_id.get(item_id)
        if item is None or not isinstance(item.check, OrderCheck):
            return None
        try:
            found = standing(plan, parse_ordering(item.check.text))
        except ExpressionError:
            return item.check.text
        at = {other: place for place, other in enumerate(found.row)}
        named = tuple(_content(name, found, at) for name in parse_ordering(item.check.text).names)
        if found.doubled or LAST in item.check.text:
            return item.check.text, named, found.doubled, len(found.row)
        return item.check.text, named

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Computes each predicate at the positions."""
        return Judgement({item_id: _judge(plan, item_id) for item_id in item_ids})


def _content(name: str, found: Standing, at: Mapping[str, int]) -> Hashable:
    item_id = found.ids.get(name)
    place = at.get(item_id) if item_id is not None else None
    return (name, place) if item_id in (name, None) else (name, place, item_id)


def _judge(plan: Plan, item_id: str) -> Verdict:
    check = plan[item_id].check
    assert check is not None
    try:
        ordering = parse_ordering(check.text)
    except ExpressionError as error:
        return Verdict.failed(Malformed(item=item_id, reason=f"{error.reason}: {error}"))
    found = standing(plan, ordering)
    faults = _faults(item_id, found)
    if faults:
        return Verdict.failed(*faults)
    places = found.places()
    if ordering.holds(places):
        return Verdict.ok()
    row = sorted(found.ids, key=lambda name: places[name])
    shown = ", ".join(f"{_shown(name, found.ids[name])} stands at {places[name]}" for name in row)
    culprits = tuple(dict.fromkeys(found.ids[name] for name in row))
    return Verdict.failed(Misplaced(item=item_id, detail=shown, culprits=culprits))


def _shown(name: str, item_id: str) -> str:
    return name if name == item_id else f"{item_id} {name}"


def _faults(item_id: str, found: Standing) -> list[Witness]:
    """Why there are no places to compare, if there are none."""
    if found.unknown:
        return [Malformed(item=item_id, reason=f"{found.unknown[0]} is no item of the plan")]
    if found.absent:
        return [UnresolvedNeed(item=item_id, need=name) for name in found.absent]
    return [Duplicate(item=again, original=ids[0]) for ids in found.doubled for again in ids[1:]]
