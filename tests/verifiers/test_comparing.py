"""Equality of values with their types."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.errors import ConfigError
from planneal.verifiers.comparing import Comparison, NotPlain, cut, shown

EXACT, PYTHON = Comparison(), Comparison(types="python")
ATOMS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5)
VALUES = st.recursive(
    ATOMS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers() | st.booleans(), inner, max_size=3)
        | st.sets(st.integers() | st.booleans(), max_size=3)
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("a", "b", "exact", "python"),
    [
        (True, 1, False, True),
        (1, 1.0, False, True),
        (0.0, -0.0, True, True),
        ([True], [1], False, True),
        ((1, 2), [1, 2], False, False),
        ({1, 2}, frozenset({1, 2}), False, True),
        ({True}, {1}, False, True),
        ({"a": 1}, {"a": True}, False, True),
        ({1: "a"}, {True: "a"}, False, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True, True),
        (math.nan, math.nan, True, False),
        ([math.nan], [math.nan], True, False),
        ("1", 1, False, False),
        (b"a", "a", False, False),
        (None, False, False, False),
        (1 + 0j, 1, False, True),
        (10**400, 10**400, True, True),
        (math.inf, -math.inf, False, False),
    ],
)
def test_types_count_or_do_not(a, b, exact, python):
    assert EXACT.same(a, b) is EXACT.same(b, a) is exact
    assert PYTHON.same(a, b) is PYTHON.same(b, a) is python


@given(VALUES, VALUES)
def test_python_means_what_python_says_but_for_nan(a, b):
    def holds_nan(value):
        if isinstance(value, dict):
            return any(map(holds_nan, value.values()))
        return any(map(holds_nan, value)) if isinstance(value, list | tuple) else value != value

    if not holds_nan(a):
        assert PYTHON.same(a, b) == (a == b)
    assert EXACT.same(a, a)
    if EXACT.same(a, b) and not holds_nan(a):
        assert a == b


def test_sequences_may_be_alike():
    alike = Comparison(sequences="alike")
    assert alike.same([1, (2, [3])], (1, [2, (3,)]))
    assert not alike.same([1, 2], (1, 3))
    assert not alike.same([1], {1})


def test_tolerance_is_for_floats_in_their_places():
    close = Comparison(tolerance=1e-6)
    assert close.same([0.1 + 0.2, {"a": 1e9}], [0.3, {"a": 1e9 + 1}])
    assert not close.same(0.1, 0.2)
    assert not close.same(1.0, 1)  # the types still count
    assert Comparison(types="python", tolerance=1e-6).same(1.0000001, 1)
    assert not close.same(math.inf, 1e308)
    assert close.same(math.nan, math.nan)
    assert not close.same([1.0], [1.0, 2.0])
    assert not close.same({"a": 1.0}, {"b": 1.0})
    assert not Comparison(types="python", tolerance=1e-6).same(10**400, 1.0)


class Spoof(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


def test_what_is_not_plain_is_refused_and_never_asked():
    for comparison in (EXACT, PYTHON, Comparison(tolerance=0.1)):
        with pytest.raises(NotPlain, match="Spoof"):
            comparison.same([Spoof(1)], [2])


@pytest.mark.parametrize(
    "options", [{"types": "loose"}, {"sequences": "x"}, {"tolerance": -1}, {"tolerance": math.nan}]
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError):
        Comparison(**options)


def test_values_are_shown_on_one_bounded_line():
    assert shown([1, "a\nb"]) == "[1, 'a\\nb']"
    assert shown(10**5000) == "an int of 16610 bits"
    assert len(shown("x" * 10_000)) <= 200
    assert "\n" not in cut("a\nb\u2028c")
    assert "large list" in shown([10**5000])
