r"""Energy: what refinement minimises. Lower is better, every term is visible.

For each verifier *v* with weight :math:`w_v` the cost of an item is :math:`c_v(i) = 1 - \mathrm{score}_v(i)`
(0 where *v* has nothing to say). What the *task* asks, the demands *D*, are the locked items and the goal. A demand is
only as good as what it rests on, so costs flow up the dependency graph:

.. math::  C_v(i) = 1 - (1 - c_v(i)) \, (1 - \gamma \, \overline{C_v(\mathrm{support}(i))}),
    \qquad C_v(\text{hole}) = 1

with a *hole* for every symbol or id that an item needs and the plan lacks. A link that is there but faulty (its reader
does not list the need, or stands before what it reads) is priced on the link, at no more than a hole. The energy is

.. math::  E = \sum_v w_v \Big( \frac{1}{|D|} \sum_{t \in D} C_v(t) + \omega\, O_v \Big)
    + H \cdot \#\{\text{violated hard items}\}

Consequences, each tested, for edits that leave the verdicts on the other items as they are:

- Deleting an item of the plan's own never lowers the energy by itself: an absent item costs at least as much as a
  failing one. Three exceptions, none of which asks for less than the draft did. A rival (of several definitions of a
  symbol the worst counts, and an equation may determine a symbol that is also defined): removing one resolves a
  conflict. A member of a circle of needs: the circle goes with it. A constraint (or, in a plan without a target, a
  subgoal) in excess of the draft's number: taking it out takes back what adding it cost.
- Defining a symbol that nothing determines never raises it, even if the definition brings undefined symbols of its
  own (:math:`\gamma < 1` makes progress strict). A plan without a target is measured over its subgoals one by one,
  with as many slots as the draft had, so there a definition adds what it costs itself.
- The plan's own constraints enter through :math:`O_v`, again with as many slots as the draft had: an empty slot costs
  as much as a failing constraint, and further constraints that pass do not dilute one that fails.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from .plan import Item, Plan
from .slots import Slot, footing
from .verdicts import Assessment, Verdict
from .witnesses import GOAL, LockedChanged, MissingNeed, OutOfOrder, UndefinedSymbol, UnresolvedNeed

LINKS = (UndefinedSymbol, UnresolvedNeed, MissingNeed, OutOfOrder)
"""Witnesses about a link between items; they are priced on the link, where a hole is the dearest there can be."""
MISSING_NEED_PRICE = 0.1
"""Price of a link that the reader does not list among its needs."""
OUT_OF_ORDER_PRICE = 0.25
"""Price of a link to an item that stands after its reader."""
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


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
        value: ``weight * (demands + own_weight * own)``; NaN where a score is no number, which no rule accepts.
        violated: Hard items (locked ones and the goal) that fail under this verifier, if it is exact.
        abstained: Whether the verifier gave no verdicts, because it broke or because no item is its business; then
            the term is left out of every comparison.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    weight: float
    demands: float
    own: float
    value: float
    violated: tuple[str, ...] = ()
    abstained: bool = False


class Energy(BaseModel):
    """The energy of one plan, term by term.

    Attributes:
        terms: By verifier name.
        hard: The constant per violated hard item.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    terms: Mapping[str, Term]
    hard: float

    def violated_under(self, verifiers: Iterable[str]) -> tuple[str, ...]:
        """Hard items (locked ones and the goal) that some exact verifier among these found violated, sorted."""
        return tuple(sorted({item_id for name in verifiers for item_id in self.terms[name].violated}))

    @property
    def violated(self) -> tuple[str, ...]:
        """Hard items that some exact verifier found violated, sorted."""
        return self.violated_under(self.terms)

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

    A verifier that abstained on one side says nothing about the change, so it is left out on both, and with it the
    violations that only it sees.
    """
    both = _comparable(new, old)
    change = new.hard * len(new.violated_under(both)) - old.hard * len(old.violated_under(both))
    return _round(change + sum(new.terms[name].value - old.terms[name].value for name in both))


def _comparable(new: Energy, old: Energy) -> list[str]:
    """Verifiers that judged both plans."""
    shared = (name for name in new.terms if name in old.terms)
    return [name for name in shared if not (new.terms[name].abstained or old.terms[name].abstained)]


def least_difference(partial: Energy, old: Energy) -> float:
    """Lower bound of ``E(new) - E(old)`` when only some verifiers have judged the new plan.

    Known terms count as they are. A verifier that has not spoken yet may still say that all is well, or abstain: at
    best the change is rid of what that verifier holds against the old plan.
    """
    waiting = [name for name, term in old.terms.items() if name not in partial.terms and not term.abstained]
    judged = _comparable(partial, old)
    relief = old.hard * (len(old.violated_under([*judged, *waiting])) - len(old.violated_under(judged)))
    return _round(difference(partial, old) - relief - sum(old.terms[name].value for name in waiting))


class EnergyModel(BaseModel):
    """Weights and constants of the energy.

    Attributes:
        weights: By verifier name, finite and at least 0; 1 where a name is missing.
        hard: Cost per violated hard item.
        discount: The factor ``gamma`` in (0, 1) per level of the dependency graph.
        own_weight: Weight ``omega`` of the plan's own constraints relative to the task's demands.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    weights: Mapping[str, Weight] = Field(default_factory=dict)
    hard: float = Field(default=10.0, ge=0, allow_inf_nan=False)
    discount: float = Field(default=0.9, gt=0, lt=1)
    own_weight: float = Field(default=0.25, ge=0, allow_inf_nan=False)

    def weight(self, verifier: str) -> float:
        """The verifier's weight."""
        return self.weights.get(verifier, 1.0)

    def term(self, plan: Plan, assessment: Assessment, anchor: Anchor, exact: frozenset[str] = frozenset()) -> Term:
        """One verifier's term of the energy of ``plan``."""
        weight = self.weight(assessment.verifier)
        if assessment.abstained is not None or not assessment.verdicts:  # it has nothing to say about this plan
            return Term(weight=weight, demands=0.0, own=0.0, value=0.0, abstained=True)
        violated = violated_items(plan, [assessment], exact)
        if any(math.isnan(verdict.score) for verdict in assessment.verdicts.values()):
            return Term(weight=weight, demands=math.nan, own=math.nan, value=math.nan, violated=violated)
        flow = _Flow(plan, assessment.verdicts, self.discount)
        demands = [flow.cost(item.id) for item in plan.locked]
        demands.append(flow.goal(anchor.subgoals))
        mean = math.fsum(demands) / len(demands)
        own = flow.slots([i for i in plan.items if not i.locked and i.kind != "S"], anchor.constraints)
        value = _round(weight * (mean + self.own_weight * own))
        return Term(weight=weight, demands=_round(mean), own=_round(own), value=value, violated=violated)

    def __call__(self, plan: Plan, assessments: Sequence[Assessment], anchor: Anchor, exact: frozenset[str]) -> Energy:
        """The energy of a plan.

        Args:
            plan: The plan.
            assessments: What the verifiers said of it.
            anchor: How much the draft asked of itself.
            exact: Names of the verifiers whose fail is a fact; only these can violate a hard item.
        """
        terms = {a.verifier: self.term(plan, a, anchor, exact) for a in assessments}
        return Energy(terms=terms, hard=self.hard)

    def with_term(
        self, energy: Energy, plan: Plan, assessment: Assessment, anchor: Anchor, exact: frozenset[str]
    ) -> Energy:
        """The energy of the same plan when one more verifier has spoken; the terms known so far are kept."""
        term = self.term(plan, assessment, anchor, exact)
        return Energy(terms={**energy.terms, assessment.verifier: term}, hard=self.hard)


