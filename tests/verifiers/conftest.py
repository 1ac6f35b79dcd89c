"""Random plans and edit sequences, shared by the property tests of all verifiers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest
from hypothesis import strategies as st
from planneal.planner.edits import Delete, Insert, Move, Replace, SetNeeds, apply
from planneal.planner.errors import EditError
from planneal.planner.plan import Item, Plan
from planneal.planner.task import Task
from planneal.planner.verdicts import Assessment
from planneal.planner.verifier import VerdictCache, Verifier

SYMBOLS = ("a", "b", "c", "d", "e")
RELATIONS = (
    "{0} = 4",
    "{0} = 5",
    "{0} = {1} + 3",
    "{0} = 3 + {1}",
    "{0} = {1} * {2}",
    "{0} = {1} / {2}",
    "{0} = {1} - {2}",
    "{0} = {1} - 1",
    "{0} + {1} = 10",
    "2 * {0} + {1} = 7",
    "{0} * {1} = 12",
    "{0} = {1} = 4",
    "4 + 3 = 8",
    "{0} > 0",
    "{0} != {1}",
    "{0} <= {1} <= 20",
    "{0} = max({1}, {2}) % 3",
    "{0}",
    "{0} = = {1}",
)


@st.composite
def items(draw: st.DrawFn, ids: tuple[str, ...]) -> Item:
    item_id = draw(st.sampled_from(ids))
    check = draw(st.sampled_from(RELATIONS)).format(*(draw(st.sampled_from(SYMBOLS)) for _ in range(3)))
    others = st.sampled_from([f"S{n}" for n in range(1, 8)] + ["C1"])
    needs = tuple(draw(st.lists(others, max_size=2)))
    if draw(st.integers(0, 9)) == 0:
        return Item(id=item_id, text=draw(st.sampled_from(["think", "be careful"])), needs=needs)
    return Item(id=item_id, text=draw(st.sampled_from(["", "a step"])), check=check, needs=needs)


IDS = ("S1", "S2", "S3", "S4", "S5", "S6", "S7", "C1", "C2", "I1")


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    given = draw(st.sampled_from([(), ("d > 0",), ("d > 0", "a + b = 10")]))
    target = draw(st.sampled_from(["d", "d", "d + a", None, "d +"]))
    return Task(question="How many d are there?", target=target, constraints=given)


def edits(plan: Plan) -> st.SearchStrategy[object]:
    here = st.sampled_from(tuple(plan.by_id) or ("S1",))
    where, anchor = st.sampled_from(("before", "after")), st.none() | here
    return st.one_of(
        st.builds(Insert, item=items(IDS), where=where, anchor=anchor),
        st.builds(Insert, item=items(IDS), where=where, anchor=anchor),
        st.builds(Replace, item=items(tuple(plan.by_id) or ("S1",))),
        st.builds(Delete, id=here),
        st.builds(Move, id=here, where=where, anchor=anchor),
        st.builds(SetNeeds, id=here, needs=st.lists(here, max_size=2).map(tuple)),
    )


def walk(data: st.DataObject, steps: int) -> Iterator[tuple[Task, Plan]]:
    task = data.draw(tasks())
    plan = task.seed_plan()
    yield task, plan
    for _ in range(steps):
        try:
            plan = apply(plan, data.draw(edits(plan)))  # type: ignore[arg-type]
        except EditError:
            continue
        yield task, plan


@pytest.fixture(scope="session")
def edit_walk() -> Callable[[st.DataObject, int], Iterator[tuple[Task, Plan]]]:
    """A random sequence of plans, each one edit away from the one before."""
    return walk


@pytest.fixture(scope="session")
def assess() -> Callable[..., Assessment]:
    """Runs one assessment to its end."""

    def run(verifier: Verifier, task: Task, plan: Plan, cache: VerdictCache | None = None) -> Assessment:
        return asyncio.run(verifier.assess(task, plan, cache=cache))

    return run
