"""The structure verifier: needs, symbols, order, repetition and the task's own items. Pure graph work, stage 0.

Each item is reduced to :class:`ItemFacts`, and its verdict is a function of these facts alone; the facts *are* the
scope, so a cached verdict can never differ from a fresh one.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from ..planner.checks import OrderCheck, RelationCheck
from ..planner.errors import ExpressionError
from ..planner.expressions import Relation, parse_expression, symbols_of
from ..planner.graph import Links, cyclic_groups, links, supports
from ..planner.plan import Item, Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import (
    GOAL,
    CircularNeed,
    Cycle,
    Duplicate,
    GoalNotReached,
    LockedChanged,
    Malformed,
    MissingNeed,
    OutOfOrder,
    UndefinedSymbol,
    UnresolvedNeed,
    Unused,
    Witness,
)
from .memo import PlanMemo

HOLE_SCORE = 1.0
"""Score of an item whose only fault is something it lacks: the energy prices holes, through what rests on them."""
MISSING_NEED_SCORE = 0.9
"""Score of an item whose only fault is a need it does not list."""
OUT_OF_ORDER_SCORE = 0.75
"""Score of an item whose only fault is its place."""


class ItemFacts(NamedTuple):
    """All that the verdict on one item depends on.

    Attributes:
        changed: The task gave this item and it differs from what the task gave.
        unresolved: Ids it needs or refers to that are not in the plan.
        cycle: The members, in plan order, of the circle of needs it is part of.
        circular: Subgoals it needs without using them, although they rest on it.
        undefined: Symbols it uses that nothing in the plan can give a value to.
        misplaced: Pairs (id, symbol) of later items it depends on; the symbol is empty for a need.
        unlisted: Pairs (symbol, definer) that it uses without needing the definer.
        repeats: Id of the subgoal that says the same, empty if none.
        unused: Nothing rests on it although the goal is reached.
    """

    changed: bool = False
    unresolved: tuple[str, ...] = ()
    cycle: tuple[str, ...] = ()
    circular: tuple[str, ...] = ()
    undefined: tuple[str, ...] = ()
    misplaced: tuple[tuple[str, str], ...] = ()
    unlisted: tuple[tuple[str, str], ...] = ()
    repeats: str = ""
    unused: bool = False


class GoalFacts(NamedTuple):
    """All that the verdict on the goal depends on.

    Attributes:
        malformed: Why the target does not parse, empty if it does or if there is none.
        targeted: Whether there is a target.
        open: Target symbols that nothing in the plan can give a value to.
        subgoals: Whether the plan has any subgoal.
        missing: Ids of the task's items that are not in the plan.
    """

    malformed: str = ""
    targeted: bool = False
    open: tuple[str, ...] = ()
    subgoals: bool = False
    missing: tuple[str, ...] = ()


class Facts(NamedTuple):
    """The facts of a whole plan."""

    items: dict[str, ItemFacts]
    goal: GoalFacts


class _Survey:
    """One pass over a plan: what several items' facts share."""

    def __init__(self, task: Task, plan: Plan) -> None:
        self.plan = plan
        self.links: Links = links(plan)
        self.given = {item.id: item for item in task.constraints}
        self.cycles = {
            member: tuple(i for i in plan.by_id if i in group) for group in cyclic_groups(plan) for member in group
        }
        self.originals = self._originals()
        self._supports: dict[str, tuple[str, ...]] = {}

    def _originals(self) -> dict[str, str]:
        """For each repeated definition the item that it repeats: a locked one, else the first."""
        found: dict[str, str] = {}
        for ids in self.links.definers.values():
            if len(ids) < 2:
                continue
            alike: dict[Relation, list[Item]] = {}
            for item in map(self.plan.by_id.__getitem__, ids):
                if isinstance(item.check, RelationCheck) and isinstance(item.check.relation, Relation):
                    alike.setdefault(item.check.relation, []).append(item)
            for items in alike.values():
                original = next((item for item in items if item.locked), items[0])
                found.update({item.id: original.id for item in items if item is not original and not item.locked})
        return found

    def supports(self, item_id: str) -> tuple[str, ...]:
        found = self._supports.get(item_id)
        if found is None:
            found = self._supports[item_id] = supports(self.plan, item_id, self.links)
        return found

    def reach(self, roots: Sequence[str], kinds: str = "CIS") -> set[str]:
        """Ids of these kinds that the roots rest on, directly or by way of such ids, themselves included."""
        seen: set[str] = set()
        stack = list(roots)
        while stack:
            current = stack.pop()
            if current not in seen and current[0] in kinds:
                seen.add(current)
                stack.extend(self.supports(current))
        return seen

    def circular(self, item: Item) -> tuple[str, ...]:
        """Needs that lead back by way of subgoals. A need that is used is none: equations may be solved together."""
        if item.kind != "S" or item.locked or item.id in self.cycles:
            return ()
        used = {source for symbol in item.uses for source in self.links.sources(symbol, item.id)}
        idle = [need for need in item.needs if need in self.plan and need not in used]
        return tuple(need for need in idle if item.id in self.reach([need], "S"))

    def undefined(self, item: Item, uses: Sequence[str]) -> tuple[str, ...]:
        open_symbols = tuple(symbol for symbol in uses if not self.links.sources(symbol, item.id))
        # An equation can itself determine one symbol: `2 * x = 6` says what x is.
        if len(open_symbols) == 1 and item.id in self.links.equations.get(open_symbols[0], ()):
            return ()
        return open_symbols

    def misplaced(self, item: Item, uses: Sequence[str]) -> tuple[tuple[str, str], ...]:
        """Later items that a subgoal depends on. A circle cannot be put in order, so its members do not count."""
        places = self.plan.positions
        here = places[item.id]
        found: dict[str, str] = {}
        for symbol in uses:
            sources = self.links.sources(symbol, item.id)
            if sources and all(places[source] > here for source in sources):
                found.setdefault(sources[0], symbol)
        named = list(item.needs)
        if item.check is not None and not isinstance(item.check, OrderCheck):
            named += sorted(item.check.refers)
        for needed in named:
            if places.get(needed, -1) > here:
                found.setdefault(needed, "")
        return tuple(pair for pair in found.items() if item.id not in self.reach([pair[0]]))

    def unlisted(self, item: Item, uses: Sequence[str]) -> tuple[tuple[str, str], ...]:
        found = []
        for symbol in uses:
            definers = [i for i in self.links.definers.get(symbol, ()) if i != item.id]
            if definers and not any(definer in item.needs for definer in definers):
                found.append((symbol, definers[0]))
        return tuple(pair for pair in found if item.id not in self.reach([pair[1]]))


