"""Unit tests: is the program right, judged by values that leave the sandbox and are compared outside it?

The child gets the program and the calls, and gives plain values back; what was expected stays here (see
:mod:`.assertions`). A program can pass only by giving the right values. Four outcomes, never two: *pass*, *fail*,
*unsupported* (the sandbox lacks something the program uses) and *no verdict* (timeout, memory, killed, garbage); the
last two become ``unknown``, which says nothing about the program.

Assertions that cannot be taken apart, and assert-style test files, run inside the program's own process, where a
program may cheat: :class:`SelfReportedTests` judges those, as a noisy verifier.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Literal, Self

from ..decoders.base import LanguageModel
from ..planner.checks import TestCheck
from ..planner.errors import SandboxUnavailable
from ..planner.ledger import Usage
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import GOAL, FailedTest, Malformed, Violated
from .assert_files import AssertFile
from .assertions import Assertion, UnitTest, take_apart
from .code_checks import CodeCheck, check_code
from .code_facts import CodeFacts
from .comparing import Comparison, cut
from .program_runs import Report, run_file, run_tests, verdict_of, why_unknown
from .programs import ProgramCheck, ProgramSource, as_source
from .readable import NotReadable
from .sandbox.base import Limits, Sandbox
from .syntax import NotPython, TooLarge, parse_expression, parse_program

ONE_DRAW_VARIANCE = 1 / 18
"""Variance of a chance of which one draw was seen (beta posterior after one trial from a flat prior)."""
SELF_REPORTED_PASS = 0.9
"""Score of a pass that the program's own process reported: one in ten is priced as a cheat."""


Cases = Sequence[UnitTest] | Callable[[Task], Sequence[UnitTest]]
"""The visible cases of a task: given, or a function of the task."""
Files = Sequence[AssertFile] | Callable[[Task], Sequence[AssertFile]]


