"""Units: exact factors, text that reads back, and dimensions inferred through definitions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.dimensions import Dimensions, declared, infer_dimensions
from planneal.planner.errors import ExpressionError
from planneal.planner.evaluation import evaluate, written
from planneal.planner.expressions import Apply, Number, Quantity, Symbol, parse_expression, parse_relation
from planneal.planner.notation import format_plan, parse_plan
from planneal.planner.units import UNITS, factor_of, format_dimension, format_unit, read_declaration, read_unit
from planneal.planner.valuation import relation_of
from planner_strategies import examples

F = Fraction


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60 km / h", F(50, 3)),
        ("60 km per h", F(50, 3)),
        ("3 m + 20 cm", F(16, 5)),
        ("3m", F(3)),
        ("2 m ** 2", F(2)),
        ("5 kg m / s ^ 2", F(5)),
        ("1 mile", F(1609344, 1000)),
        ("1 lb", F(45359237, 10**8)),
        ("1.5 h + 30 min", F(7200)),
        ("2 dozen", F(24)),
        ("20 percent * 50", F(10)),
        ("3 dollars + 25 cents", F(13, 4)),
        ("1 kWh / (1 kJ)", F(3600)),
        ("(60 km) / 4", F(15000)),
        ("1 KiB / (1 byte)", F(1024)),
    ],
)
def test_quantities_have_exact_values_in_base_units(text, value):
    assert evaluate(parse_expression(text), {}) == value


def test_a_divisor_is_a_unit_only_where_the_table_has_it():
    assert parse_expression("60 km / n") == Apply("/", (parse_expression("60 km"), Symbol("n")))
    assert parse_expression("60 km / h") == Quantity(F(50, 3), F(60), (("km", 1), ("h", -1)))
    assert parse_expression("(60 km) / h") == Apply("/", (parse_expression("60 km"), Symbol("h")))
    assert parse_expression("m + h") == Apply("+", (Symbol("m"), Symbol("h")))
    assert parse_expression("3 * m") == Apply("*", (Number(F(3)), Symbol("m")))
    assert parse_expression("min(5 min, 3)").op == "min"


@pytest.mark.parametrize("text", ["2 a", "x = 1e5", "0x10", "3 per h", "2 ** 3 m", "5 min(3)", "3 m m2", "1_000 m"])
def test_what_is_no_unit_is_malformed(text):
    with pytest.raises(ExpressionError):
        parse_relation(text, own_units=True)


def test_words_of_the_plans_own_are_read_only_where_a_plan_can_declare_them():
    with pytest.raises(ExpressionError, match="apples"):
        parse_relation("x = 3 apples")
    assert parse_relation("x = 3 apples per person", own_units=True).own_units == ("apples", "person")


def test_the_table_is_exact_and_holds_no_offset_scale():
    assert all(isinstance(known.factor, Fraction) and known.factor > 0 for known in UNITS.values())
    assert not {"celsius", "month", "year", "degree"} & UNITS.keys()
    assert UNITS["inch"].factor * 12 == UNITS["ft"].factor
    assert UNITS["N"].dimension == {"kg": 1, "m": 1, "s": -2}


words = st.sampled_from([*sorted(UNITS), "apples", "person", "perch"])
units = st.lists(st.tuples(words, st.integers(-3, 3).filter(bool)), min_size=1, max_size=5).map(
    lambda pairs: tuple(p for p in pairs if p[1] > 0) + tuple(p for p in pairs if p[1] < 0)
)


@given(unit=units)
@examples(200)
def test_units_read_back_as_they_are_written(unit):
    assert read_unit(format_unit(unit)) == unit


LEAVES = st.one_of(
    st.integers(0, 99).map(lambda n: Number(F(n))),
    st.sampled_from(["m", "h", "x", "km", "per"]).map(Symbol),
    st.builds(lambda n, u: Quantity(n * factor_of(u), F(n), u), st.integers(0, 9), units),
)


def grow(inner):
    two = st.tuples(inner, inner)
    condition = st.one_of(
        st.builds(Apply, st.sampled_from(["<", "=", "!=", ">="]), two),
        st.tuples(inner, inner, inner).map(lambda t: Apply("and", (Apply("<", t[:2]), Apply("<=", t[1:])))),
    )
    return st.one_of(
        st.builds(Apply, st.sampled_from(["+", "-", "*", "/", "%", "min", "max"]), two),
        st.builds(Apply, st.sampled_from(["neg", "abs", "floor", "ceil", "sqrt"]), st.tuples(inner)),
        st.builds(Apply, st.just("**"), st.tuples(inner, st.integers(-2, 3).map(lambda n: Number(F(n))))),
        st.builds(Apply, st.just("if"), st.tuples(condition, inner, inner)),
    )


@given(expression=st.recursive(LEAVES, grow, max_leaves=8))
@examples(300)
def test_written_expressions_with_units_and_cases_read_back_the_same(expression):
    text = written(expression)
    if len(text) <= 500:
        assert parse_relation(text, own_units=True).terms[0] == expression


def inferred(*lines):
    plan = parse_plan("\n".join(["goal: g", *lines]))
    assert parse_plan(format_plan(plan)) == plan
    relations = [(item, relation) for item in plan.items if (relation := relation_of(item)) is not None]
    return infer_dimensions(relations, declared(plan.items))


def test_dimensions_follow_definitions_whatever_their_order():
    found = inferred(
        "S3: [far = speed * time]", "S1: [speed = 60 km / h]", "S2: [time = 90 min]", "S4: [side = sqrt(9 ha)]"
    )
    assert {name: format_dimension(d) for name, d in found.symbols.items()} == {
        "speed": "m / s",
        "time": "s",
        "far": "m",
        "side": "m",
    }
    assert not found.mismatches
    assert found.shown(F(25, 3), found.symbols["speed"]) == "30 km / h"


@pytest.mark.parametrize(
    ("lines", "item", "left", "right"),
    [
        (["S1: [x = 3 m + 2 s]"], "S1", "m", "s"),
        (["S3: [z = x + y]", "S1: [x = 3 m]", "S2: [y = 2 s]"], "S3", "m", "s"),
        (["S1: [x = 3 m]", "C1: [x > 2]"], "C1", "m", "a plain number"),
        (["C1: [x > 2 s]", "S1: [x = 3 m]"], "C1", "m", "s"),
        (["S1: [x = 3 dollar]", "C1: [x < 9 euro]"], "C1", "dollar", "euro"),
        (["S1: [x = 3 m]", "C1: [integer(x)]"], "C1", "m", "a whole number"),
        (["S1: [x = if(y > 1 s, 1 m, 2 kg)]"], "S1", "m", "kg"),
        (["S1: [x = max(1 m, 2 s)]"], "S1", "m", "s"),
        (["C1: [a * b = 6 m ** 2]", "S1: [a = 2 m]", "S2: [b = 3 s]"], "C1", "m s", "m ** 2"),
        (["C1: [unit: cat cats, dog]", "S1: [x = 3 cats + 1 dog]"], "S1", "cat", "dog"),
    ],
)
def test_unlike_units_are_told_with_both(lines, item, left, right):
    assert inferred(*lines).mismatches == {item: (left, right)}


@pytest.mark.parametrize(
    "lines",
    [
        ["S1: [x = 3 m]", "C1: [x > 0]", "C2: [x <= 400 cm]"],
        ["S1: [x = 12 dollar per box]", "C1: [unit: box boxes]", "S2: [y = x * 3 boxes + 2 dollar]"],
        ["C1: [unit: cat cats]", "S1: [x = 3 cats]", "C2: [integer(x)]"],
        ["S1: [x = 3 m * y]", "C1: [x / y = 3 m]"],
        ["S1: [x = 2 dozen + 3]"],
        ["S1: [v = 3 m / s]", "S2: [e = v ** 2 * 2 kg]", "C1: [e <= 18 J]"],
    ],
)
def test_like_units_fit(lines):
    found = inferred(*lines)
    assert (found.mismatches, found.undeclared) == ({}, {})


def test_where_no_unit_is_written_nothing_is_known_and_synonyms_are_one_unit():
    assert inferred("S1: [x = 3]").symbols == {"x": {}}
    assert declared(parse_plan("goal: g\nC1: [unit: cat cats, dog]\nC2: [unit: m]").items) == {
        "cat": "cat",
        "cats": "cat",
        "dog": "dog",
    }
    assert inferred("S1: [x = 3 cats]").undeclared == {"S1": "cats"}
    assert Dimensions().shown(F(7, 2), None) == "7/2"


@pytest.mark.parametrize("text", ["", "m", "cat cat", "cat,,dog", "per", "c4t", "x"])
def test_declarations_that_declare_nothing_are_refused(text):
    with pytest.raises(ValueError, match="unit"):
        read_declaration(text)
