"""The arithmetic family: what it promises about its problems, its seals and its graders."""

import hashlib
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.experiments.families.arithmetic import (
    ArithmeticGold,
    Difficulty,
    closure,
    generate,
    grade,
    grade_plan,
    read_checks,
)
from planneal.experiments.families.base import PublicProblem, Split
from planneal.experiments.families.relations import BASIC, Kind, parse_relation
from planneal.experiments.families.wording import NAMES, QUESTIONS, SENTENCES
from pydantic import BaseModel, ValidationError

sizes = st.integers(2, 40).flatmap(
    lambda quantities: st.builds(
        Difficulty,
        quantities=st.just(quantities),
        needed=st.none() | st.integers(2, min(24, quantities)),
        max_value=st.sampled_from((60, 200, 999)),
        kinds=st.sampled_from((BASIC, tuple(Kind))),
    )
)
problems = st.builds(generate, st.integers(0, 2**62), sizes, st.sampled_from(Split))


# An evaluator that shares nothing with the family's code: it reads the sentences of the question themselves.
READERS = [
    (
        re.compile(
            wording.replace(".", r"\.").format(
                s=r"(?P<s>\w+)", a=r"(?P<a>\w+)", b=r"(?P<b>\w+)", c=r"(?P<c>\w+)", n=r"(?P<n>\d+)"
            )
        ),
        kind,
    )
    for kind, wordings in SENTENCES.items()
    for wording in wordings
]


MEANING = {
    "given": lambda a, b, c, n: Fraction(n),
    "more": lambda a, b, c, n: a + n,
    "fewer": lambda a, b, c, n: a - n,
    "times": lambda a, b, c, n: n * a,
    "share": lambda a, b, c, n: a / n,
    "sum": lambda a, b, c, n: a + b,
    "difference": lambda a, b, c, n: a - b,
    "percent": lambda a, b, c, n: a * n / 100,
    "remainder": lambda a, b, c, n: a - n * (a // n),
    "product": lambda a, b, c, n: a * b,
    "average": lambda a, b, c, n: a + (b - a) / 2,
    "larger": lambda a, b, c, n: a if a > b else b,
    "smaller": lambda a, b, c, n: b if a > b else a,
    "total": lambda a, b, c, n: a + b + c,
}


def read_question(question):
    """All quantities' values, by solving the sentences until nothing is left, and the name that is asked for."""
    *told, asked = re.findall(r"[^.?]+[.?]", question)
    open_sentences = []
    for sentence in told:
        found = [(reader.fullmatch(sentence.strip()), kind) for reader, kind in READERS]
        matches = [(match.groupdict(), kind) for match, kind in found if match]
        assert len(matches) == 1, sentence
        open_sentences.append(matches[0])
    values = {}
    while open_sentences:
        rest = []
        for parts, kind in open_sentences:
            a, b, c = (values.get(parts.get(letter)) for letter in "abc")
            if any(letter in parts and parts[letter] not in values for letter in "abc"):
                rest.append((parts, kind))
                continue
            values[parts["s"]] = MEANING[kind.value](a, b, c, int(parts.get("n") or 0))
        assert len(rest) < len(open_sentences), "the sentences do not determine every quantity"
        open_sentences = rest
    return values, next(name for name in NAMES if re.search(rf"\b{name}\b", asked))


def digest(problem):
    told = problem.public.model_dump_json() + problem.gold.plan + str(problem.gold.value)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@pytest.mark.parametrize(
    ("seed", "difficulty", "split", "expected"),
    [
        (0, Difficulty(), Split.EVAL, "75f51b0a9c90bcd8"),
        (7, Difficulty(), Split.TRAIN, "9785fd84f1a13d4c"),
        (800_000_003, Difficulty(quantities=6), Split.EVAL, "bbe59d284a9969cb"),
        (5, Difficulty(quantities=30, needed=24), Split.EVAL, "e96c3420a9012b6d"),
        (9, Difficulty(quantities=12, kinds=(Kind.GIVEN, Kind.MORE, Kind.SUM)), Split.EVAL, "929b50dda1f18537"),
        (11, Difficulty(quantities=40, max_value=60), Split.TRAIN, "90ef2312bba3e67b"),
    ],
)
def test_the_problems_that_a_model_was_trained_on_stay_as_they_are(seed, difficulty, split, expected):
    assert digest(generate(seed, difficulty, split)) == expected


@settings(max_examples=150, deadline=None)
@given(problems)
def test_the_question_alone_determines_the_gold_value(problem):
    values, asked = read_question(problem.public.question)
    assert asked == problem.public.target
    assert values[asked] == problem.gold.value
    assert len(values) == problem.public.size
    assert "\n" not in problem.public.question


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**62), sizes)
def test_values_are_positive_integers_within_the_cap(seed, difficulty):
    values, _ = read_question(generate(seed, difficulty).public.question)
    assert all(value.denominator == 1 and 1 <= value <= difficulty.max_value for value in values.values())


