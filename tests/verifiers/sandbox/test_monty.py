"""What monty lacks is unsupported, never a fail and never a pass."""

import pytest
from planneal.verifiers.sandbox.base import Call, Job
from planneal.verifiers.sandbox.monty import unsuitable

LACKING = [
    "class A: pass\nclass B(A): pass\ndef f(x): return x",
    "def f(x):\n    yield x",
    "import heapq\ndef f(x): return x",
    "def f(x): return x.bit_length()",
    "def f(x): return bytearray(3)",
    "import os\ndef f(x): return os.listdir('/')",
    "def f(x): return globals()",
    "def f(x): raise TypeError('its own, but who knows')",
    "import sys\ndef f(x): sys.exit(0)",
    "def f(x) return x",
    "def f(x): return f(x)",
]
HIDING = [
    "def f(x):\n    try:\n        return x.bit_length()\n    except Exception:\n        return -1",
    "def f(x): return hasattr(x, 'bit_length')",
    "def f(x): return map(str, [x])",
    "def f(x): return (y for y in [x])",
    "def f(x): return len(zip([x], [x]))",
    "g = map\ndef f(x): return g(str, [x])",
    "def f(x): return __name__",
    "def f(x): return '\\ud800'",
]
FINE = [
    "def f(x): return sum(y for y in [x])",
    "def f(x): return ','.join(map(str, [x]))",
    "def f(x): return sorted(zip([x], [x]), key=lambda p: p[0])",
    "def f(x):\n    for i, y in enumerate([x]):\n        return i",
    "def f(x): return [*map(str, [x])]",
    "def f(x):\n    a, b = map(int, [x, x])\n    return a + b",
    "def f(x): return [p for p in reversed([x])]",
    "def f(x): return dict(zip([x], [x]))",
]


@pytest.mark.parametrize("source", [*LACKING, *HIDING])
def test_what_it_lacks_is_unsupported(monty, run, source):
    outcome = run(monty, Job(source, (Call("f", (3,)),)))
    assert (outcome.status, outcome.results) == ("unsupported", ())
    assert outcome.reason


@pytest.mark.parametrize("source", HIDING)
def test_what_could_hide_a_difference_is_seen_before_it_runs(source):
    assert unsuitable(source)


@pytest.mark.parametrize("source", FINE)
def test_the_usual_is_run_and_agrees_with_cpython(monty, unsafe, run, source):
    assert not unsuitable(source)
    job = Job(source, (Call("f", (3,)),))
    here, there = run(monty, job), run(unsafe, job)
    assert here.status == there.status == "ok"
    assert here.results == there.results


def test_an_enormous_or_broken_program_is_not_parsed_to_death():
    assert unsuitable("x = 1\n" * 100_000)
    assert unsuitable("(" * 20_000)
    assert unsuitable("\0")


def test_names_that_shadow_builtins_do_not_change_what_is_told(monty, run):
    shadows = "def list(x): return 3\ndef type(x): return 2\ndef isinstance(a, b): return True\n"
    source = shadows + "def f(x): return [x, 1.0]"
    assert run(monty, Job(source, (Call("f", (3,)),))).results[0].value == [3, 1.0]
