"""Statistics against known values."""

from __future__ import annotations

import numpy as np
import pytest
from planneal.experiments.statistics import mcnemar, paired_difference, wilson
from scipy import stats


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (3, 10), (10, 10), (173, 200), (1, 1)])
def test_wilson_is_scipys(successes, trials):
    expected = stats.binomtest(successes, trials).proportion_ci(method="wilson")
    found = wilson(successes, trials)
    assert found.low == pytest.approx(expected.low, abs=1e-12)
    assert found.high == pytest.approx(expected.high, abs=1e-12)


def test_wilson_refuses_nonsense_and_knows_nothing_without_trials():
    assert wilson(0, 0) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 successes in 2 trials"):
        wilson(3, 2)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (5, 5), (1, 9), (30, 2)])
def test_mcnemar_is_the_exact_binomial_test_on_discordant_pairs(only_a, only_b):
    a = [True] * only_a + [False] * only_b + [True] * 7
    b = [False] * only_a + [True] * only_b + [True] * 7
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert mcnemar(a, b) == pytest.approx(expected, rel=1e-9)


def test_mcnemar_has_its_false_alarm_rate_and_power():
    rng = np.random.default_rng(0)
    same = sum(mcnemar(list(rng.random(100) < 0.6), list(rng.random(100) < 0.6)) < 0.05 for _ in range(300))
    apart = sum(mcnemar(list(rng.random(100) < 0.9), list(rng.random(100) < 0.6)) < 0.05 for _ in range(300))
    assert same / 300 < 0.08
    assert apart / 300 > 0.95


def test_the_bootstrap_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        a, b = rng.random(80) < 0.8, rng.random(80) < 0.6
        low, high = paired_difference(list(a), list(b), rng=rng, draws=400)
        covered += low <= 0.2 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_unpaired_data_is_refused():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        mcnemar([True], [True, False])
    with pytest.raises(ValueError, match="nothing to compare"):
        paired_difference([], [], rng=np.random.default_rng(0))
