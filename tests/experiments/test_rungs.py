"""Budgets that would bring a curve to a spend: scaled from its nearest end, and only outside of what was measured."""

from __future__ import annotations

from typing import NamedTuple

from planneal.experiments.rungs import further


class At(NamedTuple):
    budget: int
    spend: float


def test_the_nearest_end_is_scaled():
    points = [At(500, 441.5), At(4000, 3600.0)]
    assert further(points, 284) == 320
    assert further(points, 7200) == 8000
    assert further(points, 1000) is None
    assert further([], 1000) is None
