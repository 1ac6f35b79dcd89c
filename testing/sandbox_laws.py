"""The laws of sandboxes, and :func:`check_sandbox`, which tries them on any backend with a few hostile programs.

The adversarial suite of ``planneal sandbox check`` is larger; these laws say what a backend *of one's own* must keep to
be believed by the verifiers that run programs in it.
"""

from __future__ import annotations

import os
import socket
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..pipeline import run_sync
from ..planner.errors import SandboxUnavailable
from ..verifiers.sandbox.base import Call, Job, Limits, Outcome, Sandbox
from .laws import Law, LawReport, Seen, judge_laws, unclaimed

SANDBOX_LAWS: tuple[Law, ...] = (
    Law("capabilities", "what it says it keeps in agrees with the level it claims"),
    Law("total", "every program gives an outcome; nothing is raised but that the isolation does not work"),
    Law("values", "calls give their values in order, one result each, with exact types", ("total",)),
    Law("honest", "ok means that the program ran: no failing test, error or early exit is ok", ("total",)),
    Law("ends", "a run ends within its wall seconds (and a moment), without a verdict", ("total",)),
    Law("memory", "a program that takes more memory than it may is not ok", ("total",)),
    Law("output", "what is kept of a flood of output is within the cap", ("total",)),
    Law("stateless", "nothing that one run leaves behind is seen by the next", ("values",)),
    Law(
        "closed", "files, environment and network of the host stay out, or every outcome is marked unsafe", ("values",)
    ),
)
"""The laws, each after those it rests on."""

LIMITS = Limits(wall_seconds=10.0, cpu_seconds=8.0, memory_bytes=256 * 2**20, output_bytes=4096)
SHORT = Limits(wall_seconds=1.0, cpu_seconds=1.0, memory_bytes=256 * 2**20, output_bytes=4096)

_MALFORMED = ("def f(:", "\x00", "f = " + "(" * 2000 + ")" * 2000, "\ud800", "", "return 1", "import no_such_module")
_DISHONEST = {
    "a failing test": Job("def f():\n    return 1", tests="assert f() == 2", limits=LIMITS),
    "a program that raises": Job("raise ValueError('no')", tests="assert True", limits=LIMITS),
    "an early exit": Job("import sys\nsys.exit(0)", tests="assert False", limits=LIMITS),
    "a hard exit": Job("import os\nos._exit(0)", tests="assert False", limits=LIMITS),
    "a missing function": Job("x = 1", calls=(Call("f"),), limits=LIMITS),
}
_VALUES: tuple[object, ...] = (1, True, 1.0, "a", None, [1, 2], (1, 2), {"k": [1]}, 2**80)


def check_sandbox(make: Callable[[], Sandbox], *, moment: float = 10.0, skip: Collection[str] = ()) -> LawReport:
    """Tries every law of :data:`SANDBOX_LAWS` on a sandbox.

    Args:
        make: Makes the sandbox anew.
        moment: Seconds that a run may take beyond its wall seconds (starting and killing a process).
        skip: Laws it does not claim.

    Raises:
        ConfigError: ``skip`` names no law.
        SandboxUnavailable: The isolation does not work on this machine, so that nothing can be said.
    """
    idle = unclaimed(SANDBOX_LAWS, skip)

    async def tried() -> LawReport:
        async with make() as sandbox:
            bench = _Bench(sandbox, moment)
            await sandbox.run(Job("x = 1", limits=LIMITS))  # raises where nothing can run
            trials = {law.name: getattr(bench, law.name) for law in SANDBOX_LAWS}
            name = sandbox.capabilities().name
            return await judge_laws(name, SANDBOX_LAWS, trials, cases=len(_MALFORMED) + len(_DISHONEST), skip=idle)

    return run_sync(tried)


