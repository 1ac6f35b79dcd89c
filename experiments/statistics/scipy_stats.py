"""Where scipy comes in: on first use, so that what needs no statistics does not wait for it."""

from __future__ import annotations

from typing import Any

from ...planner.errors import MissingExtra


def scipy_stats() -> Any:
    """The module ``scipy.stats``.

    Raises:
        MissingExtra: scipy is not installed.
    """
    try:
        from scipy import stats
    except ModuleNotFoundError as error:
        raise MissingExtra("this statistic", package="scipy") from error
    return stats


def scipy_special() -> Any:
    """The module ``scipy.special``.

    Raises:
        MissingExtra: scipy is not installed.
    """
    try:
        from scipy import special
    except ModuleNotFoundError as error:
        raise MissingExtra("this statistic", package="scipy") from error
    return special


__all__ = ["scipy_special", "scipy_stats"]
