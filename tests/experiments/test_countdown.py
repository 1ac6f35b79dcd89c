"""The Countdown family: its problems, its exact grader, its verifiers, and that the distance to the target deceives."""

import asyncio
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.decoders.answer import judge_answer
from planneal.experiments.countdown_distance import correlation, edits, measure, steps_of
from planneal.experiments.countdown_random import disagreements, first_hits
from planneal.experiments.families.base import LEVELS, PublicProblem, Split
from planneal.experiments.families.countdown import FAMILY, Difficulty, answer_text, problem_of, rules_of
from planneal.experiments.families.countdown_moves import all_moves
from planneal.experiments.families.countdown_rules import Results, Rules
from planneal.experiments.families.countdown_verifiers import DistanceVerifier, RulesVerifier, closeness
from planneal.experiments.families.countdown_wording import GIVEN, ONCE
from planneal.planner.errors import ConfigError, PlanError
from planneal.planner.notation import format_plan, parse_plan
from planneal.testing import check_verifier

difficulties = st.builds(
    Difficulty, numbers=st.integers(3, 6), largest=st.sampled_from((20, 50, 99)), every=st.booleans()
)
problems = st.builds(FAMILY.generate, st.integers(0, 2**62), difficulties, st.sampled_from(Split))
RULES = Rules(numbers=(86, 28, 13, 31), aim=96)
PUZZLE = problem_of(RULES, "p")


def right(problem, text):
    return asyncio.run(FAMILY.grade(problem, text))


def assessments(problem, plan):
    task = FAMILY.task(problem.public)
    return [asyncio.run(verifier.assess(task, plan)) for verifier in FAMILY.verifiers(problem.public)]


def test_the_family_says_that_it_is_deceptive():
    assert FAMILY.deceptive
    assert "deceptive" in FAMILY.about
    assert tuple(FAMILY.levels) == LEVELS


@settings(max_examples=40, deadline=None)
@given(problems)
def test_the_question_holds_the_numbers_and_the_target_and_nothing_of_the_way(problem):
    rules = rules_of(problem.public)
    numbers = re.search(r"((?:[0-9]+ ?)+)\.", problem.public.question)[1].split()
    assert tuple(map(int, numbers)) == rules.numbers
    assert re.search(r"([0-9]+)\.$", problem.public.question)[1] == str(rules.aim)
    assert "\n" not in problem.public.question
    assert rules.aim not in rules.numbers
    assert problem.gold.plan.split("\n", 2)[2] not in problem.public.model_dump_json()


@settings(max_examples=25, deadline=None)
@given(problems)
def test_a_gold_plan_is_read_passes_every_verifier_and_answers(problem):
    plan = parse_plan(problem.gold.plan)
    assert format_plan(plan) == problem.gold.plan
    assert plan.locked == FAMILY.task(problem.public).constraints
    for assessment in assessments(problem, plan):
        assert assessment.abstained is None
        assert assessment.verdicts["goal"].outcome == "pass"
        assert all(verdict.outcome == "pass" for verdict in assessment.verdicts.values()), assessment
    assert FAMILY.grade_plan(problem, problem.gold.plan).exact
    text = answer_text(problem)
    answer = judge_answer(plan, text)
    assert answer.faithful, answer.problems
    assert answer.coverage == 1
    assert right(problem, text)
    assert right(problem, answer.value)


@settings(max_examples=40, deadline=None)
@given(problems, st.integers(0, 2**32))
def test_near_misses_are_wrong(problem, seed):
    wrong = FAMILY.wrong_answers(np.random.default_rng(seed), problem)
    assert len(set(wrong)) >= 3
    assert not any(right(problem, text) for text in wrong)


@settings(max_examples=30, deadline=None)
@given(problems, st.integers(0, 2**32))
def test_a_corrupted_plan_is_wrong(problem, seed):
    rng = np.random.default_rng(seed)
    lines = problem.gold.plan.split("\n")
    victim = int(rng.integers(2, len(lines)))
    lacking = "\n".join(lines[:victim] + lines[victim + 1 :])
    assert not FAMILY.grade_plan(problem, lacking).right
    number = re.search(r"(?<== )[0-9]+|(?<=[-+*/] )[0-9]+", lines[victim])
    if number:
        other = next(n for n in range(int(number[0]) + 1, 999) if n not in rules_of(problem.public).numbers)
        lines[victim] = lines[victim][: number.start()] + str(other) + lines[victim][number.end() :]
        assert not FAMILY.grade_plan(problem, "\n".join(lines)).right
        assert any(
            "fail" in {v.outcome for v in a.verdicts.values()}
            for a in assessments(problem, parse_plan("\n".join(lines)))
        )


@settings(max_examples=30, deadline=None)
@given(problems, st.integers(0, 2**32))
def test_random_plans_keep_to_the_rules_and_only_the_target_is_luck(problem, seed):
    plan = FAMILY.random_plan(np.random.default_rng(seed), problem.public)
    _, _, hand, distance = assessments(problem, plan)
    assert not hand.failures
    assert (distance.verdicts["goal"].outcome == "pass") == FAMILY.grade_plan(problem, format_plan(plan)).right


