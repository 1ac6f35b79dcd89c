"""Assertions are taken apart into calls and what must hold of their values; what goes further is not read."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.errors import ConfigError
from planneal.verifiers.assertions import Case, take_apart
from planneal.verifiers.comparing import Comparison
from planneal.verifiers.readable import NotReadable
from planneal.verifiers.sandbox.base import Call, CallResult
from planneal.verifiers.syntax import NotPython, TooLarge

EXACT, PYTHON = Comparison(), Comparison(types="python")


def values(*given):
    return [CallResult("value", value) for value in given]


def raised(error):
    return [CallResult("raised", error=error)]


def opaque(name="Spoof"):
    return [CallResult("unencodable", error=name)]


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("f([]) == 0", 0, False),
        ("0 == f([])", 0, 0.0),
        ("f([]) != 0", 1, 0),
        ("f(3) < 2", 1, 2),
        ("f(3) in (1, 2)", 2, 3),
        ("'a' in f(3)", "cab", "b"),
        ("f(3) not in [1]", 2, 1),
        ("f(3) is None", None, 0),
        ("f(3) is not None", 0, None),
        ("not f(3)", [], [0]),
        ("f(3)", 1, 0),
        ("f(3) == True", True, 1),
        ("abs(f(2) - 1.41) < 0.01", 1.414, 1.5),
        ("round(f(1), 2) == 0.33", 1 / 3, 0.5),
        ("set(f(1)) == {1, 2}", [2, 1, 1], [3]),
        ("len(f('x')) == 2", [0, 0], [0]),
        ("sorted(f(1), reverse=True) == [2, 1]", {1, 2}, [1]),
        ("f(1)[0] == 'a'", "ab", "b"),
        ("f(1)[-1:] == [2]", [1, 2], [2, 1]),
        ("isinstance(f(1), (int, str))", "a", 1.0),
        ("1 <= f(2) <= 3", 2, 4),
        ("f(1) == [-1, (2.5, None), {'k': {1}}]", [-1, (2.5, None), {"k": {1}}], [-1, [2.5, None], {"k": {1}}]),
        ("math.isclose(f(1), math.pi, rel_tol=1e-3)", 3.1416, 3.2),
        ("f(1) == float('nan')", math.nan, 0.0),
        ("f(1) == 3 and True", 3, 4),
        ("f(1) == 3 or f(1) == 4", 4, 5),
    ],
)
def test_forms_that_are_read(text, good, bad):
    test = take_apart(text)
    assert test.judge(values(good) * len(test.calls), EXACT).outcome == "pass"
    assert test.judge(values(bad) * len(test.calls), EXACT).outcome == "fail"


def test_calls_carry_plain_arguments_and_nothing_of_what_is_expected():
    test = take_apart("f([1] * 3, -2, key={'a': (1.0 / 4,)}) == 'secret'")
    assert test.calls == (Call("f", ([1, 1, 1], -2), {"key": {"a": (0.25,)}}),)
    assert "secret" not in repr(test.calls)


def test_two_calls_are_made_in_the_order_of_the_text():
    test = take_apart("f(1) + g(2) == 5")
    assert [call.function for call in test.calls] == ["f", "g"]
    finding = test.judge(values(2, 3), EXACT)
    assert (finding.outcome, finding.call, finding.got) == ("pass", "f(1), g(2)", "5")


def test_a_built_in_name_is_the_programs_where_nothing_else_is_called():
    assert take_apart("sum(10, 15) == 25").calls == (Call("sum", (10, 15)),)
    assert take_apart("sum(f(1)) == 25").calls == (Call("f", (1,)),)


@pytest.mark.parametrize(
    "text",
    [
        "f(g(1)) == 1",
        "f(x) == 1",
        "f(1) == x",
        "f(1) == int",
        "f(1).real == 1",
        "f(1) is 3",
        "all(f(i) for i in range(3))",
        "f(*[1]) == 1",
        "f(**{'a': 1}) == 1",
        "f(lambda: 1) == 1",
        "(lambda: 1)() == 1",
        "(x := f(1)) == 1",
        "f'{f(1)}' == '1'",
        "obj.f(1) == 1",
        "f(...) == 1",
        "f(object) == 1",
        "f(10 ** 10 ** 10) == 1",
        "f([[0] * 10000] * 10000) == 1",
        "f(1 << 9) == 1",
        "1 == 1",
        "isinstance(f(1), object)",
        "sorted(f(1), key=len) == []",
        "__import__('os').system('x') == 0",
    ],
)
def test_what_goes_further_is_not_read(text):
    with pytest.raises(NotReadable):
        take_apart(text)


@pytest.mark.parametrize("text", ["f(", "f(1) = 2", "", "import os", "f(1); g(2)", "f(1)\ng(2)"])
def test_what_is_no_python_is_told(text):
    with pytest.raises(NotPython):
        take_apart(text)


def test_a_raise_fails_unless_it_is_what_is_asked():
    assert take_apart("f(0) == 1").judge(raised("ValueError: no"), EXACT).got == "raised ValueError: no"
    wanted = take_apart("f(0) raises ValueError")
    assert wanted.judge(raised("ValueError: no"), EXACT).outcome == "pass"
    assert wanted.judge(raised("KeyError: 1"), EXACT).outcome == "fail"
    assert wanted.judge(values(None), EXACT).outcome == "fail"
    assert take_apart("f(0) raises LookupError").judge(raised("KeyError: 1"), EXACT).outcome == "pass"
    assert take_apart("f(0) raises Own").judge(raised("Own: 1"), EXACT).outcome == "pass"
    assert take_apart("f(0) == 1").judge(raised("MemoryError: "), EXACT).outcome == "unknown"


def test_an_object_that_is_no_plain_value_never_passes():
    for text in ("f(1) == 3", "f(1) != 3", "not (f(1) == 3)", "f(1)", "len(f(1)) == 2", "f(1) in (1, 2)", "f(1) < 3"):
        for comparison in (EXACT, PYTHON):
            assert take_apart(text).judge(opaque(), comparison).outcome != "pass", text
    assert take_apart("f(1) == 3").judge(opaque(), EXACT).outcome == "fail"
    assert take_apart("f(1) == 3").judge(opaque(), PYTHON).outcome == "unknown"
    assert take_apart("f(1) is None").judge(opaque(), PYTHON).outcome == "fail"
    assert take_apart("f(1) == 3").judge(opaque("too large"), EXACT).outcome == "unknown"


def test_a_value_that_breaks_the_assertion_fails_it_as_python_would():
    finding = take_apart("f(1) < 2").judge(values("a"), EXACT)
    assert finding.outcome == "fail"
    assert "TypeError" in finding.got
    assert take_apart("f(1)[0] == 1").judge(values([]), EXACT).outcome == "fail"
    assert take_apart("1 / f(1) == 1").judge(values(0), EXACT).outcome == "fail"


@pytest.mark.parametrize(
    "text",
    [
        "f(1) == 9 ** 9 ** 9",
        "round(f(1), -10 ** 9) == 1",
        "f(1) == [[0] * 90000] * 90000",
        "f(1) == ('a' * 99999) * 99999",
    ],
)
def test_expectations_that_would_explode_are_left_open_at_once(text):
    started = time.perf_counter()
    assert take_apart(text).judge(values(1), EXACT).outcome == "unknown"
    assert time.perf_counter() - started < 2


@given(st.text(max_size=40) | st.text("f()[]{}=<>+-*/%,:'1 .andotri", max_size=40))
def test_any_text_is_taken_apart_or_told(text):
    try:
        test = take_apart(text)
    except (NotReadable, NotPython, TooLarge):
        return
    for given_value in (1, "a", [1], None, 2.5):
        assert test.judge(values(given_value) * len(test.calls), EXACT).outcome in ("pass", "fail", "unknown")


def test_cases():
    case = Case("f([3, 1], reverse=True)", [3, 1])
    assert case.calls == (Call("f", ([3, 1],), {"reverse": True}),)
    assert case.judge(values([3, 1]), EXACT).outcome == "pass"
    finding = case.judge(values((3, 1)), EXACT)
    assert finding == ("fail", "f([3, 1], reverse=True)", "[3, 1]", "(3, 1)")
    assert Case(Call("f", (2,)), 1.4142, tolerance=1e-3).judge(values(1.4141), EXACT).outcome == "pass"
    assert Case("f(2)", 1.4142).judge(values(1.4141), EXACT).outcome == "fail"
    assert Case("f(2)", raises="ValueError").judge(raised("ValueError: x"), EXACT).outcome == "pass"
    assert Case("f(2)", None).judge(opaque(), EXACT).outcome == "fail"
    assert Case("f(2)", {}).judge(opaque("Counter"), PYTHON).outcome == "unknown"


def test_cases_that_differ_have_keys_that_differ():
    cases = [
        Case("f(1)", 1),
        Case("f(1)", True),
        Case("f(1)", 1.0),
        Case("f(1)", raises="E"),
        Case("f(1)", 1, tolerance=0.1),
        Case("f(True)", 1),
        Case("g(1)", 1),
    ]
    assert len({case.key for case in cases}) == len(cases)


@pytest.mark.parametrize(
    ("call", "options"),
    [
        ("f(x)", {"expected": 1}),
        ("f", {"expected": 1}),
        ("f(", {"expected": 1}),
        ("f(1)", {}),
        ("f(1)", {"expected": 1, "raises": "E"}),
        ("f(1)", {"expected": object()}),
    ],
)
def test_cases_that_make_no_sense_are_told_where_they_are_made(call, options):
    with pytest.raises(ConfigError):
        Case(call, **options)


def test_looking_for_a_large_value_in_a_large_one_is_quick():
    large = list(range(10_000))
    sets = [frozenset({n}) for n in range(5_000)]
    test = take_apart("f(1) in f(2)")
    started = time.perf_counter()
    for comparison in (EXACT, PYTHON, Comparison(tolerance=1e-6)):
        assert test.judge(values(large, large), comparison).outcome == "fail"
        assert test.judge(values(frozenset(large), sets), comparison).outcome == "fail"
        assert test.judge(values(7, large), comparison).outcome == "pass"
    assert time.perf_counter() - started < 5
