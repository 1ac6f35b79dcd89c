"""``planneal sandbox check``: what it prints, and the codes it exits with."""

import json

import pytest
from planneal.apps import sandbox
from planneal.apps.cli import app
from planneal.verifiers.sandbox.attacks import ATTACKS
from planneal.verifiers.sandbox.base import CallResult, Capabilities, Outcome, Sandbox
from typer.testing import CliRunner

FEW = tuple(attack for attack in ATTACKS if attack.name in ("read a file outside", "leave with success"))


class Fake(Sandbox):
    """Answers what it is told to, without running anything."""

    def __init__(self, level="full", *, leaks=False, works=True):
        self.level, self.leaks, self.works = level, leaks, works

    async def run(self, job):
        if job.calls[0].function == "twice":
            return Outcome("ok" if self.works else "no_verdict", (CallResult("value", 42),), "it is too small")
        return Outcome("ok", (CallResult("value", self.leaks),), seconds=0.001)

    def capabilities(self):
        return Capabilities(f"fake {self.level}", True, True, True, True, True, self.level)


@pytest.fixture
def check(monkeypatch):
    def check(monty, bubblewrap, *args):
        monkeypatch.setattr(sandbox, "MontySandbox", lambda: monty)
        monkeypatch.setattr(sandbox, "BubblewrapSandbox", lambda: bubblewrap)
        monkeypatch.setattr(sandbox, "UnsafeSandbox", lambda: Fake("none", leaks=True))
        monkeypatch.setattr(sandbox, "ATTACKS", FEW)
        real = sandbox.let_loose
        monkeypatch.setattr(sandbox, "let_loose", lambda one: real(one, FEW))
        return CliRunner().invoke(app, ["sandbox", "check", *args])

    return check


def test_all_held(check):
    found = check(Fake("language"), Fake("full"))
    assert found.exit_code == 0
    assert "files: read a file outside" in found.stdout
    assert "fake full: held 2 of 2" in found.stdout
    assert "safe to run programs" in found.stdout


def test_a_program_that_gets_out_is_told_and_ends_with_nine(check):
    found = check(Fake("language"), Fake("full", leaks=True))
    assert found.exit_code == 9
    assert "GOT OUT" in found.stdout
    assert "LEAKS" in found.stdout
    assert "do not run programs here" in found.stdout


def test_without_cpython_it_is_safe_but_says_what_that_costs(check):
    found = check(Fake("language"), Fake("full", works=False))
    assert found.exit_code == 0
    assert "does not work here: a plain program got no_verdict: it is too small" in found.stdout
    assert "without CPython" in found.stdout


def test_where_nothing_isolates_it_ends_with_nine_whatever_the_control_does(check):
    found = check(Fake("language", works=False), Fake("full", works=False), "--control")
    assert found.exit_code == 9
    assert "nothing isolates here: programs are refused" in found.stdout


def test_the_control_may_leak(check):
    found = check(Fake("language"), Fake("full"), "--control", "--json")
    told = json.loads(found.stdout)
    assert found.exit_code == 0
    assert told["safe"] is True
    assert [(one["name"], one["held"], len(one["programs"])) for one in told["sandboxes"]] == [
        ("fake language", 2, 2),
        ("fake full", 2, 2),
        ("fake none", 0, 2),
    ]
    assert told["sandboxes"][2]["programs"][0]["breaches"]
