"""A sandbox for those who have none at hand: it opens what a run needs, and closes it after the run."""

from __future__ import annotations

from ....planner.errors import SandboxUnavailable
from ....verifiers.sandbox.base import Capabilities, Job, Outcome, Sandbox
from ....verifiers.sandbox.monty import MontySandbox
from ....verifiers.sandbox.select import default_sandbox

__all__ = ["OpenedSandbox"]


class OpenedSandbox(Sandbox):
    """Runs each job in a sandbox of its own: monty, and what :func:`default_sandbox` finds where monty has no word.

    It holds nothing between runs, so it may be used in one event loop after another. Who has many programs to run
    opens one sandbox for all of them.
    """

    def capabilities(self) -> Capabilities:
        """What every sandbox that it may open keeps in."""
        return Capabilities("opened", True, True, True, True, True, "language")

    async def run(self, job: Job) -> Outcome:
        """Runs the job.

        Raises:
            SandboxUnavailable: No isolation works here; nothing was run.
        """
        try:
            async with MontySandbox(workers=1) as quick:
                outcome = await quick.run(job)
            if outcome.status in ("ok", "raised"):
                return outcome
        except SandboxUnavailable:
            pass  # what is installed may still do
        async with await default_sandbox() as sandbox:
            return await sandbox.run(job)

    async def confirm(self, job: Job, outcome: Outcome) -> Outcome:
        """What the strongest sandbox here says of the job."""
        async with await default_sandbox() as sandbox:
            return await sandbox.confirm(job, outcome)
