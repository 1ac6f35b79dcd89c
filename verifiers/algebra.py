"""From planneal's expression trees to sympy objects, node by node; text never reaches sympy.

sympy is imported inside the functions: importing planneal does not pay for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from ..planner.expressions import Apply, Expression, Number, Symbol


@lru_cache(maxsize=1)
def _constructors() -> Mapping[str, Callable[..., Any]]:
    import sympy

    return {
        "+": sympy.Add,
        "-": lambda left, right: sympy.Add(left, sympy.Mul(sympy.Integer(-1), right)),
        "*": sympy.Mul,
        "/": lambda left, right: sympy.Mul(left, sympy.Pow(right, sympy.Integer(-1))),
        "%": sympy.Mod,
        "**": sympy.Pow,
        "neg": lambda value: sympy.Mul(sympy.Integer(-1), value),
        "abs": sympy.Abs,
        "floor": sympy.floor,
        "ceil": sympy.ceiling,
        "sqrt": sympy.sqrt,
        "min": sympy.Min,
        "max": sympy.Max,
        "if": lambda condition, then, otherwise: sympy.Piecewise((then, condition), (otherwise, True)),
        "and": sympy.And,
        "=": sympy.Eq,
        "!=": sympy.Ne,
        "<": sympy.Lt,
        "<=": sympy.Le,
        ">": sympy.Gt,
        ">=": sympy.Ge,
    }


def to_sympy(expression: Expression) -> Any:
    """The expression as a sympy object over real symbols.

    sympy simplifies as it builds; bound what goes in (see :func:`degrees`) where that could take long.
    """
    import sympy

    if isinstance(expression, Number):
        return sympy.Rational(expression.value.numerator, expression.value.denominator)
    if isinstance(expression, Symbol):
        return sympy.Symbol(expression.name, real=True)
    return _constructors()[expression.op](*map(to_sympy, expression.args))


class Degrees(NamedTuple):
    """Upper bounds on the total degrees of a quotient of polynomials."""

    above: int
    below: int


def degrees(expression: Expression) -> Degrees | None:
    """Bounds on the total degree in all symbols, or None where the expression is no quotient of polynomials."""
    if isinstance(expression, Number):
        return Degrees(0, 0)
    if isinstance(expression, Symbol):
        return Degrees(1, 0)
    parts = [degrees(argument) for argument in expression.args]
    known = [part for part in parts if part is not None]
    return _degrees(expression, known) if len(known) == len(parts) else None


def _degrees(expression: Apply, parts: list[Degrees]) -> Degrees | None:
    first, last = parts[0], parts[-1]
    op = expression.op
    if op == "neg":
        return first
    if op in ("+", "-"):
        below = first.below + last.below
        return Degrees(max(first.above + last.below, last.above + first.below), below)
    if op == "*":
        return Degrees(first.above + last.above, first.below + last.below)
    if op == "/":
        return Degrees(first.above + last.below, first.below + last.above)
    exponent = expression.args[1] if op == "**" else None
    if isinstance(exponent, Number) and exponent.value.denominator == 1:
        times = abs(exponent.value.numerator)
        return (
            Degrees(first.above * times, first.below * times)
            if exponent.value >= 0
            else (Degrees(first.below * times, first.above * times))
        )
    return None


__all__ = ["Degrees", "degrees", "to_sympy"]
