"""Which budgets would bring a curve to a spend at which it was not measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Rung", "further"]


class Rung(Protocol):
    """A measured point, as far as it matters here."""

    @property
    def budget(self) -> int:
        """The cap."""

    @property
    def spend(self) -> float:
        """The mean measured spend."""


def further(points: Sequence[Rung], at: float) -> int | None:
    """The cap, to two digits, under which a method may be expected to spend so much; a guess that a run must confirm.

    The nearest end of the curve is scaled: at half its cap a method spends about half. None where the spend lies within
    what was measured, or there is nothing to scale.

    Args:
        points: What was measured.
        at: The spend.
    """
    if not points:
        return None
    low, high = min(points, key=lambda point: point.spend), max(points, key=lambda point: point.spend)
    end = low if at < low.spend else high if at > high.spend else None
    return None if end is None else int(float(f"{end.budget * at / end.spend:.2g}"))
