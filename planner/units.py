"""Units of measure: a table of exact conversion factors, and the text of a unit.

A *unit* is a product of powers of unit words, written ``km``, ``km / h``, ``m ** 2`` or ``dollar per apple``; it is
held as pairs (word, power). A *dimension* is the same over base words (``m``, ``kg``, ``s``, ..., each currency, and
each unit of a plan's own), so that two quantities can be added when their dimensions are equal.

Every factor is exact. Left out on purpose: scales with an offset (degrees Celsius), months and years (no fixed length),
angles (irrational), and exchange rates (a relation of the plan says them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import NamedTuple

Unit = tuple[tuple[str, int], ...]
"""Words with their powers, in the order in which they were written."""
Dimension = Mapping[str, Fraction]
"""Base words with their powers; no power is zero, and a plain number has the empty dimension."""

MAX_WORDS = 6
"""Most words in one unit."""


class Known(NamedTuple):
    """What a word of the table stands for: ``factor`` times a product of powers of base words."""

    factor: Fraction
    dimension: Dimension


_DERIVED = {"N": "kg m s-2", "J": "kg m2 s-2", "W": "kg m2 s-3", "Pa": "kg m-1 s-2", "V": "kg m2 s-3 A-1", "C": "A s"}


def _dimension(text: str) -> Dimension:
    parts = [re.fullmatch(r"([a-zA-Z]+)(-?\d*)", part) for part in _DERIVED.get(text, text).split()]
    return {part.group(1): Fraction(int(part.group(2) or 1)) for part in parts if part is not None}


# base: rows of "words separated by spaces", factor to the base.
_TABLE: dict[str, tuple[tuple[str, str], ...]] = {
    "m": (
        ("m meter meters metre metres", "1"),
        ("km kilometer kilometers kilometre kilometres", "1000"),
        ("dm", "0.1"),
        ("cm centimeter centimeters centimetre centimetres", "0.01"),
        ("mm millimeter millimeters millimetre millimetres", "0.001"),
        ("um", "0.000001"),
        ("nm", "0.000000001"),
        ("inch inches", "0.0254"),
        ("ft foot feet", "0.3048"),
        ("yd yard yards", "0.9144"),
        ("mi mile miles", "1609.344"),
    ),
    "m2": (("ha hectare hectares", "10000"), ("acre acres", "4046.8564224")),
    "m3": (
        ("l L liter liters litre litres", "0.001"),
        ("dl", "0.0001"),
        ("cl", "0.00001"),
        ("ml milliliter milliliters millilitre millilitres", "0.000001"),
        ("gal gallon gallons", "0.003785411784"),
    ),
    "kg": (
        ("kg kilogram kilograms", "1"),
        ("g gram grams", "0.001"),
        ("mg", "0.000001"),
        ("t tonne tonnes", "1000"),
        ("lb lbs", "0.45359237"),
        ("oz ounce ounces", "0.028349523125"),
    ),
    "s": (
        ("s sec second seconds", "1"),
        ("ms", "0.001"),
        ("us", "0.000001"),
        ("min minute minutes", "60"),
        ("h hr hour hours", "3600"),
        ("d day days", "86400"),
        ("week weeks", "604800"),
    ),
    "s-1": (("Hz", "1"), ("kHz", "1000"), ("MHz", "1000000")),
    "A": (("A", "1"), ("mA", "0.001")),
    "K": (("K", "1"),),
    "mol": (("mol", "1"),),
    "cd": (("cd", "1"),),
    "N": (("N", "1"), ("kN", "1000")),
    "J": (("J", "1"), ("kJ", "1000"), ("Wh", "3600"), ("kWh", "3600000")),
    "W": (("W", "1"), ("kW", "1000"), ("MW", "1000000")),
    "Pa": (("Pa", "1"), ("kPa", "1000"), ("bar", "100000")),
    "V": (("V", "1"),),
    "C": (("C", "1"),),
    "bit": (
        ("bit bits", "1"),
        ("byte bytes B", "8"),
        ("kB", "8000"),
        ("MB", "8000000"),
        ("GB", "8000000000"),
        ("KiB", "8192"),
        ("MiB", "8388608"),
        ("GiB", "8589934592"),
    ),
    "dollar": (("dollar dollars usd USD", "1"), ("cent cents", "0.01")),
    "euro": (("euro euros eur EUR", "1"),),
    "gbp": (("gbp GBP", "1"), ("pence", "0.01")),
    "yen": (("yen jpy JPY", "1"),),
    "": (
        ("pcs pieces", "1"),
        ("pair pairs", "2"),
        ("dozen", "12"),
        ("percent", "0.01"),
    ),
}


UNITS: Mapping[str, Known] = {
    word: Known(Fraction(factor), _dimension(base))
    for base, rows in _TABLE.items()
    for words, factor in rows
    for word in words.split()
}
"""Every word of the table: SI and common others, time, information, money, counts."""

DIVISIBLE = frozenset(base for known in UNITS.values() for base in known.dimension) - {"dollar", "euro", "gbp", "yen"}
"""Bases that come in several sizes, so that "a whole number of them" has no meaning of its own."""

_ALTERNATIVES = "|".join(sorted(UNITS, key=len, reverse=True))
_END = r"(?![A-Za-z0-9_])(?![ \t]*\()"
_POWER = r"(?:[ \t]*(?:\*\*|\^)[ \t]*-?[1-9](?![0-9])(?![ \t]*\.))?"
_TABLED = rf"(?:{_ALTERNATIVES}){_END}{_POWER}"
_OWN = rf"(?<=[ \t])(?!per(?![A-Za-z0-9_]))[A-Za-z]{{2,32}}{_END}{_POWER}"
QUANTITY_PATTERN = (
    rf"[0-9]+(?:\.[0-9]+)?[ \t]*(?:{_TABLED}|{_OWN})"
    rf"(?:[ \t]+(?:{_TABLED}|{_OWN}))*"
    rf"(?:[ \t]*/[ \t]*{_TABLED}|[ \t]+per[ \t]+(?:{_TABLED}|{_OWN}))*"
)
"""A number with a unit, as a regular expression: words after the number, then divisors.

