"""Gold edits for any family whose gold plan is the plan to come to: what is wrong in a plan, and what mends it.

Items of a plan and of the gold plan are paired first where they say the same, references followed; what is left is
paired by likeness of words. A paired item that says something else is to be replaced, a gold item without a partner
inserted, and any other item deleted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ...decoders.prompts import spaced
from ...planner.notation import format_item
from ...planner.plan import Item, Plan

__all__ = ["GoldEdit", "Mending"]

_REFERENCE = re.compile(r"\$([CIS][0-9]+)")
_LIKE = 0.55
"""Least likeness of two items that are to say the same."""


@dataclass(frozen=True, slots=True)
class GoldEdit:
    """One edit of those that make a plan the gold plan.

    Attributes:
        line: The edit in notation.
        about: Ids of the plan that it is about: what it replaces or deletes, or what an insertion is put before.
        says: What the item says afterwards, empty for a deletion.
    """

    line: str
    about: tuple[str, ...]
    says: str = ""


def _said(item: Item) -> str:
    """What an item says, its needs left out."""
    return format_item(item, bare=True).split(": ", 1)[1].split(" <- ")[0]


def _masked(text: str) -> str:
    return _REFERENCE.sub("$", text)


class Mending:
    """How a plan differs from the gold plan.

    Args:
        plan: The plan.
        gold: The gold plan.
        lists_needs: Whether gold items list needs that no structural edit would supply.
        in_turn: Whether the order of the subgoals is part of what the plan says, and nothing else would mend it.
    """

    def __init__(self, plan: Plan, gold: Plan, *, lists_needs: bool = False, in_turn: bool = False) -> None:
        self._lists_needs, self._in_turn = lists_needs, in_turn
        self.plan, self.gold = plan, gold
        pairs = self._pairs()
        self.partner: Mapping[str, str] = pairs
        self.right = frozenset(p for g, p in pairs.items() if self._rendered(gold[g]) == _said(plan[p]))
        self.edits = tuple(self._edits())

    def _pairs(self) -> dict[str, str]:
        """Gold ids to plan ids: exact first (also where only references differ), then the likest of a kind."""
        found: dict[str, str] = {}
        free = [item for item in self.plan.items if not item.locked]
        for item in self.gold.items:
            if item.locked:
                found[item.id] = item.id
                continue
            same = next((other for other in free if _same(item, other)), None)
            if same is not None:
                found[item.id] = same.id
                free.remove(same)
        for item in self.gold.items:
            if item.id in found:
                continue
            rated = [(_likeness(item, other), -n, other) for n, other in enumerate(free) if other.kind == item.kind]
            best = max(rated, default=None, key=lambda row: row[:2])
            if best is not None and best[0] >= _LIKE:
                found[item.id] = best[2].id
                free.remove(best[2])
        return found

    def _rendered(self, item: Item) -> str:
        """What a gold item would say with the plan's ids."""
        fresh: dict[str, str] = {}
        for gold in self.gold.items:
            fresh[gold.id] = self.partner.get(gold.id, gold.id)
        return _REFERENCE.sub(lambda found: f"${fresh.get(found[1], found[1])}", _said(item))

    def _needs(self, item: Item) -> str:
        known = [self.partner[need] for need in item.needs if need in self.partner]
        return f" <- {', '.join(known)}" if known and self._lists_needs else ""

    def _edits(self) -> Sequence[GoldEdit]:
        edits: list[GoldEdit] = []
        taken = {p for p in self.partner.values()}
        for index, item in enumerate(self.gold.items):
            says = self._rendered(item)
            mine = self.partner.get(item.id)
            if mine is None:
                after = [self.partner[g.id] for g in self.gold.items[index + 1 :] if g.id in self.partner]
                after = [i for i in after if not self.plan[i].locked]
                place = f" before {after[0]}" if after else ""
                line = f"insert {item.kind}{place}: {spaced(says)}{self._needs(item)}"
                edits.append(GoldEdit(line, tuple(after[:1]), says))
            elif mine not in self.right and not self.plan[mine].locked:
                line = f"replace {mine}: {spaced(says)}{self._needs(item)}"
                edits.append(GoldEdit(line, (mine,), says))
        for item in self.plan.items:
            if item.id not in taken and not item.locked:
                edits.append(GoldEdit(f"delete {item.id}", (item.id,)))
        return [*edits, *self._moves()] if self._in_turn else edits

    def _moves(self) -> list[GoldEdit]:
        """The first move that puts subgoals which are there in the gold plan's order."""
        wanted = [self.partner[item.id] for item in self.gold.items if item.kind == "S" and item.id in self.partner]
        there = [item.id for item in self.plan.items if item.id in wanted]
        for mine, other in zip(wanted, there, strict=True):
            if mine != other:
                return [GoldEdit(f"move {mine} before {other}", (mine, other), _said(self.plan[mine]))]
        return []

    def answering(self, items: Sequence[str], line: str, operators: Sequence[str]) -> GoldEdit | None:
        """The gold edit that answers a problem; None where no edit is about what it names.

        Args:
            items: Ids that the problem names, the one to edit first in front.
            line: The problem as a prompt shows it.
            operators: Edit operators that can resolve it, the likeliest first.
        """
        rated: list[tuple[int, int, GoldEdit]] = []
        for n, edit in enumerate(self.edits):
            kind = edit.line.split(" ", 1)[0]
            near = items.index(edit.about[0]) if edit.about and edit.about[0] in items else -1
            told = bool(edit.says) and (edit.says.strip("[]").split(": ")[-1] in line)
            if near < 0 and not told and not (kind == "insert" and "insert" in operators):
                continue
            score = 4 * told + 2 * (near >= 0 and kind != "insert") + (kind == "insert" and "insert" in operators)
            rated.append((score, -n, edit))
        return max(rated, default=(0, 0, None), key=lambda row: row[:2])[2]


def _same(one: Item, two: Item) -> bool:
    """Whether two items say the same but for what their references are called."""
    return one.kind == two.kind and _masked(_said(one)) == _masked(_said(two))


def _likeness(one: Item, two: Item) -> float:
    first, second = _masked(_said(one)), _masked(_said(two))
    return SequenceMatcher(None, re.findall(r"\w+|\W", first), re.findall(r"\w+|\W", second), autojunk=False).ratio()
