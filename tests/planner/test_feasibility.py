"""Exact consistency of linear constraints: brute force over small boxes of integers is the oracle."""

import itertools
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.feasibility import Constraint, System, only_value, solve_system
from planneal.planner.simplex import Effort, Exhausted, Inequality, find_point
from planner_strategies import examples

F = Fraction
BOX = 4


@st.composite
def constraints(draw, names):
    weights = {n: F(draw(st.integers(-3, 3)), draw(st.sampled_from([1, 1, 2]))) for n in names}
    constant = F(draw(st.integers(-6, 6)), draw(st.sampled_from([1, 1, 3])))
    return Constraint({n: w for n, w in weights.items() if w}, constant, draw(st.sampled_from(["=", "<=", "<"])))


@st.composite
def systems(draw):
    """Integers in a box, a few constraints, and a few choices between two constraints."""
    names = "xyz"[: draw(st.integers(1, 3))]
    bounds = [Constraint({n: F(s)}, F(-BOX), "<=") for n in names for s in (1, -1)]
    rows = draw(st.lists(constraints(names), min_size=1, max_size=4))
    choices = draw(st.lists(st.tuples(constraints(names), constraints(names)), max_size=2))
    return names, System([*bounds, *rows], [((a,), (b,)) for a, b in choices], set(names))


def brute(names, system):
    for values in itertools.product(range(-BOX, BOX + 1), repeat=len(names)):
        point = dict(zip(names, map(F, values), strict=True))
        if holds(system, point):
            yield point


def holds(system, point):
    every = all(row.holds(point) for row in system.constraints)
    return every and all(any(all(r.holds(point) for r in group) for group in c) for c in system.choices)


@given(drawn=systems())
@examples(150)
def test_a_point_is_found_exactly_where_there_is_one(drawn):
    names, system = drawn
    point = solve_system(system, Effort(200_000))
    assert (point is not None) == any(True for _ in brute(names, system))
    if point is not None:
        assert holds(system, point)
        assert all(point.get(name, F(0)).denominator == 1 for name in names)


@given(drawn=systems())
@examples(60)
def test_an_only_value_is_the_only_one(drawn):
    names, system = drawn
    point = solve_system(system, Effort(200_000))
    if point is None:
        return
    points = list(brute(names, system))
    for name in names:
        assert only_value(system, name, point, Effort(200_000)) == (len({p[name] for p in points}) == 1)


def test_the_oracle_can_tell_integers_from_rationals():
    """The negative control: without integrality the same system has a point."""
    rows = [Constraint({"x": F(2)}, F(-7), "=")]
    assert solve_system(System(rows, [], {"x"}), Effort(1000)) is None
    assert solve_system(System(rows, [], set()), Effort(1000)) == {"x": F(7, 2)}


@pytest.mark.parametrize(
    ("rows", "integers", "feasible"),
    [
        ([({"x": 1}, -3, "<"), ({"x": -1}, 5, "<")], "", False),
        ([({"x": 1}, -3, "<="), ({"x": -1}, 3, "<=")], "", True),
        ([({"x": 1}, -3, "<"), ({"x": -1}, 3, "<=")], "", False),
        ([({"x": 2, "y": 4}, -7, "=")], "xy", False),
        ([({"x": 6, "y": 10, "z": 15}, -1, "=")], "xyz", True),
        ([({"x": 3, "y": -3}, -1, "<"), ({"x": -3, "y": 3}, 0, "<")], "xy", False),
        ([({"x": 1, "k": -2}, 0, "="), ({"x": 1, "j": -4}, -1, "=")], "xkj", False),
        (
            [({"x": 1, "k": -3}, -1, "="), ({"x": 1, "j": -5}, -2, "="), ({"x": 1}, -7, "<"), ({"x": -1}, 0, "<")],
            "xkj",
            False,
        ),
        ([({}, 1, "<=")], "", False),
        ([({}, 0, "<")], "", False),
        ([({}, 0, "=")], "", True),
    ],
)
def test_unbounded_systems(rows, integers, feasible):
    system = System([Constraint({n: F(w) for n, w in ws.items()}, F(c), op) for ws, c, op in rows], [], set(integers))
    point = solve_system(system, Effort(20_000))
    assert (point is not None) == feasible
    assert point is None or holds(system, point)


@given(data=st.data())
@examples(60)
def test_farkas_over_the_rationals(data):
    """Inequalities with a known point are never refuted, and adding one that excludes everything always is."""
    names = "abcd"
    point = {n: F(data.draw(st.integers(-9, 9)), 2) for n in names}
    rows = []
    for _ in range(data.draw(st.integers(1, 8))):
        weights = {n: F(w) for n in names if (w := data.draw(st.integers(-4, 4)))}
        reached = sum((w * point[n] for n, w in weights.items()), F(0))
        strict = data.draw(st.booleans())
        rows.append(Inequality(weights, -reached - data.draw(st.integers(1, 3)), strict))
    found = find_point(rows, Effort(100_000))
    assert found is not None
    for row in rows:
        total = row.constant + sum((w * found[n] for n, w in row.weights.items()), F(0))
        assert total < 0 or (total == 0 and not row.strict)
    total = Inequality({n: -w for n, w in rows[0].weights.items()}, -rows[0].constant, strict=True)
    assert find_point([*rows, total], Effort(100_000)) is None


def test_work_is_bounded_and_says_so():
    rows = [Constraint({"x": F(3), "y": F(-5)}, F(-1, 5), "<"), Constraint({"x": F(-7), "y": F(12)}, F(1, 3), "<")]
    hard = [Constraint({f"v{i}": F((i * j) % 7 + 1) for i in range(12)}, F(-j), "<=") for j in range(40)]
    started = time.perf_counter()
    with pytest.raises(Exhausted):
        solve_system(System([*rows, *hard], [], {"x", "y"}), Effort(200))
    assert time.perf_counter() - started < 1
