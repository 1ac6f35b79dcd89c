"""The problem families by name, each imported when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from ...planner.errors import ConfigError
from .base import Family, Problem

__all__ = ["MODULES", "STEPS", "answer_text", "difficulty_of", "families", "family", "names"]

AnyFamily = Family[Any, Any]

MODULES: Mapping[str, str] = {
    "arithmetic": ".arithmetic_family",
    "schedule": ".schedule",
    "tools": ".tools",
    "code": ".code.family",
    "countdown": ".countdown",
}
"""Where each family lives: a module of this package with an instance called `FAMILY` and a function `answer_text`."""

STEPS = "steps"
"""Ends a difficulty that counts needed steps."""


def names() -> tuple[str, ...]:
    """The names of all families."""
    return tuple(MODULES)


@cache
def family(name: str) -> AnyFamily:
    """The family of this name; always the same instance.

    Raises:
        ConfigError: There is none.
    """
    if name not in MODULES:
        raise ConfigError(f"no problem family {name!r}; there are {', '.join(MODULES)}")
    found = _module(name).FAMILY
    assert isinstance(found, Family)
    return found


def _module(name: str) -> ModuleType:
    return import_module(MODULES[name], __package__)


def families() -> tuple[AnyFamily, ...]:
    """Every family, imported now."""
    return tuple(family(name) for name in MODULES)


def difficulty_of(kind: AnyFamily, text: str) -> Any:
    """The difficulty that a text names: a level, or a size.

    Args:
        kind: The family.
        text: `easy`, `middle`, `hard`, a whole number, or a number of needed steps such as `6steps`.

    Raises:
        ConfigError: None of them, or there are no problems of this size.
    """
    if text in kind.levels:
        return kind.levels[text]
    number, steps = text.removesuffix(STEPS), text.endswith(STEPS)
    if number.isascii() and number.isdigit() and len(number) <= 6:
        return kind.stepped(int(number)) if steps else kind.sized(int(number))
    known = ", ".join(kind.levels)
    raise ConfigError(f"no difficulty {text!r}; give {known}, a size such as 12, or needed steps such as 6{STEPS}")


def answer_text(problem: Problem[Any], plan: str | None = None) -> str:
    """The answer that a plan implies, in lines with citations.

    Args:
        problem: The problem.
        plan: The plan in notation; the gold one if None.
    """
    made: Callable[[Problem[Any], str | None], str] = _module(problem.public.family).answer_text
    return made(problem, plan)
