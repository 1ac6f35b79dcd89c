"""Order checks: predicates on positions, exact, typed witnesses."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.notation import parse_plan
from planneal.planner.stopping import solved
from planneal.planner.task import Task
from planneal.verifiers import OrderVerifier, default_verifiers

TASK = Task(question="q")


def verdict(check, plan="S1: a\nS2: b\nS3: c\nS4: d"):
    read = parse_plan(f"goal: g\n{plan}\nC1: [order: {check}]")
    return asyncio.run(OrderVerifier().assess(TASK, read)).verdicts["C1"]


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        ("S1 < S3", "pass"),
        ("S3 < S1", "fail"),
        ("S2 = S1 + 1", "pass"),
        ("|S1 - S4| >= 2", "pass"),
        ("|S1 - S2| >= 2", "fail"),
        ("S1 < S2 < S3", "pass"),
        ("S4 = 4", "pass"),
        ("S1 < S9", "fail"),
        ("S1", "fail"),
        ("__import__('os')", "fail"),
        ("S1 < nuts", "fail"),
        ("9**9**9 > S1", "fail"),
    ],
)
def test_predicates(check, outcome):
    assert verdict(check).outcome == outcome


def test_witnesses_say_where_things_stand_and_what_to_move():
    [witness] = verdict("S3 < S1").witnesses
    assert witness.line == "C1 is violated: S1 stands at 1, S3 stands at 3"
    assert set(witness.culprits) == {"S1", "S3"}
    assert verdict("S1 < S9").witnesses[0].kind == "unresolved_need"
    assert verdict("S1 < nuts").witnesses[0].kind == "malformed"


@given(st.permutations(["S1", "S2", "S3", "S4"]), st.integers(1, 4), st.integers(1, 4))
def test_agrees_with_plain_python(order, a, b):
    plan = "\n".join(f"{item}: x" for item in order)
    expected = order.index(f"S{a}") < order.index(f"S{b}")
    assert (verdict(f"S{a} < S{b}", plan).outcome == "pass") == expected


def test_only_order_checks_are_its_business():
    plan = parse_plan("goal: g [a]\nS1: [a = 1]\nC1: text")
    assert asyncio.run(OrderVerifier().assess(TASK, plan)).verdicts == {}


@pytest.mark.parametrize(
    ("constraint", "met"),
    [("C1: [order: S1 < S2]", True), ("C1: [order: S2 < S1]", False), ("C1: [b > 0]", True), ("C1: be kind", False)],
)
def test_a_locked_item_counts_as_met_only_when_a_verifier_that_decides_it_passed_it(constraint, met):
    from planneal.planner.acceptance import Greedy
    from planneal.planner.energy import EnergyModel
    from planneal.planner.kernel import Kernel
    from planneal.planner.schedules import Constant
    from planneal.proposers import Mixture

    task = Task(question="q", constraints=[constraint])
    plan = parse_plan("goal: g [b]\n" + constraint.replace(":", "!:", 1) + "\nS1: [a = 1]\nS2: [b = a + 1] <- S1")
    kernel = Kernel(task, Mixture(None), default_verifiers(), EnergyModel(), Greedy(), Constant(0.0))
    chain = asyncio.run(kernel.init(0, plan))
    assert solved(chain.current, kernel.exact) == met


FRUIT = "C9: first a line\nS4: figs\nC8: be kind\nS1: plums\nS2: Red Pears\nS3: limes"


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        ("figs < plums", "pass"),
        ("plums < figs", "fail"),
        ("figs + 1 = plums", "pass"),
        ("figs = first", "pass"),
        ("limes = last", "pass"),
        ("limes = last - 1", "fail"),
        ("plums = 2", "pass"),
        ("red_pears = 3", "pass"),
        ("S2 = 3", "pass"),
        ("S4 < plums", "pass"),
        ("plums between figs and limes", "pass"),
        ("plums between limes and figs", "pass"),
        ("figs between plums and limes", "fail"),
        ("plums < figs or limes < figs", "fail"),
        ("plums < figs or limes = last", "pass"),
        ("plums between S1 and or", "fail"),
        ("figs < kiwis", "fail"),
        ("figs or plums", "fail"),
        (" or ".join(["figs < plums"] * 9), "fail"),
        ("figs < plums " * 60, "fail"),
    ],
)
def test_names_places_and_alternatives(check, outcome):
    assert verdict(check, FRUIT).outcome == outcome


def test_places_are_counted_among_the_kinds_that_are_named():
    assert verdict("S4 = 1", FRUIT).outcome == "pass"
    assert verdict("C8 = 2", FRUIT).outcome == "pass"
    assert verdict("C9 < S4 < C8", FRUIT).outcome == "pass"


def test_a_broken_order_names_the_items_to_move_by_place():
    [witness] = verdict("limes < figs or limes = 2", FRUIT).witnesses
    assert witness.kind == "misplaced"
    assert witness.operators == ("move",)
    assert witness.line == "C1 is violated: S4 figs stands at 1, S3 limes stands at 4"
    assert witness.items == ("S4", "S3", "C1")


def test_names_that_lead_nowhere_or_to_two_items_are_told():
    assert verdict("figs < kiwis", FRUIT).witnesses[0].line == "C1 is malformed: kiwis is no item of the plan"
    doubled = verdict("figs < plums", FRUIT + "\nS7: figs").witnesses
    assert [w.line for w in doubled] == ["S7 repeats S4"]


def test_a_verdict_is_kept_only_while_what_it_rests_on_is_the_same():
    """The scope holds the places, who bears the names, and the length of the row where the last place counts."""
    checks = "C1: [order: limes = last]\nC2: [order: figs < plums]"
    order, before = OrderVerifier(), parse_plan(f"goal: g\n{FRUIT}\n{checks}")
    after = parse_plan(f"goal: g\n{FRUIT}\nS9: kiwis\n{checks}")
    renamed = parse_plan(f"goal: g\n{FRUIT.replace('S4', 'S6')}\n{checks}")
    assert order.scope(TASK, before, "C1") != order.scope(TASK, after, "C1")
    assert order.scope(TASK, before, "C2") == order.scope(TASK, after, "C2")
    assert order.scope(TASK, before, "C2") != order.scope(TASK, renamed, "C2")
