"""Lets the hostile programs loose on a sandbox and reports, for each, what held."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from ...planner.errors import SandboxUnavailable
from .attack import Attack
from .attacks import ATTACKS
from .base import Call, Job, Limits, Outcome, Sandbox
from .scene import Scene

LIMITS = Limits(wall_seconds=2.0, cpu_seconds=1.0, memory_bytes=256 * 2**20)
"""What a hostile program may use."""

_SETTLING = ("orphaned grandchild", "exec of a shell", "udp to loopback", "signal a process outside")
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True)
class Finding:
    """What became of one hostile program.

    Attributes:
        attack: The program.
        breaches: What it reached; empty if everything held.
        outcome: How its run ended.
        seconds: Wall-clock seconds of its run, start of the child included.
        late: Whether it ran past its limit by more than the grace.
    """

    attack: Attack
    breaches: tuple[str, ...]
    outcome: Outcome
    seconds: float
    late: bool

    @property
    def held(self) -> bool:
        """Whether nothing outside was reached and the run ended in time."""
        return not self.breaches and not self.late


async def let_loose(
    sandbox: Sandbox,
    attacks: Sequence[Attack] = ATTACKS,
    *,
    limits: Limits = LIMITS,
    grace: float = 3.0,
    clock: Callable[[], float] = time.perf_counter,
) -> AsyncIterator[Finding]:
    """Runs hostile programs one after the other, and after each looks at what is outside.

    Args:
        sandbox: What must hold. One without isolation gets only those that do no lasting harm.
        attacks: The programs.
        limits: For each run.
        grace: Seconds past the wall-clock limit that count as in time (a child may have to be started).
        clock: Seconds.

    Yields:
        One finding for each program that was run.

    Raises:
        SandboxUnavailable: The sandbox does not work here.
    """
    unsafe = sandbox.capabilities().level == "none"
    with Scene() as scene:
        for attack in attacks:
            if unsafe and not attack.control:
                continue
            scene.reset()
            started = clock()
            outcomes = [await sandbox.run(Job(attack.source, (Call("attack", (scene.where(),)),), limits=limits))]
            seconds = clock() - started
            if attack.then:
                outcomes.append(await sandbox.run(Job(attack.then, (Call("attack", (scene.where(),)),), limits=limits)))
            found = scene.breaches(outcomes, settle=_SETTLE_SECONDS if attack.name in _SETTLING else 0.0)
            yield Finding(attack, tuple(found), outcomes[0], seconds, seconds > limits.wall_seconds + grace)


async def works(sandbox: Sandbox) -> str:
    """Why the sandbox does not work here; empty if it does. A sandbox that holds because nothing runs holds nothing."""
    try:
        outcome = await sandbox.run(Job("def twice(x):\n    return 2 * x\n", (Call("twice", (21,)),)))
    except SandboxUnavailable as error:
        return str(error)
    right = outcome.status == "ok" and outcome.results[0].value == 42
    return "" if right else f"a plain program got {outcome.status}: {outcome.reason}"
