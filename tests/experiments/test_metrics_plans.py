"""Metrics that change a plan and look again: planted fluff, leaks and answers that ignore their plan must show."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text
from planneal.experiments.metrics.causal import FINAL, causal_rate, effect, effects, expected, parts
from planneal.experiments.metrics.diversity import distance, diversity, ideas, mean_diversity, vendi
from planneal.experiments.metrics.fluff import (
    fluff_rate,
    fluff_share,
    implied_answer,
    judged_energy,
    probed_answer,
    removals,
)
from planneal.experiments.metrics.interventions import BLANK, blank, corrupt, swap
from planneal.experiments.metrics.leakage import (
    NEUTRAL,
    Leak,
    exact_leak,
    leak_rate,
    read_without_question,
    stated,
)
from planneal.experiments.metrics.probing import Probe
from planneal.planner.errors import BudgetExhausted, PlanError
from planneal.planner.ledger import Budget
from planneal.planner.notation import parse_plan
from planneal.planner.plan import Item
from planneal.planner.task import Task
from planneal.planner.values import plan_values
from planneal.testing import FunctionModel
from planneal.verifiers import default_verifiers

LINES = ("S1: [nuts = 4]", "S2: [bolts = nuts + 3] <- S1", "S3: [saws = 9]", "S4: [wigs = 2 * bolts] <- S2")
PLAN = parse_plan("\n".join(["goal: how many wigs? [wigs]", *LINES]))
TASK = Task(question="There are 4 nuts. How many wigs?", goal="how many wigs?", target="wigs")


def rng(seed=0):
    return np.random.default_rng(seed)


def plan_in(prompt):
    """The plan that a compact answer prompt shows."""
    body = prompt.split("plan:\n")[1].split("\nanswer:")[0]
    return parse_plan("\n".join(line.replace("[ ", "[").replace(" ]", "]") for line in body.splitlines()))


def obedient(request, index):
    """Carries a plan out to the letter, a line for each item that has a value."""
    plan = plan_in(request.prompt)
    known = plan_values(plan)
    lines = [f"{i.defines} = {known[i.defines]} [{i.id}]" for i in plan.items if i.defines in known]
    return "\n".join([*lines, f"answer: {known['wigs']}" if "wigs" in known else "answer: unknown"])


def stubborn(request, index):
    """Says the same whatever the plan."""
    return "nuts = 4 [S1]\nbolts = 7 [S2]\nsaws = 9 [S3]\nwigs = 14 [S4]\nanswer: 14"


# Interventions

ANY_CHANGE = st.tuples(
    st.sampled_from(["blank", "corrupt", "swap"]), st.sampled_from(list(PLAN.by_id)), st.integers(0, 99)
)


def change_of(way, item_id, seed):
    if way == "blank":
        return blank(PLAN, item_id)
    if way == "corrupt":
        return corrupt(PLAN, item_id, rng(seed))
    return swap(PLAN, item_id, PLAN.items[seed % len(PLAN.items)])


@given(ANY_CHANGE)
def test_every_change_touches_one_item_and_has_an_inverse(drawn):
    change = change_of(*drawn)
    if change is None:
        assert drawn[0] == "swap", "only a swap with itself changes nothing here"
        return
    changed = change.apply(PLAN)
    assert [i.id for i in changed.items] == [i.id for i in PLAN.items]
    assert [i for i in changed.items if i not in PLAN.items] == [change.after]
    assert change.undo(changed) == PLAN
    with pytest.raises(PlanError, match="is not what the change is for"):
        change.apply(changed)


def test_what_each_change_does():
    assert blank(PLAN, "S2").after == Item(id="S2", text=BLANK, needs=("S1",))
    assert blank(blank(PLAN, "S2").apply(PLAN), "S2") is None
    wrong = corrupt(PLAN, "S1", rng()).after
    assert wrong.defines == "nuts"
    assert str(wrong.check) != "nuts = 4"
    plus = parse_plan("goal: g [b]\nS1: [b = a + c]\nS2: no check")
    assert str(corrupt(plus, "S1", rng()).after.check) == "b = a - c"
    assert corrupt(plus, "S2", rng()) is None
    assert str(swap(PLAN, "S4", PLAN["S3"]).after.check) == "wigs = 9"
    assert swap(PLAN, "S1", parse_plan("goal: g\nS1: [x = nuts + 1]")["S1"]) is None, "it would define itself"
    with pytest.raises(PlanError, match="S9 is not in the plan"):
        blank(PLAN, "S9")


# Does the answer rest on the plan?


def test_the_parts_that_must_move():
    assert expected(PLAN, blank(PLAN, "S1")) == {"S1", "S2", "S4", FINAL}
    assert expected(PLAN, blank(PLAN, "S3")) == {"S3"}
    assert expected(PLAN, swap(PLAN, "S4", PLAN["S3"])) == {"S4", FINAL}
    same = swap(PLAN, "S2", parse_plan("goal: g\nS1: [x = 7]")["S1"])
    assert expected(PLAN, same) == {"S2"}, "its value is as before, so nothing after it has to move"
    assert parts("a = 1 [S1]\nb  = 2 [S1, S2]\nanswer: 3") == {"S1": ("a=1", "b=2"), "S2": ("b=2",), FINAL: ("3",)}


def test_an_obedient_answer_moves_exactly_where_the_plan_did():
    changes = [change_of(way, item, 7) for way in ("blank", "corrupt") for item in PLAN.by_id]
    probe = Probe(FunctionModel(obedient))
    found = asyncio.run(effects(probe, TASK, PLAN, changes))
    assert all(one.exact and one.follow == 1.0 for one in found), found
    assert {one.stray for one in found} <= {0.0} | {one.stray for one in found if math.isnan(one.stray)}
    assert probe.spent.calls == 1 + len(changes)
    assert set(probe.ledger.by_role) == {"probe"}


def test_an_answer_that_ignores_its_plan_is_seen():
    changes = [corrupt(PLAN, item, rng(1)) for item in PLAN.by_id]
    found = asyncio.run(effects(Probe(FunctionModel(stubborn)), TASK, PLAN, changes))
    rate = causal_rate(found, "aaaa", rng=rng(), draws=50)
    assert (rate.follow.value, rate.exact.value, rate.changes) == (0.0, 0.0, 4)


def test_an_answer_that_moves_elsewhere_is_astray():
    before, after = stubborn(None, 0), "nuts = 5 [S1]\nbolts = 8 [S2]\nsaws = 1 [S3]\nwigs = 16 [S4]\nanswer: 16"
    found = effect(PLAN, corrupt(PLAN, "S1", rng()), before, after)
    assert (found.follow, found.stray, found.exact) == (1.0, 1.0, False)
    idle = effect(PLAN, blank(PLAN, "S3"), "answer: 14", "answer: 14")
    assert math.isnan(idle.follow), "S3 was never cited, so nothing could be seen to move"
    assert causal_rate([found, idle], "ab", rng=rng(), draws=20).changes == 1


def test_a_probe_keeps_to_its_own_budget():
    probe = Probe(FunctionModel(obedient), budget=Budget(tokens=30))
    with pytest.raises(BudgetExhausted):
        asyncio.run(probe.answer(TASK, PLAN))


# Leakage


@pytest.mark.parametrize(
    ("line", "value", "question", "leaks"),
    [
        ("S1: [wigs = 14]", "14", "", True),
        ("S1: [wigs = 2 * 7]", "14", "", True),
        ("S1: there are 14 wigs", "14", "", True),
        ("S1: [wigs = 2 * bolts]", "14", "", False),
        ("S1: [wigs = 140]", "14", "", False),
        ("S1: [nuts = 14]", "14", "We have 14 nuts.", False),  # the question says so itself
        ("S1: first Ann, then Bob", "Ann, then Bob", "", True),
        ("S1: first Annabel", "Ann", "", False),
        ("S1: [wigs = 0.5]", "1/2", "", True),
    ],
)
def test_a_value_that_stands_in_the_plan_is_found(line, value, question, leaks):
    plan = parse_plan(f"goal: g [wigs]\n{line}")
    assert stated(plan, value, question) == (("S1",) if leaks else ())


def test_a_plan_that_implies_its_answer_does_not_state_it():
    assert exact_leak(PLAN, "14", TASK.question) == Leak((), True)
    leaking = PLAN.with_items([*PLAN.items, Item(id="S5", text="so it is 14")])
    assert exact_leak(leaking, "14", TASK.question).stated == ("S5",)
    assert exact_leak(PLAN, "15").derived is False


def test_the_blind_reader_sees_no_question():
    model = FunctionModel(obedient)
    probe = Probe(model)

    async def grade(text):
        return text.endswith("answer: 14")

    assert asyncio.run(read_without_question(probe, TASK, PLAN, grade))
    assert "nuts. How many" not in model.requests[-1].prompt
    assert NEUTRAL in model.requests[-1].prompt
    hollow = blank(PLAN, "S1").apply(PLAN)
    assert not asyncio.run(read_without_question(probe, TASK, hollow, grade)), "negative control"


def test_leak_rates():
    found = leak_rate([Leak((), True, True), Leak(("S1",), True), Leak((), None)], "abc", rng=rng(), draws=50)
    assert found.stated.value == pytest.approx(1 / 3)
    assert (found.derived.value, found.read.value) == (1.0, 1.0)
    assert leak_rate([Leak((), None)], "a", rng=rng(), draws=5).read is None


# Fluff


def removed(plan, answer_of=implied_answer):
    energy_of = judged_energy(TASK, default_verifiers(), plan)
    return asyncio.run(removals(plan, energy_of, answer_of))


def test_a_planted_filler_is_fluff_and_what_the_goal_rests_on_is_not():
    lean = parse_plan("\n".join(["goal: how many wigs? [wigs]", LINES[0], LINES[1], LINES[3]]))
    assert fluff_share(removed(lean)) == 0.0
    padded = lean.with_items([*lean.items, Item(id="S9", text="take great care")])
    found = removed(padded)
    assert [one.item for one in found if one.fluff] == ["S9"]
    assert fluff_rate([found, removed(lean)], "ab", rng=rng(), draws=50).value == pytest.approx(1 / 7)


def test_locked_items_are_nobodys_fluff():
    locked = PLAN.with_items([*PLAN.items, Item(id="C1", check="wigs > 0", locked=True, source="task")])
    assert "C1" not in [one.item for one in removed(locked)]
    assert math.isnan(fluff_share([]))


def test_an_item_that_only_the_answer_heeds_is_no_fluff():
    padded = PLAN.with_items([*PLAN.items, Item(id="S9", text="say thanks")])

    async def heeds(plan):
        return "S9" in plan

    assert "S9" not in [one.item for one in removed(padded, heeds) if one.fluff]


def test_the_model_can_be_asked_what_moves():
    padded = PLAN.with_items([*PLAN.items, Item(id="S9", text="take great care")])
    probe = Probe(FunctionModel(obedient))
    found = removed(padded, probed_answer(probe, TASK))
    assert "S9" in [one.item for one in found if one.fluff]
    assert 0 < probe.spent.calls <= 1 + len(padded.items)


# Diversity


def test_diversity_looks_at_what_checks_say():
    other = parse_plan("goal: x [wigs]\nS7: [nuts=4]\nS8: [wigs = 2*bolts]\nS9: [bolts = nuts+3]\nS3: [saws = 9]")
    assert ideas(other) == ideas(PLAN)
    assert (diversity([PLAN, other]), vendi([PLAN, other])) == (0.0, pytest.approx(1.0))
    apart = parse_plan("goal: x\nS1: [a = 1]\nS2: [b = 2]")
    assert diversity([PLAN, apart]) == 1.0
    assert vendi([PLAN, apart, parse_plan("goal: y\nS1: [c = 3]")]) == pytest.approx(3.0)
    assert distance(frozenset("ab"), frozenset("bc")) == pytest.approx(2 / 3)
    assert math.isnan(diversity([PLAN]))
    found = mean_diversity([[PLAN, other], [PLAN, apart], [PLAN]], "abc", rng=rng(), draws=50)
    assert (found.value, found.clusters) == (0.5, 2)


# A real family


def test_gold_plans_and_answers_of_arithmetic_are_faultless():
    from planneal.experiments.metrics.citations import citations
    from planneal.experiments.metrics.contradictions import contradictions
    from planneal.experiments.metrics.faithfulness import satisfaction

    for problem in problems(12, seed=5):
        plan, text = parse_plan(problem.gold.plan), answer_text(problem, problem.gold.plan)
        checked = contradictions(text, plan)
        assert checked.found == ()
        assert checked.parsed == checked.statements
        assert satisfaction(plan, text).share == 1.0
        cites = citations(plan, text)
        assert (cites.recall, cites.precision) == (1.0, 1.0), text
