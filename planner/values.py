"""The values that a plan's symbols have, for whoever checks a statement against a plan: exact and bounded."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from .errors import ExpressionError
from .evaluation import Checked, check_statement, evaluate
from .expressions import parse_expression
from .plan import Plan
from .valuation import valuate


@lru_cache(maxsize=256)
def _values(plan: Plan) -> dict[str, Fraction]:
    return valuate(plan).values


def plan_values(plan: Plan) -> dict[str, Fraction]:
    """The exact value, in base units, of every symbol that the plan determines.

    By definitions, linear equations, and what bounds, assumptions and congruences leave as the only value. Rival
    definitions that differ determine nothing. Equations that are not linear are left to the relations verifier.
    """
    return dict(_values(plan))


def goal_value(plan: Plan) -> Fraction | None:
    """The exact value of the goal's target, or None where there is none or the plan leaves it open."""
    if plan.target is None:
        return None
    try:
        target = parse_expression(plan.target)
    except ExpressionError:
        return None
    return evaluate(target, _values(plan))


__all__ = ["Checked", "check_statement", "evaluate", "goal_value", "plan_values"]