class ProgramVerifier(Verifier):
    """What both verifiers of programs share: where the program comes from and runs.

    Args:
        sandbox: Where programs run. Whoever made it closes it.
        program: Where the program comes from; a text is a fixed program.
        limits: What one run may use.
        setup: Text run after the program and before its tests.
    """

    stage = 2

    def __init__(self, sandbox: Sandbox, program: ProgramSource | str, limits: Limits | None, setup: str) -> None:
        self.sandbox = sandbox
        self.source = as_source(program)
        self.limits = limits or Limits()
        self.setup = setup

    def with_model(self, model: LanguageModel) -> Self:
        """The same verifier, its program written by this model if its source asks one."""
        bound = copy.copy(self)
        bound.source = self.source.with_model(model)
        return bound

    @abstractmethod
    def _asked(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """What an item (or the goal) asks of the program, in content; None where it asks nothing."""

    @abstractmethod
    async def _verdict(self, task: Task, plan: Plan, item_id: str, source: str) -> Verdict:
        """The verdict on one item, the program being Python of a size that can be looked at."""

    @abstractmethod
    def _how(self) -> Hashable:
        """Options that verdicts depend on."""

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """What is asked, of which program, run where and how; None where nothing is asked or no program is there."""
        asked = self._asked(task, plan, item_id)
        program = self.source.scope(task, plan) if asked is not None else None
        if asked is None or program is None:
            return None
        where = (self.sandbox.capabilities().name, self.limits, self.setup)
        return (asked, program, self.source.parts(task, plan), where, self._how())

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Has the program run once for each item, apart from the others, so that no verdict depends on another's tests.

        Raises:
            SandboxUnavailable: No isolation works here, and nothing could be said without running the program.
            VerifierError: The program's source has no model.
            ModelError: The model could not answer.
            BudgetExhausted: The call does not fit.
        """
        program = await self.source.program(task, plan, draw)
        verdicts: dict[str, Verdict] = {}
        refused: dict[str, SandboxUnavailable] = {}
        for item_id in item_ids:
            try:
                verdicts[item_id] = await self._of(task, plan, item_id, None if program is None else program.source)
            except SandboxUnavailable as error:
                refused[item_id] = error
        if refused and not verdicts:
            raise next(iter(refused.values()))
        verdicts |= {item_id: Verdict.unknown(f"nothing was run: {error}") for item_id, error in refused.items()}
        return Judgement(verdicts, program.usage if program is not None else Usage())

    async def _of(self, task: Task, plan: Plan, item_id: str, source: str | None) -> Verdict:
        if (known := self._without_program(plan, item_id)) is not None:
            return known
        if source is None:
            return Verdict.unknown("there is no program")
        try:
            parse_program(source)
        except TooLarge as error:
            return Verdict.unknown(f"the program is too large: {error}")
        except NotPython as error:
            fault = FailedTest(
                item=item_id,
                call="the program",
                expected="Python",
                got=f"a syntax error in {error}",
                culprits=self.source.parts(task, plan),
            )
            return Verdict.failed(fault)
        return await self._verdict(task, plan, item_id, source)

    def _without_program(self, plan: Plan, item_id: str) -> Verdict | None:
        """A verdict that needs no program, if there is one."""
        return None


class UnitTestVerifier(ProgramVerifier):
    """Judges ``test:`` and ``code:`` checks, attached code, and (on the goal) the task's visible cases.

    Values come out of the sandbox and are compared here, so a pass cannot be faked and a fail is a fact. Where the
    program is one of several that a model could have written for the plan, the verdict on the *plan* is noisy all the
    same, and ``trust`` says so.

    Args:
        sandbox: Where programs run. Whoever made it closes it.
        program: Where the program comes from; a text is a fixed program.
        cases: The task's visible cases (or a function of the task that gives them), judged on the goal. Keep held-out
            ones elsewhere: what is judged here is seen by proposers as witnesses.
        comparison: When values count as equal; exact types by default.
        limits: What one run may use.
        setup: Text run after the program and before its calls.
        trust: ``exact`` or ``noisy``; None takes what the source is.
    """

    name = "unit_tests"

    def __init__(
        self,
        sandbox: Sandbox,
        program: ProgramSource | str,
        cases: Cases = (),
        *,
        comparison: Comparison | None = None,
        limits: Limits | None = None,
        setup: str = "",
        trust: Literal["exact", "noisy"] | None = None,
    ) -> None:
        super().__init__(sandbox, program, limits, setup)
        self.cases = cases
        self.comparison = comparison or Comparison()
        self.trust = trust or ("exact" if self.source.exact else "noisy")
        self.decides = frozenset({"test", "code", "program"})

    def _cases(self, task: Task) -> Sequence[UnitTest]:
        return self.cases(task) if callable(self.cases) else self.cases

    def _how(self) -> Hashable:
        return (self.comparison, self.trust)

    def _asked(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        if item_id == GOAL:
            return tuple(case.key for case in self._cases(task)) or None
        check = plan[item_id].check
        if isinstance(check, TestCheck):
            return None if isinstance(read_test(check.text), NotReadable) else (check.kind, check.text)
        return (check.kind, check.text) if isinstance(check, CodeCheck | ProgramCheck) else None

    def _without_program(self, plan: Plan, item_id: str) -> Verdict | None:
        check = plan[item_id].check if item_id != GOAL else None
        if isinstance(check, ProgramCheck):
            fault = check.fault
            return Verdict.ok() if fault is None else Verdict.failed(Malformed(item=item_id, reason=cut(fault)))
        if isinstance(check, CodeCheck) and check.constraint is None:
            return Verdict.failed(Malformed(item=item_id, reason="not a form of `code:`, such as `no loop`"))
        test = read_test(check.text) if isinstance(check, TestCheck) else None
        if isinstance(test, NotPython):
            return Verdict.failed(Malformed(item=item_id, reason=cut(str(test))))
        return Verdict.unknown(f"the test is too large: {test}") if isinstance(test, TooLarge) else None

    async def _verdict(self, task: Task, plan: Plan, item_id: str, source: str) -> Verdict:
        check = plan[item_id].check if item_id != GOAL else None
        parts = self.source.parts(task, plan)
        if isinstance(check, CodeCheck):
            assert check.constraint is not None
            found = check_code(check.constraint, CodeFacts(source, parse_program(source)))
            if found.outcome == "fail":
                return self._noted(Verdict.failed(Violated(item=item_id, detail=found.detail, culprits=parts)))
            return self._noted(Verdict.ok() if found.outcome == "pass" else Verdict.unknown(found.detail))
        test = read_test(check.text) if isinstance(check, TestCheck) else None
        tests = [test] if isinstance(test, Assertion) else self._cases(task)
        report = await run_tests(
            self.sandbox, source, tests, comparison=self.comparison, limits=self.limits, setup=self.setup
        )
        return self._noted(verdict_of(report, item_id, len(tests), parts))

    def _noted(self, verdict: Verdict) -> Verdict:
        """The verdict, with a variance where the program is only one of those that could have been written."""
        if self.trust == "exact" or verdict.outcome == "unknown":
            return verdict
        return verdict.model_copy(update={"variance": ONE_DRAW_VARIANCE})


class SelfReportedTests(ProgramVerifier):
    """Judges what only the program's own process can: other assertions, and whole assert-style files (on the goal).

    A program in the same process as its tests can make them pass (an ``__eq__`` that is always true, a patched
    built-in), so a pass is worth :data:`SELF_REPORTED_PASS`, its reason begins with ``self-reported``, witnesses have
    ``self_reported`` set, and the verifier is noisy: nothing counts as solved on its word.

    Args:
        sandbox: Where programs run. Whoever made it closes it.
        program: Where the program comes from; a text is a fixed program.
        files: Assert-style files (or a function of the task that gives them), all run for the goal.
        limits: What one run may use.
        setup: Text run after the program and before its tests.
    """

    name = "self_reported_tests"
    trust = "noisy"

    def __init__(
        self,
        sandbox: Sandbox,
        program: ProgramSource | str,
        files: Files = (),
        *,
        limits: Limits | None = None,
        setup: str = "",
    ) -> None:
        super().__init__(sandbox, program, limits, setup)
        self.files = files

    def _files(self, task: Task) -> Sequence[AssertFile]:
        return self.files(task) if callable(self.files) else self.files

    def _how(self) -> Hashable:
        return ()

    def _asked(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        if item_id == GOAL:
            return tuple((file.setup, file.text) for file in self._files(task)) or None
        check = plan[item_id].check
        if isinstance(check, TestCheck) and isinstance(read_test(check.text), NotReadable):
            return (check.kind, check.text)
        return None

    async def _verdict(self, task: Task, plan: Plan, item_id: str, source: str) -> Verdict:
        check = plan[item_id].check if item_id != GOAL else None
        if check is not None:
            files: Sequence[AssertFile] = [AssertFile(text=f"assert ({check.text})")]
        else:
            files = self._files(task)
        verdict = Verdict.unknown("there are no tests")
        for file in files:
            report = await run_file(self.sandbox, source, file, limits=self.limits, setup=self.setup)
            verdict = _reported(report, item_id, check.text if check else file.name, self.source.parts(task, plan))
            if verdict.outcome != "pass":
                break
        return verdict


def _reported(report: Report, item_id: str, text: str, parts: tuple[str, ...]) -> Verdict:
    if report.outcome == "pass":
        variance = SELF_REPORTED_PASS * (1 - SELF_REPORTED_PASS)
        reason = "self-reported: no assertion failed in the program's own process"
        return Verdict(outcome="pass", score=SELF_REPORTED_PASS, variance=variance, reason=reason)
    if report.outcome != "fail":
        return Verdict.unknown(why_unknown(report))
    witness = FailedTest(
        item=item_id,
        call=cut(text),
        expected="no exception",
        got=report.reason or "an exception",
        self_reported=True,
        culprits=parts,
    )
    return Verdict.failed(witness, reason=f"self-reported: {witness.line}")


@lru_cache(maxsize=1024)
def read_test(text: str) -> Assertion | NotPython | TooLarge | NotReadable:
    """The text of a ``test:`` check taken apart, or why it cannot be: the same object for the same text."""
    try:
        return take_apart(text)
    except NotReadable as error:
        try:
            parse_expression(text)  # `f(g(1)) raises X` parses only here, and runs nowhere
        except (NotPython, TooLarge) as fault:
            return fault.with_traceback(None)
        return error.with_traceback(None)  # what is kept must not hold on to frames
    except (NotPython, TooLarge) as error:
        return error.with_traceback(None)


__all__ = [
    "ONE_DRAW_VARIANCE",
    "SELF_REPORTED_PASS",
    "ProgramVerifier",
    "Report",
    "SelfReportedTests",
    "UnitTestVerifier",
    "read_test",
    "run_file",
    "run_tests",
    "verdict_of",
]
