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


def scipy_optimize() -> Any:
    """The module ``scipy.optimize``.

    Raises:
        MissingExtra: scipy is not installed.
    """
    try:
        from scipy import optimize
    except ModuleNotFoundError as error:
        raise MissingExtra("this statistic", package="scipy") from error
    return optimize


__all__ = ["scipy_optimize", "scipy_special", "scipy_stats"]
