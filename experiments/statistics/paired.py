"""Two methods on the same problems: who wins where they differ, and how surprising that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...verifiers.scoring import Interval
from .clustered import means_of_draws, percentiles
from .scipy_stats import scipy_special


class Discordant(NamedTuple):
    """The problems on which two methods differ.

    Attributes:
        first: Right by the first alone.
        second: Right by the second alone.
    """

    first: int
    second: int

    @property
    def total(self) -> int:
        """How many problems they differ on."""
        return self.first + self.second


def discordant(first: Sequence[bool], second: Sequence[bool]) -> Discordant:
    """Counts the problems that only one of two methods gets right.

    Raises:
        ValueError: Sequences of different lengths.
    """
    only_first = sum(bool(a) and not b for a, b in zip(first, second, strict=True))
    only_second = sum(bool(b) and not a for a, b in zip(first, second, strict=True))
    return Discordant(only_first, only_second)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> float:
    r"""Two-sided exact McNemar test: probability of so uneven discordant pairs if both methods were equally good.

    Given ``b + c`` discordant pairs, ``b`` is binomial with chance one half: :math:`p = \min(1, 2 P(X \le \min(b, c)))`
    (McNemar 1947; the exact conditional form, e.g. Agresti, *Categorical Data Analysis*, section 10.1). It is
    conservative: with few discordant pairs its true level is well below the nominal one.

    Args:
        first: Right or wrong, problem by problem, one attempt each.
        second: The same for the other method, in the same order.

    Raises:
        ValueError: Sequences of different lengths.
    """
    return _even(discordant(first, second))


def _even(counts: Discordant) -> float:
    """Two-sided exact binomial test of an even chance; ``bdtr`` is the binomial distribution function."""
    return min(1.0, 2.0 * float(scipy_special().bdtr(min(counts), counts.total, 0.5)))


def paired_difference(
    first: Sequence[float], second: Sequence[float], *, rng: np.random.Generator, draws: int = 10_000
) -> Interval:
    """Bootstrap interval (95%) of ``mean(first) - mean(second)``, resampling problems; see :mod:`~.clustered`.

    A single problem has no interval: NaN to NaN.

    Raises:
        ValueError: Sequences of different lengths, or empty ones.
    """
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != other.shape:
        raise ValueError(f"{one.size} values against {other.size}: pairs are needed")
    difference = one - other
    if difference.size == 0:
        raise ValueError("nothing to compare")
    return percentiles(means_of_draws(difference, rng, draws), difference.size)


def sign_flip(
    differences: Sequence[float] | NDArray[np.float64], *, rng: np.random.Generator, draws: int = 10_000
) -> float:
    r"""Two-sided permutation test of paired differences, one per problem (Fisher 1935): flips the sign of each.

    Where the two methods are exchangeable within a problem, every pattern of signs is as likely as the one seen, so
    :math:`p = P(|\sum_i \pm d_i| \ge |\sum_i d_i|)` has at most its nominal level, shares over
    several seeds included. For differences of -1, 0 and 1 it is the exact McNemar test, computed as such. Else
    signs are drawn, and the pattern seen counts as one of the draws (Phipson & Smyth 2010), so that p is never 0.

    Args:
        differences: First minus second, one number per problem.
        rng: Randomness.
        draws: Patterns of signs drawn.

    Raises:
        ValueError: No differences.
    """
    d = np.asarray(differences, dtype=np.float64)
    if d.size == 0:
        raise ValueError("nothing to compare")
    d = d[d != 0.0]
    if d.size == 0:
        return 1.0
    if np.all(np.abs(d) == np.abs(d[0])):  # all of one size: only how many go which way matters
        return _even(Discordant(int((d > 0).sum()), int((d < 0).sum())))
    observed = abs(d.sum()) * (1 - 1e-12)  # sums in another order must not decide
    extreme, left = 0, draws
    while left:
        rows = min(left, max(1, 4_000_000 // d.size))
        signs = rng.integers(2, size=(rows, d.size), dtype=np.int8) * 2.0 - 1.0
        extreme += int((np.abs(signs @ d) >= observed).sum())
        left -= rows
    return (1 + extreme) / (1 + draws)


__all__ = ["Discordant", "discordant", "mcnemar", "paired_difference", "sign_flip"]
