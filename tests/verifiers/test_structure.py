import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.planner.edits import apply
from planneal.planner.notation import parse_edit, parse_plan
from planneal.planner.plan import Item
from planneal.planner.task import Task
from planneal.planner.verifier import Judgement, VerdictCache
from planneal.planner.witnesses import GOAL
from planneal.proposers.structural import resolve
from planneal.verifiers.structure import HOLE_SCORE, MISSING_NEED_SCORE, OUT_OF_ORDER_SCORE, StructureVerifier

TASK = Task(question="How many wigs?", target="wigs")


def plan_of(*lines, goal="goal: how many wigs? [wigs]"):
    return parse_plan("\n".join([goal, *lines]))


GOOD = plan_of("S1: [nuts = 4]", "S2: [bolts = nuts + 3] <- S1", "S3: [wigs = 2 * bolts] <- S2")


def judged(plan, task=TASK, verifier=None):
    assessment = asyncio.run((verifier or StructureVerifier()).assess(task, plan))
    assert assessment.abstained is None
    return assessment


def lines_of(plan, task=TASK):
    return [witness.line for witness in judged(plan, task).witnesses]


def test_a_sound_plan_passes_everywhere():
    assessment = judged(GOOD)
    assert {i: v.outcome for i, v in assessment.verdicts.items()} == dict.fromkeys(["S1", "S2", "S3", GOAL], "pass")
    assert assessment.witnesses == ()


@pytest.mark.parametrize(
    ("lines", "item", "score", "expected"),
    [
        (["S1: [wigs = nuts + 1]"], "S1", HOLE_SCORE, ["S1 uses nuts, defined nowhere"]),
        (["S1: [wigs = 4] <- S9"], "S1", HOLE_SCORE, ["S1 needs S9, not in the plan"]),
        (["S1: [wigs = 4]", "S2: [order: S1 < S7]"], "S2", HOLE_SCORE, ["S2 needs S7, not in the plan"]),
        (["S1: [wigs = 4]", "S2: [call: f(x=$S8.id)]"], "S2", HOLE_SCORE, ["S2 needs S8, not in the plan"]),
        (["S1: [wigs = 4]", "S2: [wigs  =  4]"], "S2", 0, ["S2 repeats S1"]),
        (
            ["S2: [wigs = nuts + 3] <- S1", "S1: [nuts = 4]"],
            "S2",
            OUT_OF_ORDER_SCORE,
            ["S2 uses nuts before S1 defines it"],
        ),
        (
            ["S2: [wigs = 3] <- S1", "S1: be careful"],
            "S2",
            OUT_OF_ORDER_SCORE,
            ["S2 needs S1, which comes later"],
        ),
        (
            ["S1: [nuts = 4]", "S2: [wigs = nuts + 3]"],
            "S2",
            MISSING_NEED_SCORE,
            ["S2 uses nuts of S1 without needing it"],
        ),
        (["S1: think <- S2", "S2: [wigs = 1] <- S1"], "S1", 0, ["S1, S2 form a cycle"]),
        (["S1: [wigs = 1] <- S1"], "S1", 0, ["S1 form a cycle"]),
    ],
)
def test_each_flaw_is_seen_with_its_line_and_price(lines, item, score, expected):
    assessment = judged(plan_of(*lines))
    verdict = assessment.verdicts[item]
    assert verdict.outcome == "fail"
    assert verdict.score == score
    assert [witness.line for witness in verdict.witnesses] == expected


