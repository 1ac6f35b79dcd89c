"""The code family: its problems, what their texts determine, the held-out structures, and its graders."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal import PlanError, parse_plan
from planneal.decoders.answer import judge_answer
from planneal.experiments.families.base import LEVELS, PlanGrade, Split
from planneal.experiments.families.code import FAMILY, CodeFamily, Difficulty
from planneal.experiments.families.code.answers import answer_text
from planneal.experiments.families.code.grading import computes, program_of
from planneal.experiments.families.code.inputs import probes
from planneal.experiments.families.code.invariants import INVARIANTS, holding
from planneal.experiments.families.code.mutants import differs, mutants
from planneal.experiments.families.code.operations import OPERATIONS, Step, compose
from planneal.experiments.families.code.phrases import PHRASES, phrase, read_step
from planneal.experiments.families.code.rendering import STYLES, program
from planneal.experiments.families.code.rules import RULES, broken, rule_sentence, style_for
from planneal.experiments.families.code.structures import held_out, with_constants
from planneal.experiments.families.code.telling import ENDS, EXAMPLES, HEADS, IDLE, NEXT, NUMBERED, ONLY, STARTS
from planneal.experiments.families.code.values import Shape
from planneal.planner.errors import ConfigError, SandboxUnavailable
from planneal.planner.notation import format_plan
from planneal.planner.witnesses import GOAL
from planneal.testing import check_verifier
from planneal.verifiers.assertions import Assertion
from planneal.verifiers.sandbox.base import Call, Capabilities, Job, Outcome, Sandbox
from planneal.verifiers.sandbox.monty import MontySandbox
from planneal.verifiers.sandbox.select import default_sandbox
from planneal.verifiers.unit_tests import read_test

difficulties = st.builds(
    Difficulty,
    operations=st.integers(1, 6),
    examples=st.integers(1, 3),
    rules=st.integers(0, 3),
    invariants=st.integers(0, 2),
    distractors=st.integers(0, 3),
    shuffled=st.booleans(),
    locked=st.booleans(),
)
problems = st.builds(FAMILY.generate, st.integers(0, 2**62), difficulties, st.sampled_from(Split))
seeds = st.integers(0, 2**32)


def drawn(name, seed=0):
    """An operation with constants."""
    return with_constants(np.random.default_rng(seed), [OPERATIONS[name]])[0]


def graded(problem, *texts):
    """Grades by what isolates here; None where that lacks something that the program uses."""

    async def grade(family, text):
        try:
            return await family.grade(problem, text)
        except SandboxUnavailable:
            return None

    async def run():
        async with await default_sandbox() as sandbox:
            family = CodeFamily(sandbox)
            return [await grade(family, text) for text in texts], len(sandbox.sandboxes)

    found, backends = asyncio.run(run())
    assert None not in found or backends == 1  # CPython lacks nothing
    return found


def fenced(source):
    return f"```python\n{source}```\n"


# ---- operations, wordings, programs


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_every_wording_of_an_operation_is_read_as_that_operation(name):
    assert len(set(PHRASES[name])) == 3
    for wording in range(3):
        step = drawn(name, wording)
        told = phrase(step, wording)
        assert read_step(told) == step
        assert read_step(told.upper() + ".") in (step, None if name in ("containing", "lacking") else step)
        assert phrase(read_step(told)) == phrase(step)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "do something",
        "keep the first 0 items",
        "take each number modulo 0",
        "keep the first 99999 items",
        "x" * 999,
    ],
)
def test_what_is_no_step_is_not_read(text):
    assert read_step(text) is None


def test_nouns_for_items_mean_the_same():
    assert (
        read_step("Keep the first 3 elements.")
        == read_step("keep the first 3 words")
        == read_step("keep the first 3 items")
    )


def test_programs_in_every_style_compute_what_the_table_computes():
    async def run():
        async with MontySandbox(workers=1) as sandbox:
            for name, operation in OPERATIONS.items():
                for style in STYLES:
                    step = drawn(name, 3)
                    inputs = [value for shape in operation.takes for value in (*probes(shape)[:6], *_empty(shape))]
                    job = Job(program([step], "f", "xs", style), tuple(Call("f", (value,)) for value in inputs))
                    outcome = await sandbox.run(job)
                    assert outcome.status == "ok", (name, style, outcome.reason)
                    assert [result.value for result in outcome.results] == [step(value) for value in inputs], (
                        name,
                        style,
                    )

    asyncio.run(run())


def _empty(shape):
    return ("",) if shape is Shape.TEXT else ([],)


def test_styles_keep_what_they_are_for():
    for name in OPERATIONS:
        assert not broken(["no loop", "no comprehension"], program([drawn(name)], "f", "xs", "functional"))
        assert not broken(["no lambda", "no comprehension"], program([drawn(name)], "f", "xs", "loop"))
        assert not broken(["no lambda", "no recursion", "no import"], program([drawn(name)], "f", "xs"))


def test_growth_is_bounded():
    for name in ("square", "times"):
        with pytest.raises(PlanError, match="bits"):
            compose([drawn(name)] * 2500, [3])


# ---- problems


def forms(wordings, what=r"(?P<p>[^.]+)"):
    for wording in wordings:
        yield re.compile(re.escape(wording).replace(r"\{p\}", what).replace(r"\{n\}", r"(?P<n>\d)"))


def read_question(public):
    """The steps that a question tells, by a reader of its own, and the cases that it shows."""
    question = public.question
    cases = []
    for form in EXAMPLES:
        pattern = re.escape(form).replace(r"\{call\}", rf"{public.function}\((.+?)\)").replace(r"\{out\}", "(.+?)")
        cases += re.findall(pattern.removesuffix(r"\.") + r"\.(?= [A-Z]|$)", question)
    ordered, numbered = [], {}
    for sentence in re.findall(r"[^.]+\.", question):
        sentence = sentence.strip()
        if any(form.fullmatch(sentence) for form in forms(IDLE)):
            continue
        for form in forms(NUMBERED):
            if (found := form.fullmatch(sentence)) is not None:
                numbered[int(found["n"])] = read_step(found["p"])
        for form in forms((*STARTS, *NEXT, *ENDS, *ONLY)):
            if (found := form.fullmatch(sentence)) is not None and read_step(found["p"]) is not None:
                ordered.append(read_step(found["p"]))
                break
    return ordered or [numbered[n] for n in sorted(numbered)], cases


@settings(max_examples=120, deadline=None)
@given(problems)
def test_the_question_alone_determines_the_function(problem):
    steps, cases = read_question(problem.public)
    assert "\n" not in problem.public.question
    assert tuple(map(phrase, steps)) == problem.gold.steps
    assert [case.argument for case in problem.public.examples] == [argument for argument, _ in cases]
    for argument, out in cases:
        assert compose(steps, ast.literal_eval(argument)) == ast.literal_eval(out)
    for case in problem.gold.hidden:
        argument, wanted = case.values
        assert compose(steps, argument) == wanted


@settings(max_examples=80, deadline=None)
@given(problems)
def test_the_question_tells_every_rule_and_every_public_field(problem):
    public = problem.public
    for rule in public.rules:
        assert any(rule_sentence(rule, wording) in public.question for wording in range(3))
    assert any(
        head.format(call=f"{public.function}({public.parameter})", takes=public.takes) in public.question
        for head in HEADS
    )
    assert str(problem.gold.hidden) not in str(public)
    hidden = {case.argument for case in problem.gold.hidden if len(case.argument) > 8}
    assert not any(argument in public.question for argument in hidden)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_every_step_matters_on_the_hidden_cases(problem):
    cases = [case.values for case in problem.gold.hidden]
    steps = problem.gold.composition
    for place in range(len(steps)):
        shorter = (*steps[:place], *steps[place + 1 :])
        with contextlib.suppress(TypeError, AttributeError, ValueError):  # without the step the next may not fit
            assert differs(shorter, cases)


@settings(max_examples=60, deadline=None)
@given(problems)
def test_invariants_hold_on_every_input(problem):
    public, steps = problem.public, problem.gold.composition
    for name in holding(steps, public.takes):
        for value in probes(public.takes):
            out = compose(steps, value)
            if name == "settled":
                assert compose(steps, out) == out
            else:
                wanted = {
                    "sorted": lambda value, out: out == sorted(out),
                    "length": lambda value, out: len(out) == len(value),
                    "natural": lambda value, out: min(out, default=0) >= 0,
                    "distinct": lambda value, out: len(set(out)) == len(out),
                }
                assert wanted[name](value, out), (name, problem.gold.steps, value)


def test_invariants_that_operations_do_not_keep_are_not_claimed():
    """Negative control: what a composition breaks is not among its invariants."""
    steps = [read_step("sort the numbers in rising order"), read_step("negate each number")]
    assert holding(steps, Shape.NUMBERS) == ("length",)
    assert "settled" in holding([read_step("keep the even numbers"), read_step("drop repeated items")], Shape.NUMBERS)
    assert holding([read_step("square each number")], Shape.NUMBERS) == ("length", "natural")


def test_generation_is_pure_and_texts_differ():
    for level in LEVELS:
        difficulty = FAMILY.levels[level]
        assert FAMILY.generate(7, difficulty) == FAMILY.generate(7, difficulty)
        texts = {FAMILY.generate(seed, difficulty, split).public.question for seed in range(100) for split in Split}
        assert len(texts) == 200


def test_sizes_and_knobs():
    for size in (4, 6, 9):
        problem = FAMILY.generate(1, FAMILY.sized(size))
        assert problem.public.size == size
    for size in (0, 3, 10):
        with pytest.raises(ConfigError, match="4 to 9"):
            FAMILY.sized(size)
    locked = FAMILY.generate(3, Difficulty(rules=2, locked=True))
    assert len(locked.public.constraints) == 2
    assert [item.id for item in parse_plan(locked.gold.plan).locked] == ["C1", "C2"]
    assert FAMILY.task(locked.public).constraints == parse_plan(locked.gold.plan).locked


# ---- held-out structures


def structures(which, split, seeds):
    return {
        FAMILY.generate(seed, Difficulty(operations=operations, structures=which), split).gold.structure
        for seed in seeds
        for operations in (1, 2, 3)
    }


def test_training_never_draws_a_held_out_structure():
    trained = structures("all", Split.TRAIN, range(150)) | structures("seen", Split.TRAIN, range(150))
    held = structures("held_out", Split.EVAL, range(150))
    assert not trained & held
    assert all(map(held_out, held))
    assert not any(map(held_out, trained))
    assert not any(map(held_out, structures("seen", Split.EVAL, range(50))))
    both = structures("all", Split.EVAL, range(150))
    assert {held_out(structure) for structure in both} == {True, False}


def test_training_problems_of_held_out_structures_are_refused():
    with pytest.raises(ConfigError, match="held-out"):
        FAMILY.generate(0, Difficulty(structures="held_out"), Split.TRAIN)


def test_about_a_quarter_of_the_pairs_is_held_out():
    pairs = [(a, b) for a in OPERATIONS for b in OPERATIONS if a != b]
    assert 0.2 < sum(map(held_out, pairs)) / len(pairs) < 0.3


# ---- plans


@settings(max_examples=60, deadline=None)
@given(problems)
def test_gold_plans_are_right_and_their_answers_faithful(problem):
    plan = parse_plan(problem.gold.plan)
    assert format_plan(plan) == problem.gold.plan
    assert FAMILY.grade_plan(problem, problem.gold.plan) == PlanGrade(right=True, exact=True)
    answer = judge_answer(plan, answer_text(problem))
    assert answer.faithful, answer.problems
    assert answer.uncited == ()
    source = program_of(answer.text, problem.public.function)
    assert not broken(problem.public.rules, source)
    for item in plan.items:
        if item.check is not None and item.check.kind == "test":
            assert isinstance(read_test(item.check.text), Assertion)


@settings(max_examples=40, deadline=None)
@given(problems)
def test_the_verifiers_pass_gold_plans(problem):
    task, plan = FAMILY.task(problem.public), parse_plan(problem.gold.plan)
    for verifier in FAMILY.verifiers(problem.public):
        assessment = asyncio.run(verifier.assess(task, plan))
        assert assessment.abstained is None
        assert not assessment.failures
        if verifier.name == "steps":
            assert set(assessment.verdicts) == {GOAL, *plan.by_id}
            assert {verdict.outcome for verdict in assessment.verdicts.values()} == {"pass"}


@settings(max_examples=60, deadline=None)
@given(problems, seeds)
def test_corrupted_plans_are_wrong(problem, seed):
    rng = np.random.default_rng(seed)
    public, gold = problem.public, problem.gold
    head = [line for line in gold.plan.split("\n") if not line.startswith("S")]
    mutant = next(
        m for m in mutants(rng, gold.composition, public.takes) if differs(m, [c.values for c in gold.hidden])
    )
    steps = [f"S{number}: {phrase(step)}" for number, step in enumerate(mutant, 1)]
    assert not FAMILY.grade_plan(problem, "\n".join([*head, *steps])).right
    if public.rules and not public.constraints:
        lacking = [line for line in gold.plan.split("\n") if f"[code: {public.rules[0]}]" not in line]
        assert FAMILY.grade_plan(problem, "\n".join(lacking)) == PlanGrade(right=False, missing=1)
    renamed = gold.plan.replace(f"defines {public.function}(", f"defines {public.function}x(")
    assert FAMILY.grade_plan(problem, renamed) == PlanGrade(right=False, false=1)


def test_grading_a_plan_goes_by_what_it_computes():
    problem = next(p for p in map(FAMILY.generate, range(900)) if {"even", "sort_up"} <= set(p.gold.structure))
    public, gold = problem.public, problem.gold
    rules = [f"I{i}: [code: {rule}]" for i, rule in enumerate(public.rules, 1)]

    def grade(*lines):
        return FAMILY.grade_plan(problem, "\n".join(["goal: g", *rules, *lines]))

    steps = [f"S{i}: {text}" for i, text in enumerate(gold.steps, 1)]
    assert grade(*steps).exact
    idle = grade(
        *steps[: gold.structure.index("even") + 1],
        "S9: keep the even numbers",
        *steps[gold.structure.index("even") + 1 :],
    )
    assert (idle.right, idle.exact, idle.extra) == (True, False, 1)
    assert not grade(*steps, "S9: think hard").right
    assert not grade().right
    assert not grade(*steps, "I8: [wigs = 4]").right
    assert not grade(*steps, "I8: [code: at least 99 lines]").right
    argument, out = public.examples[0].argument, public.examples[0].gives
    assert grade(*steps, f"I8: [test: {public.function}({argument}) == {out}]").right
    assert not grade(*steps, f"I8: [test: {public.function}({argument}) == [12345]]").right
    assert not FAMILY.grade_plan(problem, "no plan at all").right


@settings(max_examples=40, deadline=None)
@given(problems, seeds)
def test_random_plans_are_well_formed_and_follow_no_gold(problem, seed):
    plan = FAMILY.random_plan(np.random.default_rng(seed), problem.public)
    assert parse_plan(format_plan(plan)) == plan
    steps = FAMILY.verifiers(problem.public)[1]
    assessment = asyncio.run(steps.assess(FAMILY.task(problem.public), plan))
    assert set(assessment.failures) <= {GOAL}
    if FAMILY.grade_plan(problem, str(plan)).right:
        assert not assessment.failures


def test_a_plan_may_pass_the_verifiers_and_be_wrong():
    """What two visible cases cannot tell apart, the hidden ones do."""
    found = 0
    for seed in range(60):
        problem = FAMILY.generate(seed, Difficulty(operations=2, examples=1, rules=0, invariants=0))
        task, steps = FAMILY.task(problem.public), FAMILY.verifiers(problem.public)[1]
        for mutant in mutants(np.random.default_rng(seed), problem.gold.composition, problem.public.takes):
            if not differs(mutant, [case.values for case in problem.public.examples]) and not computes(problem, mutant):
                plan = "\n".join(["goal: g", *(f"S{i}: {phrase(step)}" for i, step in enumerate(mutant, 1))])
                assert not asyncio.run(steps.assess(task, parse_plan(plan))).failures
                assert not FAMILY.grade_plan(problem, plan).right
                found += 1
    assert found


def assessed(problem, *lines):
    plan = parse_plan("\n".join(["goal: g", *lines]))
    assessment = asyncio.run(FAMILY.verifiers(problem.public)[1].assess(FAMILY.task(problem.public), plan))
    return {item_id: verdict.outcome for item_id, verdict in assessment.verdicts.items()}, assessment


def test_the_steps_verifier_says_what_is_wrong():
    problem = FAMILY.generate(0, Difficulty(operations=2, rules=1, invariants=0, distractors=0))
    public = problem.public
    outcomes, assessment = assessed(problem, "S1: sum the numbers", "S2: sort the words in alphabetical order")
    assert outcomes["S2"] == outcomes[GOAL] == "fail"
    told = [witness.line for witness in assessment.witnesses]
    assert any("no item states code:" in line for line in told), told
    assert any("gets a number" in line or "gets" in line for line in told), told
    outcomes, _ = assessed(
        problem, "S1: think hard", f"I1: [code: {public.rules[0]}]", "I2: [code: be nice]", "I3: [code: no try]"
    )
    assert outcomes == {"I1": "pass", "I2": "fail", "I3": "fail", GOAL: "unknown"}


def test_a_false_test_is_to_blame_where_every_case_comes_out():
    problem = FAMILY.generate(4)
    call = f"{problem.public.function}({problem.public.examples[0].argument})"
    lines = problem.gold.plan.split("\n")[1:]
    _, assessment = assessed(problem, *lines, f"I8: [test: {call} == 7]", "I9: [test: f(( == 7]")
    assert [(witness.kind, witness.items) for witness in assessment.witnesses] == [
        ("failed_test", ("I8",)),
        ("malformed", ("I9",)),
    ]


def test_the_steps_verifier_keeps_the_laws():
    problem = FAMILY.generate(4, Difficulty(operations=3, rules=1))
    task = FAMILY.task(problem.public)
    public, steps = problem.public, problem.gold.steps
    call = f"{public.function}({public.examples[0].argument})"
    plans = [
        problem.gold.plan,
        "goal: g\n" + "\n".join(f"S{i}: {text}" for i, text in enumerate(reversed(steps), 1)),
        f"goal: g\nI1: [test: {call} == 3]\nI2: [code: no try]\nI3: [code: nonsense]\nS1: {steps[0]}\nS2: hm",
        f"goal: g\nI1: [test: {call} is None]\nS1: {steps[0]}\nS2: [program: def {public.function}(x): return x]",
    ]
    report = check_verifier(FAMILY.verifiers(public)[1], [(task, parse_plan(plan)) for plan in plans])
    assert report.ok, str(report)


def test_a_plan_that_carries_a_program_is_judged_by_running_it():
    problem = FAMILY.generate(2, Difficulty(operations=2, rules=1))
    public = problem.public
    source = program(
        problem.gold.composition,
        public.function,
        public.parameter,
        style_for(public.rules, problem.gold.composition, public.function, public.parameter),
    )

    def judged(text):
        head = [line for line in problem.gold.plan.split("\n") if not line.startswith("S")]
        plan = parse_plan("\n".join([*head, f"S1: [program: {text!r}]".replace("'", '"')]))

        async def run():
            async with MontySandbox(workers=1) as sandbox:
                *_, programs = CodeFamily(sandbox).verifiers(public)
                return await programs.assess(FAMILY.task(public), plan)

        return asyncio.run(run())

    assert "'" not in source
    right = judged(source)
    assert right.verdicts[GOAL].outcome == "pass"
    assert not right.failures
    wrong = judged(f"def {public.function}({public.parameter}): return 7\n")
    assert GOAL in wrong.failures
    assert wrong.witnesses[-1].items[0] == "S1"


def test_answers_follow_their_plan_even_where_it_is_wrong():
    problem = FAMILY.generate(1, Difficulty(operations=3, rules=1))
    name = problem.public.function
    text = answer_text(problem, f"goal: g\nI1: [code: defines {name}(xs)]\nI2: [code: no loop]\nS3: square each number")
    assert text.split("\n") == [
        "```python",
        f"def {name}(xs):  # [I1, I2]",
        "    return list(map(lambda x: x * x, xs))  # [S3]",
        "```",
        f"answer: {name} [S3]",
    ]
    with pytest.raises(PlanError, match="S2"):
        answer_text(problem, "goal: g\nS1: square each number\nS2: be nice")
    assert "return" in answer_text(problem, "goal: g")


# ---- grading answers


def test_gold_answers_pass_and_near_misses_fail():
    async def run():
        async with MontySandbox(workers=1) as sandbox:
            family = CodeFamily(sandbox)
            for seed in range(24):
                problem = family.generate(seed, family.levels[LEVELS[seed % 3]])
                assert await family.grade(problem, answer_text(problem))
                wrong = family.wrong_answers(np.random.default_rng(seed), problem)
                assert len(wrong) >= 4
                for text in wrong:
                    assert not await family.grade(problem, text), (problem.public.question, text)

    asyncio.run(run())


def simple(**more):
    """A problem about even numbers alone, whatever rules it has."""
    difficulty = Difficulty(operations=1, invariants=0, distractors=0, **{"rules": 0, **more})
    return next(p for p in (FAMILY.generate(s, difficulty) for s in range(5000)) if p.gold.structure == ("even",))


def test_every_right_program_is_accepted():
    problem = simple()
    name = problem.public.function
    right = [
        f"def {name}(a):\n    return [n for n in a if not n % 2]",
        f"def {name}(a):\n    out = []\n    for n in a:\n        if n & 1 < 1: out += [n]\n    return tuple(out)",
        f"def {name}(a):\n    answer = [n for n in a if n % 2 == 0]\n    return answer",
        f"{name} = lambda a: list(filter(lambda n: n % 2 == 0, a))",
        f"def helper(n):\n    return n % 2 == 0\n\ndef {name}(a):\n    return [n for n in a if helper(n)]",
        f"from math import floor\ndef {name}(a: list):\n    '''Evens.'''\n    return [n for n in a if n % 2 == 0]",
    ]
    shapes = [
        "{0}\n",
        "Sure:\n```python\n{0}\n```\nIt keeps what is even.",
        "```\n{0}\n```\nanswer: f [S1]",
        "Here it is.\n\n{0}\n\nThat is all.",
        "```python\nprint(1)\n```\nbetter:\n```py\n{0}\n```",
        "```python\n{0}  # [S1]\n```\nanswer: f [S1]",
        "{0} [S1]\nanswer: f [S1]",
        "{0}\n\n**Answer:** f",
    ]
    texts = [shape.format(source) for source in right for shape in shapes]
    texts += [
        f"answer: def {name}(a): return [n for n in a if n % 2 == 0] [S1]",
        f"def {name}(a): return [n for n in a if n % 2 == 0]",
    ]
    for text, verdict in zip(texts, graded(problem, *texts), strict=True):
        assert verdict, text


def test_wrong_programs_and_no_programs_are_refused():
    problem = simple()
    name = problem.public.function
    programs = [
        f"def {name}(a):\n    return a",
        f"def {name}(a):\n    return [n for n in a if n % 2]",
        "def other(a):\n    return [n for n in a if n % 2 == 0]",
        f"def {name}(a)\n    return a",
        f"def {name}():\n    return []",
        f"def {name}(a):\n    print([n for n in a if n % 2 == 0])\n",
        f"{name} = 3\n",
        f"def {name}(a):\n    return {{n for n in a if n % 2 == 0}}\n",
        f"def {name}(a):\n    return object()\n",
        f"def {name}(a):\n    return {name}(a)\n",
        "x" * 200_000,
    ]
    nothing = ["", "answer: 4", "no idea", "```python\n```", "(" * 5000, "\x00", "```python\n", "answer: def", "[S1]"]
    texts = [*nothing, *programs, *map(fenced, programs)]
    assert not any(graded(problem, *texts))
    assert graded(problem, *nothing) == [False] * len(nothing)


def test_rules_on_the_text_are_part_of_the_grade():
    problem = next(p for p in (simple(rules=n) for n in (1, 2)) if p.public.rules)
    name, rule = problem.public.function, problem.public.rules[0]
    for source in (program(problem.gold.composition, name, "xs", style) for style in STYLES):
        kept = not broken(problem.public.rules, source)
        assert graded(problem, fenced(source)) == [kept], (rule, source)
    hidden = fenced(f"def {name}(xs):\n    return eval('[x for x in xs if x % 2 == 0]')\n")
    assert broken(["no loop"], hidden.split("\n", 1)[1].rsplit("```", 1)[0])


class Refusing(Sandbox):
    """Isolates nothing, so it runs nothing; or lacks what programs need."""

    def __init__(self, outcome=None):
        self.outcome = outcome

    def capabilities(self):
        return Capabilities("refusing", True, True, True, True, True, "language")

    async def run(self, job):
        if self.outcome is None:
            raise SandboxUnavailable("nothing isolates here")
        return self.outcome


@pytest.mark.parametrize("outcome", [None, Outcome("unsupported", reason="monty: class")])
def test_without_a_sandbox_the_grade_is_an_error_not_a_no(outcome):
    problem = simple()
    with pytest.raises(SandboxUnavailable):
        asyncio.run(CodeFamily(Refusing(outcome)).grade(problem, answer_text(problem)))
    assert asyncio.run(CodeFamily(Refusing(outcome)).grade(problem, "no program")) is False


def test_the_family_opens_a_sandbox_where_none_is_given():
    problem = simple()
    assert asyncio.run(FAMILY.grade(problem, answer_text(problem)))


def test_wordings_are_three_and_apart():
    for wordings in (*RULES.values(), *(one.wordings for one in INVARIANTS.values()), HEADS, STARTS, NEXT, ENDS, ONLY):
        assert len(set(wordings)) == 3
    told = [text for wordings in PHRASES.values() for text in wordings]
    assert len(told) == len(set(told))
    assert set(PHRASES) == set(OPERATIONS)
    assert len(OPERATIONS) >= 45
    assert isinstance(drawn("even"), Step)
