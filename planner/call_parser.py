"""Reads tool calls by a strict grammar (``call.lark``), within limits; nothing is ever evaluated as Python."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError

from .calls import MAX_CALL_DIGITS, Array, CallExpression, Join, Object, Reference, Scalar, Value, sound_text
from .errors import CallError

MAX_CALL_CHARS = 8_000
"""Longest call text that is parsed."""
MAX_CALL_PARTS = 1_000
"""Most strings, names, numbers and brackets in a call."""
MAX_CALL_DEPTH = 16
"""Deepest nesting of lists and objects in a call."""

_STRING = r'"(?:[^"\\]|\\.)*"'
_SEGMENT = re.compile(rf"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]|\[({_STRING})\]")
_PARTS = re.compile(rf"{_STRING}|\$?[A-Za-z0-9_.\-]+|[\[\]{{}}()]")
_DIGITS = re.compile(rf"[0-9]{{{MAX_CALL_DIGITS + 1},}}")


def _string(token: str) -> str:
    try:
        return sound_text(str(json.loads(token)))
    except ValueError:
        raise CallError(f"{token[:20]} is not a JSON string") from None


class _Build(Transformer[Token, Any]):
    """Turns lark's tree into values; one method per grammar rule, named after it."""

    def start(self, parts: list[Any]) -> CallExpression:
        return CallExpression(str(parts[0]), tuple(part for part in parts[1:] if part is not None))

    def argument(self, parts: list[Any]) -> tuple[str, Value]:
        name: Token = parts[0]
        return _string(name) if name.type == "STRING" else str(name), parts[1]

    def field(self, parts: list[Any]) -> tuple[str, Value]:
        return _string(parts[0]), parts[1]

    def number(self, parts: list[Token]) -> Scalar:
        text = str(parts[0])
        return Scalar(float(text) if re.search(r"[.eE]", text) else int(text))

    def true(self, parts: list[Any]) -> Scalar:
        return Scalar(True)

    def false(self, parts: list[Any]) -> Scalar:
        return Scalar(False)

    def null(self, parts: list[Any]) -> Scalar:
        return Scalar(None)

    def array(self, parts: list[Any]) -> Array:
        return Array(tuple(part for part in parts if part is not None))

    def object(self, parts: list[Any]) -> Object:
        return Object(tuple(part for part in parts if part is not None))

    def string(self, parts: list[Token]) -> str:
        return _string(parts[0])

    def reference(self, parts: list[Token]) -> Reference:
        step, rest = re.match(r"\$([CIS][0-9]+)(.*)", str(parts[0]), re.DOTALL).groups()  # type: ignore[union-attr]
        path = (name or (int(place) if place else _string(quoted)) for name, place, quoted in _SEGMENT.findall(rest))
        return Reference(step, tuple(path))

    def chain(self, parts: list[str | Reference]) -> Value:
        if len(parts) > 1:
            return Join(tuple(parts))
        return Scalar(parts[0]) if isinstance(parts[0], str) else parts[0]


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("call.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=False)


def _screen(text: str) -> None:
    """Refuses by size before any parsing."""
    if len(text) > MAX_CALL_CHARS:
        raise CallError(f"{len(text)} characters, over {MAX_CALL_CHARS}", reason="too large")
    depth = 0
    for count, found in enumerate(_PARTS.finditer(text), start=1):
        part = found.group()
        depth += (part in "[{") - (part in "]}")
        if depth > MAX_CALL_DEPTH:
            raise CallError(f"nested deeper than {MAX_CALL_DEPTH}", reason="too large")
        if count > MAX_CALL_PARTS:
            raise CallError(f"more than {MAX_CALL_PARTS} parts", reason="too large")
        if part[0] != '"' and _DIGITS.search(part):
            raise CallError(f"a number has more than {MAX_CALL_DIGITS} digits", reason="too large")


@lru_cache(maxsize=4096)
def _parse(text: str) -> CallExpression | CallError:
    try:
        _screen(text)
        return _Build().transform(_parser().parse(text))  # type: ignore[no-any-return]
    except CallError as error:
        return error
    except VisitError as error:
        if isinstance(error.orig_exc, CallError):
            return error.orig_exc
        raise
    except UnexpectedInput as error:
        column = max(0, int(getattr(error, "column", 0) or 0))
        what = "unexpected character" if isinstance(error, UnexpectedCharacters) else "unexpected end or word"
        where = f" at column {column}" if column else ""
        return CallError(f'{what}{where}; a call reads `name(a=$S1.id, b="x", c=[1, true])`', column=column)


def parse_call(text: str) -> CallExpression:
    """Reads a call such as ``get_order(id=$S1.id)``.

    Results are cached by text, failures too; no state but that memory.

    Raises:
        CallError: The text is malformed or too large.
    """
    result = _parse(text)
    if isinstance(result, CallError):
        raise CallError(str(result), reason=result.reason, column=result.column)
    return result


__all__ = ["MAX_CALL_CHARS", "MAX_CALL_DEPTH", "MAX_CALL_PARTS", "parse_call"]
