"""Moves that make a broken order predicate true: one item put elsewhere, or two items swapped. No model is asked.

Every such move repairs the predicate that it answers; whether it breaks another one is for the energy to say. Swaps
matter where places are named: putting an item in third place shifts all items between, exchanging two shifts nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from ..planner.checks import OrderCheck
from ..planner.edits import Compound, Edit, Move, parts
from ..planner.errors import ExpressionError
from ..planner.ordering import parse_ordering, standing
from ..planner.plan import Plan
from ..planner.witnesses import Misplaced

MAX_ROW = 64
"""Longest row of items for which moves are computed."""


@lru_cache(maxsize=256)
def repairs(plan: Plan, witness: Misplaced) -> tuple[Edit, ...]:
    """Every single move and every swap that makes the witness's predicate true, those that shift least first."""
    check = plan[witness.item].check if witness.item in plan else None
    if not isinstance(check, OrderCheck):
        return ()
    try:
        ordering = parse_ordering(check.text)
    except ExpressionError:
        return ()
    found = standing(plan, ordering)
    if len(found.row) > MAX_ROW or found.absent or found.unknown:
        return ()
    culprits = [item_id for item_id in witness.culprits if item_id in found.row]
    tried: dict[tuple[str, ...], Edit] = {}
    for changed, edit in _changes(found.row, culprits):
        if changed not in tried and ordering.holds(found.places(changed)):
            tried[changed] = edit
    return tuple(sorted(tried.values(), key=lambda edit: _distance(found.row, edit)))


def _changes(row: tuple[str, ...], culprits: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Edit]]:
    """Every order that one move or one swap of a culprit leads to, with the edit."""
    for culprit in culprits:
        here = row.index(culprit)
        rest = (*row[:here], *row[here + 1 :])
        for place in range(len(row)):
            if place == here:
                continue
            yield (*rest[:place], culprit, *rest[place:]), _put(culprit, rest, place)
        for there in range(len(row)):
            if abs(there - here) > 1:
                yield _swapped(row, here, there), _swap(row, here, there)


def _put(item_id: str, rest: Sequence[str], place: int) -> Move:
    if place < len(rest):
        return Move(id=item_id, where="before", anchor=rest[place])
    return Move(id=item_id, where="after", anchor=rest[-1])


def _swapped(row: tuple[str, ...], here: int, there: int) -> tuple[str, ...]:
    changed = list(row)
    changed[here], changed[there] = row[there], row[here]
    return tuple(changed)


def _swap(row: Sequence[str], here: int, there: int) -> Compound:
    """Two moves that exchange items which are no neighbours: the later goes before the earlier, and the other way."""
    low, high = min(here, there), max(here, there)
    first = Move(id=row[high], where="before", anchor=row[low])
    return Compound(edits=(first, Move(id=row[low], where="after", anchor=row[high - 1])))


def _distance(row: Sequence[str], edit: Edit) -> int:
    """How far the moved items go, in places."""
    at = {item_id: place for place, item_id in enumerate(row)}
    moves = [part for part in parts(edit) if isinstance(part, Move) and part.anchor is not None]
    return sum(abs(at[part.id] - at[part.anchor or part.id]) for part in moves)


__all__ = ["MAX_ROW", "repairs"]
