"""Aim: operator and place come from witnesses, with an exploration floor."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from planneal.planner.notation import parse_plan
from planneal.planner.witnesses import Contradiction, Doubtful, MissingNeed, UndefinedSymbol, Unused
from planneal.proposers.targets import candidates, companions, draw, exploration, preference

PLAN = parse_plan("goal: g [c]\nC1!: [c > 0]\nS1: [a = 1]\nS2: [b = a + x] <- S1\nS3: [c = b + y] <- S2")
HOLE_X = UndefinedSymbol(item="S2", symbol="x")
HOLE_Y = UndefinedSymbol(item="S3", symbol="y")
CLASH = Contradiction(members=("S1", "S2"), symbol="a")


def test_each_witness_offers_its_operators_and_nothing_on_locked_items():
    targets = candidates(PLAN, [HOLE_X, CLASH, Doubtful(item="C1"), MissingNeed(item="S2", symbol="a", definer="S1")])
    assert [(t.witness.kind, t.operator) for t in targets] == [
        ("undefined_symbol", "insert"),
        ("contradiction", "delete"),
        ("contradiction", "replace"),
        ("missing_need", "needs"),
    ]
    assert [t.structural for t in targets] == [False, False, False, True]


@pytest.mark.parametrize(
    ("witness", "start"),
    [(HOLE_X, "insert S before S2:"), (CLASH, "delete S1"), (Doubtful(item="S3"), "replace S3:")],
)
def test_a_target_says_how_its_edit_line_begins(witness, start):
    assert candidates(PLAN, [witness])[0].start == start


def test_draws_follow_preference_times_weight_and_keep_a_floor():
    targets = candidates(PLAN, [HOLE_X, Unused(item="S1")])
    rng = np.random.default_rng(0)
    counts = Counter(draw(rng, targets, {}, floor=0.0).arm for _ in range(4000))
    expected = preference(targets[0]) / (preference(targets[0]) + preference(targets[1]))
    assert counts["lm.insert"] / 4000 == pytest.approx(expected, abs=0.02)
    starved = Counter(draw(rng, targets, {"structural.delete": 0.0}, floor=0.2).arm for _ in range(4000))
    assert starved["structural.delete"] / 4000 == pytest.approx(0.1, abs=0.02), "half of the floor's even share"
    dead = Counter(draw(rng, targets, {"structural.delete": 0.0}, floor=0.0).arm for _ in range(500))
    assert dead["structural.delete"] == 0, "negative control: without a floor the arm dies"


def test_degenerate_weights_fall_back_to_an_even_draw():
    targets = candidates(PLAN, [HOLE_X, HOLE_Y])
    rng = np.random.default_rng(1)
    for weights in ({"lm.insert": 0.0}, {"lm.insert": float("nan")}):
        counts = Counter(draw(rng, targets, weights).witness for _ in range(2000))
        assert counts[HOLE_X] / 2000 == pytest.approx(0.5, abs=0.05)


def test_independent_witnesses_share_a_call_and_dependent_ones_do_not():
    same = UndefinedSymbol(item="S3", symbol="x")
    targets = candidates(PLAN, [HOLE_X, HOLE_Y, same, Unused(item="S1")])
    shared = companions(np.random.default_rng(0), targets[0], targets, most=5)
    assert {t.witness for t in shared} == {HOLE_X, HOLE_Y}
    assert len(companions(np.random.default_rng(0), targets[0], targets, most=1)) == 1


def test_exploration_never_touches_locked_items():
    rng = np.random.default_rng(3)
    seen = {exploration(rng, PLAN).witness.item for _ in range(200)}
    assert seen == {"S1", "S2", "S3"}
    assert exploration(rng, parse_plan("goal: g\nC1!: [c > 0]")) is None
