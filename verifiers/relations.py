"""The relations verifier: are the quantities defined, determined, and true? Exact, stage 1.

Definitions are evaluated forwards with exact rationals; only implicit equations, circles and open rivals are solved
jointly, and only single equations that are not linear reach sympy. Each item is reduced to a :class:`Finding` that its
verdict is a function of. The finding *is* the scope, so a cached verdict can never differ from a fresh one.

What is merely open costs nothing here (``unknown``, score 1): the energy prices holes through what rests on them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from ..planner.checks import RelationCheck, UnitCheck
from ..planner.components import relation_components
from ..planner.cores import sub_plan
from ..planner.dimensions import Dimensions, Mismatch, declared
from ..planner.errors import ExpressionError
from ..planner.evaluation import Checked, Gap, check_statement, shown, value_of
from ..planner.expressions import Relation, parse_expression, symbols_of
from ..planner.graph import closure, goal_roots, links
from ..planner.plan import Item, Plan
from ..planner.task import Task
from ..planner.units import read_declaration
from ..planner.valuation import Clash, Dispute, Solvers, Valuation, relation_of, valuate
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import (
    GOAL,
    Contradiction,
    Cycle,
    FalseEquality,
    Malformed,
    Undetermined,
    UnitMismatch,
    Violated,
)
from .memo import ContentMemo, PlanMemo
from .solving import real_roots, solve_points

BLOCKED_SCORE = 1.0
"""Score of a goal that fails only because something it rests on does: that is priced where it is."""


class Finding(NamedTuple):
    """All that one verdict depends on.

    Attributes:
        kind: What was found: ``holds``, ``open``, or the kind of the witness, or ``blocked`` (of the goal only).
        detail: The reason in words, the symbol, or the computation that is false.
        ids: The items that are involved, in plan order.
        values: The values that show it.
        given: Items that those involved take their values from.
    """

    kind: str
    detail: str = ""
    ids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    given: tuple[str, ...] = ()


class Findings(NamedTuple):
    """What was found in a plan, by item (those with a relation) and for the goal (where it has a target)."""

    items: dict[str, Finding]
    goal: Finding | None


class _Reader:
    """Reads findings off a plan's valuation."""

    def __init__(self, plan: Plan, known: Valuation) -> None:
        self._plan = plan
        self._links = links(plan)
        self._known = known
        self._disputes: dict[str, Dispute] = {i: d for d in reversed(known.disputes) for i in d.members}
        self._clashes: dict[str, Clash] = {i: c for c in reversed(known.clashes) for i in c.members}
        self._loops = {i: members for members in self._known.loops for i in members}

    def item(self, item: Item) -> Finding | None:
        if isinstance(item.check, UnitCheck):
            return _declaration(item.check.text)
        if not isinstance(item.check, RelationCheck):
            return None
        relation = item.check.relation
        if isinstance(relation, ExpressionError):
            return Finding("malformed", _complaint(relation))
        if not relation.ops:
            return Finding("malformed", "needs a comparison")
        if self._known.dimensions is not None:
            flaw = _unit_flaw(self._known.dimensions, item.id)
            if flaw is not None:
                return flaw
        gap = self._known.gaps.get(item.id)
        if gap is not None and gap.kind != "inexact":
            return self._undefined(item, relation, gap)
        if item.id in self._disputes:
            dispute = self._disputes[item.id]
            return Finding("contradiction", dispute.symbol, dispute.members, dispute.values, dispute.given)
        if item.id in self._clashes:
            clash = self._clashes[item.id]
            return Finding("contradiction", "", clash.members, (), clash.given)
        if item.id in self._loops:
            return Finding("cycle", "", self._loops[item.id])
        return self._checked(item, relation, check_statement(relation, self._known.values))

    def _checked(self, item: Item, relation: Relation, checked: Checked) -> Finding:
        if checked.outcome == "pass":
            return Finding("holds", self._at(relation, [relation.defines] if relation.defines else None))
        if checked.gap is not None:
            if checked.outcome == "fail":
                return self._undefined(item, relation, checked.gap)
            gave_up = next((self._known.gave_up[s] for s in sorted(relation.symbols) if s in self._known.gave_up), "")
            return Finding("open", f"{checked.reason}: {gave_up}" if gave_up else checked.reason)
        if relation.is_equation and item.kind == "S":
            return Finding("false_equality", checked.statement, (), (checked.stated, checked.computed))
        return Finding("violated", self._at(relation) or checked.reason, self._definers(relation))

    def _undefined(self, item: Item, relation: Relation, gap: Gap) -> Finding:
        """No value at these values: a fault of the item, but of the definitions where the item only asks."""
        if item.kind == "S" or not relation.symbols:
            return Finding("malformed", gap.reason)
        where = self._at(relation)
        return Finding("violated", gap.reason + (f" at {where}" if where else ""), self._definers(relation))

    def _at(self, relation: Relation, symbols: Sequence[str] | None = None) -> str:
        """The values of the symbols, in order of appearance: ``wigs = 14, bolts = 7``."""
        names = symbols or dict.fromkeys(name for term in relation.terms for name in symbols_of(term))
        values, units = self._known.values, self._known.dimensions
        if units is None:
            return ", ".join(f"{name} = {shown(values[name])}" for name in names if name in values)
        told = [(name, units.shown(values[name], units.symbols.get(name))) for name in names if name in values]
        return ", ".join(f"{name} = {text}" for name, text in told)

    def _definers(self, relation: Relation) -> tuple[str, ...]:
        found = {i for symbol in relation.symbols for i in self._links.definers.get(symbol, ())}
        return tuple(sorted(found, key=self._plan.positions.__getitem__))

    def goal(self, items: dict[str, Finding]) -> Finding | None:
        target = self._plan.target
        if target is None:
            return None
        try:
            expression = parse_expression(target)
        except ExpressionError:
            return Finding("open", "the target cannot be read")
        value = value_of(expression, self._known.values)
        units = self._known.dimensions
        dimension = units.of(expression) if units is not None else None
        if isinstance(dimension, Mismatch):
            return Finding("unit_mismatch", values=dimension)
        if not isinstance(value, Gap):
            text = units.shown(value, dimension) if units is not None else shown(value)
            return Finding("holds", f"{target} = {text}")
        if value.kind in ("undefined", "too large"):
            return Finding("malformed", value.reason)
        symbols = tuple(dict.fromkeys(symbols_of(expression)))
        if value.kind == "inexact" or not all(self._links.sources(symbol) for symbol in symbols):
            return Finding("open", value.reason)
        return self._undetermined(value.detail, items)

    def _undetermined(self, symbol: str, items: dict[str, Finding]) -> Finding:
        """The goal has a source but no value: blocked by a flaw or a hole on the way, or left open by the relations."""
        if symbol in self._known.gave_up:
            return Finding("open", f"{symbol} has no value: {self._known.gave_up[symbol]}")
        on_the_way = closure(self._plan, goal_roots(self._plan))
        flawed = any(items[i].kind not in ("holds", "open") for i in on_the_way if i in items)
        if flawed or any(self._lacks(self._plan[item_id]) for item_id in on_the_way):
            return Finding("blocked", symbol)
        return Finding("undetermined", symbol, self._links.sources(symbol))

    def _lacks(self, item: Item) -> bool:
        lacking = [symbol for symbol in item.uses if not self._links.sources(symbol, item.id)]
        own = len(lacking) == 1 and item.id in self._links.equations.get(lacking[0], ())
        return bool(lacking) and not own


