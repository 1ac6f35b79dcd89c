r"""Tool calls as typed values: ``get_order(id=$S1.id, tags=["a", {"k": $S2.items[0]}], rush=true)``.

Strings are JSON strings, a reference ``$S1.items[0]["odd name"]`` stands for a part of an earlier call's result, and
``"No. " + $S1.id`` joins text with results. :mod:`~planneal.planner.call_parser` reads them back:
``parse_call(format_call(call)) == call`` for every call within the limits.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from .errors import CallError

MAX_CALL_DIGITS = 40
"""Most digits in a row of a number in a call."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOOL = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*")
_STEP = re.compile(r"[CIS][1-9][0-9]{0,5}")


def sound_text(value: str) -> str:
    """The string itself, if it can be written.

    Raises:
        CallError: It holds half of a surrogate pair.
    """
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise CallError("a string holds half of a surrogate pair")
    return value


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A JSON scalar. Unlike in Python, ``true`` is not 1 and 1 is not 1.0.

    Attributes:
        value: A string, a whole number, a finite float, a truth value, or None.

    Raises:
        CallError: The value is none of these.
    """

    value: str | int | float | bool | None

    def __post_init__(self) -> None:
        if isinstance(self.value, str):
            sound_text(self.value)
        elif isinstance(self.value, float) and not math.isfinite(self.value):
            raise CallError("a number is not finite", reason="too large")
        elif isinstance(self.value, int) and abs(self.value) >= 10**MAX_CALL_DIGITS:
            raise CallError(f"a number has more than {MAX_CALL_DIGITS} digits", reason="too large")

    @property
    def _key(self) -> tuple[type, str]:
        return type(self.value), repr(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Scalar) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@dataclass(frozen=True, slots=True)
class Reference:
    """A part of the result of another step: ``$S1.items[0].id``.

    Attributes:
        step: Id of the item whose result is meant.
        path: Field names and zero-based list positions, from the outside in.

    Raises:
        CallError: No item id, or a position out of range.
    """

    step: str
    path: tuple[str | int, ...] = ()

    def __post_init__(self) -> None:
        if not _STEP.fullmatch(self.step):
            raise CallError(f"{self.step[:20]!r} is not an item id")
        for segment in self.path:
            if isinstance(segment, str):
                sound_text(segment)
            elif not 0 <= segment < 1_000_000:
                raise CallError(f"[{segment}] is not a list position")

    def __str__(self) -> str:
        return f"${self.step}" + "".join(map(_segment, self.path))


@dataclass(frozen=True, slots=True)
class Join:
    """Text and results one after another: ``"No. " + $S1.id``. Its value is a string.

    Attributes:
        parts: At least two, at least one of them text.

    Raises:
        CallError: Too few parts or no text, which would look like a sum.
    """

    parts: tuple[str | Reference, ...]

    def __post_init__(self) -> None:
        if len(self.parts) < 2 or not any(isinstance(part, str) for part in self.parts):
            raise CallError("`+` joins text with results; at least one part must be a string")
        for part in self.parts:
            if isinstance(part, str):
                sound_text(part)


@dataclass(frozen=True, slots=True)
class Array:
    """A list of values."""

    items: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Object:
    """Named values, in the order written.

    Raises:
        CallError: A name occurs twice.
    """

    fields: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        _distinct(self.fields, "field")


Value = Scalar | Reference | Join | Array | Object


@dataclass(frozen=True, slots=True)
class CallExpression:
    """A call of a tool.

    Attributes:
        name: The tool.
        arguments: Names and values, in the order written.

    Raises:
        CallError: The name is not a tool's name, or an argument is given twice.
    """

    name: str
    arguments: tuple[tuple[str, Value], ...] = ()

    def __post_init__(self) -> None:
        if not _TOOL.fullmatch(self.name):
            raise CallError(f"{self.name[:20]!r} is not a tool's name")
        _distinct(self.arguments, "argument")

    @property
    def references(self) -> tuple[Reference, ...]:
        """Every reference in the arguments, in the order written, with repetitions."""
        return tuple(found for _, value in self.arguments for found in references_of(value))

    def __str__(self) -> str:
        return format_call(self)


def _distinct(pairs: tuple[tuple[str, Value], ...], what: str) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        sound_text(name)
        if name in seen:
            raise CallError(f"{what} {name[:40]!r} is given twice")
        seen.add(name)


def references_of(value: Value) -> Iterator[Reference]:
    """Every reference in a value, in the order written, with repetitions."""
    stack: list[Value | str] = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, Reference):
            yield node
        elif isinstance(node, Join):
            stack.extend(reversed(node.parts))
        elif isinstance(node, Array):
            stack.extend(reversed(node.items))
        elif isinstance(node, Object):
            stack.extend(inner for _, inner in reversed(node.fields))


def _quoted(text: str) -> str:
    """A JSON string without anything that one line of notation may not hold."""
    plain = json.dumps(text, ensure_ascii=False)
    if plain.isprintable():
        return plain
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in plain)


def _segment(segment: str | int) -> str:
    if isinstance(segment, int):
        return f"[{segment}]"
    return f".{segment}" if _IDENTIFIER.fullmatch(segment) else f"[{_quoted(segment)}]"


def format_value(value: Value) -> str:
    """One value as text."""
    if isinstance(value, Scalar):
        return _quoted(value.value) if isinstance(value.value, str) else json.dumps(value.value)
    if isinstance(value, Reference):
        return str(value)
    if isinstance(value, Join):
        return " + ".join(_quoted(part) if isinstance(part, str) else str(part) for part in value.parts)
    if isinstance(value, Array):
        return "[" + ", ".join(map(format_value, value.items)) + "]"
    return "{" + ", ".join(f"{_quoted(name)}: {format_value(inner)}" for name, inner in value.fields) + "}"


def format_call(call: CallExpression) -> str:
    """The call as one line of text: the inverse of ``parse_call``."""
    shown = (
        f"{name if _IDENTIFIER.fullmatch(name) else _quoted(name)}={format_value(value)}"
        for name, value in call.arguments
    )
    return f"{call.name}({', '.join(shown)})"


__all__ = [
    "MAX_CALL_DIGITS",
    "Array",
    "CallExpression",
    "Join",
    "Object",
    "Reference",
    "Scalar",
    "Value",
    "format_call",
    "format_value",
    "references_of",
    "sound_text",
]
