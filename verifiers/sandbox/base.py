"""The sandbox seam: a job goes in, an outcome comes out, and what was expected never enters.

A :class:`Job` is a program and either calls whose *values* are wanted, or an assert-style test text. With calls the
child gets the source and the arguments and gives plain values back (see :mod:`.values`); who compares them with what
was expected does so outside, so that a program can only pass by giving the right values. A test text judges itself
inside the child: a program may cheat it, and what it reports deserves less trust.

An :class:`Outcome` never mixes up what a program did with what happened to the sandbox: ``unsupported`` and
``no_verdict`` say nothing about the program. A sandbox that cannot isolate raises
:class:`~planneal.planner.errors.SandboxUnavailable` and runs nothing.
"""

from __future__ import annotations

import keyword
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self

from ...planner.errors import ConfigError

Status = Literal["ok", "raised", "unsupported", "no_verdict"]
Cause = Literal["", "timeout", "memory", "killed", "exited", "garbage", "output"]
Level = Literal["full", "language", "none"]


@dataclass(frozen=True)
class Limits:
    """What one run may use. It is one process, whatever its limits: no backend that isolates lets it start another.

    Attributes:
        wall_seconds: Seconds from handing the job over until everything is killed.
        cpu_seconds: Processor seconds; a backend may round up to whole seconds.
        memory_bytes: Address space of the child (CPython) or memory of the interpreter (monty), in bytes.
        output_bytes: Most bytes of standard output and error together, and, apart from those, of encoded values.
        file_bytes: Largest file that the child may write, in bytes; files die with the run.
    """

    wall_seconds: float = 5.0
    cpu_seconds: float = 4.0
    memory_bytes: int = 512 * 2**20
    output_bytes: int = 65_536
    file_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        """Refuses limits that would limit nothing.

        Raises:
            ConfigError: A limit is not positive.
        """
        for name in self.__dataclass_fields__:
            if not getattr(self, name) > 0:
                raise ConfigError(f"the sandbox limit {name} must be positive, not {getattr(self, name)!r}")


@dataclass(frozen=True)
class Call:
    """A call of a top-level function of the program.

    Attributes:
        function: Its name, an identifier.
        args: Positional arguments: plain values as :mod:`.values` encodes them.
        kwargs: Keyword arguments, likewise.
    """

    function: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuses what is no name, since backends write it into code.

        Raises:
            ConfigError: ``function`` or a keyword is not an identifier.
        """
        for name in (self.function, *self.kwargs):
            if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
                raise ConfigError(f"{name!r:.60} is not a name that can be called or passed")


@dataclass(frozen=True)
class Job:
    """One program to run, once.

    Attributes:
        source: The program, untrusted.
        calls: Calls made in this order after the program ran; a call that raises does not stop the next.
        tests: Assert-style test text run after the program instead of calls; self-reported, a lower class of trust.
        setup: Text run after ``source`` and before calls or tests, in the same namespace (trusted no more than these).
        limits: What the run may use.
    """

    source: str
    calls: tuple[Call, ...] = ()
    tests: str = ""
    setup: str = ""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        """Keeps the two kinds of trust apart.

        Raises:
            ConfigError: Both calls and a test text were given.
        """
        if self.calls and self.tests:
            raise ConfigError("a job has calls or a test text, not both: run them as two jobs")


@dataclass(frozen=True)
class CallResult:
    """What one call gave.

    Attributes:
        status: ``value``; ``raised`` (the call raised); ``unencodable`` (it returned no plain value).
        value: The value, types kept apart (:mod:`.values`); None unless ``status`` is ``value``.
        error: ``TypeName: message`` of what was raised, or the type that could not be encoded; else empty.
    """

    status: Literal["value", "raised", "unencodable"]
    value: Any = None
    error: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        status: ``ok``: the program ran and there is one result for each call (with a test text: no assertion failed).
            ``raised``: the program, the setup or the test text raised. ``unsupported``: this backend lacks something
            that the program uses; ask another. ``no_verdict``: nothing can be said about the program.
        results: One for each call if ``ok``; else those that arrived before the end.
        reason: For people: what was raised, what is unsupported, why there is no verdict. Empty if ``ok``.
        cause: With ``no_verdict``: ``timeout``, ``memory``, ``killed`` (a signal), ``exited`` (it left before it
            had answered), ``garbage`` (it answered nonsense), ``output`` (it wrote too much).
        stdout: What it printed, errors included, cut to ``limits.output_bytes``.
        seconds: Wall-clock seconds of the run.
        backend: Name of the backend that ran it.
        unsafe: True if nothing isolated the program.
    """

    status: Status
    results: tuple[CallResult, ...] = ()
    reason: str = ""
    cause: Cause = ""
    stdout: str = ""
    seconds: float = 0.0
    backend: str = ""
    unsafe: bool = False


@dataclass(frozen=True)
class Capabilities:
    """What a backend keeps in.

    Attributes:
        name: Name of the backend.
        filesystem: Files outside cannot be changed, and nothing but the Python installation can be read.
        network: No connection leaves, neither by address nor by socket file.
        processes: No process outlives the run, and their number is bounded.
        memory: Memory is bounded.
        cpu: Processor time is bounded.
        level: ``full``: the kernel keeps CPython in. ``language``: an interpreter without access to the host.
            ``none``: nothing does.
    """

    name: str
    filesystem: bool
    network: bool
    processes: bool
    memory: bool
    cpu: bool
    level: Level


class Sandbox(ABC):
    """Runs untrusted programs, each apart from the others and from us. Close it when done (``async with`` does)."""

    @abstractmethod
    async def run(self, job: Job) -> Outcome:
        """Runs the job within its limits. Whatever the program does becomes an outcome, never an exception.

        Raises:
            SandboxUnavailable: The isolation does not work here; nothing was run.
        """

    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What this backend keeps in."""

    async def confirm(self, job: Job, outcome: Outcome) -> Outcome:
        """A second opinion, for a caller about to hold an outcome against the program.

        Returns:
            What the strongest backend says about the job; the outcome itself where it was the strongest already.
        """
        return outcome

    async def warm(self) -> None:  # noqa: B027 - most backends have nothing to warm
        """Prepares for runs to come, so that the next one is cheap; optional."""

    async def aclose(self) -> None:  # noqa: B027 - most backends hold nothing
        """Ends whatever the sandbox keeps running; closing twice is fine."""

    async def __aenter__(self) -> Self:
        """Returns the sandbox itself."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes it."""
        await self.aclose()
