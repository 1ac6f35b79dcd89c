"""Relation text of ill will: it gets a typed verdict, quickly, and nothing of it is ever executed."""

import asyncio
import builtins
import time

import pytest
import sympy
from planneal.planner.notation import parse_plan
from planneal.planner.plan import Item, Plan
from planneal.planner.task import Task
from planneal.planner.witnesses import GOAL
from planneal.verifiers import RelationsVerifier, StructureVerifier

TASK = Task(question="How many wigs?", target="wigs")
LIMIT = 0.05

MALFORMED = [
    "x = ().__class__.__bases__[0].__subclasses__()",
    "x = y.real",
    "x = __import__('os').system('true')",
    "x = __builtins__",
    "x = a__b + 1",
    "x = eval('1')",
    "x = exec(1)",
    "x = open(1)",
    "x = sympify(1)",
    "x = Integer(3)",
    "x = factorial(99999)",
    "x=1;import os",
    "x = lambda: 1",
    "x = f'{y}'",
    "x = {y}",
    "x = [y for y in z]",
    "x = y if z else 3",
    "x := 3",
    "x = 'a' * 9",
    "x = 1 == 1 and y",
    "x = y!",
    "x = \\u0061",
    "х = 3",  # noqa: RUF001 - a Cyrillic letter
    "ｘ = 3",  # noqa: RUF001 - a full-width letter
    "x = ３",  # noqa: RUF001 - a full-width digit
    "x = 2 × 3",  # noqa: RUF001
    "x = 3 \u200b+ 4",
    "x = 1e999",
    "x = 0x10",
    "x = 3 = = 4",
    "=" * 100,
    "(" * 20,
    "x = (((1)",
    "x = max()",
    "x = max",
    "x = sqrt(1, 2)",
    "x = 2 ** y",
    "x = 2 ** 0.5",
    "x =",
    "%s%s%s%n",
    "x = 3 parsecs",
    "x = 3 __class__",
    "x = 3 km.real",
    "x = 3 m(4)",
    "x = 3 per m",
    "x = 3 km / / h",
    "x = 3 m ** m",
    "x = if(y, 1, 2)",
    "x = if(y > 1, z > 2, 3)",
    "x = if(y > 1)",
    "x = piecewise(y > 1, 2)",
    "x = piecewise(1, 2, 3)",
    "x = max(y > 1, 2)",
    "integer()",
    "integer(x) = 3",
    "x = integer(3)",
    "positive(x > 3)",
    "integer(__import__)",
    "x = (y > 1)",
    "if(x > 1, 2, 3)",
]
TOO_LARGE = [
    "x = 9**9**9**9",
    "x = 2**32**2",
    "x = 10**99999999",
    "x = " + "9" * 31,
    "x = " + "(" * 400 + "1" + ")" * 100,
    "x = " + "-" * 400 + "1",
    "x = " + " + ".join(["1"] * 500),
    "x = " + "y" * 10_000,
    "x = " + "(" * 25 + "1" + ")" * 25,
    "x = " + " * ".join(["99999999999999999999"] * 20),
    "x = (((99999**32)**32)**32)**32",
    "x = 1 / 99999999999999999999 ** 32",
    "x = 3 " + "km " * 7,
    "x = 3 GB ** 9 GB ** 9 GB ** 9 GB ** 9",
    "x = 1 / (1 nm ** 9 nm ** 9 nm ** 9)",
    "x = 3 m ** 999",
    "x = " + "if(y > 1, " * 30 + "1" + ", 2)" * 30,
    "x = piecewise(" + "y > 1, 2, " * 60 + "3)",
    "x = " + "9" * 31 + " km",
    "x = mod(" * 30 + "1" + ", 2)" * 30,
    "x % 2 ** 2 ** 2 = 1",
]
MEANINGFUL = [
    "x = 1/0",
    "x = 0^0",
    "x = 0 ** -1",
    "x = sqrt(0 - 1)",
    "x = 5 % 0",
    "x ** 4 + 3 * x ** 3 - 99999999 * x = 12345678",
    "((x + 1) ** 2 + 1) ** 2 = 7 * x",
    "(x + 1) ** 32 = (x + 2) ** 32",
    "1 / (1 + 1 / (1 + 1 / (1 + 1 / x))) = 2",
    "floor(x) % 3 = abs(x) ** 7",
    "min(x, y, z) * max(x, y, z) = sqrt(x * y)",
    "a = b = c = d = e = f = g = h = i = j = k = l = m = n = a",
    "x = " + " + ".join(f"y{n}" for n in range(90)),
    " * ".join(["(x + 1)"] * 20) + " = 1",
    "x = " + "(" * 24 + "1" + ")" * 24,
    "x = x",
    "import = os",
    "x = 3 " + "m " * 6,
    "x = " + " + ".join(["3 km / h"] * 40),
    "x = 3 m + 2 s",
    "x * y * z % 7 = 3 m",
    "x = " + "if(y > 1, " * 23 + "1" + ", 2)" * 23,
    "x > " + " + ".join(f"abs(a{n})" for n in range(30)),
    "0 = " + " + ".join(f"max(a{n}, b{n})" for n in range(25)),
    "x = min(" + ", ".join(f"y{n} % {n + 2}" for n in range(8)) + ")",
    " + ".join(f"x{n} % {n + 2}" for n in range(30)) + " = 1",
    " = ".join(f"x % {10**9 + n}" for n in range(25)),
    "x % 999999999999999999999999999989 = y % 999999999999999999999999999917 != 3",
    "0 < 99999999999 * x - 99999999998 * y < 1",
    "integer(" + ", ".join(f"x{n}" for n in range(60)) + ")",
    "floor(x * 3 / 7) = floor(x * 5 / 11) != floor(x / 2)",
    " != ".join(f"x{n} + x{n + 1}" for n in range(25)),
    "x = piecewise(" + ", ".join(f"{n} < y % {n + 2} < {n + 1}, z + {n}" for n in range(7)) + ", 3)",
]


