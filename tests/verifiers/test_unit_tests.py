"""Unit tests of programs: four outcomes, scopes that tell the truth, a sandbox that is only asked for values."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from planneal import Task, parse_plan
from planneal.planner.errors import BudgetExhausted, ConfigError, SandboxUnavailable, TransientError
from planneal.planner.verifier import VerdictCache
from planneal.planner.witnesses import GOAL, FailedTest
from planneal.testing import FunctionModel, check_verifier
from planneal.verifiers.assert_files import AssertFile
from planneal.verifiers.assertions import Case
from planneal.verifiers.comparing import Comparison
from planneal.verifiers.program_runs import run_file, run_tests
from planneal.verifiers.programs import FencedProgram, ModelProgram, PlanProgram, ProgramCheck, fenced
from planneal.verifiers.sandbox.base import CallResult, Capabilities, Outcome, Sandbox
from planneal.verifiers.sandbox.values import Unencodable, dumps, loads
from planneal.verifiers.unit_tests import SelfReportedTests, UnitTestVerifier

TASK = Task(question="Write f(xs) that counts the elements of a list.")
GOOD = "def f(xs):\n    return len(xs)\n"
WRONG = "def f(xs):\n    return len(xs) + (len(xs) > 2)\n"
PLAN = parse_plan(
    "goal: count\n"
    "C1!: [test: f([]) == 0]\n"
    "C2: [test: f([1, 2, 3]) == 3]\n"
    "C3: [code: no loop]\n"
    "C4: [test: f(f.__name__) == 1]\n"
    "C5: [test: f([) == 0]\n"
    "C6: [code: be nice]\n"
    "S1: take the length"
)


class HereSandbox(Sandbox):
    """Runs programs of these tests in this process: no isolation, and every job is kept to be looked at."""

    def __init__(self, outcome=None, error=None):
        self.jobs = []
        self.outcome = outcome
        self.error = error

    def capabilities(self):
        return Capabilities("here", False, False, False, False, False, "none")

    async def run(self, job):
        self.jobs.append(job)
        if self.error:
            raise self.error
        if self.outcome is not None:
            return self.outcome
        space: dict[str, object] = {"__name__": "program"}
        try:
            for text in (job.source, job.setup, job.tests):
                exec(compile(text, "program", "exec", dont_inherit=True), space)  # noqa: S102 - our own texts
        except Exception as error:
            return Outcome("raised", reason=f"{type(error).__name__}: {error}", backend="here")
        return Outcome("ok", tuple(self._called(space, call) for call in job.calls), backend="here")

    def _called(self, space, call):
        try:
            value = space[call.function](*call.args, **call.kwargs)  # type: ignore[operator]
        except Exception as error:
            return CallResult("raised", error=f"{type(error).__name__}: {error}")
        try:
            return CallResult("value", loads(dumps(value)))
        except Unencodable as error:
            return CallResult("unencodable", error=str(error))


def assess(verifier, plan=PLAN, task=TASK, **options):
    return asyncio.run(verifier.assess(task, plan, **options))


def outcomes(assessment):
    return {item_id: verdict.outcome for item_id, verdict in assessment.verdicts.items()}


def test_each_item_gets_its_verdict():
    assert outcomes(assess(UnitTestVerifier(HereSandbox(), GOOD))) == {
        "C1": "pass",
        "C2": "pass",
        "C3": "pass",
        "C5": "fail",
        "C6": "fail",
    }
    wrong = assess(UnitTestVerifier(HereSandbox(), WRONG))
    assert outcomes(wrong)["C1"] == "pass"
    assert outcomes(wrong)["C2"] == "fail"
    assert [witness.line for witness in wrong.witnesses] == [
        "C2 fails: f([1, 2, 3]) gave 4, expected 3",
        "C5 is malformed: line 1: closing parenthesis ')' does not match opening parenthesis '['",
        "C6 is malformed: not a form of `code:`, such as `no loop`",
    ]


def test_what_is_expected_never_enters_the_sandbox():
    sandbox = HereSandbox()
    cases = [Case("f([1])", "expected-here"), Case("f([2])", raises="SecretError")]
    plan = parse_plan("goal: g\nC1: [test: f([3]) == 'expected-there']")
    assess(UnitTestVerifier(sandbox, GOOD, cases), plan)
    assert len(sandbox.jobs) == 2
    assert "expected" not in repr(sandbox.jobs)
    assert "Secret" not in repr(sandbox.jobs)


def test_cases_are_judged_on_the_goal_and_score_their_share():
    cases = [Case("f([1])", 1), Case("f([1, 2])", 2), Case("f([1, 2, 3])", 3), Case("f(5)", raises="TypeError")]
    assert assess(UnitTestVerifier(HereSandbox(), GOOD, cases)).verdicts[GOAL].reason == "4 of 4 tests pass"
    verdict = assess(UnitTestVerifier(HereSandbox(), WRONG, cases)).verdicts[GOAL]
    assert (verdict.outcome, verdict.score) == ("fail", 0.75)
    assert verdict.witnesses == (FailedTest(item=GOAL, call="f([1, 2, 3])", expected="3", got="4"),)
    assert GOAL not in assess(UnitTestVerifier(HereSandbox(), GOOD)).verdicts
    by_task = UnitTestVerifier(HereSandbox(), GOOD, lambda task: cases if "counts" in task.question else ())
    assert assess(by_task).verdicts[GOAL].outcome == "pass"
    assert GOAL not in assess(by_task, task=Task(question="Something else?")).verdicts


def test_types_count_unless_the_comparison_says_otherwise():
    plan = parse_plan("goal: g\nC1: [test: f(1) == 1]\nC2: [test: f(2) == [1]]")
    odd = "def f(x):\n    return True if x == 1 else (1,)\n"
    assert assess(UnitTestVerifier(HereSandbox(), odd), plan).failures == ("C1", "C2")
    loose = Comparison(types="python", sequences="alike")
    assert assess(UnitTestVerifier(HereSandbox(), odd, comparison=loose), plan).failures == ()


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome("unsupported", reason="no heapq"), "not supported by this sandbox: no heapq"),
        (Outcome("no_verdict", cause="timeout", reason="5 s"), "no verdict (timeout): 5 s"),
        (Outcome("no_verdict", cause="memory"), "no verdict (memory): memory"),
        (Outcome("no_verdict", cause="killed", reason="signal 9"), "no verdict (killed): signal 9"),
        (Outcome("no_verdict", cause="exited", reason="it left"), "no verdict (exited): it left"),
        (Outcome("ok"), "no verdict (garbage): not every call was answered"),
        (Outcome("raised", reason="MemoryError: "), "no verdict (memory): MemoryError: "),
    ],
)
def test_what_happens_to_the_sandbox_says_nothing_about_the_program(outcome, reason):
    verdict = assess(UnitTestVerifier(HereSandbox(outcome), WRONG)).verdicts["C2"]
    assert (verdict.outcome, verdict.score, verdict.reason) == ("unknown", 0.5, reason)
    reported = assess(SelfReportedTests(HereSandbox(outcome), WRONG)).verdicts["C4"]
    assert reported.outcome == ("pass" if outcome.status == "ok" else "unknown")


def test_a_wrong_value_that_came_before_the_end_is_still_wrong():
    cases = [Case("f([1])", 1), Case("f([2])", 1)]
    hung = Outcome("no_verdict", (CallResult("value", 7),), cause="timeout", reason="late")
    assert assess(UnitTestVerifier(HereSandbox(hung), GOOD, cases)).verdicts[GOAL].outcome == "fail"
    right = replace(hung, results=(CallResult("value", 1),))
    assert assess(UnitTestVerifier(HereSandbox(right), GOOD, cases)).verdicts[GOAL].outcome == "unknown"


def test_a_program_that_raises_before_any_call_fails_even_a_test_that_wants_a_raise():
    cases = [Case("f([1])", raises="ValueError")]
    verdict = assess(UnitTestVerifier(HereSandbox(), "raise ValueError('early')\n", cases)).verdicts[GOAL]
    assert verdict.outcome == "fail"
    assert "before any call" in verdict.reason
    good = "def f(x):\n    raise ValueError('asked')\n"
    assert assess(UnitTestVerifier(HereSandbox(), good, cases)).verdicts[GOAL].outcome == "pass"


def test_a_fail_is_confirmed_before_it_is_held_against_the_program():
    class Doubting(HereSandbox):
        confirmed = 0

        async def confirm(self, job, outcome):
            self.confirmed += 1
            return Outcome("ok", (CallResult("value", 3),))

    sandbox = Doubting(Outcome("ok", (CallResult("value", 4),)))
    report = asyncio.run(run_tests(sandbox, GOOD, [Case("f([1, 2, 3])", 3)]))
    assert (report.outcome, sandbox.confirmed) == ("pass", 1)
    sandbox = Doubting(Outcome("ok", (CallResult("value", 3),)))
    asyncio.run(run_tests(sandbox, GOOD, [Case("f([1, 2, 3])", 3)]))
    assert sandbox.confirmed == 0  # a pass needs no second opinion


def test_nothing_passes_no_tests():
    with pytest.raises(ConfigError, match="at least one test"):
        asyncio.run(run_tests(HereSandbox(), GOOD, []))


def test_without_isolation_nothing_is_run_and_what_needs_no_run_is_still_judged():
    closed = HereSandbox(error=SandboxUnavailable("no walls"))
    assert outcomes(assess(UnitTestVerifier(closed, GOOD))) == {
        "C1": "unknown",
        "C2": "unknown",
        "C3": "pass",
        "C5": "fail",
        "C6": "fail",
    }
    only = parse_plan("goal: g\nC1: [test: f([]) == 0]")
    assert "no walls" in assess(UnitTestVerifier(closed, GOOD), only).abstained


def test_a_program_that_is_no_python_fails_without_a_run():
    sandbox = HereSandbox()
    verdicts = assess(UnitTestVerifier(sandbox, "def f(:\n")).verdicts
    assert {verdicts[item_id].outcome for item_id in ("C1", "C2", "C3")} == {"fail"}
    assert "a syntax error in line 1" in verdicts["C1"].reason
    assert not sandbox.jobs
    huge = assess(UnitTestVerifier(sandbox, "x = 1\n" * 50_000)).verdicts["C1"]
    assert huge.outcome == "unknown"


def test_self_reported_verdicts_say_so_and_weigh_less():
    verifier = SelfReportedTests(HereSandbox(), GOOD, [AssertFile(text="assert f([1]) == 1")])
    assessment = assess(verifier)
    assert outcomes(assessment) == {"C4": "pass", GOAL: "pass"}
    verdict = assessment.verdicts[GOAL]
    assert verdict.reason.startswith("self-reported")
    assert (verdict.score, round(verdict.variance, 3)) == (0.9, 0.09)
    assert verifier.trust == "noisy"
    assert not verifier.decides
    bad = assess(SelfReportedTests(HereSandbox(), WRONG, [AssertFile(text="assert f([1, 2, 3]) == 3")])).verdicts[GOAL]
    assert (bad.outcome, bad.score) == ("fail", 0.0)
    assert bad.witnesses[0].self_reported
    assert bad.reason.startswith("self-reported")


def test_verdicts_of_the_two_verifiers_never_overlap():
    exact = assess(UnitTestVerifier(HereSandbox(), GOOD)).verdicts.keys()
    reported = assess(SelfReportedTests(HereSandbox(), GOOD)).verdicts.keys()
    assert not exact & reported
    assert exact | reported == {"C1", "C2", "C3", "C4", "C5", "C6"}


def test_both_verifiers_keep_the_laws():
    cases = [(TASK, PLAN), (TASK, parse_plan("goal: g\nC1: [test: f([1]) == 2]\nC2: [code: no import]\nS1: x"))]
    for make in (
        lambda program, **options: UnitTestVerifier(HereSandbox(), program, [Case("f([1])", 1)], **options),
        lambda program, **options: SelfReportedTests(
            HereSandbox(), program, [AssertFile("assert f([1]) == 1")], **options
        ),
    ):
        for program in (GOOD, WRONG):
            check_verifier(make(program), cases, variants=[make(WRONG), make(GOOD, setup="f = len")]).require()


# Where the program comes from.


def test_a_fenced_block_is_the_program():
    text = "First:\n```python\ndef f(x): return 1\n```\nBetter:\n```py\ndef f(x): return 2\n```\nOutput:\n```\n2\n```\n"
    assert fenced(text) == "def f(x): return 2\n"
    assert fenced(text, "first") == "def f(x): return 1\n"
    assert fenced(text, "all").count("def f") == 2
    assert fenced("```\ndef f(x): return 3\n```") == "def f(x): return 3\n"
    assert fenced("```python\r\ndef f(x): return 4\r\n") == "def f(x): return 4\n"
    assert fenced("no code") is None
    assert fenced("```json\n{}\n```") is None
    program = FencedProgram("```python\n" + GOOD + "```")
    assert outcomes(assess(UnitTestVerifier(HereSandbox(), program)))["C2"] == "pass"
    assert assess(UnitTestVerifier(HereSandbox(), FencedProgram("none"))).verdicts["C2"].reason == "there is no program"


def test_code_attached_to_items_is_judged_and_is_what_to_edit():
    plan = parse_plan("goal: g\nC1!: [test: f([1, 2, 3]) == 3]\nS1: count [program: def f(xs): return g(xs)]")
    tail = plan.items[-1].model_copy(update={"id": "S2", "check": ProgramCheck.of("def g(xs):\n    return len(xs)\n")})
    plan = plan.with_items([*plan.items, tail])
    assert outcomes(assess(UnitTestVerifier(HereSandbox(), PlanProgram()), plan)) == {
        i: "pass" for i in ("C1", "S1", "S2")
    }
    worse = plan.with_items(
        [*plan.items[:-1], tail.model_copy(update={"check": ProgramCheck.of("def g(xs):\n    return 1")})]
    )
    failed = assess(UnitTestVerifier(HereSandbox(), PlanProgram()), worse)
    assert failed.verdicts["C1"].witnesses[0].items == ("S2", "S1")
    assert assess(UnitTestVerifier(HereSandbox(), PlanProgram())).verdicts == {}  # no code, nothing to say
    broken = parse_plan('goal: g\nS1: [program: def f(:]\nS2: [program: "x]')
    lines = [witness.line for witness in assess(UnitTestVerifier(HereSandbox(), PlanProgram()), broken).witnesses]
    assert lines == ["S1 is malformed: line 1: invalid syntax", "S2 is malformed: not a JSON string"]


def test_an_edit_of_the_code_rejudges_and_an_edit_of_text_does_not():
    plan = parse_plan("goal: g\nC1: [test: f(1) == 1]\nS1: [program: def f(x): return x]\nS2: think")
    verifier, cache = UnitTestVerifier(HereSandbox(), PlanProgram()), VerdictCache()
    assert assess(verifier, plan, cache=cache).judged == ("C1", "S1")
    thought = plan.with_items([*plan.items[:-1], plan.items[-1].model_copy(update={"text": "think hard"})])
    assert assess(verifier, thought, cache=cache).judged == ()
    edited = parse_plan("goal: g\nC1: [test: f(1) == 1]\nS1: [program: def f(x): return 2]\nS2: think")
    again = assess(verifier, edited, cache=cache)
    assert again.judged == ("C1", "S1")
    assert again.failures == ("C1",)


def writer(*replies, **options):
    texts = iter(replies * 50)
    return FunctionModel(lambda request, index: next(texts), dialect="chat", **options)


def test_a_model_writes_the_program_once_for_both_verifiers():
    model = writer("Here:\n```python\n" + GOOD + "```\n", "```python\n" + WRONG + "```")
    source = ModelProgram()
    exact = UnitTestVerifier(HereSandbox(), source).with_model(model)
    reported = SelfReportedTests(HereSandbox(), source).with_model(model)
    assert exact.trust == "noisy"  # the next program may be another
    first = assess(exact)
    assert outcomes(first)["C2"] == "pass"
    assert first.verdicts["C2"].variance > 0
    assert first.usage.calls == 1
    assert assess(reported).usage.calls == 0
    assert len(model.requests) == 1
    assert "take the length" in model.requests[0].prompt
    assert TASK.question in model.requests[0].prompt
    assert model.requests[0].temperature == 0.0
    assert outcomes(assess(exact, draw=1))["C2"] == "fail"  # a fresh draw is another program
    assert model.requests[1].temperature == 0.7
    assert model.requests[0].seed != model.requests[1].seed
    assert exact.source.parts(TASK, PLAN) == ("S1",)


def test_a_model_that_fails_makes_it_abstain_and_an_empty_purse_stops_the_run():
    def failing(error):
        return UnitTestVerifier(HereSandbox(), ModelProgram()).with_model(FunctionModel(lambda request, index: error))

    assert "away" in assess(failing(TransientError("away"))).abstained
    assert "no model is bound" in assess(UnitTestVerifier(HereSandbox(), ModelProgram())).abstained

    class Empty(FunctionModel):
        async def sample(self, request):
            raise BudgetExhausted("nothing left")

    poor = UnitTestVerifier(HereSandbox(), ModelProgram()).with_model(Empty(lambda request, index: ""))
    with pytest.raises(BudgetExhausted):
        assess(poor)
    with pytest.raises(ConfigError):
        ModelProgram(max_tokens=0)


# Assert-style files.

HUMANEVAL = '''
METADATA = {'author': 'x'}


def check(candidate):
    """Doc."""
    assert candidate([1]) == 1
    assert abs(candidate([1, 2]) - 2.0) < 1e-6, "why"
'''


def test_asserts_are_taken_out_of_files():
    file = AssertFile.humaneval(HUMANEVAL, "f")
    assert [case.text for case in file.cases] == ["f([1]) == 1", "abs(f([1, 2]) - 2.0) < 1e-06"]
    assert file.complete
    assert file.text.endswith("check(f)\n")
    assert asyncio.run(run_tests(HereSandbox(), GOOD, file.cases)).outcome == "pass"
    assert asyncio.run(run_file(HereSandbox(), GOOD, file)).outcome == "pass"
    assert asyncio.run(run_file(HereSandbox(), "def f(xs): return 5\n", file)).outcome == "fail"


def test_what_cannot_be_taken_out_makes_a_file_incomplete():
    loop = HUMANEVAL + "    for n in range(3):\n        assert candidate([0] * n) == n\n"
    file = AssertFile.humaneval(loop, "f")
    assert (len(file.cases), file.complete) == (2, False)
    rebound = HUMANEVAL.replace('"""Doc."""', "candidate = lambda xs: 1")
    assert AssertFile.humaneval(rebound, "f").cases == ()
    hidden = HUMANEVAL.replace('"""Doc."""', "abs = lambda x: 0")
    assert AssertFile.humaneval(hidden, "f").cases == ()
    assert not AssertFile.humaneval("x = 1", "f").complete
    mbpp = AssertFile.mbpp(["assert f([1]) == 1", "assert f(root) == 1"], "root = [1]")
    assert (len(mbpp.cases), mbpp.complete, mbpp.setup) == (1, False, "root = [1]")
    assert AssertFile.mbpp(["assert f([1]) == 1 ", "assert f([]) == 0"]).complete
    assert not AssertFile.mbpp(["assert f("]).complete
