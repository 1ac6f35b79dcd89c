"""Linear equations over the rationals: reading them off expressions and solving small systems exactly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple, TypeVar

from .evaluation import MAX_BITS, Gap, condition_holds, fits, value_of
from .expressions import Apply, Expression, Number, Symbol

MAX_UNKNOWNS = 12
"""Most unknowns in one system."""
MAX_ROWS = 48
"""Most equations in one system."""


class Linear(NamedTuple):
    """``sum(weights[s] * s) + constant``; no weight is zero."""

    weights: Mapping[str, Fraction]
    constant: Fraction


def _sum(left: Linear, right: Linear, sign: int) -> Linear:
    weights = dict(left.weights)
    for name, weight in right.weights.items():
        total = weights.get(name, Fraction(0)) + sign * weight
        if total:
            weights[name] = total
        else:
            weights.pop(name, None)
    return Linear(weights, left.constant + sign * right.constant)


def _scaled(form: Linear, factor: Fraction) -> Linear:
    if not factor:
        return Linear({}, Fraction(0))
    return Linear({name: weight * factor for name, weight in form.weights.items()}, form.constant * factor)


def _product(op: str, left: Linear, right: Linear) -> Linear | None:
    if op == "*":
        if not left.weights:
            return _scaled(right, left.constant)
        return _scaled(left, right.constant) if not right.weights else None
    if op == "/" and not right.weights and right.constant:
        return _scaled(left, 1 / right.constant)
    return None


def linear_form(expression: Expression, values: Mapping[str, Fraction]) -> Linear | None:
    """The expression as a linear form in the symbols without a value, or None where it is not one.

    Args:
        expression: Any expression.
        values: Symbols that count as constants.
    """
    if isinstance(expression, Number):
        return Linear({}, expression.value)
    if isinstance(expression, Symbol):
        known = values.get(expression.name)
        return Linear({expression.name: Fraction(1)}, Fraction(0)) if known is None else Linear({}, known)
    if expression.op == "if":
        chosen = condition_holds(expression.args[0], values)
        return None if isinstance(chosen, Gap) else linear_form(expression.args[1 if chosen else 2], values)
    form = _applied(expression, values)
    if form is None or not fits(form.constant) or not all(map(fits, form.weights.values())):
        return None
    return form


def _applied(expression: Apply, values: Mapping[str, Fraction]) -> Linear | None:
    arguments = [linear_form(argument, values) for argument in expression.args]
    forms = [form for form in arguments if form is not None]
    if len(forms) < len(arguments):
        return None
    op = expression.op
    if op == "neg":
        return _scaled(forms[0], Fraction(-1))
    if op in ("+", "-"):
        return _sum(forms[0], forms[1], 1 if op == "+" else -1)
    if op in ("*", "/") and any(form.weights for form in forms):
        return _product(op, forms[0], forms[1])
    if op == "**" and forms[1].constant == 1:
        return forms[0]
    if any(form.weights for form in forms):
        return None
    constant = value_of(Apply(op, tuple(Number(form.constant) for form in forms)), {})
    return None if isinstance(constant, Gap) else Linear({}, constant)


class Row(NamedTuple):
    """``sum(weights[s] * s) = total``."""

    weights: Mapping[str, Fraction]
    total: Fraction

    @classmethod
    def of(cls, left: Linear, right: Linear) -> Row:
        """The equation ``left = right``."""
        form = _sum(left, right, -1)
        return cls(form.weights, -form.constant)


class Solution(NamedTuple):
    """What a system says.

    Attributes:
        values: Symbols with one possible value; empty if the system is inconsistent.
        clash: Indices of rows that cannot all hold, empty if the system is consistent.
    """

    values: Mapping[str, Fraction]
    clash: tuple[int, ...]


_Key = TypeVar("_Key")


def _subtract(target: dict[_Key, Fraction], source: Mapping[_Key, Fraction], factor: Fraction) -> None:
    for key, weight in source.items():
        changed = target.get(key, Fraction(0)) - factor * weight
        if changed:
            target[key] = changed
        else:
            target.pop(key, None)


class _Line:
    """A row under elimination that remembers which rows it was combined from."""

    __slots__ = ("origin", "total", "weights")

    def __init__(self, index: int, row: Row) -> None:
        self.weights = dict(row.weights)
        self.total = row.total
        self.origin = {index: Fraction(1)}

    def subtract(self, other: _Line, factor: Fraction) -> None:
        _subtract(self.weights, other.weights, factor)
        _subtract(self.origin, other.origin, factor)
        self.total -= factor * other.total

    @property
    def large(self) -> bool:
        return any(w.numerator.bit_length() + w.denominator.bit_length() > 8 * MAX_BITS for w in self.weights.values())


def solve(rows: Sequence[Row]) -> Solution | None:
    """Gauss-Jordan elimination with exact rationals.

    The rows named in ``clash`` are those of one combination that reads ``0 = c`` with ``c`` not zero.

    Returns:
        The solution, or None where the system is larger than this solves.
    """
    unknowns = {name for row in rows for name in row.weights}
    if len(unknowns) > MAX_UNKNOWNS or len(rows) > MAX_ROWS:
        return None
    pivots: dict[str, _Line] = {}
    for index, row in enumerate(rows):
        line = _Line(index, row)
        for name in [name for name in line.weights if name in pivots]:
            if name in line.weights:
                line.subtract(pivots[name], line.weights[name])
        if line.large:
            return None
        if not line.weights:
            if line.total:
                return Solution({}, tuple(sorted(line.origin)))
            continue
        _add_pivot(pivots, line)
    determined = {name: line.total for name, line in pivots.items() if len(line.weights) == 1}
    return Solution({name: value for name, value in determined.items() if fits(value)}, ())


def _add_pivot(pivots: dict[str, _Line], line: _Line) -> None:
    name = min(line.weights)
    factor = line.weights[name]
    line.weights = {key: weight / factor for key, weight in line.weights.items()}
    line.origin = {key: weight / factor for key, weight in line.origin.items()}
    line.total /= factor
    for other in pivots.values():
        if name in other.weights:
            other.subtract(line, other.weights[name])
    pivots[name] = line


def components(groups: Iterable[frozenset[str]]) -> list[tuple[frozenset[str], list[int]]]:
    """Groups that share symbols, merged: the symbols of each cluster and the indices of its groups, in order."""
    clusters: list[tuple[set[str], list[int]]] = []
    for index, group in enumerate(groups):
        touching = [cluster for cluster in clusters if not group.isdisjoint(cluster[0])]
        merged = (set(group).union(*(c[0] for c in touching)), sorted([index, *(i for c in touching for i in c[1])]))
        clusters = [cluster for cluster in clusters if cluster not in touching]
        clusters.append(merged)
    return [(frozenset(symbols), indices) for symbols, indices in clusters]


__all__ = ["MAX_ROWS", "MAX_UNKNOWNS", "Linear", "Row", "Solution", "components", "linear_form", "solve"]
