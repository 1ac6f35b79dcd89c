"""What each item rests on, slot by slot: the symbols it uses and the ids it needs or refers to. No judgement here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from .graph import Links, links, strong_components, target_symbols
from .plan import Item, Plan


class Slot(NamedTuple):
    """One thing that an item or the goal rests on.

    Attributes:
        name: The symbol, or the id.
        sources: Ids of the items that fill it; none is a hole.
        joint: The sources are equations, each of which could determine the symbol; otherwise rival definitions.
        free: Nothing fills it and nothing need: the reader is an equation, and this the only symbol it leaves open.
    """

    name: str
    sources: tuple[str, ...] = ()
    joint: bool = False
    free: bool = False


@dataclass(frozen=True)
class Footing:
    """What a plan's items and its goal rest on.

    Attributes:
        slots: By item id.
        goal: The goal's slots, one per symbol of the target.
        groups: All ids in groups of items that rest on each other, each group after those that it rests on.
    """

    slots: Mapping[str, tuple[Slot, ...]]
    goal: tuple[Slot, ...]
    groups: tuple[tuple[str, ...], ...]


def _slot(structure: Links, symbol: str, reader: str | None) -> Slot:
    return Slot(symbol, structure.sources(symbol, reader), joint=symbol not in structure.definers)


def _of_item(plan: Plan, structure: Links, item: Item) -> tuple[Slot, ...]:
    found = [_slot(structure, symbol, item.id) for symbol in sorted(item.uses)]
    unfilled = [slot for slot in found if not slot.sources]
    if len(unfilled) == 1 and item.id in structure.equations.get(unfilled[0].name, ()):
        found[found.index(unfilled[0])] = unfilled[0]._replace(free=True)
    covered = {item.id}.union(*(slot.sources for slot in found))
    wanted = dict.fromkeys(item.needs)
    if item.check is not None:
        wanted.update(dict.fromkeys(sorted(item.check.refers)))
    found += [Slot(need, (need,) if need in plan else ()) for need in wanted if need not in covered]
    return tuple(found)


@lru_cache(maxsize=512)
def footing(plan: Plan) -> Footing:
    """Every slot of a plan (remembered for recent plans)."""
    structure = links(plan)
    slots = {item.id: _of_item(plan, structure, item) for item in plan.items}
    edges = {item_id: [source for slot in mine for source in slot.sources] for item_id, mine in slots.items()}
    goal = tuple(_slot(structure, symbol, None) for symbol in target_symbols(plan.target))
    return Footing(slots, goal, strong_components(edges))
