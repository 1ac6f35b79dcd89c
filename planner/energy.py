r"""Energy: what refinement minimises. Lower is better, every term is visible.

For each verifier *v* with weight :math:`w_v` the cost of an item is :math:`c_v(i) = 1 - \mathrm{score}_v(i)`
(0 where *v* has nothing to say). What the *task* asks, the demands *D*, are the locked items and the goal. A demand is only as good as
what it rests on, so costs flow up the dependency graph:

.. math::  C_v(i) = 1 - (1 - c_v(i)) \, (1 - \gamma \, \overline{C_v(\mathrm{support}(i))}),
    \qquad C_v(\text{hole}) = 1

with a *hole* for every symbol or id that an item needs and the plan lacks. The energy is

.. math::  E = \sum_v w_v \Big( \frac{1}{|D|} \sum_{t \in D} C_v(t) + \omega\, O_v \Big) + H \cdot \#\{\text{violated hard items}\}

Consequences, each tested: an absent item costs at least as much as a failing one, so deleting an item of the plan's
own never lowers the energy by itself; defining a missing symbol never raises it, even if the definition brings
undefined symbols of its own (:math:`\gamma < 1` makes progress strict). The plan's own constraints enter through
:math:`O_v` with as many slots as the draft had: an empty slot costs as much as a failing constraint. A plan without a
target is measured the same way over the draft's subgoals. Rival definitions count with the worst of them, so removing
a wrong rival can lower the energy: that resolves a conflict, it does not ask for less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from .graph import links, target_symbols
from .plan import Item, Plan
from .verdicts import GOAL, Assessment, LockedChanged


class Anchor(NamedTuple):
    """How much the draft asked of itself: its own subgoals and its own constraints and invariants."""

    subgoals: int
    constraints: int

    @classmethod
    def of(cls, plan: Plan) -> Anchor:
        """The anchor of a draft."""
        own = [item for item in plan.items if not item.locked]
        subgoals = sum(item.kind == "S" for item in own)
        return cls(subgoals, len(own) - subgoals)


class Term(BaseModel):
    """One verifier's share of the energy.

    Attributes:
        weight: The verifier's weight.
        demands: Mean support cost of the task's demands, in [0, 1].
        own: Cost of the plan's own constraints, in [0, 1] or above where it added failing ones.
        value: ``weight * (demands + own_weight * own)``.
        abstained: Whether the verifier gave no verdicts; then the term is left out of every comparison.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    weight: float
    demands: float
    own: float
    value: float
    abstained: bool = False


class Energy(BaseModel):
    """The energy of one plan, term by term.

    Attributes:
        terms: By verifier name.
        violated: Hard items (locked ones and the goal) that an exact verifier found violated.
        hard: The constant per violated item.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    terms: Mapping[str, Term]
    violated: tuple[str, ...]
    hard: float

    @property
    def penalty(self) -> float:
        """``hard`` times the number of violated items."""
        return self.hard * len(self.violated)

    @property
    def total(self) -> float:
        """The sum of all terms and the penalty; abstentions count as zero here, see :func:`difference`."""
        return _round(sum(term.value for term in self.terms.values() if not term.abstained) + self.penalty)


def _round(value: float) -> float:
    """Twelve decimals: sums in another order must not decide an acceptance."""
    return round(value, 12)


def difference(new: Energy, old: Energy) -> float:
    """``E(new) - E(old)`` over the verifiers that judged both plans; negative is an improvement.

    A verifier that abstained on one side says nothing about the change, so it is left out on both.
    """
    change = new.penalty - old.penalty
    for name in new.terms.keys() | old.terms.keys():
        a, b = new.terms.get(name), old.terms.get(name)
        if a is not None and b is not None and not a.abstained and not b.abstained:
            change += a.value - b.value
    return _round(change)


class EnergyModel(BaseModel):
    """Weights and constants of the energy.

    Attributes:
        weights: By verifier name; 1 where a name is missing.
        hard: Cost per violated hard item.
        discount: The factor ``gamma`` in (0, 1) per level of the dependency graph.
        own_weight: Weight ``omega`` of the plan's own constraints relative to the task's demands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    weights: Mapping[str, float] = Field(default_factory=dict)
    hard: float = Field(default=10.0, ge=0)
    discount: float = Field(default=0.9, gt=0, lt=1)
    own_weight: float = Field(default=0.25, ge=0)

    def weight(self, verifier: str) -> float:
        """The verifier's weight."""
        return self.weights.get(verifier, 1.0)

    def term(self, plan: Plan, assessment: Assessment, anchor: Anchor) -> Term:
        """One verifier's term of the energy of ``plan``."""
        weight = self.weight(assessment.verifier)
        if assessment.abstained is not None:
            return Term(weight=weight, demands=0.0, own=0.0, value=0.0, abstained=True)
        flow = _Flow(plan, {i: 1.0 - v.score for i, v in assessment.verdicts.items()}, self.discount)
        demands = [flow.cost(item.id) for item in plan.locked]
        demands.append(flow.goal(anchor.subgoals))
        mean = sum(demands) / len(demands)
        own = flow.slots([i for i in plan.items if not i.locked and i.kind != "S"], anchor.constraints)
        value = _round(weight * (mean + self.own_weight * own))
        return Term(weight=weight, demands=_round(mean), own=_round(own), value=value)

    def __call__(self, plan: Plan, assessments: Sequence[Assessment], anchor: Anchor, exact: frozenset[str]) -> Energy:
        """The energy of a plan.

        Args:
            plan: The plan.
            assessments: What the verifiers said of it.
            anchor: How much the draft asked of itself.
            exact: Names of the verifiers whose fail is a fact; only these can violate a hard item.
        """
        terms = {a.verifier: self.term(plan, a, anchor) for a in assessments}
        return Energy(terms=terms, violated=violated_items(plan, assessments, exact), hard=self.hard)


