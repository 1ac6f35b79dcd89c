"""Relation text into a small tree: the only door through which untrusted mathematics enters.

``parse_relation("bolts = nuts + 3")`` gives a :class:`Relation` whose nodes are planneal's own. There is no
``eval``, no ``sympify`` and no ``parse_expr`` anywhere behind it. Size limits are checked before the parser runs,
so a 10 kB text or ``9**9**9**9`` costs microseconds and raises :class:`ExpressionError` with reason ``too large``.

Covered: ``+ - * / % ** ^``, parentheses, unary signs, decimal numbers, numbers with a unit (``60 km / h``), comparison
chains (``bolts = 4 + 3 = 7``), the functions of :data:`FUNCTIONS`, the forms of :data:`FORMS` (``if(x > 3, x, 3)``) and
the predicates of :data:`PREDICATES` (``integer(x)``). Not covered on purpose: attributes, indexing, strings, any other
call.
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
from .units import QUANTITY_PATTERN, Unit, factor_of, own_words, read_unit

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
FORMS = {"if": (3, 3), "piecewise": (3, 15), "mod": (2, 2)}
"""Calls that are read as something else: ``piecewise`` as nested ``if``, ``mod(a, b)`` as ``a % b``."""
PREDICATES = ("integer", "positive", "nonnegative")
"""What may be stated of expressions instead of a comparison, as in ``integer(x, y)``."""
CONDITIONS = frozenset({"=", "!=", "<", "<=", ">", ">=", "and"})
"""Operators of the nodes that are true or false; they occur as the first argument of ``if`` only."""
MAX_UNIT_BITS = 512
"""Most bits of a quantity in base units."""


@dataclass(frozen=True, slots=True)
class Number:
    """An exact rational constant."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Quantity(Number):
    """A number with a unit; its ``value`` is in base units, so that arithmetic need not know of units.

    Attributes:
        amount: The number as written.
        unit: The unit as written.
    """

    amount: Fraction
    unit: Unit


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named quantity."""

    name: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator or function applied to arguments.

    ``op`` is one of ``+ - * / % ** neg``, a function's name, ``if`` (condition, then, else), a comparison inside a
    condition, or ``and`` over comparisons (a chain such as ``0 < x < 3``).
    """

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
    def quantities(self) -> tuple[Quantity, ...]:
        """The numbers with a unit, left to right."""
        return tuple(node for term in self.terms for node in nodes_of(term) if isinstance(node, Quantity))

    @cached_property
    def own_units(self) -> tuple[str, ...]:
        """Unit words that the table does not hold, each once."""
        return tuple(dict.fromkeys(word for node in self.quantities for word in own_words(node.unit)))

    @cached_property
    def bent(self) -> bool:
        """Whether it holds an operation that is linear only piece by piece, such as ``%``, ``abs`` or ``if``."""
        return any(isinstance(n, Apply) and n.op in _BENT for term in self.terms for n in nodes_of(term))

    @cached_property
    def is_equation(self) -> bool:
        """Whether every operator is an equality, so that it can determine a symbol."""
        return bool(self.ops) and all(op == "=" for op in self.ops)


_BENT = frozenset({"%", "floor", "ceil", "abs", "min", "max", "if"})


def nodes_of(expression: Expression) -> Iterator[Expression]:
    """Every node of an expression, each before its arguments, left to right."""
    stack: list[Expression] = [expression]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Apply):
            stack.extend(reversed(node.args))


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
    if not isinstance(node, Number) or isinstance(node, Quantity) or node.value.denominator != 1:
        raise ExpressionError("an exponent must be an integer literal, for instance x ** 2")
    if node.value > MAX_EXPONENT:
        raise ExpressionError(f"exponent {node.value} is over {MAX_EXPONENT}", reason="too large")
    return sign * node.value


def _quantity(text: str) -> Quantity:
    digits = re.match(r"[0-9]+(?:\.[0-9]+)?", text)
    assert digits is not None, "the pattern begins with a number"
    amount = Fraction(digits.group())
    try:
        unit = read_unit(text[digits.end() :])
    except ValueError as error:
        raise ExpressionError(str(error), reason="too large") from error
    value = amount * factor_of(unit)
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_UNIT_BITS:
        raise ExpressionError(f"a quantity has more than {MAX_UNIT_BITS} bits", reason="too large")
    return Quantity(value, amount, unit)


