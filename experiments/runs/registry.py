"""The methods as they are given to ``--methods``: those of :mod:`..methods` by name, peers' and one's own.

``all`` stands for planneal's own, ``peers`` for those of peer libraries, which the extra of that name brings.
"""

from __future__ import annotations

from ...planner.errors import ConfigError
from ..methods import registry
from ..methods.base import Method
from ..methods.registry import METHODS
from ..peers import PEERS
from .sources import named

__all__ = ["METHODS", "PEERS", "make", "names_of", "wants_gold"]

_KNOWN = f"{', '.join(METHODS)}, all, {', '.join(PEERS)}, peers"


def make(name: str) -> Method:
    """The method of this name, with ``+VERIFIER`` beside its own verifiers, or the one that ``module:NAME`` names.

    Raises:
        ConfigError: There is none, or no such verifier.
        MissingExtra: It is a peer's, and the peer is not installed, or its verifier needs what is not.
    """
    if ":" in name:
        found: Method = named(name, Method, "method")
        return found
    if name in PEERS:
        return PEERS[name]()
    if registry.known(name) is None:
        raise ConfigError(f"no method {name!r}; there are {_KNOWN}, and MODULE:NAME for your own")
    return registry.make(name)


def wants_gold(name: str) -> bool:
    """Whether a method is a ceiling, which is handed the gold plan."""
    return bool(getattr(make(name), "wants_gold", False))


def names_of(text: str, *, ceilings: bool = True) -> tuple[str, ...]:
    """The names in ``all`` or ``one,two``, each once, in the order given; ``all`` and ``peers`` may stand among others.

    Args:
        text: What was given.
        ceilings: Whether ``all`` has those that are handed the gold plan; published sets have none.

    Raises:
        ConfigError: There are none.
    """
    groups = {"all": [name for name in METHODS if ceilings or not wants_gold(name)], "peers": list(PEERS)}
    parts = [part.strip() for part in text.split(",") if part.strip()]
    found = dict.fromkeys(name for part in parts for name in groups.get(part, (part,)))
    if not found:
        raise ConfigError(f"no method given; there are {_KNOWN}")
    return tuple(found)
