"""Predicates on the places of items: ``S1 < S3``, ``figs = first``, ``a between b and c``, ``a < b or c < d``.

An item is named by its id, or, where it is a subgoal, by its text (``red figs`` is written ``red_figs``). Its place
is counted from one among the plan's items of the kinds that the predicate speaks of, so that constraints which stand
before or between the subgoals shift nobody. ``first`` and ``last`` are the places at the two ends. Comparisons are read
by the grammar of relations, bars mean the absolute value, and nothing is evaluated but by planneal's own arithmetic.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from .errors import ExpressionError
from .evaluation import check_statement
from .expressions import MAX_CHARS, Relation, parse_relation
from .plan import ID, Plan

FIRST, LAST = "first", "last"
"""Names of the places at the two ends."""
MAX_CASES = 8
"""Most alternatives in one predicate."""
_BARS = re.compile(r"\|([^|]+)\|")
_BETWEEN = re.compile(r"\s*(\w+)\s+between\s+(\w+)\s+and\s+(\w+)\s*")
_OR = re.compile(r"(?<!\w)or(?!\w)")


@dataclass(frozen=True)
class Ordering:
    """A predicate that was read.

    Attributes:
        cases: Comparisons of places, at least one of which must hold.
        names: Ids and texts of the items that they compare, sorted.
    """

    cases: tuple[Relation, ...]
    names: tuple[str, ...]

    def holds(self, places: Mapping[str, Fraction]) -> bool:
        """Whether the predicate is true where items stand at these places, ``first`` and ``last`` included."""
        return any(check_statement(case, places).outcome == "pass" for case in self.cases)


@lru_cache(maxsize=4096)
def parse_ordering(text: str) -> Ordering:
    """Reads a predicate.

    Raises:
        ExpressionError: It is malformed or too large.
    """
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"{len(text)} characters, over {MAX_CHARS}", reason="too large")
    parts = _OR.split(text)
    if len(parts) > MAX_CASES:
        raise ExpressionError(f"{len(parts)} alternatives, over {MAX_CASES}", reason="too large")
    cases = tuple(parse_relation(_plain(part)) for part in parts)
    if not all(case.ops for case in cases):
        raise ExpressionError("a comparison of positions was expected")
    named = {name for case in cases for name in case.symbols} - {FIRST, LAST}
    return Ordering(cases, tuple(sorted(named)))


def _plain(part: str) -> str:
    """One alternative in the grammar of relations."""
    between = _BETWEEN.fullmatch(part)
    if between:
        middle, one, other = between.groups()
        return f"min({one}, {other}) < {middle} < max({one}, {other})"
    return _BARS.sub(r"abs(\1)", part)


def name_of(text: str) -> str:
    """How predicates write an item's text: lower case, with underscores for whatever is no letter or digit."""
    return re.sub(r"[\W_]+", "_", text.lower()).strip("_")


@lru_cache(maxsize=512)
def _subgoals(plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """Ids of the subgoals by the name that their text makes."""
    found: dict[str, list[str]] = {}
    for item in plan.items:
        if item.kind == "S" and item.text:
            found.setdefault(name_of(item.text), []).append(item.id)
    return {name: tuple(ids) for name, ids in found.items()}


@dataclass(frozen=True)
class Standing:
    """Which items a predicate's names are in a plan, and where they stand.

    Attributes:
        ids: The item of each name; of several the first.
        row: Ids of all items that places are counted among, in order.
        absent: Ids that the plan does not have.
        unknown: Names that are no item's.
        doubled: For each name that several items bear, their ids.
    """

    ids: Mapping[str, str]
    row: tuple[str, ...]
    absent: tuple[str, ...]
    unknown: tuple[str, ...]
    doubled: tuple[tuple[str, ...], ...]

    def places(self, row: Sequence[str] | None = None) -> dict[str, Fraction]:
        """The place of each name, in the plan's own row or in another order of it."""
        row = self.row if row is None else row
        at = {item_id: Fraction(place) for place, item_id in enumerate(row, start=1)}
        found = {name: at[item_id] for name, item_id in self.ids.items()}
        return {FIRST: Fraction(1), LAST: Fraction(len(row)), **found}


def standing(plan: Plan, ordering: Ordering) -> Standing:
    """Finds a predicate's items in a plan."""
    texts = _subgoals(plan)
    bearers = {n: ((n,) if n in plan else ()) if ID.fullmatch(n) else texts.get(n, ()) for n in ordering.names}
    ids = {name: found[0] for name, found in bearers.items() if found}
    kinds = {item_id[0] for item_id in ids.values()} or {"S"}
    lacking = [name for name, found in bearers.items() if not found]
    return Standing(
        ids=ids,
        row=tuple(item.id for item in plan.items if item.kind in kinds),
        absent=tuple(name for name in lacking if ID.fullmatch(name)),
        unknown=tuple(name for name in lacking if not ID.fullmatch(name)),
        doubled=tuple(found for found in bearers.values() if len(found) > 1),
    )


__all__ = ["FIRST", "LAST", "MAX_CASES", "Ordering", "Standing", "name_of", "parse_ordering", "standing"]
