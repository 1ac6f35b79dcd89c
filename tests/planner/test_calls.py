"""The grammar of tool calls: round trips, limits, and text that is no call."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.planner.call_parser import MAX_CALL_CHARS, MAX_CALL_DEPTH, parse_call
from planneal.planner.calls import (
    Array,
    CallExpression,
    Join,
    Object,
    Reference,
    Scalar,
    format_call,
)
from planneal.planner.checks import CallCheck, parse_check
from planneal.planner.errors import CallError
from planneal.planner.notation import format_plan, parse_plan

PIECES = ("a", "id", '"', "\\", "$S1", "]", "[", "}", "(", ",", "\n", "\x7f", "\u2028", "é", "数", "🦉", " ", "<-", "0")
words = st.one_of(st.text(max_size=8), st.lists(st.sampled_from(PIECES), max_size=5).map("".join))
scalars = st.one_of(
    words,
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
).map(Scalar)
references = st.builds(
    Reference,
    st.builds("{}{}".format, st.sampled_from("CIS"), st.integers(1, 999_999)),
    st.lists(words | st.integers(0, 999_999), max_size=3).map(tuple),
)
joins = (
    st.lists(words | references, min_size=2, max_size=4)
    .filter(lambda parts: any(isinstance(part, str) for part in parts))
    .map(lambda parts: Join(tuple(parts)))
)


def distinct(values):
    pairs = st.tuples(words, values)
    return st.lists(pairs, max_size=3, unique_by=lambda pair: pair[0]).map(tuple)


values = st.recursive(
    scalars | references | joins,
    lambda inner: st.lists(inner, max_size=3).map(lambda found: Array(tuple(found))) | distinct(inner).map(Object),
    max_leaves=8,
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.\-]{0,12}", fullmatch=True)
calls = st.builds(CallExpression, names, distinct(values))


@settings(max_examples=200, deadline=None)
@given(calls)
def test_what_is_written_reads_back(call):
    text = format_call(call)
    assert parse_call(text) == call
    assert format_call(parse_call(text)) == text


@settings(max_examples=100, deadline=None)
@given(calls)
def test_calls_survive_the_notation_of_plans(call):
    """Whatever a call holds, it is one line that a plan can carry."""
    plan = parse_plan(f"goal: g\nS7: [call: {call}] <- S1")
    assert parse_plan(format_plan(plan)) == plan
    assert plan["S7"].check.call == call
    assert plan["S7"].check.refers == {reference.step for reference in call.references}


def test_an_example_is_read_as_it_looks():
    call = parse_call('get(arg=$S1.field, other=[1, "x", {"k": $S2.items[0].id}], n=-3, flag=true, none=null, x=1e2)')
    assert call.name == "get"
    found = dict(call.arguments)
    assert found["arg"] == Reference("S1", ("field",))
    assert found["other"].items[2] == Object((("k", Reference("S2", ("items", 0, "id"))),))
    assert found["n"] == Scalar(-3)
    assert found["flag"] == Scalar(True) != Scalar(1)
    assert found["none"] == Scalar(None)
    assert found["x"] == Scalar(100.0) != Scalar(100)
    assert parse_call('f(a="No. " + $S1["odd name"])').references == (Reference("S1", ("odd name",)),)
    assert parse_call("f( )") == parse_call("f()") == CallExpression("f")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "f",
        "f(",
        "f(1)",
        "f(a=1,)",
        "f(a=1, a=2)",
        'f(a={"k": 1, "k": 2})',
        "f(a=True)",
        "f(a='x')",
        "f(a=g(b=1))",
        "f(a=1)(b=2)",
        "f(a=1); g()",
        "f(a=01)",
        "f(a=--1)",
        "f(a=1 + 2)",
        "f(a=$S1 + $S2)",
        "f(a=$S0)",
        "f(a=$S1.)",
        "f(a=$S1[-1])",
        "f(a=$X1)",
        "f(a=NaN)",
        "f(a=1e999)",
        'f(a="\\x")',
        'f(a="\\ud800")',
        "__import__('os').system('true')",
        "f(a=lambda: 1)",
        "f(a=[1, 2)",
        "1f(a=1)",
        "f\n(a=1)",
    ],
)
def test_what_is_no_call_is_refused_with_a_reason(text):
    with pytest.raises(CallError) as caught:
        parse_call(text)
    assert caught.value.reason in ("malformed", "too large")
    assert str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        'f(a="' + "x" * 10_000 + '")',
        "f(a=[" + "1, " * 3_300 + "1])",
        "f(a=" + "[" * 5_000 + "]" * 5_000 + ")",
        "f(a=" + "$S1.a" * 2_000 + ")",
        "f(a=" + "9" * 10_000 + ")",
        "f(a=" + "{" * 10_000,
        "f(a=" + '"' * 10_001,
        "(" * 10_000,
    ],
)
def test_ten_kilobytes_are_too_large_at_once(text):
    started = time.perf_counter()
    with pytest.raises(CallError) as caught:
        parse_call(text)
    assert time.perf_counter() - started < 0.05
    assert caught.value.reason == "too large"


@pytest.mark.parametrize(
    "text",
    [
        "f(a=[" + "1, " * 1_200 + "1])",
        "f(a=" + "[" * (MAX_CALL_DEPTH + 1) + "]" * (MAX_CALL_DEPTH + 1) + ")",
        "f(a=" + "9" * 41 + ")",
    ],
)
def test_tighter_limits_than_the_size(text):
    assert len(text) < MAX_CALL_CHARS
    with pytest.raises(CallError) as caught:
        parse_call(text)
    assert caught.value.reason == "too large"


def test_what_stays_below_the_limits_is_read():
    """Negative control of the limits: they refuse nothing that is merely big."""
    assert parse_call("f(a=[" + "1, " * 400 + "1])").arguments
    assert parse_call("f(a=" + "[" * MAX_CALL_DEPTH + "]" * MAX_CALL_DEPTH + ")").arguments
    assert parse_call('f(a="' + "([{" * 2_000 + '")').arguments


def test_a_check_names_the_items_whose_results_it_uses():
    assert parse_check("call: f(a=$S1.x, b=[$S2])").refers == {"S1", "S2"}
    assert parse_check('call: f(a="it costs $S9")').refers == frozenset()
    broken = parse_check("call: f(a=$S1.x, b=$S2")
    assert isinstance(broken, CallCheck)
    assert broken.refers == {"S1", "S2"}
    assert isinstance(broken.call, CallError)
