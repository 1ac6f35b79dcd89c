"""The bounded solver: right on what it solves, and killed, told and replaced where it takes too long or too much."""

import asyncio
import os
import sys
import time
from fractions import Fraction

import pytest
from planneal.planner.expressions import parse_relation
from planneal.planner.notation import parse_plan
from planneal.planner.task import Task
from planneal.planner.valuation import Points
from planneal.planner.witnesses import GOAL
from planneal.verifiers import RelationsVerifier, solving
from planneal.verifiers.bounded import BoundedWorker
from planneal.verifiers.solver_child import decode, encode, solve

F = Fraction
CHILD = "planneal.verifiers.solver_child"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits on resources are POSIX")


def pairs_of(*texts):
    return tuple(parse_relation(text).terms for text in texts)


@pytest.mark.parametrize(
    ("texts", "unknowns", "points", "complete"),
    [
        (["x + y = 5", "x * y = 6"], "xy", [[2, 3], [3, 2]], True),
        (["x * y = 2", "x = y"], "xy", [], False),
        (["x * x + y * y = 0 - 1", "x = y"], "xy", [], True),
        (["x + y = 1", "x * x - y * y = 5", "x > 0"][:2], "xy", [[3, -2]], True),
        (["x * y = 6", "y * z = 12", "x * z = 8"], "xyz", [[-2, -3, -4], [2, 3, 4]], True),
        (["x / y = 2", "x * y = 8"], "xy", [[-4, -2], [4, 2]], True),
    ],
)
def test_systems_are_solved_over_the_rationals(texts, unknowns, points, complete):
    found = solve(pairs_of(*texts), unknowns)
    assert found == {"points": [[[n, 1] for n in point] for point in points], "complete": complete}


def test_infinitely_many_solutions_are_no_solution():
    assert solve(pairs_of("x * y = 0", "x * y * 2 = 0"), "xy") is None


def test_expressions_cross_as_data_and_nothing_else_does():
    for term in parse_relation("x ** 2 * -3 / 7 = y - 2.5").terms:
        assert decode(encode(term)) == term
    for data in ("x", ["n"], ["eval", "1"], ["floor", ["n", "1"]], [[], []], 3):
        with pytest.raises((ValueError, TypeError)):
            decode(data)


HARD = {
    "pairs": [
        [encode(left), encode(right)]
        for left, right in pairs_of(
            "(x + 2 * y + 3 * z) ** 9 * w = 7 * x - w ** 9",
            "(x * y - 3 * z + w) ** 9 = y ** 8 + 11 * z",
            "(x + y + z * w) ** 9 = x * 5 - 13",
            "(w - x * z) ** 9 + y ** 7 = 17 * w",
        )
    ],
    "unknowns": ["x", "y", "z", "w"],
}
EASY = {"pairs": [[encode(a), encode(b)] for a, b in pairs_of("x + y = 5", "x * y = 6")], "unknowns": ["x", "y"]}


def test_what_takes_too_long_is_killed_and_the_next_call_is_served():
    worker = BoundedWorker(CHILD, seconds=1.0)
    try:
        assert worker.call(EASY)["complete"]
        first = worker._child.pid
        started = time.perf_counter()
        assert worker.call(HARD) == "not solved within 1 s"
        assert time.perf_counter() - started < 5
        with pytest.raises(ProcessLookupError):
            os.kill(first, 0)
        assert worker.call(EASY)["complete"]
        assert worker._child.pid != first
    finally:
        worker.close()


def test_a_warm_child_is_kept():
    worker = BoundedWorker(CHILD, seconds=5.0)
    try:
        assert worker.call(EASY) == worker.call(EASY)
        pid = worker._child.pid
        started = time.perf_counter()
        worker.call(EASY)
        assert worker._child.pid == pid
        assert time.perf_counter() - started < 1
    finally:
        worker.close()
    assert worker._child is None


@pytest.mark.parametrize(("module", "memory"), [("planneal.no_such_module", 1 << 30), (CHILD, 1 << 20)])
def test_a_child_that_cannot_start_or_has_no_memory_gives_a_reason(module, memory):
    worker = BoundedWorker(module, memory=memory, seconds=2.0)
    try:
        assert "the solver" in worker.call(HARD)
    finally:
        worker.close()


def judged(*lines):
    plan = parse_plan("\n".join(["goal: g [x]", *lines]))
    return asyncio.run(RelationsVerifier().assess(Task(question="q"), plan)).verdicts


def test_a_small_system_that_is_not_linear_is_solved_for_the_goal():
    verdicts = judged("S1: [x + y = 5]", "S2: [x * y = 6]", "C1: [x > y]")
    assert {i: (v.outcome, v.reason) for i, v in verdicts.items()}[GOAL] == ("pass", "x = 3")
    assert judged("S1: [x + y = 5]", "S2: [x * y = 6]")[GOAL].reason == "x is not determined"
    clash = judged("S1: [x + y = 5]", "S2: [x * y = 6]", "C1: [x > 10]", "C2: [y < 99]")
    assert [i for i, v in clash.items() if v.outcome == "fail"] == ["S1", "S2", "C1", GOAL]
    assert clash["C1"].reason == "S1 and S2 and C1 contradict"


def test_a_solver_at_its_limit_makes_the_goal_unknown_with_the_reason(monkeypatch):
    class Lost:
        def call(self, request):
            return "not solved within 2 s"

    monkeypatch.setattr(solving, "WORKER", Lost())
    lines = ("S1: [x + 3 * y = 57]", "S2: [x * y = 61]")
    verdicts = judged(*lines)
    assert (verdicts[GOAL].outcome, verdicts[GOAL].score) == ("unknown", 1)
    assert verdicts[GOAL].reason == "x has no value: not solved within 2 s"
    assert "not solved within" in verdicts["S1"].reason
    solving.solve_points.cache_clear()
    monkeypatch.undo()
    assert (
        judged(*lines)[GOAL].outcome == "fail"
    )  # the control: with the solver it is known that no rational value fits


def test_what_is_too_large_never_reaches_the_child(monkeypatch):
    class Tripped:
        def call(self, request):
            raise AssertionError(request)

    monkeypatch.setattr(solving, "WORKER", Tripped())
    for texts in (["x ** 5 * y = 1", "x = y"], [f"x * y = {10**25}", "x = y"], ["floor(x) = y", "x * y = 3"]):
        assert solving.solve_points(pairs_of(*texts), ("x", "y")) is None
    with pytest.raises(AssertionError):
        solving.solve_points(pairs_of("x * y = 12345", "x - y = 1"), ("x", "y"))


def test_roots_that_only_cancelling_allows_are_left_out():
    found = solving.solve_points(pairs_of("(x * x - 4) / (x - 2) = y", "y = 2 * x"), ("x", "y"))
    assert found == Points((), True)