@pytest.mark.parametrize(
    "lines",
    [
        ["S1: [2 * wigs = 6]"],  # one equation gives one symbol
        ["S1: [wigs + nuts = 10]", "S2: [wigs - nuts = 2]"],  # two give two, in any order
        [
            "S1: [wigs = 10 - nuts]",
            "S2: [nuts = wigs - 2]",
        ],  # a circle of symbols is for the relations verifier
        ["S1: [nuts = 4]", "S2: [nuts = 3 + 1]", "S3: [wigs = nuts] <- S2"],  # one of two rivals is needed
        ["C1: [wigs > 0]", "S1: [wigs = 4]"],  # a constraint may stand before what it is about
        ["S1: [wigs = 4 + 3 = 7]"],
        ["S1: [wigs = = 4]", "S2: [wigs = 4]"],  # malformed text is not structure's business
        [
            "S1: [nuts = 4]",
            "S2: [order: S1 < S3] <- S1",
            "S3: [wigs = nuts] <- S1",
        ],  # an order is no dependence
    ],
)
def test_what_is_no_structural_flaw_passes(lines):
    assert judged(plan_of(*lines)).failures == ()


def test_a_need_that_leads_back_is_seen_and_dropped():
    plan = plan_of("S1: [nuts = 4] <- S2", "S2: [bolts = nuts + 3]", "S3: [wigs = 2 * bolts] <- S2")
    [witness] = [w for w in judged(plan).witnesses if w.kind == "circular_need"]
    assert witness.line == "S1 needs S2, which rests on S1"
    mended = apply(plan, resolve(plan, witness))
    assert mended["S1"].needs == ()
    assert all(w.kind != "circular_need" for w in judged(mended).witnesses)


def test_a_circle_of_what_is_used_is_left_to_the_relations():
    plan = plan_of("S1: [nuts = 10 - bolts] <- S2", "S2: [bolts = nuts + 4]", "S3: [wigs = nuts] <- S1")
    assert all(w.kind != "circular_need" for w in judged(plan).witnesses)


def test_one_equation_does_not_give_two_symbols():
    assert lines_of(plan_of("S1: [wigs + nuts = 10]")) == [
        "S1 uses nuts, defined nowhere",
        "S1 uses wigs, defined nowhere",
    ]


@pytest.mark.parametrize(
    ("goal", "lines", "outcome", "expected"),
    [
        ("goal: g [wigs]", ["S1: [nuts = 4]"], "fail", "goal wigs is defined nowhere"),
        ("goal: g [wigs + nuts]", ["S1: [nuts = 4]"], "fail", "goal wigs is defined nowhere"),
        ("goal: g [2 * wigs]", ["S1: [wigs = 4]"], "pass", ""),
        ("goal: g [wigs]", ["C1: [wigs = 4]"], "pass", ""),
        ("goal: g", ["C1: be kind"], "fail", "goal is not reached: the plan has no subgoal"),
        (
            "goal: g",
            ["S1: be kind"],
            "unknown",
            "the goal names no target, so whether it is reached cannot be seen",
        ),
    ],
)
def test_the_goal(goal, lines, outcome, expected):
    verdict = judged(plan_of(*lines, goal=goal)).verdicts[GOAL]
    assert (verdict.outcome, verdict.reason) == (outcome, expected)


def test_holes_are_left_to_the_energy_to_price():
    """Two holes in one item: filling either must be progress, so the item itself must not be priced for them."""
    plan = plan_of("S1: [nuts = 4]", "S2: [wigs = nuts + cups + cats] <- S1", goal="goal: g [wigs + bags]")
    verdicts = judged(plan).verdicts
    assert {i for i, v in verdicts.items() if v.outcome == "fail"} == {"S2", GOAL}
    assert verdicts["S2"].score == verdicts[GOAL].score == 1
    malformed = plan_of("S1: [nuts = 4]", goal="goal: g [wigs + ]")
    assert judged(malformed).verdicts[GOAL].score == 0


def test_a_target_without_sense_is_malformed():
    for target, start in (
        ("wigs +", "goal is malformed"),
        ("wigs > 2", "goal is malformed"),
        ("9" * 99, "too large"),
    ):
        verdict = judged(plan_of("S1: [wigs = 4]", goal=f"goal: g [{target}]")).verdicts[GOAL]
        assert verdict.outcome == "fail"
        assert start in verdict.reason


