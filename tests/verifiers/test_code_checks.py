"""Static constraints on code: what the text shows is judged, what it leaves open is unknown, nothing is run."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal import Plan, format_plan, parse_plan
from planneal.verifiers.code_checks import CodeCheck, check_code, read_constraint
from planneal.verifiers.code_facts import CodeFacts
from planneal.verifiers.syntax import NotPython, TooLarge, parse_expression, parse_program

LOOP = "def f(xs):\n    for x in xs:\n        print(x)\n"
CLEAN = "def f(xs):\n    return sorted(xs)\n"
FACTORIAL = "def f(n):\n    return 1 if n < 2 else n * f(n - 1)\n"
MUTUAL = "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)\n"
LAMBDA = "f = lambda n: 1 if n < 2 else n * f(n - 1)\n"
METHOD = "class T:\n    def depth(self):\n        return 1 + self.depth()\n"
TREE = "class T:\n    def depth(self):\n        return 1 + self.left.depth()\n"
NESTED = "def f(n):\n    def go(k):\n        return k and go(k - 1)\n    return go(n)\n"
SHADOWED = "def count(xs):\n    count = 0\n    for x in xs:\n        count += 1\n    return count\n"
METHODS = "def count(xs):\n    return xs.count(1)\n"
PASSED = "def f(n):\n    return list(map(f, range(n)))\n"
HIDDEN = "def f(n):\n    return eval('f(n - 1)')\n"


def found(form, source):
    constraint = read_constraint(form)
    assert constraint is not None, form
    return check_code(constraint, CodeFacts(source, parse_program(source)))


@pytest.mark.parametrize(
    ("form", "source", "outcome"),
    [
        ("no loop", CLEAN, "pass"),
        ("no loops", LOOP, "fail"),
        ("no loop", "def f(xs):\n    return [x for x in xs]\n", "fail"),
        ("no for", "def f(xs):\n    return [x for x in xs]\n", "pass"),
        ("no while", "def f(xs):\n    while xs:\n        xs.pop()\n", "fail"),
        ("no loop", "def f(xs):\n    exec('for x in xs: pass')\n", "unknown"),
        ("uses loop", LOOP, "pass"),
        ("uses loop", CLEAN, "fail"),
        ("no recursion", CLEAN, "pass"),
        ("no recursion", FACTORIAL, "fail"),
        ("no recursion", MUTUAL, "fail"),
        ("no recursion", LAMBDA, "fail"),
        ("no recursion", METHOD, "fail"),
        ("no recursion", NESTED, "fail"),
        ("no recursion", TREE, "unknown"),
        ("no recursion", PASSED, "unknown"),
        ("no recursion", HIDDEN, "unknown"),
        ("no recursion", SHADOWED, "pass"),
        ("no recursion", METHODS, "pass"),
        ("no recursion", "def f(g, n):\n    return g(n)\ndef g(n):\n    return f(abs, n)\n", "pass"),
        ("uses recursion", FACTORIAL, "pass"),
        ("uses recursion", CLEAN, "fail"),
        ("no import", CLEAN, "pass"),
        ("no import", "import re\n", "fail"),
        ("no import", "def f():\n    return __import__('os')\n", "unknown"),
        ("no import os", "from os.path import join\n", "fail"),
        ("no import os", "import re\n", "pass"),
        ("imports math", "from math import sqrt\n", "pass"),
        ("imports math", "import cmath\n", "fail"),
        ("no call eval", CLEAN, "pass"),
        ("no call eval", "def f(s):\n    return eval(s)\n", "fail"),
        ("no call eval", "import builtins as b\ndef f(s):\n    return b.eval(s)\n", "fail"),
        ("no call eval", "def f(s):\n    e = eval\n    return e(s)\n", "unknown"),
        ("no call eval", "def f(s):\n    return getattr(s, 'x')()\n", "unknown"),
        ("no call to print", LOOP, "fail"),
        ("no call .append", "def f(xs):\n    xs.append(1)\n", "fail"),
        ("calls sorted", CLEAN, "pass"),
        ("calls sorted()", LOOP, "fail"),
        ("calls math.sqrt", "from math import sqrt as root\ndef f(x):\n    return root(x)\n", "pass"),
        ("calls sorted", "def f(xs):\n    return list(map(sorted, xs))\n", "unknown"),
        ("at most 2 lines", CLEAN, "pass"),
        ("at most 1 line", CLEAN, "fail"),
        ("at most 2 lines", '"""Doc."""\n\n# why\ndef f(xs):\n    """More.\n\n    Of it."""\n    return xs\n', "pass"),
        ("at most 2 statements", "def f(x):\n    a = x; b = a; return b\n", "fail"),
        ("at least 2 functions", MUTUAL, "pass"),
        ("at most 10 characters", CLEAN, "fail"),
        ("defines f", CLEAN, "pass"),
        ("defines g", CLEAN, "fail"),
        ("defines f(xs)", CLEAN, "pass"),
        ("defines f(a, b)", CLEAN, "fail"),
        ("defines f(a, *rest, **more)", "def f(a, *rest, **more): ...\n", "pass"),
        ("defines f()", CLEAN, "fail"),
        ("defines class T", TREE, "pass"),
        ("defines class U", TREE, "fail"),
        ("no class", TREE, "fail"),
        ("no lambda", LAMBDA, "fail"),
        ("no global", "def f():\n    global x\n", "fail"),
        ("no try", CLEAN, "pass"),
    ],
)
def test_forms_are_judged_by_the_text(form, source, outcome):
    assert found(form, source).outcome == outcome


def test_a_finding_says_where():
    assert found("no loop", LOOP).detail == "a loop in line 2"
    assert found("no recursion", MUTUAL).detail == "recursion: even calls odd calls even"
    assert found("defines f(a, b)", CLEAN).detail == "f(xs) is defined, not f(a, b)"
    assert found("at most 1 line", CLEAN).detail == "2 lines, at most 1 wanted"


@pytest.mark.parametrize(
    "text",
    ["loop", "no", "no goto", "at most lines", "at most 12", "calls", "defines f(a", "defines f(a b)", "no call f(1)"],
)
def test_what_is_no_form_is_no_constraint(text):
    assert read_constraint(text) is None
    assert CodeCheck(text=text).constraint is None


def test_reading_a_form_takes_no_time_however_it_is_written():
    assert read_constraint("defines f(" + "a" * 15_000 + "!") is None
    assert read_constraint("defines f(" + "a, " * 100 + "!") is None
    assert read_constraint("no " + " " * 15_000 + "loop").word == "loop"


def test_the_kind_lives_in_notation_and_in_json():
    plan = parse_plan("goal: sort\nC1!: simple [code: no loop]\nC2: [code: defines f(a, b)]")
    assert isinstance(plan["C1"].check, CodeCheck)
    assert parse_plan(format_plan(plan)) == plan
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@given(st.text(max_size=60))
def test_any_text_parses_or_is_told(text):
    for parse in (parse_program, parse_expression):
        with contextlib.suppress(NotPython, TooLarge):
            parse(text)


@pytest.mark.parametrize(
    "text", ["(" * 5000, "-" * 50_000 + "1", "x" + ".y" * 30_000, "1" * 200_000, "[" * 90 + "]" * 90]
)
def test_huge_text_is_bounded(text):
    try:
        parse_program(text)
    except (NotPython, TooLarge):
        return
    assert len(text) < 1000


def test_deep_programs_that_parse_are_judged_or_left_open():
    deep = "x = " + "-" * 900 + "1\ndef f(n):\n    return f(n)\n"
    with contextlib.suppress(TooLarge):
        assert found("no recursion", deep).outcome in ("fail", "unknown")
    long = "\n".join(f"def f{n}(x):\n    return f{n + 1}(x)" for n in range(3000)) + "\n"
    assert found("no recursion", long).outcome == "pass"
    assert found("no recursion", long + "def f3000(x):\n    return f0(x)\n").outcome == "fail"
