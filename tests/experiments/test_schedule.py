"""The schedule family: its questions determine their rules, its counts are exact, its graders take any right order."""

from __future__ import annotations

import asyncio
import itertools
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.decoders.answer import judge_answer
from planneal.experiments import schedule_moves
from planneal.experiments.families.base import LEVELS, Split
from planneal.experiments.families.schedule import (
    FAMILY,
    Difficulty,
    Kind,
    Rule,
    answer_text,
    count_orders,
    generate,
    parse_rule,
    plan_text,
    read_order,
    read_question,
    sentence,
)
from planneal.experiments.families.schedule.counting import first_order
from planneal.experiments.families.schedule.grading import kept, rules_of
from planneal.experiments.families.schedule.wording import INTROS, QUESTIONS, SENTENCES
from planneal.planner.acceptance import Greedy
from planneal.planner.edits import apply
from planneal.planner.energy import EnergyModel, difference
from planneal.planner.errors import ConfigError
from planneal.planner.kernel import Kernel
from planneal.planner.notation import format_plan, parse_edit, parse_plan
from planneal.planner.ordering import parse_ordering
from planneal.planner.schedules import Constant
from planneal.planner.stopping import solved
from planneal.proposers import Mixture
from pydantic import ValidationError

seeds = st.integers(0, 2**62)
sizes = st.integers(5, 8).flatmap(
    lambda items: st.builds(
        Difficulty,
        items=st.just(items),
        constraints=st.integers(items, 2 * items),
        solutions=st.none() | st.integers(15, 60),
        locked=st.sampled_from(("none", "some", "all", "any")),
    )
)
problems = st.builds(generate, seeds, sizes, st.sampled_from(Split))
small = st.builds(generate, seeds, st.just(Difficulty(items=5, constraints=6, solutions=None)))


def kernel(problem):
    verifiers = FAMILY.verifiers(problem.public)
    return Kernel(FAMILY.task(problem.public), Mixture(None), verifiers, EnergyModel(), Greedy(), Constant(0.0))


def judged(problem, plan):
    made = kernel(problem)
    chain = asyncio.run(made.init(0, parse_plan(plan) if isinstance(plan, str) else plan))
    return chain.current, solved(chain.current, made.exact)


def graded(problem, text):
    return asyncio.run(FAMILY.grade(problem, text))


@settings(max_examples=25, deadline=None)
@given(problems)
def test_the_question_alone_determines_things_and_rules(problem):
    entries, rules = read_question(problem.public.question)
    assert entries == problem.public.entries
    assert tuple(rule.check for rule in rules) == problem.gold.checks
    assert [parse_rule(check).same for check in problem.gold.checks] == [rule.same for rule in rules]
    assert len(set(problem.gold.checks)) == problem.public.rules
    assert "\n" not in problem.public.question
    assert all(part.strip()[0].isupper() for part in re.findall(r"[^.?]+", problem.public.question))


@settings(max_examples=12, deadline=None)
@given(small)
def test_the_number_of_solutions_is_the_count_of_all_orders(problem):
    rules = rules_of(problem)
    every = [order for order in itertools.permutations(problem.public.entries) if kept(order, rules) == len(rules)]
    assert problem.gold.solutions == len(every) >= 1
    for order in every[:20]:  # every solution is accepted, not the gold one alone
        assert graded(problem, f"answer: {', '.join(order)}")
    assert problem.gold.order in every


rule_lists = st.lists(
    st.one_of(
        st.builds(
            lambda kind, names, number: Rule(
                kind,
                tuple(names[: {Kind.BETWEEN: 3, Kind.END: 1, Kind.PLACE: 1}.get(kind, 2)]),
                number if kind in (Kind.APART, Kind.PLACE) else 0,
            ),
            st.sampled_from([kind for kind in Kind if kind is not Kind.EITHER]),
            st.permutations(["a", "b", "c", "d", "e"]),
            st.integers(3, 5),
        ),
        st.builds(
            lambda one, two: Rule(Kind.EITHER, (*one[:2], *two[:2])),
            st.permutations(["a", "b", "c", "d", "e"]),
            st.permutations(["a", "b", "c", "d", "e"]),
        ),
    ),
    max_size=7,
)