@settings(max_examples=100, deadline=None)
@given(problems)
def test_needed_quantities_are_the_whole_closure_and_distractors_hang_outside(problem):
    gold = problem.gold
    assert set(closure(problem.public.target, gold.relations)) == set(gold.needed)
    assert gold.needed[-1] == problem.public.target
    for symbol in gold.needed:
        assert set(gold.relations[symbol].operands) <= set(gold.needed)
    seen = set()
    for symbol in gold.needed:
        assert set(gold.relations[symbol].operands) <= seen
        seen.add(symbol)


def test_needed_is_honoured_at_both_ends():
    for needed in (2, 3, 24):
        assert len(generate(5, Difficulty(quantities=30, needed=needed)).gold.needed) == needed


def test_only_the_named_kinds_occur():
    few = Difficulty(quantities=12, kinds=(Kind.GIVEN, Kind.MORE, Kind.SUM))
    kinds = {r.kind for i in range(20) for r in generate(i, few).gold.relations.values()}
    assert kinds == {Kind.GIVEN, Kind.MORE, Kind.SUM}


@pytest.mark.parametrize(
    "wrong", [{"quantities": 1}, {"quantities": 5, "needed": 6}, {"kinds": (Kind.SUM,)}, {"max_value": 3}, {"x": 1}]
)
def test_impossible_difficulties_are_refused(wrong):
    with pytest.raises(ValidationError):
        Difficulty(**wrong)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_the_gold_plan_is_right_and_satisfies_its_own_grader(problem):
    assert grade_plan(problem.gold, problem.gold.plan).exact
    assert grade(problem.gold, str(problem.gold.value))
    assert not grade(problem.gold, str(problem.gold.value + 1))
    lines = problem.gold.plan.splitlines()
    assert lines[0] == f"goal: {problem.public.goal} [{problem.public.target}]"
    assert [parse_relation(check).symbol for check in read_checks(problem.gold.plan)] == list(problem.gold.needed)


@settings(max_examples=60, deadline=None)
@given(problems, st.randoms(use_true_random=False))
def test_a_plan_that_lacks_or_falsifies_an_item_is_wrong(problem, random):
    rows = problem.gold.plan.splitlines()
    victim = random.randrange(1, len(rows))
    lacking = grade_plan(problem.gold, "\n".join(rows[:victim] + rows[victim + 1 :]))
    assert not lacking.right
    assert lacking.missing == 1
    relation = parse_relation(next(read_checks(rows[victim])))
    rows[victim] = f"S{victim}: [{relation.symbol} = {relation.expression} + 1000]"
    assert not grade_plan(problem.gold, "\n".join(rows)).right
    rows[victim] = f"S{victim}: [{relation.symbol} = 100000]"
    falsified = grade_plan(problem.gold, "\n".join(rows))
    assert (falsified.right, falsified.false) == (False, 1)


def test_extras_and_order_do_not_spoil_a_plan_but_are_counted():
    problem = generate(3)
    extra = next(s for s in problem.gold.relations if s not in problem.gold.needed)
    goal, *rows = problem.gold.plan.splitlines()
    found = grade_plan(problem.gold, "\n".join([goal, f"S99: [{problem.gold.relations[extra].check}]", *rows[::-1]]))
    assert (found.right, found.exact, found.extra) == (True, False, 1)


