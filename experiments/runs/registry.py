"""The methods as they are given to ``--methods``: those of :mod:`..methods` by name, and one's own by module."""

from __future__ import annotations

from ...planner.errors import ConfigError
from ..methods.base import Method
from ..methods.registry import METHODS
from .sources import named

__all__ = ["METHODS", "make", "names_of", "wants_gold"]


def make(name: str) -> Method:
    """The method of this name, or the one that ``module:NAME`` names.

    Raises:
        ConfigError: There is none.
    """
    if ":" in name:
        found: Method = named(name, Method, "method")
        return found
    if name not in METHODS:
        raise ConfigError(f"no method {name!r}; there are {', '.join(METHODS)}, all, and MODULE:NAME for your own")
    return METHODS[name]()


def wants_gold(name: str) -> bool:
    """Whether a method is a ceiling, which is handed the gold plan."""
    return bool(getattr(make(name), "wants_gold", False))


def names_of(text: str, *, ceilings: bool = True) -> tuple[str, ...]:
    """The names in ``all`` or ``one,two``, each once, in the order given; ``all`` may stand among others.

    Args:
        text: What was given.
        ceilings: Whether ``all`` has those that are handed the gold plan; published sets have none.

    Raises:
        ConfigError: There are none.
    """
    every = [name for name in METHODS if ceilings or not wants_gold(name)]
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = dict.fromkeys(name for part in parts for name in (every if part == "all" else (part,)))
    if not found:
        raise ConfigError(f"no method given; there are {', '.join(METHODS)}, or all")
    return tuple(found)