@settings(max_examples=50, deadline=None)
@given(rule_lists)
def test_counting_agrees_with_trying_every_order_for_any_rules(rules):
    """Rules that contradict each other included."""
    expected = sum(kept(order, rules) == len(rules) for order in itertools.permutations("abcde"))
    assert count_orders("abcde", rules) == expected


@settings(max_examples=100, deadline=None)
@given(rule_lists, st.permutations(["a", "b", "c", "d", "e"]))
def test_the_first_order_is_the_first_of_all_that_keep_the_rules(rules, names):
    """First as permutations are listed, things in the order in which the question names them."""
    tried = itertools.permutations(names)
    assert first_order(names, rules) == next((o for o in tried if kept(o, rules) == len(rules)), None)


@settings(max_examples=50, deadline=None)
@given(rule_lists, st.permutations(["a", "b", "c", "d", "e"]))
def test_the_verifiers_reading_of_checks_agrees_with_the_graders(rules, order):
    places = {name: place for place, name in enumerate(order, start=1)}
    for rule in rules:
        exact = {**places, "first": 1, "last": 5}
        assert parse_ordering(rule.check).holds(exact) == rule.keeps(places), rule


@settings(max_examples=15, deadline=None)
@given(problems)
def test_the_gold_plan_passes_everything_and_says_its_answer(problem):
    plan = parse_plan(problem.gold.plan)
    assert format_plan(plan) == problem.gold.plan
    current, done = judged(problem, problem.gold.plan)
    assert done
    assert not any(assessment.failures for assessment in current.assessments)
    assert FAMILY.grade_plan(problem, problem.gold.plan).exact
    answer = judge_answer(plan, answer_text(problem))
    assert (answer.faithful, answer.uncited) == (True, ())
    assert graded(problem, answer_text(problem))
    assert graded(problem, answer.value)


@settings(max_examples=15, deadline=None)
@given(problems, st.integers(0, 2**32))
def test_near_misses_are_wrong(problem, seed):
    near = FAMILY.wrong_answers(np.random.default_rng(seed), problem)
    assert len(set(near)) >= 4
    assert not any(graded(problem, text) for text in near)


@settings(max_examples=10, deadline=None)
@given(problems, st.randoms(use_true_random=False))
def test_corrupted_plans_fail_or_are_another_solution(problem, random):
    goal, *rows = problem.gold.plan.splitlines()
    victim = random.randrange(len(rows))
    lacking = "\n".join([goal, *rows[:victim], *rows[victim + 1 :]])
    found = FAMILY.grade_plan(problem, lacking)
    assert not found.exact
    assert found.missing == 1
    assert not judged(problem, lacking)[1]
    head, _ = rows[victim].split(": ", 1)
    rows[victim] = f"{head}: kiwis" if head.startswith("S") else f"{head}: [order: kiwis < {problem.gold.order[0]}]"
    assert not FAMILY.grade_plan(problem, "\n".join([goal, *rows])).right
    assert not judged(problem, "\n".join([goal, *rows]))[1]


@settings(max_examples=8, deadline=None)
@given(problems, st.integers(0, 2**32))
def test_random_plans_state_the_right_rules_and_are_solved_only_when_right(problem, seed):
    plan = FAMILY.random_plan(np.random.default_rng(seed), problem.public)
    found = FAMILY.grade_plan(problem, format_plan(plan))
    assert (found.missing, found.false) == (0, 0)
    assert judged(problem, plan)[1] == found.right


def test_a_plan_with_another_rule_in_a_rules_place_passes_the_verifiers_and_is_graded_wrong():
    """What no exact verifier sees: a rule that was misread."""
    for seed in range(8):
        problem = generate(seed)
        order, rules = problem.gold.order, rules_of(problem)
        for near in itertools.permutations(order):
            if kept(near, rules) == len(rules) - 1:
                break
        places = {name: place for place, name in enumerate(near, start=1)}
        true = (Rule(Kind.BEFORE, (a, b)).check for a, b in itertools.pairwise(near))
        free = next(check for check in true if check not in problem.gold.checks)
        checks = [rule.check if rule.keeps(places) else free for rule in rules]
        plan = plan_text(problem.public.goal, near, checks)
        assert judged(problem, plan)[1]
        found = FAMILY.grade_plan(problem, plan)
        assert (found.right, found.missing, found.false) == (False, 1, 1)
        assert not graded(problem, answer_text(problem, plan))


