"""Structural edits: each settles its witness, none needs a model."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.edits import Compound, apply
from planneal.planner.notation import format_plan, parse_plan
from planneal.planner.proposal import ProposerState, View
from planneal.planner.task import Task
from planneal.planner.witnesses import Duplicate, MissingNeed, OutOfOrder, UndefinedSymbol, UnresolvedNeed, Unused
from planneal.proposers.structural import RandomMoves, StructuralEdits, resolve, settle, tidy
from planneal.verifiers import StructureVerifier

TASK = Task(question="q")


def witnesses(plan):
    return asyncio.run(StructureVerifier().assess(TASK, plan)).witnesses


BROKEN = {
    "missing need": "goal: g [b]\nS1: [a = 1]\nS2: [b = a + 1]",
    "dangling need": "goal: g [b]\nS1: [a = 1]\nS2: [b = a + 1] <- S1, S9",
    "out of order": "goal: g [b]\nS2: [b = a + 1] <- S1\nS1: [a = 1]",
    "duplicate": "goal: g [b]\nS1: [a = 1]\nS2: [b = a + 1] <- S3\nS3: [a = 1]",
    "all at once": "goal: g [c]\nS3: [c = b + a] <- S9\nS2: [b = a + 1]\nS1: [a = 1]\nS4: [a = 1]",
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_settling_leaves_nothing_structural(name):
    plan = parse_plan(BROKEN[name])
    assert any(w.structural for w in witnesses(plan)), "the example is not broken"
    for _ in range(6):
        open_ = [w for w in witnesses(plan) if w.structural]
        if not open_:
            break
        plan, done = settle(plan, open_)
        assert done
    assert not [w for w in witnesses(plan) if w.structural], format_plan(plan)


def test_locked_items_are_left_alone_and_stale_witnesses_give_nothing():
    plan = parse_plan("goal: g [b]\nS1!: [a = 1]\nS2!: [b = a + 1]")
    assert resolve(plan, MissingNeed(item="S2", symbol="a", definer="S1")) is None
    assert resolve(plan, Unused(item="S1")) is None
    assert resolve(plan, Duplicate(item="S1", original="S2")) is None
    assert resolve(plan, UnresolvedNeed(item="S7", need="S1")) is None
    assert resolve(plan, OutOfOrder(item="S2", needed="S8")) is None
    assert resolve(plan, UndefinedSymbol(item="S2", symbol="x")) is None


def test_deleting_a_duplicate_redirects_what_needed_it():
    plan = parse_plan("goal: g [b]\nS1: [a = 1]\nS3: [a = 1]\nS2: [b = a + 1] <- S3")
    after = apply(plan, resolve(plan, Duplicate(item="S3", original="S1")))
    assert after["S2"].needs == ("S1",)
    assert "S3" not in after


def view(plan, found=()):
    async def probe(other):
        return ()

    return View(TASK, plan, tuple(found), frozenset(), frozenset(), probe, 0.1, 0)


def test_the_proposer_offers_one_edit_per_witness():
    plan = parse_plan(BROKEN["missing need"])
    rng = np.random.default_rng(0)
    proposals = asyncio.run(StructuralEdits().propose(rng, view(plan, witnesses(plan)), ProposerState()))
    assert [p.operator for p in proposals] == ["structural.needs"]
    assert proposals[0].usage.tokens == 0


def test_random_moves_are_symmetric():
    """Every ordered pair of neighbours in the graph of orders is proposed equally often in both directions."""
    plan = parse_plan("goal: g\nS1: a\nS2: b\nS3: c")
    mover, state = RandomMoves(), ProposerState()

    def transitions(start, seed):
        rng, counts = np.random.default_rng(seed), {}
        for _ in range(3000):
            [proposal] = asyncio.run(mover.propose(rng, view(start), state))
            assert proposal.log_q == 0.0
            order = tuple(apply(start, proposal.edit).by_id)
            counts[order] = counts.get(order, 0) + 1
        return {order: count / 3000 for order, count in counts.items()}

    forth = transitions(plan, 0)
    for order, share in forth.items():
        back = transitions(plan.with_items([plan[i] for i in order]), 1)
        assert back[tuple(plan.by_id)] == pytest.approx(share, abs=0.035)


def test_tidy_orders_and_links_a_goal_first_draft_in_one_edit():
    draft = parse_plan(
        "goal: g [pots]\nC1!: [pots > 0]\nS1: [pots = cats - lids]\nS2: [cats = kites + wigs]\nS3: [lids = kites / 2]\n"
        "S4: [kites = 14]\nS5: [wigs = 18]"
    )
    after = apply(draft, Compound(edits=tuple(tidy(draft))))
    assert list(after.by_id) == ["C1", "S4", "S5", "S2", "S3", "S1"]
    assert after["S1"].needs == ("S2", "S3")
    assert not [w for w in witnesses(after) if w.structural]
    assert tidy(after) == []


@given(st.permutations(range(6)), st.integers(0, 2**6 - 1))
def test_tidy_leaves_no_misplaced_or_unlisted_item_in_any_order(order, holes):
    lines = ["a = 1", "b = a + 1", "c = a + b", "d = c - a", "e = d + b", "f = e * c"]
    kept = [i for i in order if not holes >> i & 1]
    plan = parse_plan("\n".join(["goal: g [f]", *(f"S{i + 1}: [{lines[i]}]" for i in kept)]))
    edits = tidy(plan)
    after = apply(plan, Compound(edits=tuple(edits))) if edits else plan
    assert not [w for w in witnesses(after) if w.kind in ("missing_need", "out_of_order")]
    assert set(after.by_id) == set(plan.by_id)
