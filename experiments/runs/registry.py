"""The methods by name, as they are given to ``--methods``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...planner.errors import ConfigError
from ..method import Method
from .simple import Direct, Vote
from .sources import named

__all__ = ["METHODS", "make", "names_of"]

METHODS: Mapping[str, Callable[[], Method]] = {
    "direct": Direct,
    "sc": Vote,
}
"""What makes each method."""


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


def names_of(text: str) -> tuple[str, ...]:
    """The names in ``all`` or ``one,two``, each once, in the order given; ``all`` may stand among others.

    Raises:
        ConfigError: There are none.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = dict.fromkeys(name for part in parts for name in (METHODS if part == "all" else (part,)))
    if not found:
        raise ConfigError(f"no method given; there are {', '.join(METHODS)}, or all")
    return tuple(found)