def _stated(name: str, args: list[Expression]) -> Relation:
    """A predicate as inequalities, so that it can refute and bound but never counts as what gives a symbol its value.

    ``integer(x)`` is ``x % 1 <= 0``: a remainder by 1 is never below 0. Several arguments make one chain.
    """
    zero, one = Number(Fraction(0)), Number(Fraction(1))
    about = [Apply("%", (arg, one)) if name == "integer" else arg for arg in args]
    terms: list[Expression] = [term for arg in about for term in (arg, zero)]
    there, back = {"integer": ("<=", ">="), "positive": (">", "<"), "nonnegative": (">=", "<=")}[name]
    return Relation(tuple(terms), tuple(there if index % 2 == 0 else back for index in range(len(terms) - 1)))


def _called(name: str, args: tuple[Expression, ...]) -> Expression:
    conditional = name in ("if", "piecewise")
    for index, arg in enumerate(args):
        wanted = conditional and index % 2 == 0 and index < len(args) - 1
        if wanted != (isinstance(arg, Apply) and arg.op in CONDITIONS):
            what = "a comparison" if wanted else "an expression"
            raise ExpressionError(f"argument {index + 1} of {name} must be {what}")
    if name == "mod":
        return Apply("%", args)
    if not conditional:
        return Apply(name, args)
    if len(args) % 2 == 0:
        raise ExpressionError(
            "piecewise takes pairs of a comparison and an expression, and one expression for the rest"
        )
    rest = args[-1]
    for condition, value in zip(args[-3::-2], args[-2::-2], strict=True):
        rest = Apply("if", (condition, value, rest))
    return rest


class _Build(Transformer[Token, Any]):
    """Turns lark's tree into planneal's nodes, checking names and exponents on the way."""

    def start(self, parts: list[Any]) -> Relation:
        ops = tuple("=" if op == "==" else str(op) for op in parts[1::2])
        return Relation(tuple(parts[0::2]), ops)

    def stated(self, parts: list[Any]) -> Relation:
        return _stated(str(parts[0]), parts[1:])

    def number(self, parts: list[Token]) -> Number:
        return Number(Fraction(str(parts[0])))

    def quantity(self, parts: list[Token]) -> Quantity:
        return _quantity(str(parts[0]))

    def symbol(self, parts: list[Token]) -> Symbol:
        name = str(parts[0])
        if "__" in name or len(name) > 64:
            raise ExpressionError(f"{name[:20]!r} is not a symbol name", column=parts[0].column or 0)
        if name in FUNCTIONS:
            raise ExpressionError(f"{name} is a function; give it arguments", column=parts[0].column or 0)
        return Symbol(name)

    def condition(self, parts: list[Any]) -> Apply:
        ops = ["=" if op == "==" else str(op) for op in parts[1::2]]
        pairs = tuple(Apply(op, (a, b)) for a, op, b in zip(parts[0::2], ops, parts[2::2], strict=False))
        return pairs[0] if len(pairs) == 1 else Apply("and", pairs)

    def call(self, parts: list[Any]) -> Expression:
        name, args = str(parts[0]), tuple(parts[1:])
        if name not in FUNCTIONS and name not in FORMS:
            known = ", ".join([*FUNCTIONS, *FORMS])
            raise ExpressionError(f"{name[:20]!r} is not a known function ({known})")
        least, most = FUNCTIONS[name] if name in FUNCTIONS else FORMS[name]
        if not least <= len(args) <= most:
            raise ExpressionError(f"{name} takes {least} to {most} arguments, not {len(args)}")
        return _called(name, args)

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
    return Lark(
        grammar.replace("%QUANTITY%", QUANTITY_PATTERN.replace("/", r"\/")), parser="lalr", propagate_positions=False
    )


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


def _undeclared(relation: Relation) -> ExpressionError:
    return ExpressionError(f"{relation.own_units[0][:20]!r} is not a unit")


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


def parse_relation(text: str, *, own_units: bool = False) -> Relation:
    """Parses a relation such as ``bolts = nuts + 3`` or ``wigs >= 1``.

    Results are cached by text, failures too; no state but that memory.

    Args:
        text: The relation.
        own_units: Whether units that the table does not hold are read (``3 apples``); only the plan that the relation
            stands in can tell whether they are declared.

    Raises:
        ExpressionError: The text is malformed or too large.
    """
    result = _parse(text)
    if isinstance(result, Relation) and not own_units and result.own_units:
        raise _undeclared(result)
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
