"""The arithmetic family behind the common face: measures, further kinds, answers in any notation, random plans."""

import asyncio
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.decoders.answer import judge_answer
from planneal.experiments.families.arithmetic import Difficulty
from planneal.experiments.families.arithmetic_answers import answer_text, stated_value
from planneal.experiments.families.arithmetic_family import FAMILY
from planneal.experiments.families.base import LEVELS, Split
from planneal.experiments.families.measures import MEASURED, MEASURED_KINDS, MEASURED_QUESTIONS, SCALES
from planneal.experiments.families.relations import MEASURE_WORDS, Kind
from planneal.experiments.families.wording import NAMES
from planneal.planner.errors import ConfigError
from planneal.planner.notation import format_plan, parse_plan
from planneal.planner.units import UNITS
from planneal.planner.values import goal_value
from pydantic import ValidationError

DIFFICULTIES = [
    *FAMILY.levels.values(),
    Difficulty(quantities=12, units=True),
    Difficulty(quantities=24, needed=24, kinds=tuple(Kind)),
    Difficulty(quantities=30, needed=20, units=True, kinds=MEASURED_KINDS, max_value=200),
]
measured = st.builds(
    FAMILY.generate,
    st.integers(0, 2**40),
    st.sampled_from([d for d in DIFFICULTIES if d.units]),
    st.sampled_from(Split),
)
any_problem = st.builds(FAMILY.generate, st.integers(0, 2**40), st.sampled_from(DIFFICULTIES), st.sampled_from(Split))


def grade(problem, text):
    return asyncio.run(FAMILY.grade(problem, text))


def verdicts(problem, plan):
    async def ask():
        found = [await v.assess(FAMILY.task(problem.public), plan) for v in FAMILY.verifiers(problem.public)]
        return [verdict.outcome for assessment in found for verdict in assessment.verdicts.values()]

    return asyncio.run(ask())


# --- what the text says


def reader(wording):
    names = {letter: rf"(?P<{letter}>[a-z]+)" for letter in "sabc"}
    return re.compile(wording.replace(".", r"\.").format(n=r"(?P<n>\d+)(?: (?P<u>[a-z]+))?", **names))


READERS = [(reader(wording), kind) for kind, wordings in MEASURED.items() for wording in wordings]
TENS = {"m": ("cm", 100), "km": ("m", 1000), "kg": ("g", 1000), "minute": ("seconds", 60), "hour": ("minutes", 60)}


def in_small(number, unit, small):
    """An amount in the smaller unit, from a table of its own."""
    if unit in ("", None, small):
        return Fraction(number)
    below, factor = TENS[unit.removesuffix("s")]
    assert below == small
    return Fraction(number * factor)


def read_measured(question):
    """Every value in the smaller unit, what is asked for and in which unit, and the smaller unit, off the question."""
    conversion, *told, asked = re.findall(r"[^.?]+[.?]", question)
    one, factor, small = re.search(r"(?:One|Every|In one) (\w+) .*?(\d+) (\w+)\.", conversion).groups()
    assert TENS[one] == (small, int(factor))
    values = {}
    waiting = []
    for sentence in told:
        found = [(match, kind) for pattern, kind in READERS if (match := pattern.fullmatch(sentence.strip()))]
        assert len(found) == 1, (sentence, found)
        waiting.append((found[0][0].groupdict(), found[0][1]))
    while waiting:
        rest = []
        for parts, kind in waiting:
            used = [parts[letter] for letter in "abc" if parts.get(letter)]
            if not all(name in values for name in used):
                rest.append((parts, kind))
                continue
            a, b, *_ = [*(values[name] for name in used), None, None]
            amount = in_small(int(parts["n"]), parts["u"], small) if parts.get("n") else None
            values[parts["s"]] = {
                "given": lambda a, b, n: n,
                "more": lambda a, b, n: a + n,
                "fewer": lambda a, b, n: a - n,
                "times": lambda a, b, n: a * n,
                "share": lambda a, b, n: a / n,
                "percent": lambda a, b, n: a * n / 100,
                "sum": lambda a, b, n: a + b,
                "difference": lambda a, b, n: a - b,
                "average": lambda a, b, n: (a + b) / 2,
                "larger": lambda a, b, n: max(a, b),
                "smaller": lambda a, b, n: min(a, b),
                "total": lambda a, b, n, used=used: sum(values[name] for name in used),
            }[kind.value](a, b, amount)
        assert len(rest) < len(waiting)
        waiting = rest
    target = re.search(r"the (\w+)(?: in \w+)?\?$", asked).group(1)
    unit = re.search(r"How many (\w+)|in (\w+)\?$", asked)
    return values, target, unit.group(1) or unit.group(2), small


