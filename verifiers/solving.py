"""Single equations in one unknown that are not linear, solved exactly by sympy within hard bounds."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from ..planner.evaluation import evaluate
from ..planner.expressions import Apply, Expression, Number
from ..planner.valuation import Roots
from .algebra import degrees, to_sympy

MAX_DEGREE = 4
"""Largest degree of a polynomial that is solved."""
MAX_COEFFICIENT_BITS = 64
"""Most bits in a number of an equation that is solved."""


def _small(expression: Expression) -> bool:
    stack: list[Expression] = [expression]
    while stack:
        node = stack.pop()
        if isinstance(node, Number):
            if max(node.value.numerator.bit_length(), node.value.denominator.bit_length()) > MAX_COEFFICIENT_BITS:
                return False
        elif isinstance(node, Apply):
            stack.extend(node.args)
    return True


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


__all__ = ["MAX_COEFFICIENT_BITS", "MAX_DEGREE", "real_roots"]
