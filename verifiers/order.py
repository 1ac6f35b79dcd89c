"""Order: are the predicates on item positions true of the plan as it stands?

``order: S1 < S3`` and ``order: |S1 - S4| >= 2`` are comparisons over positions, counted from one among the plan's
items. They are read by the same small grammar as relations (bars mean the absolute value) and computed exactly.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from fractions import Fraction

from ..planner.checks import OrderCheck
from ..planner.errors import ExpressionError
from ..planner.expressions import parse_relation
from ..planner.plan import ID, Plan
from ..planner.task import Task
from ..planner.values import check_statement
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import Malformed, UnresolvedNeed, Violated

_BARS = re.compile(r"\|([^|]+)\|")


class OrderVerifier(Verifier):
    """Judges ``order:`` checks; it has nothing to say about items without one."""

    name = "order"
    stage = 0
    trust = "exact"
    decides = frozenset({"order"})

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The predicate and the positions of the items it names."""
        item = plan.by_id.get(item_id)
        if item is None or not isinstance(item.check, OrderCheck):
            return None
        return item.check.text, tuple((ref, plan.positions.get(ref)) for ref in sorted(item.check.refers))

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Computes each predicate at the positions."""
        return Judgement({item_id: _judge(plan, item_id) for item_id in item_ids})


def _judge(plan: Plan, item_id: str) -> Verdict:
    check = plan[item_id].check
    assert check is not None
    try:
        relation = parse_relation(_BARS.sub(r"abs(\1)", check.text))
    except ExpressionError as error:
        return Verdict.failed(Malformed(item=item_id, reason=f"{error.reason}: {error}"))
    if not relation.ops:
        return Verdict.failed(Malformed(item=item_id, reason="a comparison of positions was expected"))
    foreign = sorted(name for name in relation.symbols if not ID.fullmatch(name))
    if foreign:
        return Verdict.failed(Malformed(item=item_id, reason=f"{foreign[0]} is not an item id"))
    missing = [UnresolvedNeed(item=item_id, need=name) for name in sorted(relation.symbols) if name not in plan]
    if missing:
        return Verdict.failed(*missing)
    places = {name: Fraction(plan.positions[name] + 1) for name in relation.symbols}
    found = check_statement(relation, places)
    if found.outcome == "pass":
        return Verdict.ok()
    shown = ", ".join(f"{name} stands at {places[name]}" for name in sorted(places))
    movable = tuple(name for name in sorted(places, key=lambda name: places[name]) if not plan[name].locked)
    return Verdict.failed(Violated(item=item_id, detail=shown, culprits=movable))
