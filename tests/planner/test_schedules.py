"""Schedules end where they say, follow their target, and refuse senseless options."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.errors import ConfigError
from planneal.planner.schedules import LAM_RANGE, SCHEDULES, Constant, Geometric, ModifiedLam, lam_target, schedule
from planner_strategies import examples


def test_constant_is_constant():
    state = Constant(0.07).init()
    assert state.temperature == 0.07
    assert Constant(0.07).update(state, 0.9, True) == state
    assert Constant(0.0).init().temperature == 0.0


def test_geometric_goes_from_start_to_end_by_equal_factors():
    cooling = Geometric(0.2, 0.002)
    state = cooling.init()
    assert state.temperature == 0.2
    temperatures = [cooling.update(state, p, False).temperature for p in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert temperatures[0] == pytest.approx(0.2)
    assert temperatures[2] == pytest.approx(0.02)
    assert temperatures[-1] == pytest.approx(0.002)
    assert np.diff(np.log(temperatures)) == pytest.approx([math.log(0.01) / 4] * 4)
    assert cooling.update(state, 7.0, True).temperature == pytest.approx(0.002)
    assert cooling.update(state, -1.0, True).temperature == pytest.approx(0.2)


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1), st.floats(0, 1), st.floats(0, 1))
@examples(80)
def test_geometric_never_heats(start, share, p, q):
    cooling = Geometric(start, start * share)
    low, high = sorted((p, q))
    first, then = (cooling.update(cooling.init(), at, False).temperature for at in (low, high))
    assert start * 1.000001 >= first >= then * 0.999999 >= start * share * 0.99999


def test_the_lam_target_at_known_points():
    assert lam_target(0.0) == pytest.approx(1.0)
    assert lam_target(0.075) == pytest.approx(0.44 + 0.56 / math.sqrt(560))
    assert lam_target(0.15 - 1e-12) == pytest.approx(0.441)
    assert [lam_target(p) for p in (0.15, 0.4, 0.6499)] == [0.44] * 3
    assert lam_target(0.65) == pytest.approx(0.44)
    assert lam_target(0.825) == pytest.approx(0.44 / math.sqrt(440))
    assert lam_target(1.0) == pytest.approx(0.001)
    values = [lam_target(p) for p in np.linspace(0, 1, 1001)]
    assert all(a >= b - 1e-3 for a, b in itertools.pairwise(values))


def acceptance(lam, steps, rng, *, controlled=True, step=0.1):
    """Acceptance rate in the plateau of a landscape where a fixed loss is accepted with ``exp(-step / T)``."""
    state, taken = lam.init(), []
    for index in range(steps):
        progress = index / steps
        accepted = bool(rng.random() < math.exp(-step / state.temperature))
        if controlled:
            state = lam.update(state, progress, accepted)
        if 0.3 < progress < 0.65:
            taken.append(accepted)
    return float(np.mean(taken)), state


@pytest.mark.parametrize("start", [0.005, 0.1, 3.0])
@pytest.mark.parametrize("window", [8, 50])
def test_lam_drives_acceptance_to_its_target(start, window):
    rate, end = acceptance(ModifiedLam(start, window), 6_000, np.random.default_rng(1))
    assert rate == pytest.approx(0.44, abs=0.04)
    assert end.temperature < 0.1 / math.log(1 / 0.05)  # at the end next to nothing is accepted


@pytest.mark.parametrize("start", [0.005, 3.0])
def test_without_control_acceptance_stays_off_target(start):
    """Negative control: the same landscape, temperature left alone."""
    rate, _ = acceptance(ModifiedLam(start), 6_000, np.random.default_rng(1), controlled=False)
    assert abs(rate - 0.44) > 0.3


@pytest.mark.parametrize("accepted", [True, False])
def test_lam_stays_within_its_range_however_long_nothing_changes(accepted):
    lam = ModifiedLam(0.1)
    state = lam.init()
    for _ in range(20_000):
        state = lam.update(state, 0.5, accepted)
    assert state.temperature == pytest.approx(0.1 / LAM_RANGE if accepted else 0.1 * LAM_RANGE)
    for _ in range(400):  # and it comes back
        state = lam.update(state, 0.5, not accepted)
    assert (state.temperature > 0.1) == accepted


def test_one_window_changes_the_temperature_as_boyans_500_steps_do():
    for window in (1, 8, 500):
        lam = ModifiedLam(1.0, window)
        state = lam.init()._replace(acceptance=1.0)
        for _ in range(window):
            state = lam.update(state._replace(acceptance=1.0), 0.5, True)
        assert state.temperature == pytest.approx(0.999**500)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("tabu", {}),
        ("constant", {"temperature": -0.1}),
        ("constant", {"temperature": math.nan}),
        ("constant", {"temperature": math.inf}),
        ("constant", {"temperature": "hot"}),
        ("constant", {"start": 1.0}),
        ("geometric", {"start": 0.1, "end": 0.2}),
        ("geometric", {"start": 0.1, "end": 0.0}),
        ("geometric", {"start": math.inf, "end": 0.1}),
        ("geometric", {"start": 0.1, "end": math.nan}),
        ("geometric", {"temperature": 1.0}),
        ("lam", {"start": 0.0}),
        ("lam", {"start": -1.0}),
        ("lam", {"window": 0}),
        ("lam", {"window": math.nan}),
        ("lam", {"window": math.inf}),
        ("lam", {"window": None}),
    ],
)
def test_senseless_options_are_refused(name, options):
    with pytest.raises(ConfigError):
        schedule(name, **options)


def test_every_schedule_has_defaults():
    for name, kind in SCHEDULES.items():
        assert isinstance(schedule(name), kind)
        assert schedule(name).init().temperature > 0
    assert schedule("geometric", start=0.3, end=0.3).init().temperature == 0.3