def test_dropping_or_repeating_a_broken_rule_does_not_solve_a_plan():
    problem = generate(3)
    plan = FAMILY.random_plan(np.random.default_rng(1), problem.public)
    current, done = judged(problem, plan)
    assert not done
    culprit = next(w.item for w in current.witnesses if w.kind == "misplaced")
    made = kernel(problem)
    chain = asyncio.run(made.init(0, plan))
    other = next(item for item in plan.items if item.kind == "C" and item.id != culprit)
    for edit in (f"delete {culprit}", f"replace {culprit}: [{other.check}]"):
        after = asyncio.run(made.judge(apply(plan, parse_edit(edit, plan=plan)), chain.anchor))
        assert difference(after.energy, chain.current.energy) >= 0
        assert not solved(after, made.exact)


def test_missing_doubled_and_foreign_things_are_told():
    problem = generate(3)
    one, two = problem.gold.order[:2]
    swapped = problem.gold.plan.replace(f"S1: {one}", f"S1: {two}")
    current, _ = judged(problem, swapped)
    lines = {w.line for a in current.assessments if a.verifier == "entries" for w in a.witnesses}
    assert lines == {f"{one} has no place", "S2 repeats S1"}
    current, _ = judged(problem, problem.gold.plan.replace(f"S1: {one}", "S1: kiwis"))
    lines = {w.line for a in current.assessments if a.verifier == "entries" for w in a.witnesses}
    assert lines == {f"{one} has no place", "S1 is malformed: kiwis is not to be put in order"}
    fewer = "\n".join(line for line in problem.gold.plan.splitlines() if not line.startswith("C8"))
    lines = {w.line for a in judged(problem, fewer)[0].assessments for w in a.witnesses}
    assert lines == {"goal is not reached: the plan states 7 of 8 rules"}


async def refined(problem, plan, rng):
    made = kernel(problem)
    chain = await made.init(0, plan)
    for _ in range(80):
        if solved(chain.best, made.exact):
            break
        chain, _ = await made.step(rng, chain)
    return chain.best.plan, solved(chain.best, made.exact)


def test_refinement_puts_things_in_order_without_a_model():
    right = 0
    for seed in range(8):
        problem, rng = generate(seed, Difficulty(locked="any")), np.random.default_rng(seed)
        lacking = apply(FAMILY.random_plan(rng, problem.public), parse_edit("delete S4"))
        best, done = asyncio.run(refined(problem, lacking, rng))
        assert done == FAMILY.grade_plan(problem, format_plan(best)).exact
        right += done
    assert right >= 4


ANSWERS = (
    "a, b, c",
    "answer: a, b, c",
    "a -> b -> c",
    "1. a\n2. b\n3. c",
    "[a, b, c]",
    'answer: ["a", "b", "c"]',
    "A B C",
    "first a, then b and c.",
    "2: b, 1: a, 3: c",
    "a=1, c=3, b=2",
    "c [S3]\nanswer: a, b, c [S1, S2]",
    "a > b > c",
    "x y z\n**Answer:** a \u2192 b \u2192 c",
    "The order is: a, b, c.",
    "answer: c, b, a\nanswer: a b c",
    "answer: a b c\nDone.",
)
NO_ANSWERS = (
    "",
    "a, b",
    "a, b, c, a",
    "a, b, d",
    "a <- b <- c",
    "a, b, not c",
    "1 a 1 b 3 c",
    "a 1 2 b c",
    "answer:",
    "c, b, a?",
    "9" * 300 + " a b c",
    "a, b, c" + " ," * 20_000,
    "\x00a b c\ud800",
    "a, b, c or c, b, a",
    "answer: \u0661 a 2 b 3 c",
)


@pytest.mark.parametrize("text", ANSWERS)
def test_orders_are_read_in_any_sensible_notation(text):
    assert read_order(text, ("c", "a", "b")) == ("a", "b", "c")


