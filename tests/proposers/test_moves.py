"""Moves that mend an order: each makes its predicate true, none asks a model, and the model comes last."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.planner.edits import apply, parts
from planneal.planner.notation import format_edit, parse_plan
from planneal.planner.proposal import ProposerState, View
from planneal.planner.task import Task
from planneal.planner.witnesses import Misplaced, Unplaced
from planneal.proposers import Mixture
from planneal.proposers.moves import repairs
from planneal.proposers.structural import resolutions, resolve
from planneal.proposers.targets import candidates
from planneal.verifiers import OrderVerifier

TASK = Task(question="q")
NAMES = ("figs", "plums", "pears", "limes", "eggs")
CHECKS = (
    "figs < plums",
    "pears + 1 = figs",
    "|figs - eggs| >= 3",
    "limes = 2",
    "limes = last",
    "figs between plums and pears",
    "eggs < figs or limes < plums",
    "eggs = first or eggs = last",
)


def plan_of(order, check):
    rows = [f"S{NAMES.index(name) + 1}: {name}" for name in order]
    return parse_plan("\n".join(["goal: g", f"C1: [order: {check}]", *rows, "C2: be kind"]))


def witnesses(plan):
    return asyncio.run(OrderVerifier().assess(TASK, plan)).witnesses


def view(plan, rejected=()):
    async def probe(plan):
        return ()

    found = {"task": TASK, "plan": plan, "witnesses": witnesses(plan), "retired": frozenset(), "probe": probe}
    return View(**found, rejected=frozenset(rejected), temperature=0.0, step=0)


@settings(max_examples=150, deadline=None)
@given(st.permutations(NAMES), st.sampled_from(CHECKS))
def test_every_repair_mends_its_predicate_and_keeps_the_items(order, check):
    plan = plan_of(order, check)
    for witness in witnesses(plan):
        found = repairs(plan, witness)
        assert found
        assert found[0] == resolve(plan, witness)
        for edit in found:
            after = apply(plan, edit)
            assert witnesses(after) == ()
            assert sorted(after.by_id) == sorted(plan.by_id)
            assert {part.op for part in parts(edit)} == {"move"}


def test_a_swap_shifts_nobody_else():
    plan = plan_of(("figs", "plums", "pears", "limes", "eggs"), "eggs = 2")
    [witness] = witnesses(plan)
    orders = {tuple(i.text for i in apply(plan, e).items if i.kind == "S") for e in repairs(plan, witness)}
    assert ("figs", "eggs", "pears", "limes", "plums") in orders  # swapped
    assert ("figs", "eggs", "plums", "pears", "limes") in orders  # moved
    assert len(orders) == 2


def test_moves_are_proposed_without_a_model_until_all_were_rejected():
    plan = plan_of(("figs", "plums", "pears", "limes", "eggs"), "eggs = 2")
    mixture, rejected = Mixture(None), []
    for _ in range(2):
        [proposal] = asyncio.run(mixture.propose(np.random.default_rng(0), view(plan, rejected), ProposerState()))
        assert proposal.operator == "structural.move"
        assert proposal.usage.calls == 0
        rejected.append(format_edit(proposal.edit))
    assert len(set(rejected)) == 2
    assert asyncio.run(mixture.propose(np.random.default_rng(0), view(plan, rejected), ProposerState())) == []


class Writer:
    """Notes what it is asked for."""

    def __init__(self):
        self.asked = []

    async def write(self, rng, view, targets):
        self.asked += targets
        return []

    class options:  # noqa: N801
        together = 3


@pytest.mark.parametrize("moves", [True, False])
def test_the_model_is_asked_for_moves_at_once_or_last(moves):
    plan = plan_of(("figs", "plums", "pears", "limes", "eggs"), "eggs = 2")
    writer = Writer()
    mixture = Mixture(writer, floor=0.0, moves=moves)
    first = asyncio.run(mixture.propose(np.random.default_rng(0), view(plan), ProposerState()))
    assert bool(first) is moves
    tried = [format_edit(edit) for edit in repairs(plan, witnesses(plan)[0])]
    asyncio.run(mixture.propose(np.random.default_rng(0), view(plan, tried), ProposerState()))
    assert [t.arm for t in writer.asked] == ["lm.move"] * (1 if moves else 2)
    assert writer.asked[-1].start == "move S5"


def test_what_cannot_be_mended_by_one_move_has_no_repair():
    plan = plan_of(NAMES, "figs = 9")
    [witness] = witnesses(plan)
    assert repairs(plan, witness) == ()
    [target] = candidates(plan, [witness])
    assert not target.structural


def test_malformed_and_vanished_checks_have_no_repair():
    plan = plan_of(NAMES, "figs < plums")
    assert repairs(plan, Misplaced(item="C9", detail="")) == ()
    assert repairs(plan, Misplaced(item="C2", detail="")) == ()
    assert repairs(plan_of(NAMES, "figs <"), Misplaced(item="C1", detail="")) == ()
    assert repairs(plan_of(NAMES, "figs < kiwis"), Misplaced(item="C1", detail="")) == ()
    assert resolutions(plan, Misplaced(item="C1", detail="", culprits=("S9",))) == ()


def test_what_has_no_place_is_put_at_the_end_under_a_fresh_id():
    plan = plan_of(NAMES, "figs < plums")
    edit = resolve(plan, Unplaced(text="kiwis"), retired=("S6",))
    assert [(i.id, i.text) for i in apply(plan, edit).items][-1] == ("S7", "kiwis")
