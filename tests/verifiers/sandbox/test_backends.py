"""What every sandbox owes its caller: values with their types, failures kept apart, and nothing left behind."""

import asyncio
import os
import time

import pytest
from planneal.planner.errors import ConfigError
from planneal.verifiers.sandbox.base import Call, Job, Limits

ECHO = "def echo(*args, **kwargs): return [*args, kwargs]"
VALUES = [None, True, 1, 1.0, 2**70, float("inf"), 'a\u00e9\U0001f600"\\\n', [1, (2, 3)], {"a": 1, 2: [3]}, {1, 2}]
VALUES += [frozenset([3]), b"\x00x", 1 + 2j, {(1, 2): None}, (), 0.1 + 0.2, -(2**63)]


def typed(value):
    """The value with every type written out."""
    return f"{type(value).__name__}:{value!r}"


def test_values_come_out_as_they_went_in(make, run):
    calls = [Call("echo", (value,), {"key": value}) for value in VALUES]
    outcome = run(make, Job(ECHO, tuple(calls)))
    assert outcome.status == "ok"
    assert [typed(result.value) for result in outcome.results] == [typed([v, {"key": v}]) for v in VALUES]
    assert outcome.seconds > 0
    assert outcome.backend == make.name
    assert outcome.unsafe == (make.name == "unsafe")


def test_a_call_that_raises_or_gives_nothing_plain_stops_no_other(make, run):
    source = "def f(x):\n    print('at', x)\n    if x == 0: raise ValueError('zero')\n    return f if x == 1 else x"
    outcome = run(make, Job(source, tuple(Call("f", (x,)) for x in range(3))))
    assert [result.status for result in outcome.results] == ["raised", "unencodable", "value"]
    assert outcome.results[0].error == "ValueError: zero"
    assert "function" in outcome.results[1].error
    assert outcome.stdout == "at 0\nat 1\nat 2\n"


def test_arguments_are_fresh_for_every_call(make, run):
    source = "def f(x):\n    x.append(1)\n    return x"
    held = [0]
    outcome = run(make, Job(source, (Call("f", (held,)), Call("f", (held,)))))
    assert [result.value for result in outcome.results] == [[0, 1], [0, 1]]
    assert held == [0]


@pytest.mark.parametrize(
    ("job", "status", "reason"),
    [
        (Job("def f(): return 1", tests="assert f() == 1"), "ok", ""),
        (Job("def f(): return 1", tests="assert f() == 2, 'no'"), "raised", "AssertionError: no"),
        (Job("def f(): return a", setup="a = 5", tests="assert f() == 5"), "ok", ""),
        (Job("raise ValueError('at once')", (Call("f"),)), "raised", "ValueError: at once"),
        (Job("a = 1 / 0", tests="pass"), "raised", "ZeroDivisionError: division by zero"),
        (Job("a = 1"), "ok", ""),
    ],
)
def test_test_texts_and_programs_that_raise(make, run, job, status, reason):
    outcome = run(make, job)
    assert (outcome.status, outcome.reason) == (status, reason)


def test_what_never_ends_is_ended(make, run, short):
    started = time.monotonic()
    outcome = run(make, Job("while True:\n    pass", limits=short))
    assert (outcome.status, outcome.cause) == ("no_verdict", "timeout")
    assert time.monotonic() - started < 15


def test_what_asks_for_too_much_memory_has_no_verdict(make, run, short):
    outcome = run(make, Job("def f(): return len([0] * 10**9)", (Call("f"),), limits=short))
    assert (outcome.status, outcome.cause) == ("no_verdict", "memory")


@pytest.mark.parametrize("source", ["print('x' * 10**6)", "def f(): return 'x' * 10**6"])
def test_what_writes_too_much_has_no_verdict_and_costs_no_memory(make, run, short, source):
    outcome = run(make, Job(source, (Call("f"),), limits=short))
    assert (outcome.status, outcome.cause) == ("no_verdict", "output")
    assert len(outcome.stdout) <= short.output_bytes


def test_results_before_the_end_are_kept(make_cpython, run, short):
    source = "import os\ndef f(x):\n    if x: os._exit(0)\n    return x"
    outcome = run(make_cpython, Job(source, (Call("f", (0,)), Call("f", (1,)), Call("f", (0,))), limits=short))
    assert (outcome.status, outcome.cause) == ("no_verdict", "exited")
    assert [result.value for result in outcome.results] == [0]


@pytest.mark.parametrize(
    ("source", "cause"),
    [("import os\nos.kill(os.getpid(), 9)", "killed"), ("import ctypes\nctypes.string_at(1)", "killed")],
)
def test_a_killed_child_has_no_verdict(make_cpython, run, source, cause):
    outcome = run(make_cpython, Job(source))
    assert (outcome.status, outcome.cause) == ("no_verdict", cause)


