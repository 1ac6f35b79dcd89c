"""Hard negatives: gold plans with one item that says something else, so that no exact verifier names it.

What is wrong comes from the same question or from plans like it: a word or a number of another sentence, another tool,
a rule that the order keeps all the same, steps that miss the target by the rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....planner.errors import NotationError
from ....planner.notation import parse_plan
from ....planner.plan import Plan
from ....proposers.structural import tidied
from ...families.base import Problem, pick
from ...families.registry import family
from ...families.schedule.grading import rules_of
from ...families.schedule.rules import Kind, Rule
from ..faults import reworded
from .labels import label, settled
from .seen import Seen, see

__all__ = ["hard_negative", "misread", "widely_wrong"]

_WRONG = (0.2, 0.6)
"""Least and largest share of the items that are made to say something else in a plan that is widely wrong."""

_TRIES = 4
"""Plans that are drawn in search of one whose fault is not named."""


async def hard_negative(rng: np.random.Generator, problem: Problem[Any]) -> Seen | None:
    """A plan with wrong items, none of which an exact verifier names where one is found; None if none is wrong."""
    last: Seen | None = None
    for plan in _candidates(rng, problem):
        found = await see(problem, plan)
        wrong = {item_id for item_id, right in label(problem, found.plan).items() if not right}
        if wrong and not wrong & found.named:
            return found
        last = found if wrong else last
    return last


def _candidates(rng: np.random.Generator, problem: Problem[Any]) -> Iterator[Plan]:
    for _ in range(_TRIES):
        if problem.public.family == "schedule" and rng.random() < 0.8:
            plan = misread(rng, problem)
        elif problem.public.family == "countdown" and rng.random() < 0.6:
            plan = family("countdown").random_plan(rng, problem.public)
        else:
            plan = reworded(rng, problem)
        if plan is not None:
            yield plan


def misread(rng: np.random.Generator, problem: Problem[Any]) -> Plan | None:
    """The gold plan of a schedule with one of its own rules read wrongly, though its order keeps the wrong rule too.

    None where every rule is the task's, or no such reading was found.
    """
    rules, order = rules_of(problem), problem.gold.order
    asked = {settled(rule, len(order)) for rule in rules}
    lines = problem.gold.plan.split("\n")
    own = _own_rules(lines)
    places = {name: place for place, name in enumerate(order, start=1)}
    if not own:
        return None
    for _ in range(12):
        at = pick(rng, list(own))
        number = own[at]
        other = _reread(rng, rules[number - 1], order)
        if settled(other, len(order)) not in asked and other.keeps(places):
            changed = [*lines[:at], f"C{number}: [order: {other.check}]", *lines[at + 1 :]]
            try:
                return parse_plan("\n".join(changed))
            except NotationError:
                continue
    return None


def widely_wrong(rng: np.random.Generator, problem: Problem[Any]) -> Plan | None:
    """The gold plan with many items that say something else, in order; whoever looks will see most of them.

    Drafts have few wrong items, and learning to compare each item with the question needs many. None where nothing came
    out otherwise.
    """
    share = rng.uniform(*_WRONG)
    if problem.public.family == "schedule":
        plan = _misread_widely(rng, problem, share)
    else:
        own = sum(line.startswith("S") for line in problem.gold.plan.split("\n"))
        plan = reworded(rng, problem, max(1, round(share * own)))
    return None if plan is None else tidied(plan)


def _misread_widely(rng: np.random.Generator, problem: Problem[Any], share: float) -> Plan | None:
    """The gold plan of a schedule with such a share of its own rules read in some other way."""
    rules, order = rules_of(problem), problem.gold.order
    lines = problem.gold.plan.split("\n")
    for at, number in _own_rules(lines).items():
        if rng.random() < share:
            lines[at] = f"C{number}: [order: {_reread(rng, rules[number - 1], order).check}]"
    try:
        return parse_plan("\n".join(lines))
    except NotationError:
        return None


def _own_rules(lines: Sequence[str]) -> dict[int, int]:
    """Where a plan states the rules that did not come with the task, and the number of each."""
    stated = {i: line.split(":")[0] for i, line in enumerate(lines) if line.startswith("C")}
    return {i: int(name[1:]) for i, name in stated.items() if not name.endswith("!")}


def _reread(rng: np.random.Generator, rule: Rule, entries: tuple[str, ...]) -> Rule:
    """A rule with another name or number in it, its names in another order, or of another kind over the same names."""
    names = list(rule.names)
    draw = rng.random()
    if draw < 0.45:
        free = [name for name in entries if name not in names]
        if free:
            names[int(rng.integers(len(names)))] = pick(rng, free)
        return rule._replace(names=tuple(names))
    if draw < 0.65 and rule.number:
        return rule._replace(number=max(1, abs(rule.number) + int(rng.choice((-1, 1)))))
    if draw < 0.8 and len(set(names)) > 1:
        return rule._replace(names=tuple(names[int(i)] for i in rng.permutation(len(names))))
    if len(names) == 1:
        kind = pick(rng, (Kind.END, Kind.PLACE))
        return Rule(kind, tuple(names), int(rng.integers(1, len(entries) + 1)) if kind is Kind.PLACE else 0)
    if len(names) == 2:
        kind = pick(rng, (Kind.BEFORE, Kind.NEXT, Kind.PARTED, Kind.APART))
        return Rule(kind, tuple(names), 3 if kind is Kind.APART else 0)
    return rule


