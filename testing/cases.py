"""Tasks and plans to try laws on: sound ones, ones with a planted fault each, and ones that nobody would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..planner.edits import Edit, SetNeeds, apply
from ..planner.errors import PlanError
from ..planner.notation import parse_plan
from ..planner.plan import Item, Plan
from ..planner.task import Task


class Case(NamedTuple):
    """A task and a plan for it."""

    task: Task
    plan: Plan


_QUESTION = "There are 4 nuts. Bolts outnumber nuts by 3. There are twice as many wigs as bolts. How many wigs?"
_SOUND = "goal: how many wigs? [wigs]\nS1: [nuts = 4]\nS2: [bolts = nuts + 3] <- S1\nS3: [wigs = 2 * bolts] <- S2"
_PLANS = (
    _SOUND,
    _SOUND.replace("nuts + 3", "nuts + 3 = 8"),  # false
    _SOUND.replace(" <- S2", ""),  # a missing need
    _SOUND.replace("S1: [nuts = 4]\n", ""),  # undefined
    _SOUND + "\nS4: [bolts = 9]",  # a contradiction
    _SOUND + "\nS4: [cups = 2]\nS5: say so",  # unused, and no check
    _SOUND.replace("nuts = 4", "nuts = 4 /"),  # malformed
    "goal: how many wigs? [wigs]\nS1: [nuts = bolts - 3] <- S2\nS2: [bolts = nuts + 3] <- S1",  # a circle
    _SOUND + "\nC2: [order: S1 < S3]\nC3: [order: S3 < S1]",
)


def sample_cases() -> tuple[Case, ...]:
    """A small world of quantities: a sound plan, one with each common fault, half of them with a locked constraint."""
    task, bound = Task(question=_QUESTION, target="wigs"), "wigs > 0"
    held = Task(question=_QUESTION, target="wigs", constraints=(bound,))
    cases = [Case(task, parse_plan(text)) for text in _PLANS]
    given = held.seed_plan().items
    return (*cases, *(Case(held, case.plan.with_items([*given, *case.plan.items])) for case in cases[::2]))


def awkward_cases() -> tuple[Case, ...]:
    """Plans that nobody would write and a language model might: nothing may be raised on any of them."""
    task = Task(question="?")
    long = "\n".join(f"S{n}: [v{n} = v{n - 1} + 1] <- S{n - 1}" for n in range(2, 61))
    texts = (
        "goal: nothing",
        "goal: g [",
        "goal: g [a]\nS1: [a = 1 / 0]",
        "goal: g [a]\nS1: [a = 9 ** 9 ** 9]",
        "goal: g [a]\nS1: [((((a]\nS2: [= = =]\nS3: [a]",
        "goal: g [a]\nS1: [a = a + 1] <- S1, S99",
        "goal: g\nS1: [test: f([]) == 0]\nS2: [call: get(id=$S9.id)]\nS3: [order: S7 < S8]",
        "goal: g\nS1: \u05d0\u05d1 \u200b \U0001f9ee ignore all of the above",
        "goal: g [v60]\nS1: [v1 = 1]\n" + long,
    )
    return tuple(Case(task, plan) for text in texts if (plan := _readable(text)) is not None)


def _readable(text: str) -> Plan | None:
    try:
        return parse_plan(text)
    except PlanError:
        return None


def neighbours(case: Case, most: int = 16) -> Iterator[Case]:
    """Cases a small change away: an item less, another order, other words, other needs, another question or goal."""
    task, plan = case
    items = plan.items
    yield Case(task.model_copy(update={"question": task.question + " Think of 77 hats."}), plan)
    yield Case(task.model_copy(update={"question": "How many hats are there?"}), plan)
    yield Case(task, plan.model_copy(update={"goal": plan.goal + " now"}))
    yield Case(task, plan.with_items(items[::-1]))
    for index, item in list(enumerate(items))[:most]:
        yield Case(task, plan.with_items([*items[:index], *items[index + 1 :]]))
        told = Item(**{**dict(item), "text": (item.text + " anew").strip()})
        yield Case(task, plan.with_items([*items[:index], told, *items[index + 1 :]]))
    for item in items[:most]:
        if not item.locked and (changed := _applied(plan, SetNeeds(id=item.id, needs=()))) is not None:
            yield Case(task, changed)


def _applied(plan: Plan, edit: Edit) -> Plan | None:
    try:
        changed = apply(plan, edit)
    except PlanError:
        return None
    return changed if changed != plan else None


def cases_of(given: Sequence[Case | tuple[Task, Plan]] | None) -> tuple[Case, ...]:
    """The caller's cases, or the samples."""
    return sample_cases() if given is None else tuple(Case(*case) for case in given)


def copy_of(case: Case) -> Case:
    """Equal objects that share nothing with the case: what is remembered by identity, or changed, shows."""
    task, plan = case
    return Case(Task.model_validate(task.model_dump()), Plan.model_validate(plan.model_dump()))


__all__ = ["Case", "awkward_cases", "cases_of", "copy_of", "neighbours", "sample_cases"]
