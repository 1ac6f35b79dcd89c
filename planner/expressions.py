"""Relation text into a small tree: the only door through which untrusted mathematics enters.

``parse_relation("bolts = nuts + 3")`` gives a :class:`Relation` whose nodes are planneal's own. There is no
``eval``, no ``sympify`` and no ``parse_expr`` anywhere behind it. Size limits are checked before the parser runs,
so a 10 kB text or ``9**9**9**9`` costs microseconds and raises :class:`ExpressionError` with reason ``too large``.

Covered: ``+ - * / % ** ^``, parentheses, unary signs, decimal numbers, comparison chains (``bolts = 4 + 3 = 7``) and
the functions of :data:`FUNCTIONS`. Not covered on purpose: attributes, indexing, strings, any other call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from importlib import resources
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, VisitError

from .errors import ExpressionError

MAX_CHARS = 512
"""Longest relation text that is read, in characters."""
MAX_NODES = 200
"""Most nodes in one relation's tree."""
MAX_DEPTH = 24
"""Deepest nesting of parentheses and signs."""
MAX_DIGITS = 30
"""Most digits in one number."""
MAX_EXPONENT = 32
"""Largest magnitude of an exponent; exponents are integer literals."""
FUNCTIONS = {"abs": (1, 1), "floor": (1, 1), "ceil": (1, 1), "sqrt": (1, 1), "min": (2, 8), "max": (2, 8)}
"""Functions a relation may call, with the least and the most arguments."""


@dataclass(frozen=True, slots=True)
class Number:
    """An exact rational constant."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named quantity."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function applied to arguments; ``op`` is one of ``+ - * / % ** neg`` or a function name."""

    op: str
    args: tuple[Expression, ...]


Expression = Number | Symbol | Apply


@dataclass(frozen=True)
class Relation:
    """A comparison chain ``terms[0] ops[0] terms[1] ops[1] ...``; no operator means a bare expression.

    Parsed relations are shared by text, so what is derived from one is remembered on it.

    Attributes:
        terms: At least one expression.
        ops: Comparison operators between neighbours (``==`` is stored as ``=``).
    """

    terms: tuple[Expression, ...]
    ops: tuple[str, ...]

    @cached_property
    def symbols(self) -> frozenset[str]:
        """Every symbol that occurs."""
        return frozenset(name for term in self.terms for name in symbols_of(term))

    @cached_property
    def defines(self) -> str | None:
        """The symbol that ``symbol = expression`` defines (it may not occur on the right), else None."""
        if self.ops != ("=",) or not isinstance(self.terms[0], Symbol):
            return None
        name = self.terms[0].name
        return None if name in set(symbols_of(self.terms[1])) else name

    @cached_property
    def uses(self) -> frozenset[str]:
        """The symbols whose values the relation needs: all but the one it defines."""
        return self.symbols - {self.defines} if self.defines else self.symbols

    @cached_property
    def is_equation(self) -> bool:
        """Whether every operator is an equality, so that it can determine a symbol."""
        return bool(self.ops) and all(op == "=" for op in self.ops)


def symbols_of(expression: Expression) -> Iterator[str]:
    """Names of the symbols in an expression, left to right, with repetitions."""
    stack: list[Expression] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Symbol):
            yield node.name
        elif isinstance(node, Apply):
            stack.extend(reversed(node.args))


def _exponent(node: Expression) -> Fraction:
    sign = 1
    while isinstance(node, Apply) and node.op == "neg":
        sign, node = -sign, node.args[0]
    if isinstance(node, Apply) and node.op == "**":
        raise ExpressionError("a power in an exponent is too large", reason="too large")
    if not isinstance(node, Number) or node.value.denominator != 1:
        raise ExpressionError("an exponent must be an integer literal, for instance x ** 2")
    if node.value > MAX_EXPONENT:
        raise ExpressionError(f"exponent {node.value} is over {MAX_EXPONENT}", reason="too large")
    return sign * node.value


