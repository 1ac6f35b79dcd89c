"""Paired statistics for comparing methods on the same problems. Exact where that is possible; no dependency."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..verifiers.scoring import Interval, wilson


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    """Two-sided exact McNemar test: probability of so uneven discordant pairs if both methods were equally good.

    Args:
        first: Right or wrong, problem by problem.
        second: The same for the other method, in the same order.

    Raises:
        ValueError: Sequences of different lengths.
    """
    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    discordant, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(math.comb(discordant, k) for k in range(fewer + 1)) / float(2**discordant)
    return min(1.0, 2 * tail)


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, rng: np.random.Generator, draws: int = 10_000
) -> Interval:
    """Percentile bootstrap interval (95%) of ``mean(first) - mean(second)``, resampling problems.

    Raises:
        ValueError: Sequences of different lengths, or empty ones.
    """
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    if difference.size == 0:
        raise ValueError("nothing to compare")
    picks = rng.integers(difference.size, size=(draws, difference.size))
    low, high = np.quantile(difference[picks].mean(axis=1), [0.025, 0.975])
    return Interval(float(low), float(high))


__all__ = ["Interval", "mcnemar", "paired_difference", "wilson"]