@pytest.mark.parametrize("text", NO_ANSWERS)
def test_other_texts_are_no_such_order(text):
    assert read_order(text, ("c", "a", "b")) != ("a", "b", "c")


ONE = generate(1)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_no_text_breaks_a_grader(text):
    problem = ONE
    assert graded(problem, text) is False
    assert FAMILY.grade_plan(problem, text).right is False
    assert parse_rule(text) is None or isinstance(parse_rule(text), Rule)


@pytest.mark.parametrize(
    ("text", "as_"),
    [
        ("b > a", "a < b"),
        ("b = a + 1", "a + 1 = b"),
        ("b - a == 1", "a + 1 = b"),
        ("a = b - 1", "a + 1 = b"),
        ("|b - a| > 1", "|a - b| >= 2"),
        ("|b-a|>=3", "|a - b| >= 3"),
        ("a between c and b", "a between b and c"),
        ("min(b, c) < a < max(c, b)", "a between b and c"),
        ("c < d or a < b", "a < b or c < d"),
        ("a = last or a = first", "a = first or a = last"),
        ("1 = a", "a = first"),
    ],
)
def test_rules_are_equal_however_they_are_written(text, as_):
    assert parse_rule(text).same == parse_rule(as_).same


@pytest.mark.parametrize(
    "text", ["a < a", "a", "a = b", "a < b or c", "a < b or b < c or c < d", "a = first or b = last", "a = -1"]
)
def test_what_is_no_rule_is_not_read(text):
    assert parse_rule(text) is None


def test_wordings_are_three_a_kind_and_lower_case_but_for_the_start():
    assert set(SENTENCES) == set(Kind)
    assert all(len(set(wordings)) >= 3 for wordings in (*SENTENCES.values(), INTROS, QUESTIONS))
    told = {sentence(Rule(Kind.PLACE, ("figs",), number), n) for number in (1, 4, -1) for n in range(3)}
    assert len(told) == 9
    with pytest.raises(ValueError, match="no question"):
        read_question("What is the order?")
    with pytest.raises(ValueError, match="no rule"):
        read_question("Line up these 2 by 1 rules: figs, eggs. The figs are blue. Give one such order.")


def test_levels_knobs_and_splits():
    assert tuple(FAMILY.levels) == LEVELS
    for size in range(5, 15):
        assert FAMILY.sized(size).items == size
    with pytest.raises(ConfigError):
        FAMILY.sized(15)
    for wrong in ({"items": 4}, {"constraints": 3}, {"items": 5, "constraints": 16}, {"kinds": (Kind.END,)}, {"x": 1}):
        with pytest.raises(ValidationError):
            Difficulty(**wrong)
    unique = [generate(seed, Difficulty(solutions=1)) for seed in range(10)]
    assert {problem.gold.solutions for problem in unique} == {1}
    assert {rule.kind for p in unique for rule in rules_of(p)} <= set(Kind)
    assert len(generate(0, Difficulty(locked="all")).public.constraints) == 8
    assert 1 <= len(generate(0, Difficulty(locked="some")).public.constraints) < 8
    texts = {generate(seed, split=split).public.question for seed in range(100) for split in Split}
    assert len(texts) == 200
    assert generate(4) == generate(4)


def test_the_largest_problems_can_be_drawn():
    problem = generate(0, Difficulty(items=14, constraints=30, solutions=40))
    assert len(problem.gold.checks) == 30
    assert 1 <= problem.gold.solutions <= 40


def test_the_public_part_does_not_hold_the_gold():
    problem = generate(5)
    shown = problem.public.model_dump_json()
    assert problem.gold.plan not in shown
    assert ", ".join(problem.gold.order) not in shown
    assert set(type(problem.public).model_fields) - {"entries", "rules"} == set(
        type(problem.public).__bases__[0].model_fields
    )


def test_searches_find_solutions_and_random_orders_hardly_do(capsys):
    size, searches = "7 things, 8 rules", schedule_moves.SEARCHES
    found = {name: schedule_moves.solved(size, search, 12, 40) for name, search in searches.items()}
    assert found["aimed"] > found["orders"]
    schedule_moves.main(["--problems", "2", "--looks", "5"])
    assert len(capsys.readouterr().out.splitlines()) == 5