def test_processor_time_ends_even_what_outlasts_the_wall_clock(make_cpython, run):
    limits = Limits(wall_seconds=120.0, cpu_seconds=0.5)
    outcome = run(make_cpython, Job("while True:\n    pass", limits=limits))
    assert (outcome.status, outcome.cause) == ("no_verdict", "timeout")
    assert "processor" in outcome.reason


def test_usual_python_works_behind_the_walls(make_cpython, run):
    source = """
import asyncio, dataclasses, fractions, heapq, statistics, tempfile, threading, unittest
from concurrent.futures import ThreadPoolExecutor

@dataclasses.dataclass
class Point:
    x: "int"

async def later():
    await asyncio.sleep(0)
    return 1

def f():
    with ThreadPoolExecutor(2) as pool:
        squares = list(pool.map(lambda n: n * n, range(3)))
    with tempfile.TemporaryFile("w+") as file:
        file.write("kept")
        file.seek(0)
        return [squares, file.read(), asyncio.run(later()), Point(3).x, __name__]
"""
    outcome = run(make_cpython, Job(source, (Call("f"),)))
    assert outcome.results[0].value == [[0, 1, 4], "kept", 1, 3, "program"]


def test_runs_at_the_same_time_do_not_mix(make):
    async def many():
        async with make(**({"workers": 2} if make.name == "monty" else {"concurrency": 2})) as sandbox:
            jobs = [Job("def f(x): return x * x", (Call("f", (n,)),)) for n in range(6)]
            return await asyncio.gather(*(sandbox.run(job) for job in jobs))

    assert [outcome.results[0].value for outcome in asyncio.run(many())] == [n * n for n in range(6)]


def test_one_sandbox_serves_one_event_loop_after_the_other(make):
    sandbox = make()
    job = Job("def f(): return 1", (Call("f"),))
    assert [asyncio.run(sandbox.run(job)).status for _ in range(2)] == ["ok", "ok"]
    asyncio.run(sandbox.aclose())


def test_cancelling_ends_the_child(make):
    async def cancelled():
        async with make() as sandbox:
            await sandbox.warm()
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await sandbox.run(Job("while True:\n    pass", limits=Limits(wall_seconds=60, cpu_seconds=60)))
            again = await sandbox.run(Job("def f(): return 2", (Call("f"),)))
            return time.monotonic() - started, again

    seconds, again = asyncio.run(cancelled())
    assert seconds < 20
    assert again.results[0].value == 2


def test_closing_leaves_no_process_and_no_descriptor(make_cpython):
    async def used():
        async with make_cpython(spare=2) as sandbox:
            await sandbox.run(Job("a = 1"))
            assert len(sandbox._waiting) == 2
            return [child._process.pid for child in sandbox._waiting]

    asyncio.run(used())
    before = len(os.listdir("/proc/self/fd"))
    for pid in asyncio.run(used()):
        assert not os.path.exists(f"/proc/{pid}")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_child_that_died_while_it_waited_is_replaced(make_cpython):
    async def outlived():
        async with make_cpython() as sandbox:
            await sandbox.warm()
            os.kill(sandbox._waiting[0]._process.pid, 9)
            while sandbox._waiting[0].alive:
                await asyncio.sleep(0.01)
            return await sandbox.run(Job("def f(): return 3", (Call("f"),)))

    assert asyncio.run(outlived()).results[0].value == 3


def test_the_environment_of_the_child_is_its_own(make_cpython, run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret-key")
    outcome = run(make_cpython, Job("import os\ndef f(): return sorted(os.environ)", (Call("f"),)))
    assert "OPENAI_API_KEY" not in outcome.results[0].value
    assert set(outcome.results[0].value) <= {"HOME", "LANG", "LC_CTYPE", "PATH", "PWD", "TMPDIR"} | {
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    }


@pytest.mark.parametrize("wrong", ["f()", "a.b", "", "lambda", "f; import os"])
def test_a_call_is_a_name_and_nothing_else(wrong):
    with pytest.raises(ConfigError):
        Call(wrong)
    with pytest.raises(ConfigError):
        Call("f", (), {wrong: 1})


def test_jobs_and_limits_that_make_no_sense_are_refused(make_cpython, run):
    with pytest.raises(ConfigError, match="calls or a test text"):
        Job("a = 1", (Call("f"),), tests="assert a")
    with pytest.raises(ConfigError, match="wall_seconds"):
        Limits(wall_seconds=0)
    with pytest.raises(ConfigError, match="plain value"):
        run(make_cpython, Job("def f(x): pass", (Call("f", (object(),)),)))
