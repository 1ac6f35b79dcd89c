"""Which plans of a run are asked about: the final plans of drawn problems, the same however far the run has got."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...planner.errors import PlanError
from ...planner.notation import parse_plan
from ...planner.plan import Plan
from ..runs.records import Attempt, ProblemRow
from ..runs.store import Store

__all__ = ["Sample", "Subject", "sample"]


class Subject(NamedTuple):
    """One plan that is asked about.

    Attributes:
        number: Number of its problem in the run, from 0.
        attempt: The attempt that ended with it.
        plan: The final plan.
    """

    number: int
    attempt: Attempt
    plan: Plan


class Sample(NamedTuple):
    """The plans of one method.

    Attributes:
        method: The method.
        budget: Its highest budget, where they are from; 0 where it was not run.
        subjects: One plan of each drawn problem, in order of the run's problems.
        unread: Drawn attempts without a plan, or with one that cannot be read; others were drawn in their place.
    """

    method: str
    budget: int
    subjects: tuple[Subject, ...]
    unread: int


def sample(store: Store, problems: Sequence[ProblemRow], method: str, count: int, seed: int) -> Sample:
    """Draws plans of one method at its highest budget.

    All problems of the run are put in an order that depends on the seed alone, and the first ones are taken whose first
    seed ended with a plan that can be read. So two methods are asked about the same problems wherever both have plans,
    a larger sample holds a smaller one, and of a run that went on most of the sample stays.

    Args:
        store: The run.
        problems: Its problems, in order.
        method: The method.
        count: Most plans.
        seed: Of the order.
    """
    own = list(store.attempts(method=method, events=False))
    budget = max((attempt.budget for attempt in own), default=0)
    first: dict[str, Attempt] = {}
    for attempt in own:  # by problem, method, budget and seed: the first seed comes first
        if attempt.budget == budget:
            first.setdefault(attempt.problem, attempt)
    found: list[Subject] = []
    unread = 0
    for index in map(int, np.random.default_rng([seed, 7]).permutation(len(problems))):
        tried = first.get(problems[index].id)
        if tried is None:
            continue
        if len(found) == count:
            break
        plan = _read(tried.plan)
        if plan is None:
            unread += 1
            continue
        found.append(Subject(index, tried, plan))
    return Sample(method, budget, tuple(sorted(found, key=lambda subject: subject.number)), unread)


def _read(text: str | None) -> Plan | None:
    try:
        return None if text is None else parse_plan(text)
    except PlanError:
        return None
