r"""Bradley-Terry: strengths and win probabilities from comparisons, and what the position of a plan is worth.

A plan *a* of strength :math:`s_a` shown before *b* wins with log-odds :math:`s_a - s_b + \delta`, where :math:`\delta`
is what the first position gains (the order effect of Davidson and Beaver 1977; negative where judges like the last).
Both orders together tell the two apart:

.. math::  s_a - s_b = (l_{ab} - l_{ba}) / 2, \qquad \delta = (l_{ab} + l_{ba}) / 2

with :math:`l_{ab}` the log-odds that *a*, shown first, wins, and :math:`l_{ba}` those that *b*, shown first, wins.
Log-odds of *y* of *k* votes are estimated by :math:`\ln\frac{y + 1/2}{k - y + 1/2}` (Haldane 1956, Anscombe 1956) with
variance :math:`\frac{1}{y + 1/2} + \frac{1}{k - y + 1/2}` (Gart and Zweifel 1967).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..planner.comparison import Comparison
from ..planner.errors import VerifierError

MOST_LOG_ODDS = math.log(0.999 / 0.001)
"""Log-odds are kept within this on both sides: no judge is surer than 999 to 1."""
_LEAST = 0.001


class LogOdds(NamedTuple):
    """Log-odds (nats) and their variance."""

    value: float
    variance: float


def log_odds(probability: float, variance: float = 0.0) -> LogOdds:
    """Log-odds of a probability, bounded, with the variance of a probability spread evenly over an interval.

    For small variances this is the delta method, ``v / (p (1 - p))^2``; near 0 and 1 that would have no bound.
    """
    half = math.sqrt(3.0 * variance)
    width = _logit(probability + half) - _logit(probability - half)
    return LogOdds(_logit(probability), width * width / 12.0)


def _logit(probability: float) -> float:
    kept = min(1.0 - _LEAST, max(_LEAST, probability))
    return math.log(kept / (1.0 - kept))


def counted_log_odds(wins: int, votes: int) -> LogOdds:
    """Log-odds from votes, with half a vote added on both sides."""
    yes, no = wins + 0.5, votes - wins + 0.5
    return LogOdds(math.log(yes / no), 1.0 / yes + 1.0 / no)


class Swapped(NamedTuple):
    """What both orders say together: strength, its variance, and what the first position gained (nats)."""

    strength: float
    variance: float
    position: float


def both_orders(ahead: LogOdds, behind: LogOdds) -> Swapped:
    """Strength of *a* minus that of *b*, free of the position's effect.

    Args:
        ahead: Log-odds that *a* wins when it is shown first.
        behind: Log-odds that *b* wins when *b* is shown first.
    """
    strength = (ahead.value - behind.value) / 2.0
    return Swapped(strength, (ahead.variance + behind.variance) / 4.0, (ahead.value + behind.value) / 2.0)


class PositionBias(NamedTuple):
    """Whether a judge likes the plan that it is shown first (or last).

    Attributes:
        comparisons: Comparisons that were asked in both orders.
        mean: Mean gain of the first position, nats of log-odds; 0 is fair.
        error: Standard error of the mean, NaN below two comparisons.
        first: Comparisons in which the first position gained.
        last: Comparisons in which it lost.
        p_value: Two-sided exact sign test of ``first`` against ``last``: how probable so lopsided a count is for a
            judge that does not care. It holds whatever the strengths are: without a bias both orders say the same.
    """

    comparisons: int
    mean: float
    error: float
    first: int
    last: int
    p_value: float


def position_bias(comparisons: Sequence[Comparison]) -> PositionBias:
    """The position's effect over comparisons that were asked in both orders; others are left out."""
    gains = [c.position for c in comparisons if c.position is not None]
    first, last = sum(gain > 1e-12 for gain in gains), sum(gain < -1e-12 for gain in gains)
    mean = math.fsum(gains) / len(gains) if gains else 0.0
    spread = math.fsum((gain - mean) ** 2 for gain in gains)
    error = math.sqrt(spread / (len(gains) - 1) / len(gains)) if len(gains) > 1 else math.nan
    return PositionBias(len(gains), mean, error, first, last, sign_test(first, last))


def sign_test(first: int, last: int) -> float:
    """Two-sided exact p-value of ``first`` against ``last`` at even odds, ties left out; 1 where there is nothing."""
    n = first + last
    tail = sum(math.comb(n, k) for k in range(min(first, last) + 1))
    return min(1.0, float(Fraction(2 * tail, 2**n)))


class Strengths(NamedTuple):
    """Fitted strengths.

    Attributes:
        value: Strength by name, nats, mean zero.
        covariance: Covariance of the strengths, shape (n, n) in the order of ``value``; of differences it is exact to
            the usual second order, the mean itself is fixed.
    """

    value: Mapping[str, float]
    covariance: NDArray[np.float64]

    def against(self, a: str, b: str) -> LogOdds:
        """Log-odds that *a* beats *b*, with their variance."""
        names = list(self.value)
        i, j = names.index(a), names.index(b)
        c = self.covariance
        return LogOdds(self.value[a] - self.value[b], float(max(0.0, c[i, i] + c[j, j] - 2 * c[i, j])))


def strengths(wins: Mapping[tuple[str, str], float], *, prior: float = 0.5, rounds: int = 200) -> Strengths:
    """Maximum a posteriori strengths by Newton's method on the concave log-likelihood.

    Args:
        wins: How often the first of each pair beat the second; fractions (win probabilities) count as well.
        prior: Precision of a Gaussian prior on every strength (nats^-2), above 0: it keeps them finite where somebody
            never lost. The covariance is the inverse of the negative Hessian (Laplace), centred.
        rounds: Most Newton steps.

    Raises:
        VerifierError: No comparisons, or a count that makes no sense.
    """
    names = sorted({name for pair in wins for name in pair})
    if not names or any(not 0 <= count < math.inf or a == b for (a, b), count in wins.items()) or not prior > 0:
        raise VerifierError("strengths need comparisons of different plans, counts of at least 0 and a prior above 0")
    place = {name: index for index, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))
    for (a, b), count in wins.items():
        won[place[a], place[b]] += count
    met = won + won.T
    value = np.zeros(len(names))
    for _ in range(rounds):
        chance = 1.0 / (1.0 + np.exp(-(value[:, None] - value[None, :])))
        gradient = (won - met * chance).sum(axis=1) - prior * value
        weight = met * chance * (1.0 - chance)
        hessian = np.diag(weight.sum(axis=1) + prior) - weight
        step = np.linalg.solve(hessian, gradient)
        value = value + step * min(1.0, 2.0 / max(2.0, float(np.abs(step).max())))  # no step beyond two nats
        if float(np.abs(step).max()) < 1e-12:
            break
    value = value - value.mean()
    centre = np.eye(len(names)) - 1.0 / len(names)
    covariance = centre @ np.linalg.inv(hessian) @ centre
    return Strengths(dict(zip(names, value.tolist(), strict=True)), covariance)


__all__ = [
    "MOST_LOG_ODDS",
    "LogOdds",
    "PositionBias",
    "Strengths",
    "Swapped",
    "both_orders",
    "counted_log_odds",
    "log_odds",
    "position_bias",
    "sign_test",
    "strengths",
]
