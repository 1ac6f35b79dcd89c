"""Which sandbox is chosen, what escalates, and that nothing runs where nothing isolates."""

import asyncio
import os
import stat
import sys
from dataclasses import replace

import pytest
from planneal.planner.errors import ConfigError, SandboxUnavailable
from planneal.verifiers.sandbox.base import Call, Capabilities, Job, Limits, Outcome, Sandbox
from planneal.verifiers.sandbox.bubblewrap import BubblewrapSandbox
from planneal.verifiers.sandbox.children import CHILD
from planneal.verifiers.sandbox.monty import MontySandbox
from planneal.verifiers.sandbox.select import EscalatingSandbox, default_sandbox

JOB = Job("def f(x): return x + 1", (Call("f", (1,)),))


class Scripted(Sandbox):
    """Gives the same outcome to every job and remembers the jobs."""

    def __init__(self, name, status, level="full"):
        self.name, self.level = name, level
        self.outcome = Outcome(status, seconds=1.0, backend=name)
        self.jobs = []
        self.closed = False

    async def run(self, job):
        self.jobs.append(job)
        return self.outcome

    def capabilities(self):
        return Capabilities(self.name, True, True, True, True, True, self.level)

    async def aclose(self):
        self.closed = True


@pytest.mark.parametrize(
    ("first", "asked"), [("ok", False), ("raised", False), ("unsupported", True), ("no_verdict", True)]
)
def test_no_word_on_the_program_leads_on(first, asked):
    cheap, strong = Scripted("cheap", first, "language"), Scripted("strong", "ok")
    outcome = asyncio.run(EscalatingSandbox((cheap, strong)).run(JOB))
    assert outcome.backend == ("strong" if asked else "cheap")
    assert outcome.seconds == (2.0 if asked else 1.0)
    assert len(strong.jobs) == asked


def test_the_last_word_stands_and_patience_binds_all_but_the_last():
    cheap, strong = Scripted("cheap", "no_verdict"), Scripted("strong", "no_verdict")
    job = replace(JOB, limits=Limits(wall_seconds=9.0, cpu_seconds=8.0))
    outcome = asyncio.run(EscalatingSandbox((cheap, strong), patience=0.5).run(job))
    assert (outcome.status, outcome.backend) == ("no_verdict", "strong")
    assert (cheap.jobs[0].limits.wall_seconds, cheap.jobs[0].limits.cpu_seconds) == (0.5, 0.5)
    assert strong.jobs[0].limits == job.limits


def test_a_second_opinion_is_the_strongest_ones():
    cheap, strong = Scripted("cheap", "ok"), Scripted("strong", "raised")
    both = EscalatingSandbox((cheap, strong))
    first = asyncio.run(both.run(JOB))
    second = asyncio.run(both.confirm(JOB, first))
    assert (first.status, second.status) == ("ok", "raised")
    assert asyncio.run(both.confirm(JOB, second)) is second
    assert len(strong.jobs) == 1
    asyncio.run(both.aclose())
    assert cheap.closed
    assert strong.closed


def test_together_they_are_as_good_as_the_weakest():
    both = EscalatingSandbox((Scripted("a", "ok", "language"), Scripted("b", "ok", "full")))
    assert both.capabilities().level == "language"
    assert both.capabilities().name == "a > b"
    with pytest.raises(ConfigError):
        EscalatingSandbox(())


def test_monty_runs_what_it_can_and_bubblewrap_the_rest(monty, bubblewrap):
    async def both():
        async with await default_sandbox() as sandbox:
            plain = await sandbox.run(JOB)
            rest = await sandbox.run(Job("import heapq\n" + JOB.source, JOB.calls))
            return plain, rest

    plain, rest = asyncio.run(both())
    assert (plain.backend, rest.backend) == ("monty", "bubblewrap")
    assert plain.results == rest.results
    assert not plain.unsafe
    assert not rest.unsafe


def without_isolation(monkeypatch, *, monty_too):
    monkeypatch.setattr("planneal.verifiers.sandbox.bubblewrap.shutil.which", lambda _: None)
    if monty_too:
        monkeypatch.setitem(sys.modules, "pydantic_monty", None)


