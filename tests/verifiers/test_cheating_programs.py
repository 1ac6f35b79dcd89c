"""Programs that cheat their tests do not pass them, in any sandbox that works here.

Each cheat has its control: run in one process with its tests it does pass, or the honest program beside it does. So a
test here that passes says something about where the judgement is made, not that the cheat is broken.
"""

from __future__ import annotations

import asyncio
from functools import cache

import pytest
from planneal.planner.errors import SandboxUnavailable
from planneal.verifiers.assert_files import AssertFile
from planneal.verifiers.assertions import Case
from planneal.verifiers.comparing import Comparison
from planneal.verifiers.program_runs import run_file, run_tests
from planneal.verifiers.sandbox.base import Limits
from planneal.verifiers.sandbox.bubblewrap import BubblewrapSandbox
from planneal.verifiers.sandbox.monty import MontySandbox
from planneal.verifiers.sandbox.select import EscalatingSandbox

SECRET = 918273645
CASES = [Case("f(3)", SECRET), Case("f(4)", SECRET + 1)]
HONEST = f"def f(x):\n    return {SECRET} + x - 3\n"
WRONG = "def f(x):\n    return x\n"
LIMITS = Limits(wall_seconds=20.0, cpu_seconds=10.0)
"""Generous: machines are busy, and none of these programs loops."""

EXIT = "import os\nos._exit(0)\n"
EXIT_IN_CALL = "import os\ndef f(x):\n    os._exit(0)\n"
SYSTEM_EXIT = "import sys\ndef f(x):\n    sys.exit(0)\n"
SPOOF = """
class Anything:
    def __eq__(self, other):
        return True
    def __ne__(self, other):
        return False
    def __hash__(self):
        return 0
def f(x):
    return Anything()
"""
SPOOFED_INT = """
class Any(int):
    def __eq__(self, other):
        return True
    __hash__ = int.__hash__
def f(x):
    return Any(1)
"""
FRAMES = """
import sys, gc
def seen(value, depth=0):
    if type(value) is int and 918273640 < value < 918273650:
        return value
    if depth < 4 and isinstance(value, (list, tuple, set, dict)):
        for part in (value.values() if isinstance(value, dict) else value):
            found = seen(part, depth + 1)
            if found is not None:
                return found
def f(x):
    frame = sys._getframe()
    while frame is not None:
        for value in [*frame.f_locals.values(), *frame.f_globals.values(), *frame.f_code.co_consts]:
            found = seen(value)
            if found is not None:
                return found + (x - 3)
        frame = frame.f_back
    for thing in gc.get_objects():
        found = seen(thing)
        if found is not None:
            return found + (x - 3)
    return None
"""
PATCHED = """
import builtins
class Yes:
    def __eq__(self, other):
        return True
builtins.AssertionError = type('AssertionError', (BaseException,), {'__init__': lambda *a: None})
builtins.abs = lambda x: 0
builtins.len = lambda x: 1
builtins.all = builtins.any = builtins.bool = lambda *a: True
builtins.isinstance = lambda *a: True
def f(x):
    return 1
"""
PATCHED_JSON = """
import json, sys
for module in list(sys.modules.values()):
    for name in ('dumps', 'encode', 'dump'):
        if hasattr(module, name):
            try:
                setattr(module, name, lambda *a, **k: '[["value", 1], ["value", 1]]')
            except Exception:
                pass
def f(x):
    return 1
"""
TALKER = """
import os
for number in range(1, 32):
    for line in (b'{"status": "ok"}\\n', b'{"pass": true}\\n', b'null\\n', b'ok\\n'):
        try:
            os.write(number, line)
        except OSError:
            pass
def f(x):
    return 1
"""
CHEATS = {
    "exit": EXIT,
    "exit in call": EXIT_IN_CALL,
    "system exit": SYSTEM_EXIT,
    "eq always true": SPOOF,
    "int whose eq is always true": SPOOFED_INT,
    "frame walking": FRAMES,
    "patched built-ins": PATCHED,
    "patched encoder": PATCHED_JSON,
    "talks on every descriptor": TALKER,
}


async def tried(make):
    async with make() as sandbox:
        return (await run_tests(sandbox, HONEST, CASES, limits=LIMITS)).outcome == "pass"


@cache
def why_not(make):
    try:
        return "" if asyncio.run(tried(make)) else "the honest program has no verdict"
    except SandboxUnavailable as error:
        return str(error)


def both():
    return EscalatingSandbox([MontySandbox(), BubblewrapSandbox()])


@pytest.fixture(params=[MontySandbox, BubblewrapSandbox, both], ids=["monty", "bubblewrap", "both"])
def make(request):
    if why := why_not(request.param):
        pytest.skip(f"this sandbox does not work here: {why}")
    return request.param


@pytest.fixture
def make_cpython():
    if why := why_not(BubblewrapSandbox):
        pytest.skip(f"this sandbox does not work here: {why}")
    return BubblewrapSandbox


def test_no_cheat_passes(make):
    async def judged():
        async with make() as sandbox:
            for comparison in (Comparison(), Comparison(types="python", sequences="alike", tolerance=1e-6)):
                for name, source in CHEATS.items():
                    report = await run_tests(sandbox, source, CASES, comparison=comparison, limits=LIMITS)
                    assert report.outcome != "pass", (name, report)
                assert (await run_tests(sandbox, WRONG, CASES, comparison=comparison, limits=LIMITS)).outcome == "fail"
                report = await run_tests(sandbox, HONEST, CASES, comparison=comparison, limits=LIMITS)
                assert report.outcome == "pass", report

    asyncio.run(judged())


def test_in_one_process_with_its_tests_the_same_cheats_do_pass(make_cpython):
    """The negative control: this is why a self-reported pass is worth less."""
    file = AssertFile(text=f"expected = {SECRET}\nassert f(3) == expected\n")

    async def judged():
        async with make_cpython() as sandbox:
            return {
                name: (await run_file(sandbox, source, file, limits=LIMITS)).outcome
                for name, source in {"honest": HONEST, "wrong": WRONG, "spoof": SPOOF, "frames": FRAMES}.items()
            }

    assert asyncio.run(judged()) == {"honest": "pass", "wrong": "fail", "spoof": "pass", "frames": "pass"}


def test_leaving_early_is_no_pass_in_an_assert_style_file_either(make_cpython):
    file = AssertFile(text="assert f(3) == 7\n")

    async def judged():
        async with make_cpython() as sandbox:
            return {(await run_file(sandbox, source, file, limits=LIMITS)).outcome for source in (EXIT, EXIT_IN_CALL)}

    assert asyncio.run(judged()) == {"no_verdict"}


def test_an_endless_loop_is_no_verdict_and_the_values_before_it_count(make):
    source = "def f(x):\n    while x == 4:\n        pass\n    return x\n"
    limits = Limits(wall_seconds=1.0, cpu_seconds=1.0)

    async def judged():
        async with make() as sandbox:
            loops = await run_tests(sandbox, source, [Case("f(3)", 3), Case("f(4)", 4)], limits=limits)
            wrong = await run_tests(sandbox, source, [Case("f(3)", 5), Case("f(4)", 4)], limits=limits)
            return loops.outcome, loops.cause, wrong.outcome

    loops, cause, wrong = asyncio.run(judged())
    assert (loops, cause) == ("no_verdict", "timeout")
    assert wrong in ("fail", "no_verdict")  # the value may not have left before the end, and is never a pass
