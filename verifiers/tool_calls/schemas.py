"""JSON Schemas as the tool verifiers read them: checked once, local, and walked without leaving the document.

Schemas are read as draft 2020-12 whatever ``$schema`` says. References must stay within the document (``#/...``):
nothing is ever fetched. ``format`` is an annotation, as the draft has it. ``jsonschema`` is imported when needed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from ...planner.errors import ConfigError

Node = bool | Mapping[str, Any]
_INSTANCES = ("enum", "const", "default", "examples", "example")
_APPLICATORS = ("$ref", "allOf", "anyOf", "oneOf", "not", "if", "then", "else")


@lru_cache(maxsize=1)
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped, unused-ignore]

    return Draft202012Validator


def _walk(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every mapping of a schema that may itself be a schema, with its place; instances are passed over."""
    stack: list[tuple[str, Any]] = [(where, node)]
    while stack:
        place, current = stack.pop()
        if isinstance(current, Mapping):
            yield place, current
            stack.extend((f"{place}/{key}", value) for key, value in current.items() if key not in _INSTANCES)
        elif isinstance(current, list | tuple):
            stack.extend((f"{place}/{index}", value) for index, value in enumerate(current))


def checked(schema: Any, what: str) -> dict[str, Any]:
    """A copy of a schema that is one, and that stays within itself.

    Args:
        schema: A mapping, or a truth value.
        what: Whose schema it is, for the message.

    Raises:
        ConfigError: It is no JSON Schema (draft 2020-12), or refers to something outside of it, or to nothing.
    """
    if isinstance(schema, bool):
        schema = {} if schema else {"not": {}}
    if not isinstance(schema, Mapping):
        raise ConfigError(f"{what}: a JSON Schema is a mapping, not {type(schema).__name__}")
    found = copy.deepcopy(dict(schema))
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped, unused-ignore]

    try:
        _validator_class().check_schema(found)
    except SchemaError as error:
        raise ConfigError(f"{what} is no JSON Schema: {error.message[:200]} at {error.json_path}") from None
    for place, node in _walk(found, "#"):
        odd = next((key for key in ("$dynamicRef", "$recursiveRef", "$anchor") if isinstance(node.get(key), str)), None)
        if odd or (isinstance(node.get("$id"), str) and place != "#"):
            raise ConfigError(f"{what}: {odd or '$id'} at {place} is not supported")
        if isinstance(node.get("$ref"), str) and pointed(found, node["$ref"]) is None:
            raise ConfigError(f"{what}: $ref {node['$ref'][:100]!r} at {place} leads to nothing in this schema")
    found.pop("$id", None)
    found.pop("$schema", None)
    return found


def pointed(root: Mapping[str, Any], ref: str) -> Node | None:
    """What a local reference points to, or None."""
    if ref == "#":
        return root
    if not ref.startswith("#/"):
        return None
    node: Any = root
    for raw in ref[2:].split("/"):
        key = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(node, Mapping) and key in node:
            node = node[key]
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node if isinstance(node, bool | Mapping) else None


@dataclass(frozen=True, eq=False)
class Document:
    """What references point into, with the validator that all of its schemas share.

    Attributes:
        root: The whole document.
    """

    root: Mapping[str, Any]

    @cached_property
    def validator(self) -> Any:
        """The validator of the whole."""
        return _validator_class()(self.root)


@dataclass(frozen=True, eq=False)
class Schema:
    """A schema and the document that its references point into.

    Attributes:
        node: The schema itself.
        document: Where it stands.
    """

    node: Node
    document: Document

    @classmethod
    def of(cls, root: Mapping[str, Any], node: Node | None = None) -> Schema:
        """A whole document, or a schema that stands in it."""
        return cls(root if node is None else node, Document(root))

    @property
    def root(self) -> Mapping[str, Any]:
        """The whole document."""
        return self.document.root

    def child(self, node: Any) -> Schema:
        """Another schema of the same document."""
        return Schema(node if isinstance(node, bool | Mapping) else True, self.document)

    @property
    def anything(self) -> bool:
        """Whether it visibly allows every value."""
        if isinstance(self.node, bool):
            return self.node
        return not any(key in _APPLICATORS or key in CONSTRAINING for key in self.node)

    @cached_property
    def target(self) -> Schema | None:
        """What the node's own ``$ref`` points to."""
        ref = self.node.get("$ref") if isinstance(self.node, Mapping) else None
        found = pointed(self.root, ref) if isinstance(ref, str) else None
        return None if found is None else self.child(found)

    @cached_property
    def _validator(self) -> Any:
        return self.document.validator.evolve(schema=self.node)

    def accepts(self, instance: Any) -> bool:
        """Whether a JSON value is valid."""
        return bool(self._validator.is_valid(instance))

    def complaint(self, instance: Any) -> str:
        """Why a JSON value is not valid, in one short line; empty where it is."""
        from jsonschema.exceptions import best_match

        error = best_match(self._validator.iter_errors(instance))
        if error is None:
            return ""
        where = error.json_path.removeprefix("$").removeprefix(".")
        return brief(f"{where}: {error.message}" if where else error.message)

    @property
    def shown(self) -> str:
        """A few words: ``integer``, ``one of 'a', 'b'``, ``string or null``."""
        return brief(_shown(self, 0), 80)


TYPE_KEYWORDS: Mapping[str, tuple[str, ...]] = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength", "pattern"),
    "array": (
        *("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains"),
        "unevaluatedItems",
    ),
    "object": (
        *("properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"),
        *("propertyNames", "dependentRequired", "dependentSchemas", "unevaluatedProperties", "dependencies"),
    ),
}
"""The keywords that say something about values of a type only."""
CONSTRAINING = frozenset({"type", "enum", "const", *(key for keys in TYPE_KEYWORDS.values() for key in keys)})
"""Keywords that can refuse a value by themselves; what is not here is an annotation, as the validator has it."""


def _shown(schema: Schema, depth: int) -> str:
    node = schema.node
    if isinstance(node, bool) or depth > 3:
        return "anything" if node else "nothing"
    if schema.target is not None:
        return _shown(schema.target, depth + 1)
    if "const" in node:
        return repr(node["const"])
    if isinstance(node.get("enum"), list):
        return "one of " + ", ".join(repr(value) for value in node["enum"][:6])
    for key in ("anyOf", "oneOf"):
        if isinstance(node.get(key), list):
            return " or ".join(dict.fromkeys(_shown(schema.child(branch), depth + 1) for branch in node[key]))
    kind = node.get("type", "anything")
    items = [*node.get("prefixItems", ()), *([node["items"]] if node.get("items") else ())]
    if kind == "array" and items:
        inner = dict.fromkeys(_shown(schema.child(item), depth + 1) for item in items)
        return f"array of {' or '.join(inner)}"
    return str(kind) if isinstance(kind, str) else " or ".join(map(str, kind))


def brief(text: str, limit: int = 200) -> str:
    """Text as one printable line of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


__all__ = ["CONSTRAINING", "TYPE_KEYWORDS", "Document", "Node", "Schema", "brief", "checked", "pointed"]
