"""Arithmetic drills: single computations in the form in which answers write them.

An answer of ten claims is right only if ten computations are. Few of an answer's tokens are results, so answers alone
teach arithmetic slowly; a drill is one computation, ten tokens long, with operands of the sizes that problems have.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..families.relations import Kind, Relation
from ..families.wording import NAMES
from .corpus import Node

__all__ = ["drill", "drills"]

_KINDS = (Kind.MORE, Kind.FEWER, Kind.TIMES, Kind.SHARE, Kind.SUM, Kind.DIFFERENCE)
_FACTORS = (2, 6)
"""Smallest and largest factor and divisor of the family."""
_STEPS = (2, 20)
"""Smallest and largest number that is added or subtracted."""


def _size(rng: np.random.Generator) -> int:
    """An operand: mostly up to 60 or 200, now and then up to 900."""
    bounds = (60, 200, 900)
    return int(rng.integers(1, bounds[int(rng.choice(3, p=(0.45, 0.45, 0.1)))] + 1))


def drill(rng: np.random.Generator) -> tuple[str, str]:
    """A computation as the beginning of a claim, and its result: (`` bells = eggs - 17 = 40 - 17 =``, `` 23``)."""
    while True:
        kind = _KINDS[int(rng.integers(len(_KINDS)))]
        symbol, *names = (NAMES[int(i)] for i in rng.choice(len(NAMES), size=3, replace=False))
        first, second = _size(rng), _size(rng)
        factor, step = int(rng.integers(_FACTORS[0], _FACTORS[1] + 1)), int(rng.integers(_STEPS[0], _STEPS[1] + 1))
        if kind is Kind.SHARE:
            first *= factor
        binary = kind in (Kind.SUM, Kind.DIFFERENCE)
        number = None if binary else factor if kind in (Kind.TIMES, Kind.SHARE) else step
        relation = Relation(symbol, kind, tuple(names if binary else names[:1]), number)
        values = dict(zip(names, (Fraction(first), Fraction(second)), strict=True))
        result = relation.evaluate(values)
        if 0 < result < 1000 and first < 1000:
            return f" {symbol} = {relation.expression} = {relation.written(values)} =", f" {result}"


def drills(rng: np.random.Generator, count: int) -> Node:
    """An answer's head with so many computations as branches."""
    return Node("answer:\n", children=[Node(*drill(rng)) for _ in range(count)])
