"""Statistics against published worked examples, each with its source."""

from __future__ import annotations

import math

import numpy as np
import pytest
from planneal.experiments.statistics import (
    auroc,
    crossed,
    discordant,
    exact_power,
    growth,
    holm,
    least_difference,
    mcnemar,
    nested,
    power,
    problems_needed,
    problems_needed_exactly,
    spearman,
    wilson,
)
from planneal.experiments.statistics.clustered import means_of_draws
from scipy import stats


def matched(both, only_first, only_second, neither):
    """Two rows of right and wrong with these counts."""
    first = [True] * (both + only_first) + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second + [False] * neither
    return first, second


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        # Fagerland, Lydersen & Laake 2013 (BMC Med Res Methodol 13:91), table 4, exact conditional test:
        ((1, 1, 7, 12), 0.0703),  # airway hyper-responsiveness before and after transplantation (Bentur et al. 2009)
        ((59, 6, 16, 80), 0.0525),  # complete response before and after consolidation (Cavo et al. 2012)
    ],
)
def test_mcnemar_on_published_tables(table, expected):
    assert mcnemar(*matched(*table)) == pytest.approx(expected, abs=5e-5)


def test_mcnemar_on_agrestis_approval_ratings():
    """Agresti, Categorical Data Analysis, 10.1: 794, 150, 86, 570 give z squared = 34.7, so p is far below 0.001."""
    first, second = matched(794, 150, 86, 570)
    counts = discordant(first, second)
    assert (counts.first - counts.second) ** 2 / counts.total == pytest.approx(17.356, abs=1e-3)
    assert mcnemar(first, second) == pytest.approx(2 * stats.binom.cdf(86, 236, 0.5), rel=1e-9)
    assert mcnemar(first, second) < 0.001


def test_mcnemar_by_hand():
    """One against nine: 2 (1 + 10) / 2**10."""
    assert mcnemar(*matched(3, 1, 9, 4)) == 22 / 1024


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_on_newcombes_table(successes, trials, low, high):
    """Newcombe 1998 (Statistics in Medicine 17:857), table I, method 3."""
    assert wilson(successes, trials) == pytest.approx((low, high), abs=5e-5)


def test_the_bootstrap_on_efrons_mice():
    """Efron & Tibshirani 1993, table 2.2: the ideal bootstrap's standard error of the treated mean is 23.36."""
    treated = np.asarray([94.0, 197, 16, 38, 99, 141, 23])
    drawn = means_of_draws(treated, np.random.default_rng(0), 40_000)
    assert treated.mean() == pytest.approx(86.86, abs=0.005)
    assert drawn.std() == pytest.approx(23.36, abs=5 * 23.36 / math.sqrt(2 * 40_000))


def test_holm_on_a_worked_example():
    """Four p-values (the example of Wikipedia, "Holm-Bonferroni method"); adjusted by hand: 4, 3, 2, 1 times."""
    found = holm({"H1": 0.01, "H2": 0.04, "H3": 0.03, "H4": 0.005})
    assert {name: entry.adjusted for name, entry in found.items()} == pytest.approx(
        {"H4": 4 * 0.005, "H1": 3 * 0.01, "H3": 2 * 0.03, "H2": 0.06}
    )
    assert [name for name, entry in found.items() if entry.rejected] == ["H1", "H4"]


def test_spearman_on_a_worked_example():
    """Intelligence and hours of television (Wikipedia, "Spearman's rank correlation coefficient"): -29/165."""
    iq = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    assert spearman(iq, hours) == pytest.approx(-29 / 165, abs=1e-12)


def test_auroc_on_hanley_and_mcneils_images():
    """Hanley & McNeil 1982 (Radiology 143:29), table I: 109 images rated 1 to 5, area 0.893."""
    normal, abnormal = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)
    scores = np.concatenate([np.repeat(np.arange(1, 6), counts) for counts in (normal, abnormal)])
    labels = [False] * sum(normal) + [True] * sum(abnormal)
    assert auroc(scores, labels) == pytest.approx(0.893, abs=5e-4)


RATINGS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
"""Shrout & Fleiss 1979 (Psychological Bulletin 86:420), table 2: six targets, four judges."""


def test_variance_components_on_shrout_and_fleiss():
    """Their table 4: ICC(1,1) = .17, ICC(2,1) = .29, ICC(3,1) = .71; table 3: EMS = 1.02, WMS = 6.26."""
    two, one = crossed(RATINGS), nested(np.ravel(RATINGS), np.repeat(range(6), 4).tolist())
    assert two.residual == pytest.approx(1.02, abs=5e-3)
    assert one.residual == pytest.approx(6.26, abs=5e-3)
    assert one.reliability == pytest.approx(0.17, abs=5e-3)
    assert two.reliability == pytest.approx(0.29, abs=5e-3)
    assert two.problem / (two.problem + two.residual) == pytest.approx(0.71, abs=5e-3)