def violated_items(plan: Plan, assessments: Sequence[Assessment], exact: frozenset[str]) -> tuple[str, ...]:
    """Hard items (locked ones, missing or changed ones, the goal) that an exact verifier does not let stand, sorted.

    A locked item stands only if the verifiers that decide its kind pass it: were ``unknown`` enough, deleting what a
    violated constraint speaks of would be the cheapest way to be rid of the violation.
    """
    hard = {item.id for item in plan.locked} | {GOAL}
    found: set[str] = set()
    for assessment in assessments:
        if assessment.verifier not in exact or assessment.abstained is not None:
            continue
        found.update(hard.intersection(assessment.failures))
        for item in plan.locked:
            verdict = assessment.verdicts.get(item.id)
            if assessment.decided(item) and (verdict is None or verdict.outcome != "pass"):
                found.add(item.id)
        found.update(w.item for w in assessment.witnesses if isinstance(w, LockedChanged))
    return tuple(sorted(found))


class _Flow:
    """Support costs under one verifier, each computed once, sources first.

    Items that rest on each other in a circle are unrolled: as many rounds as the circle has members, from holes. That
    does not depend on where the walk starts, and a circle never costs more than if one of its members were absent.
    """

    def __init__(self, plan: Plan, verdicts: Mapping[str, Verdict], discount: float) -> None:
        self._plan = plan
        self._raw = {item_id: 1.0 - verdict.score for item_id, verdict in verdicts.items()}
        self._own = {i: 0.0 if _only_links(verdicts[i]) else cost for i, cost in self._raw.items()}
        self._strains = {i: found for i, verdict in verdicts.items() if (found := _strains(verdict))}
        self._discount = discount
        self._footing = footing(plan)
        self._known: dict[str, float] = {}
        for group in self._footing.groups:
            values = dict.fromkeys(group, 1.0)
            for _ in group:
                values = {item_id: self._settled(item_id, values) for item_id in group}
            self._known.update(values)

    def cost(self, item_id: str) -> float:
        """``C(i)``."""
        return self._known[item_id]

    def _settled(self, item_id: str, circle: Mapping[str, float]) -> float:
        strains = self._strains.get(item_id, ())
        slots = [self._slot(slot, circle, strains) for slot in self._footing.slots[item_id]]
        return self._combine(self._own.get(item_id, 0.0), slots)

    def _combine(self, own: float, slots: Sequence[float]) -> float:
        mean = math.fsum(slots) / len(slots) if slots else 0.0
        return 1.0 - (1.0 - own) * (1.0 - self._discount * mean)

    def _slot(self, slot: Slot, circle: Mapping[str, float], strains: Sequence[tuple[str, float]] = ()) -> float:
        if not slot.sources:
            return 0.0 if slot.free else 1.0
        if slot.joint:
            # Equations that share their unknowns are solved together: within a circle each counts with its own cost.
            filled = min(self._own.get(i, 0.0) if i in circle else self._known[i] for i in slot.sources)
        else:
            filled = max(circle[i] if i in circle else self._known[i] for i in slot.sources)
        strain = max((price for name, price in strains if name == slot.name or name in slot.sources), default=0.0)
        return 1.0 - (1.0 - filled) * (1.0 - strain)

    def goal(self, slots: int) -> float:
        """Cost of the goal: the target's support, or the draft's subgoals where there is no target."""
        own = self._own.get(GOAL, 0.0)
        if self._plan.target is None:
            subgoals = [item for item in self._plan.items if item.kind == "S" and not item.locked]
            return self._combine(own, [min(1.0, self.slots(subgoals, slots))])
        return self._combine(own, [self._slot(slot, {}) for slot in self._footing.goal])

    def slots(self, items: Sequence[Item], expected: int) -> float:
        """Own cost of ``items`` over ``expected`` slots; an empty slot costs 1, surplus items do not dilute."""
        if not items and not expected:
            return 0.0
        costs = [self._raw.get(item.id, 0.0) for item in items]
        return (math.fsum(costs) + max(0, expected - len(items))) / max(expected, 1)


def _only_links(verdict: Verdict) -> bool:
    """Whether all that is held against an item is what links it to others, or that they are missing."""
    return bool(verdict.witnesses) and all(isinstance(w, LINKS) for w in verdict.witnesses)


def _strains(verdict: Verdict) -> tuple[tuple[str, float], ...]:
    """Names of faulty links (symbol or id), each with its price."""
    found: list[tuple[str, float]] = []
    for witness in verdict.witnesses:
        if isinstance(witness, MissingNeed):
            found.append((witness.symbol, MISSING_NEED_PRICE))
        elif isinstance(witness, OutOfOrder):
            found.append((witness.symbol or witness.needed, OUT_OF_ORDER_PRICE))
    return tuple(found)
