"""From relations to linear constraints: what bends is split into cases, what is not linear stands for itself.

``abs``, ``min``, ``max``, ``if`` and ``!=`` become alternatives; ``%``, ``floor`` and ``ceil`` an integer with its
bounds. A product of two unknowns, a root or a power becomes a variable of its own, the same wherever it occurs; only
its sign and whether it is an integer are known. So a system without a point refutes the relations for certain, while a
point proves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from .evaluation import condition_holds, fits
from .expressions import Apply, Expression, Number, Relation, Symbol, nodes_of
from .feasibility import Alternatives, Constraint, System
from .linear import Linear, linear_form

MAX_CONSTRAINTS = 160
"""Most constraints and alternatives that are written down for one system."""
_ZERO, _ONE = Fraction(0), Fraction(1)
_NEGATED = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


class TooMany(Exception):  # noqa: N818 - caught where relations are read
    """The relations need more constraints than are written down."""


class Reading:
    """Relations as one system of constraints.

    Args:
        values: Symbols that count as constants.
        integers: Symbols that are stated to be integers.

    Attributes:
        system: The constraints so far.
    """

    def __init__(self, values: Mapping[str, Fraction], integers: Iterable[str] = ()) -> None:
        self.system = System(integers=set(integers))
        self._values = values
        self._named: dict[Expression, Linear] = {}
        self._count = 0

    def add(self, relation: Relation) -> None:
        """Takes a relation in.

        Raises:
            TooMany: The system grows too large.
        """
        for left, op, right in zip(relation.terms, relation.ops, relation.terms[1:], strict=False):
            name = stated_integer(left) if op == "<=" and _is_zero(right) else None
            if name is not None and name not in self._values:
                self.system.integers.add(name)
            else:
                self._compare(left, op, right)

    def _compare(self, left: Expression, op: str, right: Expression) -> None:
        groups = self._cases(left, op, right)
        if len(groups) == 1:
            self._put(groups[0])
        else:
            self._choose(groups)

    def _cases(self, left: Expression, op: str, right: Expression) -> Alternatives:
        """A comparison as alternatives; one where it is convex."""
        difference = _plus(self._linear(left), self._linear(right), -_ONE)
        if op == "!=":
            return ((_constraint(difference, "<"),), (_constraint(_times(difference, -_ONE), "<"),))
        if op in (">", ">="):
            return ((_constraint(_times(difference, -_ONE), "<" if op == ">" else "<="),),)
        return ((_constraint(difference, op),),)

    def _put(self, constraints: Iterable[Constraint]) -> None:
        for constraint in constraints:
            self.system.constraints.append(constraint)
            self._counted()

    def _choose(self, groups: Alternatives) -> None:
        self.system.choices.append(groups)
        for _ in groups:
            self._counted()

    def _counted(self) -> None:
        if len(self.system.constraints) + sum(map(len, self.system.choices)) > MAX_CONSTRAINTS:
            raise TooMany

    def _linear(self, node: Expression) -> Linear:
        form = linear_form(node, self._values)
        if form is not None:
            return form
        if isinstance(node, Symbol):
            return Linear({node.name: _ONE}, _ZERO)
        if isinstance(node, Number):
            raise TooMany  # too many bits
        form = self._named.get(node)
        if form is None:
            form = self._named[node] = self._applied(node)
        if not fits(form.constant) or not all(map(fits, form.weights.values())):
            raise TooMany
        return form

    def _applied(self, node: Apply) -> Linear:
        if node.op == "if":
            return self._if(node)
        parts = [self._linear(argument) for argument in node.args]
        first = parts[0]
        if node.op == "neg":
            return _times(first, -_ONE)
        if node.op in ("+", "-"):
            return _plus(first, parts[1], _ONE if node.op == "+" else -_ONE)
        if node.op == "*" and any(not part.weights for part in parts):
            constant, other = sorted(parts, key=lambda part: len(part.weights))
            return _times(other, constant.constant)
        if node.op == "/" and not parts[1].weights and parts[1].constant:
            return _times(first, 1 / parts[1].constant)
        if node.op == "%" and not parts[1].weights and parts[1].constant:
            return self._remainder(first, parts[1].constant)
        if node.op in ("floor", "ceil"):
            return self._rounded(node.op, first)
        if node.op == "abs":
            return self._greatest([first, _times(first, -_ONE)], _ONE)
        if node.op in ("min", "max"):
            return self._greatest(parts, _ONE if node.op == "max" else -_ONE)
        return self._opaque(node)

    def _fresh(self) -> Linear:
        self._count += 1
        return Linear({f"\n{self._count}": _ONE}, _ZERO)  # no symbol begins with a line break

    def _remainder(self, of: Linear, by: Fraction) -> Linear:
        """``of - by * k`` with an integer ``k``, from 0 up to the modulus, which it does not reach."""
        if not of.weights:
            return Linear({}, of.constant % by)
        times = self._fresh()
        self.system.integers.update(times.weights)
        rest = _plus(of, times, -by)
        sign = _ONE if by > 0 else -_ONE
        self._put([_constraint(_times(rest, -sign), "<=")])
        self._put([_constraint(Linear(_times(rest, sign).weights, sign * rest.constant - abs(by)), "<")])
        return rest

    def _rounded(self, op: str, of: Linear) -> Linear:
        if not of.weights:
            return Linear({}, Fraction(math.floor(of.constant) if op == "floor" else math.ceil(of.constant)))
        whole = self._fresh()
        self.system.integers.update(whole.weights)
        sign = _ONE if op == "floor" else -_ONE
        gap = _times(_plus(of, whole, -_ONE), sign)  # from 0 up to 1, which it does not reach
        self._put([_constraint(_times(gap, -_ONE), "<=")])
        self._put([_constraint(Linear(gap.weights, gap.constant - 1), "<")])
        return whole

    def _greatest(self, parts: list[Linear], sign: Fraction) -> Linear:
        """The greatest of several forms, or with a negative sign the least."""
        best = self._fresh()
        gaps = [_times(_plus(part, best, -_ONE), sign) for part in parts]
        self._put(_constraint(gap, "<=") for gap in gaps)
        self._choose(tuple((_constraint(gap, "="),) for gap in gaps))
        return best

    def _if(self, node: Apply) -> Linear:
        condition, then, otherwise = node.args
        chosen = condition_holds(condition, self._values)
        if isinstance(chosen, bool):
            return self._linear(then if chosen else otherwise)
        value = self._fresh()
        groups: list[tuple[Constraint, ...]] = []
        for holds, branch in ((True, then), (False, otherwise)):
            equal = _constraint(_plus(value, self._linear(branch), -_ONE), "=")
            groups += [(equal, *group) for group in self._condition(condition, holds)]
        self._choose(tuple(groups))
        return value

    def _condition(self, node: Expression, holds: bool) -> Alternatives:
        """A condition, or its contrary, as alternatives."""
        assert isinstance(node, Apply), "the grammar puts comparisons here"
        if node.op != "and":
            return self._cases(node.args[0], node.op if holds else _NEGATED[node.op], node.args[1])
        parts = [self._condition(part, holds) for part in node.args]
        if not holds:
            return tuple(group for part in parts for group in part)
        joined: Alternatives = ((),)
        for part in parts:
            joined = tuple((*group, *more) for group in joined for more in part)
            if len(joined) > MAX_CONSTRAINTS:
                raise TooMany
        return joined

    def _opaque(self, node: Apply) -> Linear:
        """A variable that stands for what is not linear; where it has no value, no statement with it is true."""
        value = self._fresh()
        if _is_square(node) or node.op == "sqrt":
            self._put([_constraint(_times(value, -_ONE), "<=")])
        if self._integral(node):
            self.system.integers.update(value.weights)
        return value

    def _integral(self, node: Apply) -> bool:
        whole = {"+", "-", "*", "neg", "abs", "min", "max"}
        for part in nodes_of(node):
            if isinstance(part, Symbol):
                known = self._values.get(part.name)
                if known is None and part.name not in self.system.integers:
                    return False
                if known is not None and known.denominator != 1:
                    return False
            elif isinstance(part, Number):
                if part.value.denominator != 1 or part.value < 0:
                    return False
            elif part.op not in whole and part.op != "**":
                return False
        return True


def stated_integer(left: Expression) -> str | None:
    """The symbol of which ``left <= 0`` says that it is an integer: ``left`` reads ``symbol % 1``."""
    if isinstance(left, Apply) and left.op == "%" and left.args[1] == Number(_ONE):
        return left.args[0].name if isinstance(left.args[0], Symbol) else None
    return None


def _is_zero(node: Expression) -> bool:
    return isinstance(node, Number) and not node.value


def _is_square(node: Apply) -> bool:
    if node.op == "*":
        return node.args[0] == node.args[1]
    return node.op == "**" and isinstance(node.args[1], Number) and node.args[1].value % 2 == 0


def _plus(left: Linear, right: Linear, factor: Fraction) -> Linear:
    weights = dict(left.weights)
    for name, weight in right.weights.items():
        weights[name] = weights.get(name, _ZERO) + factor * weight
    return Linear({n: w for n, w in weights.items() if w}, left.constant + factor * right.constant)


def _times(form: Linear, factor: Fraction) -> Linear:
    return Linear({n: w * factor for n, w in form.weights.items() if factor}, form.constant * factor)


def _constraint(form: Linear, op: str) -> Constraint:
    return Constraint(form.weights, form.constant, op)


__all__ = ["MAX_CONSTRAINTS", "Reading", "TooMany", "stated_integer"]