SOLVERS = Solvers(real_roots, solve_points)
"""What solves equations that are not linear."""


class _Part(NamedTuple):
    """What was found in one component: the items that share symbols."""

    known: Valuation
    items: dict[str, Finding]


class _Component(NamedTuple):
    plan: Plan
    own_units: dict[str, str]


def _part(component: _Component) -> _Part:
    plan = component.plan
    known = valuate(plan, SOLVERS, own_units=component.own_units)
    reader = _Reader(plan, known)
    return _Part(known, {item.id: found for item in plan.items if (found := reader.item(item)) is not None})


Parts = ContentMemo[_Component, _Part]
"""Findings of components by their content: an edit elsewhere leaves them as they are."""


def relation_findings(task: Task, plan: Plan, parts: Parts | None = None) -> Findings:
    """Everything the relations verifier sees in a plan.

    Args:
        task: The task the plan is for.
        plan: The plan.
        parts: Components that were seen before cost a look-up here.
    """
    parts = parts or Parts(_part)
    own = declared(plan.items)
    whole = Valuation()
    items: dict[str, Finding] = {}
    components = relation_components(plan)
    for component in components:
        units = own if own and any(map(_has_own_units, component)) else {}
        key = (tuple((item.id, str(item.check)) for item in component), tuple(units.items()))
        alone = len(component) == len(plan.items)
        part = parts(key, _Component(plan if alone else sub_plan(component), units))
        items.update(part.items)
        if len(components) == 1:
            whole = part.known
        else:
            whole.include(part.known)
    return Findings(items, _Reader(plan, whole).goal(items))


