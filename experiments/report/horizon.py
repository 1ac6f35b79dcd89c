"""Accuracy and cost against the size of problems: does the cost of a right answer grow linearly or exponentially?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ...planner.errors import ConfigError
from ..matching import Axis, Curve, needed
from ..statistics import clustered_mean, growth
from .loading import Tried, stream
from .records import Horizon, HorizonPoint, Value

__all__ = ["ASKED", "BESIDE", "horizons"]

ASKED = 0.8
"""The accuracy whose cost is followed."""
BESIDE = ("best-of-plans", "best-of-answers", "self-consistency", "direct")
"""What stands beside the method that is judged."""
_LEAST = 5
_MOST_SIZES = 12
_BINS = 6
_REPLICATES = 200


def horizons(rows: Sequence[Tried], primary: str, axis: Axis, draws: int) -> tuple[Horizon, ...]:
    """By family, pooled over levels and runs.

    Args:
        rows: All attempts.
        primary: The method that is judged.
        axis: The scale of cost.
        draws: Resamples of each interval.
    """
    made: list[Horizon] = []
    for family in sorted({row.family for row in rows}):
        own = [row for row in rows if row.family == family]
        bins = _bins({row.problem: row.size for row in own})
        if len(bins) < 2:
            continue
        by_method = {
            method: [_curve([row for row in own if row.method == method and row.problem in members], axis)
                     for members in bins.values()]
            for method in (primary, *BESIDE)
            if any(row.method == method for row in own)
        }  # fmt: skip
        if primary not in by_method:
            continue
        at = [
            None if curve is None else max(curve.points, key=lambda p: p.budget).spend for curve in by_method[primary]
        ]
        for method, curves in by_method.items():
            made.append(_horizon(family, method, list(bins), curves, at, draws))
    return tuple(made)


def _bins(sizes: Mapping[str, int]) -> dict[float, frozenset[str]]:
    """Problems by size; many sizes are put together in bins of equally many problems, at their mean size."""
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
    return {size: frozenset(found[size]) for size in sorted(found) if len(found[size]) >= _LEAST}


def _curve(rows: Sequence[Tried], axis: Axis) -> Curve | None:
    try:
        return Curve.of(rows, axis)
    except ConfigError:
        return None


def _horizon(
    family: str,
    method: str,
    sizes: Sequence[float],
    curves: Sequence[Curve | None],
    at: Sequence[float | None],
    draws: int,
) -> Horizon:
    points: list[HorizonPoint] = []
    replicates: list[Sequence[float]] = []
    again = min(draws, _REPLICATES)
    for size, curve, spend in zip(sizes, curves, at, strict=True):
        reading = None if curve is None or spend is None else curve.read(spend)
        value = None
        if curve is not None and reading is not None:
            rng = stream("horizon", family, method, size)
            value = Value.share(clustered_mean(reading.shares, curve.problems, rng=rng, draws=draws))
        costs = [math.nan] * (1 + again)
        if curve is not None:
            costs = list(needed(curve, ASKED, rng=stream("needed", family, method, size), draws=again))
        early = curve is not None and curve.points[0].accuracy >= ASKED
        points.append(HorizonPoint(size, math.nan if spend is None else spend, value, costs[0], early))
        replicates.append(costs[1:])
    found = growth(sizes, [point.needed for point in points], np.asarray(replicates).T)
    return Horizon(family, method, tuple(points), found.shape, found.reason)
