"""Accuracy and cost against the size of problems: does the cost of a right answer grow linearly or exponentially?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ...planner.errors import ConfigError
from ..families.registry import STEPS
from ..matching import Axis, Curve
from ..statistics import Cost, Fit, censored_growth, clustered_mean
from .growing import Horizon, HorizonPoint, Line
from .loading import Tried, stream
from .records import Value

__all__ = ["ASKED", "BESIDE", "bins", "cost", "curve_of", "horizons", "read_at", "spent_by"]

ASKED = 0.8
"""The accuracy whose cost is followed."""
BESIDE = ("best-of-plans", "best-of-answers", "self-consistency", "direct")
"""What stands beside the method that is judged."""
LEAST = 5
"""Problems of one size without which nothing is said of it."""
_MOST_SIZES = 12
_BINS = 6
_REPLICATES = 200


def horizons(
    rows: Sequence[Tried], primary: str, axis: Axis, draws: int, beside: Sequence[str] = BESIDE, least: int = LEAST
) -> tuple[Horizon, ...]:
    """By family, pooled over levels and runs.

    Args:
        rows: All attempts.
        primary: The method that is judged.
        axis: The scale of cost.
        draws: Resamples of each interval.
        beside: The methods that stand beside it.
        least: Problems of one size without which nothing is said of it.
    """
    made: list[Horizon] = []
    for family in sorted({row.family for row in rows}):
        own = [row for row in rows if row.family == family]
        by, members = bins(own, least)
        if len(members) < 2:
            continue
        curves = {
            method: [curve_of([r for r in own if r.method == method and r.problem in part], axis)
                     for part in members.values()]
            for method in dict.fromkeys((primary, *beside))
            if any(row.method == method for row in own)
        }  # fmt: skip
        if primary not in curves:
            continue
        at = [spent_by(curve) for curve in curves[primary]]
        counts = [len(part) for part in members.values()]
        for method, found in curves.items():
            made.append(_horizon(family, method, by, list(members), counts, found, at, draws))
    return tuple(made)


def bins(rows: Sequence[Tried], least: int = LEAST) -> tuple[str, dict[float, frozenset[str]]]:
    """What the horizon counts, and the problems at each: needed steps where all levels tell them, else the size.

    Many sizes are put together in bins of equally many problems, at their mean size.
    """
    steps = {row.level for row in rows if row.level.removesuffix(STEPS).isdecimal() and row.level.endswith(STEPS)}
    if steps and all(row.level in steps for row in rows):
        return "needed steps", _bins({row.problem: int(row.level.removesuffix(STEPS)) for row in rows}, least)
    return "size", _bins({row.problem: row.size for row in rows}, least)


def _bins(sizes: Mapping[str, int], least: int) -> dict[float, frozenset[str]]:
    found: dict[float, set[str]] = {}
    distinct = sorted(set(sizes.values()))
    if len(distinct) > _MOST_SIZES:
        edges = np.quantile(np.asarray(list(sizes.values())), np.linspace(0, 1, _BINS + 1)[1:-1])
        grouped: dict[int, list[str]] = {}
        for problem, size in sizes.items():
            grouped.setdefault(int(np.searchsorted(edges, size)), []).append(problem)
        found = {float(np.mean([sizes[name] for name in group])): set(group) for group in grouped.values()}
    else:
        for problem, size in sizes.items():
            found.setdefault(float(size), set()).add(problem)
    return {size: frozenset(found[size]) for size in sorted(found) if len(found[size]) >= least}


def curve_of(rows: Sequence[Tried], axis: Axis) -> Curve | None:
    """The curve of one method on problems of one size, None where there is none."""
    try:
        return Curve.of(rows, axis)
    except ConfigError:
        return None


def read_at(curve: Curve | None, spend: float | None, rng: np.random.Generator, draws: int) -> Value | None:
    """A method's accuracy at a spend with its interval; None where that is outside of what was measured of it."""
    reading = None if curve is None or spend is None else curve.read(spend)
    if curve is None or reading is None:
        return None
    return Value.share(clustered_mean(reading.shares, curve.problems, rng=rng, draws=draws))


def spent_by(curve: Curve | None, budget: int | None = None) -> float | None:
    """What a method spent at a budget, its highest by default; None where it was not run."""
    if curve is None:
        return None
    points = {point.budget: point.spend for point in curve.points}
    return points.get(max(points) if budget is None else budget)


def cost(curve: Curve, accuracy: float = ASKED) -> Cost:
    """The spend needed for an accuracy, as far as the ladder of budgets tells."""
    needed = curve.needed(accuracy)
    if math.isnan(needed):
        return Cost(curve.span[1], "above")
    return Cost(needed, "below" if curve.points[0].accuracy >= accuracy else "exact")


def _horizon(
    family: str,
    method: str,
    by: str,
    sizes: Sequence[float],
    counts: Sequence[int],
    curves: Sequence[Curve | None],
    at: Sequence[float | None],
    draws: int,
) -> Horizon:
    points: list[HorizonPoint] = []
    measured: list[float] = []
    costs: list[Cost] = []
    replicates: list[list[Cost]] = []
    for size, count, curve, spend in zip(sizes, counts, curves, at, strict=True):
        here, again = None, []
        if curve is not None:
            here, again = cost(curve), _again(curve, min(draws, _REPLICATES), stream("needed", family, method, size))
            measured.append(size)
            costs.append(here)
            replicates.append(again)
        low, high = _ends(again)
        points.append(
            HorizonPoint(
                size=size,
                problems=count,
                spend=math.nan if spend is None else spend,
                accuracy=read_at(curve, spend, stream("horizon", family, method, size), draws),
                needed=math.nan if here is None or here.side == "above" else here.tokens,
                needed_low=low,
                needed_high=high,
                most=math.nan if curve is None else curve.span[1],
                at_start=here is not None and here.side == "below",
            )
        )
    found = censored_growth(measured, costs, [list(row) for row in zip(*replicates, strict=True)])
    low, high = found.growth.gap_interval or (math.nan, math.nan)
    return Horizon(
        family=family,
        method=method,
        points=tuple(points),
        shape=found.shape,
        reason=found.reason,
        by=by,
        linear=_line(found.growth.linear),
        exponential=_line(found.growth.exponential),
        gap=found.growth.gap,
        gap_low=low,
        gap_high=high,
        agreeing=found.exponential,
    )


def _again(curve: Curve, draws: int, rng: np.random.Generator) -> list[Cost]:
    count = len(curve.problems)
    return [cost(curve.resampled(rng.integers(count, size=count))) for _ in range(draws)]


def _ends(costs: Sequence[Cost]) -> tuple[float, float]:
    """The middle 95% of costs; what was not reached is greater than all that was."""
    if len(costs) < 2:
        return math.nan, math.nan
    values = [math.inf if found.side == "above" else found.tokens for found in costs]
    low, high = np.quantile(np.asarray(values), [0.025, 0.975], method="inverted_cdf")
    return float(low), float(high)


def _line(fit: Fit | None) -> Line | None:
    return None if fit is None else Line(fit.intercept, fit.slope, fit.slope_interval.low, fit.slope_interval.high)
