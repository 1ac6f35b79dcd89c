r"""Accuracy against cost: what was measured at each rung of the ladder of budgets, and what lies between.

A method is run at a ladder of budgets (caps). At each it spends what it spends; the *mean measured spend*, never the
cap, is where the point stands. Between two neighbouring points accuracy is interpolated **linearly in spend**, because
that is what a user can really have: whoever takes the lower budget with chance :math:`1 - w` and the higher one with
chance :math:`w` spends :math:`(1 - w) s_0 + w s_1` on average and is right with :math:`(1 - w) a_0 + w a_1`. (Linear in
the logarithm would promise more than that wherever a curve rises.) Outside the measured range there is no value.

Nothing is smoothed and no monotone envelope is drawn: where more spend makes a method worse, the curve falls, and
:attr:`Curve.falls` says where. The best point so far is not what a user gets who does not know the answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..planner.errors import ConfigError
from ..planner.ledger import Usage

__all__ = ["AXES", "Axis", "Curve", "Point", "Reading", "Tried", "curves", "ladder", "spend"]

Floats = NDArray[np.float64]
TOLERANCE = 0.05
"""Largest relative difference of two spends that still counts as the same spend."""
SATURATION = 1.5
"""How many times the next lower cap the highest one must be before a spend that stays the same is called saturated."""
MEASURED = 1e-9
"""Relative distance below which a spend is that of a measured point."""


class Tried(Protocol):
    """What is read of an attempt; a run's ``Attempt`` has it all."""

    @property
    def problem(self) -> str:
        """The problem's id."""

    @property
    def method(self) -> str:
        """The method's name."""

    @property
    def budget(self) -> int:
        """Cap on total tokens."""

    @property
    def seed(self) -> int:
        """The seed."""

    @property
    def right(self) -> bool:
        """Whether the answer is right."""

    @property
    def seconds(self) -> float:
        """Wall seconds."""

    @property
    def spent(self) -> Usage:
        """What it cost, all roles together."""


def spend(usage: Usage, cached_weight: float = 1.0) -> float:
    """The primary cost, in tokens: uncached prompt, ``cached_weight`` times cached prompt, and completion tokens.

    All roles count, and so do rejected proposals and verifiers: they were paid for.

    Args:
        usage: What was spent.
        cached_weight: What a prompt token from a prefix cache counts; 1.0 unless stated otherwise wherever the result
            is shown (vendors of APIs charge about 0.1).
    """
    cached = usage.cached_prompt_tokens
    return usage.prompt_tokens - cached + cached_weight * cached + usage.completion_tokens


Axis = Callable[[Tried], float]
"""What an attempt cost, on one scale."""

AXES: Mapping[str, Axis] = {
    "tokens": lambda tried: spend(tried.spent),
    "completion": lambda tried: float(tried.spent.completion_tokens),
    "flops": lambda tried: tried.spent.flops,
    "calls": lambda tried: float(tried.spent.calls + tried.spent.retries),
    "verifier_seconds": lambda tried: tried.spent.verifier_seconds,
    "seconds": lambda tried: tried.seconds,
}
"""The scales of cost by name; ``tokens`` is the primary one, with a cached weight of 1."""


def tokens(cached_weight: float) -> Axis:
    """The primary scale with another weight for cached prompt tokens."""
    return lambda tried: spend(tried.spent, cached_weight)


class Point(NamedTuple):
    """A method at one budget.

    Attributes:
        budget: The cap.
        spend: Mean measured spend per problem (mean over problems of the mean over seeds).
        accuracy: Mean over problems of the share of seeds that were right.
        shares: That share, problem by problem, in the order of the curve's problems.
        spends: The mean spend, problem by problem.
        attempts: Attempts at each problem.
    """

    budget: int
    spend: float
    accuracy: float
    shares: Floats
    spends: Floats
    attempts: NDArray[np.int64]


class Reading(NamedTuple):
    """A curve read at one spend.

    Attributes:
        spend: Where it was read: the spend asked for, or that of the end point next to it.
        accuracy: The accuracy there.
        shares: Problem by problem.
        spends: Each problem's own spend there; its mean is ``spend``.
        slope: Accuracy per unit of spend there, 0 at the ends.
        single: Whether it is a measured point with one attempt per problem, so that each share is right or wrong.
    """

    spend: float
    accuracy: float
    shares: Floats
    spends: Floats
    slope: float
    single: bool


