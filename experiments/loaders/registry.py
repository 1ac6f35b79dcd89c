"""Published sets by name, each imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from ...planner.errors import ConfigError
from ..families.base import Problem
from .base import PublicSet

__all__ = ["SETS", "load_problems", "public_set"]

SETS: Mapping[str, tuple[str, str]] = {
    "gsm8k": ("gsm8k", "Gsm8k"),
    "math500": ("math500", "Math500"),
    "humaneval": ("programs", "HumanEval"),
    "mbpp": ("programs", "Mbpp"),
    "bbh": ("bbh", "Bbh"),
    "planbench": ("planbench", "PlanBench"),
    "nestful": ("nestful", "Nestful"),
    "ifeval": ("ifeval", "IfEval"),
    "game24": ("puzzles", "Game24Set"),
    "countdown": ("puzzles", "CountdownSet"),
    "sudoku4": ("sudoku", "Sudoku4"),
}
"""Module and class of each set."""


def public_set(name: str, **options: Any) -> PublicSet[Any]:
    """The set of this name.

    Args:
        name: One of :data:`SETS`.
        options: What its class takes, for instance a sandbox.

    Raises:
        ConfigError: There is none.
    """
    if name not in SETS:
        raise ConfigError(f"no published set {name!r}; there are {', '.join(SETS)}")
    module, made = SETS[name]
    found: PublicSet[Any] = getattr(import_module(f".{module}", __package__), made)(**options)
    return found


def load_problems(name: str, path: str | Path | None = None, *, limit: int | None = None) -> list[Problem[Any]]:
    """The problems of a set.

    Args:
        name: One of :data:`SETS`.
        path: A file or folder as published; None fetches it through the `datasets` library.
        limit: Most problems, the first ones.

    Raises:
        ConfigError: There is no such set, or it is read from files only.
        DatasetError: A file or row is not of the published form.
        MissingExtra: The `datasets` library is needed and not installed.
    """
    chosen = public_set(name)
    return chosen.fetch(limit=limit) if path is None else chosen.read(path, limit=limit)
