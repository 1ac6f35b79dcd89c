"""Where scipy comes in: on first use, so that what needs no statistics does not wait for it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ...planner.errors import MissingExtra


def scipy_stats() -> Any:
    """The module ``scipy.stats``.

    Raises:
        MissingExtra: scipy is not installed.
    """
    return _module("stats")


def scipy_special() -> Any:
    """The module ``scipy.special``.

    Raises:
        MissingExtra: scipy is not installed.
    """
    return _module("special")


def scipy_optimize() -> Any:
    """The module ``scipy.optimize``.

    Raises:
        MissingExtra: scipy is not installed.
    """
    return _module("optimize")


def _module(name: str) -> Any:
    try:
        return import_module(f"scipy.{name}")
    except ModuleNotFoundError as error:
        raise MissingExtra("this statistic", package="scipy") from error


__all__ = ["scipy_optimize", "scipy_special", "scipy_stats"]
