r"""What a few yes-or-no votes say of the share of yes: a Beta posterior, with its mean, variance and tails.

With prior :math:`\mathrm{Beta}(a_0, b_0)` and *y* yes among *k* votes the posterior is :math:`\mathrm{Beta}(a, b)`,
:math:`a = a_0 + y`, :math:`b = b_0 + k - y`, and

.. math::  E = \frac{a}{a + b}, \qquad \mathrm{Var} = \frac{ab}{(a + b)^2 (a + b + 1)}

(Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4). The default prior is Jeffreys's, Beta(1/2, 1/2): it does
not depend on how the share is parametrised, and its intervals cover well at few votes (Brown, Cai and DasGupta 2001).
The distribution function is the regularised incomplete beta function, by its continued fraction (DLMF 8.17.22).
"""

from __future__ import annotations

import math
from typing import NamedTuple

_TINY = 1e-300
_MOST_TERMS = 500


class Prior(NamedTuple):
    """Votes that one believes to have seen before the first: ``Beta(yes, no)``, both positive."""

    yes: float
    no: float


JEFFREYS = Prior(0.5, 0.5)
UNIFORM = Prior(1.0, 1.0)


class Posterior(NamedTuple):
    """A Beta distribution over the share of yes.

    Attributes:
        a: Prior and counted votes for yes.
        b: Prior and counted votes for no.
    """

    a: float
    b: float

    @classmethod
    def of(cls, yes: int, votes: int, prior: Prior = JEFFREYS) -> Posterior:
        """The posterior after ``yes`` of ``votes``."""
        return cls(prior.yes + yes, prior.no + votes - yes)

    @property
    def mean(self) -> float:
        """Posterior mean, also the probability that the next vote is a yes."""
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> float:
        """Posterior variance."""
        total = self.a + self.b
        return self.a * self.b / (total * total * (total + 1.0))

    def below(self, x: float) -> float:
        """Probability that the share of yes is below ``x``: the regularised incomplete beta function I_x(a, b)."""
        if x <= 0.0 or x >= 1.0:
            return 0.0 if x <= 0.0 else 1.0
        logs = math.lgamma(self.a + self.b) - math.lgamma(self.a) - math.lgamma(self.b)
        front = math.exp(logs + self.a * math.log(x) + self.b * math.log1p(-x))
        # The fraction converges fast on this side of the mean; the other side is its complement.
        if x < (self.a + 1.0) / (self.a + self.b + 2.0):
            return min(1.0, front * _fraction(self.a, self.b, x) / self.a)
        return max(0.0, 1.0 - front * _fraction(self.b, self.a, 1.0 - x) / self.b)

    def decided(self, threshold: float, confidence: float) -> bool:
        """Whether the share lies on one side of ``threshold`` with at least this probability."""
        below = self.below(threshold)
        return max(below, 1.0 - below) >= confidence


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b), evaluated forwards (the modified Lentz method)."""
    c, d = 1.0, 1.0 / _away(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, _MOST_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d, c = 1.0 / _away(1.0 + term * d), _away(1.0 + term / c)
            step = c * d
            value *= step
        if abs(step - 1.0) < 1e-15:
            break
    return value


def _away(value: float) -> float:
    """Kept away from zero, so that nothing is divided by it."""
    return value if abs(value) > _TINY else _TINY


__all__ = ["JEFFREYS", "UNIFORM", "Posterior", "Prior"]
