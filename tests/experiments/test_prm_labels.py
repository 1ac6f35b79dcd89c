"""Labels of plan items by the gold: known answers, and what must not be called right or wrong."""

import asyncio
from itertools import permutations

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="the local extra is not installed")

from hypothesis import given
from hypothesis import strategies as st
from planneal.experiments.families.base import Split
from planneal.experiments.families.countdown import public_of
from planneal.experiments.families.countdown_moves import all_moves
from planneal.experiments.families.countdown_rules import Results, Rules, step_of
from planneal.experiments.families.hands import hand_of
from planneal.experiments.families.registry import family, names
from planneal.experiments.families.schedule.rules import parse_rule
from planneal.experiments.training.draws import draw_problem
from planneal.experiments.training.faults import reworded
from planneal.experiments.training.prm.labels import aligned, label
from planneal.experiments.training.prm.negatives import hard_negative, misread
from planneal.experiments.training.prm.places import can_be_kept, faultless_places
from planneal.experiments.training.prm.seen import see
from planneal.experiments.training.prm.ways import completable, completable_steps
from planneal.planner.expressions import parse_relation
from planneal.planner.notation import format_plan, parse_plan


def gold(name, seed):
    problem = family(name).generate(seed, family(name).levels["middle"], Split.TRAIN)
    return problem, parse_plan(problem.gold.plan)


def marks(problem, text):
    return dict(label(problem, parse_plan(text)))


@pytest.mark.parametrize("name", names())
def test_every_item_of_a_gold_plan_is_right_and_none_of_the_tasks_is_labelled(name):
    for seed in range(8):
        problem, plan = gold(name, seed)
        found = label(problem, plan)
        assert all(found.values()), (problem.gold.plan, found)
        assert set(found) == {item.id for item in plan.items if not item.locked}


@pytest.mark.parametrize("name", names())
def test_a_plan_that_the_grader_refuses_for_what_it_states_has_a_wrong_item_and_a_right_one_has_none(name):
    rng = np.random.default_rng(3)
    refused = 0
    for _ in range(8):
        problem = draw_problem(rng, name)[0]
        plan = misread(rng, problem) if name == "schedule" else reworded(rng, problem)
        if plan is None:
            continue
        grade, found = family(name).grade_plan(problem, format_plan(plan)), label(problem, plan)
        if grade.false:
            refused += 1
            assert not all(found.values()), (format_plan(plan), grade)
        if grade.right and name != "arithmetic":
            assert all(found.values())
    assert refused


def test_arithmetic_blames_the_relation_and_not_its_users():
    problem, plan = gold("arithmetic", 3)
    relations = [str(item.check) for item in plan.items]
    first = next(i for i, check in enumerate(relations) if check.split(" = ")[1].isdigit())
    symbol = relations[first].split(" = ")[0]
    lines = problem.gold.plan.split("\n")
    lines[1 + first] = f"{lines[1 + first].split(':')[0]}: [{symbol} = 777]"
    found = marks(problem, "\n".join(lines))
    assert [i for i, right in found.items() if not right] == [plan.items[first].id]


def test_arithmetic_takes_a_sum_in_either_order_and_nothing_that_cannot_be_read():
    problem, plan = gold("arithmetic", 3)
    lines = problem.gold.plan.split("\n")
    place, line = next((i, line) for i, line in enumerate(lines) if "+" in line)
    name, sides = line.split("[")[1].split("]")[0].split(" = ")
    one, two = sides.split(" + ")
    item = line.split(":")[0]
    turned = "\n".join([*lines[:place], f"{item}: [{name} = {two} + {one}]", *lines[place + 1 :]])
    assert marks(problem, turned)[item] is (not two.isdigit() and not one.isdigit())
    broken = "\n".join([*lines[:place], f"{item}: something about {name}", *lines[place + 1 :]])
    assert marks(problem, broken)[item] is False
    assert plan[item].check is not None


