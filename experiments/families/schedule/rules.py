"""Rules of a schedule: what a sentence of the question says, as a check of the plan, and whether an order keeps it.

This is the grader's own reading of checks. It shares nothing with the verifier's, so that each can be tested against
the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

__all__ = ["FORMS", "Kind", "Rule", "parse_rule"]


class Kind(StrEnum):
    """Kinds of rules; the value is the name in knobs."""

    BEFORE = "before"
    NEXT = "next"
    PARTED = "parted"
    APART = "apart"
    PLACE = "place"
    END = "end"
    BETWEEN = "between"
    EITHER = "either"


FORMS: Mapping[Kind, str] = {
    Kind.BEFORE: "{a} < {b}",
    Kind.NEXT: "{a} + 1 = {b}",
    Kind.PARTED: "|{a} - {b}| >= 2",
    Kind.APART: "|{a} - {b}| >= {n}",
    Kind.PLACE: "{a} = {n}",
    Kind.END: "{a} = first or {a} = last",
    Kind.BETWEEN: "{a} between {b} and {c}",
    Kind.EITHER: "{a} < {b} or {c} < {d}",
}
"""The check of each kind, as gold plans write it; a place may also be `first` or `last`."""
LAST = -1
"""The number of a rule that puts an item in last place."""


class Rule(NamedTuple):
    """One rule.

    Attributes:
        kind: What it says.
        names: The things it is about, in the order of the sentence.
        number: Least distance in places, or the place, counted from 1 (:data:`LAST` is the last); 0 where none is.
    """

    kind: Kind
    names: tuple[str, ...]
    number: int = 0

    @property
    def check(self) -> str:
        """The rule as the text of an `order:` check."""
        shown: int | str = self.number
        if self.kind is Kind.PLACE:
            shown = {1: "first", LAST: "last"}.get(self.number, self.number)
        return FORMS[self.kind].format(**dict(zip("abcd", self.names, strict=False)), n=shown)

    def keeps(self, places: Mapping[str, int]) -> bool:
        """Whether an order keeps the rule.

        Args:
            places: The place of every thing, counted from 1.
        """
        at = [places[name] for name in self.names]
        match self.kind:
            case Kind.BEFORE:
                return at[0] < at[1]
            case Kind.NEXT:
                return at[0] + 1 == at[1]
            case Kind.PARTED | Kind.APART:
                return abs(at[0] - at[1]) >= max(2, self.number)
            case Kind.PLACE:
                return at[0] == (len(places) if self.number == LAST else self.number)
            case Kind.END:
                return at[0] in (1, len(places))
            case Kind.BETWEEN:
                return min(at[1:]) < at[0] < max(at[1:])
            case Kind.EITHER:
                return at[0] < at[1] or at[2] < at[3]

    @property
    def same(self) -> Rule:
        """The one rule that stands for all that say the same in other words."""
        names = self.names
        match self.kind:
            case Kind.PARTED | Kind.APART:
                return Rule(Kind.APART, tuple(sorted(names)), max(2, self.number))
            case Kind.BETWEEN:
                return Rule(self.kind, (names[0], *sorted(names[1:])))
            case Kind.EITHER:
                return Rule(self.kind, sum(sorted((names[:2], names[2:])), ()))
            case _:
                return self


_N = r"[a-z][a-z0-9_]*"
_EQ = r"==?"


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern.replace(" ", r"\s*"))


_READERS = (
    (Kind.BEFORE, _compiled(rf"(?P<a>{_N}) < (?P<b>{_N})")),
    (Kind.BEFORE, _compiled(rf"(?P<b>{_N}) > (?P<a>{_N})")),
    (Kind.NEXT, _compiled(rf"(?P<a>{_N}) \+ 1 {_EQ} (?P<b>{_N})")),
    (Kind.NEXT, _compiled(rf"(?P<b>{_N}) {_EQ} (?P<a>{_N}) \+ 1")),
    (Kind.NEXT, _compiled(rf"(?P<a>{_N}) {_EQ} (?P<b>{_N}) - 1")),
    (Kind.NEXT, _compiled(rf"(?P<b>{_N}) - 1 {_EQ} (?P<a>{_N})")),
    (Kind.NEXT, _compiled(rf"(?P<b>{_N}) - (?P<a>{_N}) {_EQ} 1")),
    (Kind.APART, _compiled(rf"\| (?P<a>{_N}) - (?P<b>{_N}) \| >= (?P<n>[0-9]{{1,3}})")),
    (Kind.APART, _compiled(rf"\| (?P<a>{_N}) - (?P<b>{_N}) \| > (?P<m>[0-9]{{1,3}})")),
    (Kind.PLACE, _compiled(rf"(?P<a>{_N}) {_EQ} (?P<n>[0-9]{{1,3}}|first|last)")),
    (Kind.PLACE, _compiled(rf"(?P<n>[0-9]{{1,3}}|first|last) {_EQ} (?P<a>{_N})")),
)
_BETWEEN = re.compile(rf"(?P<a>{_N})\s+between\s+(?P<b>{_N})\s+and\s+(?P<c>{_N})")
_MIN_MAX = _compiled(rf"min \( (?P<b>{_N}) , (?P<c>{_N}) \) < (?P<a>{_N}) < max \( (?P<d>{_N}) , (?P<e>{_N}) \)")
_RESERVED = frozenset({"first", "last", "or", "and", "between", "min", "max"})


@lru_cache(maxsize=65_536)
def parse_rule(text: str) -> Rule | None:
    """The rule that the text of an `order:` check states, or None where it is none of the kinds.

    The number of things is not known here, so `figs = 7` and `figs = last` stay different rules.
    """
    if len(text) > 200:
        return None
    parts = [part.strip() for part in re.split(r"(?<!\w)or(?!\w)", text)]
    read = [_simple(part) for part in parts]
    if len(read) == 1 or None in read:
        return read[0] if len(read) == 1 else None
    if len(read) == 2:
        return _either([rule for rule in read if rule is not None])
    return None


def _either(parts: list[Rule]) -> Rule | None:
    first, second = parts
    if first.kind is second.kind is Kind.BEFORE:
        return Rule(Kind.EITHER, first.names + second.names)
    if first.kind is second.kind is Kind.PLACE and first.names == second.names:
        return Rule(Kind.END, first.names) if {first.number, second.number} == {1, LAST} else None
    return None


def _simple(text: str) -> Rule | None:
    for kind, found in _matches(text):
        read = found.groupdict()
        names = tuple(read[key] for key in "abc" if read.get(key))
        if len(set(names)) < len(names) or _RESERVED & set(names):
            continue
        if kind is Kind.BETWEEN and read.get("d") and {read["d"], read["e"]} != {read["b"], read["c"]}:
            continue
        number = read.get("n")
        if number is None:
            return Rule(kind, names, int(read["m"]) + 1 if read.get("m") else 0)
        return Rule(kind, names, {"first": 1, "last": LAST}[number] if number in _RESERVED else int(number))
    return None


def _matches(text: str) -> Iterator[tuple[Kind, re.Match[str]]]:
    for kind, pattern in (*_READERS, (Kind.BETWEEN, _BETWEEN), (Kind.BETWEEN, _MIN_MAX)):
        found = pattern.fullmatch(text)
        if found is not None:
            yield kind, found
