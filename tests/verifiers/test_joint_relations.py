"""What the relations verifier says of units, bounds, assumptions, cases and congruences, item by item."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.planner.edits import apply
from planneal.planner.notation import format_plan, parse_edit, parse_plan
from planneal.planner.task import Task
from planneal.planner.verifier import VerdictCache
from planneal.planner.witnesses import GOAL, Contradiction, UnitMismatch
from planneal.verifiers import RelationsVerifier, StructureVerifier

TASK = Task(question="How many?", target="x")


def judged(*lines, goal="goal: how many? [x]", verifier=None, cache=None):
    plan = parse_plan("\n".join([goal, *lines]))
    assessment = asyncio.run((verifier or RelationsVerifier()).assess(TASK, plan, cache=cache))
    assert assessment.abstained is None
    return {i: (v.outcome, v.reason) for i, v in assessment.verdicts.items()}, assessment


@pytest.mark.parametrize(
    ("lines", "item", "outcome", "reason"),
    [
        (["S1: [x = 60 km / h * 90 min]"], "S1", "pass", "x = 90000 m"),
        (["S1: [x = 3 m + 20 cm]"], "S1", "pass", "x = 16/5 m"),
        (["S1: [x = 3 m + 2 s]"], "S1", "fail", "S1 mixes units: m and s"),
        (["S1: [x = 3 m + 2 s]"], GOAL, "fail", "x is not determined: something it rests on is open or wrong"),
        (["S1: [x = 3 m]", "C1: [x > 2 kg]"], "C1", "fail", "C1 mixes units: m and kg"),
        (["S1: [x = 3 m]", "C1: [x > 4 m]"], "C1", "fail", "C1 is violated: x = 3 m"),
        (["S1: [x = 3 apples]"], "S1", "fail", "S1 is malformed: apples is no unit; a constraint may declare it"),
        (["C1: [unit: apple apples]", "S1: [x = 3 apples]"], "S1", "pass", "x = 3 apples"),
        (["C1: [unit: metre]"], "C1", "fail", "C1 is malformed: metre is a unit already"),
        (["C1: [unit: apple apples]"], "C1", "pass", "apple apples"),
        (["C1: [x > 5]", "C2: [x < 3]"], "C2", "fail", "C1 and C2 contradict"),
        (["C1: [x > 5]", "C2: [x < 7]"], "C2", "unknown", "x has no value"),
        (["S1: [2 * x = 7]", "C1: [integer(x)]"], "C1", "fail", "S1 and C1 contradict"),
        (["S1: [x = 7 / 2]", "C1: [integer(x)]"], "C1", "fail", "C1 is violated: x = 7/2"),
        (["S1: [x = 0 - 2]", "C1: [positive(x)]"], "C1", "fail", "C1 is violated: x = -2"),
        (["S1: [y = 5]", "S2: [x = if(y > 3, 1 / (y - 5 + 1), 1 / (y - 5))]"], "S2", "pass", "x = 1"),
        (["S1: [y = 2]", "S2: [x = piecewise(y < 1, 1, 1 < y < 3, 2, 3)]"], "S2", "pass", "x = 2"),
        (["S1: [x = mod(17, 5)]"], "S1", "pass", "x = 2"),
        (["C1: [x % 3 = 1]", "C2: [x % 5 = 2]", "C3: [0 < x < 15]"], GOAL, "pass", "x = 7"),
        (["C1: [x % 4 = 1]", "C2: [x % 6 = 4]"], "C2", "fail", "C1 and C2 contradict"),
    ],
)
def test_verdicts(lines, item, outcome, reason):
    found = judged(*lines)[0][item]
    assert found[0] == outcome
    assert found[1].startswith(reason)


def test_a_goal_of_a_mixed_target_is_told_and_one_with_a_unit_is_a_number():
    lines = ("S1: [far = 120 km]", "S2: [time = 2 h]")
    found, assessment = judged(*lines, goal="goal: g [far + time]")
    assert found[GOAL] == ("fail", "goal mixes units: m and s")
    assert assessment.verdicts[GOAL].witnesses == (UnitMismatch(item=GOAL, left="m", right="s"),)
    assert judged(*lines, goal="goal: g [far / time / (1 km / h)]")[0][GOAL][1].endswith("= 60")
    assert judged(*lines, goal="goal: g [far]")[0][GOAL] == ("pass", "far = 120 km")


def test_what_a_contradiction_is_read_at_is_told_and_keeps_its_pass():
    found, assessment = judged("S1: [n = 4]", "C1: [x > n]", "C2: [x < 3]")
    assert found["S1"] == ("pass", "n = 4")
    assert assessment.verdicts["C1"].witnesses == (Contradiction(members=("C1", "C2"), given=("S1",)),)


def test_a_units_declaration_counts_as_met_and_is_not_structures_business():
    task = Task(question="How many?", target="x", constraints=["unit: apple apples", "x < 9 apples"])
    plan = parse_plan("goal: g [x]\nS1: [x = 3 apples]").model_copy(update={"items": (*task.constraints,)})
    plan = apply(plan, parse_edit("insert S1: [x = 3 apples]", plan=plan))
    for verifier in (RelationsVerifier(), StructureVerifier()):
        assessment = asyncio.run(verifier.assess(task, plan))
        assert {v.outcome for v in assessment.verdicts.values()} == {"pass"}
    assert "unit" in RelationsVerifier.decides
    assert parse_plan(format_plan(plan)) == plan


def test_an_edit_rejudges_only_what_it_touches_across_groups():
    verifier, cache = RelationsVerifier(), VerdictCache()
    lines = [f"S{n}: [a{n} = {n}]\nC{n}: [b{n} > a{n}]\nI{n}: [b{n} % 3 = 1]" for n in range(1, 9)]
    judged(*lines, verifier=verifier, cache=cache)
    lines[3] = lines[3].replace("a4 = 4", "a4 = 40")
    assert set(judged(*lines, verifier=verifier, cache=cache)[1].judged) == {"S4"}
    lines[3] += "\nC99: [b4 < 40]"
    assert set(judged(*lines, verifier=verifier, cache=cache)[1].judged) == {"C4", "C99"}


SHAPES = (
    *(
        "{0} = 4",
        "{0} = {1} + 3",
        "{0} = 3 m",
        "{0} = {1} * 2 s",
        "{0} > {1}",
        "{0} < 2 m",
        "integer({0})",
        "{0} % 3 = 1",
    ),
    *("{0} = if({1} > 2, {2}, 5)", "{0} + {1} <= 9", "{0} * {1} = 12", "{0} = 2 cats", "{0} >= 1 cat", "{0} != {1}"),
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(data=st.data())
def test_memory_changes_no_verdict(data):
    """Whatever components were seen before, in whatever order, a plan's verdicts are those of a fresh verifier."""
    kept = RelationsVerifier()
    for _ in range(5):
        lines = ["C90: [unit: cat cats]"] if data.draw(st.booleans()) else []
        for number in range(1, data.draw(st.integers(2, 7))):
            put = [data.draw(st.sampled_from("xyzuvw")) for _ in range(3)]
            kind = data.draw(st.sampled_from("SC"))
            lines.append(f"{kind}{number}: [{data.draw(st.sampled_from(SHAPES)).format(*put)}]")
        assert judged(*lines, verifier=kept)[0] == judged(*lines)[0]
