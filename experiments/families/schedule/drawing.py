"""Drawing a schedule: a hidden order, rules that it keeps, and as few other orders that keep them as is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from ..base import Frozen
from ..wording import NAMES
from .counting import count_orders
from .rules import LAST, Kind, Rule

__all__ = ["Dice", "Difficulty", "Drawn", "Locks", "draw"]

Locks = Literal["none", "some", "all", "any"]
DRAWS = 30
"""Hidden orders that are tried before a difficulty is called impossible."""
TRIES = 200
"""Draws of a further rule, or of one in another's place, before a hidden order is given up."""


class Difficulty(Frozen):
    """How hard a problem is.

    Attributes:
        items: Things to put in order.
        constraints: Rules in the question.
        solutions: At most this many orders keep all rules; None leaves it open. At least one always does.
        kinds: Kinds of rules in use.
        apart: Largest distance that a rule asks for.
        locked: Which rules the problem gives as locked items as well; `any` draws one of the others.
    """

    items: Annotated[int, Field(ge=5, le=14)] = 7
    constraints: Annotated[int, Field(ge=4, le=30)] = 8
    solutions: Annotated[int, Field(ge=1)] | None = 12
    kinds: tuple[Kind, ...] = tuple(Kind)
    apart: Annotated[int, Field(ge=3, le=6)] = 4
    locked: Locks = "none"

    @model_validator(mode="after")
    def _possible(self) -> Difficulty:
        if self.constraints > 3 * self.items:
            raise ValueError("constraints exceeds three an item: there are not so many different ones")
        if Kind.BEFORE not in self.kinds:
            raise ValueError("kinds must include 'before': without it there may be too few rules")
        return self


