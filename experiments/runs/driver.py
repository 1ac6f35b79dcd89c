"""Drives a run: what is missing of it goes to the engine, what comes back is graded and written, cell by cell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..families.base import PublicProblem
from .arguments import Arguments
from .bench import Raw
from .engine import Engine
from .records import Attempt, Cell, ProblemRow
from .registry import wants_gold
from .sealed import Sealed
from .sources import Source
from .store import Store
from .work import Job

__all__ = ["Stopping", "Summary", "run"]


class Stopping:
    """Asks a run to end: what is under way is finished, nothing more is begun."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self) -> None:
        """Asks."""
        self.asked = True


@dataclass(frozen=True)
class Summary:
    """How a run stands.

    Attributes:
        folder: Its folder.
        cells: How many cells it has.
        done: How many of them are filled.
        added: How many of those were filled now.
        miscounted: Attempts whose ledger is not what the model counted.
        overspent: Attempts that passed their budget.
    """

    folder: Path
    cells: int
    done: int
    added: int
    miscounted: int = 0
    overspent: int = 0


Told = Callable[[int, int, Attempt | None], None]
"""Called with the cells done, all cells, and the attempt that was just written (None at the beginning)."""


async def run(
    arguments: Arguments,
    folder: str | Path,
    engine: Engine,
    *,
    told: Told = lambda done, cells, attempt: None,
    stopping: Stopping | None = None,
    seal: Callable[[Source], Sealed] = Sealed,
) -> Summary:
    """Runs a comparison, or what is missing of it.

    Args:
        arguments: What it is.
        folder: The run's folder; a new one, or one of the same arguments.
        engine: What runs the cells; it is started and closed here.
        told: Hears of every attempt.
        stopping: Asked to end early.
        seal: Puts what knows the gold out of reach.

    Raises:
        RunError: The folder holds another run, or somebody else writes to it.
        PlannealError: What ended the run; all that was finished is in the file, and running it again goes on.
    """
    stopping = stopping or Stopping()
    async with engine, seal(arguments.source()) as sealed:
        problems = await sealed.problems(arguments.problems)
        rows = [row for row, _ in problems]
        meta = arguments.meta(rows, await engine.start())
        with _opened(folder, meta, rows) as store:
            return await _Driver(arguments, problems, engine, sealed, store, told, stopping).run()


def _opened(folder: str | Path, meta: dict[str, str], rows: list[ProblemRow]) -> Store:
    if not Store.exists(folder):
        return Store.create(folder, meta, rows)
    store = Store.open(folder, write=True)
    try:
        store.agree(meta)
    except BaseException:
        store.close()
        raise
    return store


class _Driver:
    def __init__(
        self,
        arguments: Arguments,
        problems: list[tuple[ProblemRow, PublicProblem]],
        engine: Engine,
        sealed: Sealed,
        store: Store,
        told: Told,
        stopping: Stopping,
    ) -> None:
        self._jobs = arguments.jobs([row for row, _ in problems])
        self._problems, self._engine, self._sealed = problems, engine, sealed
        self._store, self._told, self._stopping = store, told, stopping
        self._wants_gold = {name for name in arguments.methods if wants_gold(name)}
        self._done = store.done()
        self._before = len(self._done)

    async def run(self) -> Summary:
        self._told(len(self._done), len(self._jobs), None)
        left = iter([job for job in self._jobs if job.cell not in self._done])
        pending: set[asyncio.Task[None]] = set()
        failure: BaseException | None = None
        try:
            while True:
                while failure is None and not self._stopping.asked and len(pending) < self._engine.width:
                    job = next(left, None)
                    if job is None:
                        break
                    pending.add(asyncio.create_task(self._one(job)))
                if not pending:
                    break
                finished, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                failure = next(iter(_failures(finished)), failure)
        finally:  # cancelled from outside: nothing is left running behind
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        if failure is not None:
            raise failure
        return self._summary()

    async def _one(self, job: Job) -> None:
        row, public = self._problems[job.index]
        gold = await self._sealed.gold_plan(job.index) if job.cell.method in self._wants_gold else None
        raw = await self._engine.answer(job, public, gold)
        attempt = await self._graded(job, row, raw)
        self._store.add(attempt)
        self._done.add(job.cell)
        self._told(len(self._done), len(self._jobs), attempt)

    async def _graded(self, job: Job, row: ProblemRow, raw: Raw) -> Attempt:
        said = raw.answered["value"] if raw.answered["text"] is None else raw.answered["text"]
        grade = await self._sealed.grade(job.index, said, raw.answered["plan"], raw.answered["draft"])
        return Attempt(
            **job.cell._asdict(),
            **raw.answered,
            family=row.family,
            level=row.level,
            size=row.size,
            right=grade.right,
            plan_right=grade.plan_right,
            draft_right=grade.draft_right,
            seconds=raw.seconds,
            ledger=raw.ledger,
            events=raw.events,
        )

    def _summary(self) -> Summary:
        cells: set[Cell] = {job.cell for job in self._jobs}
        notes = [attempt.notes for attempt in self._store.attempts(events=False)]
        return Summary(
            self._store.folder,
            len(cells),
            len(self._done & cells),
            len(self._done) - self._before,
            sum("miscounted" in note for note in notes),
            sum("overspent" in note for note in notes),
        )


def _failures(finished: set[asyncio.Task[None]]) -> list[BaseException]:
    """What failed; all are looked at, or asyncio complains of those that nobody did."""
    return [error for task in finished if (error := task.exception()) is not None]