def test_unused_items_are_advice_that_costs_nothing():
    plan = plan_of("S1: [nuts = 4]", "S2: [cups = 9]", "C1: [cats > 0]", "S3: [cats = 3]", "S4: [wigs = nuts] <- S1")
    assessment = judged(plan)
    assert [w.line for w in assessment.witnesses] == ["S2 is not used"]
    assert assessment.verdicts["S2"].outcome == "pass"
    assert assessment.verdicts["S2"].score == 1


def test_nothing_is_called_unused_while_something_is_open():
    hole = plan_of("S1: [nuts = 4]", "S2: [wigs = bolts]")
    assert "S1 is not used" not in lines_of(hole)
    assert "S1 is not used" in lines_of(plan_of("S1: [nuts = 4]", "S2: [wigs = 3]"))
    assert lines_of(plan_of("S1: [nuts = 4]", "S2: [wigs = 3]", goal="goal: how many?")) == []


def test_the_tasks_own_items_must_be_there_unchanged():
    task = Task(question="How many wigs?", target="wigs", constraints=["wigs > 0", "wigs < 9"])
    whole = task.seed_plan().with_items([*task.constraints, Item(id="S1", check="wigs = 4")])
    assert judged(whole, task).failures == ()
    dropped = whole.with_items(whole.items[1:])
    assert judged(dropped, task).verdicts[GOAL].reason == "C1 of the task is missing"
    weakened = Item(id="C1", check="wigs > -9", locked=True, source="task")
    changed = whole.with_items([weakened, *whole.items[1:]])
    assert judged(changed, task).verdicts["C1"].reason == "C1 of the task is changed"


def test_a_repetition_of_a_locked_item_is_the_one_to_go():
    plan = plan_of("S1: [wigs = 4]", "S2!: [wigs = 4]", "S3!: [wigs = 4]")
    assert lines_of(plan) == ["S1 repeats S2"]


class Counting(StructureVerifier):
    def __init__(self):
        super().__init__()
        self.judged = []

    async def judge(self, task, plan, item_ids, draw=0):
        self.judged.append(list(item_ids))
        return await super().judge(task, plan, item_ids, draw)


def test_an_edit_rejudges_only_what_it_changes():
    verifier, cache = Counting(), VerdictCache()
    lines = ["S1: [x1 = 4]"] + [f"S{n}: [x{n} = x{n - 1} + {n}] <- S{n - 1}" for n in range(2, 13)]
    plan = plan_of(*lines, goal="goal: g [x12]")

    def step(edit=None):
        nonlocal plan
        plan = apply(plan, parse_edit(edit, plan=plan)) if edit else plan
        before = len(verifier.judged)
        asyncio.run(verifier.assess(TASK, plan, cache=cache))
        return set(verifier.judged[-1]) if len(verifier.judged) > before else set()

    assert len(step()) == 13
    assert step() == set()
    assert step("replace S4: [x4 = x3 * 2] <- S3") == set()  # the same symbols in the same place: nothing to judge
    assert step("needs S5:") == {"S5"}
    assert step("delete S1") == {"S2"}  # its one dependant
    assert step("insert S20 before S2: [x1 = 3]") == {"S2"} | {"S20"}
    assert step("move S3 before S2") == {"S3"}


def test_verdicts_are_asked_for_one_by_one():
    """A verdict does not depend on which other items are judged beside it."""
    verifier = StructureVerifier()
    whole = judged(plan_of("S1: [nuts = 4] <- S9", "S2: [wigs = nuts + cups]"))
    for item_id, verdict in whole.verdicts.items():
        plan = plan_of("S1: [nuts = 4] <- S9", "S2: [wigs = nuts + cups]")
        alone: Judgement = asyncio.run(verifier.judge(TASK, plan, [item_id]))
        assert alone.verdicts == {item_id: verdict}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_cached_assessment_equals_a_fresh_one(data, edit_walk, assess):
    verifier, cache = StructureVerifier(), VerdictCache()
    for task, plan in edit_walk(data, 12):
        kept = assess(verifier, task, plan, cache)
        fresh = assess(StructureVerifier(), task, plan)
        assert kept.abstained is None
        assert kept.verdicts == fresh.verdicts