def violated_items(plan: Plan, assessments: Sequence[Assessment], exact: frozenset[str]) -> tuple[str, ...]:
    """Hard items (locked ones, missing or changed ones, the goal) that fail under an exact verifier, sorted."""
    hard = {item.id for item in plan.locked} | {GOAL}
    found: set[str] = set()
    for assessment in assessments:
        if assessment.verifier not in exact:
            continue
        found.update(hard.intersection(assessment.failures))
        found.update(w.item for w in assessment.witnesses if isinstance(w, LockedChanged))
    return tuple(sorted(found))


class _Flow:
    """Support costs under one verifier, each computed once."""

    def __init__(self, plan: Plan, costs: Mapping[str, float], discount: float) -> None:
        self._plan = plan
        self._costs = costs
        self._discount = discount
        self._links = links(plan)
        self._known: dict[str, float] = {}
        self._open: set[str] = set()

    def cost(self, item_id: str) -> float:
        """``C(i)``; an item met again while its own cost is being computed (a cycle) counts as a hole."""
        if item_id in self._known:
            return self._known[item_id]
        if item_id in self._open:
            return 1.0
        self._open.add(item_id)
        value = self._combine(self._costs.get(item_id, 0.0), self._slots_of(self._plan[item_id]))
        self._open.discard(item_id)
        self._known[item_id] = value
        return value

    def _combine(self, own: float, slots: Sequence[float]) -> float:
        mean = math.fsum(slots) / len(slots) if slots else 0.0
        return 1.0 - (1.0 - own) * (1.0 - self._discount * mean)

    def _symbol(self, symbol: str, reader: str | None) -> float:
        definers = [i for i in self._links.definers.get(symbol, ()) if i != reader]
        if definers:
            return max(self.cost(i) for i in definers)
        equations = [i for i in self._links.equations.get(symbol, ()) if i != reader]
        if not equations:
            return 0.0 if reader is not None and self._self_determined(symbol, reader) else 1.0
        on_path = [i for i in equations if i in self._open]
        return 0.0 if on_path else min(self.cost(i) for i in equations)

    def _self_determined(self, symbol: str, reader: str) -> bool:
        """An implicit equation may determine the very symbol it uses."""
        return reader in self._links.equations.get(symbol, ())

    def _slots_of(self, item: Item) -> list[float]:
        slots: list[float] = []
        covered: set[str] = set()
        for symbol in sorted(item.uses):
            slots.append(self._symbol(symbol, item.id))
            covered.update(self._links.sources(symbol, item.id))
        wanted = dict.fromkeys(item.needs)
        if item.check is not None:
            wanted.update(dict.fromkeys(sorted(item.check.refers)))
        for need in wanted:
            if need in covered or need == item.id:
                continue
            slots.append(self.cost(need) if need in self._plan else 1.0)
        return slots

    def goal(self, slots: int) -> float:
        """Cost of the goal: the target's support, or the draft's subgoals where there is no target."""
        own = self._costs.get(GOAL, 0.0)
        if self._plan.target is None:
            subgoals = [item for item in self._plan.items if item.kind == "S" and not item.locked]
            return self._combine(own, [min(1.0, self.slots(subgoals, slots))])
        symbols = target_symbols(self._plan.target)
        return self._combine(own, [self._symbol(symbol, None) for symbol in symbols])

    def slots(self, items: Sequence[Item], expected: int) -> float:
        """Own cost of ``items`` over ``expected`` slots; an empty slot costs 1, surplus items do not dilute."""
        if not items and not expected:
            return 0.0
        costs = sorted((self._costs.get(item.id, 0.0) for item in items), reverse=True)
        return (math.fsum(costs) + max(0, expected - len(items))) / max(expected, 1)