@settings(max_examples=80, deadline=None)
@given(measured)
def test_a_measured_question_alone_determines_the_gold_value(problem):
    values, target, unit, small = read_measured(problem.public.question)
    assert (target, unit, small) == (problem.public.target, problem.gold.unit, problem.gold.small_unit)
    assert values[target] == in_small(problem.gold.value, unit, small)
    assert all(value.denominator == 1 and value >= 1 for value in values.values())
    assert len(values) == problem.public.size


def test_measures_are_told_in_three_wordings_and_their_names_are_no_units():
    assert set(MEASURED) == set(MEASURED_KINDS)
    assert all(len(set(wordings)) >= 3 for wordings in [*MEASURED.values(), MEASURED_QUESTIONS])
    for scale in SCALES:
        assert len(set(scale.names)) == len(scale.names) == 32
        assert not set(scale.names) & (set(UNITS) | set(NAMES))
        assert {scale.small, scale.large} <= set(MEASURE_WORDS)


@pytest.mark.parametrize(
    "wrong",
    [{"units": True, "kinds": tuple(Kind)}, {"units": True, "quantities": 33}, {"needed": 25}, {"quantities": 1}],
)
def test_impossible_difficulties_are_refused(wrong):
    with pytest.raises(ValidationError):
        Difficulty(**wrong)


@pytest.mark.parametrize("needed", [2, 3, 12, 24])
def test_needed_is_honoured_with_every_kind(needed):
    for kinds, units in ((tuple(Kind), False), (MEASURED_KINDS, True)):
        hard = Difficulty(quantities=max(needed, 26), needed=needed, kinds=kinds, units=units)
        assert {len(FAMILY.generate(seed, hard).gold.needed) for seed in range(20)} == {needed}


def test_every_kind_occurs_and_only_where_it_is_asked_for():
    def kinds(difficulty):
        return {r.kind for seed in range(60) for r in FAMILY.generate(seed, difficulty).gold.relations.values()}

    assert kinds(Difficulty(quantities=20, kinds=tuple(Kind))) == set(Kind)
    assert kinds(Difficulty(units=True, kinds=MEASURED_KINDS)) == set(MEASURED_KINDS)
    assert kinds(FAMILY.levels["middle"]) < set(Kind)


# --- gold, answers and grades


@settings(max_examples=60, deadline=None)
@given(any_problem)
def test_the_gold_plan_verifies_and_the_answer_it_implies_is_faithful_and_right(problem):
    plan = parse_plan(problem.gold.plan)
    assert format_plan(plan) == problem.gold.plan
    assert FAMILY.grade_plan(problem, problem.gold.plan).exact
    assert set(verdicts(problem, plan)) == {"pass"}
    unit = problem.gold.unit
    assert goal_value(plan) == problem.gold.value * (UNITS[unit].factor if unit else 1)
    text = answer_text(problem)
    judged = judge_answer(plan, text)
    assert judged.faithful, judged.problems
    assert {claim.outcome for claim in judged.claims} == {"pass"}
    assert not judged.uncited
    assert grade(problem, text)


@settings(max_examples=60, deadline=None)
@given(any_problem, st.integers(0, 2**32))
def test_near_misses_are_wrong_and_random_plans_hang_together_but_say_something_else(problem, seed):
    rng = np.random.default_rng(seed)
    wrong = FAMILY.wrong_answers(rng, problem)
    assert len(set(wrong)) == len(wrong) >= 3
    assert not any(grade(problem, text) or grade(problem, f"so\nanswer: {text} [S1]") for text in wrong)
    plan = FAMILY.random_plan(rng, problem.public)
    assert parse_plan(format_plan(plan)) == plan
    assert "fail" not in verdicts(problem, plan)
    grading = FAMILY.grade_plan(problem, format_plan(plan))
    assert not (grading.right and grading.false)


def test_a_plan_that_passes_every_verifier_may_be_wrong_and_is_graded_so():
    """What no verifier without the gold can see: a consistent plan that says something else than the question."""
    rng = np.random.default_rng(0)
    problems = [FAMILY.generate(seed) for seed in range(30)]
    plans = [(problem, FAMILY.random_plan(rng, problem.public)) for problem in problems]
    assert all("fail" not in verdicts(problem, plan) for problem, plan in plans)
    assert not any(FAMILY.grade_plan(problem, format_plan(plan)).right for problem, plan in plans)


@settings(max_examples=60, deadline=None)
@given(any_problem, st.randoms(use_true_random=False))
def test_a_plan_that_lacks_an_item_is_wrong_and_its_answer_supplies_it_uncited(problem, random):
    rows = problem.gold.plan.splitlines()
    victim = random.randrange(1, len(rows))
    lacking = "\n".join(rows[:victim] + rows[victim + 1 :])
    assert not FAMILY.grade_plan(problem, lacking).right
    text = answer_text(problem, lacking)
    assert grade(problem, text)
    assert sum("[S" not in line for line in text.splitlines()) == (2 if victim == len(rows) - 1 else 1)


