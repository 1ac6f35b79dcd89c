r"""Growth of a cost that was not reached everywhere: straight line or exponential, with censored costs in the fit.

A method that never gets to 80% within its ladder of budgets has a cost there all the same: one above the largest spend
that was measured. To leave such horizons out is to forget just those that cost most, and an exponential then looks like
a line. Likewise a method that is at 80% at its lowest budget has a cost at or below that. So an exact cost gives its
density and a censored one the chance of its side (Tobin 1958, *Estimation of relationships for limited dependent
variables*). Both shapes have three parameters and the same error, relative to the cost, which is how costs that are
read off ladders err:

.. math:: \ln T_i = \mu(h_i) + \sigma\varepsilon_i, \qquad \mu_{lin} = \ln(a + b h), \qquad \mu_{exp} = \alpha + \beta h

.. math:: \ell = \sum_{exact} \Bigl[-\tfrac12 z_i^2 - \ln\sigma - \tfrac12\ln 2\pi\Bigr]
    + \sum_{above} \ln \Phi(-z_i) + \sum_{below} \ln \Phi(z_i), \qquad z_i = (\ln T_i - \mu(h_i)) / \sigma

so :math:`AIC = 2k - 2\ell` with k = 3 (and the correction for small samples, the same for both) compares shapes and
nothing else; :func:`~.growth.growth` compares errors with them, constant for the line and relative for the exponential,
and leaves out what is not exact. Both are fitted through the costs at the shortest and at the longest horizon, which
keeps a line above 0 wherever it was measured. Without censored costs the exponential is ordinary least squares.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...verifiers.scoring import Interval
from .growth import LEAST_HORIZONS, Fit, Growth, Shape, nearer
from .scipy_stats import scipy_optimize, scipy_special

__all__ = ["CensoredGrowth", "Cost", "censored_growth"]

Floats = NDArray[np.float64]
Side = Literal["exact", "above", "below"]
_PARAMETERS = 3
_ERRORS = (math.log(1e-4), math.log(10.0))
"""Least and largest relative error: no fit is infinitely good."""
_MOST_LOST = 0.5
"""Share of resamples that can be fitted, below which their spread says nothing."""


class Cost(NamedTuple):
    """A cost, as far as it is known.

    Attributes:
        tokens: The cost, or the spend that it lies above or below.
        side: ``exact``; ``above``: not reached at that spend; ``below``: reached at that spend, the least measured.
    """

    tokens: float
    side: Side = "exact"


class CensoredGrowth(NamedTuple):
    """Which growth fits, and how clearly.

    Attributes:
        growth: Shape, reason, fits and gap, as of :func:`~.growth.growth`.
        exact: Horizons with an exact cost.
        above: Horizons whose cost lies above what was measured.
        below: Horizons whose cost lies at or below the least that was measured.
        exponential: Share of the resamples that could be fitted in which the exponential is the better one; NaN
            without any.
        lost: Share of the resamples that could not be fitted.
    """

    growth: Growth
    exact: int
    above: int
    below: int
    exponential: float
    lost: float

    @property
    def shape(self) -> Shape:
        """``linear``, ``exponential`` or ``undecided``."""
        return self.growth.shape

    @property
    def reason(self) -> str:
        """One line."""
        return self.growth.reason


def censored_growth(
    horizons: Sequence[float], costs: Sequence[Cost], replicates: Sequence[Sequence[Cost]] | None = None
) -> CensoredGrowth:
    """Fits both models with censored costs and says which is nearer, or that the data do not tell.

    Undecided where fewer than four horizons have an exact cost, where AIC differs by less than 2, where the better
    slope may be 0, or where over resampled problems the difference has either sign.

    Args:
        horizons: Steps needed, one per cost.
        costs: The cost at each, above 0.
        replicates: The same costs for resampled problems.

    Raises:
        ValueError: Rows of different lengths, or a cost that is not above 0.
    """
    h = np.asarray(horizons, dtype=np.float64)
    if len(costs) != h.size or any(len(row) != h.size for row in replicates or ()):
        raise ValueError("one cost per horizon is needed")
    if any(not cost.tokens > 0 for cost in costs):
        raise ValueError("a cost is not above 0")
    sides = [cost.side for cost in costs]
    counts = (sides.count("exact"), sides.count("above"), sides.count("below"))
    told = _censored(counts)
    exact = np.asarray([side == "exact" for side in sides], dtype=bool)
    known = np.unique(h[exact]).size
    if known < LEAST_HORIZONS:
        reason = f"{known} horizons have an exact cost, {LEAST_HORIZONS} are needed{told}"
        return CensoredGrowth(Growth("undecided", reason, None, None, math.nan, None, known), *counts, math.nan, 0.0)
    linear, exponential = (_fit(h, costs, straight=straight) for straight in (True, False))
    gap = linear.aic - exponential.aic
    gaps = np.asarray([_gap(h, row) for row in replicates or ()])
    fitted = gaps[~np.isnan(gaps)]
    lost = 1.0 - fitted.size / gaps.size if gaps.size else 0.0
    interval = None
    if gaps.size:
        ends = np.quantile(fitted, [0.025, 0.975]) if fitted.size else (math.nan, math.nan)
        interval = Interval(float(ends[0]), float(ends[1]))
    share = float(np.mean(fitted > 0)) if fitted.size else math.nan
    shape, reason = _verdict(gap, interval, exponential if gap > 0 else linear, share, lost)
    made = Growth(shape, f"{reason}{told}", linear, exponential, gap, interval, h.size)
    return CensoredGrowth(made, *counts, share, lost)


def _censored(counts: tuple[int, int, int]) -> str:
    _, above, below = counts
    parts = [f"{above} above what was measured"] if above else []
    parts += [f"{below} at or below the least"] if below else []
    return f"; censored costs in the fit: {', '.join(parts)}" if parts else ""


def _gap(h: Floats, costs: Sequence[Cost]) -> float:
    exact = [place for place, cost in enumerate(costs) if cost.side == "exact"]
    if np.unique(h[exact]).size < LEAST_HORIZONS:
        return math.nan
    # The correction for small samples is the same for both.
    return 2 * (_Model(h, costs, straight=False).likelihood - _Model(h, costs, straight=True).likelihood)


class _Model:
    """One shape fitted to costs: parameters ``u``, ``v`` (log cost at both ends) and ``s`` (log of the error).

    Args:
        h: Horizons.
        costs: Costs.
        straight: Whether it is a line; else an exponential.
    """

    def __init__(self, h: Floats, costs: Sequence[Cost], *, straight: bool) -> None:
        self._start, self._length = float(h.min()), float(np.ptp(h))
        self._w = (h - self._start) / self._length
        self._y = np.log([cost.tokens for cost in costs])
        self._sign = np.asarray([{"exact": 0.0, "above": -1.0, "below": 1.0}[cost.side] for cost in costs])
        self._straight = straight
        found = scipy_optimize().minimize(
            self._loss, self._first(), jac=True, method="L-BFGS-B", bounds=[(None, None), (None, None), _ERRORS]
        )
        self.at: Floats = found.x
        self.likelihood = -float(found.fun)

    def _first(self) -> Floats:
        """Least squares, with censored costs where they were cut off."""
        y = np.exp(self._y) if self._straight else self._y
        rows = np.column_stack([1 - self._w, self._w])
        ends = np.linalg.lstsq(rows, y, rcond=None)[0]
        if self._straight:
            ends = np.log(np.maximum(ends, 0.3 * y.min()))
        spread = float(np.std(self._y - self._shape(ends[0], ends[1])[0]))
        return np.asarray([*ends, math.log(min(max(spread, 0.02), 1.0))])

    def _shape(self, u: float, v: float) -> tuple[Floats, Floats, Floats]:
        """Expected log cost, and its derivatives by both ends."""
        w = self._w
        if not self._straight:
            return (1 - w) * u + w * v, 1 - w, w
        low, high = (1 - w) * math.exp(min(u, 300.0)), w * math.exp(min(v, 300.0))
        total = low + high
        return np.log(total), low / total, high / total

    def _loss(self, at: Floats) -> tuple[float, Floats]:
        """Minus the log-likelihood, and its gradient."""
        mean, by_u, by_v = self._shape(float(at[0]), float(at[1]))
        sigma = math.exp(at[2])
        z = (self._y - mean) / sigma
        exact = self._sign == 0.0
        turned = self._sign * z
        logs = scipy_special().log_ndtr(turned)
        # d ln Phi(x) / dx, through logarithms: both its parts vanish far out.
        mills = np.exp(-0.5 * turned**2 - 0.5 * math.log(2 * math.pi) - logs)
        value = np.where(exact, -0.5 * z**2 - at[2] - 0.5 * math.log(2 * math.pi), logs).sum()
        by_z = np.where(exact, -z, self._sign * mills)
        gradient = [-(by_z @ by_u) / sigma, -(by_z @ by_v) / sigma, -(by_z @ z) - float(exact.sum())]
        return -float(value), -np.asarray(gradient)

    def fit(self) -> Fit:
        """The fit with its slope in tokens, or in their logarithm, by step."""
        u, v, _ = map(float, self.at)
        n, k = self._w.size, _PARAMETERS
        small = 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else 0.0
        ends = (math.exp(u), math.exp(v)) if self._straight else (u, v)
        slope = (ends[1] - ends[0]) / self._length
        by = np.asarray([-ends[0], ends[1], 0.0] if self._straight else [-1.0, 1.0, 0.0]) / self._length
        error = math.sqrt(max(0.0, float(by @ self._covariance() @ by)))
        freedom = max(1, int((self._sign == 0.0).sum()) - 2)  # as careful as with the exact costs alone
        # Maximum likelihood divides by n where least squares does by n - 2.
        wide = float(scipy_special().stdtrit(freedom, 0.975)) * error * math.sqrt(n / max(1, n - 2))
        intercept = ends[0] - slope * self._start
        return Fit(intercept, slope, Interval(slope - wide, slope + wide), 2 * k - 2 * self.likelihood + small)

    def _covariance(self) -> Floats:
        """The inverse of the observed information, by central differences of the gradient."""
        step = 1e-5
        rows = []
        for place in range(3):
            shift = np.zeros(3)
            shift[place] = step
            rows.append((self._loss(self.at + shift)[1] - self._loss(self.at - shift)[1]) / (2 * step))
        information = np.asarray(rows)
        return np.asarray(np.linalg.pinv((information + information.T) / 2), dtype=np.float64)


def _fit(h: Floats, costs: Sequence[Cost], *, straight: bool) -> Fit:
    return _Model(h, costs, straight=straight).fit()


def _verdict(gap: float, interval: Interval | None, better: Fit, share: float, lost: float) -> tuple[Shape, str]:
    shape, told = nearer(gap, better)
    if shape == "undecided" or interval is None:
        return shape, told
    if lost > _MOST_LOST:
        return "undecided", f"{told}, but {lost:.0%} of the resampled problems have too few costs to fit"
    agree = share if shape == "exponential" else 1 - share
    if math.isnan(interval.low) or interval.low <= 0 <= interval.high:
        return "undecided", f"{told}, but over resampled problems the difference has either sign ({agree:.0%} agree)"
    return shape, f"{told}, and so over resampled problems [{interval.low:+.1f}, {interval.high:+.1f}]"