def test_where_nothing_isolates_nothing_runs(monkeypatch):
    without_isolation(monkeypatch, monty_too=True)
    with pytest.raises(SandboxUnavailable) as refused:
        asyncio.run(default_sandbox())
    assert "bwrap is not installed" in str(refused.value)
    assert "pydantic-monty" in str(refused.value)
    assert "allow_unsafe" in str(refused.value)


def test_monty_alone_calls_the_rest_unsupported(monty, monkeypatch):
    without_isolation(monkeypatch, monty_too=False)

    async def alone():
        async with await default_sandbox() as sandbox:
            return await sandbox.run(JOB), await sandbox.run(Job("import heapq", JOB.calls))

    plain, rest = asyncio.run(alone())
    assert (plain.status, rest.status) == ("ok", "unsupported")


def test_unsafe_runs_only_when_asked_for_and_every_outcome_says_so(monkeypatch):
    without_isolation(monkeypatch, monty_too=True)

    async def unsafe():
        async with await default_sandbox(allow_unsafe=True) as sandbox:
            return sandbox.capabilities().level, await sandbox.run(JOB)

    level, outcome = asyncio.run(unsafe())
    assert level == "none"
    assert outcome.unsafe
    assert outcome.status == "ok"


def test_allowing_unsafe_changes_nothing_where_isolation_works(monty, bubblewrap):
    async def kinds():
        async with await default_sandbox(allow_unsafe=True) as sandbox:
            return [one.capabilities().level for one in sandbox.sandboxes]

    assert asyncio.run(kinds()) == ["language", "full"]


class Wall(BubblewrapSandbox):
    """Bubblewrap with the options of one wall left out, or nothing of it at all."""

    def __init__(self, change):
        super().__init__(spare=0)
        self._change = change

    def command(self):
        return self._change(list(super().command()))


def bare(command):
    """No bubblewrap at all, only the filter."""
    return [command[command.index("-I") - 1], "-I", "-S", str(CHILD), "{answers}", "confine"]


def unfiltered(command):
    return [part if part != "confine" else "plain" for part in command]


def with_everything(command):
    at = command.index("--remount-ro")
    return [*command[:at], "--ro-bind", "/etc", "/etc", *command[at:]]


def with_processes(command):
    at = command.index("--remount-ro")
    return [*command[:at], "--proc", "/proc", *command[at:]]


def writable(command):
    at = len(command) - command[::-1].index("--remount-ro") - 1
    return command[:at] + command[at + 2 :]


def with_environment(command):
    at = command.index("--remount-ro")
    return [*command[:at], "--setenv", "OPENAI_API_KEY", "x", *command[at:]]


@pytest.mark.parametrize(
    ("change", "wall"),
    [
        (bare, "files"),
        (unfiltered, "fork"),
        (unfiltered, "exec"),
        (with_everything, "files"),
        (with_processes, "process"),
        (writable, "write"),
        (with_environment, "environment"),
    ],
)
def test_a_missing_wall_is_seen_before_the_first_program(bubblewrap, run, change, wall):
    with pytest.raises(SandboxUnavailable, match=wall):
        run(lambda: Wall(change), JOB)


def test_a_bubblewrap_that_fails_is_refused_and_its_reason_told(tmp_path, run):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(SandboxUnavailable, match="setting up uid map: Permission denied"):
        run(lambda: BubblewrapSandbox(bwrap=str(broken)), JOB)


def test_nothing_runs_after_closing(monty):
    async def late(sandbox):
        await sandbox.aclose()
        await sandbox.aclose()
        await sandbox.run(JOB)

    with pytest.raises(SandboxUnavailable, match="closed"):
        asyncio.run(late(MontySandbox()))


def test_folders_can_be_lent(bubblewrap, run, tmp_path):
    (tmp_path / "lent.py").write_text("value = 7\n")
    source = "import lent\ndef f(x): return [lent.value, lent.__file__]"
    outcome = run(lambda: BubblewrapSandbox(paths=[tmp_path]), Job(source, JOB.calls))
    assert outcome.results[0].value == [7, os.path.realpath(tmp_path / "lent.py")]