class _Bench:
    """One sandbox; a method for each law."""

    def __init__(self, sandbox: Sandbox, moment: float) -> None:
        self.sandbox = sandbox
        self.moment = moment

    async def call(self, source: str, *args: object) -> Outcome:
        """The outcome of ``f(*args)`` of a program."""
        return await self.sandbox.run(Job(source, calls=(Call("f", args),), limits=LIMITS))

    async def capabilities(self) -> AsyncGenerator[Seen, None]:
        can = self.sandbox.capabilities()
        walls = {name: getattr(can, name) for name in ("filesystem", "network", "processes", "memory", "cpu")}
        if can.level not in ("full", "language", "none"):
            yield Seen("capabilities", f"the level is {can.level!r}")
        missing = [name for name, held in walls.items() if not held]
        if can.level != "none" and missing:
            yield Seen("capabilities", f"the level is {can.level}, but it does not keep in: {', '.join(missing)}")

    async def total(self) -> AsyncGenerator[Seen, None]:
        for source in _MALFORMED:
            try:
                outcome: object = await self.call(source)
            except SandboxUnavailable:
                raise
            except Exception as error:  # whatever it raises where it should not
                yield Seen(f"program {source[:40]!r}", f"it raised {type(error).__name__}: {str(error)[:200]}")
                continue
            if not isinstance(outcome, Outcome):
                yield Seen(f"program {source[:40]!r}", f"{outcome!r:.80} is no outcome")
            elif outcome.status == "ok" and outcome.results and outcome.results[0].status == "value":
                yield Seen(f"program {source[:40]!r}", f"it has no f, and f() gave {outcome.results[0].value!r:.40}")

    async def values(self) -> AsyncGenerator[Seen, None]:
        calls = tuple(Call("f", (value,)) for value in _VALUES)
        outcome = await self.sandbox.run(Job("def f(x):\n    return x", calls=calls, limits=LIMITS))
        if outcome.status != "ok" or len(outcome.results) != len(_VALUES):
            yield Seen("f(x) = x", f"{outcome.status} ({outcome.reason}), {len(outcome.results)} results")
            return
        for value, result in zip(_VALUES, outcome.results, strict=True):
            if result.status != "value" or type(result.value) is not type(value) or result.value != value:
                yield Seen(f"f({value!r})", f"{result.status} {result.value!r:.60}")
        raising = await self.call("def f():\n    raise KeyError('k')")
        if raising.status == "ok" and raising.results[0].status != "raised":
            yield Seen("f raises", f"{raising.results[0]}")

    async def honest(self) -> AsyncGenerator[Seen, None]:
        for what, job in _DISHONEST.items():
            outcome = await self.sandbox.run(job)
            values = [result.value for result in outcome.results if result.status == "value"]
            if outcome.status == "ok" and (not job.calls or values):
                yield Seen(what, f"the outcome is ok, with {values}")

    async def ends(self) -> AsyncGenerator[Seen, None]:
        started = time.monotonic()
        outcome = await self.sandbox.run(Job("while True:\n    pass", tests="assert True", limits=SHORT))
        took = time.monotonic() - started
        if outcome.status == "ok":
            yield Seen("an endless loop", "the outcome is ok")
        if took > SHORT.wall_seconds + self.moment:
            yield Seen("an endless loop", f"it took {took:.1f} s of {SHORT.wall_seconds:g}")

    async def memory(self) -> AsyncGenerator[Seen, None]:
        job = Job("x = []\nfor n in range(4096):\n    x.append('%d' % n * 1000000)", tests="assert True", limits=LIMITS)
        outcome = await self.sandbox.run(job)
        if outcome.status == "ok":
            yield Seen("a program of gigabytes", f"ok, under a limit of {LIMITS.memory_bytes} bytes")

    async def output(self) -> AsyncGenerator[Seen, None]:
        outcome = await self.sandbox.run(Job("for n in range(2000):\n    print('x' * 1000)", limits=SHORT))
        if len(outcome.stdout.encode()) > SHORT.output_bytes:
            yield Seen("two million characters", f"{len(outcome.stdout)} were kept of at most {SHORT.output_bytes}")

    async def stateless(self) -> AsyncGenerator[Seen, None]:
        left = "leftover = 1\ndef f():\n    return 1"
        seen = "def f():\n    return leftover"
        patch = "import json\njson.leftover = 1\ndef f():\n    return 1"
        patched = "import json\ndef f():\n    return getattr(json, 'leftover', 'clean')"
        for what, first, second in (("a global name", left, seen), ("a patched module", patch, patched)):
            await self.call(first)
            outcome = await self.call(second)
            values = [result.value for result in outcome.results if result.status == "value"]
            if values and values != ["clean"]:
                yield Seen(what, f"the next run saw {values[0]!r:.40}")

    async def closed(self) -> AsyncGenerator[Seen, None]:
        unsafe = self.sandbox.capabilities().level == "none"
        with _scene() as (canary, secret, port, connected):
            programs = {
                "reads a file": f"def f():\n    return open({canary!r}).read()",
                "reads the environment": "import os\ndef f():\n    return os.environ.get('PLANNEAL_CANARY')",
                "writes a file": f"def f():\n    open({canary + '.new'!r}, 'w').write('x')\n    return 1",
                "connects": (
                    f"import socket\ndef f():\n    socket.create_connection(('127.0.0.1', {port}), 1)\n    return 1"
                ),
            }
            for what, source in programs.items():
                outcome = await self.call(source)
                values = [result.value for result in outcome.results if result.status == "value"]
                escaped = secret in values or Path(canary + ".new").exists() or connected()
                if escaped and not outcome.unsafe:
                    yield Seen(f"a program that {what}", "it did, and the outcome is not marked unsafe")
                if unsafe and not outcome.unsafe:
                    yield Seen(f"a program that {what}", "nothing isolates, and the outcome is not marked unsafe")


@contextmanager
def _scene() -> Iterator[tuple[str, str, int, Callable[[], bool]]]:
    """A secret in a file and in the environment, and a listener on the loopback device."""
    secret = os.urandom(16).hex()
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        canary = Path(folder) / "canary"
        canary.write_text(secret)
        os.environ["PLANNEAL_CANARY"] = secret

        def connected() -> bool:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                return False
            return True

        try:
            yield str(canary), secret, listener.getsockname()[1], connected
        finally:
            os.environ.pop("PLANNEAL_CANARY", None)


__all__ = ["SANDBOX_LAWS", "check_sandbox"]
