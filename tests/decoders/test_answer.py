"""Answers: claims with citations, checked by machine against the plan."""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction

import numpy as np
import pytest
from planneal.decoders.answer import judge_answer, read_value, sound_start
from planneal.decoders.answerer import Answerer, AnswerOptions
from planneal.decoders.citations import read_line, statements
from planneal.decoders.prompts import PromptSet
from planneal.planner.notation import parse_plan
from planneal.planner.task import Task
from planneal.testing import FunctionModel

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
        ("nuts = max(bolts, wigs) = max(3, 4) = 4, so", ["nuts = max(bolts, wigs) = max(3, 4) = 4"]),
        ("nuts = 4, bolts = 3", ["nuts = 4", "bolts = 3"]),
        ("the rope = 3 m + 20 cm = 320 cm long", ["rope = 3 m + 20 cm = 320 cm"]),
    ],
)
def test_finding_relations_in_prose(text, found):
    got = statements(text)
    assert got[: len(found)] == found or found[0] in got[0]


LINES = [line + "\n" for line in GOOD.split("\n")]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (GOOD, 3),
        (GOOD.replace("4 + 3 = 7", "4 + 3 = 8"), 1),
        (GOOD.replace("[S2]", "[S9]"), 1),
        (GOOD.replace(" [S1]", ""), 0),
        ("".join([*LINES[:2], LINES[0], LINES[2]]), 2),  # it repeats itself: a loop
        (GOOD.replace("answer: 14", "answer: 15"), 3),
        ("nuts = 4 [S1]", 0),  # cut off: who knows what would have followed
        ("", 0),
    ],
)
def test_what_of_an_answer_is_sound(text, kept):
    assert sound_start(PLAN, text) == "".join(LINES[:kept])


def decoded(dialect, replies, attempts=3):
    told = iter(replies)
    model = FunctionModel(lambda request, index: next(told))
    answerer = Answerer(model, PromptSet(dialect), AnswerOptions(attempts=attempts))

    async def go():
        return [a async for a in answerer.decode(np.random.default_rng(0), Task(question="How many wigs?"), PLAN)]

    return asyncio.run(go()), [request.prompt for request in model.requests]


def test_a_raw_prompt_goes_on_after_the_last_sound_line():
    wrong = GOOD.replace("4 + 3 = 7", "4 + 3 = 8")
    answers, prompts = decoded("compact", [wrong, "".join(LINES[1:])])
    assert [answer.faithful for answer in answers] == [False, True]
    assert prompts[1] == prompts[0] + LINES[0]
    assert answers[1].text == "".join(LINES), "what was kept is part of the answer"
    assert answers[1].attempts == 2


def test_a_chat_prompt_starts_anew_and_is_told_the_faults():
    wrong = GOOD.replace("4 + 3 = 7", "4 + 3 = 8")
    answers, prompts = decoded("chat", [wrong, GOOD])
    assert [answer.faithful for answer in answers] == [False, True]
    assert answers[1].text == GOOD
    assert "4 + 3 is 7, not 8" in prompts[1]
    assert "4 + 3 is 7, not 8" not in prompts[0]


CODE = (
    "```python\ndef f(xs):  # [S1]\n    xs = [x for x in xs if x % 2 == 0]  # even ones [S2]\n    answer = xs[0]\n"
    "    return 3 == 4  # [S3, S4]\n```\nanswer: f [S4]"
)


def test_a_program_between_fences_is_no_claim_of_relations_and_cites_in_its_comments():
    plan = parse_plan("goal: write f(xs)\nS1: sign\nS2: keep\nS3: compare\nS4: end")
    answer = judge_answer(plan, CODE)
    assert answer.faithful, answer.problems
    assert (answer.value, answer.cited, answer.uncited) == ("f", ("S1", "S2", "S3", "S4"), ())
    assert [claim.text for claim in answer.claims] == [
        "def f(xs):",
        "    xs = [x for x in xs if x % 2 == 0]  # even ones",
        "    answer = xs[0]",
        "    return 3 == 4",
        "answer: f",
    ]
    assert not judge_answer(plan, CODE.replace("[S1]", "[S9]")).faithful
    assert not judge_answer(plan, CODE.replace("```", "~~~")).faithful  # outside fences `3 == 4` is a claim


def test_brackets_of_a_program_are_no_citations():
    plan = parse_plan("goal: write f(xs)\nS1: sign")
    answer = judge_answer(plan, "```\nxs[S1] = xs[S7]  # no [C9\n```\nanswer: f [S1]")
    assert answer.faithful
    assert answer.claims[0].citations == ()


RUNS = ["[", "[S1,", "so x ", "answer ", "final ", "a = 1 ", "x = 2 y ", "-", "(", "1.", "9", " ", "= "]


@pytest.mark.parametrize("run", RUNS)
def test_no_text_makes_judging_slow_or_raise(run):
    """A model that runs on must not stop the run; without bounds some of these took ten seconds, one raised."""
    for text in (run * 4000, "answer: " + run * 4000, "a = " + run * 4000 + "1"):
        began = time.process_time()
        judge_answer(PLAN, text)
        assert time.process_time() - began < 1.0
