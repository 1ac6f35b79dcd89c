"""Random derivations of Countdown, and all of them: what a generator, a control and a measurement need.

A derivation is a list of moves. Each takes two entries of a pool (the numbers given, then the results so far) and adds
its value to the pool. Random derivations keep to the rules by construction; whether they reach the target is luck.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .countdown_rules import RESULT, Results, Rules

__all__ = ["Move", "Value", "all_moves", "drawn_moves", "lines_of", "named", "random_moves", "value_of_moves"]

Value = int | Fraction
NAMES = "abcdefgh"
"""Names of results but the last, which is `result`."""


class Move(NamedTuple):
    """One operation.

    Attributes:
        op: ``+``, ``-``, ``*`` or ``/``.
        left: Place of its first operand in the pool.
        right: Place of its second.
        value: What it comes to.
    """

    op: str
    left: int
    right: int
    value: Value


def moves_of(results: Results, i: int, a: Value, j: int, b: Value) -> list[Move]:
    """Every allowed operation on two entries, each written once: the larger number first where the order is free."""
    if a < b:
        i, a, j, b = j, b, i, a
    found = [Move("+", i, j, a + b), Move("*", i, j, a * b)]
    if results is Results.ANY:
        found += [Move("-", i, j, a - b), Move("-", j, i, b - a)] if a != b else [Move("-", i, j, a - b)]
        found += [Move("/", i, j, Fraction(a) / b)] if b else []
        return found + ([Move("/", j, i, Fraction(b) / a)] if a and a != b else [])
    if a > b or results is Results.WHOLE:
        found.append(Move("-", i, j, a - b))
    if b and a % b == 0:
        found.append(Move("/", i, j, a // b))
    if results is Results.WHOLE and a and not b:
        found.append(Move("/", j, i, 0))
    return found


def random_moves(rng: np.random.Generator, rules: Rules, count: int | None = None) -> list[Move]:
    """A derivation drawn at random: at each step a pair at hand and an operation that the rules allow, evenly.

    Args:
        rng: The generator.
        rules: The rules; the target plays no part.
        count: Number of moves; one less than there are numbers, which uses all, if None.
    """
    count = len(rules.numbers) - 1 if count is None else count
    return drawn_moves(rng.random(3 * count).tolist(), rules.numbers, rules.results)


def drawn_moves(draws: Sequence[float], numbers: Sequence[int], results: Results) -> list[Move]:
    """The derivation that draws from [0, 1) make: three for each move."""
    pool: list[tuple[int, Value]] = list(enumerate(numbers))
    found: list[Move] = []
    for step in range(len(draws) // 3):
        first, second, choice = draws[3 * step : 3 * step + 3]
        i, a = pool.pop(int(first * len(pool)))
        j, b = pool.pop(int(second * len(pool)))
        options = moves_of(results, i, a, j, b)
        found.append(options[int(choice * len(options))])
        pool.append((len(numbers) + step, found[-1].value))
    return found


def all_moves(rules: Rules) -> Iterator[list[Move]]:
    """Every derivation that reaches the target by the rules; for four numbers some thousands are walked.

    Derivations that differ only in the order of independent moves are told apart.
    """
    yield from _from(rules, list(enumerate(rules.numbers)), [])


def _from(rules: Rules, pool: list[tuple[int, Value]], done: list[Move]) -> Iterator[list[Move]]:
    if done and done[-1].value == rules.aim and (len(pool) == 1 or not rules.every):
        yield list(done)
    for first in range(len(pool)):
        for second in range(first + 1, len(pool)):
            rest = [entry for place, entry in enumerate(pool) if place not in (first, second)]
            for move in moves_of(rules.results, *pool[first], *pool[second]):
                entry = (len(rules.numbers) + len(done), move.value)
                yield from _from(rules, [*rest, entry], [*done, move])


def value_of_moves(moves: Sequence[Move]) -> Value:
    """What a derivation ends with."""
    return moves[-1].value


def named(rules: Rules, moves: Sequence[Move], place: int) -> str:
    """How an entry of the pool is written in a step: the number, or the name of the result."""
    own = place - len(rules.numbers)
    if own < 0:
        return str(rules.numbers[place])
    return RESULT if own == len(moves) - 1 else NAMES[own]


def lines_of(rules: Rules, moves: Sequence[Move]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Each move as a relation such as ``b = a - 18``, with the numbers (from 1) of the moves that it needs."""
    count = len(rules.numbers)
    for index, move in enumerate(moves):
        left, right = (named(rules, moves, place) for place in (move.left, move.right))
        needs = tuple(dict.fromkeys(place - count + 1 for place in (move.left, move.right) if place >= count))
        yield f"{named(rules, moves, count + index)} = {left} {move.op} {right}", needs