RIGHT = [
    "answer: (86 + 28) - (31 - 13)",
    "answer: 86 + 28 - (31 - 13) = 96",
    "answer: 96 = 86 + 28 - (31 - 13)",
    "86+28=114,31-13=18,114-18=96",
    "86 + 28 = 114\n31 - 13 = 18\n114 - 18 = 96",
    "Step 1: 86 + 28 = 114 (left: 13 31 114)\nStep 2: 31 - 13 = 18\nStep 3: 114 - 18 = 96\nAnswer: 96",
    "a = 86 + 28 = 114 [S1]\nb = 31 - 13 = 18 [S2]\nresult = a - b = 114 - 18 = 96 [S3]\nanswer: 96 [S3]",
    "a = 86 + 28\nb = 31 - 13\nresult = a - b\nresult = 96",
    "(86 \u2212 31) + 28 + 13",
    r"So \boxed{(86 + 28) - (31 - 13)}.",
    "I tried 86 * 28 = 2408, too much.\n**Answer:** (86 + 28) - (31 - 13)",
    "86 + 28 + 13 - 31",
    "answer: 13 - 31 + 86 + 28",
]
WRONG = [
    "",
    "96",
    "answer: 96",
    "answer: 86 + 28 - 18",
    "answer: 86 + 13 - 3",
    "answer: 86 + 28 - 31 + 13 = 97",
    "answer: 86 + 28 - 13 - 5",
    "86+28=114,31-13=18,114-18=97",
    "86+28=114,114-18=96",
    "86+28=115,31-13=18,114-18=96",
    "86 + 28 = 114\n31 - 13 = 18\n114 - 18 = 96\nanswer: 97",
    "answer: 28 + 86 + (13 - 31)",
    "answer: __import__('os').system('true')",
    "answer: 9 ** 9 ** 9 ** 9",
    "answer: " + "(" * 5000,
    "answer: result",
    "a = a + 86",
    "86 m + 28 m - (31 m - 13 m)",
    "\x00\ud800 = 3",
]


@pytest.mark.parametrize("text", RIGHT)
def test_every_way_to_the_target_counts(text):
    assert right(PUZZLE, text)


@pytest.mark.parametrize("text", WRONG)
def test_everything_else_is_refused_and_nothing_raises(text):
    assert not right(PUZZLE, text)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=60) | st.text("0123456789+-*/()=., \nabanswer:[S1]", max_size=60))
def test_no_text_raises(text):
    assert right(PUZZLE, text) in (True, False)
    assert FAMILY.grade_plan(PUZZLE, text).right in (True, False)


def test_what_results_may_be_is_a_rule():
    zero = Rules(numbers=(5, 5, 7, 9), aim=9)
    ways = {Results.POSITIVE: False, Results.WHOLE: True, Results.ANY: True}
    for results, allowed in ways.items():
        problem = problem_of(zero.model_copy(update={"results": results}), "p")
        assert right(problem, "answer: (5 - 5) * 7 + 9") is allowed
    fractions = Rules(numbers=(3, 3, 8, 8), aim=24, results=Results.ANY)
    assert right(problem_of(fractions, "p"), "answer: 8 / (3 - 8 / 3)")
    assert not right(
        problem_of(fractions.model_copy(update={"results": Results.WHOLE}), "p"), "answer: 8 / (3 - 8 / 3)"
    )
    order = Rules(numbers=(3, 4, 8), aim=6)
    assert right(problem_of(order, "p"), "answer: 3 / 4 * 8")
    assert not right(problem_of(order, "p"), "answer: 3 / (4 / 8)")


def test_each_number_once_or_at_most_once():
    at_most = problem_of(RULES.model_copy(update={"every": False, "aim": 114}), "p")
    assert right(at_most, "answer: 86 + 28")
    assert not right(problem_of(RULES.model_copy(update={"aim": 114}), "p"), "answer: 86 + 28")
    assert not right(at_most, "answer: 86 + 28 + 13 - 13")


def test_plans_that_cannot_be_followed_are_told_why():
    def told(*steps):
        lines = "\n".join(f"S{i}: [{step}]" for i, step in enumerate(steps, start=1))
        plan = parse_plan(f"goal: make 96 [result]\nC1!: [result = 96]\n{lines}")
        found = asyncio.run(RulesVerifier(RULES).assess(FAMILY.task(PUZZLE.public), plan))
        return {item_id: verdict.reason for item_id, verdict in found.verdicts.items() if verdict.outcome == "fail"}

    assert told("a = 86 + 28", "b = 31 - 13", "result = a - b") == {}
    assert told("a = 86 + 29", "result = a")["S1"] == "S1 is violated: it uses a number that is not at hand"
    assert told("a = 86 + 28", "b = a + a")["S2"].endswith("it uses a number that is not at hand")
    assert "-18" in told("a = 13 - 31", "result = 86")["S1"]
    assert told("a = 86 / 28")["S1"].endswith("every result must be a positive whole number")
    assert told("a = 86 + 28", "a = 31 - 13")["S2"].endswith("a has a value already")
    assert told("a = 86 % 28")["S1"].startswith("S1 is violated: % is none of")
    assert told("result = 86 + 28 + 13 - 31 + 0")["S1"]
    assert told("result = 86 + 28")["goal"] == "the steps end with 13 31 114, not with result alone"
    assert told("a = 86 + 28")["goal"] == "no step gives result"