@dataclass(frozen=True)
class Curve:
    """A method over the ladder.

    Attributes:
        method: The method's name.
        problems: Ids of the problems, each tried at every budget.
        points: By ascending mean spend.
        dropped: Problems that were not tried at every budget and so are not part of the curve.
        idle: Budgets at which nothing was spent on any problem, since they pay for no call: they are no points.
    """

    method: str
    problems: tuple[str, ...]
    points: tuple[Point, ...]
    dropped: tuple[str, ...] = ()
    idle: tuple[int, ...] = ()

    @classmethod
    def of(cls, attempts: Iterable[Tried], axis: Axis | str = "tokens") -> Curve:
        """The curve of one method.

        Args:
            attempts: Attempts of one method.
            axis: The scale of cost, or its name in :data:`AXES`.

        Raises:
            ConfigError: No attempts, those of several methods, no problem that was tried at every budget, no such
                axis, or no spend above 0 at any budget.
        """
        cost = _axis(axis)
        cells: dict[int, dict[str, list[Tried]]] = {}
        names: dict[str, None] = {}
        for attempt in attempts:
            names[attempt.method] = None
            cells.setdefault(attempt.budget, {}).setdefault(attempt.problem, []).append(attempt)
        if len(names) != 1:
            raise ConfigError(f"a curve is of one method; given: {', '.join(names) or 'no attempts'}")
        every = sorted(set().union(*cells.values()))
        kept = tuple(name for name in every if all(name in cell for cell in cells.values()))
        if not kept:
            raise ConfigError(f"{next(iter(names))}: no problem was tried at each of {len(cells)} budgets")
        tried = {budget: [cells[budget][name] for name in kept] for budget in sorted(cells)}
        idle = tuple(b for b, rows in tried.items() if not any(cost(one) > 0 for cell in rows for one in cell))
        if len(idle) < len(tried):
            tried = {budget: rows for budget, rows in tried.items() if budget not in idle}
        points = sorted((_point(budget, rows, cost) for budget, rows in tried.items()), key=lambda point: point.spend)
        return cls(next(iter(names)), kept, tuple(points), tuple(name for name in every if name not in kept), idle)

    @property
    def span(self) -> tuple[float, float]:
        """Least and greatest mean spend that was measured."""
        return self.points[0].spend, self.points[-1].spend

    @cached_property
    def falls(self) -> tuple[tuple[float, float], ...]:
        """Stretches of spend over which the measured accuracy falls."""
        pairs = zip(self.points, self.points[1:], strict=False)
        return tuple((a.spend, b.spend) for a, b in pairs if b.accuracy < a.accuracy)

    @cached_property
    def saturated(self) -> Point | None:
        """The point at the highest cap, where that cap buys nothing more: the method spends this and no more.

        So it is where the highest cap is at least 1.5 times the next lower one and the mean spend is within 5% of that
        under it (or below). None where the spend still rises, or where there is one cap only, which cannot tell.
        """
        by_cap = sorted(self.points, key=lambda point: point.budget)
        if len(by_cap) < 2:
            return None
        below, top = by_cap[-2:]
        flat = top.budget >= SATURATION * below.budget and top.spend <= below.spend * (1 + TOLERANCE)
        return top if flat and self.span[1] <= top.spend * (1 + TOLERANCE) else None

    def weights(self, at: float) -> Floats | None:
        """The weights of the points whose mixture spends ``at`` on average; None outside the measured range."""
        low, high = self.span
        if not low * (1 - MEASURED) <= at <= high * (1 + MEASURED):
            return None
        found = np.zeros(len(self.points))
        spends = [point.spend for point in self.points]
        nearest = min(range(len(spends)), key=lambda index: abs(spends[index] - at))
        if abs(spends[nearest] - at) <= MEASURED * at:
            found[nearest] = 1.0
            return found
        above = next(index for index, value in enumerate(spends) if value > at)
        share = (at - spends[above - 1]) / (spends[above] - spends[above - 1])
        found[above - 1], found[above] = 1 - share, share
        return found

    def read(self, at: float, tolerance: float = TOLERANCE) -> Reading | None:
        """The curve at a spend; None where that is outside the measured range by more than the tolerance.

        Within the tolerance the end point itself is read, at its own spend: that is a measurement, no extrapolation.
        """
        low, high = self.span
        if not low * (1 - tolerance) <= at <= high * (1 + tolerance):
            return None
        at = min(max(at, low), high)
        weights = self.weights(at)
        assert weights is not None, "the range was checked above"
        used = np.flatnonzero(weights)
        shares = sum((weights[i] * self.points[i].shares for i in used), np.zeros(len(self.problems)))
        spends = sum((weights[i] * self.points[i].spends for i in used), np.zeros(len(self.problems)))
        slope, single = 0.0, False
        if used.size == 2:
            below, above = self.points[used[0]], self.points[used[1]]
            slope = (above.accuracy - below.accuracy) / (above.spend - below.spend)
        else:
            single = bool((self.points[used[0]].attempts == 1).all())
        return Reading(at, float(shares.mean()), shares, spends, slope, single)

    def needed(self, accuracy: float) -> float:
        """The least spend at which the curve reaches an accuracy; NaN where it does not within the measured range.

        On a curve that falls again later it is the first time. The first point itself counts as reached at its spend,
        although less might have sufficed: a ladder must begin below the accuracy that is asked for.
        """
        if self.points[0].accuracy >= accuracy:
            return self.points[0].spend
        for below, above in zip(self.points, self.points[1:], strict=False):
            if above.accuracy >= accuracy:
                share = (accuracy - below.accuracy) / (above.accuracy - below.accuracy)
                return below.spend + share * (above.spend - below.spend)
        return math.nan

    def resampled(self, picks: NDArray[np.intp]) -> Curve:
        """The curve of drawn problems (positions, with repetition), for a bootstrap; points are put in order anew."""
        points = [
            Point(
                budget=point.budget,
                spend=float(point.spends[picks].mean()),
                accuracy=float(point.shares[picks].mean()),
                shares=point.shares[picks],
                spends=point.spends[picks],
                attempts=point.attempts[picks],
            )
            for point in self.points
        ]
        points.sort(key=lambda point: point.spend)
        return Curve(self.method, tuple(self.problems[i] for i in picks), tuple(points))