class _Build(Transformer[Token, Any]):
    """Turns lark's tree into planneal's nodes, checking names and exponents on the way."""

    def start(self, parts: list[Any]) -> Relation:
        ops = tuple("=" if op == "==" else str(op) for op in parts[1::2])
        return Relation(tuple(parts[0::2]), ops)

    def number(self, parts: list[Token]) -> Number:
        return Number(Fraction(str(parts[0])))

    def symbol(self, parts: list[Token]) -> Symbol:
        name = str(parts[0])
        if "__" in name or len(name) > 64:
            raise ExpressionError(f"{name[:20]!r} is not a symbol name", column=parts[0].column or 0)
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function; give it arguments", column=parts[0].column or 0)
        return Symbol(name)

    def call(self, parts: list[Any]) -> Apply:
        name, args = str(parts[0]), tuple(parts[1:])
        if name not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise ExpressionError(f"{name[:20]!r} is not a known function ({known})")
        least, most = FUNCTIONS[name]
        if not least <= len(args) <= most:
            raise ExpressionError(f"{name} takes {least} to {most} arguments, not {len(args)}")
        return Apply(name, args)

    def pow(self, parts: list[Expression]) -> Apply:
        return Apply("**", (parts[0], Number(_exponent(parts[1]))))

    def neg(self, parts: list[Expression]) -> Apply:
        return Apply("neg", (parts[0],))

    def pos(self, parts: list[Expression]) -> Expression:
        return parts[0]

    def add(self, parts: list[Expression]) -> Apply:
        return Apply("+", tuple(parts))

    def sub(self, parts: list[Expression]) -> Apply:
        return Apply("-", tuple(parts))

    def mul(self, parts: list[Expression]) -> Apply:
        return Apply("*", tuple(parts))

    def div(self, parts: list[Expression]) -> Apply:
        return Apply("/", tuple(parts))

    def mod(self, parts: list[Expression]) -> Apply:
        return Apply("%", tuple(parts))


@lru_cache(maxsize=1)
def _parser() -> Lark:
    grammar = resources.files(__package__).joinpath("relation.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=False)


_FORBIDDEN = re.compile(r"[^A-Za-z0-9_+\-*/%^().,=!<> \t]")
_DEEP_SIGNS = re.compile(rf"(?:[+\-][ \t]*){{{MAX_DEPTH + 1},}}")


def _screen(text: str) -> None:
    """Refuses by size and by alphabet before any parsing."""
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"{len(text)} characters, over {MAX_CHARS}", reason="too large")
    bad = _FORBIDDEN.search(text)
    if bad:
        shown = bad.group().encode("unicode_escape").decode()
        raise ExpressionError(f"character {shown!r} has no meaning in a relation", column=bad.start() + 1)
    depth = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", reason="too large")
    if _DEEP_SIGNS.search(text):
        raise ExpressionError(f"more than {MAX_DEPTH} signs in a row", reason="too large")
    if re.search(rf"[0-9]{{{MAX_DIGITS + 1},}}", text):
        raise ExpressionError(f"a number has more than {MAX_DIGITS} digits", reason="too large")
    if len(re.findall(r"[A-Za-z0-9_.]+|\*\*|[+\-*/%^(]", text)) > MAX_NODES:
        raise ExpressionError(f"more than {MAX_NODES} parts", reason="too large")


@lru_cache(maxsize=8192)
def _parse(text: str) -> Relation | ExpressionError:
    try:
        _screen(text)
        tree = _parser().parse(text)
        relation = _Build().transform(tree)
    except ExpressionError as error:
        return error
    except VisitError as error:
        if isinstance(error.orig_exc, ExpressionError):
            return error.orig_exc
        raise
    except UnexpectedInput as error:
        column = int(getattr(error, "column", 0) or 0)
        what = "unexpected character" if isinstance(error, UnexpectedCharacters) else "unexpected end or word"
        return ExpressionError(f"{what} at column {max(column, 0)}", column=max(column, 0))
    assert isinstance(relation, Relation)
    return relation


def parse_relation(text: str) -> Relation:
    """Parses a relation such as ``bolts = nuts + 3`` or ``wigs >= 1``.

    Results are cached by text, failures too; no state but that memory.

    Raises:
        ExpressionError: The text is malformed or too large.
    """
    result = _parse(text)
    if isinstance(result, ExpressionError):
        raise ExpressionError(str(result), reason=result.reason, column=result.column)
    return result


def parse_expression(text: str) -> Expression:
    """Parses a bare expression (no comparison), for instance a goal's target.

    Raises:
        ExpressionError: The text is malformed, too large, or holds a comparison.
    """
    relation = parse_relation(text)
    if relation.ops:
        raise ExpressionError("an expression was expected, not a comparison")
    return relation.terms[0]
