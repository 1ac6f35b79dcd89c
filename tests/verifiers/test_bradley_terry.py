"""Bradley-Terry: both orders take the position out, strengths are recovered, and the bias test keeps its level."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.comparison import Comparison, sigmoid
from planneal.planner.errors import VerifierError
from planneal.verifiers.bradley_terry import (
    MOST_LOG_ODDS,
    both_orders,
    counted_log_odds,
    log_odds,
    position_bias,
    sign_test,
    strengths,
)
from scipy import stats

NATS = st.floats(-3, 3)


@given(NATS, NATS)
def test_both_orders_tell_strength_and_position_apart(strength, position):
    ahead, behind = log_odds(sigmoid(strength + position)), log_odds(sigmoid(-strength + position))
    found = both_orders(ahead, behind)
    assert found.strength == pytest.approx(strength, abs=1e-6)
    assert found.position == pytest.approx(position, abs=1e-6)
    assert found.variance == 0


def test_one_order_alone_does_not():
    """Negative control."""
    assert log_odds(sigmoid(0.0 + 1.5)).value == pytest.approx(1.5)  # equal plans, told apart by their position


@given(st.floats(0, 1), st.floats(0, 0.1))
def test_log_odds_and_their_variance_are_bounded(probability, variance):
    found = log_odds(probability, variance)
    assert abs(found.value) <= MOST_LOG_ODDS
    assert 0 <= found.variance <= (2 * MOST_LOG_ODDS) ** 2 / 12 + 1e-9


def test_small_variances_follow_the_delta_method():
    assert log_odds(0.3, 1e-8).variance == pytest.approx(1e-8 / 0.21**2, rel=1e-3)


@pytest.mark.parametrize("strength", [-1.5, -0.4, 0.0, 0.8])
def test_counted_log_odds_are_nearly_unbiased_and_know_their_variance(strength):
    votes, p = 20, sigmoid(strength)
    weights = [stats.binom.pmf(k, votes, p) for k in range(votes + 1)]
    found = [counted_log_odds(k, votes) for k in range(votes + 1)]
    mean = sum(w * f.value for w, f in zip(weights, found, strict=True))
    spread = sum(w * (f.value - mean) ** 2 for w, f in zip(weights, found, strict=True))
    told = sum(w * f.variance for w, f in zip(weights, found, strict=True))
    assert mean == pytest.approx(strength, abs=0.04)
    assert told == pytest.approx(spread, rel=0.2)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_sign_test_is_the_exact_binomial_one(first, last):
    if first + last:
        assert sign_test(first, last) == pytest.approx(stats.binomtest(first, first + last).pvalue)


def compared(rng, position, strength, votes=None):
    chances = [sigmoid(strength + position), sigmoid(-strength + position)]
    if votes is None:
        odds = [log_odds(min(1.0, max(0.0, p + rng.normal(0, 0.02)))) for p in chances]
    else:
        odds = [counted_log_odds(int(rng.binomial(votes, p)), votes) for p in chances]
    both = both_orders(*odds)
    return Comparison(log_odds=both.strength, variance=both.variance, position=both.position)


@pytest.mark.parametrize("votes", [None, 1, 5])
def test_a_fair_judge_is_seldom_accused_and_a_biased_one_is(votes):
    rng = np.random.default_rng(5)

    def accused(position):
        runs = 150
        hits = 0
        for _ in range(runs):
            found = position_bias([compared(rng, position, rng.normal(0, 1.5), votes) for _ in range(60)])
            assert found.comparisons == 60
            hits += found.p_value < 0.05
        return hits / runs

    assert accused(0.0) < 0.1
    assert accused(1.2) > 0.8


def test_the_statistic_measures_the_position():
    rng = np.random.default_rng(6)
    found = position_bias([compared(rng, 0.7, rng.normal(0, 1), 20) for _ in range(80)])
    assert found.mean == pytest.approx(0.7, abs=4 * found.error)
    assert found.error < 0.1
    assert found.first > found.last
    assert position_bias([]).p_value == 1
    assert math.isnan(position_bias([]).error)
    assert position_bias([Comparison(log_odds=1.0)]).comparisons == 0


def test_strengths_are_recovered_with_their_uncertainty():
    rng = np.random.default_rng(7)
    truth = dict(zip("abcde", [1.2, 0.4, 0.0, -0.5, -1.1], strict=True))
    wins = {}
    for a, b in itertools.combinations(truth, 2):
        won = int(rng.binomial(400, sigmoid(truth[a] - truth[b])))
        wins |= {(a, b): won, (b, a): 400 - won}
    found = strengths(wins, prior=1e-6)
    misses = [
        abs(found.against(a, b).value - (truth[a] - truth[b])) / math.sqrt(found.against(a, b).variance)
        for a, b in itertools.combinations(truth, 2)
    ]
    assert max(misses) < 3
    assert sorted(found.value, key=found.value.get, reverse=True) == list(truth)
    assert math.fsum(found.value.values()) == pytest.approx(0, abs=1e-9)
    assert found.against("a", "b").value == -found.against("b", "a").value


def test_who_never_lost_has_a_finite_strength():
    found = strengths({("a", "b"): 3, ("b", "c"): 3})
    assert found.value["a"] > found.value["b"] > found.value["c"]
    assert found.against("a", "c").variance > 0
    assert strengths({("a", "b"): 50}).value["a"] > strengths({("a", "b"): 3}).value["a"]


@pytest.mark.parametrize("wins", [{}, {("a", "a"): 1}, {("a", "b"): -1}, {("a", "b"): math.nan}])
def test_counts_that_make_no_sense_are_refused(wins):
    with pytest.raises(VerifierError):
        strengths(wins)
