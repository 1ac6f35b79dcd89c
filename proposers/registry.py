"""Proposers by name: those that installed packages add (group ``planneal.proposers``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..planner.errors import ConfigError
from ..planner.plugins import load_plugin, make_part, plugin_names
from ..planner.proposal import Proposer


def load_proposer(name: str) -> Callable[[Any, Any, Any], Proposer]:
    """What makes the proposer of this name from a model, prompts and settings.

    A package declares a factory of these three arguments, or a proposer that is there already.

    Raises:
        ConfigError: No package adds it.
        PluginError: The package that adds it is broken.
    """
    if name not in plugin_names("planneal.proposers"):
        known = ", ".join(plugin_names("planneal.proposers")) or "none is installed"
        raise ConfigError(f"no proposer {name!r} (added by packages: {known})")
    load_plugin("planneal.proposers", name)  # what is broken says so now

    def make(model: Any, prompts: Any, settings: Any) -> Proposer:
        return make_part("planneal.proposers", name, Proposer, model, prompts, settings)  # type: ignore[type-abstract]

    return make


__all__ = ["load_proposer"]
