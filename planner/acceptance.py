r"""Acceptance rules: how much worse a proposal may be and still be taken.

Sign convention: :math:`\Delta E = E(\text{proposal}) - E(\text{incumbent})`, negative is an improvement;
:math:`\log q = \ln q(x \to y \text{ reversed}) - \ln q(x \to y)` for incumbent *x* and proposal *y* (reverse minus
forward); :math:`u \sim U(0, 1)`. Every rule is one function, :meth:`AcceptanceRule.limit`: the largest corrected
difference :math:`\Delta E - T \log q` that is accepted for this *u* and temperature *T*. Because the limit is known
*before* the proposal is judged, a partial energy that already passes it rejects early, without paying for dearer
verifiers and without changing the rule.

===========  ======================================  =====================================================
rule         limit                                   probability of acceptance
===========  ======================================  =====================================================
greedy       0                                       1 if dE <= 0 else 0
metropolis   -T ln u                                 min(1, exp(-dE/T + log q))
barker       T ln((1 - u) / u)                       1 / (1 + exp(dE/T - log q))
threshold    T                                       1 if dE <= T else 0
penalty      -T ln u - surcharge                     min(1, exp(-(dE + surcharge)/T + log q))
===========  ======================================  =====================================================

Metropolis et al. 1953 and Hastings 1970; Barker 1965; threshold accepting, Dueck and Scheuer 1990; penalty method,
Ceperley and Dewing 1999 (physics/9812035), whose surcharge depends on the variance of the difference, see
:class:`Penalty`.
A difference that is NaN or +inf is a rejection under every rule.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod

from .errors import ConfigError


class AcceptanceRule(ABC):
    """One acceptance rule.

    Attributes:
        name: As it appears in traces.
        corrects: Whether the rule uses the proposal ratio and leaves Boltzmann stationary; optimisers do neither.
        fresh: Whether the rule counts the noise of the difference; the incumbent is then judged afresh before every
            step, since a score that an acceptance was selected on is no fair sample any more.
    """

    name: str
    corrects: bool = False
    fresh: bool = False

    @abstractmethod
    def limit(self, u: float, temperature: float) -> float:
        """Largest corrected energy difference that is accepted.

        Args:
            u: Uniform draw in (0, 1).
            temperature: In units of energy, at least 0.
        """

    def surcharge(self, variance: float, temperature: float) -> float:
        """What is added to the difference for its noise, in units of energy; 0 unless the rule counts noise.

        Args:
            variance: Of the difference, in squared units of energy.
            temperature: In units of energy.
        """
        return 0.0

    @abstractmethod
    def probability(self, delta: float, temperature: float, log_q: float = 0.0) -> float:
        """Probability of acceptance over ``u``."""


def accepts(limit: float, delta: float, temperature: float, log_q: float = 0.0) -> bool:
    """``delta - temperature * log_q <= limit``; NaN and +inf are rejections."""
    corrected = delta - temperature * log_q if log_q else delta
    return not math.isnan(corrected) and corrected < math.inf and corrected <= limit


class Greedy(AcceptanceRule):
    """Takes what is not worse; the zero-temperature limit and a first-class setting."""

    name = "greedy"

    def limit(self, u: float, temperature: float) -> float:
        """0, whatever the draw."""
        return 0.0

    def probability(self, delta: float, temperature: float, log_q: float = 0.0) -> float:
        """1 for ``delta <= 0``, else 0."""
        return 1.0 if delta <= 0 else 0.0


class Metropolis(AcceptanceRule):
    """Metropolis-Hastings: Boltzmann at temperature T is stationary if the proposal ratio is right."""

    name = "metropolis"
    corrects = True

    def limit(self, u: float, temperature: float) -> float:
        """``-T ln u``; at zero temperature 0."""
        return -temperature * math.log(u) if temperature > 0 else 0.0

    def probability(self, delta: float, temperature: float, log_q: float = 0.0) -> float:
        """``min(1, exp(-delta / T + log_q))``."""
        if math.isnan(delta) or math.isnan(log_q):
            return 0.0
        if temperature <= 0:
            return 1.0 if delta <= 0 else 0.0
        return math.exp(min(0.0, -delta / temperature + log_q))


class Barker(AcceptanceRule):
    """Barker's rule: also leaves Boltzmann stationary; natural where judges give win probabilities."""

    name = "barker"
    corrects = True

    def limit(self, u: float, temperature: float) -> float:
        """``T ln((1 - u) / u)``; at zero temperature 0."""
        return temperature * math.log((1.0 - u) / u) if temperature > 0 else 0.0

    def probability(self, delta: float, temperature: float, log_q: float = 0.0) -> float:
        """``1 / (1 + exp(delta / T - log_q))``."""
        if math.isnan(delta) or math.isnan(log_q):
            return 0.0
        if temperature <= 0:
            return 1.0 if delta <= 0 else 0.0
        x = delta / temperature - log_q
        return 1.0 / (1.0 + math.exp(x)) if x < 700 else 0.0


