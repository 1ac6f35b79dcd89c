"""One run of a program under tests, and what it says: pass, fail, unsupported, or no verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ..planner.errors import ConfigError
from ..planner.verdicts import Verdict
from ..planner.witnesses import FailedTest
from .assert_files import AssertFile
from .assertions import UNSAYABLE, Finding, UnitTest, call_text
from .comparing import Comparison, cut
from .sandbox.base import Call, Job, Limits, Outcome, Sandbox

MAX_WITNESSES = 3
"""Most failing cases that one verdict shows."""


@dataclass(frozen=True)
class Report:
    """What became of a program under tests.

    Attributes:
        outcome: ``pass``; ``fail`` (a wrong value, or a raise); ``unsupported``; ``no_verdict``.
        findings: One for each test that could be judged, in order.
        reason: One line.
        cause: With ``no_verdict``, the sandbox's cause (``timeout``, ``memory``, ...); empty where a value came that
            cannot be judged from outside.
        backend: Which sandbox backend had the last word.
        seconds: Wall-clock seconds in the sandbox.
        unsafe: True if nothing isolated the program.
    """

    outcome: Literal["pass", "fail", "unsupported", "no_verdict"]
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    cause: str = ""
    backend: str = ""
    seconds: float = 0.0
    unsafe: bool = False


async def run_tests(
    sandbox: Sandbox,
    source: str,
    tests: Sequence[UnitTest],
    *,
    comparison: Comparison | None = None,
    limits: Limits | None = None,
    setup: str = "",
) -> Report:
    """Runs a program on the calls of tests and judges the values here. All tests share one run of the program.

    A fail is confirmed by the sandbox's strongest backend before it is held against the program.

    Args:
        sandbox: Where the program runs.
        source: The program.
        tests: Cases and assertions.
        comparison: When values count as equal; exact types by default.
        limits: Of the one run.
        setup: Text run after the program and before the calls.

    Raises:
        ConfigError: There are no tests: nothing would pass everything.
        SandboxUnavailable: No isolation works here; nothing was run.
    """
    if not tests:
        raise ConfigError("a program needs at least one test")
    calls = tuple(call for test in tests for call in test.calls)
    job = Job(source=source, calls=calls, setup=setup, limits=limits or Limits())
    outcome = await sandbox.run(job)
    report = _report(outcome, tests, comparison or Comparison())
    if report.outcome == "fail":
        confirmed = await sandbox.confirm(job, outcome)
        if confirmed is not outcome:
            report = _report(confirmed, tests, comparison or Comparison())
    return report


def _report(outcome: Outcome, tests: Sequence[UnitTest], comparison: Comparison) -> Report:
    def told(what: Literal["pass", "fail", "unsupported", "no_verdict"], reason: str, cause: str = "") -> Report:
        return Report(what, findings, cut(reason), cause, outcome.backend, outcome.seconds, outcome.unsafe)

    findings = _findings(outcome, tests, comparison)
    if outcome.status == "unsupported":
        return told("unsupported", outcome.reason)
    if outcome.status == "raised":
        if outcome.reason.startswith(UNSAYABLE):
            return told("no_verdict", outcome.reason, "memory")
        findings = tuple(_never_called(test, outcome.reason) for test in tests)
        return told("fail", f"the program raised {outcome.reason}")
    failing = [finding for finding in findings if finding.outcome == "fail"]
    if failing:
        first = failing[0]
        return told("fail", f"{first.call} gave {first.got}, expected {first.expected}")
    if outcome.status == "no_verdict":
        return told("no_verdict", outcome.reason or outcome.cause, outcome.cause)
    if len(findings) < len(tests):
        return told("no_verdict", "not every call was answered", "garbage")
    open_ends = [finding for finding in findings if finding.outcome == "unknown"]
    if open_ends:
        return told("no_verdict", f"{open_ends[0].call} gave {open_ends[0].got}, which cannot be judged from outside")
    return told("pass", f"{len(tests)} of {len(tests)} tests pass")


def _findings(outcome: Outcome, tests: Sequence[UnitTest], comparison: Comparison) -> tuple[Finding, ...]:
    """Findings on the tests all of whose calls were answered."""
    found: list[Finding] = []
    start = 0
    for test in tests:
        results = outcome.results[start : start + len(test.calls)]
        start += len(test.calls)
        if len(results) < len(test.calls):
            break
        found.append(test.judge(results, comparison))
    return tuple(found)


def _never_called(test: UnitTest, reason: str) -> Finding:
    calls: Sequence[Call] = test.calls
    text = cut(", ".join(call_text(call) for call in calls))
    return Finding("fail", text, "an answer", f"raised {cut(reason)} before any call")


async def run_file(
    sandbox: Sandbox, source: str, file: AssertFile, *, limits: Limits | None = None, setup: str = ""
) -> Report:
    """Runs an assert-style file after a program, in the same process: a pass is only what that process says.

    Raises:
        SandboxUnavailable: No isolation works here; nothing was run.
    """
    prepared = "\n".join(text for text in (setup, file.setup) if text)
    job = Job(source=source, tests=file.text, setup=prepared, limits=limits or Limits())
    outcome = await sandbox.run(job)
    if outcome.status == "raised":
        outcome = await sandbox.confirm(job, outcome)
    what: Literal["pass", "fail", "unsupported", "no_verdict"]
    what = {"ok": "pass", "raised": "fail", "unsupported": "unsupported"}.get(outcome.status, "no_verdict")  # type: ignore[assignment]
    if outcome.status == "raised" and outcome.reason.startswith(UNSAYABLE):
        what = "no_verdict"
    return Report(
        what, (), cut(outcome.reason), outcome.cause, outcome.backend, seconds=outcome.seconds, unsafe=outcome.unsafe
    )


def verdict_of(report: Report, item_id: str, tests: int, parts: tuple[str, ...] = ()) -> Verdict:
    """A report as the verdict on an item: a fail scores the share of the tests that pass, no verdict is unknown.

    Args:
        report: What became of the program.
        item_id: The item, or ``goal``.
        tests: How many tests there were.
        parts: The plan's own items that the program comes from.
    """
    if report.outcome == "pass":
        return Verdict.ok(reason=report.reason)
    if report.outcome != "fail":
        return Verdict.unknown(why_unknown(report))
    failing = [finding for finding in report.findings if finding.outcome == "fail"]
    passing = sum(finding.outcome == "pass" for finding in report.findings)
    witnesses = [
        FailedTest(item=item_id, call=found.call, expected=found.expected, got=found.got, culprits=parts)
        for found in failing[:MAX_WITNESSES]
    ]
    return Verdict.failed(*witnesses, score=passing / tests)


def why_unknown(report: Report) -> str:
    """One line on why a report says nothing about the program."""
    what = "not supported by this sandbox" if report.outcome == "unsupported" else "no verdict"
    cause = f" ({report.cause})" if report.cause else ""
    return f"{what}{cause}: {report.reason}"


__all__ = ["MAX_WITNESSES", "Report", "run_file", "run_tests", "verdict_of", "why_unknown"]