def _item_facts(survey: _Survey, item: Item) -> ItemFacts:
    plan = survey.plan
    given = survey.given.get(item.id)
    refers = sorted(item.check.refers) if item.check is not None else []
    uses = sorted(item.uses)
    subgoal = item.kind == "S"
    return ItemFacts(
        changed=given is not None and given is not item and given != item,
        unresolved=tuple(dict.fromkeys(i for i in (*item.needs, *refers) if i not in plan)),
        cycle=survey.cycles.get(item.id, ()),
        circular=survey.circular(item),
        undefined=survey.undefined(item, uses),
        misplaced=survey.misplaced(item, uses) if subgoal else (),
        unlisted=survey.unlisted(item, uses) if subgoal and not item.locked else (),
        repeats=survey.originals.get(item.id, ""),
    )


def _goal_facts(survey: _Survey) -> tuple[GoalFacts, tuple[str, ...]]:
    """The goal's facts and the ids that give the target its value."""
    plan = survey.plan
    missing = tuple(item_id for item_id in survey.given if item_id not in plan)
    subgoals = any(item.kind == "S" for item in plan.items)
    if plan.target is None:
        return GoalFacts(subgoals=subgoals, missing=missing), ()
    try:
        symbols = tuple(dict.fromkeys(symbols_of(parse_expression(plan.target))))
    except ExpressionError as error:
        reason = f"too large: {error}" if error.reason == "too large" else str(error)
        return GoalFacts(reason, True, (), subgoals, missing), ()
    sources = {symbol: survey.links.sources(symbol) for symbol in symbols}
    unreached = tuple(symbol for symbol in symbols if not sources[symbol])
    roots = tuple(dict.fromkeys(source for ids in sources.values() for source in ids))
    return GoalFacts("", True, unreached, subgoals, missing), roots


