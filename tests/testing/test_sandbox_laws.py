"""The laws of sandboxes: the shipped ones keep them, and every law has a wrong sandbox that it alone catches."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from planneal.planner.errors import SandboxUnavailable
from planneal.testing import SANDBOX_LAWS, check_sandbox
from planneal.verifiers.sandbox import BubblewrapSandbox, CallResult, Job, MontySandbox, Outcome
from planneal.verifiers.sandbox.unsafe import UnsafeSandbox

pytest.importorskip("pydantic_monty", reason="the base of the wrong sandboxes is monty")


class Boasting(MontySandbox):
    def capabilities(self):
        return replace(super().capabilities(), network=False)


class Raising(MontySandbox):
    async def run(self, job):
        if "\x00" in job.source:
            raise ValueError("source code cannot contain null bytes")
        return await super().run(job)


class Loose(MontySandbox):
    """Takes a tuple for a list, as JSON does."""

    async def run(self, job):
        found = await super().run(job)
        results = tuple(replace(r, value=list(r.value)) if isinstance(r.value, tuple) else r for r in found.results)
        return replace(found, results=results)


class Believing(MontySandbox):
    """Takes an exit of a test text for its success."""

    async def run(self, job):
        found = await super().run(job)
        if job.tests == "assert False":
            return Outcome("ok", backend="believing")
        return found


class Patient(MontySandbox):
    async def run(self, job):
        found = await super().run(job)
        if found.cause == "timeout":
            await asyncio.sleep(0.8)
        return found


class Roomy(MontySandbox):
    async def run(self, job):
        if "1000000" in job.source:
            return Outcome("ok", backend="roomy")
        return await super().run(job)


class Loud(MontySandbox):
    async def run(self, job):
        found = await super().run(job)
        return replace(found, stdout="x" * 10_000) if "print" in job.source else found


class Remembering(MontySandbox):
    """Runs what it ran before, too."""

    before = ""

    async def run(self, job):
        whole = Job(self.before + job.source, job.calls, job.tests, job.setup, job.limits)
        if job.source.startswith("leftover"):
            self.before = "leftover = 1\n"
        return await super().run(whole)


class Open(MontySandbox):
    """Reads files for whoever asks."""

    async def run(self, job):
        if "open(" in job.source and ".read()" in job.source:
            path = job.source.split("'")[1]
            with open(path) as file:
                return Outcome("ok", (CallResult("value", file.read()),), backend="open")
        return await super().run(job)


class Unmarked(UnsafeSandbox):
    unsafe = False


CONTROLS = [
    ("capabilities", Boasting),
    ("total", Raising),
    ("values", Loose),
    ("honest", Believing),
    ("ends", Patient),
    ("memory", Roomy),
    ("output", Loud),
    ("stateless", Remembering),
    ("closed", Open),
]


@pytest.mark.parametrize(
    ("law", "wrong"),
    [pytest.param(*control, marks=() if control[0] == "closed" else pytest.mark.slow) for control in CONTROLS],
    ids=[f"{law}-{wrong.__name__}" for law, wrong in CONTROLS],
)
def test_a_wrong_sandbox_is_caught_by_its_law_and_no_other(law, wrong):
    moment, other = (0.5, "memory") if law == "ends" else (10.0, "ends")
    report = check_sandbox(wrong, moment=moment, skip=[other])
    assert report.failed == (law,), str(report)


@pytest.mark.slow
def test_an_unsafe_sandbox_that_does_not_say_so_is_caught():
    report = check_sandbox(Unmarked)
    assert report.failed == ("closed",), str(report)
    assert "nothing isolates" in str(report) or "not marked unsafe" in str(report)


def test_every_law_has_a_wrong_sandbox():
    assert {law for law, _ in CONTROLS} == {law.name for law in SANDBOX_LAWS}


@pytest.mark.parametrize(
    "make", [MontySandbox, *(pytest.param(m, marks=pytest.mark.slow) for m in (BubblewrapSandbox, UnsafeSandbox))]
)
def test_the_shipped_sandboxes_keep_every_law(make):
    try:
        report = check_sandbox(make)
    except SandboxUnavailable as error:
        pytest.skip(f"it does not work here: {error}")
    assert report.ok, str(report)
    assert report.held == tuple(law.name for law in SANDBOX_LAWS)


def test_a_sandbox_that_cannot_isolate_says_so_and_no_report_is_made():
    class Broken(MontySandbox):
        async def run(self, job):
            raise SandboxUnavailable("no namespaces here")

    with pytest.raises(SandboxUnavailable, match="no namespaces"):
        check_sandbox(Broken)
