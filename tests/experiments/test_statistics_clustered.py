"""Clustered intervals, sign flips and Holm: their levels, their power, and what they refuse."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.experiments.statistics import (
    clustered_auroc,
    clustered_difference,
    clustered_mean,
    clustered_ratio,
    clustered_spearman,
    crossed,
    holm,
    mcnemar,
    nested,
    sign_flip,
)
from scipy import stats


def rng(seed=0):
    return np.random.default_rng(seed)


def outcomes(draw, problems, seeds):
    """Right or wrong per problem and seed; problems differ in difficulty, so seeds of one go together."""
    chance = draw.beta(0.5, 0.5, problems)
    return (draw.random((problems, seeds)) < chance[:, None]).astype(float)


def test_the_clustered_interval_covers_where_the_naive_one_does_not():
    draw, names = rng(1), np.repeat(range(60), 5).tolist()
    covered = naive = 0
    for _ in range(200):
        table = outcomes(draw, 60, 5)
        kept = clustered_mean(table.ravel(), names, rng=draw, draws=300).interval
        apart = clustered_mean(table.ravel(), list(range(300)), rng=draw, draws=300).interval
        covered += kept.low <= 0.5 <= kept.high
        naive += apart.low <= 0.5 <= apart.high
    # 200 draws of a 95% interval: 4 standard errors are 0.062.
    assert covered / 200 >= 0.95 - 0.062
    assert naive / 200 < 0.85, "negative control: seeds of a problem are no independent problems"


def test_seeds_of_one_problem_add_no_problem():
    once = clustered_mean([1, 0, 1, 1], "abcd", rng=rng(), draws=500)
    often = clustered_mean([1, 0, 1, 1] * 9, "abcd" * 9, rng=rng(), draws=500)
    assert once == often
    assert once.clusters == 4


def test_a_difference_needs_the_same_problems_but_not_as_many_seeds():
    found = clustered_difference([1, 1, 0, 1], "aabb", [0, 1], "ba", rng=rng(), draws=200)
    assert found.value == pytest.approx((1.0 + 0.5) / 2 - 0.5)
    with pytest.raises(ValueError, match="2 problems are on one side only"):
        clustered_difference([1], "a", [1], "b", rng=rng())
    with pytest.raises(ValueError, match="each value needs one"):
        clustered_mean([1, 2], "a", rng=rng())
    with pytest.raises(ValueError, match="nothing"):
        clustered_mean([], "", rng=rng())


def test_a_ratio_weighs_by_its_denominator():
    found = clustered_ratio([1, 0, 3], [10, 0, 10], "abc", rng=rng(), draws=400)
    assert found.value == pytest.approx(4 / 20)
    assert found.interval.low >= 0.1
    assert math.isnan(clustered_ratio([0], [0], "a", rng=rng(), draws=20).value)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_sign_flips_of_single_outcomes_are_mcnemars_test(pairs):
    first, second = zip(*pairs, strict=True)
    differences = [float(a) - float(b) for a, b in pairs]
    assert sign_flip(differences, rng=rng(), draws=10) == pytest.approx(mcnemar(first, second), abs=1e-12)


def test_sign_flips_agree_with_scipys_permutation_test():
    differences = rng(3).normal(0.3, 1, 30)
    expected = stats.permutation_test(
        (differences, np.zeros(30)),
        lambda a, b: np.mean(a - b),
        permutation_type="samples",
        n_resamples=20_000,
        rng=rng(4),
    )
    assert sign_flip(differences, rng=rng(5), draws=20_000) == pytest.approx(expected.pvalue, abs=0.015)


def test_sign_flips_of_nothing():
    assert sign_flip([0.0, 0.0], rng=rng()) == 1.0
    with pytest.raises(ValueError, match="nothing to compare"):
        sign_flip([], rng=rng())


@given(st.dictionaries(st.integers(), st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_monotone_and_between_raw_and_bonferroni(p_values):
    found = holm(p_values)
    assert list(found) == list(p_values)
    for name, entry in found.items():
        assert p_values[name] <= entry.adjusted <= min(1.0, len(p_values) * p_values[name])
    ordered = sorted(found.values(), key=lambda entry: entry.p)
    assert all(a.adjusted <= b.adjusted for a, b in itertools.pairwise(ordered))
    assert ordered[0].adjusted == min(1.0, len(p_values) * ordered[0].p)


def test_holm_keeps_the_family_wise_rate_and_no_correction_does_not():
    draw = rng(6)
    false_wins = uncorrected = 0
    for _ in range(400):
        p_values = dict(enumerate(draw.random(8)))
        false_wins += any(entry.rejected for entry in holm(p_values).values())
        uncorrected += min(p_values.values()) <= 0.05
    # Binomial(400, 0.05): 20 on average, above 38 with a chance below 1 in 10,000.
    assert false_wins <= 38
    assert uncorrected > 80, "negative control"
    with pytest.raises(ValueError, match="no probability"):
        holm({"a": math.nan})


def test_components_are_found_again():
    draw, problems, seeds = rng(7), 800, 6
    chance = draw.beta(1, 1, problems)
    table = (draw.random((problems, seeds)) < chance[:, None]).astype(float)
    for found in (crossed(table), nested(table.ravel(), np.repeat(range(problems), seeds).tolist())):
        assert found.problem == pytest.approx(1 / 12, abs=0.012)  # the variance of a uniform chance
        assert found.residual == pytest.approx(1 / 6, abs=0.012)  # the mean of p (1 - p)
        assert found.total == pytest.approx(0.25, abs=0.01)
    assert crossed(table).seed < 0.003
    lucky = table.copy()
    lucky[:, 0] = 1.0
    assert crossed(lucky).seed > 0.02, "negative control: a seed at which all is right"


def test_components_need_repetition():
    with pytest.raises(ValueError, match="two problems by two seeds"):
        crossed([[1, 0]])
    with pytest.raises(ValueError, match="one of them with two attempts"):
        nested([1, 0], "ab")
    even = nested([1, 1, 0, 0], "aabb")
    assert (even.residual, even.reliability) == (0.0, 1.0)


def test_auroc_and_rank_correlation_have_intervals_by_problem():
    draw = rng(8)
    truth = draw.random(150) < 0.5
    scores = truth * 1.2 + draw.normal(0, 1, 150)
    names = np.repeat(range(50), 3).tolist()
    good = clustered_auroc(scores, truth.tolist(), names, rng=draw, draws=200)
    assert good.interval.low < good.value < good.interval.high
    assert good.interval.low > 0.6
    noise = clustered_auroc(draw.normal(size=150), truth.tolist(), names, rng=draw, draws=200)
    assert noise.interval.low < 0.5 < noise.interval.high, "negative control: a score of noise"
    rank = clustered_spearman(scores, truth.astype(float), names, rng=draw, draws=200)
    assert 0 < rank.interval.low < rank.value < rank.interval.high
    assert math.isnan(clustered_auroc([1.0, 2.0], [True, True], "ab", rng=draw, draws=5).value)
    with pytest.raises(ValueError, match="not a number"):
        clustered_spearman([1.0, math.nan], [1, 2], "ab", rng=draw)
