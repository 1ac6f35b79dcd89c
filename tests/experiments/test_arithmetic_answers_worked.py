"""Answers work out what takes two operations in two steps."""

from fractions import Fraction

import pytest
from planneal.decoders.answer import judge_answer
from planneal.experiments.families.arithmetic import Difficulty, generate
from planneal.experiments.families.arithmetic_answers import answer_text, worked_out
from planneal.experiments.families.relations import Kind, parse_relation
from planneal.planner.notation import parse_plan


@pytest.mark.parametrize(
    ("relation", "wanted"),
    [
        ("s = a + b + c", "s = a + b + c = 20 + 15 + 4 = 35 + 4 = 39"),
        ("s = (a + b) / 2", "s = (a + b) / 2 = (20 + 15) / 2 = 35 / 2 = 35/2"),
        ("s = 30 * a / 100", "s = 30 * a / 100 = 30 * 20 / 100 = 600 / 100 = 6"),
        ("s = a * b", "s = a * b = 20 * 15 = 300"),
        ("s = max(a, b)", "s = max(a, b) = max(20, 15) = 20"),
        ("s = 7", "s = 7"),
    ],
)
def test_two_operations_are_done_one_after_the_other(relation, wanted):
    read = parse_relation(relation)
    values = {"a": Fraction(20), "b": Fraction(15), "c": Fraction(4)}
    values["s"] = read.evaluate(values)
    assert worked_out(read, values) == wanted


def test_with_units_the_step_between_has_them_too():
    read = parse_relation("s = a + b + c")
    values = dict.fromkeys("abc", Fraction(2, 100)) | {"s": Fraction(6, 100)}
    assert worked_out(read, values, "cm") == "s = a + b + c = 2 cm + 2 cm + 2 cm = 4 cm + 2 cm = 6 cm"


def test_every_step_of_every_kind_is_a_claim_that_holds():
    seen = set()
    for seed in range(40):
        problem = generate(seed, Difficulty(quantities=12, kinds=tuple(Kind)))
        seen |= {problem.gold.relations[symbol].kind for symbol in problem.gold.needed}
        judged = judge_answer(parse_plan(problem.gold.plan), answer_text(problem))
        assert judged.faithful, answer_text(problem)
    assert {Kind.TOTAL, Kind.AVERAGE, Kind.PERCENT} <= seen


def test_a_wrong_step_between_is_noticed():
    """Negative control: the end is right, the way there is not."""
    plan = parse_plan("goal: s [s]\nS1: [a = 2]\nS2: [b = 3]\nS3: [c = 4]\nS4: [s = a + b + c] <- S1, S2, S3")
    text = "a = 2 [S1]\nb = 3 [S2]\nc = 4 [S3]\ns = a + b + c = 2 + 3 + 4 = 6 + 4 = 9 [S4]\nanswer: 9 [S4]"
    assert judge_answer(plan, text.replace("6 + 4", "5 + 4")).faithful
    assert not judge_answer(plan, text).faithful
