"""Relations that are judged together: sound against brute force, minimal, and silent where nothing is wrong."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.components import relation_components
from planneal.planner.cores import refuted, shrink
from planneal.planner.evaluation import check_statement
from planneal.planner.notation import format_plan, parse_plan
from planneal.planner.valuation import valuate
from planneal.planner.values import goal_value
from planner_strategies import connected_plans, examples

F = Fraction
SHAPES = (
    *("{0} > {n}", "{0} < {n}", "{0} + {1} <= {n}", "{0} - {1} = {n}", "2 * {0} + {1} = {n}", "{0} % 3 = {k}"),
    *("{0} % {p} = {k}", "abs({0} - {1}) > {n}", "max({0}, {1}) < {n}", "{0} = if({1} > {k}, {0}, {n})"),
    *("{0} != {1}", "{0} * {1} = {n}", "floor({0} / 2) = {k}", "{0} * {0} = {n}", "positive({0}, {1})"),
    *(
        "0 < {0} <= {1} < {n}",
        "min({0}, {1}) = {k}",
        "mod({0}, 4) >= {k}",
        "piecewise({0} < 0, 1, {0} < 2, 2, 3) = {k}",
    ),
)
REACH = 4


@st.composite
def boxed_plans(draw):
    """Constraints over two or three integers between -4 and 4."""
    names = "xyz"[: draw(st.integers(2, 3))]
    lines = [f"C90: [integer({', '.join(names)})]"]
    lines += [f"C{91 + i}: [{-REACH} <= {name} <= {REACH}]" for i, name in enumerate(names)]
    for number in range(1, draw(st.integers(2, 5))):
        put = [draw(st.sampled_from(names)) for _ in range(2)]
        numbers = {"n": draw(st.integers(-6, 6)), "k": draw(st.integers(0, 2)), "p": draw(st.sampled_from([2, 4, 5]))}
        kind = draw(st.sampled_from("CS"))
        lines.append(f"{kind}{number}: [{draw(st.sampled_from(SHAPES)).format(*put, **numbers)}]")
    plan = parse_plan("\n".join(["goal: g [x]", *lines]))
    assert parse_plan(format_plan(plan)) == plan
    return names, plan


def points(names, plan):
    relations = [item.check.relation for item in plan.items]
    for values in itertools.product(range(-REACH, REACH + 1), repeat=len(names)):
        point = dict(zip(names, map(F, values), strict=True))
        if all(check_statement(relation, point).outcome == "pass" for relation in relations):
            yield point


def is_refuted(plan):
    known = valuate(plan)
    false = any(check_statement(item.check.relation, known.values).outcome == "fail" for item in plan.items)
    return bool(known.clashes or any(d.values for d in known.disputes) or false)


@given(drawn=boxed_plans())
@examples(120)
def test_what_has_a_solution_is_never_refuted_and_values_are_the_only_ones(drawn):
    names, plan = drawn
    solutions = list(points(names, plan))
    if not solutions:
        return
    assert not is_refuted(plan)
    for name, value in valuate(plan).values.items():
        assert {solution[name] for solution in solutions} == {value}


@given(drawn=boxed_plans())
@examples(120)
def test_contradictions_are_minimal(drawn):
    _, plan = drawn
    for clash in valuate(plan).clashes:
        items = [plan[item_id] for item_id in (*clash.members, *clash.given)]
        assert refuted(items)
        for left_out in items:
            assert not refuted([item for item in items if item is not left_out])


def test_brute_force_confirms_most_refutations():
    """The negative control of soundness: the engine does refute, and where it does there is no solution."""
    found = 0
    for low, high, residue in itertools.product(range(-4, 5), range(-4, 5), range(3)):
        lines = [f"C1: [x > {low}]", f"C2: [x < {high}]", f"C3: [x % 3 = {residue}]", "C4: [integer(x)]"]
        plan = parse_plan("\n".join(["goal: g [x]", *lines]))
        solutions = [n for n in range(-9, 9) if low < n < high and n % 3 == residue]
        assert is_refuted(plan) == (not solutions)
        found += not solutions
        assert goal_value(plan) == (solutions[0] if len(solutions) == 1 else None)
    assert 100 < found < 243


@pytest.mark.parametrize(
    ("lines", "members", "given"),
    [
        (["C1: [x > 5]", "C2: [x < 3]", "C3: [y > 1]", "C4: [x > 1]"], ("C1", "C2"), ()),
        (["C1: [x + y <= 4]", "C2: [x >= 3]", "C3: [y >= 2]", "C4: [x < 9]"], ("C1", "C2", "C3"), ()),
        (["S1: [2 * x = 7]", "C1: [integer(x)]", "C2: [x > 0]"], ("S1", "C1"), ()),
        (["C1: [2 * x + 4 * y = 7]", "C2: [integer(x, y)]", "C3: [x > y]"], ("C1", "C2"), ()),
        (["C1: [x % 6 = 1]", "C2: [x % 5 = 2]", "C3: [x % 4 = 2]"], ("C1", "C3"), ()),
        (["S1: [n = 4]", "C1: [x > n]", "C2: [x < 3]"], ("C1", "C2"), ("S1",)),
        (["S1: [n = 4]", "S2: [m = 9]", "S3: [x + y = n]", "S4: [x + y = m]"], ("S3", "S4"), ("S1", "S2")),
        (["C1: [x = if(y > 3, 10, 20)]", "C2: [x > 12]", "C3: [y > 5]"], ("C1", "C2", "C3"), ()),
        (["C1: [x * x + y * y = 0 - 1]", "C2: [x > y]"], ("C1",), ()),
        (["C1: [abs(x) < 0]", "C2: [x > y]"], ("C1",), ()),
    ],
)
def test_the_members_and_what_they_are_read_at(lines, members, given):
    known = valuate(parse_plan("\n".join(["goal: g [x]", *lines])))
    assert [(clash.members, clash.given) for clash in known.clashes] == [(members, given)]


def test_rivals_are_told_in_pairs_with_what_they_rest_on():
    plan = parse_plan("goal: g\nS1: [n = 4]\nS2: [x = n + 3]\nS3: [x = 9]\nS4: [x = 9]\nS5: [z = n]")
    assert [(d.members, d.values, d.given) for d in valuate(plan).disputes] == [
        (("S2", "S3"), ("7", "9"), ("S1",)),
        (("S2", "S4"), ("7", "9"), ("S1",)),
    ]


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        (["C1: [x % 3 = 1]", "C2: [x % 5 = 2]", "C3: [0 < x < 15]"], 7),
        (["S1: [3 * x + 5 * y = 19]", "C1: [integer(x, y)]", "C2: [positive(x, y)]"], 3),
        (["S1: [x + y = 7]", "C1: [x >= 5]", "C2: [y >= 2]"], 5),
        (["S1: [abs(x) = 4]", "C1: [nonnegative(x)]"], 4),
        (["S1: [y = floor(x / 2)]", "S2: [y = 3]", "C1: [x % 2 = 1]"], 7),
        (["S1: [if(x > 3, 1, 2) = 2]", "C1: [x >= 3]"], 3),
        (["S1: [x + y = 7]", "C1: [x >= 5]", "C2: [y >= 1]"], None),
    ],
)
def test_an_only_value_is_taken(lines, value):
    assert goal_value(parse_plan("\n".join(["goal: g [x]", *lines]))) == value


@given(members=st.sets(st.integers(0, 19), min_size=1, max_size=6), others=st.integers(0, 14))
@examples(100)
def test_shrinking_finds_the_one_core_there_is(members, others):
    asked = []

    def test(ids):
        asked.append(1)
        return {f"C{m}" for m in members} <= set(ids)

    everything = [f"C{n}" for n in range(20 + others)]
    assert set(shrink(everything, test)) == {f"C{m}" for m in members}
    assert len(asked) < 4 * len(everything) + 12 * len(members)


@given(plan=connected_plans())
@examples(80)
def test_components_share_no_symbols_and_lose_no_item(plan):
    groups = relation_components(plan)
    symbols = [frozenset().union(*(item.check.relation.symbols for item in group)) for group in groups]
    for one, two in itertools.combinations(symbols, 2):
        assert one.isdisjoint(two)
    assert sorted(item.id for group in groups for item in group) == sorted(plan.by_id)
