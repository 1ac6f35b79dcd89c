r"""Comparing methods at equal spend, or saying that they cannot be compared.

Two curves (:mod:`~.curves`) are read at the same spend. Only if both were measured there, on the same problems, and the
two spends agree within 5% is there a comparison at all; otherwise the result is a :class:`NotComparable` that says why,
and no winner is named by anyone.

**Interval.** 95% bootstrap over problems, all seeds of a problem together. The mean spend of each point is
itself an estimate: had the problems drawn been dearer, the same spend would have bought less. To first order problem
*i* therefore counts with :math:`r_i - a'(s)\,(s_i - s)`: its right-share less what its own spend above the mean is
worth on the slope of the curve. The mean of that over problems is the interpolated accuracy.

**Test.** Exact McNemar where both readings are measured points with one attempt per problem; else flips of the signs of
the per-problem differences, of which McNemar's is the special case (:func:`~.statistics.sign_flip`).

**Saturated methods.** One that stops by itself (a single greedy answer, say) spends no more however high its cap is,
and no ladder brings its curve to a higher spend. There it is read at what it *did* spend, and the comparison says so:
it is none at equal spend. Only the saturated method can win it, because it had less; that the other is better for more
is told and is no win.

**Winner.** Named where the p-value is at most 5% (after Holm, in a family of comparisons) *and* the interval excludes
0.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..planner.errors import ConfigError
from .curves import AXES, TOLERANCE, Axis, Curve, Point, Reading, Tried, curves, ladder, spend, tokens
from .statistics import Estimate, Interval, clustered_mean, holm, mcnemar, paired_difference, sign_flip

__all__ = [
    "AXES",
    "TOLERANCE",
    "Area",
    "Axis",
    "Comparison",
    "Curve",
    "NotComparable",
    "Point",
    "Reading",
    "Tried",
    "area",
    "compare",
    "compare_areas",
    "compare_budget",
    "curves",
    "in_family",
    "ladder",
    "needed",
    "spend",
    "tokens",
]

Reason = Literal["outside", "spends differ", "other problems", "no common range"]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class NotComparable:
    """Two methods that were not compared, and why. There is no winner to ask for.

    Attributes:
        first: One method.
        second: The other.
        reason: ``outside`` (the spend lies outside what was measured of one), ``spends differ`` (by more than the
            tolerance), ``other problems`` (not the same ones), ``no common range`` (the curves share no spend).
        detail: One line with the numbers.
    """

    first: str
    second: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.first} and {self.second} cannot be compared: {self.detail}"


@dataclass(frozen=True)
class Comparison:
    """Two methods at equal spend.

    Attributes:
        first: One method.
        second: The other.
        at: The spend asked for; for areas the middle (geometric) of the shared range.
        spends: The spends at which the two were read.
        accuracies: Their accuracies there.
        difference: First minus second.
        interval: Its 95% interval.
        p: Two-sided p-value of no difference.
        test: ``mcnemar`` or ``sign-flip``.
        problems: How many problems.
        adjusted: The p-value adjusted for the family it is part of; the p-value itself outside of one.
        level: What it is held against.
        saturated: The method that spends no more whatever its cap, and was read at that lower spend; None where both
            were read at the same spend.
    """

    first: str
    second: str
    at: float
    spends: tuple[float, float]
    accuracies: tuple[float, float]
    difference: float
    interval: Interval
    p: float
    test: Literal["mcnemar", "sign-flip"]
    problems: int
    adjusted: float
    level: float = 0.05
    saturated: str | None = None

    @property
    def better(self) -> str | None:
        """The method that was more often right, spends aside, or None where the data do not tell."""
        apart = self.interval.low > 0.0 or self.interval.high < 0.0  # neither, where there is no interval
        if self.adjusted > self.level or not apart:
            return None
        return self.first if self.difference > 0 else self.second

    @property
    def winner(self) -> str | None:
        """The better method at this spend or, of two that spent unequally, the one that is better for less."""
        return self.better if self.saturated in (None, self.better) else None


def compare(
    first: Curve,
    second: Curve,
    at: float,
    *,
    rng: np.random.Generator,
    tolerance: float = TOLERANCE,
    level: float = 0.05,
    draws: int = 10_000,
) -> Comparison | NotComparable:
    """Compares two methods at one spend, or one there with another that is saturated below it.

    Args:
        first: One curve.
        second: The other, on the same axis.
        at: The spend.
        rng: Randomness of the bootstrap and the test.
        tolerance: Largest relative difference of the two spends; beyond it there is no comparison.
        level: Level of the test, for one comparison alone.
        draws: Resamples of the bootstrap, and patterns of signs.
    """
    readings: list[Reading] = []
    saturated = _saturated(first, second, at, tolerance)
    for curve in (first, second):
        reading = _at_cap(curve.saturated) if curve is saturated and curve.saturated else curve.read(at, tolerance)
        if reading is None:
            low, high = curve.span
            told = f"{curve.method} was measured from {low:.4g} to {high:.4g}, not at {at:.4g}"
            return NotComparable(first.method, second.method, "outside", told)
        readings.append(reading)
    name = saturated.method if saturated is not None else None
    return _judged(first, second, readings[0], readings[1], at, rng, tolerance, level, draws, name)


def _saturated(first: Curve, second: Curve, at: float, tolerance: float) -> Curve | None:
    """The curve that ends below a spend because its method cannot spend more, where the other one reaches it."""
    below = [c for c in (first, second) if c.saturated is not None and c.span[1] * (1 + tolerance) < at]
    return below[0] if len(below) == 1 else None


def _at_cap(point: Point) -> Reading:
    """A measured point, at its own spend."""
    single = bool((point.attempts == 1).all())
    return Reading(point.spend, point.accuracy, point.shares, point.spends, 0.0, single)


def compare_budget(
    first: Curve,
    second: Curve,
    budget: int,
    *,
    rng: np.random.Generator,
    tolerance: float = TOLERANCE,
    level: float = 0.05,
    draws: int = 10_000,
) -> Comparison | NotComparable:
    """Compares two methods at the same cap, as measured; refused where what they spent under it differs.

    Equal caps are no equal spends: a method that stops early has spent less.

    Raises:
        ConfigError: A curve has no point at this budget.
    """
    readings: list[Reading] = []
    for curve in (first, second):
        point = next((point for point in curve.points if point.budget == budget), None)
        if point is None:
            raise ConfigError(f"{curve.method} was not run at budget {budget}")
        readings.append(_at_cap(point))
    return _judged(first, second, readings[0], readings[1], float(budget), rng, tolerance, level, draws)


def _judged(
    first: Curve,
    second: Curve,
    one: Reading,
    other: Reading,
    at: float,
    rng: np.random.Generator,
    tolerance: float,
    level: float,
    draws: int,
    saturated: str | None = None,
) -> Comparison | NotComparable:
    refused = _refused(first, second)
    if refused is not None:
        return refused
    gap = max(one.spend, other.spend) / min(one.spend, other.spend) - 1
    if gap > tolerance and saturated is None:
        told = f"they spent {one.spend:.4g} and {other.spend:.4g}, {gap:.0%} apart (at most {tolerance:.0%})"
        return NotComparable(first.method, second.method, "spends differ", told)
    counted = _counted(one) - _counted(other)
    if one.single and other.single:
        test: Literal["mcnemar", "sign-flip"] = "mcnemar"
        p = mcnemar((one.shares > 0.5).tolist(), (other.shares > 0.5).tolist())
    else:
        test, p = "sign-flip", sign_flip(counted, rng=rng, draws=draws)
    return Comparison(
        first=first.method,
        second=second.method,
        at=at,
        spends=(one.spend, other.spend),
        accuracies=(one.accuracy, other.accuracy),
        difference=one.accuracy - other.accuracy,
        interval=paired_difference(_list(counted), [0.0] * counted.size, rng=rng, draws=draws),
        p=p,
        test=test,
        problems=counted.size,
        adjusted=p,
        level=level,
        saturated=saturated,
    )


def _refused(first: Curve, second: Curve) -> NotComparable | None:
    if first.problems == second.problems:
        return None
    alone = set(first.problems) ^ set(second.problems)
    told = f"{len(alone)} problems were tried by one of them only; compare over the same ones"
    return NotComparable(first.method, second.method, "other problems", told)


def _counted(reading: Reading) -> NDArray[np.float64]:
    """What each problem counts: its right-share, less what its own spend above the mean is worth."""
    return reading.shares - reading.slope * (reading.spends - reading.spend)


def _list(values: NDArray[np.float64]) -> list[float]:
    return [float(value) for value in values]


def in_family(
    comparisons: Mapping[Name, Comparison | NotComparable], level: float = 0.05
) -> dict[Name, Comparison | NotComparable]:
    """The same comparisons with p-values adjusted by Holm over all of them; those that could not be made stay so.

    The family is what was planned, so that what cannot be compared does not make the others easier: each of these
    counts as a p-value of 1.
    """
    adjusted = holm({name: entry.p if isinstance(entry, Comparison) else 1.0 for name, entry in comparisons.items()})
    return {
        name: replace(entry, adjusted=adjusted[name].adjusted, level=level) if isinstance(entry, Comparison) else entry
        for name, entry in comparisons.items()
    }


@dataclass(frozen=True)
class Area:
    """The mean accuracy of one method over a range of spend.

    Attributes:
        method: The method.
        low: Lower end of the range.
        high: Upper end.
        accuracy: The mean over the logarithm of spend, with its interval.
    """

    method: str
    low: float
    high: float
    accuracy: Estimate


def _log_weights(curve: Curve, low: float, high: float) -> NDArray[np.float64]:
    r"""Weights of a curve's points in :math:`\int a(s)\, d\ln s / \ln(high/low)`, exact for a piecewise linear curve.

    Over a segment, :math:`\int (s - s_0)/(s_1 - s_0)\, d\ln s = ((y - x) - s_0 \ln(y/x))/(s_1 - s_0)` from x to y.
    """
    found = np.zeros(len(curve.points))
    for index, (below, above) in enumerate(zip(curve.points, curve.points[1:], strict=False)):
        x, y = max(low, below.spend), min(high, above.spend)
        if x >= y:
            continue
        whole = np.log(y / x)
        upper = ((y - x) - below.spend * whole) / (above.spend - below.spend)
        found[index + 1] += upper
        found[index] += whole - upper
    return np.asarray(found / np.log(high / low), dtype=np.float64)


def _over(curve: Curve, low: float, high: float) -> NDArray[np.float64]:
    weights = _log_weights(curve, low, high)
    shares = np.stack([point.shares for point in curve.points])
    return np.asarray(weights @ shares, dtype=np.float64)


def area(curve: Curve, low: float, high: float, *, rng: np.random.Generator, draws: int = 10_000) -> Area:
    """Mean accuracy over a range of log spend, each doubling of the spend counting the same.

    The measured mean spends are taken as given here; the interval is over problems.

    Raises:
        ConfigError: The range is empty or not within what was measured.
    """
    start, end = curve.span
    if not start * (1 - 1e-9) <= low < high <= end * (1 + 1e-9):
        raise ConfigError(
            f"{curve.method} was measured from {start:.4g} to {end:.4g}, not from {low:.4g} to {high:.4g}"
        )
    means = _over(curve, low, high)
    return Area(curve.method, low, high, clustered_mean(means, curve.problems, rng=rng, draws=draws))


def compare_areas(
    first: Curve, second: Curve, *, rng: np.random.Generator, level: float = 0.05, draws: int = 10_000
) -> Comparison | NotComparable:
    """Compares two methods over all the spends at which both were measured: one number for two whole curves.

    Curves that cross may well have the same area; look at them.
    """
    refused = _refused(first, second)
    if refused is not None:
        return refused
    low, high = (pick(ends) for pick, ends in zip((max, min), zip(first.span, second.span, strict=True), strict=True))
    if low >= high:
        told = f"one was measured up to {high:.4g}, the other from {low:.4g}"
        return NotComparable(first.method, second.method, "no common range", told)
    one, other = _over(first, low, high), _over(second, low, high)
    p = sign_flip(one - other, rng=rng, draws=draws)
    middle = float(np.sqrt(low * high))
    return Comparison(
        first=first.method,
        second=second.method,
        at=middle,
        spends=(middle, middle),
        accuracies=(float(one.mean()), float(other.mean())),
        difference=float((one - other).mean()),
        interval=paired_difference(_list(one), _list(other), rng=rng, draws=draws),
        p=p,
        test="sign-flip",
        problems=one.size,
        adjusted=p,
        level=level,
    )


def needed(curve: Curve, accuracy: float, *, rng: np.random.Generator, draws: int = 1_000) -> Sequence[float]:
    """The spend needed for an accuracy, first as measured and then for each of ``draws`` sets of resampled problems.

    NaN where it is not reached. These are the replicates that :func:`~.statistics.growth` takes.
    """
    count = len(curve.problems)
    drawn = (curve.resampled(rng.integers(count, size=count)).needed(accuracy) for _ in range(draws))
    return [curve.needed(accuracy), *drawn]
