"""Which sandbox is used: monty, then CPython behind bubblewrap, then none at all.

The order is by cost, and each step up is taken when the step below has no word on the program. Where nothing isolates
there is no run: ``allow_unsafe=True`` is the only way past that, and the outcomes say so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...planner.errors import ConfigError, SandboxUnavailable
from .base import Capabilities, Job, Limits, Outcome, Sandbox
from .bubblewrap import BubblewrapSandbox
from .monty import MontySandbox
from .unsafe import UnsafeSandbox


class EscalatingSandbox(Sandbox):
    """Asks sandboxes in turn until one has a word on the program.

    ``unsupported`` and ``no_verdict`` are no word, and lead on to the next; so a subset of Python never fails a program
    for what the subset lacks, and a slow interpreter never for its slowness.

    Args:
        sandboxes: From the cheapest to the strongest; the last one's outcome stands whatever it is.
        patience: Most wall-clock seconds that all but the last may take on a job.
    """

    def __init__(self, sandboxes: Sequence[Sandbox], *, patience: float = 1.0) -> None:
        if not sandboxes or patience <= 0:
            raise ConfigError("escalation needs at least one sandbox, and patience above 0")
        self._sandboxes = tuple(sandboxes)
        self._patience = patience

    @property
    def sandboxes(self) -> tuple[Sandbox, ...]:
        """Those that are asked, in this order."""
        return self._sandboxes

    def capabilities(self) -> Capabilities:
        """What every one of them keeps in, under the names of all; the level is the weakest."""
        each = [sandbox.capabilities() for sandbox in self._sandboxes]
        order = ("none", "language", "full")
        return Capabilities(
            name=" > ".join(one.name for one in each),
            filesystem=all(one.filesystem for one in each),
            network=all(one.network for one in each),
            processes=all(one.processes for one in each),
            memory=all(one.memory for one in each),
            cpu=all(one.cpu for one in each),
            level=min((one.level for one in each), key=order.index),
        )

    async def run(self, job: Job) -> Outcome:
        """Runs the job in one sandbox after the other until one has a word on it.

        Raises:
            SandboxUnavailable: The last one asked cannot isolate.
        """
        spent = 0.0
        short = replace(job, limits=_shortened(job.limits, self._patience))
        for sandbox in self._sandboxes[:-1]:
            outcome = await sandbox.run(short)
            spent += outcome.seconds
            if outcome.status in ("ok", "raised"):
                return replace(outcome, seconds=spent)
        outcome = await self._sandboxes[-1].run(job)
        return replace(outcome, seconds=spent + outcome.seconds)

    async def confirm(self, job: Job, outcome: Outcome) -> Outcome:
        """Runs the job in the last sandbox, unless the outcome is its own already."""
        last = self._sandboxes[-1]
        return outcome if outcome.backend == last.capabilities().name else await last.run(job)

    async def warm(self) -> None:
        """Warms each."""
        for sandbox in self._sandboxes:
            await sandbox.warm()

    async def aclose(self) -> None:
        """Closes each."""
        for sandbox in self._sandboxes:
            await sandbox.aclose()


def _shortened(limits: Limits, seconds: float) -> Limits:
    return replace(limits, wall_seconds=min(limits.wall_seconds, seconds), cpu_seconds=min(limits.cpu_seconds, seconds))


async def default_sandbox(allow_unsafe: bool = False, *, patience: float = 1.0) -> Sandbox:
    """The sandboxes that work here, each tried before it is chosen.

    Args:
        allow_unsafe: Where CPython cannot be isolated, run it without isolation; every outcome then says ``unsafe``.
        patience: See :class:`EscalatingSandbox`.

    Returns:
        monty and bubblewrap, or the one of them that works (monty alone leaves much ``unsupported``).

    Raises:
        SandboxUnavailable: Neither works and ``allow_unsafe`` is false; the message says why, for each.
    """
    working: list[Sandbox] = []
    refused: list[str] = []
    for sandbox in (MontySandbox(), BubblewrapSandbox()):
        try:
            await sandbox.warm()
            working.append(sandbox)
        except SandboxUnavailable as error:
            await sandbox.aclose()
            refused.append(str(error))
    if allow_unsafe and not any(sandbox.capabilities().level == "full" for sandbox in working):
        working.append(UnsafeSandbox())
    if not working:
        raise SandboxUnavailable(
            f"no isolation works here, so no program is run ({'; '.join(refused)}). "
            "allow_unsafe=True runs programs without isolation"
        )
    return EscalatingSandbox(working, patience=patience)
