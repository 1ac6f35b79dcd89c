"""Numbers and untrusted words as they stand on a page."""

from __future__ import annotations

import math

from .records import Value

__all__ = ["clean", "number", "percent", "points", "probability", "whole"]

NONE = "-"
"""What stands where there is no number."""


def clean(text: object, most: int = 200) -> str:
    """Text on one line without control characters, cut at a length; markup is escaped where it is put on a page."""
    shown = "".join(c if c.isprintable() else " " for c in " ".join(str(text).split()))
    return shown if len(shown) <= most else shown[: most - 3] + "..."


def _count(value: Value) -> str:
    return f"n = {value.n:,}" if value.unit == "problems" else f"n = {value.n:,} {value.unit}"


def _estimate(value: Value | None, form: str, scale: float = 1, unit: str = "") -> str:
    """A number with its interval and count, each written in a form after it is scaled."""
    if value is None or math.isnan(value.value):
        return NONE
    told = f"{scale * value.value:{form}}{unit}"
    if math.isfinite(value.low):
        told += f" [{scale * value.low:{form}}, {scale * value.high:{form}}]"
    return f"{told}, {_count(value)}"


def percent(value: Value | None) -> str:
    """A share with its interval and count, in percent."""
    return _estimate(value, ".1f", 100, "%")


def points(value: Value | None) -> str:
    """A difference of shares with its interval and count, in points."""
    return _estimate(value, "+.1f", 100)


def number(value: Value | None) -> str:
    """A plain number with its interval and count."""
    return _estimate(value, ".3f")


def whole(value: float) -> str:
    """An amount: no digits behind the point where it is large."""
    if math.isnan(value):
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.3g}"


def probability(value: float) -> str:
    """A p-value."""
    if math.isnan(value):
        return NONE
    return f"{value:.2g}" if value >= 0.001 else f"{value:.1e}"