def test_an_answer_follows_a_plan_that_says_something_else():
    problem = FAMILY.generate(5)
    given_line = next(line for line in problem.gold.plan.splitlines()[1:] if "<-" not in line)
    other = problem.gold.plan.replace(given_line, re.sub(r"\d+\]", "7777]", given_line))
    text = answer_text(problem, other)
    assert judge_answer(parse_plan(other), text).faithful
    assert "7777" in text


def test_answers_to_circles_and_to_nothing_end():
    problem = FAMILY.generate(5)
    target = problem.public.target
    circle = f"goal: g [{target}]\nS1: [{target} = nuts0 + 1]\nS2: [nuts0 = {target} + 1]"
    assert "answer:" not in answer_text(problem, circle)
    assert grade(problem, answer_text(problem, "no plan at all"))


COUNT = [
    "28", " 28.0 ", "56/2", "+28", "28 nuts", "28 nut", "There are 28 nuts.", "answer: 28 [S3]", "**Answer:** 28",
    "so\nanswer: nuts = 4 * 7 = 28", "14 + 14", "$28$", r"\boxed{28}", "#### 28", "the total number of nuts is 28",
    r"\( 28 \)", "thinking 3 4 5\nThe answer is 28.", "28.000", "1*28",
]  # fmt: skip
NO_COUNT = [
    "", "27", "28 nuts and 3", "2 8", "28/0", "28.0000001", "1e2", "0x1c", "28;", "twenty-eight", "-28", "9" * 99,
    "not 28", "28 bolts", "28 or 29", "28%", "28 thousand", "nuts != 28", "nuts > 28", "answer: 27\n28 28", "28,00",
    "2,8", "28 cm", "- 28 nuts", "bolts = 28", "answer: bolts = 28",
    "\x00", "answer:", "[" * 9999, "28" * 5000, "1/" * 400, "((((28", "9**9**9**9", "28 -", "٢٨",
]  # fmt: skip


@pytest.mark.parametrize("text", COUNT)
def test_a_count_is_read_in_every_sensible_notation(text):
    assert stated_value(text, "nuts") == 28


@pytest.mark.parametrize("text", NO_COUNT)
def test_what_is_not_the_count_is_not_taken_for_it(text):
    assert stated_value(text, "nuts") != 28


def test_thousands_may_be_told_apart_by_commas():
    assert stated_value("1,280", "nuts") == 1280
    assert stated_value("there are 1,280 nuts", "nuts") == 1280


@pytest.mark.parametrize(
    "text",
    ["320", "320 cm", "3.2 m", "3 m 20 cm", "3 m and 20 cm", "the rope is 320 cm", "rope = 3 m + 20 cm = 320 cm",
     "answer: 3200 mm [S2]", "320 centimeters", "0.0032 km", "16/5 m"],
)  # fmt: skip
def test_a_measure_is_read_in_every_unit_of_its_dimension(text):
    assert stated_value(text, "rope", "cm") == 320


@pytest.mark.parametrize(
    "text", ["3.2", "320 m", "320 kg", "3.2 kg", "3 m 20", "3 m 20 m", "320 s", "320 apples", "3 m 20 cm 0 mm"]
)
def test_a_measure_in_another_unit_or_dimension_is_wrong(text):
    assert stated_value(text, "rope", "cm") != 320


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.sampled_from(["", "cm", "minutes"]))
def test_reading_never_fails(text, unit):
    stated_value(text, "nuts", unit)
    stated_value(f"answer: {text}", "nuts", unit)


# --- the face


def test_levels_and_sizes():
    assert tuple(FAMILY.levels) == LEVELS
    assert FAMILY.levels["middle"] == Difficulty()
    assert FAMILY.sized(9) == Difficulty(quantities=9)
    for size in (0, 1, 10_000):
        with pytest.raises(ConfigError, match="quantities"):
            FAMILY.sized(size)


def test_ids_tell_what_is_not_basic():
    difficulties = (None, Difficulty(units=True), Difficulty(quantities=20, kinds=tuple(Kind)))
    basic, units, more = (FAMILY.generate(3, difficulty).public.id for difficulty in difficulties)
    assert (basic, units) == ("arithmetic-eval-16-3", "arithmetic-units-eval-16-3")
    assert more == "arithmetic-more-eval-20-3"


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_texts_are_distinct(difficulty):
    texts = {FAMILY.generate(seed, difficulty, split).public.question for seed in range(100) for split in Split}
    assert len(texts) == 200
    assert not any("\n" in text for text in texts)
