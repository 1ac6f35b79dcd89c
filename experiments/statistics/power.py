r"""How many problems a difference takes, and what a given number can see: to be stated before a run, not after.

Both methods meet the same problems, so what counts is the *discordance*: the share of problems that only one of them
gets right. With difference :math:`d` (in accuracy) and discordance :math:`\psi` the discordant problems go the first
method's way with chance :math:`(1 + d / \psi) / 2`.
"""

from __future__ import annotations

import math

import numpy as np

from .scipy_stats import scipy_stats


def _checked(difference: float, discordance: float, level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"a level is between 0 and 1, not {level}")
    if not 0.0 < abs(difference) <= discordance <= 1.0:
        raise ValueError(
            f"a difference of {difference} with a discordance of {discordance} cannot be: "
            "0 < |difference| <= discordance <= 1 is needed"
        )


def _real_number(difference: float, discordance: float, power: float, level: float) -> float:
    _checked(difference, discordance, level)
    if not 0.0 < power < 1.0:
        raise ValueError(f"power is between 0 and 1, not {power}")
    z = scipy_stats().norm.ppf
    spread = math.sqrt(discordance - difference**2)
    total = z(1 - level / 2) * math.sqrt(discordance) + z(power) * spread
    return float(total**2 / difference**2)


def problems_needed(difference: float, discordance: float, *, power: float = 0.8, level: float = 0.05) -> int:
    r"""Problems for a two-sided McNemar test, by the usual approximation, rounded to the nearest whole number.

    .. math:: n = \frac{\big(z_{1 - \alpha/2} \sqrt{\psi} + z_{1 - \beta} \sqrt{\psi - d^2}\big)^2}{d^2}

    (Miettinen 1968; Connor 1987, *Sample size for testing differences in proportions for the paired-sample design*.)
    5 points at 15% discordance take 469, at 25% 783; 3 points at 15% take 1,306; 10 points at 30% take 233. The exact
    test needs some more, see :func:`problems_needed_exactly`.

    Args:
        difference: Difference of the accuracies, in (0, 1].
        discordance: Share of problems that only one of the two gets right.
        power: Chance of seeing it.
        level: Level of the test.

    Raises:
        ValueError: No such difference can be.
    """
    return max(1, round(_real_number(difference, discordance, power, level)))


def power(problems: int, difference: float, discordance: float, *, level: float = 0.05) -> float:
    r"""Chance that so many problems show a difference: :func:`problems_needed` solved for the power.

    .. math:: 1 - \beta = \Phi\Big(\frac{|d| \sqrt n - z_{1 - \alpha/2} \sqrt\psi}{\sqrt{\psi - d^2}}\Big)

    Raises:
        ValueError: No such difference can be, or no problems.
    """
    _checked(difference, discordance, level)
    if problems < 1:
        raise ValueError(f"{problems} problems show nothing")
    return _power(problems, difference, discordance, level)


def _power(problems: int, difference: float, discordance: float, level: float) -> float:
    normal = scipy_stats().norm
    reach = abs(difference) * math.sqrt(problems) - normal.ppf(1 - level / 2) * math.sqrt(discordance)
    spread = math.sqrt(discordance - difference**2)
    if spread == 0.0:
        return float(reach > 0)
    return float(normal.cdf(reach / spread))


def exact_power(problems: int, difference: float, discordance: float, *, level: float = 0.05) -> float:
    r"""Chance that the exact McNemar test rejects, summed over every possible number of discordant problems.

    .. math:: \sum_m \mathrm{Bin}(m; n, \psi)\; P\big(X \le c_m \text{ or } X \ge m - c_m\big),
        \qquad X \sim \mathrm{Bin}(m, (1 + d/\psi)/2)

    with :math:`c_m` the largest count that the test of :func:`~.paired.mcnemar` rejects among *m* discordant pairs.

    Raises:
        ValueError: No such difference can be, or no problems.
    """
    _checked(difference, discordance, level)
    if problems < 1:
        raise ValueError(f"{problems} problems show nothing")
    binom = scipy_stats().binom
    m = np.arange(problems + 1)
    critical = binom.ppf(level / 2, m, 0.5)
    critical = np.where(2 * binom.cdf(critical, m, 0.5) <= level, critical, critical - 1)
    toward = (1 + difference / discordance) / 2
    seen = binom.cdf(critical, m, toward) + binom.sf(m - critical - 1, m, toward)
    return float((binom.pmf(m, problems, discordance) * np.where(critical < 0, 0.0, seen)).sum())


def problems_needed_exactly(
    difference: float, discordance: float, *, power: float = 0.8, level: float = 0.05, most: int = 20_000
) -> int:
    """The least number of problems at which :func:`exact_power` is reached and stays for the next ten numbers.

    The exact test's power goes up in a saw-tooth, hence the ten. Always at least :func:`problems_needed` less a few.

    Raises:
        ValueError: No such difference can be, or it takes more than ``most`` problems.
    """
    approximate = _real_number(difference, discordance, power, level)
    held = 0
    for problems in range(max(1, math.floor(0.9 * approximate)), most + 1):
        held = held + 1 if exact_power(problems, difference, discordance, level=level) >= power else 0
        if held == 10:
            return problems - 9
    raise ValueError(f"it takes more than {most} problems")


def least_difference(problems: int, discordance: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """The smallest difference that so many problems show with the given power; NaN where even the largest is missed.

    Raises:
        ValueError: Nonsensical arguments.
    """
    _checked(discordance, discordance, level)
    if problems < 1 or _power(problems, discordance, discordance, level) < power:
        return math.nan
    low, high = 0.0, discordance
    for _ in range(60):  # the power grows with the difference
        middle = (low + high) / 2
        low, high = (low, middle) if _power(problems, middle, discordance, level) >= power else (middle, high)
    return high


__all__ = ["exact_power", "least_difference", "power", "problems_needed", "problems_needed_exactly"]