SCHEDULE = (
    "goal: put 7 in order\nC1: [order: |hats - dogs| > 1]\nC2: [order: dogs > mugs]\nC7: [order: 5 == hats]\n"
    "C8: [order: rugs = last]\nS1: rugs\nS2: mugs\nS3: dogs\nS4: grapes\nS5: mugs"
)


def test_schedule_knows_rules_in_other_forms_and_foreign_or_doubled_things():
    problem = family("schedule").generate(3, family("schedule").levels["hard"], Split.EVAL)
    assert problem.gold.order[:2] == ("rugs", "mugs")
    found = marks(problem, SCHEDULE)
    assert [found[i] for i in ("C1", "C2", "C7", "C8")] == [True, True, True, False]
    # Pins come right before dogs: with dogs in third place behind mugs that is past.
    assert [found[f"S{n}"] for n in range(1, 6)] == [True, True, False, False, False]


RULES = ["a < b", "a + 1 = b", "|a - b| >= 3", "a = 2", "a = last", "a = first or a = last", "c between a and b"]
RULES += ["a < b or c < d", "a < b or b < c"]


@given(st.permutations("abcde"), st.integers(0, 5), st.sampled_from(RULES))
def test_a_rule_can_be_kept_where_some_whole_row_keeps_it(row, count, text):
    rule = parse_rule(text)
    begun = row[:count]
    rows = (dict(zip([*begun, *rest], range(1, 6), strict=True)) for rest in permutations(row[count:]))
    assert can_be_kept(rule, begun, 5) == any(rule.keeps(places) for places in rows)


@given(st.permutations("abcde"), st.lists(st.sampled_from(RULES), unique=True, max_size=4))
def test_a_whole_row_is_faultless_exactly_where_it_keeps_what_can_be_kept(row, texts):
    rules = [parse_rule(text) for text in texts]
    places = dict(zip(row, range(1, 6), strict=True))
    assert all(faultless_places("abcde", rules, row)) == all(rule.keeps(places) for rule in rules)


def test_the_thing_that_ends_a_rules_chances_is_blamed_and_none_after_it():
    before = [parse_rule("a < c")]
    assert faultless_places("abcd", before, "cabd") == [False, True, True, True]
    assert faultless_places("abcd", [parse_rule("a + 1 = b")], "acbd") == [True, False, True, True]
    assert faultless_places("abcd", before, "aab") == [True, False, True]


def test_tools_blames_the_call_and_not_what_rests_on_it():
    problem, _ = gold("tools", 7)
    plan = parse_plan(problem.gold.plan)
    calls = [item for item in plan.items if item.kind == "S"]
    text = problem.gold.plan.replace(str(calls[0].check), "call: get_customer(name=\"nobody\")")
    found = marks(problem, text)
    assert found[calls[0].id] is False
    assert all(found[item.id] for item in calls[1:])


def test_tools_takes_a_read_twice_for_harmless_and_a_write_twice_for_wrong():
    problem = family("tools").generate(3, family("tools").levels["middle"], Split.EVAL)
    lines = problem.gold.plan.split("\n")
    place = next(i for i, line in enumerate(lines) if "cancel(" in line)
    wrote = lines[place].split(": ", 1)[1]
    assert marks(problem, "\n".join([*lines[: place + 1], f"S9: {wrote}", *lines[place + 1 :]]))["S9"] is False
    read = next(line for line in lines if "get_order(" in line).split(": ", 1)[1].split(" <- ")[0]
    assert marks(problem, "\n".join([*lines, f"S9: {read}"]))["S9"] is True


def test_code_takes_other_words_and_blames_the_step_that_is_not_told():
    problem = family("code").generate(3, family("code").levels["easy"], Split.EVAL)
    text = problem.gold.plan
    assert "S2: cut the list before the first number not below 12" in text
    found = marks(problem, text.replace("not below 12", "not below 11"))
    assert [i for i, right in found.items() if not right] == ["S2"]
    other = marks(problem, text.replace("calls max", "no loop"))
    assert [i for i, right in other.items() if not right] == ["I2"]
    gone = "\n".join(line for line in text.split("\n") if not line.startswith("S1"))
    assert all(marks(problem, gone.replace(" <- S1", "")).values()), "what is missing is no item's fault"