def test_the_own_verifiers_keep_the_laws():
    drawn = [FAMILY.generate(seed, FAMILY.levels["easy"]) for seed in range(2)]
    rules = rules_of(drawn[0].public)
    rng = np.random.default_rng(0)
    task = FAMILY.task(drawn[0].public)
    cases = [(task, parse_plan(drawn[0].gold.plan)), (task, FAMILY.random_plan(rng, drawn[0].public))]
    for verifier in (RulesVerifier(rules), DistanceVerifier(rules)):
        report = check_verifier(verifier, cases)
        assert report.ok, str(report)


def test_closeness_rises_towards_the_target_and_never_reaches_one():
    scores = [closeness(value, 96) for value in (None, 10**12, 1000, 100, 97, 95)]
    assert scores == sorted(scores)
    assert 0 == scores[0] < scores[1]
    assert scores[-1] == scores[-2] == 0.5


def test_swapped_plans_are_followed_and_broken_ones_are_told():
    swapped = problem_of(RULES, "p").gold.plan or "goal: make 96 [result]\nS1: [result = 86 + 28]"
    assert answer_text(PUZZLE, swapped) == "result = 86 + 28 = 114 [S1]\nanswer: 86 + 28 [S1]"
    with pytest.raises(PlanError, match="no step gives result"):
        answer_text(PUZZLE, "goal: make 96 [result]\nS1: [a = 86 + 28]")


def test_problems_differ_by_seed_and_split_and_are_the_same_again():
    assert FAMILY.generate(4) == FAMILY.generate(4)
    for level in FAMILY.levels.values():
        texts = {FAMILY.generate(seed, level, split).public.question for seed in range(150) for split in Split}
        assert len(texts) == 300
    assert len(GIVEN) >= 3
    assert all(len(set(told)) >= 3 for told in ONCE.values())


def test_sizes():
    assert {FAMILY.generate(1, FAMILY.sized(size)).public.size for size in range(3, 7)} == {3, 4, 5, 6}
    with pytest.raises(ConfigError):
        FAMILY.sized(7)
    with pytest.raises(ConfigError):
        rules_of(PublicProblem(id="x", family="x", question="q", goal="g", size=1))


def test_all_solutions_are_found_and_are_right():
    found = list(all_moves(Rules(numbers=(15, 44, 79), aim=50)))
    assert any([move.value for move in moves] == [29, 50] for moves in found)
    assert all(moves[-1].value == 50 for moves in found)
    assert not list(all_moves(Rules(numbers=(1, 1, 1), aim=50)))


def test_distance_to_the_target_deceives_where_a_search_would_follow_it():
    """Plans that miss: near the target, the distance says hardly anything about the edits that are left."""
    found = measure(numbers=4, problems=25, plans=150, seed=1)
    assert abs(np.nanmedian(found.near)) < 0.2
    assert np.nanmedian(found.control) > np.nanmedian(found.near) + 0.15  # the same plans, a measure that informs
    assert found.edits[0] > 0.8 * found.edits[1]


def test_edits_and_correlations_by_hand():
    rules = Rules(numbers=(15, 44, 79), aim=50)
    solution, *_ = all_moves(rules)
    assert edits(steps_of(rules, solution), steps_of(rules, solution)) == 0
    assert correlation([1, 2, 3, 4], [2, 4, 6, 9]) == pytest.approx(1)
    assert correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    assert np.isnan(correlation([1, 1], [1, 2]))


def test_random_plans_with_a_verifier_solve_some_and_the_verifiers_agree():
    drawn = [FAMILY.generate(seed, FAMILY.levels["easy"]) for seed in range(20)]
    hits = first_hits(drawn, 200, seed=0)
    assert sum(map(bool, hits)) >= 10
    assert hits == first_hits(drawn, 200, seed=0)
    assert asyncio.run(disagreements(drawn, 20, seed=0)) == 0


@pytest.mark.slow
def test_ten_thousand_problems_without_a_failure():
    rng = np.random.default_rng(0)
    for name, level in FAMILY.levels.items():
        drawn = [FAMILY.generate(seed, level) for seed in range(10_000)]
        assert len({problem.public.question for problem in drawn}) == 10_000, name
        for problem in drawn[:400]:
            assert right(problem, answer_text(problem))
            assert not any(right(problem, text) for text in FAMILY.wrong_answers(rng, problem))
