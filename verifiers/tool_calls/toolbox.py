"""Toolboxes: the tools that a plan may call, with a schema for what goes in and one for what comes out."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ...planner.errors import ConfigError
from .schemas import Schema, checked

Runner = Callable[[Any, Mapping[str, Any]], Any]
"""What executes a tool: state and JSON arguments in, JSON result out. It may raise, and it may change the state."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,127}")
_OPEN = ("additionalProperties", "patternProperties", "unevaluatedProperties", "propertyNames")
_WHOLE = ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "dependentSchemas", "dependentRequired", "minProperties")


@dataclass(frozen=True, eq=False)
class Tool:
    """One tool.

    Attributes:
        name: Letters, digits, ``_``, ``-`` and ``.``.
        parameters: JSON Schema of the arguments, an object. Arguments that it does not list are refused unless it says
            ``additionalProperties``.
        result: JSON Schema of the result, or None where nothing is known of it. Fields that an object does not list do
            not exist unless it says ``additionalProperties``.
        description: What the tool does, for prompts.
        run: Executes the tool, or None where it can only be described.

    Raises:
        ConfigError: The name or a schema cannot be used.
    """

    name: str
    parameters: Mapping[str, Any]
    result: Mapping[str, Any] | None = None
    description: str = ""
    run: Runner | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"{self.name[:40]!r} is not a tool's name: letters, digits, _ - . only")
        parameters = checked(self.parameters, f"parameters of {self.name}")
        if parameters.setdefault("type", "object") != "object":
            raise ConfigError(f"parameters of {self.name}: the arguments are an object, not {parameters['type']}")
        if not any(key in parameters for key in (*_OPEN, *_WHOLE)):
            parameters["additionalProperties"] = False
        object.__setattr__(self, "parameters", parameters)
        if self.result is not None:
            object.__setattr__(self, "result", checked(self.result, f"result of {self.name}"))

    @cached_property
    def takes(self) -> Schema:
        """The schema of the arguments as a whole."""
        return Schema.of(self.parameters)

    @cached_property
    def gives(self) -> Schema | None:
        """The schema of the result."""
        return None if self.result is None else Schema.of(self.result)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the arguments that must be given."""
        return tuple(self.parameters.get("required", ()))

    def argument(self, name: str) -> Schema | None:
        """The schema of one argument, or None where the tool takes none of that name."""
        listed = self.parameters.get("properties", {})
        rest = self.parameters.get("additionalProperties", True)
        if name not in listed and rest is False and "patternProperties" not in self.parameters:
            return None
        free = True if "patternProperties" in self.parameters else rest
        return self.takes.child(listed.get(name, free))

    @property
    def plain(self) -> bool:
        """Whether the schemas of the single arguments, and which are required, say all there is."""
        return not any(key in self.parameters for key in (*_WHOLE, *_OPEN[1:], "maxProperties"))

    @property
    def line(self) -> str:
        """The tool as a prompt shows it: ``get_order(id: integer, [rush: boolean]) -> object``."""
        listed = self.parameters.get("properties", {})
        shown = (f"{name}: {self.takes.child(node).shown}" for name, node in listed.items())
        marked = (text if text.split(":")[0] in self.required else f"[{text}]" for text in shown)
        gives = f" -> {self.gives.shown}" if self.gives else ""
        return f"{self.name}({', '.join(marked)}){gives}" + (f": {self.description}" if self.description else "")


class Toolbox(Mapping[str, Tool]):
    """Tools by name; immutable. Make one with :func:`~.declare.from_functions` or :func:`~.declare.from_specs`.

    Args:
        tools: The tools.

    Raises:
        ConfigError: Two tools share a name.
    """

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            if tool.name in self._tools:
                raise ConfigError(f"two tools are called {tool.name}")
            self._tools[tool.name] = tool

    def __getitem__(self, name: str) -> Tool:
        return self._tools[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tools)

    def __len__(self) -> int:
        return len(self._tools)

    def __or__(self, other: Toolbox) -> Toolbox:
        """Both toolboxes together."""
        return Toolbox([*self.values(), *other.values()])

    def nearest(self, name: str, most: int = 3) -> tuple[str, ...]:
        """Names of tools that look like this one, the likeliest first."""
        lowered = {known.lower(): known for known in reversed(list(self))}
        close = difflib.get_close_matches(name.lower()[:128], list(lowered), n=most, cutoff=0.5)
        return tuple(lowered[match] for match in close)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over everything that verdicts depend on: names, schemas, and which tools can be executed."""
        content = [
            [tool.name, tool.parameters, tool.result, tool.run is not None]
            for tool in sorted(self.values(), key=lambda tool: tool.name)
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()

    @property
    def prompt(self) -> str:
        """The tools, one a line, as a prompt may show them."""
        return "\n".join(tool.line for tool in self.values())


__all__ = ["Runner", "Tool", "Toolbox"]
