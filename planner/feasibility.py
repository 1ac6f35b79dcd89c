"""Linear constraints over rationals and integers, with alternatives: can they all hold? Exact and bounded.

Equations are used up by substitution; those over integers alone by the unimodular steps of the Omega test (Pugh 1991),
which settles congruences, too: ``x % 3 = 1`` is ``x - 3 * k = 1`` with an integer ``k``. What is left are inequalities
over free variables: the simplex finds a point, and branch and bound makes it integral.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from .simplex import MAX_NUMBER_BITS, Effort, Exhausted, Inequality, find_point

Point = dict[str, Fraction]
_ZERO = Fraction(0)


class Constraint(NamedTuple):
    """``sum(weights[x] * x) + constant  op  0`` with ``op`` one of ``=``, ``<=``, ``<``."""

    weights: Mapping[str, Fraction]
    constant: Fraction
    op: str

    def holds(self, point: Mapping[str, Fraction]) -> bool:
        """Whether it is true at a point; variables that the point leaves out are 0."""
        total = self.constant + sum((w * point.get(name, _ZERO) for name, w in self.weights.items()), _ZERO)
        return total == 0 if self.op == "=" else (total < 0 if self.op == "<" else total <= 0)


Alternatives = tuple[tuple[Constraint, ...], ...]
"""One of these groups must hold."""


@dataclass
class System:
    """What must hold together.

    Attributes:
        constraints: All of these.
        choices: Of each, one alternative.
        integers: Variables that are integers.
    """

    constraints: list[Constraint] = field(default_factory=list)
    choices: list[Alternatives] = field(default_factory=list)
    integers: set[str] = field(default_factory=set)


def solve_system(system: System, effort: Effort) -> Point | None:
    """A point at which everything holds, or None where there is none.

    Variables that the point leaves out may have any value; 0 will do.

    Raises:
        Exhausted: The effort does not suffice to tell.
    """
    return _search(list(system.constraints), system.choices, system.integers, effort)


def _search(
    rows: list[Constraint], choices: Sequence[Alternatives], integers: set[str], effort: Effort
) -> Point | None:
    point = _solve_rows(rows, integers, effort)
    if point is None:
        return None
    effort.spend(2 * sum(map(len, choices)))
    broken = [c for c in choices if not any(all(row.holds(point) for row in group) for group in c)]
    if not broken:
        return point
    choice = min(broken, key=len)
    rest = [other for other in choices if other is not choice]
    for group in choice:
        found = _search([*rows, *group], rest, integers, effort)
        if found is not None:
            return found
    return None


class _Eliminated:
    """Constraints after every equation was used up, and how to get back."""

    def __init__(self, rows: Sequence[Constraint], integers: set[str], effort: Effort) -> None:
        self.effort = effort
        self.integers = set(integers)
        self.solved: list[tuple[str, dict[str, Fraction], Fraction]] = []
        self.rows = list(rows)
        self.fresh = 0

    def run(self) -> bool:
        """Uses up the equations; False where one of them cannot hold."""
        while True:
            equations = [row for row in self.rows if row.op == "="]
            if any(not row.weights and row.constant for row in equations):
                return False
            equations = [row for row in equations if row.weights]
            if not equations:
                self.rows = [row for row in self.rows if row.op != "="]
                return True
            mixed = next((row for row in equations if not row.weights.keys() <= self.integers), None)
            if mixed is not None:
                name = min(row for row in mixed.weights if row not in self.integers)
                self._solve(mixed, name)
            elif not self._integral(min(equations, key=lambda row: len(row.weights))):
                return False

    def _integral(self, row: Constraint) -> bool:
        """One step on an equation over integers: solved, made smaller, or found impossible."""
        scaled = _scaled(row)
        if scaled.constant.denominator != 1:
            return False
        name = min(scaled.weights, key=lambda n: (abs(scaled.weights[n]), n))
        weight = scaled.weights[name]
        if abs(weight) == 1:
            self._solve(scaled, name)
            return True
        self.fresh += 1
        other = f"\t{self.fresh}"  # no symbol begins with a tab
        self.integers.add(other)
        rest = {n: Fraction(-(w // weight)) for n, w in scaled.weights.items() if n != name and w // weight}
        self._replace(name, {other: Fraction(1), **rest}, _ZERO)
        return True

    def _solve(self, row: Constraint, name: str) -> None:
        weight = row.weights[name]
        form = {n: -w / weight for n, w in row.weights.items() if n != name}
        self._replace(name, form, -row.constant / weight)

    def _replace(self, name: str, form: dict[str, Fraction], constant: Fraction) -> None:
        self.effort.spend(len(self.rows) // 2)
        self.solved.append((name, form, constant))
        self.rows = [self._replaced(row, name, form, constant) for row in self.rows]

    def _replaced(self, row: Constraint, name: str, form: dict[str, Fraction], constant: Fraction) -> Constraint:
        factor = row.weights.get(name)
        if factor is None:
            return row
        self.effort.spend(len(form) + 2)
        weights = {n: w for n, w in row.weights.items() if n != name}
        for other, share in form.items():
            total = weights.get(other, _ZERO) + factor * share
            if total.numerator.bit_length() + total.denominator.bit_length() > MAX_NUMBER_BITS:
                raise Exhausted
            if total:
                weights[other] = total
            else:
                weights.pop(other, None)
        return Constraint(weights, row.constant + factor * constant, row.op)

    def back(self, point: Point) -> Point:
        """The point with the eliminated variables."""
        for name, form, constant in reversed(self.solved):
            for other in form:
                point.setdefault(other, _ZERO)
            point[name] = constant + sum((w * point[other] for other, w in form.items()), _ZERO)
        return {name: value for name, value in point.items() if not name.startswith("\t")}


def _scaled(row: Constraint) -> Constraint:
    """The same with integer weights that have no common divisor."""
    common = math.lcm(*(w.denominator for w in row.weights.values()))
    divisor = math.gcd(*(int(w * common) for w in row.weights.values()))
    factor = Fraction(common, divisor)
    return Constraint({n: w * factor for n, w in row.weights.items()}, row.constant * factor, row.op)


def _tightened(row: Constraint, integers: set[str]) -> Inequality:
    """Over integers alone, the constant rounded to what integers can reach."""
    if not row.weights or not row.weights.keys() <= integers:
        return Inequality(row.weights, row.constant, row.op == "<")
    scaled = _scaled(row)
    constant = math.ceil(scaled.constant)
    if row.op == "<" and constant == scaled.constant:
        constant += 1
    return Inequality(scaled.weights, Fraction(constant), strict=False)


def _solve_rows(rows: Sequence[Constraint], integers: set[str], effort: Effort) -> Point | None:
    eliminated = _Eliminated(rows, integers, effort)
    if not eliminated.run():
        return None
    inequalities = [_tightened(row, eliminated.integers) for row in eliminated.rows]
    point = _branch(inequalities, eliminated.integers, effort)
    return None if point is None else eliminated.back(point)


def _branch(rows: list[Inequality], integers: set[str], effort: Effort) -> Point | None:
    """Branch and bound, depth first, with a stack of its own: the depth is bounded by the effort only."""
    stack = [rows]
    while stack:
        current = stack.pop()
        point = find_point(current, effort)
        if point is None:
            continue
        cut = min((n for n, v in point.items() if n in integers and v.denominator != 1), default=None)
        if cut is None:
            return point
        effort.spend(len(current))
        below = Fraction(math.floor(point[cut]))
        stack.append([*current, Inequality({cut: Fraction(-1)}, below + 1, strict=False)])
        stack.append([*current, Inequality({cut: Fraction(1)}, -below, strict=False)])
    return None


def only_value(system: System, name: str, point: Point, effort: Effort) -> bool:
    """Whether a variable has at every point of a system the value that it has at this one.

    Raises:
        Exhausted: The effort does not suffice to tell.
    """
    value, one = point.get(name, _ZERO), Fraction(1)
    for weight in (one, -one):
        aside = Constraint({name: weight}, -weight * value, "<")
        if _search([*system.constraints, aside], system.choices, system.integers, effort) is not None:
            return False
    return True


__all__ = ["Alternatives", "Constraint", "Point", "System", "only_value", "solve_system"]
