"""Equations that are not linear, solved exactly by sympy within hard bounds.

A single equation in one unknown of small degree is solved here, in this process. Several equations for several unknowns
may run long however small they look; they go to a child process that is bounded in time and memory.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from ..planner.evaluation import evaluate
from ..planner.expressions import Apply, Expression, Number, nodes_of
from ..planner.valuation import Points, Roots
from .algebra import degrees, to_sympy
from .bounded import BoundedWorker
from .solver_child import encode

MAX_DEGREE = 4
"""Largest degree of a polynomial that is solved."""
MAX_COEFFICIENT_BITS = 64
"""Most bits in a number of an equation that is solved."""
MAX_TOTAL_DEGREE = 4
"""Largest total degree of an equation in a system that is solved."""
MAX_EQUATIONS = 6
"""Most equations in a system that is solved."""
WORKER = BoundedWorker("planneal.verifiers.solver_child")
"""The child that has sympy; it starts with the first system."""


def _small(expression: Expression) -> bool:
    return all(
        max(node.value.numerator.bit_length(), node.value.denominator.bit_length()) <= MAX_COEFFICIENT_BITS
        for node in nodes_of(expression)
        if isinstance(node, Number)
    )


@lru_cache(maxsize=1024)
def real_roots(left: Expression, right: Expression, unknown: str) -> Roots | None:
    """The real solutions of ``left = right`` in its one unknown.

    Both sides must be quotients of polynomials with small coefficients, and the polynomial that is left after
    multiplying out must have degree 1 to 4; everything else is not attempted. Remembered by content.

    Args:
        left: One side, holding no symbol but the unknown.
        right: The other side, likewise.
        unknown: The symbol to solve for.

    Returns:
        The rational solutions and whether they are all, or None where this was not attempted or every number solves it.
    """
    difference = Apply("-", (left, right))
    bound = degrees(difference)
    if bound is None or max(bound) > MAX_DEGREE or not _small(difference):
        return None
    import sympy

    symbol = sympy.Symbol(unknown, real=True)
    above, _ = sympy.fraction(sympy.together(to_sympy(difference)))
    if above.has(sympy.zoo, sympy.nan, sympy.oo):
        return None
    polynomial = sympy.Poly(above, symbol, domain=sympy.QQ)
    if polynomial.is_zero:
        return None
    if polynomial.degree() < 1:
        return Roots((), True)
    found = sorted(Fraction(int(root.p), int(root.q)) for root in polynomial.ground_roots())
    complete = polynomial.sqf_part().count_roots() == len(found)
    # sympy cancels as it builds, so a root may be one where the equation as written divides by zero.
    return Roots(tuple(root for root in found if evaluate(difference, {unknown: root}) == 0), complete)


@lru_cache(maxsize=1024)
def solve_points(pairs: tuple[tuple[Expression, Expression], ...], unknowns: tuple[str, ...]) -> Points | str | None:
    """The real solutions of several equations for several unknowns, found in a bounded child process.

    Both sides must be quotients of polynomials with small coefficients and small total degree. Remembered by content,
    also that it took too long.

    Args:
        pairs: The two sides of each equation, holding no symbol but the unknowns.
        unknowns: The symbols to solve for.

    Returns:
        The rational solutions and whether they are all; in words why it broke off; or None where it was not attempted
        or there are infinitely many.
    """
    differences = [Apply("-", pair) for pair in pairs]
    bounds = [degrees(difference) for difference in differences]
    if len(pairs) > MAX_EQUATIONS or not all(map(_small, differences)):
        return None
    if any(bound is None or max(bound) > MAX_TOTAL_DEGREE for bound in bounds):
        return None
    sides = [[encode(left), encode(right)] for left, right in pairs]
    reply = WORKER.call({"pairs": sides, "unknowns": list(unknowns)})
    if reply is None or isinstance(reply, str):
        return reply
    points = [tuple(Fraction(above, below) for above, below in point) for point in reply["points"]]
    kept = [point for point in points if _solves(differences, dict(zip(unknowns, point, strict=True)))]
    return Points(tuple(kept), bool(reply["complete"]))


def _solves(differences: list[Apply], point: dict[str, Fraction]) -> bool:
    """Whether the equations as written hold there: what sympy cancels may divide by zero."""
    return all(evaluate(difference, point) == 0 for difference in differences)


__all__ = [
    "MAX_COEFFICIENT_BITS",
    "MAX_DEGREE",
    "MAX_EQUATIONS",
    "MAX_TOTAL_DEGREE",
    "WORKER",
    "real_roots",
    "solve_points",
]