class Dice:
    """Uniform draws, taken from the generator in batches: single calls are what most of the time would go to."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._drawn: Iterator[float] = iter(())

    def below(self, count: int) -> int:
        """A number from 0 to `count` - 1."""
        value = next(self._drawn, None)
        if value is None:
            self._drawn = iter(self._rng.random(128).tolist())
            value = next(self._drawn)
        return int(value * count)

    def shuffled(self, values: Sequence[str]) -> list[str]:
        """The values in a random order."""
        found = list(values)
        for index in range(len(found) - 1, 0, -1):
            other = self.below(index + 1)
            found[index], found[other] = found[other], found[index]
        return found

    def several(self, count: int, size: int) -> list[int]:
        """`count` different numbers below `size`, in random order."""
        found: list[int] = []
        while len(found) < count:
            value = self.below(size)
            if value not in found:
                found.append(value)
        return found


class Drawn(NamedTuple):
    """A drawn schedule.

    Attributes:
        names: The things, as the question lists them.
        order: The hidden order.
        rules: The rules, as the question tells them.
        solutions: How many orders keep them.
    """

    names: tuple[str, ...]
    order: tuple[str, ...]
    rules: tuple[Rule, ...]
    solutions: int


def draw(dice: Dice, difficulty: Difficulty) -> Drawn:
    """Draws one schedule.

    Raises:
        RuntimeError: The difficulty leaves so little room that hidden order after hidden order came to nothing.
    """
    for _ in range(DRAWS):
        names = tuple(NAMES[i] for i in dice.several(difficulty.items, len(NAMES)))
        order = tuple(dice.shuffled(names))
        rules = _rules(dice, difficulty, order)
        if rules is None:
            continue
        found = _tightened(dice, difficulty, order, rules)
        if found is not None:
            told, solutions = found
            return Drawn(names, order, tuple(told[i] for i in dice.several(len(told), len(told))), solutions)
    raise RuntimeError(f"no problem found in {DRAWS} draws for {difficulty}")


def _rules(dice: Dice, difficulty: Difficulty, order: tuple[str, ...]) -> list[Rule] | None:
    rules: list[Rule] = []
    for _ in range(TRIES):
        if len(rules) == difficulty.constraints:
            return rules
        fresh = _rule(dice, difficulty, order)
        if fresh is not None and _fits(fresh, rules, difficulty.items):
            rules.append(fresh)
    return None


def _tightened(
    dice: Dice, difficulty: Difficulty, order: tuple[str, ...], rules: list[Rule]
) -> tuple[list[Rule], int] | None:
    """Exchanges rules one at a time, for fewer solutions, until there are few enough."""
    count = count_orders(order, rules)
    most = difficulty.solutions
    for _ in range(TRIES):
        if most is None or count <= most:
            return rules, count
        index = dice.below(len(rules))
        others = rules[:index] + rules[index + 1 :]
        fresh = _rule(dice, difficulty, order)
        if fresh is None or not _fits(fresh, others, difficulty.items):
            continue
        changed = count_orders(order, [*others, fresh])
        if changed <= count:
            rules, count = [*others, fresh], changed
    return None


def _before(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    first, second = sorted(dice.several(2, len(order)))
    return Rule(Kind.BEFORE, (order[first], order[second]))


def _next(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    place = dice.below(len(order) - 1)
    return Rule(Kind.NEXT, order[place : place + 2])


def _parted(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    first, second = dice.several(2, len(order))
    return Rule(Kind.PARTED, (order[first], order[second])) if abs(first - second) >= 2 else None


def _apart(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    first, second = dice.several(2, len(order))
    room = min(most, abs(first - second))
    return Rule(Kind.APART, (order[first], order[second]), 3 + dice.below(room - 2)) if room >= 3 else None


def _place(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    place = dice.below(len(order))
    return Rule(Kind.PLACE, (order[place],), LAST if place == len(order) - 1 else place + 1)


def _end(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    return Rule(Kind.END, (order[-dice.below(2)],))


def _between(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    low, middle, high = sorted(dice.several(3, len(order)))
    sides = (low, high) if dice.below(2) else (high, low)
    return Rule(Kind.BETWEEN, (order[middle], *(order[i] for i in sides)))


def _either(dice: Dice, order: tuple[str, ...], most: int) -> Rule | None:
    a, b = dice.several(2, len(order))
    c, d = dice.several(2, len(order))
    if {a, b} == {c, d} or not (a < b or c < d):
        return None
    return Rule(Kind.EITHER, (order[a], order[b], order[c], order[d]))


_DRAWS: Mapping[Kind, Callable[[Dice, tuple[str, ...], int], Rule | None]] = {
    Kind.BEFORE: _before,
    Kind.NEXT: _next,
    Kind.PARTED: _parted,
    Kind.APART: _apart,
    Kind.PLACE: _place,
    Kind.END: _end,
    Kind.BETWEEN: _between,
    Kind.EITHER: _either,
}


def _rule(dice: Dice, difficulty: Difficulty, order: tuple[str, ...]) -> Rule | None:
    """A random rule that the order keeps, or None where the draw came to nothing."""
    kind = difficulty.kinds[dice.below(len(difficulty.kinds))]
    return _DRAWS[kind](dice, order, difficulty.apart)


def _fits(fresh: Rule, rules: Sequence[Rule], size: int) -> bool:
    """Whether a rule says something that no other rule says already, as far as a look at pairs tells.

    At most a third of the things have a place named, so that something is left to be put in order.
    """
    topics = {topic for rule in rules for topic in _topics(rule)}
    if topics.intersection(_topics(fresh)):
        return False
    named = sum(rule.kind in (Kind.PLACE, Kind.END) for rule in rules)
    return fresh.kind not in (Kind.PLACE, Kind.END) or named < size // 3


def _topics(rule: Rule) -> list[tuple[str, frozenset[str]]]:
    """What a rule is about; two rules about the same would repeat or nearly repeat each other."""
    things = frozenset(rule.names)
    match rule.kind:
        case Kind.BEFORE:
            return [("order", things)]
        case Kind.NEXT:
            return [("order", things), ("gap", things)]
        case Kind.PARTED | Kind.APART:
            return [("gap", things)]
        case Kind.PLACE | Kind.END:
            return [("place", things)]
        case Kind.BETWEEN:
            return [("between", things)]
        case Kind.EITHER:
            return [("order", frozenset(rule.names[:2])), ("order", frozenset(rule.names[2:]))]