class Threshold(AcceptanceRule):
    """Threshold accepting: deterministic, takes whatever is worse by at most T."""

    name = "threshold"

    def limit(self, u: float, temperature: float) -> float:
        """``T``, whatever the draw."""
        return temperature

    def probability(self, delta: float, temperature: float, log_q: float = 0.0) -> float:
        """1 for ``delta <= T``, else 0."""
        return 1.0 if delta <= temperature else 0.0


class Penalty(Metropolis):
    r"""Metropolis for noisy energies: noise is paid for, and Boltzmann stays stationary (Ceperley and Dewing 1999).

    For a difference that is Gaussian around the true one with known variance :math:`s^2`, fresh at every step,

    .. math:: a = \min\big(1, e^{-\Delta / T - \chi^2 / 2}\big), \qquad \chi^2 = s^2 / T^2

    satisfies detailed balance on average. Where the variance is itself estimated from *n* samples,

    .. math:: u = \frac{\chi^2}{2} + \frac{\chi^4}{4 (n + 1)} + \frac{\chi^6}{3 (n + 1)(n + 3)}

    takes the place of :math:`\chi^2 / 2` (:math:`\chi^2` now with the estimated variance *of the mean*); the series is
    good for :math:`\chi^2` up to about *n*/4. It corrects the distribution and pays with acceptances, which vanish as
    the temperature falls below the noise: a rule for sampling rather than for a small budget.

    Args:
        samples: How many samples each stated variance rests on; None takes the variances as known.

    Raises:
        ConfigError: Fewer than two samples.
    """

    name = "penalty"
    fresh = True

    def __init__(self, samples: int | None = None) -> None:
        if samples is not None and samples < 2:
            raise ConfigError(f"a variance is estimated from at least 2 samples, not {samples}")
        self.samples = samples

    def surcharge(self, variance: float, temperature: float) -> float:
        """``T u``; at zero temperature as much as a float holds, unless there is no noise."""
        most = sys.float_info.max
        if variance <= 0:
            return 0.0
        if temperature <= 0 or variance / most >= temperature * temperature:
            return most
        chi = variance / (temperature * temperature)
        charge = chi / 2
        if self.samples is not None:
            n = self.samples
            charge += chi * chi / (4 * (n + 1)) + chi * chi * chi / (3 * (n + 1) * (n + 3))
        return min(temperature * charge, most)


RULES: dict[str, type[AcceptanceRule]] = {
    rule.name: rule for rule in (Greedy, Metropolis, Barker, Threshold, Penalty)
}


def acceptance_rule(name: str) -> AcceptanceRule:
    """The rule of this name.

    Raises:
        ConfigError: There is none.
    """
    if name not in RULES:
        raise ConfigError(f"no acceptance rule {name!r}; choose one of {', '.join(RULES)}")
    return RULES[name]()
