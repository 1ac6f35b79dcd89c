"""How problems of the arithmetic family are drawn: relations one at a time, every value a positive whole number.

What is drawn for the basic kinds without units must never change: the embedded model was trained on those very
problems. Whatever joins must leave the order of the draws as it is wherever it is not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from .base import Frozen, pick
from .measures import MEASURED_KINDS, SCALES, Scale
from .relations import BASIC, MORE_BINARY, MORE_UNARY, Kind, Relation
from .wording import NAMES

__all__ = ["Difficulty", "Drawn", "draw"]

SOFT_CAP = 200
"""Sums and products stay below this nine times in ten, so that long chains do not all end in large numbers."""
PERCENTS = (5, 10, 20, 25, 30, 40, 50, 60, 75, 80, 90)


class Difficulty(Frozen):
    """How hard a problem is.

    Attributes:
        quantities: Named quantities in the question, distractors included.
        needed: Quantities that the goal depends on, itself included; None draws about half of `quantities`.
        kinds: Relation kinds in use. `given` is always needed, and `more`.
        max_value: No quantity is larger than this; all are at least one. With units it counts tenths of the
            larger unit.
        units: Whether the quantities are lengths, weights or times, told in two units.
    """

    quantities: Annotated[int, Field(ge=2, le=len(NAMES))] = 16
    needed: Annotated[int, Field(ge=2, le=24)] | None = None
    kinds: tuple[Kind, ...] = BASIC
    max_value: Annotated[int, Field(ge=20)] = 999
    units: bool = False

    @model_validator(mode="after")
    def _possible(self) -> Difficulty:
        if self.needed is not None and self.needed > self.quantities:
            raise ValueError("needed exceeds quantities")
        if Kind.GIVEN not in self.kinds or Kind.MORE not in self.kinds:
            raise ValueError("kinds must include 'given' and 'more': without them a chain cannot start or go on")
        if self.units and not set(self.kinds) <= set(MEASURED_KINDS):
            raise ValueError("with units there is no 'product' and no 'remainder'")
        if self.units and self.quantities > (most := min(len(scale.names) for scale in SCALES)):
            raise ValueError(f"with units there are at most {most} quantities")
        return self


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn.

    Attributes:
        target: What is asked for.
        relations: Every relation by symbol, distractors included.
        values: Every value, in the scale's smaller unit where there is a scale.
        scale: The units, None for counts.
    """

    target: str
    relations: dict[str, Relation]
    values: dict[str, int]
    scale: Scale | None = None


class _DeadEndError(Exception):
    """The draw has come to a dead end and starts afresh."""


Amount = int | tuple[int, str]
"""A number of a relation, with its unit where it has one."""


class _Builder:
    """Draws relations one at a time and keeps every value a positive integer within the cap."""

    def __init__(
        self, rng: np.random.Generator, difficulty: Difficulty, names: Sequence[str], scale: Scale | None
    ) -> None:
        self.rng = rng
        self.difficulty = difficulty
        self.names = iter(names)
        self.scale = scale
        self.base = scale.base if scale is not None else Fraction(1)
        tenths = scale.factor if scale is not None else 10
        self.limit = difficulty.max_value * tenths // 10
        self.soft = min(SOFT_CAP, difficulty.max_value) * tenths // 10
        self.joins = [kind for kind in MORE_BINARY if kind in difficulty.kinds]
        self.totals = Kind.TOTAL in difficulty.kinds
        self.relations: dict[str, Relation] = {}
        self.values: dict[str, int] = {}

    def pick(self, pool: Sequence[str]) -> str:
        return pick(self.rng, pool)

    def add(self, kind: Kind, operands: tuple[str, ...], amount: Amount | None) -> str:
        number, unit = amount if isinstance(amount, tuple) else (amount, "")
        relation = Relation(next(self.names), kind, operands, number, unit)
        self.relations[relation.symbol] = relation
        exact = {name: self.values[name] * self.base for name in operands}
        self.values[relation.symbol] = int(relation.evaluate(exact) / self.base)
        return relation.symbol

    def given(self) -> str:
        if self.scale is not None:
            known = self.amounts(1, self.limit)
            return self.add(Kind.GIVEN, (), pick(self.rng, known))
        return self.add(Kind.GIVEN, (), int(self.rng.integers(2, min(40, self.difficulty.max_value) + 1)))

    def cap(self) -> int:
        return self.limit if self.rng.random() < 0.1 else self.soft

    def amounts(self, low: int, high: int) -> Sequence[Amount]:
        """The numbers that may be added or taken away, from `low` to `high` in value."""
        scale = self.scale
        if scale is None:
            return range(low, high + 1)
        small: list[Amount] = [(scale.step * i, scale.small) for i in range(1, 20) if low <= scale.step * i <= high]
        return small + [(i, scale.large) for i in range(2, 10) if low <= scale.factor * i <= high]

    def unary(self, operand: str) -> str:
        value, cap = self.values[operand], self.cap()
        step = 20 if self.scale is None else self.limit
        numbers: dict[Kind, Sequence[Amount]] = {
            Kind.MORE: self.amounts(1 if self.scale else 2, min(step, self.limit - value)),
            Kind.FEWER: self.amounts(1 if self.scale else 2, min(step, value - 1)),
            Kind.TIMES: [n for n in range(2, 7) if n * value <= cap],
            Kind.SHARE: [n for n in range(2, 7) if value % n == 0],
            Kind.PERCENT: [n for n in PERCENTS if n * value % 100 == 0],
            Kind.REMAINDER: [n for n in range(3, 13) if n < value and value % n],
        }
        kinds = [kind for kind in MORE_UNARY if kind in self.difficulty.kinds and numbers[kind]]
        if not kinds:
            raise _DeadEndError
        kind = pick(self.rng, kinds)
        choice = numbers[kind]
        return self.add(kind, (operand,), pick(self.rng, choice))

    def binary(self, first: str, second: str) -> str:
        a, b = self.values[first], self.values[second]
        cap = self.cap()
        fits = {
            Kind.SUM: a + b <= cap,
            Kind.DIFFERENCE: a != b,
            Kind.PRODUCT: a * b <= cap,
            Kind.AVERAGE: a != b and (a + b) % 2 == 0,
            Kind.LARGER: a != b,
            Kind.SMALLER: a != b,
        }
        kinds = [kind for kind in self.joins if fits[kind]]
        if not kinds:
            raise _DeadEndError
        kind = pick(self.rng, kinds)
        ordered = (second, first) if kind is Kind.DIFFERENCE and a < b else (first, second)
        return self.add(kind, ordered, None)

    def ternary(self, operands: tuple[str, ...]) -> str:
        if sum(self.values[name] for name in operands) > self.limit:
            raise _DeadEndError
        return self.add(Kind.TOTAL, operands, None)


