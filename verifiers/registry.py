"""Verifiers by name: the shipped ones, and those that installed packages add (group ``planneal.verifiers``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..decoders.embedded_prm import EMBEDDED_PRM, RENDER, shipped_prm
from ..planner.errors import ConfigError
from ..planner.plugins import make_part, plugin_names
from ..planner.verifier import Verifier
from .order import OrderVerifier
from .prm import PRMVerifier, beyond_its_place
from .relations import RelationsVerifier
from .self_check import SelfCheckVerifier
from .structure import StructureVerifier

DEFAULT = "default"
"""Stands for the verifiers that a run has when none are named."""


def embedded_prm() -> PRMVerifier:
    """The shipped reward model as a verifier, of everything but the places of things in a row.

    Raises:
        MissingExtra: torch or transformers is not installed.
        ConfigError: Its weights are not there.
    """
    return PRMVerifier(shipped_prm(), render=RENDER, judges=beyond_its_place, name=EMBEDDED_PRM)


SHIPPED: Mapping[str, Callable[[], Verifier]] = {
    "structure": StructureVerifier,
    "order": OrderVerifier,
    "relations": RelationsVerifier,
    "self_check": SelfCheckVerifier,
    EMBEDDED_PRM: embedded_prm,
}
"""Shipped verifiers that need no arguments; a package cannot take their names."""


def load_verifier(name: str) -> Verifier:
    """The verifier of this name.

    Raises:
        ConfigError: There is none.
        PluginError: The package that adds it is broken.
        MissingExtra: It needs what is not installed.
    """
    if name in SHIPPED:
        return SHIPPED[name]()
    added = plugin_names("planneal.verifiers")
    if name not in added:
        known = ", ".join((DEFAULT, *SHIPPED, *(other for other in added if other not in SHIPPED)))
        raise ConfigError(f"no verifier {name!r}; there are {known}")
    return make_part("planneal.verifiers", name, Verifier)  # type: ignore[type-abstract]


def load_verifiers(given: Iterable[str | Verifier]) -> dict[str, Verifier]:
    """The verifiers behind the names in a list, by name; ``default`` is left to the caller.

    Raises:
        ConfigError: A name stands for none.
        PluginError: A package that adds one is broken.
    """
    return {name: load_verifier(name) for name in given if isinstance(name, str) and name != DEFAULT}


def resolved(
    given: Sequence[str | Verifier], named: Mapping[str, Verifier], default: Callable[[], Sequence[Verifier]]
) -> list[Verifier]:
    """The verifiers of a run, in the order given.

    What is named twice, or named although ``default`` has it, is taken once.

    Args:
        given: Verifiers and names.
        named: What the names stand for (:func:`load_verifiers`).
        default: What ``default`` stands for.
    """
    found: list[Verifier] = []
    for entry in given:
        added = [entry] if isinstance(entry, Verifier) else default() if entry == DEFAULT else [named[entry]]
        by_name = isinstance(entry, str)
        found += [verifier for verifier in added if not (by_name and verifier.name in {v.name for v in found})]
    return found


__all__ = ["DEFAULT", "SHIPPED", "embedded_prm", "load_verifier", "load_verifiers", "resolved"]
