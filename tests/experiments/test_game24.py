"""Attempts at the game of 24: what is read, what is failed and why, and agreement with recorded labels."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path

import planneal
import pytest
from planneal.experiments.families.game24 import (
    HandVerifier,
    given_numbers,
    hand_of,
    hand_uses,
    puzzle,
    read_attempt,
    taken,
)
from planneal.experiments.game24_validity import (
    FILES,
    Sample,
    classes,
    compare,
    judge,
    opinions_of,
    report,
    samples,
)
from planneal.planner.expressions import parse_expression
from planneal.testing import check_verifier
from planneal.verifiers import RelationsVerifier

DATA = Path(planneal.__file__).parent.parent / "shared" / "data"
NUMBERS = (4, 4, 6, 8)
RIGHT = (
    "Steps:\n4 + 8 = 12 (left: 4 6 12)\n6 - 4 = 2 (left: 2 12)\n2 * 12 = 24 (left: 24)\nAnswer: (6 - 4) * (4 + 8) = 24"
)


def opinion(text, numbers=NUMBERS):
    return asyncio.run(judge(read_attempt(numbers, text), (RelationsVerifier(), HandVerifier())))


def test_a_right_attempt_becomes_a_plan_that_passes():
    attempt = read_attempt(NUMBERS, RIGHT)
    assert str(attempt.plan).split("\n")[1:] == [
        "C1!: [answer = 24]",
        "S1: left: 4 6 12 [4 + 8 = 12]",
        "S2: left: 2 12 [6 - 4 = 2]",
        "S3: left: 24 [2 * 12 = 24]",
        "S4: [answer = (6 - 4) * (4 + 8)]",
        "I1: stated [answer = 24]",
    ]
    assert opinion(RIGHT) == ("valid", "valid", ())


WRONG = {
    "a false step": (RIGHT.replace("4 + 8 = 12 (left", "4 + 8 = 13 (left"), "valid", "step: false equation"),
    "a number that is not there": (RIGHT.replace("6 - 4 = 2", "6 - 5 = 1"), "valid", "step: other numbers"),
    "a number twice": (RIGHT.replace("4 + 8 = 12", "6 + 6 = 12"), "valid", "step: other numbers"),
    "a wrong list": (RIGHT.replace("left: 2 12", "left: 2 2 12"), "valid", "step: wrong list of what is left"),
    "numbers left over": ("4 + 8 = 12 (left: 4 6 12)\nAnswer: (6 - 4) * (4 + 8) = 24", "valid", "end: "),
    "not 24": ("Answer: (6 + 4) * (8 - 4) = 40", "invalid", "answer: not 24"),
    "a false claim of 24": ("Answer: (6 + 4) * (8 - 4) = 24", "invalid", "answer: false equation"),
    "another value claimed": ("Answer: (6 - 4) * (4 + 8) = 48", "invalid", "answer: false equation"),
    "a number too few": ("Answer: 4 * 6 = 24", "invalid", "answer: other numbers"),
    "a number too many": ("Answer: (6 - 4) * (4 + 8) * (4 / 4) = 24", "invalid", "answer: other numbers"),
    "a number of its own": ("Answer: 4 + 4 + 6 + 8 + 2 = 24", "invalid", "answer: other numbers"),
    "digits joined": ("Answer: 44 - 6 - 8 - 6 = 24", "invalid", "answer: other numbers"),
    "no answer": ("Steps:\nAnswer: None", "invalid", "gave up"),
    "no expression": ("Answer: There is no solution for this input.", "invalid", "gave up"),
    "a division by zero": ("Answer: 6 / (4 - 4) + 8 = 24", "invalid", "answer: false equation"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_what_is_wrong_is_failed_and_named(name):
    text, answer, fault = WRONG[name]
    found = opinion(text)
    assert (found.answer, found.whole) == (answer, "invalid")
    assert any(each.startswith(fault) for each in found.faults), found


@pytest.mark.parametrize(
    "text",
    [
        RIGHT.replace("= 2 (left", "= 2 or so (left"),
        "Answer: (6 - 4) * (4 + 8 = 24",
        "Answer: __import__('os').system('true') = 24",
        "Answer: 9 ** 9 ** 9 ** 9 = 24",
        "Answer: x = 24",
        "4 + 4 = 8 (left: 6 8 8",
    ],
)
def test_what_cannot_be_read_is_neither_valid_nor_evaluated(text):
    assert opinion(text).whole == "unparsed"


def test_fractions_and_negative_numbers_at_hand_are_numbers():
    fractions = "Steps:\n8 / 3 = 8/3 (left: 3 8 8/3)\n3 - 8/3 = 1/3 (left: 1/3 8)\n8 / (1/3) = 24 (left: 24)"
    assert opinion(f"{fractions}\nAnswer: 8 / (3 - 8 / 3) = 24", (3, 3, 8, 8)) == ("valid", "valid", ())
    negative = "Steps:\n1 - 7 = -6 (left: -6 1 4)\n-6 * 4 = -24 (left: -24 1)\n-24 * 1 = -24 (left: -24)"
    found = opinion(f"{negative}\nAnswer: (1 - 7) * 4 * 1 = -24", (1, 1, 4, 7))
    assert "step: other numbers" not in found.faults
    assert "answer: not 24" in found.faults
    assert opinion("8 / 3 = 2.67 (left: 2.67 3 8)\nAnswer: 8 / (3 - 8 / 3) = 24", (3, 3, 8, 8)).whole == "invalid"


def test_an_expression_takes_its_numbers_out_of_the_hand():
    def left(text, *hand):
        return set(taken(parse_expression(text), hand_of(hand)))

    assert left("6 - 4", 4, 6, 8) == {hand_of([8])}
    assert left("6 - 4", 6, 8) == set()
    assert left("8 / 3", 3, 8, Fraction(8, 3)) == {hand_of([3, 8]), hand_of([Fraction(8, 3)])}
    assert left("-6 * 4", -6, 4) == {()}
    assert left("4 + 4", 4, 8) == set()


def test_one_slip_is_not_told_again_and_again():
    attempt = read_attempt(NUMBERS, RIGHT.replace("left: 4 6 12", "left: 5 6 12").replace("6 - 4 = 2", "6 - 5 = 1"))
    faults = {item_id: use.fault for item_id, use in hand_uses(attempt.task, attempt.plan).items() if use.fault}
    assert faults == {
        "S1": "left is 4 6 12, not 5 6 12",
        "S2": "left is 1 12, not 2 12",
    }


def test_the_puzzle_gives_its_numbers_and_demands_24():
    assert given_numbers(puzzle((10, 4, 4, 5))) == hand_of([4, 4, 5, 10])
    assert [str(item.check) for item in puzzle(NUMBERS).constraints] == ["answer = 24"]


def test_the_hand_verifier_keeps_the_laws():
    texts = (RIGHT, *(text for text, _, fault in WRONG.values() if fault != "gave up"))
    cases = [(read.task, read.plan) for text in texts if (read := read_attempt(NUMBERS, text)).plan is not None]
    report = check_verifier(HandVerifier(), cases)
    assert report.ok, str(report)


def test_disagreements_are_counted_and_classed():
    texts = [(RIGHT, True), (RIGHT, False), (WRONG["a false step"][0], True), ("Answer: (((= 24", True)]
    recorded = [Sample(1, NUMBERS, text, reward) for text, reward in texts]
    opinions = asyncio.run(opinions_of(recorded))
    whole = compare(recorded, "whole", opinions)
    assert (whole.false_passes, whole.false_fails, whole.agreement) == (1, 1, pytest.approx(1 / 3))
    assert classes(whole) == {
        ("false pass", "no fault found"): 1,
        ("false fail", "step: false equation"): 1,
        ("unparsed, label right", "answer"): 1,
    }
    assert next(report("hand-made", recorded, opinions)).startswith("| hand-made | answer | 4 | 66.67% | 2 | 1 | 0 |")


def test_without_the_hand_verifier_other_numbers_pass():
    """Negative control: the arithmetic alone cannot see what was invented."""
    recorded = [Sample(1, NUMBERS, WRONG["a number of its own"][0], False)]
    assert compare(recorded, "answer", asyncio.run(opinions_of(recorded, hand=False))).false_passes == 1
    assert compare(recorded, "answer", asyncio.run(opinions_of(recorded))).false_passes == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FILES))
def test_no_recorded_attempt_passes_that_its_label_calls_wrong(name):
    if not (DATA / "game24_gpt4" / FILES[name]).exists():
        pytest.skip(f"the recorded attempts are not at {DATA}")
    recorded = list(samples(DATA, FILES[name]))
    opinions = asyncio.run(opinions_of(recorded))
    answer, whole = (compare(recorded, which, opinions) for which in ("answer", "whole"))
    assert len(recorded) == 10_000
    assert answer.false_passes == whole.false_passes == 0
    assert answer.false_fails <= 1
    assert whole.false_fails <= 10
    assert sum(opinion.answer == "unparsed" for opinion in opinions) <= 100