``/`` goes on with a unit only before a word of the table, since ``60 km / n`` divides by a symbol; before a word of the
plan's own it is written ``per``. A word before ``(`` is a function, never a unit.
"""
_PIECE = re.compile(r"(/|per(?![A-Za-z0-9_]))?[ \t]*([A-Za-z]+)[ \t]*(?:(?:\*\*|\^)[ \t]*(-?[1-9]))?[ \t]*")
WORD = re.compile(r"[A-Za-z]{2,32}")
"""A unit word of a plan's own."""


def read_unit(text: str) -> Unit:
    """The unit that a matched text says, for instance ``(("km", 1), ("h", -1))`` for ``km / h``; divisors come last.

    Args:
        text: What follows the number in a match of :data:`QUANTITY_PATTERN`.

    Raises:
        ValueError: The text holds something else, or more than :data:`MAX_WORDS` words.
    """
    found: list[tuple[str, int]] = []
    place = len(text) - len(text.lstrip())
    while place < len(text):
        piece = _PIECE.match(text, place)
        if piece is None:
            raise ValueError(f"{text[place:][:20]!r} is no unit")
        power = int(piece.group(3) or 1)
        found.append((piece.group(2), -power if piece.group(1) else power))
        place = piece.end()
    if not found or len(found) > MAX_WORDS:
        raise ValueError(f"a unit has 1 to {MAX_WORDS} words, not {len(found)}")
    return tuple(pair for pair in found if pair[1] > 0) + tuple(pair for pair in found if pair[1] < 0)


def factor_of(unit: Unit) -> Fraction:
    """What one of a unit is in base units; words of a plan's own count as base words."""
    product = Fraction(1)
    for word, power in unit:
        if word in UNITS:
            product *= UNITS[word].factor ** power
    return product


def own_words(unit: Unit) -> tuple[str, ...]:
    """The words of a unit that the table does not hold."""
    return tuple(word for word, _ in unit if word not in UNITS)


def dimension_of(unit: Unit, own: Mapping[str, str]) -> dict[str, Fraction]:
    """The dimension of a unit.

    Args:
        unit: The unit.
        own: For each word of the plan's own the first of its synonyms.
    """
    total: dict[str, Fraction] = {}
    for word, power in unit:
        parts = UNITS[word].dimension if word in UNITS else {own.get(word, word): Fraction(1)}
        for base, weight in parts.items():
            total[base] = total.get(base, Fraction(0)) + power * weight
    return {base: weight for base, weight in total.items() if weight}


def format_unit(unit: Iterable[tuple[str, int | Fraction]]) -> str:
    """A unit as text that :func:`read_unit` reads as the same unit where its powers are integers.

    A word of the plan's own in a divisor is written after ``per``.
    """
    above = [(word, power) for word, power in unit if power > 0]
    below = [(word, power) for word, power in unit if power < 0]
    if not above:
        return " ".join(_raised(word, power) for word, power in below)
    parts = [" ".join(_raised(word, power) for word, power in above)]
    parts += [f"{'/' if word in UNITS else 'per'} {_raised(word, -power)}" for word, power in below]
    return " ".join(parts)


def _raised(word: str, power: int | Fraction) -> str:
    return word if power == 1 else f"{word} ** {power}"


def format_dimension(dimension: Dimension) -> str:
    """A dimension for people: ``m / s``, or ``a plain number``."""
    return format_unit(sorted(dimension.items())) or "a plain number"


def read_declaration(text: str) -> tuple[tuple[str, ...], ...]:
    """Units of a plan's own, declared as ``apple apples, person people``: synonyms side by side, units after commas.

    Raises:
        ValueError: A word is no unit word, stands twice, or is in the table already.
    """
    groups = tuple(tuple(part.split()) for part in text.split(","))
    words = [word for group in groups for word in group]
    for word in words:
        if not WORD.fullmatch(word) or word == "per":
            raise ValueError(f"{word[:20]!r} is no unit word: 2 to 32 letters")
        if word in UNITS:
            raise ValueError(f"{word} is a unit already")
    if not all(groups) or len(set(words)) < len(words):
        raise ValueError("a unit is declared once, as in `unit: apple apples, person people`")
    return groups


__all__ = [
    "DIVISIBLE",
    "MAX_WORDS",
    "QUANTITY_PATTERN",
    "UNITS",
    "WORD",
    "Dimension",
    "Known",
    "Unit",
    "dimension_of",
    "factor_of",
    "format_dimension",
    "format_unit",
    "own_words",
    "read_declaration",
    "read_unit",
]
