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
