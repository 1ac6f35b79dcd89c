"""What a report says of accuracy and cost against the size of problems, as plain frozen records."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .records import Value

__all__ = ["Horizon", "HorizonPoint", "Line"]


@dataclass(frozen=True)
class HorizonPoint:
    """A method on problems of one size.

    Attributes:
        size: The size or the needed steps, or the mean size of a bin.
        problems: How many problems.
        spend: Where it was read: what the primary method spent on these problems at its highest budget.
        accuracy: Its accuracy there, None where that lies outside what was measured of it.
        needed: Spend needed for 80%; NaN where it was not reached.
        needed_low: Lower end of its 95% interval over problems; NaN without any.
        needed_high: Upper end; infinite where a share of the resamples does not reach it.
        most: The largest spend that was measured.
        at_start: Whether its lowest budget reached that already, so that less might have sufficed.
    """

    size: float
    problems: int
    spend: float
    accuracy: Value | None
    needed: float
    needed_low: float
    needed_high: float
    most: float
    at_start: bool


@dataclass(frozen=True)
class Line:
    """A fitted growth, linear in tokens or in their logarithm.

    Attributes:
        intercept: At horizon 0.
        slope: By step.
        low: Lower end of its 95% interval.
        high: Upper end.
    """

    intercept: float
    slope: float
    low: float
    high: float


@dataclass(frozen=True)
class Horizon:
    """Accuracy and cost against size, of one method on one family.

    Attributes:
        family: The family.
        method: The method.
        points: By size.
        shape: ``linear``, ``exponential`` or ``undecided``: growth of the spend needed for 80%.
        reason: Why.
        by: What the horizon counts: ``size`` or ``needed steps``.
        linear: The fit on the scale of tokens, None where none could be made.
        exponential: The fit on the scale of their logarithm.
        gap: AIC of the linear fit less that of the exponential one: above 0 the exponential is nearer.
        gap_low: Lower end of its 95% interval over resampled problems.
        gap_high: Upper end.
        agreeing: Share of the resamples in which the exponential is nearer.
    """

    family: str
    method: str
    points: tuple[HorizonPoint, ...]
    shape: str
    reason: str
    by: str = "size"
    linear: Line | None = None
    exponential: Line | None = None
    gap: float = math.nan
    gap_low: float = math.nan
    gap_high: float = math.nan
    agreeing: float = math.nan

    @property
    def said(self) -> str:
        """How the spend needed grows, in one sentence."""
        told = f"{self.method} on {self.family}: the spend needed grows "
        if self.shape == "linear" and self.linear is not None:
            line = self.linear
            told += f"linearly, {line.slope:,.0f} a step [{line.low:,.0f}, {line.high:,.0f}]"
        elif self.shape == "exponential" and self.exponential is not None:
            line = self.exponential
            ends = [math.log(2) / end if end > 0 else math.inf for end in (line.high, line.low)]
            told += f"exponentially, twofold every {math.log(2) / line.slope:.3g} steps [{ends[0]:.3g}, {ends[1]:.3g}]"
        else:
            told = f"{self.method} on {self.family}: how the spend needed grows is undecided"
        return f"{told} ({self.reason})."
