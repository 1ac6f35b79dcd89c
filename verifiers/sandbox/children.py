"""Single-use children: started ahead of time, given one job each, killed after it.

A warm child has its interpreter up, the usual modules loaded and its walls around it, so that a run costs about what
the program costs. No child sees a second job, so nothing can leak from one run into the next; what a run costs to
prepare is paid beside the work, in another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import subprocess
import time
import weakref
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...planner.errors import ConfigError, SandboxUnavailable
from .base import Job, Outcome, Sandbox
from .exchange import Answer, Heard, Pipes, converse, request, understood
from .values import Unencodable

CHILD = Path(__file__).with_name("child.py")
ENVIRONMENT: Mapping[str, str] = {
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PATH": "/nonexistent",
    "TMPDIR": "/tmp",
}
"""All that a child's environment holds; the process that is started first gets no more, so ours is nowhere inside."""

_START_SECONDS = 30.0


class Child:
    """A started child that waits for its job.

    Args:
        command: What is run; the number of the answers' descriptor is put in for ``{answers}``.
        folder: Where it starts.
    """

    def __init__(self, command: Sequence[str], folder: str = "/") -> None:
        theirs_in, request_end = os.pipe()
        output_end, theirs_out = os.pipe()
        answers_end, theirs_answers = os.pipe()
        self.pipes = Pipes(request_end, output_end, answers_end)
        for descriptor in (request_end, output_end, answers_end):
            os.set_blocking(descriptor, False)
        try:
            self._process = subprocess.Popen(
                [part.replace("{answers}", str(theirs_answers)) for part in command],
                stdin=theirs_in,
                stdout=theirs_out,
                stderr=theirs_out,
                pass_fds=(theirs_answers,),
                env=dict(ENVIRONMENT),
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            self.pipes.close()
            raise SandboxUnavailable(f"{command[0]} cannot be started: {error}") from None
        finally:
            for descriptor in (theirs_in, theirs_out, theirs_answers):
                os.close(descriptor)

    @property
    def alive(self) -> bool:
        """Whether it still waits."""
        return self._ended() is None

    def ask(self, job: Job) -> tuple[Heard, int | None]:
        """Hands the job over, listens within its limits, kills and returns what was heard and the exit status.

        The status is negative for the number of a signal, None if it had to be killed by us.
        """
        limits = job.limits
        try:
            said = request(job)
            if not self._ready():
                return converse(self.pipes, b"", seconds=0.2, most_bytes=4096), self._status()
            heard = converse(self.pipes, said, seconds=limits.wall_seconds, most_bytes=limits.output_bytes)
            heard = Heard(heard.stop, (b"", *heard.lines), heard.output)
            return heard, self._status() if heard.stop == "closed" else None
        finally:
            self.kill()

    def _ready(self) -> bool:
        """Waits for the ready line; what it says does not matter, since no program has run yet."""
        held, deadline = bytearray(), time.monotonic() + _START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self.pipes.answers, selectors.EVENT_READ)
            while not held.endswith(b"\n"):
                able = selector.select(max(0.0, deadline - time.monotonic()))
                part = os.read(self.pipes.answers, 1) if able else b""
                if not part:
                    return False
                held += part
        return True

    def _status(self) -> int | None:
        deadline = time.monotonic() + 1.0
        while (status := self._ended()) is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if status is None or status <= 128:
            return status
        return 128 - status  # bubblewrap tells a signal as a shell does

    def _ended(self) -> int | None:
        """The exit status if it ended, without letting go of its number where the system can: the group may live on."""
        if self._process.returncode is not None or not hasattr(os, "waitid"):
            return self._process.poll()
        found = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def signal(self) -> None:
        """Kills the whole group; who listens to it hears the end."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def kill(self) -> None:
        """Kills the whole group and lets go of it; killing twice is fine."""
        self.signal()
        self._process.kill()
        self._process.wait()
        self.pipes.close()


class ChildSandbox(Sandbox):
    """Runs every job in a fresh CPython child; a subclass says how one is started.

    Args:
        spare: How many children wait for jobs to come; 0 starts each when it is needed.
        concurrency: Most children at work at a time; None is one for each processor.
        clock: Seconds, for what a run took.
    """

    name: str
    unsafe = False
    folder = "/"

    def __init__(
        self, *, spare: int = 1, concurrency: int | None = None, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        if spare < 0 or (concurrency is not None and concurrency < 1):
            raise ConfigError("a sandbox needs spare >= 0 and concurrency >= 1")
        self._spare = spare
        self._concurrency = concurrency or os.cpu_count() or 1
        self._clock = clock
        self._waiting: deque[Child] = deque()
        self._gates: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            weakref.WeakKeyDictionary()
        )
        self._closed = False
        weakref.finalize(self, _end, self._waiting)

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts a child, ``{answers}`` standing for the descriptor."""

    async def check(self) -> None:
        """Makes sure that the walls stand, before the first program.

        Raises:
            SandboxUnavailable: They do not.
        """

    async def run(self, job: Job) -> Outcome:
        """Runs the job in a child of its own.

        Raises:
            SandboxUnavailable: No child could be started behind its walls.
            ConfigError: An argument is not a plain value.
        """
        await self.check()
        return await self.run_unchecked(job)

    async def run_unchecked(self, job: Job) -> Outcome:
        """As :meth:`run`, without :meth:`check`, which uses it."""
        gate = self._gates.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._concurrency))
        async with gate:
            child = self._take()
            started = self._clock()
            asking = asyncio.ensure_future(asyncio.to_thread(child.ask, job))
            try:
                heard, status = await asyncio.shield(asking)
            except asyncio.CancelledError:
                child.signal()
                with contextlib.suppress(Exception):
                    await asking
                raise
            except Unencodable as error:
                raise ConfigError(f"an argument is no plain value: {error}") from None
            seconds = self._clock() - started
        if not heard.lines:
            raise SandboxUnavailable(f"{self.name} does not start here: {heard.output.strip()[:300] or status}")
        with contextlib.suppress(SandboxUnavailable):  # the next run will say so itself
            self._refill()
        return self._outcome(_blamed(understood(heard, job), status), heard, seconds)

    async def warm(self) -> None:
        """Checks the walls and starts the spare children."""
        await self.check()
        self._refill()

    async def aclose(self) -> None:
        """Kills the children that wait; nothing can be run after it."""
        self._closed = True
        _end(self._waiting)

    def _take(self) -> Child:
        if self._closed:
            raise SandboxUnavailable(f"the {self.name} sandbox is closed")
        while self._waiting:
            child = self._waiting.popleft()
            if child.alive:
                return child
            child.kill()
        return Child(self.command(), self.folder)

    def _refill(self) -> None:
        while not self._closed and len(self._waiting) < self._spare:
            self._waiting.append(Child(self.command(), self.folder))

    def _outcome(self, answer: Answer, heard: Heard, seconds: float) -> Outcome:
        return Outcome(
            answer.status,
            answer.results,
            answer.reason,
            answer.cause,
            stdout=heard.output,
            seconds=seconds,
            backend=self.name,
            unsafe=self.unsafe,
        )


def _blamed(answer: Answer, status: int | None) -> Answer:
    """The answer, with a signal's number turned into a cause where the child ended early."""
    if answer.cause != "exited" or status is None or status >= 0:
        return answer
    if -status == signal.SIGXCPU:
        return Answer("no_verdict", answer.results, "it used up its processor time", "timeout")
    return Answer("no_verdict", answer.results, f"it was killed by signal {-status}", "killed")


def _end(waiting: deque[Child]) -> None:
    while waiting:
        waiting.popleft().kill()
