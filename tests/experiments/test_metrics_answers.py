"""Metrics of answers and their plans: known answers, and answers with a planted fault that must be found."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text
from planneal.experiments.metrics.accuracy import (
    accuracy,
    flip,
    flip_rate,
    mean_pass_at_k,
    mean_pass_hat_k,
    pass_at_k,
    pass_hat_k,
)
from planneal.experiments.metrics.citations import citation_quality, citations
from planneal.experiments.metrics.contradictions import by_length, contradiction_rate, contradictions
from planneal.experiments.metrics.faithfulness import mean_satisfaction, satisfaction
from planneal.experiments.metrics.orders import order_judge
from planneal.experiments.metrics.reading import bindings_of, read, values
from planneal.experiments.metrics.stability import crossed_table, stability
from planneal.planner.notation import parse_plan

PLAN = parse_plan(
    "goal: how many wigs? [wigs]\n"
    "C1: [wigs > 0]\n"
    "S1: [nuts = 4]\n"
    "S2: [bolts = nuts + 3] <- S1\n"
    "S3: [wigs = 2 * bolts] <- S2"
)
GOOD = "nuts = 4 [S1]\nbolts = nuts + 3 = 7 [S2]\nso wigs = 2 * 7 = 14 [S3]\nanswer: 14 [S3]"


def rng():
    return np.random.default_rng(0)


# Accuracy


def test_pass_at_k_and_pass_hat_k_by_enumeration():
    """Every way to draw k of n attempts, counted."""
    from itertools import combinations

    for n in range(1, 7):
        for c in range(n + 1):
            for k in range(1, n + 1):
                drawn = [sum(pick) for pick in combinations([1] * c + [0] * (n - c), k)]
                assert pass_at_k(n, c, k) == pytest.approx(np.mean([d > 0 for d in drawn]))
                assert pass_hat_k(n, c, k) == pytest.approx(np.mean([d == k for d in drawn]))
            if n > 1:
                pairs = list(combinations([1] * c + [0] * (n - c), 2))
                assert flip(n, c) == pytest.approx(np.mean([a != b for a, b in pairs]))


def test_pass_at_one_is_the_accuracy_and_more_attempts_help_the_one_and_hurt_the_other():
    rights, problems = [1, 0, 0, 1, 1, 1, 0, 0, 0], "aaabbbccc"
    plain = accuracy(rights, problems, rng=rng(), draws=50).value
    assert plain == pytest.approx((1 / 3 + 1 + 0) / 3)
    assert mean_pass_at_k(rights, problems, 1, rng=rng(), draws=50).value == pytest.approx(plain)
    assert mean_pass_at_k(rights, problems, 3, rng=rng(), draws=50).value == pytest.approx(2 / 3)
    assert mean_pass_hat_k(rights, problems, 3, rng=rng(), draws=50).value == pytest.approx(1 / 3)
    assert flip_rate(rights, problems, rng=rng(), draws=50).value == pytest.approx((2 / 3) / 3)
    with pytest.raises(ValueError, match="cannot be"):
        mean_pass_at_k(rights, problems, 4, rng=rng())


# Reading


def test_values_are_bound_forwards():
    found = values(bindings_of(read("nuts = 4\nbolts = nuts + 3\nwigs = 2 * bolts = 2 * 7 = 14\nall = x + 1")))
    assert found == {"nuts": 4, "bolts": 7, "wigs": 14}


# Contradictions


def test_a_consistent_answer_has_none():
    found = contradictions(GOOD, PLAN)
    assert (found.statements, found.parsed, found.found) == (4, 4, ())


@pytest.mark.parametrize(
    ("text", "kind", "line", "about"),
    [
        ("nuts = 4\nnuts = 5", "rebound", 1, "nuts"),
        ("nuts = 4\nbolts = nuts + 3\nbolts = 8", "rebound", 2, "bolts"),
        ("4 + 3 = 8", "false", 0, ""),
        ("bolts = 4 + 3 = 8", "false", 0, ""),
        ("7 = bolts = 8", "false", 0, ""),
        ("nuts = 4\nbolts = nuts + 3 = 8", "false", 1, ""),
        ("nuts = 4\nnuts > 5", "false", 1, ""),
        ("wigs = 0 - 3 = -3", "violated", None, "C1"),
        ("wigs = 14\nanswer: 15", "rebound", 1, "wigs"),
        ("answer: 14\nanswer: 15", "rebound", 1, "wigs"),
    ],
)
def test_each_kind_of_contradiction_is_found_once(text, kind, line, about):
    (found,) = contradictions(text, PLAN).found
    assert (found.kind, found.line, found.about) == (kind, line, about)
    assert found.reason


def test_what_departs_from_the_plan_is_no_contradiction():
    assert contradictions("nuts = 5\nbolts = 8\nwigs = 16\nanswer: 16", PLAN).found == ()


def test_one_slip_is_not_counted_again_and_prose_is_not_parsed():
    slip = "nuts = 4\nbolts = nuts + 3 = 8\nwigs = 2 * 8 = 16\nanswer: 16"
    assert len(contradictions(slip, PLAN).found) == 1
    prose = contradictions("First we look at the nuts.\nThen it is clear.\nanswer: 14", PLAN)
    assert (prose.statements, prose.parsed) == (3, 1)
    assert contradictions("```\nx = 1\nx = 2\n```", PLAN).statements == 0, "programs may assign as they like"


def test_units_are_compared_in_one_unit_or_not_at_all():
    assert contradictions("rope = 2 m\nrope = 200 cm", None).found == ()
    assert len(contradictions("rope = 2 m\nrope = 210 cm", None).found) == 1
    long = parse_plan("goal: how long? [rope]\nS1: [rope = 2 m]")
    assert contradictions("rope = 2 m\nanswer: 200", long).found == (), "200 of what is not said"
    assert len(contradictions("rope = 2 m\nanswer: 210 cm", long).found) == 1


@given(st.text(max_size=200))
def test_any_text_is_read_without_a_fault(text):
    found = contradictions(text, PLAN)
    assert 0 <= found.parsed <= found.statements
    satisfaction(PLAN, text)
    citations(PLAN, text)


def test_rates_are_per_statement_and_per_answer():
    bad = contradictions("nuts = 4\nnuts = 5\nnuts = 6\nwho knows", PLAN)
    found = contradiction_rate([bad, contradictions(GOOD, PLAN)], "ab", rng=rng(), draws=200)
    assert found.per_100.value == pytest.approx(100 * 2 / 8)
    assert found.per_answer.value == 0.5
    assert found.coverage.value == pytest.approx(7 / 8)
    assert found.kinds == {"rebound": 2, "false": 0, "violated": 0}
    classes = by_length([bad, contradictions(GOOD, PLAN), contradictions("a\n" * 9)], [4])
    assert [(name, count) for name, count, _ in classes] == [("1 to 4", 2), ("over 4", 1)]
    assert classes[0][2] == pytest.approx(25)
    assert math.isnan(by_length([], [4])[0][2])


# Satisfaction


def test_satisfaction_holds_items_against_what_the_answer_says():
    assert satisfaction(PLAN, GOOD).held == ("C1", "S1", "S2", "S3")
    assert satisfaction(PLAN, GOOD).share == 1.0
    other = satisfaction(PLAN, "nuts = 4\nbolts = 8\nanswer: 3")
    assert (other.held, other.broken, other.silent) == (("S1",), ("S2",), ("C1", "S3"))
    assert other.share == 0.25
    assert satisfaction(PLAN, "It is 14, believe me.").share == 0.0, "silence satisfies nothing"


def test_checks_of_other_kinds_are_for_a_judge_or_undecided():
    plan = parse_plan("goal: g\nC1: [test: f(1) == 2]\nS1: words alone")
    assert satisfaction(plan, "x").undecided == ("C1",)
    assert math.isnan(satisfaction(plan, "x").share)
    assert satisfaction(plan, "x", lambda item: "pass").held == ("C1",)
    pair = [satisfaction(PLAN, GOOD), satisfaction(plan, "x")]
    assert mean_satisfaction(pair, "ab", rng=rng(), draws=50).value == 1.0


ROW = parse_plan(
    "goal: put 3 in order\nC1: [order: figs < plums]\nC2: [order: kiwis = last]\nC3: [order: |S1 - S3| >= 2]\n"
    "S1: figs\nS2: plums\nS3: kiwis"
)


@pytest.mark.parametrize(
    ("answer", "held", "broken", "silent"),
    [
        ("answer: figs, plums, kiwis [S1]", ("C1", "C2", "C3"), (), ()),
        ("answer: plums, figs, kiwis", ("C2",), ("C1", "C3"), ()),
        ("answer: figs, kiwis", (), (), ("C1", "C2", "C3")),
        ("I do not know", (), (), ("C1", "C2", "C3")),
    ],
)
def test_orders_are_held_against_the_order_of_the_answer(answer, held, broken, silent):
    judge = order_judge(ROW, answer)
    found = satisfaction(ROW, answer, judge)
    assert (found.held, found.broken, found.silent) == (held, broken, silent)
    assert [entry.about for entry in contradictions(answer, ROW, judge).found] == list(broken)
    assert contradictions(answer, ROW).found == ()
    assert satisfaction(ROW, answer).undecided == ("C1", "C2", "C3")
    assert judge(PLAN["S1"]) is None


def test_gold_orders_of_the_schedule_family_keep_every_constraint():
    for problem in problems(6, seed=4, family="schedule"):
        plan, text = parse_plan(problem.gold.plan), answer_text(problem)
        judge = order_judge(plan, text)
        assert satisfaction(plan, text, judge).share == 1.0
        assert contradictions(text, plan, judge).found == ()


# Citations


def test_citations_of_a_good_answer():
    found = citations(PLAN, GOOD)
    assert (found.recall, found.precision, found.uncited) == (1.0, 1.0, 0)


@pytest.mark.parametrize(
    ("text", "recall", "precision"),
    [
        ("nuts = 4 [S1]", 1.0, 1.0),
        ("nuts = 4", 0.0, 0.0),  # nothing cited: no recall, and precision 0 by definition
        ("nuts = 4 [S9]", 0.0, 0.0),  # out of range
        ("nuts = 5 [S1]", 0.0, 0.0),  # not entailed
        ("bolts = 7 [S2]", 0.0, 0.0),  # S2 alone does not say how many nuts there are
        ("bolts = 7 [S1, S2]", 1.0, 1.0),  # neither alone, both together
        ("nuts = 4 [S1]\nbolts = 7 [S2]", 1.0, 1.0),  # what was said before is known
        ("nuts = 4 [S1, S3]", 1.0, 0.5),  # S3 is over-cited
        ("bolts = nuts + 3 [S2]", 1.0, 1.0),  # says the same
        ("answer: 14 [S1, S2, S3]", 1.0, 1.0),
        ("answer: 15 [S1, S2, S3]", 0.0, 0.0),
    ],
)
def test_recall_and_precision_by_hand(text, recall, precision):
    found = citations(PLAN, text)
    assert (found.recall, found.precision) == (recall, precision)


def test_citations_without_what_was_said_before():
    text = "nuts = 4 [S1]\nbolts = 7 [S2]"
    assert citations(PLAN, text, given_earlier=False).recall == 0.5


def test_what_cannot_be_decided_is_left_out_and_counted():
    plan = parse_plan("goal: g [nuts]\nS1: the nuts are in the box\nS2: [nuts = 4]")
    found = citations(plan, "we look into the box [S1]\nnuts = 4 [S1]\nnuts = 4 [S2]")
    assert (found.statements, found.decided, found.entailed) == (3, 1, 1)


def test_citation_rates():
    found = [citations(PLAN, GOOD), citations(PLAN, "nuts = 4 [S1, S3]\nwell\nbolts = 7")]
    rates = citation_quality(found, "ab", rng=rng(), draws=100)
    assert rates.recall.value == pytest.approx((1 + 0.5) / 2)
    assert rates.precision.value == pytest.approx((1 + 0.5) / 2)
    assert rates.over_citation.value == pytest.approx(0.5)
    assert rates.uncited.value == pytest.approx(2 / 7)
    assert rates.decided.value == pytest.approx(6 / 7)


# Stability


def test_stability_of_a_fickle_and_of_a_steady_method():
    problems, seeds = np.repeat(range(40), 4).tolist(), list(range(4)) * 40
    steady = [problem % 2 == 0 for problem in problems]
    found = stability(steady, problems, seeds, rng=rng(), draws=50)
    assert (found.flips.value, found.variance.residual, found.all_right.value, found.k) == (0.0, 0.0, 0.5, 4)
    fickle = (rng().random(160) < 0.5).tolist()
    other = stability(fickle, problems, seeds, rng=rng(), draws=50)
    assert other.flips.value > 0.4
    assert other.variance.residual > 5 * other.variance.problem
    assert not math.isnan(other.variance.seed)


def test_attempts_that_are_no_table_are_nested():
    assert crossed_table([True] * 3, "aab", [0, 1, 0]) is None
    assert crossed_table([True, False] * 2, "aabb", [0, 1, 0, 1]) == [[1.0, 0.0], [1.0, 0.0]]
    uneven = stability([True, False, True, True, False], "aaabb", [0, 1, 2, 0, 1], rng=rng(), draws=20)
    assert math.isnan(uneven.variance.seed)
    assert uneven.k == 2


def test_bindings_are_exact():
    assert values(bindings_of(read("share = 1 / 3")))["share"] == Fraction(1, 3)
