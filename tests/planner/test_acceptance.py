"""Acceptance rules: what they take, and that the limit drawn beforehand has the stated probability."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.acceptance import RULES, Metropolis, acceptance_rule, accepts
from planneal.planner.errors import ConfigError
from planneal.planner.proposal import Proposal
from planner_strategies import examples
from pydantic import ValidationError
from scipy import stats

NAN, INF = math.nan, math.inf
E = math.e


@pytest.mark.parametrize(
    ("rule", "delta", "temperature", "u", "taken"),
    [
        ("greedy", -0.1, 1.0, 0.999, True),
        ("greedy", 0.0, 1.0, 0.999, True),
        ("greedy", 1e-9, 1.0, 1e-9, False),
        ("greedy", 1e-9, 0.0, 1e-9, False),
        ("metropolis", -0.1, 1.0, 0.999, True),
        ("metropolis", 0.0, 1.0, 0.999, True),
        ("metropolis", 1.0, 1.0, 0.99 / E, True),
        ("metropolis", 1.0, 1.0, 1.01 / E, False),
        ("metropolis", 1.0, 0.5, 0.99 / E**2, True),
        ("metropolis", 1.0, 0.5, 1.01 / E**2, False),
        ("metropolis", 0.0, 0.0, 0.999, True),
        ("metropolis", 1e-9, 0.0, 1e-300, False),
        ("metropolis", -1e-9, 0.0, 0.999, True),
        ("barker", 0.0, 1.0, 0.49, True),
        ("barker", 0.0, 1.0, 0.51, False),
        ("barker", -1.0, 1.0, 0.73, True),  # 1 / (1 + 1/e) = 0.731
        ("barker", -1.0, 1.0, 0.74, False),
        ("barker", 1.0, 1.0, 0.26, True),
        ("barker", 1.0, 1.0, 0.27, False),
        ("barker", 0.0, 0.0, 0.999, True),
        ("barker", 1e-9, 0.0, 1e-9, False),
        ("threshold", 0.3, 0.3, 0.999, True),
        ("threshold", 0.3001, 0.3, 1e-9, False),
        ("threshold", 0.0, 0.0, 0.5, True),
        ("threshold", 1e-9, 0.0, 0.5, False),
    ],
)
def test_truth_table(rule, delta, temperature, u, taken):
    limit = acceptance_rule(rule).limit(u, temperature)
    assert accepts(limit, delta, temperature) is taken


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("temperature", [0.0, 0.1, 1e6])
@pytest.mark.parametrize("u", [float(np.finfo(float).tiny), 0.5, 1 - 2**-53])
def test_what_is_no_number_or_infinitely_worse_is_rejected(rule, temperature, u):
    limit = acceptance_rule(rule).limit(u, temperature)
    assert math.isfinite(limit)
    assert not accepts(limit, NAN, temperature)
    assert not accepts(limit, INF, temperature)
    assert not accepts(limit, 0.0, temperature, NAN)
    assert not accepts(INF, INF, temperature)
    assert not accepts(NAN, 0.0, temperature)
    assert acceptance_rule(rule).probability(NAN, temperature) == 0.0
    assert acceptance_rule(rule).probability(INF, temperature) == 0.0


@pytest.mark.parametrize("rule", ["metropolis", "barker"])
def test_a_ratio_that_is_no_number_is_never_likely(rule):
    assert acceptance_rule(rule).probability(0.0, 1.0, NAN) == 0.0
    for log_q in (NAN, INF, -INF):
        with pytest.raises(ValidationError):
            Proposal(operator="x", log_q=log_q)


def test_the_proposal_ratio_shifts_the_difference():
    limit = Metropolis().limit(1 / E, 0.5)
    assert limit == pytest.approx(0.5)
    assert accepts(limit, 0.4, 0.5, log_q=-0.1)  # 0.4 + 0.05
    assert not accepts(limit, 0.4, 0.5, log_q=-0.3)  # 0.4 + 0.15
    assert accepts(limit, 0.6, 0.5, log_q=0.3)
    assert {rule.name for rule in map(acceptance_rule, RULES) if rule.corrects} == {"metropolis", "barker", "penalty"}


CASES = [(d, t, q) for d in (-1.0, 0.0, 0.02, 0.3) for t in (0.0, 0.1, 0.5) for q in (-1.0, 0.0, 0.7)]


def share(rule, delta, temperature, log_q, count=20_001):
    """Share of evenly spread draws that are accepted: the midpoint rule over u."""
    us = (np.arange(count) + 0.5) / count
    return np.mean([accepts(rule.limit(u, temperature), delta, temperature, log_q) for u in us])


@pytest.mark.parametrize("name", RULES)
def test_the_share_of_accepted_draws_is_the_probability(name):
    rule = acceptance_rule(name)
    for delta, temperature, log_q in CASES:
        ratio = log_q if rule.corrects else 0.0
        assert share(rule, delta, temperature, ratio, 2_001) == pytest.approx(
            rule.probability(delta, temperature, ratio), abs=1e-3
        )


def test_the_share_would_show_another_temperature():
    """Negative control: acceptance at twice the temperature is nowhere near the probability."""
    rule = Metropolis()
    assert abs(share(rule, 0.3, 0.4, 0.0, 2_001) - rule.probability(0.3, 0.2)) > 0.2


@pytest.mark.parametrize(("name", "law"), [("metropolis", stats.expon), ("barker", stats.logistic)])
def test_limits_are_distributed_as_the_rule_says(name, law):
    """Kolmogorov-Smirnov on one fixed sample; with the wrong scale as negative control."""
    us = np.random.default_rng(5).uniform(np.finfo(float).tiny, 1.0, 20_000)
    limits = [acceptance_rule(name).limit(float(u), 0.25) for u in us]
    assert stats.kstest(limits, law(scale=0.25).cdf).pvalue > 0.01
    assert stats.kstest(limits, law(scale=0.27).cdf).pvalue < 1e-3


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e3), st.floats(-50, 50))
@examples(100)
def test_detailed_balance_of_the_rules_themselves(delta, temperature, log_q):
    """``a(d, q) / a(-d, -q) = exp(-d / T + q)`` for the rules that claim it."""
    exponent = -delta / temperature + log_q
    for name in ("metropolis", "barker"):
        rule = acceptance_rule(name)
        there, back = rule.probability(delta, temperature, log_q), rule.probability(-delta, temperature, -log_q)
        if min(there, back) > 1e-290:
            assert math.log(there) - math.log(back) == pytest.approx(exponent, rel=1e-6, abs=1e-6)


def test_there_are_no_other_rules():
    with pytest.raises(ConfigError, match="greedy, metropolis, barker, threshold, penalty"):
        acceptance_rule("tabu")
