"""The type of a value in a call: what its references can stand for, as a schema that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ...planner.calls import Array, Join, Object, Reference, Scalar, Value, references_of
from .schemas import Schema

MAX_BRANCHES = 64
"""Most alternatives of a result type that one path is followed through."""

TypeOf = Callable[[Reference], Schema]
"""The type of what a reference stands for."""


class Lookup(NamedTuple):
    """What a path finds in a schema.

    Attributes:
        found: Schemas of the part, one for each alternative that has it.
        missing: Why some alternative does not have it; empty where all do.
    """

    found: tuple[Schema, ...] = ()
    missing: str = ""

    @property
    def schema(self) -> Schema:
        """The part's schema: of any of the alternatives."""
        if len(self.found) == 1:
            return self.found[0]
        return self.found[0].child({"anyOf": [schema.node for schema in self.found]}) if self.found else ANYTHING


ANYTHING = Schema.of({})
"""Of which nothing is known."""


def lookup(schema: Schema, path: tuple[str | int, ...]) -> Lookup:
    """Follows a path into what a schema describes.

    A field that an object does not list does not exist, unless the object says ``additionalProperties`` (or lists no
    field at all). Whether a list is long enough, or an optional field given, is seen only when the call is made.

    Args:
        schema: The type of the whole.
        path: Field names and list positions.
    """
    here: list[Schema] = [schema]
    missing = ""
    for index, segment in enumerate(path):
        found: list[Schema] = []
        for part in here:
            for branch in _branches(part, 0):
                inner = _inside(branch, segment)
                if isinstance(inner, Schema):
                    found.append(inner)
                else:
                    missing = missing or f"{_where(path[:index])} {inner}"
        here = found[:MAX_BRANCHES] if len(found) <= MAX_BRANCHES else [schema.child(True)]
        if not here:
            return Lookup((), missing)
    return Lookup(tuple(here), missing)


def _where(path: tuple[str | int, ...]) -> str:
    return "." + ".".join(map(str, path)) if path else "the result"


def _branches(schema: Schema, depth: int) -> list[Schema]:
    """The alternatives that a schema says outright (``anyOf``, ``oneOf``, a reference, several types)."""
    node = schema.node
    if isinstance(node, bool) or depth > 8:
        return [schema.child(True) if depth > 8 else schema]
    if schema.target is not None:
        return _branches(schema.target, depth + 1)
    for key in ("anyOf", "oneOf"):
        if key in node:
            return [found for branch in node[key] for found in _branches(schema.child(branch), depth + 1)]
    if isinstance(node.get("type"), list):
        return [schema.child({**node, "type": kind}) for kind in node["type"]]
    if len(node.get("allOf", ())) == 1:
        return _branches(schema.child(node["allOf"][0]), depth + 1)
    return [schema]


def _inside(schema: Schema, segment: str | int) -> Schema | str:
    """The type of a field or position, or why there is none."""
    node = schema.node
    if isinstance(node, bool):
        return schema if node else "is never there"
    kind = node.get("type")
    if kind is None and ("properties" in node or "items" in node or "prefixItems" in node):
        kind = "object" if "properties" in node else "array"
    if kind is None:
        if "const" in node or "enum" in node:
            return f"is {schema.shown}"
        return schema.child(True)
    if isinstance(segment, int):
        return _position(schema, node, segment) if kind == "array" else f"is {schema.shown}, not a list"
    if kind != "object":
        return f"is {schema.shown}, without fields"
    listed = node.get("properties", {})
    if segment in listed:
        return schema.child(listed[segment])
    if "patternProperties" in node or "allOf" in node:
        return schema.child(True)
    if "additionalProperties" in node:
        rest = node["additionalProperties"]
        return f"has no field {segment}" if rest is False else schema.child(rest)
    return f"has no field {segment}" if listed else schema.child(True)


def _position(schema: Schema, node: Mapping[str, Any], place: int) -> Schema | str:
    first = node.get("prefixItems", [])
    inner = first[place] if place < len(first) else node.get("items", True)
    if inner is False or place >= node.get("maxItems", place + 1):
        return f"has no position {place}"
    return schema.child(inner)


def plain(value: Value) -> Any:
    """A value without references as JSON.

    Raises:
        TypeError: It has references.
    """
    if isinstance(value, Scalar):
        return value.value
    if isinstance(value, Array):
        return [plain(inner) for inner in value.items]
    if isinstance(value, Object):
        return {name: plain(inner) for name, inner in value.fields}
    raise TypeError("a value with references has no JSON form")


def constant(value: Value) -> bool:
    """Whether a value has no references."""
    return next(references_of(value), None) is None and not isinstance(value, Join)


def type_of(value: Value, of: TypeOf) -> Schema:
    """The type of a value, as one document of its own.

    Args:
        value: The value.
        of: The type of each reference.
    """
    documents: dict[str, Any] = {}
    node = _node(value, of, documents)
    return Schema.of({"$defs": documents}, node)


def _node(value: Value, of: TypeOf, documents: dict[str, Any]) -> Any:
    if constant(value):
        return {"const": plain(value)}
    if isinstance(value, Reference):
        return _adopted(of(value), documents)
    if isinstance(value, Array):
        inner = [_node(item, of, documents) for item in value.items]
        return {"type": "array", "prefixItems": inner, "items": False, "minItems": len(inner)}
    if isinstance(value, Object):
        fields = {name: _node(item, of, documents) for name, item in value.fields}
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    return {"type": "string"}


def _adopted(schema: Schema, documents: dict[str, Any]) -> Any:
    """The node of another document, whose references are made to point to that document's copy in this one."""
    name = f"d{len(documents)}"
    moved, seen = _moved(schema.node, f"#/$defs/{name}")
    if seen:
        documents[name] = _moved(schema.root, f"#/$defs/{name}")[0]
    return moved


def _moved(node: Any, prefix: str) -> tuple[Any, bool]:
    """A copy with local references moved under a prefix, and whether there was any."""
    if isinstance(node, Mapping):
        pairs = {key: _moved(value, prefix) for key, value in node.items()}
        seen = any(found for _, found in pairs.values())
        copied = {key: value for key, (value, _) in pairs.items()}
        ref = node.get("$ref")
        if isinstance(ref, str):
            copied["$ref"] = prefix + ref[1:]
            seen = True
        return copied, seen
    if isinstance(node, list):
        both = [_moved(value, prefix) for value in node]
        return [value for value, _ in both], any(found for _, found in both)
    return node, False


__all__ = ["ANYTHING", "Lookup", "TypeOf", "constant", "lookup", "plain", "type_of"]