def test_alignment_is_the_longest_and_the_earliest():
    assert aligned(["a", "b", "c"], ["a", "b", "c"]) == [True] * 3
    assert aligned(["c", "a", "b"], ["a", "b", "c"]) == [False, True, True]
    assert aligned(["b", "a"], ["a", "b"]) == [True, False]
    assert aligned(["a", None, "a"], ["a"]) == [True, False, False]
    assert aligned([], ["a"]) == []


@given(st.lists(st.integers(1, 12), min_size=2, max_size=4), st.integers(1, 60))
def test_a_hand_is_completable_where_a_derivation_is_found(numbers, aim):
    rules = Rules(numbers=tuple(numbers), aim=aim)
    found = any(True for _ in all_moves(rules)) or (len(numbers) == 1 and numbers[0] == aim)
    assert completable(hand_of(numbers), aim, True, Results.POSITIVE) == found


def steps(*texts):
    return [step_of(parse_relation(text)) for text in texts]


def test_countdown_steps_are_worth_what_can_still_be_made_of_them():
    rules = Rules(numbers=(10, 36, 32, 20), aim=98)
    good = steps("a = 36 + 20", "b = 32 + 10", "result = a + b")
    assert completable_steps(rules, good) == [True, True, True]
    assert completable_steps(rules, good[:1]) == [True]
    # A number that is not there: nothing after it can be right.
    assert completable_steps(rules, steps("a = 36 + 20", "b = 32 + 11", "result = a + b")) == [True, False, False]
    # By the rules and out of reach.
    assert completable_steps(rules, steps("a = 36 * 32", "b = a * 20", "result = b - 10")) == [False, False, False]
    # The target, with a number left over.
    assert completable_steps(Rules(numbers=(2, 3, 9), aim=5), steps("result = 2 + 3")) == [False]


def test_countdown_leaves_the_demand_alone():
    rules = Rules(numbers=(2, 3), aim=5)
    problem = family("countdown").generate(0)
    problem = problem.model_copy(update={"public": public_of(rules, "x", "2 3 to 5")})
    text = "goal: make 5 [result]\nC1!: [result = 5]\nS1: [result = 3 + 2]"
    assert marks(problem, text) == {"S1": True}
    assert marks(problem, text.replace("3 + 2", "3 * 2")) == {"S1": False}


def test_hard_negatives_are_wrong_and_mostly_not_named():
    async def found(name):
        rng = np.random.default_rng(4)
        made = []
        for _ in range(6):
            problem = draw_problem(rng, name)[0]
            seen = await hard_negative(rng, problem)
            if seen is not None:
                wrong = {i for i, right in label(problem, seen.plan).items() if not right}
                assert wrong
                made.append(not wrong & seen.named)
        return made

    for name in ("arithmetic", "tools", "code"):
        made = asyncio.run(found(name))
        assert len(made) >= 4
        assert sum(made) >= len(made) / 2


def test_a_misread_rule_is_kept_by_the_order_and_not_asked_for():
    rng = np.random.default_rng(0)
    seen = 0
    for seed in range(20):
        problem, _ = gold("schedule", seed)
        plan = misread(rng, problem)
        if plan is None:
            continue
        seen += 1
        found = label(problem, plan)
        assert sum(not right for right in found.values()) == 1
        assert not asyncio.run(see(problem, plan)).named
    assert seen >= 5


def test_gold_plans_are_silent_and_left_as_they_are_and_faults_are_named():
    for name in names():
        problem, plan = gold(name, 5)
        assert asyncio.run(see(problem, plan)) == (plan, frozenset(), True)
    problem, plan = gold("arithmetic", 5)
    text = problem.gold.plan + "\nS98: [zebras = 4 + horses]"
    assert "S98" in asyncio.run(see(problem, parse_plan(text))).named
