"""Answers: claims with citations, checked by machine against the plan."""

from __future__ import annotations

from fractions import Fraction

import pytest
from planneal.decoders.answer import judge_answer, read_value
from planneal.decoders.citations import read_line, statements
from planneal.planner.notation import parse_plan

PLAN = parse_plan(
    "goal: how many wigs? [wigs]\nC1!: [wigs > 0]\nS1: [nuts = 4]\nS2: [bolts = nuts + 3] <- S1\n"
    "S3: [wigs = 2 * bolts] <- S2\nS4: say it kindly"
)
GOOD = "nuts = 4 [S1]\nbolts = 4 + 3 = 7 [S2]\nwigs = 2 * 7 = 14 [S3]\nanswer: 14 [S3]"


def test_a_faithful_answer():
    answer = judge_answer(PLAN, GOOD)
    assert answer.faithful
    assert answer.value == "14"
    assert [claim.outcome for claim in answer.claims] == ["pass"] * 4
    assert answer.cited == ("S1", "S2", "S3")
    assert answer.uncited == ()
    assert answer.coverage == 1.0


WRONG = {
    "unknown id": (GOOD.replace("[S1]", "[S9]"), "S9, which the plan does not have"),
    "false arithmetic": (GOOD.replace("4 + 3 = 7", "4 + 3 = 8"), "4 + 3"),
    "against the plan": (GOOD.replace("nuts = 4", "nuts = 5"), "nuts"),
    "citation of something else": (GOOD.replace("[S1]", "[S3]"), "says nothing about nuts"),
    "wrong final value": (GOOD.replace("answer: 14", "answer: 15"), "the plan implies 14"),
    "words for a final value": (GOOD.replace("answer: 14", "answer: many"), "not a number"),
    "no final line": ("\n".join(GOOD.split("\n")[:-1]), "no final line"),
    "no citation at all": ("answer: 14", "no claim cites"),
    "a claim without citation": (GOOD.replace("nuts = 4 [S1]", "nuts = 4"), "cites nothing"),
}


@pytest.mark.parametrize("name", list(WRONG))
def test_what_makes_an_answer_unfaithful(name):
    text, reason = WRONG[name]
    answer = judge_answer(PLAN, text)
    assert not answer.faithful
    assert any(reason in problem for problem in answer.problems), answer.problems


def test_prose_is_unknown_not_false_and_gaps_in_coverage_are_named():
    answer = judge_answer(PLAN, "Well, let us see [S4].\nanswer: 14 [S3]")
    assert answer.faithful
    assert answer.claims[0].outcome == "unknown"
    assert answer.uncited == ("S1", "S2")


def test_a_plan_that_determines_nothing_leaves_the_final_value_open():
    open_plan = parse_plan("goal: g [x]\nS1: think")
    answer = judge_answer(open_plan, "answer: 3 [S1]")
    assert answer.claims[-1].outcome == "unknown"
    assert answer.faithful


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("14", 14),
        ("14.0", 14),
        ("28/2", 14),
        ("1,400", 1400),
        ("$14", 14),
        ("14 wigs", 14),
        ("x = 14", 14),
        ("-3", -3),
        ("3 or 4", None),
        ("none", None),
        ("", None),
        (None, None),
        ("9**9**9**9", None),
    ],
)
def test_reading_a_final_value(text, value):
    assert read_value(text) == (None if value is None else Fraction(value))


@pytest.mark.parametrize(
    ("line", "citations", "final"),
    [
        ("bolts = 7 [S2]", ("S2",), None),
        ("so [S1, C2] and [S1;S3]", ("S1", "C2", "S3"), None),
        ("answer: 14 [S3]", ("S3",), "14"),
        ("**Answer:** 14.", (), "14"),
        ("Final answer: 14 [S3]", ("S3",), "14"),
        ("the answer is unclear", (), None),
        ("list[0] and [X1] are no citations", (), None),
    ],
)
def test_reading_a_line(line, citations, final):
    read = read_line(line)
    assert read.citations == citations
    assert read.final == final


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bolts = 4 + 3 = 7", ["bolts = 4 + 3 = 7"]),
        ("So the total wigs = 2 * 7 = 14 wigs.", ["wigs = 2 * 7 = 14"]),
        ("no numbers here", []),
        ("x >= 3 and y = 4", ["x >= 3", "y = 4"]),
    ],
)
def test_finding_relations_in_prose(text, found):
    got = statements(text)
    assert got[: len(found)] == found or found[0] in got[0]
