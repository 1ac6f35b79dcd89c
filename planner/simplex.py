"""Linear inequalities over the rationals: is there a point that satisfies them all? Exact and bounded.

The general simplex of Dutertre and de Moura ("A fast linear-arithmetic solver for DPLL(T)", CAV 2006) with Bland's
rule, over numbers ``a + b * delta`` where delta is a positive infinitesimal: ``x < 3`` is ``x <= 3 - delta``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

MAX_NUMBER_BITS = 512
"""Most bits in a coefficient before the search is given up."""


class Exhausted(Exception):  # noqa: N818 - caught where the effort was granted
    """The work that was granted does not suffice; nothing is known."""


class Effort:
    """Work that may still be done, counted in operations on rationals so that the bound is the same on any machine."""

    def __init__(self, operations: int) -> None:
        self.left = operations

    def spend(self, operations: int) -> None:
        """Takes operations off.

        Raises:
            Exhausted: There are not that many left.
        """
        self.left -= operations
        if self.left < 0:
            raise Exhausted


class Inequality(NamedTuple):
    """``sum(weights[x] * x) + constant <= 0``, or ``< 0`` where it is strict; no weight is zero."""

    weights: Mapping[str, Fraction]
    constant: Fraction
    strict: bool


class _Number(NamedTuple):
    """``real + small * delta``, ordered as a pair."""

    real: Fraction
    small: Fraction


_ZERO = Fraction(0)
_ORIGIN = _Number(_ZERO, _ZERO)


class _Tableau:
    """Basic variables as forms over the others, bounds on all, and a value for each."""

    def __init__(self, rows: Sequence[Inequality], effort: Effort) -> None:
        self.effort = effort
        self.rows: dict[str, dict[str, Fraction]] = {}
        self.upper: dict[str, _Number] = {}
        self.value: dict[str, _Number] = {}
        slacks: dict[tuple[tuple[str, Fraction], ...], str] = {}
        for row in rows:
            for name in row.weights:
                self.value.setdefault(name, _ORIGIN)
            key = tuple(sorted(row.weights.items()))
            if key not in slacks:
                slacks[key] = f" {len(slacks)}"  # no symbol begins with a space
                self.rows[slacks[key]] = dict(row.weights)
                self.value[slacks[key]] = _ORIGIN
            bound = _Number(-row.constant, Fraction(-1) if row.strict else _ZERO)
            self.upper[slacks[key]] = min(bound, self.upper.get(slacks[key], bound))

    def solve(self) -> bool:
        """Moves to a point within all bounds; False where there is none. Only upper bounds occur."""
        while True:
            broken = min((b for b in self.rows if b in self.upper and self.value[b] > self.upper[b]), default=None)
            if broken is None:
                return True
            row = self.rows[broken]
            # To lower the basic variable: lower what it rises with, or raise what it falls with, where there is room.
            entering = min((n for n, w in row.items() if w > 0 or self._rises(n)), default=None)
            if entering is None:
                return False
            self._pivot(broken, entering)

    def _rises(self, name: str) -> bool:
        return name not in self.upper or self.value[name] < self.upper[name]

    def _pivot(self, leaving: str, entering: str) -> None:
        row = self.rows.pop(leaving)
        weight = row.pop(entering)
        bound = self.upper[leaving]
        step = _Number(
            (bound.real - self.value[leaving].real) / weight, (bound.small - self.value[leaving].small) / weight
        )
        self.value[leaving] = bound
        self._move(entering, step)
        for name, other in self.rows.items():
            if entering in other:
                self._move(name, _Number(step.real * other[entering], step.small * other[entering]))
        solved = {name: -share / weight for name, share in row.items()}
        solved[leaving] = 1 / weight
        self.effort.spend(len(row) + 4)
        for other in self.rows.values():
            share = other.pop(entering, None)
            if share is not None:
                self.effort.spend(len(solved))
                _add(other, solved, share)
        self.rows[entering] = solved

    def _move(self, name: str, step: _Number) -> None:
        now = self.value[name]
        self.value[name] = _Number(now.real + step.real, now.small + step.small)


def _add(target: dict[str, Fraction], source: Mapping[str, Fraction], factor: Fraction) -> None:
    for name, weight in source.items():
        total = target.get(name, _ZERO) + factor * weight
        if not total:
            target.pop(name, None)
        elif total.numerator.bit_length() + total.denominator.bit_length() > MAX_NUMBER_BITS:
            raise Exhausted
        else:
            target[name] = total


def find_point(rows: Sequence[Inequality], effort: Effort) -> dict[str, Fraction] | None:
    """A point that satisfies every inequality, or None where there is none.

    Args:
        rows: The inequalities.
        effort: The work that may be done.

    Returns:
        A value for every variable that occurs.

    Raises:
        Exhausted: The effort does not suffice.
    """
    effort.spend(sum(3 * len(row.weights) + 2 for row in rows))
    constant = [row for row in rows if not row.weights]
    if any(row.constant > 0 or (row.strict and row.constant == 0) for row in constant):
        return None
    tableau = _Tableau([row for row in rows if row.weights], effort)
    if not tableau.solve():
        return None
    point = {name: value for name, value in tableau.value.items() if not name.startswith(" ")}
    delta = Fraction(1)
    for row in rows:
        real = row.constant + sum((w * point[n].real for n, w in row.weights.items()), _ZERO)
        small = sum((w * point[n].small for n, w in row.weights.items()), _ZERO)
        if small > 0:
            delta = min(delta, -real / small / 2)
    return {name: value.real + delta * value.small for name, value in point.items()}


__all__ = ["MAX_NUMBER_BITS", "Effort", "Exhausted", "Inequality", "find_point"]
