"""The Beta posterior: its moments, its tails, and what stopping early does to it."""

from __future__ import annotations

import math
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.verifiers.posterior import JEFFREYS, UNIFORM, Posterior, Prior
from scipy import special, stats

SHAPES = st.floats(0.05, 400)
COUNTS = st.integers(0, 200).flatmap(lambda votes: st.tuples(st.integers(0, votes), st.just(votes)))


@given(SHAPES, SHAPES, st.floats(0, 1))
def test_moments_and_tails_are_those_of_the_beta_distribution(a, b, x):
    found = Posterior(a, b)
    mean, variance = stats.beta.stats(a, b, moments="mv")
    assert found.mean == pytest.approx(float(mean))
    assert found.variance == pytest.approx(float(variance))
    assert found.below(x) == pytest.approx(float(special.betainc(a, b, x)), abs=1e-9)


@given(COUNTS, st.floats(0.05, 5), st.floats(0.05, 5))
def test_every_vote_moves_the_mean_towards_itself(counts, yes, no):
    given_yes, votes = counts
    now = Posterior.of(given_yes, votes, Prior(yes, no))
    assert 0 < now.mean < 1
    assert 0 < now.variance < now.mean * (1 - now.mean)
    assert Posterior.of(given_yes, votes + 1, Prior(yes, no)).mean < now.mean
    assert Posterior.of(given_yes + 1, votes + 1, Prior(yes, no)).mean > now.mean
    swapped = Posterior.of(votes - given_yes, votes, Prior(no, yes))
    assert swapped.mean == pytest.approx(1 - now.mean)
    assert swapped.variance == pytest.approx(now.variance)


@given(COUNTS)
def test_the_mean_today_is_the_expected_mean_of_tomorrow(counts):
    """A posterior is a martingale: whoever stops when he likes gains nothing by it."""
    yes, votes = counts
    now = Posterior.of(yes, votes)
    hopes = [Posterior.of(yes + extra, votes + 1).mean for extra in (0, 1)]
    assert (1 - now.mean) * hopes[0] + now.mean * hopes[1] == pytest.approx(now.mean)


def stops(most, confidence, prior, truth):
    """Every way to stop early: (probability, right side) over shares of yes drawn from ``truth``, listed exactly."""

    @cache
    def way(yes, votes):
        found = Posterior.of(yes, votes, prior)
        if votes and found.decided(0.5, confidence):
            real = Posterior.of(yes, votes, truth)  # what one who knows the truth's distribution believes
            above = 1 - real.below(0.5)
            return [(1.0, above if found.mean > 0.5 else 1 - above)]
        if votes == most:
            return []
        chance = Posterior.of(yes, votes, truth).mean
        return [
            (share * p, right)
            for share, extra in ((chance, 1), (1 - chance, 0))
            for p, right in way(yes + extra, votes + 1)
        ]

    return way(0, 0)


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("prior", [JEFFREYS, UNIFORM])
def test_an_early_stop_is_right_as_often_as_it_says(prior, confidence):
    found = stops(12, confidence, prior, prior)
    share = math.fsum(p for p, _ in found)
    assert 0.3 < share <= 1 + 1e-9
    assert math.fsum(p * right for p, right in found) / share >= confidence


def test_it_is_not_where_the_truth_is_harder_than_the_prior_thinks():
    """Negative control, and the limit of the promise: shares close to the threshold."""
    found = stops(12, 0.9, JEFFREYS, Prior(20, 20))
    share = math.fsum(p for p, _ in found)
    assert math.fsum(p * right for p, right in found) / share < 0.8


def test_three_votes_that_agree_decide_at_95_percent():
    assert not Posterior.of(2, 2).decided(0.5, 0.95)
    assert Posterior.of(3, 3).decided(0.5, 0.95)
    assert Posterior.of(0, 3).decided(0.5, 0.95)
    assert not Posterior.of(2, 3).decided(0.5, 0.95)