def judge(text):
    items = (Item(id="S1", check=text),)
    plan = Plan(goal="how many wigs?", target="x", items=items)
    assessments = [asyncio.run(verifier.assess(TASK, plan)) for verifier in (StructureVerifier(), RelationsVerifier())]
    assert [assessment.abstained for assessment in assessments] == [None, None]
    return assessments[1].verdicts["S1"], assessments


@pytest.fixture
def tripwires(monkeypatch):
    """Whatever could turn text into action raises an error that no verifier hides."""

    class Tripped(BaseException):
        pass

    def trip(*args, **kwargs):
        raise Tripped(args[:1])

    judge("x * x = 4")  # imports what has to be imported
    real_import = builtins.__import__

    def guarded(name, *args, **kwargs):
        if name.split(".")[0] in ("os", "subprocess", "socket", "shutil"):
            trip(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(sympy, "sympify", trip)
    monkeypatch.setattr(sympy, "parse_expr", trip)
    monkeypatch.setattr("sympy.parsing.sympy_parser.parse_expr", trip)
    monkeypatch.setattr("sympy.parsing.sympy_parser.eval_expr", trip)
    monkeypatch.setattr(builtins, "eval", trip)
    monkeypatch.setattr(builtins, "exec", trip)
    monkeypatch.setattr(builtins, "__import__", guarded)
    return Tripped


def best_of_three(text):
    """Seconds of this process's processor: the bound is on the work, whatever else the machine does."""
    from planneal.planner.expressions import _parse
    from planneal.verifiers.solving import real_roots

    times = []
    for _ in range(3):
        _parse.cache_clear()
        real_roots.cache_clear()
        started = time.process_time()
        judge(text)
        times.append(time.process_time() - started)
    return min(times)


@pytest.mark.parametrize("text", MALFORMED + TOO_LARGE + MEANINGFUL, ids=lambda text: text[:24])
def test_hostile_text_gets_a_typed_verdict_in_time(text, tripwires):
    found, _ = judge(text)
    if text in MALFORMED:
        assert found.outcome == "fail"
        assert [w.kind for w in found.witnesses] == ["malformed"]
    elif text in TOO_LARGE:
        assert found.outcome == "fail"
        assert [w.kind for w in found.witnesses] == ["malformed"]
        assert "too large" in found.reason
    assert best_of_three(text) < LIMIT


@pytest.mark.parametrize(
    "lines",
    [
        [f"C{n}: [x % {n + 1} = {n % 3}]" for n in range(1, 60)],
        [f"C{n}: [x{n} + x{n + 1} % 7 > abs(x{n + 2})]" for n in range(1, 80)],
        [f"C{n}: [x{n % 11} != x{n % 7}]" for n in range(1, 120)] + ["C999: [integer(x1, x2, x3)]"],
        [f"C{n}: [{n} * x - {n + 1} * y < 1]" for n in range(1, 60)]
        + [f"C{n}: [{n} * y < {n} * x + 3]" for n in range(60, 90)],
        [f"S{n}: [x{n} = if(x{n + 1} > {n}, x{n + 2}, x{n + 3}) km / h]" for n in range(1, 90)],
        [f"S{n}: [a{n} * a{n + 1} = {n} + a{n}]" for n in range(1, 100)] + ["C1: [a1 > a2]"],
    ],
)
def test_hostile_plans_of_bounds_and_congruences_are_judged_in_bounded_time(lines):
    plan = parse_plan("\n".join(["goal: g [x]", *lines]))
    started = time.process_time()
    assessment = asyncio.run(RelationsVerifier().assess(TASK, plan))
    assert assessment.abstained is None
    assert time.process_time() - started < 3


def test_the_tripwires_are_live(tripwires):
    for act in (lambda: eval("1"), lambda: sympy.sympify("1"), lambda: __import__("os")):  # noqa: S307, TID251
        with pytest.raises(tripwires):
            act()


def test_names_that_mean_something_in_python_are_just_symbols():
    found, _ = judge("import = 3")
    assert (found.outcome, found.reason) == ("pass", "import = 3")


def test_goals_are_read_with_the_same_care(tripwires):
    for text in [text.partition("=")[2].strip() for text in MALFORMED + TOO_LARGE]:
        if not text:
            continue
        plan = parse_plan("goal: how many?\nS1: [x = 3]").model_copy(update={"target": text[:400]})
        for verifier in (StructureVerifier(), RelationsVerifier()):
            started = time.process_time()
            assessment = asyncio.run(verifier.assess(TASK, plan))
            assert time.process_time() - started < 10 * LIMIT
            assert assessment.abstained is None
            assert GOAL in assessment.verdicts


def test_a_hostile_plan_is_judged_in_bounded_time():
    """256 items that all multiply what came before, with systems and rivals among them."""
    items = [Item(id="S1", check="x1 = 3")]
    items += [Item(id=f"S{n}", check=f"x{n} = x{n - 1} * x{n - 1} + x{n // 2} ** 9") for n in range(2, 120)]
    items += [Item(id=f"C{n}", check=f"y{n} * y{n + 1} + y{n + 2} = {n}") for n in range(1, 120)]
    plan = Plan(goal="g", target="y3", items=tuple(items))
    started = time.process_time()
    assessment = asyncio.run(RelationsVerifier().assess(TASK, plan))
    assert assessment.abstained is None
    assert time.process_time() - started < 2