@pytest.mark.parametrize(
    ("difference", "discordance", "expected"),
    [(0.05, 0.15, 469), (0.05, 0.25, 783), (0.03, 0.15, 1306), (0.10, 0.30, 233)],
)
def test_sample_sizes_for_paired_proportions(difference, discordance, expected):
    """80% power, two-sided 5%, by Connor's (1987) formula."""
    assert problems_needed(difference, discordance) == expected
    assert power(expected, difference, discordance) == pytest.approx(0.8, abs=5e-4)
    least = least_difference(expected, discordance)
    assert least == pytest.approx(difference, rel=2e-3)
    assert exact_power(expected, difference, discordance) < 0.8, "the exact test is conservative"


def test_the_exact_power_is_what_a_simulation_finds():
    rng, draws, n = np.random.default_rng(4), 4000, 120
    kinds = rng.choice(3, p=[0.15, 0.05, 0.8], size=(draws, n))
    first, second = (kinds == 0).sum(axis=1), (kinds == 1).sum(axis=1)
    fewer, total = np.minimum(first, second), first + second
    p = np.minimum(1.0, 2 * stats.binom.cdf(fewer, total, 0.5))
    found, expected = float((p <= 0.05).mean()), exact_power(n, 0.10, 0.20)
    assert found == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / draws))


def test_the_exact_number_of_problems_is_the_least_that_holds():
    needed = problems_needed_exactly(0.25, 0.35)
    assert needed > problems_needed(0.25, 0.35)
    assert exact_power(needed - 1, 0.25, 0.35) < 0.8 <= exact_power(needed, 0.25, 0.35)


@pytest.mark.parametrize(("difference", "discordance"), [(0.2, 0.1), (0.0, 0.1), (0.1, 1.2)])
def test_impossible_differences_are_refused(difference, discordance):
    with pytest.raises(ValueError, match="cannot be"):
        problems_needed(difference, discordance)


HORIZONS = np.arange(2.0, 25.0, 2.0)  # squared distances from their mean: 572 in all


def test_growth_tells_lines_from_exponentials():
    rng = np.random.default_rng(0)
    line = 300 + 90 * HORIZONS + rng.normal(0, 20, HORIZONS.size)
    curve = 200 * np.exp(0.18 * HORIZONS + rng.normal(0, 0.08, HORIZONS.size))
    found, other = growth(HORIZONS, line), growth(HORIZONS, curve)
    assert (found.shape, other.shape) == ("linear", "exponential")
    assert found.linear.slope == pytest.approx(90, abs=4 * 20 / math.sqrt(572))
    assert other.exponential.slope == pytest.approx(0.18, abs=4 * 0.08 / math.sqrt(572))
    assert found.linear.slope_interval == pytest.approx(
        stats.linregress(HORIZONS, line).slope
        + np.asarray([-1, 1]) * stats.t.ppf(0.975, 10) * stats.linregress(HORIZONS, line).stderr
    )


def test_the_criterion_is_that_of_the_likelihoods():
    """AIC from the log-likelihoods themselves (normal, log-normal) differs by the same constant for both models."""
    tokens = 150 * np.exp(0.1 * HORIZONS) + 7 * np.sin(HORIZONS)
    found = growth(HORIZONS, tokens)
    n, small = tokens.size, 24 / (tokens.size - 4)
    for fit, y, jacobian in ((found.linear, tokens, 0.0), (found.exponential, np.log(tokens), np.log(tokens).sum())):
        rest = y - fit.intercept - fit.slope * HORIZONS
        likelihood = stats.norm.logpdf(rest, scale=math.sqrt(rest @ rest / n)).sum() - jacobian
        assert fit.aic + n * (1 + math.log(2 * math.pi)) == pytest.approx(6 - 2 * likelihood + small, rel=1e-9)


def test_growth_is_undecided_where_the_data_do_not_tell():
    rng = np.random.default_rng(1)
    flat = 500 + rng.normal(0, 60, HORIZONS.size)
    assert growth(HORIZONS, flat).shape == "undecided"
    falling = np.exp(8 - 0.2 * HORIZONS + rng.normal(0, 0.05, HORIZONS.size))
    assert "nothing is seen to grow" in growth(HORIZONS, falling).reason
    assert "are needed" in growth([2, 4, 6], [1.0, 2, 3]).reason
    line = 300 + 90 * HORIZONS + rng.normal(0, 20, HORIZONS.size)
    torn = np.where(np.arange(40)[:, None] % 2, line, line[0] * np.exp(0.2 * (HORIZONS - 2)))
    torn = torn * np.exp(rng.normal(0, 0.01, torn.shape))
    assert growth(HORIZONS, line, torn).shape == "undecided"
    alike = line + rng.normal(0, 10, (40, line.size))
    assert growth(HORIZONS, line, alike).shape == "linear"


def test_a_horizon_that_was_not_reached_is_left_out():
    tokens = 300 + 90 * HORIZONS + np.random.default_rng(2).normal(0, 20, HORIZONS.size)
    tokens[-3:] = math.nan
    assert growth(HORIZONS, tokens).horizons == HORIZONS.size - 3
    with pytest.raises(ValueError, match="not above 0"):
        growth(HORIZONS, -tokens)
