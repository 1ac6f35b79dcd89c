"""Arithmetic drills: single computations in the form in which answers write them.

An answer of ten claims is right only if ten computations are. Few of an answer's tokens are results, so answers alone
teach arithmetic slowly; a drill is one computation, ten tokens long, with operands of the sizes that problems have.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd

import numpy as np

from ..families.arithmetic_answers import worked_out
from ..families.arithmetic_draw import PERCENTS
from ..families.base import pick
from ..families.relations import MORE_BINARY, Kind, Relation
from ..families.wording import NAMES
from .corpus import Node

__all__ = ["drill", "drills", "odd_drill"]

_KINDS = (Kind.MORE, Kind.FEWER, Kind.TIMES, Kind.SHARE, Kind.SUM, Kind.DIFFERENCE)
_MORE_KINDS = (Kind.PERCENT, Kind.REMAINDER, Kind.PRODUCT, Kind.AVERAGE, Kind.LARGER, Kind.SMALLER, Kind.TOTAL)
_OPERANDS = {**dict.fromkeys(MORE_BINARY, 2), Kind.TOTAL: 3}
_FACTORS = (2, 6)
"""Smallest and largest factor and divisor of the family."""
_STEPS = (2, 20)
"""Smallest and largest number that is added or subtracted."""


def _size(rng: np.random.Generator) -> int:
    """An operand: mostly up to 60 or 200, now and then up to 900."""
    bounds = (60, 200, 900)
    return int(rng.integers(1, bounds[int(rng.choice(3, p=(0.45, 0.45, 0.1)))] + 1))


def drill(rng: np.random.Generator, more: bool = False) -> tuple[str, str]:
    """A computation as the beginning of a claim, and its result: (`` bells = eggs - 17 = 40 - 17 =``, `` 23``).

    Args:
        rng: Source of the choices.
        more: Whether the kinds that are not basic may come, too.
    """
    kinds = (*_KINDS, *_MORE_KINDS) if more else _KINDS
    while True:
        kind = kinds[int(rng.integers(len(kinds)))]
        symbol, *names = (NAMES[int(i)] for i in rng.choice(len(NAMES), size=4, replace=False))
        first, second, third = _size(rng), _size(rng), _size(rng)
        if kind is Kind.PRODUCT:
            first, second = 1 + first % 40, 1 + second % 40
        factor, step = int(rng.integers(_FACTORS[0], _FACTORS[1] + 1)), int(rng.integers(_STEPS[0], _STEPS[1] + 1))
        if kind is Kind.SHARE:
            first *= factor
        used = names[: _OPERANDS.get(kind, 1)]
        number = None if len(used) > 1 else factor if kind in (Kind.TIMES, Kind.SHARE) else step
        if kind is Kind.PERCENT:
            number = pick(rng, PERCENTS)
            whole = 100 // gcd(100, number)
            first = whole * (1 + first % (300 // whole))
        if kind is Kind.REMAINDER:
            number = int(rng.integers(3, 13))
        relation = Relation(symbol, kind, tuple(used), number)
        values = dict(zip(names, map(Fraction, (first, second, third)), strict=True))
        result = relation.evaluate(values)
        if 0 < result < 1000 and first < 1000 and result.denominator == 1:
            return f" {symbol} = {relation.expression} = {relation.written(values)} =", f" {result}"


def odd_drill(rng: np.random.Generator) -> tuple[str, str]:
    """A computation with a negative number or a fraction, which no problem comes to but a plan may."""
    while True:
        kind = _KINDS[int(rng.integers(len(_KINDS)))]
        symbol, *names = (NAMES[int(i)] for i in rng.choice(len(NAMES), size=3, replace=False))
        first, second = (Fraction(_size(rng) * int(rng.choice((-1, 1)))) for _ in range(2))
        if rng.random() < 0.25:
            first /= int(rng.integers(_FACTORS[0], _FACTORS[1] + 1))
        used = names[: _OPERANDS.get(kind, 1)]
        bounds = _FACTORS if kind in (Kind.TIMES, Kind.SHARE) else _STEPS
        relation = Relation(
            symbol, kind, tuple(used), None if len(used) > 1 else int(rng.integers(*bounds, endpoint=True))
        )
        values = dict(zip(names, (first, second), strict=True))
        values[symbol] = relation.evaluate(values)
        numbers = [values[name] for name in (symbol, *used)]
        odd = any(number <= 0 or number.denominator > 1 for number in numbers)
        if odd and all(abs(number) < 1000 and number.denominator < 100 for number in numbers):
            claim, result = worked_out(relation, values).rsplit(" =", 1)
            return f" {claim} =", result


def drills(rng: np.random.Generator, count: int, more: bool = False, odd: float = 0.0) -> Node:
    """An answer's head with so many computations as branches, a share of them with numbers that no problem has."""
    made = (odd_drill(rng) if odd and rng.random() < odd else drill(rng, more) for _ in range(count))
    return Node("answer:\n", children=[Node(*one) for one in made])
