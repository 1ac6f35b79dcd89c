"""Which things of a row stand where no rule suffers: a property of the row up to each of them.

A rule can still be kept while some way to fill the places that are left keeps it, whatever the other rules say. The
thing after which no such way is left is to blame, and nothing after it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from ...families.schedule.rules import Rule

__all__ = ["can_be_kept", "faultless_places"]


def can_be_kept(rule: Rule, row: Sequence[str], size: int) -> bool:
    """Whether a rule can be kept by some row of so many things that begins like this.

    Args:
        rule: The rule.
        row: The first things, each once; what follows may be anything.
        size: How many things there are.
    """
    placed = {name: place for place, name in enumerate(row, start=1)}
    free = [name for name in dict.fromkeys(rule.names) if name not in placed]
    # What else fills the row does not matter to one rule, but its length does: the last place is one of `places`.
    others = {f"-{n}": 0 for n in range(size - len(set(placed) | set(rule.names)))}
    left = range(len(row) + 1, size + 1)
    ways = (dict(zip(free, at, strict=True)) for at in permutations(left, len(free)))
    return any(rule.keeps({**others, **placed, **way}) for way in ways)


def faultless_places(entries: Sequence[str], rules: Sequence[Rule], row: Sequence[str]) -> list[bool]:
    """Whether each thing of a row is one of the entries, is there for the first time, and ends no rule's chances.

    Args:
        entries: All things that are to be put in order.
        rules: The rules of the question.
        row: The things as a plan has them; what is no entry or comes again is at fault and takes no place.
    """
    found: list[bool] = []
    so_far: list[str] = []
    open_rules = list(rules)
    for name in row:
        if name not in entries or name in so_far:
            found.append(False)
            continue
        so_far.append(name)
        kept = [rule for rule in open_rules if can_be_kept(rule, so_far, len(entries))]
        found.append(len(kept) == len(open_rules))
        open_rules = kept
    return found