def _has_own_units(item: Item) -> bool:
    relation = relation_of(item)
    return relation is not None and bool(relation.own_units)


def _declaration(text: str) -> Finding:
    try:
        read_declaration(text)
    except ValueError as error:
        return Finding("malformed", str(error))
    return Finding("holds", text)


def _unit_flaw(units: Dimensions, item_id: str) -> Finding | None:
    if item_id in units.undeclared:
        word = units.undeclared[item_id]
        return Finding("malformed", f"{word} is no unit; a constraint may declare it: [unit: {word}]")
    mismatch = units.mismatches.get(item_id)
    return None if mismatch is None else Finding("unit_mismatch", values=mismatch)


def _complaint(error: ExpressionError) -> str:
    return f"too large: {error}" if error.reason == "too large" else str(error)


def _verdict(item_id: str, finding: Finding) -> Verdict:
    kind, detail, ids, values, given = finding
    if kind == "holds":
        return Verdict.ok(reason=detail)
    if kind == "open":
        return Verdict.unknown(detail, score=1.0)
    if kind == "malformed":
        return Verdict.failed(Malformed(item=item_id, reason=detail))
    if kind == "contradiction":
        return Verdict.failed(Contradiction(members=ids, symbol=detail, values=values, given=given))
    if kind == "unit_mismatch":
        return Verdict.failed(UnitMismatch(item=item_id, left=values[0], right=values[1]))
    if kind == "cycle":
        return Verdict.failed(Cycle(members=ids))
    if kind == "false_equality":
        stated, computed = values
        return Verdict.failed(FalseEquality(item=item_id, left=stated, right=computed, statement=detail))
    if kind == "violated":
        return Verdict.failed(Violated(item=item_id, detail=detail, culprits=ids))
    if kind == "undetermined":
        return Verdict.failed(Undetermined(symbol=detail, involved=ids))
    return Verdict.failed(
        score=BLOCKED_SCORE, reason=f"{detail} is not determined: something it rests on is open or wrong"
    )


class RelationsVerifier(Verifier):
    """Judges relations between quantities: are they readable, consistent, determined and true at the plan's values?"""

    name = "relations"
    stage = 1
    trust = "exact"
    decides = frozenset({"relation", "unit"})

    def __init__(self) -> None:
        parts = Parts(_part)
        self._findings = PlanMemo(lambda task, plan: relation_findings(task, plan, parts))

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The item's (or the goal's) finding; None for items without a relation and goals without a target."""
        findings = self._findings(task, plan)
        return findings.goal if item_id == GOAL else findings.items.get(item_id)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """One verdict for each id, from its finding."""
        findings = self._findings(task, plan)
        verdicts: dict[str, Verdict] = {}
        for item_id in item_ids:
            finding = findings.goal if item_id == GOAL else findings.items[item_id]
            assert finding is not None, "only items with a scope are judged"
            verdicts[item_id] = _verdict(item_id, finding)
        return Judgement(verdicts)


__all__ = ["Finding", "Findings", "RelationsVerifier", "relation_findings"]
