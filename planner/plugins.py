"""Parts that other packages add by name, through entry points.

A package declares a part in its own ``pyproject.toml``, for instance ``[project.entry-points."planneal.verifiers"]``
with ``mine = "its_module:ItsVerifier"``. Only the metadata of installed packages is read until a name is asked for, so
a broken package costs nothing to those who do not use it, and names itself to those who do.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from .errors import PluginError

Group = Literal["planneal.verifiers", "planneal.proposers", "planneal.models"]
KINDS: Mapping[Group, str] = MappingProxyType(
    {"planneal.verifiers": "verifier", "planneal.proposers": "proposer", "planneal.models": "model provider"}
)
Part = TypeVar("Part")


def plugin_names(group: Group) -> tuple[str, ...]:
    """The names that installed packages declare in a group, sorted; nothing is imported."""
    return tuple(sorted({entry.name for entry in entry_points(group=group)}))


def load_plugin(group: Group, name: str) -> Any:
    """The object behind a name.

    Raises:
        PluginError: No package declares the name, several do, or the one that does cannot be imported.
    """
    entry = _entry(group, name)
    try:
        return entry.load()
    except (Exception, SystemExit) as error:  # whatever a package does when it is imported
        raise PluginError(
            _told(group, entry, f"it cannot be loaded: {type(error).__name__}: {error}"), package=_package(entry)
        ) from error


def make_part(group: Group, name: str, kind: type[Part], *args: Any, **options: Any) -> Part:
    """The part behind a name: an instance as it is, or what a class or factory gives for these arguments.

    Args:
        group: The entry-point group.
        name: The name in it.
        kind: What the part must be.
        *args: Passed to the class or factory.
        **options: Passed to the class or factory.

    Raises:
        PluginError: There is no such part, it cannot be made, or it is something else.
    """
    found = load_plugin(group, name)
    if isinstance(found, kind):
        return found
    entry = _entry(group, name)
    if not callable(found):
        raise PluginError(_told(group, entry, f"it is no {kind.__name__} and makes none"), package=_package(entry))
    try:
        made = found(*args, **options)
    except (Exception, SystemExit) as error:
        raise PluginError(
            _told(group, entry, f"it cannot be made: {type(error).__name__}: {error}"), package=_package(entry)
        ) from error
    if not isinstance(made, kind):
        reason = f"it made {type(made).__name__}, which is no {kind.__name__}"
        raise PluginError(_told(group, entry, reason), package=_package(entry))
    return made


def _entry(group: Group, name: str) -> EntryPoint:
    found = {(_package(entry), entry.value): entry for entry in entry_points(group=group, name=name)}
    if not found:
        known = ", ".join(plugin_names(group)) or "none is installed"
        raise PluginError(f"no package adds a {KINDS[group]} {name!r} (added by packages: {known})")
    if len(found) > 1:
        packages = " and ".join(sorted(package for package, _ in found))
        raise PluginError(f"several packages add a {KINDS[group]} {name!r}: {packages}; uninstall one of them")
    return next(iter(found.values()))


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def _told(group: Group, entry: EntryPoint, reason: str) -> str:
    version = f" {entry.dist.version}" if entry.dist is not None else ""
    package = f"package {_package(entry) or 'unknown'}{version}"
    return f"{package} adds the {KINDS[group]} {entry.name!r} as {entry.value}, but {reason}"[:500]


__all__ = ["KINDS", "Group", "load_plugin", "make_part", "plugin_names"]