def _unused(survey: _Survey, facts: dict[str, ItemFacts], goal: GoalFacts, roots: tuple[str, ...]) -> set[str]:
    """Own items that nothing rests on; none while anything is open, for what is missing may need them."""
    if not goal.targeted or goal.malformed or goal.open:
        return set()
    on_the_way = survey.reach(roots)
    if any(facts[item_id].undefined or facts[item_id].unresolved for item_id in on_the_way):
        return set()
    kept = [item.id for item in survey.plan.items if item.locked or item.kind != "S"]
    return set(survey.plan.by_id) - on_the_way - survey.reach(kept)


def structural_facts(task: Task, plan: Plan) -> Facts:
    """Everything the structure verifier sees in a plan, by item and for the goal."""
    survey = _Survey(task, plan)
    facts = {item.id: _item_facts(survey, item) for item in plan.items}
    goal, roots = _goal_facts(survey)
    for item_id in _unused(survey, facts, goal, roots):
        facts[item_id] = facts[item_id]._replace(unused=True)
    return Facts(facts, goal)


_PASS = Verdict.ok()


def _judge_item(item_id: str, facts: ItemFacts) -> Verdict:
    if facts.repeats:
        # Whatever else is wrong with a repetition goes away with it.
        return Verdict.failed(Duplicate(item=item_id, original=facts.repeats))
    found: list[tuple[float, Witness]] = []
    if facts.changed:
        found.append((0.0, LockedChanged(item=item_id)))
    if facts.cycle:
        found.append((0.0, Cycle(members=facts.cycle)))
    found += [(HOLE_SCORE, UnresolvedNeed(item=item_id, need=need)) for need in facts.unresolved]
    found += [(HOLE_SCORE, UndefinedSymbol(item=item_id, symbol=symbol)) for symbol in facts.undefined]
    found += [(MISSING_NEED_SCORE, CircularNeed(item=item_id, need=need)) for need in facts.circular]
    for needed, symbol in facts.misplaced:
        found.append((OUT_OF_ORDER_SCORE, OutOfOrder(item=item_id, needed=needed, symbol=symbol)))
    for symbol, definer in facts.unlisted:
        found.append((MISSING_NEED_SCORE, MissingNeed(item=item_id, symbol=symbol, definer=definer)))
    if found:
        return Verdict.failed(*(witness for _, witness in found), score=min(score for score, _ in found))
    if facts.unused:
        advice = Unused(item=item_id)
        return Verdict(outcome="pass", score=1.0, reason=advice.line, witnesses=(advice,))
    return _PASS


def _judge_goal(facts: GoalFacts) -> Verdict:
    witnesses: list[Witness] = [LockedChanged(item=item_id, missing=True) for item_id in facts.missing]
    if facts.malformed:
        witnesses.append(Malformed(item=GOAL, reason=facts.malformed))
    witnesses += [GoalNotReached(symbol=symbol) for symbol in facts.open]
    if not facts.targeted and not facts.subgoals:
        witnesses.append(GoalNotReached(reason="the plan has no subgoal"))
    if witnesses:
        only_open = len(witnesses) == len(facts.open)
        return Verdict.failed(*witnesses, score=HOLE_SCORE if only_open else 0.0)
    if not facts.targeted:
        return Verdict.unknown("the goal names no target, so whether it is reached cannot be seen", score=1.0)
    return _PASS


class StructureVerifier(Verifier):
    """Judges how a plan hangs together; exact, and cheap enough to run on every proposal."""

    name = "structure"
    stage = 0
    trust = "exact"

    def __init__(self) -> None:
        self._facts = PlanMemo(structural_facts)

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The item's (or the goal's) facts: the verdict is a function of them and of the id."""
        facts = self._facts(task, plan)
        return facts.goal if item_id == GOAL else facts.items[item_id]

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """One verdict for each id, from its facts."""
        facts = self._facts(task, plan)
        return Judgement(
            {
                item_id: _judge_goal(facts.goal) if item_id == GOAL else _judge_item(item_id, facts.items[item_id])
                for item_id in item_ids
            }
        )


__all__ = ["Facts", "GoalFacts", "ItemFacts", "StructureVerifier", "structural_facts"]
