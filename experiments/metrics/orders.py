"""Order checks held against the order that an answer states, so that schedules are judged exactly too.

Predicates (``pigs = 3``, ``pipes < mugs``, ``|S1 - S4| >= 2``) are those of :mod:`~planneal.planner.ordering`; places
are counted in the answer's own order, whatever the plan's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ...planner.checks import OrderCheck
from ...planner.errors import ExpressionError
from ...planner.ordering import FIRST, LAST, name_of, parse_ordering
from ...planner.plan import Item, Plan
from ..families.schedule.grading import read_order
from .faithfulness import Judge, Outcome


def order_judge(plan: Plan, text: str, entries: Sequence[str] | None = None) -> Judge:
    """A judge of order checks for one answer; checks of other kinds are not its business.

    An answer that states no order of all entries says too little, and satisfies none of them.

    Args:
        plan: The plan.
        text: The answer.
        entries: The names that are put in order; those of the plan's subgoals where None.
    """
    names = {item.id: name_of(item.text) for item in plan.items if item.kind == "S" and item.text}
    order = read_order(text, tuple(entries) if entries is not None else tuple(dict.fromkeys(names.values())))
    places = None if order is None else _places(order, names)

    def judge(item: Item) -> Outcome | None:
        if not isinstance(item.check, OrderCheck):
            return None
        try:
            ordering = parse_ordering(item.check.text)
        except ExpressionError:
            return None
        if places is None or not all(name in places for name in ordering.names):
            return "unknown"
        return "pass" if ordering.holds(places) else "fail"

    return judge


def _places(order: Sequence[str], names: Mapping[str, str]) -> dict[str, Fraction]:
    """Places by name, by the id of the subgoal that bears it, and of the two ends."""
    at = {name: Fraction(place) for place, name in enumerate(order, start=1)}
    ids = {item_id: at[name] for item_id, name in names.items() if name in at}
    return {FIRST: Fraction(1), LAST: Fraction(len(order)), **at, **ids}


__all__ = ["order_judge"]
