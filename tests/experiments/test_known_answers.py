"""Every method against the law of its curve: measured shares within exact intervals, and broken methods outside."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest
from planneal.experiments import known_laws as laws
from planneal.experiments.known_answers import HILLY, KNOWN, PLAIN, SMALL, Known, interval, measure, table
from planneal.experiments.known_chain import geometric, refined
from planneal.experiments.known_random import at_random
from planneal.experiments.known_world import World
from planneal.experiments.methods import (
    METHODS,
    BestOfPlans,
    ParticleFilter,
    PowerSampling,
    SelfConsistency,
    direct,
    make,
    power,
)

QUICK = {
    "direct": 150,
    "direct+constraints": 150,
    "longer-thought": 120,
    "self-consistency": 120,
    "best-of-answers": 40,
    "self-refine": 120,
    "power-sampling": 100,
    "gold-plan": 80,
    "shuffled-plan": 80,
    "blanked-plan": 80,
}
"""Runs of the methods that are tried in every run of the tests."""
RUNS = {"best-of-answers": 800, "best-of-plans": 500, "restarts-only": 500, "particle-filter": 500} | dict.fromkeys(
    ("random-edits", "greedy-refinement", "fixed-temperature", "planneal"), 400
)
"""Runs of the dear ones in the full comparison; the others have 2,000."""
QUIET = World(none=(0.5, 0.6), right=(0.25, 0.15), wrongs=6)
"""A world in which most answers come to no value."""
TOGETHER = sum(len(known.budgets) for known in KNOWN.values())


def at(name, budget, **changed):
    """The law of a method at one budget alone."""
    return replace(KNOWN[name], budgets=(budget,), **changed)


def test_every_method_has_a_law_at_three_budgets_or_more():
    assert set(KNOWN) == set(METHODS)
    assert all(len(known.budgets) >= 3 for known in KNOWN.values())
    rising = {"direct", "direct+constraints", "gold-plan", "shuffled-plan", "blanked-plan"} ^ set(KNOWN)
    for name in rising - {"random-edits"}:
        known = KNOWN[name]
        assert known.law(known.budgets[-1]) > known.law(known.budgets[0]) + 0.05, name


@pytest.mark.parametrize("name", QUICK)
def test_measured_curves_match_their_laws_and_buy_what_is_computed(name):
    rows = measure(name, QUICK[name], together=TOGETHER)
    assert all(row.inside for row in rows), table(rows)
    bought = KNOWN[name].bought
    for row in rows:
        assert bought is None or row.drawn == {kind: n * row.runs for kind, n in bought(row.budget).items()}


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_measured_curves_match_their_laws_over_many_runs(name):
    rows = measure(name, RUNS.get(name, 2_000), seed=1, together=TOGETHER)
    assert all(row.inside for row in rows), table(rows)
    bought = KNOWN[name].bought
    for row in rows:
        assert bought is None or row.drawn == {kind: n * row.runs for kind, n in bought(row.budget).items()}


# --- the laws themselves, by other ways


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("silent", [False, True])
def test_votes_by_the_formula_are_votes_by_listing_every_ballot(count, silent):
    world = replace(PLAIN, wrongs=2)
    q = laws.answered(world)
    u = world.sound * world.none[0] + (1 - world.sound) * world.none[1]
    chances = {"right": q, "a": (1 - q - u) / 2, "b": (1 - q - u) / 2, "silent": u}
    won = 0.0
    for ballots in itertools.product(chances, repeat=count):
        cast = [ballot for ballot in ballots if silent or ballot != "silent"]
        share = 1.0
        for ballot in ballots:
            share *= chances[ballot]
        if cast and Counter(cast).most_common(1)[0][0] == "right":  # the first of those with the most, as counted
            won += share
    assert laws.voted(world, count, silent_votes=silent) == pytest.approx(won)


def test_the_sharpened_chain_ends_at_p_to_the_alpha_and_leaves_p_alone():
    texts = {}
    for kind, first in ((0, PLAIN.sound), (1, 1 - PLAIN.sound)):
        right, none = PLAIN.right[kind], PLAIN.none[kind]
        texts[kind, "right"], texts[kind, "none"] = first * right, first * none
        texts.update({(kind, i): first * (1 - right - none) / PLAIN.wrongs for i in range(PLAIN.wrongs)})
    whole = sum(p**4 for p in texts.values())
    limit = sum(p**4 for (_, said), p in texts.items() if said == "right") / whole
    assert laws.sharpened(PLAIN, 5_000) == pytest.approx(limit)
    assert laws.sharpened(PLAIN, 5_000, lines=False) > limit + 0.1
    assert laws.sharpened(PLAIN, 7, alpha=1.0) == pytest.approx(laws.answered(PLAIN))


def test_laws_that_must_agree_do():
    assert laws.filtered(PLAIN, 1) == pytest.approx(laws.best_plan(PLAIN, 1))
    assert laws.filtered(PLAIN, 4, weighting=1e9) < laws.filtered(PLAIN, 4) < laws.best_plan(PLAIN, 20)
    assert at_random(SMALL, 1)[0] == pytest.approx(laws.best_plan(SMALL, 1))
    assert laws.voted(PLAIN, 1) == pytest.approx(laws.answered(PLAIN))
    assert laws.thought(PLAIN, 0) == pytest.approx(laws.answered(PLAIN))
    assert laws.rewritten(PLAIN, 0) == pytest.approx(laws.answered(PLAIN))
    lame = replace(HILLY, mends=0.0, breaks=0.0)
    assert refined(lame, 2_000, geometric, start=0.15) == pytest.approx(laws.best_plan(lame, 1))
    chance, left = at_random(SMALL, 3)
    assert left < 1e-5
    assert laws.best_plan(SMALL, 1) < chance < laws.best_plan(SMALL, 3)


def test_intervals_are_exact():
    low, high = interval(0, 10, 0.05)
    assert (low, high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 10)))


# --- what is broken must be seen to be


def outside(name, runs, budget, *, method=None, law=None):
    """Whether one measured share lies outside the interval that all others are held to."""
    known = at(name, budget) if law is None else at(name, budget, law=law, bought=None)
    [row] = measure(name, runs, together=TOGETHER, method=method, known=known)
    return not row.inside


def test_answers_without_a_value_that_vote_are_caught(monkeypatch):
    law = Known(QUIET, (1_000,), lambda b: laws.voted(QUIET, laws.sampled(b, 64)))
    [sound] = measure("self-consistency", 60, known=law, together=TOGETHER)
    assert sound.inside
    wrong = replace(law, law=lambda b: laws.voted(QUIET, laws.sampled(b, 64), silent_votes=True))
    assert not measure("self-consistency", 60, known=wrong, together=TOGETHER)[0].inside
    read = direct.votes
    monkeypatch.setattr(direct, "votes", lambda texts: [said or "silence" for said in read(texts)])
    assert not measure("self-consistency", 60, known=law, method=SelfConsistency(), together=TOGETHER)[0].inside


def test_verifiers_that_are_not_asked_are_caught():
    assert outside("best-of-answers", 200, 900, law=lambda b: laws.answered(PLAIN))
    assert outside("best-of-plans", 60, 3_000, method=BestOfPlans(1))


def test_acceptance_without_the_ratio_of_lines_is_caught(monkeypatch):
    wide = World(sound=0.5, right=(0.35, 0.35), none=(0.35, 0.35), wrongs=6)
    law = Known(wide, (2_500,), lambda b: laws.sharpened(wide, laws.asks(b) - 1))
    assert measure("power-sampling", 250, known=law, together=TOGETHER)[0].inside
    right = power.acceptance
    monkeypatch.setattr(power, "acceptance", lambda alpha, new, old, m, n: right(alpha, new, old, 1, 1))
    assert not measure("power-sampling", 250, known=law, method=PowerSampling(), together=TOGETHER)[0].inside


def test_longer_thought_and_rewriting_that_bring_nothing_are_caught():
    assert outside("longer-thought", 600, 1_500, law=lambda b: laws.answered(PLAIN))
    assert outside("self-refine", 200, 2_500, law=lambda b: laws.answered(PLAIN))
    assert outside("direct+constraints", 400, 900, law=lambda b: laws.answered(PLAIN))
    assert outside("blanked-plan", 100, 900, law=lambda b: 1 - PLAIN.slip)


@pytest.mark.slow
def test_resampling_that_ignores_weights_is_caught():
    assert outside("particle-filter", 1_500, 18_000, method=ParticleFilter(weighting=1e9))
    assert outside("particle-filter", 1_500, 18_000, law=lambda b: laws.filtered(PLAIN, 3, weighting=1e9))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("law", "run"),
    [("planneal", "greedy-refinement"), ("greedy-refinement", "planneal"), ("fixed-temperature", "greedy-refinement")],
)
def test_acceptance_by_another_rule_is_caught(law, run):
    assert outside(law, 1_200, 5_500, method=make(run))


@pytest.mark.slow
def test_mending_that_is_not_random_is_caught():
    assert outside("random-edits", 300, 3, method=make("restarts-only"))
