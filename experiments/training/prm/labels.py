"""Which items of a plan are right by the gold: what the reward model is to learn.

A label blames an item for its own fault and never for what it uses, except in `countdown`, whose steps are worth what
can still be made of them. Items that the task gave are not labelled. A plan that the family's grader accepts has no
wrong item, however much it differs from the gold plan. By family:

- `arithmetic`: a relation is right where the question tells that very relation (a sum in either order).
- `schedule`: a rule is right where the question states it, in whatever form. A thing is right where no rule of the
  question that could be kept before it is put there is past keeping afterwards (:mod:`.places`).
- `tools`: a call is right where the gold plan makes it, references followed, or makes it written out in full; a write
  that the plan makes twice is right once.
- `code`: where the steps come to the function, all are right. Otherwise they are aligned with those of the description,
  the longest way, and the aligned ones are right. A rule, a signature or a test is right where it holds of that.
- `countdown`: a step is right where the steps up to it can still be completed to the target (:mod:`.ways`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ....planner.calls import CallExpression
from ....planner.checks import CallCheck, OrderCheck, RelationCheck
from ....planner.notation import format_plan, parse_plan
from ....planner.ordering import name_of
from ....planner.plan import Item, Plan
from ...families.base import Problem
from ...families.code.following import judge_test, read_plan, states_signature
from ...families.code.grading import computes
from ...families.code.phrases import phrase
from ...families.code.problem import public_of
from ...families.code.rules import constraint_of
from ...families.countdown import CountdownPublic
from ...families.countdown_verifiers import plan_steps
from ...families.registry import family
from ...families.relations import parse_relation
from ...families.schedule.grading import rules_of
from ...families.schedule.rules import LAST, Rule, parse_rule
from ...families.tools.expanded import expanded
from ...families.tools.records import VERBS
from ..judged import mending
from .places import faultless_places
from .ways import completable_steps

__all__ = ["label"]

Labels = Mapping[str, bool]


def label(problem: Problem[Any], plan: Plan) -> Labels:
    """Whether each own item of a plan is right, by id; items about which the gold says nothing are left out.

    Args:
        problem: The problem with its gold.
        plan: A plan for it, the task's own items locked.
    """
    found = _LABELS[problem.public.family](problem, plan)
    if not all(found.values()) and family(problem.public.family).grade_plan(problem, format_plan(plan)).right:
        return dict.fromkeys(found, True) if problem.public.family in _GRADED_WHOLE else found
    return found


_GRADED_WHOLE = frozenset({"tools", "code", "countdown"})
"""Families in which a right plan has no false item. In the others it may state what is false and nobody needs."""


def _own(plan: Plan) -> list[Item]:
    return [item for item in plan.items if not item.locked]


def _arithmetic(problem: Problem[Any], plan: Plan) -> Labels:
    found: dict[str, bool] = {}
    for item in _own(plan):
        relation = parse_relation(str(item.check)) if isinstance(item.check, RelationCheck) else None
        if item.kind == "S":
            told = problem.gold.relations.get(relation.symbol) if relation is not None else None
            found[item.id] = relation is not None and relation.same_as(told)
    return found


def settled(rule: Rule, size: int) -> Rule:
    """The rule in its one form, with the last of so many places as a number."""
    same = rule.same
    return same._replace(number=size) if same.number == LAST else same


def _schedule(problem: Problem[Any], plan: Plan) -> Labels:
    rules, size = rules_of(problem), len(problem.gold.order)
    asked = {settled(rule, size) for rule in rules}
    found: dict[str, bool] = {}
    for item in _own(plan):
        if item.kind != "S" and isinstance(item.check, OrderCheck):
            rule = parse_rule(item.check.text)
            found[item.id] = rule is not None and settled(rule, size) in asked
    things = [item for item in _own(plan) if item.kind == "S"]
    marks = faultless_places(problem.gold.order, rules, [name_of(item.text) for item in things])
    return found | {item.id: mark for item, mark in zip(things, marks, strict=True)}


def _tools(problem: Problem[Any], plan: Plan) -> Labels:
    gold = parse_plan(problem.gold.plan)
    right = mending(problem, plan).right
    wanted = set(expanded(gold).values())
    made = expanded(plan)
    written: set[str] = set()
    found: dict[str, bool] = {}
    for item in _own(plan):
        if isinstance(item.check, CallCheck):
            call = item.check.call
            writes = isinstance(call, CallExpression) and call.name in VERBS
            again = writes and made[item.id] in written
            found[item.id] = not again and (item.id in right or made[item.id] in wanted)
            written |= {made[item.id]} if writes else set()
        else:
            found[item.id] = item.id in right
    return found


def _code(problem: Problem[Any], plan: Plan) -> Labels:
    public, reading = public_of(problem), read_plan(plan)
    wanted = {constraint_of(rule) for rule in public.rules}
    found: dict[str, bool] = {}
    steps = [None if step is None else phrase(step) for step in reading.steps.values()]
    reached = reading.composition is not None and computes(problem, reading.composition)
    marks = [True] * len(steps) if reached else aligned(steps, problem.gold.steps)
    found.update(zip(reading.steps, marks, strict=True))
    for item_id, constraint in reading.rules.items():
        signed = None if constraint is None else states_signature(constraint, public)
        found[item_id] = constraint in wanted if signed is None else signed
    for item_id, text in reading.tests.items():
        finding = judge_test(text, problem.gold.composition, public)
        found[item_id] = finding is not None and finding.outcome == "pass"
    return {item.id: found[item.id] for item in _own(plan) if item.id in found}


def aligned(said: Sequence[str | None], wanted: Sequence[str]) -> list[bool]:
    """Which of what is said belongs to a longest common subsequence with what is wanted, the earliest such one."""
    rows, columns = len(said), len(wanted)
    longest = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            same = said[i] == wanted[j]
            longest[i][j] = 1 + longest[i + 1][j + 1] if same else max(longest[i + 1][j], longest[i][j + 1])
    found = [False] * rows
    j = 0
    for i, text in enumerate(said):
        # Taking the first place where it is wanted from here on leaves most to come.
        place = next((k for k in range(j, columns) if wanted[k] == text), None)
        if place is not None and 1 + longest[i + 1][place + 1] >= longest[i][j]:
            found[i], j = True, place + 1
    return found


def _countdown(problem: Problem[Any], plan: Plan) -> Labels:
    public = problem.public
    assert isinstance(public, CountdownPublic)
    steps = plan_steps(plan)
    marks = dict(zip(steps, completable_steps(public.rules, list(steps.values())), strict=True))
    return {item.id: marks.get(item.id, False) for item in _own(plan) if item.kind == "S"}


_LABELS: Mapping[str, Callable[[Problem[Any], Plan], Labels]] = {
    "arithmetic": _arithmetic,
    "schedule": _schedule,
    "tools": _tools,
    "code": _code,
    "countdown": _countdown,
}
