"""Whether steps of Countdown can still be completed to the target: every way on from the numbers at hand is tried."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

from ...families.countdown_moves import moves_of
from ...families.countdown_rules import RESULT, Results, Rules, Step, walk
from ...families.hands import Hand

__all__ = ["completable", "completable_steps"]


@lru_cache(maxsize=200_000)
def completable(hand: Hand, aim: int, every: bool, results: Results) -> bool:
    """Whether operations on the numbers at hand can come to a target.

    Args:
        hand: The numbers, sorted.
        aim: The target.
        every: Whether all must be used; otherwise the target among them is enough.
        results: What the results of operations may be.
    """
    if aim in hand and (len(hand) == 1 or not every):
        return True
    # Whole numbers are many times faster than fractions, and the same to every rule.
    pool = [int(number) if number.denominator == 1 else number for number in hand]
    for first in range(len(pool)):
        for second in range(first + 1, len(pool)):
            rest = [Fraction(n) for place, n in enumerate(pool) if place not in (first, second)]
            for value in {move.value for move in moves_of(results, first, pool[first], second, pool[second])}:
                if completable(tuple(sorted([*rest, Fraction(value)])), aim, every, results):
                    return True
    return False


def completable_steps(rules: Rules, steps: Sequence[Step]) -> list[bool]:
    """Whether the steps up to each one keep to the rules and can be completed to the target.

    Once a step has given the result a value, that must be the target and, where all numbers are to be used, all that is
    left.
    """
    found: list[bool] = []
    for count in range(1, len(steps) + 1):
        walked = walk(rules, steps[:count])
        if any(walked.faults):
            break
        if RESULT in walked.values:
            found.append(walked.reached(rules))
        else:
            open_hands = (completable(hand, rules.aim, rules.every, rules.results) for hand in walked.hands)
            found.append(any(open_hands))
        if not found[-1]:
            break
    return [*found, *[False] * (len(steps) - len(found))]
