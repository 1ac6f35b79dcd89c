"""Merging concurrent requests into batches for a model that is only fast on many rows at once.

Chains ask one at a time; a local model is many times faster when it answers them together. :class:`Batcher`
holds what arrives within a short window, hands it over as one list in a worker thread, and gives each waiter its
own result. A job that takes longer than its company is handed over again, beside what has arrived since, so that
nobody waits for the slowest and no place of a batch stays empty. It knows nothing of models.

It keeps no task and no thread of its own: a batch runs in the default executor of the event loop that asked, which
``asyncio.run`` shuts down, and state is kept per event loop, so one batcher serves several ``asyncio.run`` calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakKeyDictionary


class Job(Protocol):
    """What a batcher needs to know of a piece of work.

    Attributes:
        rows: How many rows of the batch it takes, or still takes.
        abandoned: Set (from the event loop's thread) once nobody waits for the result any more.
    """

    abandoned: bool

    @property
    def rows(self) -> int:
        """How many rows of the batch the job takes."""
        ...


class Unfinished:
    """The type of :data:`UNFINISHED`."""


UNFINISHED: Final = Unfinished()
"""The result of a job that is to be handed over again."""

JobT = TypeVar("JobT", bound=Job)
ResultT = TypeVar("ResultT")


@dataclass
class _Queue(Generic[JobT, ResultT]):
    """What waits on one event loop."""

    waiting: list[tuple[JobT, asyncio.Future[ResultT]]] = field(default_factory=list)
    timer: asyncio.TimerHandle | None = None
    busy: bool = False

    @property
    def rows(self) -> int:
        return sum(job.rows for job, _ in self.waiting)


class Batcher(Generic[JobT, ResultT]):
    """Runs jobs together.

    Args:
        run: Answers a batch: one result per job, in order, at least one of them no :data:`UNFINISHED`; an exception
            is the answer of every job of that batch. Called in a worker thread, never twice at the same time.
        max_rows: A batch is started at once when this many rows wait, and takes no more (but always one job).
        window: Seconds to wait for company, from the first job that arrives while the model is idle, and again
            after each batch, because chains that were just answered soon ask again.
    """

    def __init__(
        self,
        run: Callable[[Sequence[JobT]], Sequence[ResultT | Unfinished]],
        *,
        max_rows: int = 64,
        window: float = 0.002,
    ) -> None:
        self._run = run
        self.max_rows = max_rows
        self.window = window
        # The lock is for the rare case of two event loops in two threads; within one loop `busy` suffices.
        self._lock = threading.Lock()
        self._queues: WeakKeyDictionary[asyncio.AbstractEventLoop, _Queue[JobT, ResultT]] = WeakKeyDictionary()

    async def submit(self, job: JobT) -> ResultT:
        """The result of ``job``, computed together with whatever else is asked at the time.

        A cancelled waiter marks its job abandoned and leaves the rest of the batch alone.

        Raises:
            BatchFailed: ``run`` raised for the batch that held this job; its error is the cause.
        """
        loop = asyncio.get_running_loop()
        queue = self._queue(loop)
        future: asyncio.Future[ResultT] = loop.create_future()
        queue.waiting.append((job, future))
        self._schedule(loop, queue)
        try:
            return await future
        except asyncio.CancelledError:
            job.abandoned = True
            raise

    def _queue(self, loop: asyncio.AbstractEventLoop) -> _Queue[JobT, ResultT]:
        queue = self._queues.get(loop)
        if queue is None:
            # A run that was cut off may have left jobs behind, and they would keep their closed loop alive.
            for closed in [other for other in self._queues if other.is_closed()]:
                del self._queues[closed]
            queue = self._queues[loop] = _Queue()
        return queue

    def _schedule(self, loop: asyncio.AbstractEventLoop, queue: _Queue[JobT, ResultT]) -> None:
        if queue.busy or not queue.waiting:
            return
        if queue.rows >= self.max_rows:
            self._start(loop, queue)
        elif queue.timer is None:
            queue.timer = loop.call_later(self.window, self._start, loop, queue)

    def _start(self, loop: asyncio.AbstractEventLoop, queue: _Queue[JobT, ResultT]) -> None:
        if queue.timer is not None:
            queue.timer.cancel()
            queue.timer = None
        batch = self._take(queue)
        if queue.busy or not batch:
            return
        queue.busy = True
        jobs = [job for job, _ in batch]
        try:
            running = loop.run_in_executor(None, self._locked_run, jobs)
        except RuntimeError as exc:  # the loop is shutting down and takes no more work
            queue.busy = False
            for _, future in batch:
                future.set_exception(BatchFailed(exc))
            return

        def finish(done: asyncio.Future[list[ResultT | Unfinished]]) -> None:
            queue.busy = False
            queue.waiting[:0] = _deliver(batch, done)
            self._schedule(loop, queue)

        running.add_done_callback(finish)

    def _take(self, queue: _Queue[JobT, ResultT]) -> list[tuple[JobT, asyncio.Future[ResultT]]]:
        """Moves the next batch out of the queue: whole jobs in order, cancelled ones dropped."""
        queue.waiting = [(job, future) for job, future in queue.waiting if not future.done()]
        taken, rows = 0, 0
        while taken < len(queue.waiting):
            rows += queue.waiting[taken][0].rows
            if taken and rows > self.max_rows:
                break
            taken += 1
        batch, queue.waiting = queue.waiting[:taken], queue.waiting[taken:]
        return batch

    def _locked_run(self, jobs: Sequence[JobT]) -> list[ResultT | Unfinished]:
        with self._lock:
            results = list(self._run(jobs))
        if len(results) != len(jobs):
            raise RuntimeError(f"a batch of {len(jobs)} jobs gave {len(results)} results")
        if all(isinstance(result, Unfinished) for result in results):
            raise RuntimeError(f"a batch of {len(jobs)} jobs finished none of them and would run forever")
        return results


def _deliver(
    batch: Sequence[tuple[JobT, asyncio.Future[ResultT]]], done: asyncio.Future[list[ResultT | Unfinished]]
) -> list[tuple[JobT, asyncio.Future[ResultT]]]:
    """Gives each waiter that is still there its result, or an error of its own; returns what is not finished."""
    if done.cancelled():
        for _, future in batch:
            future.cancel()
        return []
    error = done.exception()
    if error is not None:
        for _, future in batch:
            if not future.done():
                future.set_exception(BatchFailed(error))
        return []
    unfinished = []
    for (job, future), result in zip(batch, done.result(), strict=True):
        if isinstance(result, Unfinished):
            unfinished.append((job, future))
        elif not future.done():
            future.set_result(result)
    return unfinished


class BatchFailed(Exception):  # noqa: N818 - internal carrier, unwrapped by the backend
    """Carries one batch's failure to one waiter, so that no traceback is shared between them."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(str(error))
        self.__cause__ = error