def _axis(axis: Axis | str) -> Axis:
    if not isinstance(axis, str):
        return axis
    if axis not in AXES:
        raise ConfigError(f"no axis {axis!r}; there are {', '.join(AXES)}")
    return AXES[axis]


def _point(budget: int, cells: Sequence[Sequence[Tried]], cost: Axis) -> Point:
    shares = np.asarray([np.mean([bool(tried.right) for tried in cell]) for cell in cells])
    spends = np.asarray([np.mean([cost(tried) for tried in cell]) for cell in cells])
    attempts = np.asarray([len(cell) for cell in cells], dtype=np.int64)
    mean = float(spends.mean())
    if not mean > 0:
        raise ConfigError(
            f"{cells[0][0].method} at budget {budget}: mean spend is {mean:g}; this scale was not measured"
        )
    return Point(budget, mean, float(shares.mean()), shares, spends, attempts)


def curves(attempts: Iterable[Tried], axis: Axis | str = "tokens") -> dict[str, Curve]:
    """The curve of every method, by name, in order of first appearance.

    Raises:
        ConfigError: As for :meth:`Curve.of`.
    """
    by_method: dict[str, list[Tried]] = {}
    for attempt in attempts:
        by_method.setdefault(attempt.method, []).append(attempt)
    return {name: Curve.of(found, axis) for name, found in by_method.items()}


def ladder(lowest: int, highest: int, rungs: int) -> tuple[int, ...]:
    """Budgets in equal steps of their logarithm, both ends included, without repetition.

    Raises:
        ConfigError: The ends or the number of rungs make no ladder.
    """
    if not 0 < lowest < highest or rungs < 2:
        raise ConfigError(f"no ladder from {lowest} to {highest} with {rungs} rungs: 0 < lowest < highest, 2 rungs")
    return tuple(dict.fromkeys(round(float(rung)) for rung in np.geomspace(lowest, highest, rungs)))
