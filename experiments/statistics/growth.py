r"""How cost grows with the horizon: nearer a straight line, or nearer an exponential?

For each horizon *h* (steps needed) there is a cost *T* (tokens for 80% accuracy, say). Two models with three parameters
each, both fitted by ordinary least squares:

- linear: :math:`T = a + b h + \varepsilon`, on the scale of tokens;
- exponential: :math:`\ln T = \alpha + \beta h + \varepsilon`, on the log scale, so :math:`T` doubles every
  :math:`\ln 2 / \beta` steps.

They are compared by Akaike's criterion of the *same data T* (Burnham & Anderson 2002, sections 2.2 and 2.11.3: models
of a transformed response need its Jacobian):

.. math:: AIC_{lin} = n \ln\frac{RSS}{n} + 2k, \qquad
    AIC_{exp} = n \ln\frac{RSS_{\ln}}{n} + 2 \sum_i \ln T_i + 2k, \qquad k = 3

with the terms common to both left out, and the correction for small samples :math:`2k(k+1)/(n-k-1)`, which is the same
for both, added where it is defined. Lower is better. A difference below 2 settles nothing, and neither does a better
fit whose slope may be 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...verifiers.scoring import Interval
from .scipy_stats import scipy_stats

Floats = NDArray[np.float64]
Shape = Literal["linear", "exponential", "undecided"]
LEAST_HORIZONS = 4
"""Fewer horizons leave no degree of freedom to tell two models of three parameters apart."""
SUBSTANTIAL = 2.0
"""Differences of AIC below this leave both models standing (Burnham & Anderson 2002, section 2.6)."""
_PARAMETERS = 3
_FLOOR = 1e-12
"""Least residual variance, relative to the mean square of what is fitted: a perfect fit must not be infinitely good."""


class Fit(NamedTuple):
    """A fitted line.

    Attributes:
        intercept: At horizon 0; tokens, or their logarithm.
        slope: Per step of the horizon.
        slope_interval: 95% interval of the slope, by Student's t.
        aic: Akaike's criterion of the tokens (not of their logarithm), lower is better.
    """

    intercept: float
    slope: float
    slope_interval: Interval
    aic: float


class Growth(NamedTuple):
    """Which growth fits, and how clearly.

    Attributes:
        shape: ``linear``, ``exponential`` or ``undecided``.
        reason: One line.
        linear: The fit on the scale of tokens.
        exponential: The fit on the log scale.
        gap: ``AIC(linear) - AIC(exponential)``: above 0 the exponential fits better.
        gap_interval: Its 95% interval over resampled problems; None where no replicates were given.
        horizons: How many horizons had a cost.
    """

    shape: Shape
    reason: str
    linear: Fit | None
    exponential: Fit | None
    gap: float
    gap_interval: Interval | None
    horizons: int


def growth(
    horizons: Sequence[float], tokens: Sequence[float], replicates: Sequence[Sequence[float]] | Floats | None = None
) -> Growth:
    """Fits both models and says which is nearer, or that the data do not tell.

    A horizon whose cost was not reached within the ladder has no value (NaN) and is left out, never guessed. That
    favours neither shape but shortens the range: say how many there were.

    Args:
        horizons: Steps needed, one per point.
        tokens: Cost at each, above 0, or NaN.
        replicates: The same costs for resampled problems, shape (draws, points), NaN where one was not reached. With
            them the verdict also needs the interval of the gap to lie on one side of 0.

    Raises:
        ValueError: Rows of different lengths, or a cost that is not above 0.
    """
    h, t = np.asarray(horizons, dtype=np.float64), np.asarray(tokens, dtype=np.float64)
    if h.ndim != 1 or h.shape != t.shape:
        raise ValueError(f"one cost per horizon is needed, not {t.shape} for {h.shape}")
    known = ~np.isnan(t)
    h, t = h[known], t[known]
    if (t <= 0).any():
        raise ValueError("a cost is not above 0")
    if np.unique(h).size < LEAST_HORIZONS:
        reason = f"{np.unique(h).size} horizons have a cost, {LEAST_HORIZONS} are needed"
        return Growth("undecided", reason, None, None, math.nan, None, h.size)
    linear, exponential = _fit(h, t, log=False), _fit(h, t, log=True)
    gap = linear.aic - exponential.aic
    interval = None if replicates is None else _gap_interval(h, np.asarray(replicates, dtype=np.float64)[:, known])
    shape, reason = _verdict(gap, interval, exponential if gap > 0 else linear)
    return Growth(shape, reason, linear, exponential, gap, interval, h.size)


def _fit(h: Floats, t: Floats, *, log: bool) -> Fit:
    y = np.log(t) if log else t
    line = scipy_stats().linregress(h, y)
    spread = float(scipy_stats().t.ppf(0.975, h.size - 2) * line.stderr)
    interval = Interval(float(line.slope) - spread, float(line.slope) + spread)
    return Fit(float(line.intercept), float(line.slope), interval, _aic(h, t, log=log))


def _aic(h: Floats, t: Floats, *, log: bool) -> float:
    y = np.log(t) if log else t
    centred = h - h.mean()
    slope = float(centred @ y) / float(centred @ centred)
    rest = y - y.mean() - slope * centred
    n, k = h.size, _PARAMETERS
    variance = max(float(rest @ rest) / n, _FLOOR * float(y @ y) / n, 1e-300)
    small = 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else 0.0
    return n * math.log(variance) + (2 * float(np.log(t).sum()) if log else 0.0) + 2 * k + small


def _gap_interval(h: Floats, replicates: Floats) -> Interval:
    """The gap over replicates; those that miss a cost keep the horizons they have, if these are enough."""
    gaps = np.full(len(replicates), math.nan)
    for index, row in enumerate(replicates):
        kept = ~np.isnan(row)
        if np.unique(h[kept]).size >= LEAST_HORIZONS:
            gaps[index] = _aic(h[kept], row[kept], log=False) - _aic(h[kept], row[kept], log=True)
    kept = gaps[~np.isnan(gaps)]
    if not kept.size:
        return Interval(math.nan, math.nan)
    low, high = np.quantile(kept, [0.025, 0.975])
    return Interval(float(low), float(high))


def nearer(gap: float, better: Fit) -> tuple[Shape, str]:
    """The shape that the data themselves are nearer to, and why; ``undecided`` where they do not tell.

    Args:
        gap: ``AIC(linear) - AIC(exponential)``.
        better: The fit that this favours.
    """
    shape: Shape = "exponential" if gap > 0 else "linear"
    told = f"AIC differs by {abs(gap):.1f} in favour of {shape}"
    if abs(gap) < SUBSTANTIAL:
        return "undecided", f"{told}, less than {SUBSTANTIAL:g}"
    if better.slope_interval.low <= 0:
        return "undecided", f"{told}, but its slope may be 0: nothing is seen to grow"
    return shape, told


def _verdict(gap: float, interval: Interval | None, better: Fit) -> tuple[Shape, str]:
    shape, told = nearer(gap, better)
    if shape == "undecided" or interval is None:
        return shape, told
    if math.isnan(interval.low) or interval.low <= 0 <= interval.high:
        return "undecided", f"{told}, but over resampled problems the difference has either sign"
    return shape, f"{told}, and so over resampled problems"


__all__ = ["LEAST_HORIZONS", "SUBSTANTIAL", "Fit", "Growth", "Shape", "growth", "nearer"]