def gold_of(value):
    return ArithmeticGold(value=value, plan="", relations={}, needed=())


@pytest.mark.parametrize("text", ["28", "28.0", " 28 ", "56/2", "+28", "56 / 2\n", "14.0/0.5"])
def test_grade_accepts_exact_forms(text):
    assert grade(gold_of(28), text)


@pytest.mark.parametrize(
    "text",
    ["", "27", "28 nuts and 3", "2 8", "28/0", "28.0000001", "1e2", "0x1c", "28;", "twenty-eight", "-28", "9" * 99],
)
def test_grade_refuses_everything_else(text):
    assert not grade(gold_of(28), text)


def reachable(value, depth=8):
    """Every object that attributes, fields, items and closures lead to."""
    if depth == 0 or isinstance(value, (str, int, float, type(None), type)):
        yield value
        return
    yield value
    inner = list(vars(value).values()) if hasattr(value, "__dict__") else []
    inner += (
        list(value.values())
        if isinstance(value, dict)
        else list(value)
        if isinstance(value, (list, tuple, set))
        else []
    )
    for name in ("__pydantic_private__", "__pydantic_extra__"):
        inner.append(getattr(value, name, None))
    for one in inner:
        yield from reachable(one, depth - 1)


def test_no_gold_is_reachable_from_the_public_problem():
    problem = generate(11)
    assert any(isinstance(found, ArithmeticGold) for found in reachable(problem))  # the search does find it
    assert not any(isinstance(found, ArithmeticGold) for found in reachable(problem.public))
    fields = {"id", "family", "question", "goal", "target", "constraints", "size"}
    assert set(PublicProblem.model_fields) == fields
    assert problem.gold.plan not in problem.public.model_dump_json()
    assert isinstance(problem.public, BaseModel)
    with pytest.raises(ValidationError):
        problem.public.question = "changed"


def test_the_same_arguments_give_the_same_problem_and_others_another():
    assert generate(4) == generate(4)
    assert len({generate(i).public.question for i in range(50)}) == 50


def test_splits_draw_from_different_streams_for_every_seed():
    for seed in range(100):
        assert generate(seed, split=Split.TRAIN).public.question != generate(seed, split=Split.EVAL).public.question
    states = {
        tuple(np.random.SeedSequence(seed, spawn_key=split.spawn_key).generate_state(4))
        for seed in range(500)
        for split in Split
    }
    assert len(states) == 1000


def test_names_and_wordings():
    assert len(NAMES) == len(set(NAMES)) >= 60
    assert all(re.fullmatch(r"[a-z]+s", name) for name in NAMES)
    assert len(QUESTIONS) >= 3
    assert set(SENTENCES) == set(Kind)
    assert all(len(set(wordings)) >= 3 for wordings in SENTENCES.values())


@pytest.mark.parametrize(
    "text",
    ["", "a", "a =", "a = b / 0", "a = b % 0", "a = b + c + d + e", "A = 1", "a = 1; b = 2", "a = 3 miles", "a = f(b)"],
)
def test_what_is_no_relation_is_not_read(text):
    assert parse_relation(text) is None


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a = 3 + b", "a = b + 3"),
        ("a = b * 4", "a = 4 * b"),
        ("a = c + b", "a = b + c"),
        ("a == b", None),
        ("a = b-c", "a = b - c"),
        ("a = d + b + c", "a = b + c + d"),
        ("a = max( c,b )", "a = max(b, c)"),
        ("a = (c + b)/2", "a = (b + c) / 2"),
        ("a = c * b", "a = b * c"),
        ("a = 50 * b / 100", "a = b / 2"),
        ("a = b + 200 cm", "a = b + 2 m"),
        ("a = b * 25 / 100", "a = 25 * b / 100"),
    ],
)
def test_relations_are_equal_up_to_commutation(text, same):
    found = parse_relation(text)
    assert (found is None) if same is None else found.same_as(parse_relation(same))
    difference = parse_relation("a = c - b")
    assert not difference.same_as(parse_relation("a = b - c"))
