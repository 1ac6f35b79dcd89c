"""What grades answers to published sets: LaTeX by meaning, PDDL by simulation, instructions by their checks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import planneal
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.experiments.loaders.ifeval import IfEval
from planneal.experiments.loaders.ifeval_checks import KINDS, sentences, variants
from planneal.experiments.loaders.languages import language_of
from planneal.experiments.loaders.latex import same
from planneal.experiments.loaders.math500 import Math500
from planneal.experiments.loaders.pddl import read_domain, read_situation, simulate
from planneal.experiments.loaders.planbench import BLOCKSWORLD
from planneal.experiments.loaders.registry import public_set
from planneal.experiments.loaders.rows import Row
from planneal.planner.errors import DatasetError, PlanError

DATA = Path(planneal.__file__).resolve().parent.parent / "shared" / "data"

SAME = [
    (r"\frac{1}{2}", "0.5"),
    (r"\dfrac12", r"\frac{1}{2}"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\pi/2)"),
    ("p - q", "-q+p"),
    (r"\text{Evelyn}", "Evelyn"),
    ("42", r"42^\circ"),
    (r"27\text{ cm}", "27"),
    (r"3\sqrt{13}", r"\sqrt{117}"),
    (r"\frac{9}{\sqrt{23}}", r"\frac{9\sqrt{23}}{23}"),
    ("x=4", "4"),
    (r"\$18.90", "18.9"),
    (r"10\%", "10"),
    ("1,-2", "-2, 1"),
    (r"\{1,2\}", r"\{2,1\}"),
    ("[0,1)", "[0, 1)"),
    ("10,080", "10080"),
    (r"x^2+2x+1", r"(x+1)^2"),
    ("(x+2)(x-3)", "x^2-x-6"),
    ("y = 2x + 3", "y=3+2x"),
    (r"(-\infty,2)\cup(3,\infty)", r"(3,\infty) \cup (-\infty, 2)"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}1\\ \frac{4}{2}\end{pmatrix}"),
    (r"1 \pm \sqrt{19}", r"1\pm\sqrt{19}"),
    ("3ab", "3ba"),
    (r"1.5\times 10^3", "1500"),
    (r"2^{10}", "1024"),
]
DIFFERENT = [
    ("1", "2"),
    (r"\frac12", r"\frac13"),
    ("(1,2)", "(2,1)"),
    ("[0,1)", "(0,1)"),
    (r"\sqrt{2}", "1.41421356237309504880168872420969807"),
    ("x+1", "x-1"),
    ("Evelyn", "Bob"),
    ("1,2", "1,3"),
    ("1,2", "1"),
    ("x^2", "x^3"),
    (r"\pi", "3.14"),
    ("__import__('os')", "1"),
    ("9**9**9**9", "1"),
    ("(" * 300, "1"),
    ("", "1"),
    ("x<4", "x>4"),
    ("11111_2", "31"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_answers_that_say_the_same(left, right):
    assert same(left, right)
    assert same(right, left)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_answers_that_differ(left, right):
    assert not same(left, right)
    assert not same(right, left)


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="0123456789xyz+-*/^{}()[]\\, .=<>_fracsqtpi%$", max_size=40), st.sampled_from(["1/2", "(x,1)", ""])
)
def test_comparing_never_raises_and_everything_is_itself(text, other):
    assert same(text, other) in (True, False)
    assert same(text, text)


def test_math500_grades_the_last_box():
    loader = Math500()
    problem = loader.problem(Row({"problem": "p", "solution": r"so $\boxed{\frac{3}{4}}$."}, "f", 1))
    right = [r"First \boxed{1}, no: \boxed{0.75}", "answer: 3/4", "The answer is $\\frac34$.", r"\boxed{\dfrac{3}{4}}"]
    wrong = [r"\boxed{\frac{4}{3}}", "", "I do not know", r"\boxed{0.75} or rather \boxed{1}"]
    assert [asyncio.run(loader.grade(problem, text)) for text in right] == [True] * 4
    assert [asyncio.run(loader.grade(problem, text)) for text in wrong] == [False] * 4
    assert asyncio.run(loader.grade(problem, loader.gold_answer(problem)))


FACTS = "(handempty) (on a b) (ontable b) (clear a)"
START = f"(define (problem p) (:domain d) (:objects a b) (:init {FACTS}) (:goal (and (on b a))))"


def test_the_simulator_says_where_a_plan_fails():
    domain, situation = read_domain(BLOCKSWORLD), read_situation(START)
    plan = [("unstack", "a", "b"), ("put-down", "a"), ("pick-up", "b"), ("stack", "b", "a")]
    assert simulate(domain, situation, plan) == (True, "", 4)
    assert simulate(domain, situation, plan[:3]) == (False, "at the end (on b a) does not hold", 3)
    assert simulate(domain, situation, plan[1:]) == (False, "step 1, (put-down a): (holding a) does not hold", 0)
    assert simulate(domain, situation, [("fly", "a")]).reason == "step 1, (fly a): no such action"
    assert simulate(domain, situation, [("stack", "a")]).reason.endswith("takes 2 objects")


@pytest.mark.parametrize(
    "text", ["", "(", ")", "(define", "(" * 99 + ")" * 99, "(define (domain d))", "x", "(" + "a" * 300_000 + ")"]
)
def test_what_is_no_pddl_is_told(text):
    with pytest.raises(PlanError):
        read_domain(text)
    with pytest.raises(PlanError):
        read_situation(text)


TEXTS = {  # kind: (arguments, responses that follow, responses that do not)
    "change_case:capital_word_frequency": (
        {"capital_relation": "at least", "capital_frequency": 2}, ["A WORD and TWO"], ["one WORD"]),
    "change_case:english_capital": ({}, ["THE DOG AND THE CAT ARE HERE"], ["The dog", "DER HUND IST NICHT IM HAUS"]),
    "change_case:english_lowercase": ({}, ["the dog and the cat are here"], ["The dog", "der hund ist nicht im haus"]),
    "combination:repeat_prompt": ({"prompt_to_repeat": "Say it."}, ["say it. Well"], ["Well. Say it."]),
    "combination:two_responses": ({}, ["a\n******\nb"], ["a", "a\n******\na", "a******b******c"]),
    "detectable_content:number_placeholders": ({"num_placeholders": 2}, ["[a] [b]"], ["[a]"]),
    "detectable_content:postscript": ({"postscript_marker": "P.S."}, ["Bye\nP.S. more", "p. s. x"], ["Bye"]),
    "detectable_format:constrained_response": ({}, ["My answer is yes."], ["Yes."]),
    "detectable_format:json_format": ({}, ['{"a": 1}', "```json\n[1]\n```"], ["a: 1", "[" * 9999]),
    "detectable_format:multiple_sections": (
        {"section_spliter": "SECTION", "num_sections": 2}, ["SECTION 1\na\nSECTION 2\nb"], ["SECTION 1\na"]),
    "detectable_format:number_bullet_lists": ({"num_bullets": 2}, ["* a\n- b"], ["* a", "* a\n* b\n* c", "**a**\n* b"]),
    "detectable_format:number_highlighted_sections": (
        {"num_highlights": 2}, ["*a* and *b*", "**a** **b**"], ["*a*", "**a**", "* *"]),
    "detectable_format:title": ({}, ["<<A title>>\ntext"], ["A title", "<< >>"]),
    "keywords:existence": ({"keywords": ["nut", "c++"]}, ["Nuts in C++"], ["nuts"]),
    "keywords:forbidden_words": ({"forbidden_words": ["nut"]}, ["nuts"], ["a Nut."]),
    "keywords:frequency": ({"keyword": "nut", "frequency": 2, "relation": "at least"}, ["nut, Nut"], ["nut"]),
    "keywords:letter_frequency": (
        {"letter": "q", "let_frequency": 2, "let_relation": "less than"}, ["Q", "x"], ["qQ"]),
    "language:response_language": ({"language": "de"}, ["Der Hund ist nicht im Haus"], ["The dog is in the house"]),
    "length_constraints:nth_paragraph_first_word": (
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "well"}, ["a b\n\n\"Well, c"],
        ["well\n\na", "a\n\nwell\n\nb"]),
    "length_constraints:number_paragraphs": ({"num_paragraphs": 2}, ["a\n***\nb"], ["a", "a\n***\n\n***\nb"]),
    "length_constraints:number_sentences": (
        {"num_sentences": 2, "relation": "at least"}, ["One. Two.", "Is it? Yes"], ["Mr. Smith paid 3.5 dollars."]),
    "length_constraints:number_words": ({"num_words": 3, "relation": "less than"}, ["two words"], ["now three words"]),
    "punctuation:no_comma": ({}, ["no"], ["a, b"]),
    "startend:end_checker": ({"end_phrase": "The end."}, ["It is. the END."], ["The end. Or not"]),
    "startend:quotation": ({}, ['"all of it"'], ['"some" of it', '"']),
}  # fmt: skip


def instructed(*kinds):
    row = {"key": 7, "prompt": "p", "instruction_id_list": list(kinds), "kwargs": [TEXTS[kind][0] for kind in kinds]}
    return IfEval().problem(Row(row, "f", 1))


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_of_instruction_is_checked(kind):
    _, followed, not_followed = TEXTS[kind]
    loader, problem = IfEval(), instructed(kind)
    assert [loader.followed(problem, text) for text in followed] == [(True,)] * len(followed)
    assert [loader.followed(problem, text) for text in not_followed] == [(False,)] * len(not_followed)
    assert loader.followed(problem, "  ") == (False,)


def test_strict_and_loose_accuracy_are_the_papers():
    loader = IfEval()
    problem = instructed("punctuation:no_comma", "startend:quotation")
    texts = ['Sure, here:\n"it is"', '"it is"', "no"]
    assert [asyncio.run(loader.grade(problem, text)) for text in texts] == [False, True, False]
    assert loader.followed(problem, texts[0], loose=True) == (True, True)
    found = loader.accuracy([problem] * 3, texts)
    assert found == pytest.approx((1 / 3, 3 / 6, 2 / 3, 5 / 6))
    assert len(list(variants("a\nb\nc"))) == 8
    with pytest.raises(ValueError, match="no responses"):
        loader.accuracy([], [])


def test_every_published_prompt_is_read_and_all_its_kinds_are_known():
    if not (DATA / "ifeval").exists():
        pytest.skip(f"IFEval is not at {DATA}")
    problems = public_set("ifeval").read(DATA / "ifeval")
    assert len(problems) == 541
    assert {kind for problem in problems for kind in problem.gold.kinds} == set(KINDS)


def test_arguments_of_instructions_are_checked():
    for kwargs in ({}, {"num_bullets": "2"}, {"num_bullets": True}, {"num_bullets": 2, "x": 1}):
        row = {
            "key": 1,
            "prompt": "p",
            "instruction_id_list": ["detectable_format:number_bullet_lists"],
            "kwargs": [kwargs],
        }
        with pytest.raises(DatasetError):
            IfEval().problem(Row(row, "f", 1))
    row["kwargs"] = [{"num_bullets": 2.0, "relation": None}]  # as other copies write it
    assert IfEval().problem(Row(json.loads(json.dumps(row)), "f", 1)).gold.arguments == ({"num_bullets": 2},)


def test_a_detector_of_ones_own_takes_the_place_of_the_built_in_one():
    loader = IfEval(detect=lambda text: "sw")
    assert loader.followed(instructed("language:response_language"), "Der Hund ist nicht im Haus") == (False,)


@pytest.mark.parametrize(
    ("language", "text"),
    [("en", "the cat sat on the mat and it was happy"), ("de", "Der Hund ist nicht mit der Katze auf dem Tisch"),
     ("it", "Il gatto è sul tavolo e non si muove, ma questo è normale"),
     ("pt", "O gato não está na mesa, mas isto é normal para ele"),
     ("fi", "Kissa on pöydällä ja se ei ole onnellinen, mutta se on siellä"),
     ("sw", "Paka yuko juu ya meza na hana furaha katika nyumba hii"),
     ("vi", "Con mèo không ở trên bàn và nó là một con mèo"),
     ("es", "El gato no está en la mesa, pero es muy feliz con los niños"),
     ("ru", "Кошка не сидит на столе, и это хорошо"),
     ("ko", "고양이는 집에 있다"), ("th", "แมวอยู่"),
     ("hi", "बिल्ली घर में है और खुश है"), ("", "123 !?")],
)  # fmt: skip
def test_languages(language, text):
    assert language_of(text) == language


def test_sentences_end_where_they_should():
    assert sentences("One. Two! Three?") == 3
    assert sentences("Dr. Smith, e.g. of the U.S. Army, paid 3.5 dollars.") == 1
    assert sentences('He said "No." Then he left') == 2
    assert sentences("") == 0