def _moves(build: _Builder, loose: int, tied: int, room: int) -> list[str]:
    """The moves that may come next, each as often as it is likely.

    Raises:
        _DeadEndError: There is none.
    """
    moves: list[str] = []
    if loose + 1 <= room:
        moves += ["given"] * 3 + (["again"] if tied else [])
    if loose and loose <= room:
        moves += ["unary"] * 4 + (["mixed"] if build.joins and tied else [])
    if build.joins and loose >= 2:
        moves += ["binary"] * 3
    if build.totals and loose and loose + tied >= 3:
        moves += ["ternary"]
    if not moves:
        raise _DeadEndError
    return moves


def _draw_needed(build: _Builder, needed: int) -> str:
    """Draw a goal that depends on all of `needed` quantities; returns the goal.

    `loose` holds the quantities that nobody uses yet. A binary relation can tie two of them, so the number of steps
    left bounds how many may be loose; after the last step the goal alone is.
    """
    loose: list[str] = []
    tied: list[str] = []

    def take() -> str:
        return loose.pop(int(build.rng.integers(len(loose))))

    def take_three() -> tuple[str, ...]:
        used = [take() for _ in range(min(3, len(loose)))]
        others = build.rng.permutation(len(tied))[: 3 - len(used)]
        old = [tied[int(i)] for i in others]
        tied.extend(used)
        return (*used, *old)

    for step in range(needed):
        left = needed - 1 - step
        move = build.pick(_moves(build, len(loose), len(tied), left + 1 if build.joins else 1))
        if move == "given":
            loose.append(build.given())
            continue
        if move == "again":
            loose.append(build.unary(build.pick(tied)))
            continue
        if move == "ternary":
            loose.append(build.ternary(take_three()))
            continue
        used = [take()]
        other = take() if move == "binary" else build.pick(tied) if move == "mixed" else None
        made = build.unary(used[0]) if other is None else build.binary(used[0], other)
        tied += used + ([other] if move == "binary" and other is not None else [])
        loose.append(made)
    if len(loose) != 1:
        raise _DeadEndError
    return loose[0]


def _draw_distractors(build: _Builder, count: int) -> None:
    """Draw quantities that the goal does not depend on, told in the same way as the others."""
    for _ in range(count):
        known = list(build.relations)
        draw = build.rng.random()
        if draw < 0.35:
            build.given()
        elif draw < 0.75 or not build.joins:
            build.unary(build.pick(known))
        else:
            three = build.totals and len(known) >= 3 and build.rng.random() < 0.2
            chosen = build.rng.choice(len(known), size=3 if three else 2, replace=False)
            operands = tuple(known[int(i)] for i in chosen)
            if three:
                build.ternary(operands)
            else:
                build.binary(*operands)


def draw(rng: np.random.Generator, difficulty: Difficulty, needed: int) -> Drawn:
    """One problem's relations, over and over until a draw comes to no dead end.

    Raises:
        RuntimeError: 1000 draws all came to a dead end.
    """
    scale = pick(rng, SCALES) if difficulty.units else None
    pool = scale.names if scale is not None else NAMES
    for _ in range(1000):
        names = [pool[int(i)] for i in rng.permutation(len(pool))[: difficulty.quantities]]
        build = _Builder(rng, difficulty, names, scale)
        try:
            goal = _draw_needed(build, needed)
            _draw_distractors(build, difficulty.quantities - needed)
        except _DeadEndError:
            continue
        return Drawn(target=goal, relations=build.relations, values=build.values, scale=scale)
    raise RuntimeError(f"no problem found in 1000 draws for {difficulty}")
