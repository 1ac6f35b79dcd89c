"""Exact evaluation of expressions and comparisons: rationals, bottom-up, bounded, no symbolic algebra.

Every intermediate result is a :class:`fractions.Fraction` of at most :data:`MAX_BITS` bits, so no call can run long
whatever the expression. Where there is no such value, a :class:`Gap` says why.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Literal, NamedTuple

from .expressions import CONDITIONS, Apply, Expression, Number, Quantity, Relation, Symbol
from .units import format_unit

MAX_BITS = 1024
"""Most bits in the numerator or the denominator of any value."""

GapKind = Literal["open", "inexact", "too large", "undefined"]
_SEVERITY: dict[GapKind, int] = {"open": 0, "inexact": 1, "too large": 2, "undefined": 3}


class Gap(NamedTuple):
    """Why an expression has no exact value.

    Attributes:
        kind: ``open`` (a symbol has no value), ``inexact`` (irrational), ``too large``, or ``undefined`` (a division by
            zero, the root of a negative number).
        detail: The open symbol, else the reason in words.
    """

    kind: GapKind
    detail: str

    @property
    def reason(self) -> str:
        """One line for people."""
        if self.kind == "open":
            return f"{self.detail} has no value"
        return f"too large: {self.detail}" if self.kind == "too large" else self.detail


def fits(value: Fraction) -> bool:
    """Whether a value is within :data:`MAX_BITS`."""
    return value.numerator.bit_length() <= MAX_BITS and value.denominator.bit_length() <= MAX_BITS


def _power(base: Fraction, exponent: Fraction) -> Fraction | Gap:
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if (bits - 1) * abs(exponent.numerator) > MAX_BITS:
        return Gap("too large", f"a power has more than {MAX_BITS} bits")
    return Fraction(base**exponent.numerator)


def _root(value: Fraction) -> Fraction | Gap:
    if value < 0:
        return Gap("undefined", "square root of a negative number")
    root = Fraction(math.isqrt(value.numerator), math.isqrt(value.denominator))
    return root if root * root == value else Gap("inexact", f"the square root of {shown(value)} is irrational")


_OPERATIONS: Mapping[str, Callable[..., Fraction | Gap]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "**": _power,
    "neg": operator.neg,
    "abs": abs,
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
    "sqrt": _root,
    "min": min,
    "max": max,
}


def value_of(expression: Expression, values: Mapping[str, Fraction]) -> Fraction | Gap:
    """The exact value of an expression, or why it has none (the gravest reason where there are several).

    ``%`` is the floored remainder (its sign is the divisor's), ``0 ** 0`` is 1.
    """
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Symbol):
        found = values.get(expression.name)
        return Gap("open", expression.name) if found is None else found
    if expression.op == "if":
        chosen = condition_holds(expression.args[0], values)
        return chosen if isinstance(chosen, Gap) else value_of(expression.args[1 if chosen else 2], values)
    numbers: list[Fraction] = []
    gap: Gap | None = None
    for argument in expression.args:
        value = value_of(argument, values)
        if not isinstance(value, Gap):
            numbers.append(value)
        elif gap is None or _SEVERITY[value.kind] > _SEVERITY[gap.kind]:
            gap = value
    if gap is not None:
        return gap
    try:
        result = _OPERATIONS[expression.op](*numbers)
    except ZeroDivisionError:
        return Gap("undefined", "division by zero")
    if isinstance(result, Gap) or fits(result):
        return result
    return Gap("too large", f"a value has more than {MAX_BITS} bits")


def condition_holds(condition: Expression, values: Mapping[str, Fraction]) -> bool | Gap:
    """Whether a condition is true; one false part makes a chain false, whatever else is open."""
    assert isinstance(condition, Apply), "the grammar puts comparisons here"
    assert condition.op in CONDITIONS, "the grammar puts comparisons here"
    if condition.op == "and":
        parts = [condition_holds(part, values) for part in condition.args]
        gaps = [part for part in parts if isinstance(part, Gap)]
        if any(part is False for part in parts):
            return False
        return max(gaps, key=lambda gap: _SEVERITY[gap.kind]) if gaps else True
    left, right = (value_of(side, values) for side in condition.args)
    if isinstance(left, Gap) or isinstance(right, Gap):
        return max((s for s in (left, right) if isinstance(s, Gap)), key=lambda gap: _SEVERITY[gap.kind])
    return _COMPARE[condition.op](left, right)


def evaluate(expression: Expression, values: Mapping[str, Fraction]) -> Fraction | None:
    """The exact value of an expression, or None where it has none."""
    value = value_of(expression, values)
    return None if isinstance(value, Gap) else value


def shown(value: Fraction) -> str:
    """A value as text: ``7`` or ``7/2``; what is longer than 40 digits is cut in the middle."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:12]}...{text[-12:]}"


def _decimal(value: Fraction) -> str:
    """A number literal: decimals as they can be read again."""
    if value.denominator == 1:
        return str(value.numerator)
    places = 1
    while (value * 10**places).denominator != 1 and places < 64:
        places += 1
    digits = str(abs((value * 10**places).numerator)).rjust(places + 1, "0")
    return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"


_RANK = {"+": 1, "-": 1, "*": 3, "/": 3, "%": 3, "neg": 4, "**": 5}
_ATOM = 6
_QUANTITY = 2
"""A quantity stands bare in sums only: ``3 m / h`` reads ``/ h`` as part of the unit, so it is enclosed elsewhere."""


def written(expression: Expression) -> str:
    """An expression as text that parses to it again, with no more parentheses than it takes."""
    return _written(expression)[0]


def _written(node: Expression) -> tuple[str, int]:
    """Text and binding rank; atoms bind tightest."""
    if isinstance(node, Quantity):
        return f"{_decimal(node.amount)} {format_unit(node.unit)}", _QUANTITY if node.amount >= 0 else 1
    if isinstance(node, Number):
        return _decimal(node.value), _ATOM if node.value >= 0 else _RANK["neg"]
    if isinstance(node, Symbol):
        return node.name, _ATOM
    if node.op in CONDITIONS:
        return _written_condition(node), 0
    if node.op not in _RANK:
        return f"{node.op}({', '.join(written(argument) for argument in node.args)})", _ATOM
    rank = _RANK[node.op]
    if node.op == "neg":
        return f"-{_enclosed(node.args[0], rank)}", rank
    if node.op == "**":
        return f"{_enclosed(node.args[0], _ATOM)} ** {_enclosed(node.args[1], _RANK['neg'])}", rank
    return f"{_enclosed(node.args[0], rank)} {node.op} {_enclosed(node.args[1], rank + 1)}", rank


def _written_condition(node: Apply) -> str:
    pairs = node.args if node.op == "and" else (node,)
    text = ""
    for pair in pairs:
        assert isinstance(pair, Apply), "a chain holds comparisons"
        left, right = map(written, pair.args)
        text += f"{'' if text else left} {pair.op} {right}"
    return text


def _enclosed(node: Expression, least: int) -> str:
    text, rank = _written(node)
    return text if rank >= least else f"({text})"


_COMPARE: Mapping[str, Callable[[Fraction, Fraction], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Checked(NamedTuple):
    """Whether a statement holds.

    Attributes:
        outcome: ``pass``, ``fail`` or ``unknown``.
        reason: One line; for a false equality the computation with both values.
        statement: The computation whose value differs from what is stated, for instance ``4 + 3``.
        computed: Its value.
        stated: The value that was stated for it.
        gap: What kept a side from having a value, where something did.
    """

    outcome: Literal["pass", "fail", "unknown"]
    reason: str = ""
    statement: str = ""
    computed: str = ""
    stated: str = ""
    gap: Gap | None = None


_HOLDS = Checked("pass")


class _Side(NamedTuple):
    term: Expression
    value: Fraction | Gap

    def weight(self, numeric: bool) -> int:
        """How much a side deserves to be called the computation rather than what is stated."""
        if isinstance(self.term, Symbol):
            return 2
        return (3 if numeric else 1) if isinstance(self.term, Apply) else 0


def _false(left: _Side, op: str, right: _Side, values: Mapping[str, Fraction]) -> Checked:
    assert not isinstance(left.value, Gap)
    assert not isinstance(right.value, Gap)
    if op != "=":
        return Checked("fail", f"{shown(left.value)} {op} {shown(right.value)} is false")
    numeric = not any(isinstance(side.term, Symbol) for side in (left, right))
    about, other = (left, right) if left.weight(numeric) >= right.weight(numeric) else (right, left)
    statement, computed, stated = written(about.term), shown(about.value), shown(other.value)  # type: ignore[arg-type]
    return Checked("fail", f"{statement} is {computed}, not {stated}", statement, computed, stated)


def check_statement(relation: Relation, values: Mapping[str, Fraction]) -> Checked:
    """Judges a comparison chain such as ``bolts = 4 + 3 = 7`` at the given values.

    Every neighbouring pair is compared. One false pair makes the chain false, whatever else is open; a pair without
    symbols is named first, since it is wrong by itself.

    Args:
        relation: The statement.
        values: What the symbols stand for; others are open.
    """
    if not relation.ops:
        return Checked("unknown", "it compares nothing")
    sides = [_Side(term, value_of(term, values)) for term in relation.terms]
    false: list[Checked] = []
    for left, op, right in zip(sides, relation.ops, sides[1:], strict=False):
        if isinstance(left.value, Gap) or isinstance(right.value, Gap) or _COMPARE[op](left.value, right.value):
            continue
        verdict = _false(left, op, right, values)
        if not (isinstance(left.term, Symbol) or isinstance(right.term, Symbol)):
            return verdict
        false.append(verdict)
    if false:
        return false[0]
    gaps = [side.value for side in sides if isinstance(side.value, Gap)]
    if not gaps:
        return _HOLDS
    worst = max(gaps, key=lambda gap: _SEVERITY[gap.kind])
    outcome: Literal["fail", "unknown"] = "fail" if worst.kind in ("undefined", "too large") else "unknown"
    return Checked(outcome, worst.reason, gap=worst)


__all__ = [
    "MAX_BITS",
    "Checked",
    "Gap",
    "check_statement",
    "condition_holds",
    "evaluate",
    "fits",
    "shown",
    "value_of",
    "written",
]
