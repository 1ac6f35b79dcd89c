"""Comparison at equal spend: known curves, refusals, coverage, and how often nothing is called a win."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.experiments.matching import (
    AXES,
    Comparison,
    Curve,
    NotComparable,
    Point,
    area,
    compare,
    compare_areas,
    compare_budget,
    curves,
    in_family,
    ladder,
    needed,
    spend,
    tokens,
)
from planneal.experiments.runs.records import Attempt
from planneal.planner.errors import ConfigError
from planneal.planner.ledger import Usage


@dataclass(frozen=True)
class Try:
    problem: str
    method: str
    budget: int
    seed: int
    right: bool
    spent: Usage
    seconds: float = 1.0


def rng(seed=0):
    return np.random.default_rng(seed)


def tried(method, table, spends=None):
    """Attempts from rights by budget, shape (problems, seeds); spends are the caps unless given by budget."""
    return [
        Try(
            f"p{i}", method, budget, seed, bool(right), Usage(completion_tokens=int((spends or {}).get(budget, budget)))
        )
        for budget, rows in table.items()
        for i, row in enumerate(rows)
        for seed, right in enumerate(row)
    ]


def curve(method, table, spends=None):
    return Curve.of(tried(method, table, spends))


def rights(count, of):
    """One attempt each, the first ``count`` right."""
    return [[index < count] for index in range(of)]


HALF = curve("a", {100: rights(2, 10), 200: rights(6, 10), 400: rights(8, 10)})


def test_spend_counts_cached_tokens_at_their_weight():
    usage = Usage(prompt_tokens=100, cached_prompt_tokens=60, completion_tokens=7)
    assert spend(usage) == 107
    assert spend(usage, 0.1) == pytest.approx(40 + 6 + 7)
    one = Try("p", "m", 1, 0, True, usage)
    assert tokens(0.1)(one) == spend(usage, 0.1)
    assert AXES["tokens"](one) == 107


def test_every_axis_reads_its_own_counter():
    usage = Usage(completion_tokens=3, flops=5e9, calls=2, retries=1, verifier_seconds=0.5, prompt_tokens=1)
    one = Try("p", "m", 1, 0, True, usage, seconds=9.0)
    found = {name: axis(one) for name, axis in AXES.items()}
    assert found == {"tokens": 4, "completion": 3, "flops": 5e9, "calls": 3, "verifier_seconds": 0.5, "seconds": 9.0}
    with pytest.raises(ConfigError, match="no axis 'euros'"):
        Curve.of([one], "euros")
    with pytest.raises(ConfigError, match="this scale was not measured"):
        Curve.of([replace(one, spent=Usage(completion_tokens=1))], "flops")


def test_between_points_it_is_linear_in_spend_and_outside_there_is_nothing():
    assert HALF.span == (100, 400)
    assert HALF.read(150).accuracy == pytest.approx(0.4)
    assert HALF.read(300).accuracy == pytest.approx(0.7)
    assert HALF.read(150).shares.tolist() == pytest.approx([1, 1, 0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0])
    assert HALF.read(200).single
    assert not HALF.read(150).single
    assert HALF.read(94) is None
    assert HALF.read(421) is None
    assert HALF.read(96).spend == 100, "within 5% of the end the end itself is read, at its own spend"
    assert HALF.weights(99) is None


@given(st.floats(100, 400))
def test_a_reading_is_the_mixture_of_its_neighbours(at):
    weights = HALF.weights(at)
    assert weights.sum() == pytest.approx(1)
    assert weights @ [100, 200, 400] == pytest.approx(at)
    assert weights @ [0.2, 0.6, 0.8] == pytest.approx(HALF.read(at).accuracy)


def test_a_curve_that_falls_is_left_as_it_is_and_says_where():
    worse = curve("w", {100: rights(5, 10), 200: rights(7, 10), 300: rights(3, 10)})
    assert worse.falls == ((200, 300),)
    assert worse.read(300).accuracy == pytest.approx(0.3), "no envelope"
    assert worse.needed(0.6) == pytest.approx(150)
    assert HALF.falls == ()


def test_the_spend_needed_for_an_accuracy():
    assert HALF.needed(0.7) == pytest.approx(300)
    assert math.isnan(HALF.needed(0.81))
    assert HALF.needed(0.1) == 100
    drawn = needed(HALF, 0.5, rng=rng(), draws=50)
    assert drawn[0] == pytest.approx(175)
    assert len(drawn) == 51


def test_points_stand_where_they_spent_and_not_at_their_cap():
    early = curve("e", {100: rights(2, 10), 1000: rights(6, 10)}, spends={100: 90, 1000: 180})
    assert early.span == (90, 180)
    assert early.read(135).accuracy == pytest.approx(0.4)
    same = curve("s", {100: rights(2, 4), 200: rights(2, 4)}, spends={100: 90, 200: 90})
    assert same.read(90).accuracy == 0.5


def test_a_curve_is_over_problems_tried_everywhere():
    table = {100: rights(2, 10), 200: rights(6, 8)}
    found = curve("a", table)
    assert len(found.problems) == 8
    assert found.dropped == ("p8", "p9")
    with pytest.raises(ConfigError, match="a curve is of one method"):
        Curve.of(tried("a", table) + tried("b", table))
    with pytest.raises(ConfigError, match="no attempts"):
        Curve.of([])
    assert list(curves(tried("a", table) + tried("b", table))) == ["a", "b"]


def test_a_comparison_at_a_measured_point_is_mcnemars():
    other = curve("b", {100: rights(0, 10), 200: [[i >= 9] for i in range(10)], 400: rights(8, 10)})
    found = compare(HALF, other, 200, rng=rng())
    assert isinstance(found, Comparison)
    assert (found.test, found.difference) == ("mcnemar", pytest.approx(0.5))
    assert found.p == pytest.approx(2 * (1 + 7) / 2**7)  # six against one
    between = compare(HALF, other, 150, rng=rng())
    assert between.test == "sign-flip"
    assert between.accuracies == pytest.approx((0.4, 0.05))


def test_winners_are_named_where_there_are_some():
    good = curve("good", {100: rights(30, 40), 400: rights(38, 40)})
    bad = curve("bad", {100: rights(2, 40), 400: rights(12, 40)})
    for at in (100, 250, 400):
        assert compare(good, bad, at, rng=rng()).winner == "good"
        assert compare(bad, good, at, rng=rng()).winner == "good"
    assert compare(good, good, 250, rng=rng()).winner is None


def test_what_cannot_be_compared_names_no_winner():
    far = curve("far", {500: rights(9, 10), 900: rights(10, 10)})
    found = compare(HALF, far, 450, rng=rng())
    assert isinstance(found, NotComparable)
    assert found.reason == "outside"
    assert "a was measured from 100 to 400, not at 450" in str(found)
    assert not hasattr(found, "winner")
    near = curve("near", {430: rights(9, 10), 900: rights(10, 10)})
    apart = compare(HALF, near, 415, rng=rng())
    assert isinstance(apart, NotComparable)
    assert (apart.reason, "they spent 400 and 430" in apart.detail) == ("spends differ", True)
    close = curve("close", {410: rights(9, 10), 900: rights(10, 10)})
    assert isinstance(compare(HALF, close, 405, rng=rng()), Comparison)
    fewer = compare(HALF, curve("c", {100: rights(1, 9), 200: rights(1, 9)}), 150, rng=rng())
    assert (fewer.reason, "1 problems" in fewer.detail) == ("other problems", True)


def test_equal_caps_are_no_equal_spends():
    thrifty = curve("thrifty", {100: rights(5, 10), 200: rights(9, 10)}, spends={100: 98, 200: 120})
    assert isinstance(compare_budget(HALF, thrifty, 100, rng=rng()), Comparison)
    assert compare_budget(HALF, thrifty, 200, rng=rng()).reason == "spends differ"
    with pytest.raises(ConfigError, match="not run at budget 400"):
        compare_budget(HALF, thrifty, 400, rng=rng())


def drawn(draw, method, seeds, chances, hard):
    """A curve of attempts whose chance and spend depend on the problem: hard ones cost more."""
    points, count = [], hard.size
    for budget, chance in chances.items():
        own = np.clip(chance + 0.5 - hard, 0.02, 0.98)
        shares = (draw.random((count, seeds)) < own[:, None]).mean(axis=1)
        spends = budget * (0.6 + 0.5 * hard) + draw.integers(0, 20, (count, seeds)).mean(axis=1)
        attempts = np.full(count, seeds)
        points.append(Point(budget, float(spends.mean()), float(shares.mean()), shares, spends, attempts))
    return Curve(method, tuple(map(str, range(count))), tuple(points))


CHANCES = {200: 0.3, 400: 0.5, 800: 0.7}
HARD = np.random.default_rng(99).random(50)


@pytest.mark.parametrize(("seeds", "at"), [(1, 300.0), (3, 500.0)])
def test_nothing_against_itself_is_called_a_win_in_at_most_5_percent(seeds, at):
    """200 repeats of a method against itself with other seeds.

    Each side may win in 2.5% of the repeats, so a win of one side in more than 5%, 10 of 200, has a chance of 1%
    (Binomial(200, 0.025)), and one of either side in more than 18 of 200 as well (Binomial(200, 0.05)).
    """
    draw, winners = rng(seeds), []
    for _ in range(200):
        one, other = (drawn(draw, name, seeds, CHANCES, HARD) for name in ("a", "again"))
        winners.append(compare(one, other, at, rng=draw, draws=500).winner)
    assert winners.count("a") <= 10
    assert winners.count("again") <= 10
    assert 200 - winners.count(None) <= 18


def test_a_real_difference_is_found():
    draw = rng(5)
    better = {budget: chance + 0.2 for budget, chance in CHANCES.items()}
    wins = [
        compare(drawn(draw, "b", 3, better, HARD), drawn(draw, "a", 3, CHANCES, HARD), 350, rng=draw, draws=500).winner
        for _ in range(20)
    ]
    assert wins.count("b") >= 16
    assert wins.count("a") == 0


def test_the_interval_of_an_interpolated_difference_covers():
    """Problems are drawn anew each time, and spends with them; 95% of the intervals hold what is true of them all."""
    draw, covered, repeats = rng(6), 0, 200
    for _ in range(repeats):
        hard = 0.2 + 0.6 * draw.random(60)
        # Chances are never cut off here, so that the lift is the same at every spend.
        lifted = {budget: chance + 0.1 for budget, chance in {200: 0.35, 600: 0.55}.items()}
        one = drawn(draw, "a", 2, lifted, hard)
        other = drawn(draw, "b", 2, {200: 0.35, 600: 0.55}, hard)
        low, high = compare(one, other, 380, rng=draw, draws=400).interval
        covered += low <= 0.1 <= high
    assert 0.95 - 0.062 <= covered / repeats <= 0.995  # four standard errors below, and not absurdly wide


def test_the_uncertainty_of_the_spend_is_part_of_the_interval():
    """One method whose accuracy is certain and whose spend is not: at a fixed spend its accuracy is uncertain."""
    draw = rng(7)
    costs = draw.choice([50, 150], 40)
    made = [
        Try(f"p{i}", "m", budget, 0, (i % 10) < right, Usage(completion_tokens=int(cost * budget / 100)))
        for budget, right in ((100, 3), (300, 9))
        for i, cost in enumerate(costs)
    ]
    flat = [replace(one, method="flat", spent=Usage(completion_tokens=one.budget)) for one in made]
    moving, still = Curve.of(made), Curve.of(flat)
    wide = compare(moving, still, 200, rng=rng(8)).interval
    assert wide.high - wide.low > 0.1
    exact = compare(still, still, 200, rng=rng(8)).interval
    assert exact == (0.0, 0.0)


def test_a_family_is_adjusted_by_holm_and_keeps_what_could_not_be_compared():
    good = curve("good", {100: rights(30, 40), 400: rights(38, 40)})
    bad = curve("bad", {100: rights(20, 40), 400: rights(12, 40)})
    far = curve("far", {5000: rights(20, 40)})
    made = {at: compare(good, bad, at, rng=rng()) for at in (100, 400)} | {"far": compare(good, far, 400, rng=rng())}
    found = in_family(made)
    assert isinstance(found["far"], NotComparable)
    assert found[400].adjusted == pytest.approx(3 * made[400].p)
    assert found[100].adjusted >= 2 * made[100].p
    weak = replace(made[100], p=0.03, adjusted=0.03)
    assert weak.winner == "good"
    assert in_family({0: weak, 1: weak})[0].winner is None


def test_the_area_is_the_integral_over_log_spend():
    found = area(HALF, 120, 350, rng=rng(), draws=200)
    grid = np.geomspace(120, 350, 20_001)
    heights = np.interp(grid, [100, 200, 400], [0.2, 0.6, 0.8])
    expected = np.trapezoid(heights, np.log(grid)) / np.log(350 / 120)
    assert found.accuracy.value == pytest.approx(expected, abs=1e-7)
    assert found.accuracy.interval.low < expected < found.accuracy.interval.high
    with pytest.raises(ConfigError, match="not from 50 to 350"):
        area(HALF, 50, 350, rng=rng())


def test_areas_are_compared_over_the_shared_range():
    good = curve("good", {100: rights(30, 40), 400: rights(38, 40)})
    bad = curve("bad", {200: rights(5, 40), 800: rights(12, 40)})
    found = compare_areas(good, bad, rng=rng(), draws=500)
    assert found.winner == "good"
    assert found.at == pytest.approx(math.sqrt(200 * 400))
    far = curve("far", {500: rights(9, 40), 900: rights(10, 40)})
    assert compare_areas(good, far, rng=rng()).reason == "no common range"


def test_a_runs_own_attempts_make_curves():
    spent = {"draft": Usage(prompt_tokens=30, completion_tokens=20), "verify": Usage(prompt_tokens=50)}
    stored = [
        Attempt(
            problem=f"p{i}",
            family="arithmetic",
            level="easy",
            size=3,
            method="m",
            budget=200,
            seed=0,
            value="1",
            text=None,
            plan=None,
            draft=None,
            stop="done",
            notes={},
            right=i > 1,
            plan_right=None,
            draft_right=None,
            seconds=2.0,
            ledger=spent,
        )
        for i in range(4)
    ]
    (point,) = curves(stored)["m"].points
    assert (point.spend, point.accuracy) == (100, 0.5)
    assert curves(stored, "seconds")["m"].span == (2.0, 2.0)


def test_a_ladder_goes_up_in_equal_steps_of_the_logarithm():
    assert ladder(500, 4000, 4) == (500, 1000, 2000, 4000)
    assert ladder(1, 2, 9) == (1, 2)
    with pytest.raises(ConfigError, match="no ladder"):
        ladder(500, 500, 4)


# --- methods that spend no more whatever their cap

ONCE = {budget: 100 for budget in (500, 1000, 2000)}


def flat(count, of=40, spends=ONCE, name="flat"):
    return curve(name, {budget: rights(count, of) for budget in spends}, spends)


def rising(counts, of=40, name="rising"):
    return curve(name, {budget: rights(count, of) for budget, count in zip((90, 400, 1600), counts, strict=True)})


def test_only_what_stays_the_same_under_a_much_higher_cap_is_saturated():
    assert flat(10).saturated.spend == 100
    assert HALF.saturated is None
    assert curve("one", {500: rights(1, 4)}, {500: 100}).saturated is None, "one cap cannot tell"
    assert flat(3, spends={1000: 100, 1400: 100}).saturated is None, "nor can two that are near"
    assert flat(3, spends={1000: 100, 2000: 110}).saturated is None, "10% more is more"
    assert flat(3, spends={500: 300, 1000: 100, 2000: 100}).saturated is None, "it has spent more than that"


def test_a_saturated_method_is_read_at_what_it_spends_and_wins_only_there():
    better = compare(rising((5, 8, 10)), flat(35), 400, rng=rng())
    assert better.spends == (400, 100), "it is credited with what it spent"
    assert better.accuracies == (0.2, 0.875)
    assert (better.saturated, better.winner) == ("flat", "flat"), "better for less"
    more = compare(rising((5, 20, 39)), flat(10), 1600, rng=rng())
    assert (more.spends, more.better, more.winner) == ((1600, 100), "rising", None), "better for more is no win"
    swapped = compare(flat(10), rising((5, 20, 39)), 1600, rng=rng())
    assert (swapped.spends, swapped.better, swapped.winner) == ((100, 1600), "rising", None)
    at_its_own = compare(rising((5, 20, 39)), flat(35), 100, rng=rng())
    assert at_its_own.saturated is None
    assert at_its_own.spends == (100, 100)
    assert at_its_own.winner == "flat"


def test_what_was_not_measured_stays_refused():
    steep = curve("steep", {500: rights(3, 40), 1000: rights(30, 40)}, {500: 80, 1000: 120})
    assert isinstance(compare(rising((5, 8, 10)), steep, 400, rng=rng()), NotComparable), "it might spend more"
    assert isinstance(compare(flat(5), flat(30, name="other"), 400, rng=rng()), NotComparable), "neither spends that"
    assert isinstance(compare(flat(5), flat(30, name="other"), 60, rng=rng()), NotComparable), "nor less"
    assert isinstance(compare(rising((5, 8, 10)), flat(30), 1700, rng=rng()), NotComparable), "nor is the other there"
    below = flat(30, spends={500: 380, 1000: 380, 2000: 380})
    assert isinstance(compare(rising((5, 8, 10)), below, 90, rng=rng()), NotComparable), "no curve goes down by itself"
