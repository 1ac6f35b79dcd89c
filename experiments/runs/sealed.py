"""Gold in a process of its own: problems are drawn and answers are graded there, public problems and marks come back.

The process that runs methods never holds a gold answer, so there is nothing in it to be found, by whatever way.
The child ends with its parent, however that ends; a child that dies is started again and asked again.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable
from functools import lru_cache
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Self

from ...planner.errors import RunError
from ..families.base import PublicProblem
from ..families.grade import Grade
from .records import ProblemRow
from .sources import Source

__all__ = ["Grader", "Sealed"]

_MOST_DEATHS = 3
"""Deaths of the child without an answer between them, after which it is not started again."""


class Sealed:
    """The parent's side. An async context manager.

    Args:
        source: Where the problems come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._waiting: dict[int, tuple[tuple[Any, ...], asyncio.Future[Any]]] = {}
        self._number = 0
        self._deaths = 0
        self._closing = False
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        process, connection = self._process, self._connection
        assert process is not None
        assert connection is not None
        self._send(connection, None)
        await asyncio.to_thread(process.join, 5.0)
        if process.is_alive():
            process.kill()
            process.join()
        await asyncio.to_thread(self._reader.join)
        connection.close()
        process.close()

    async def problems(self, count: int) -> list[tuple[ProblemRow, PublicProblem]]:
        """The first public problems, with the rows that the run's file keeps of them."""
        found: list[tuple[ProblemRow, PublicProblem]] = await self._ask("problems", count)
        return found

    async def grade(self, index: int, said: str | None, plan: str | None, draft: str | None) -> Grade:
        """Grades what a method made of a problem.

        Raises:
            SandboxUnavailable: Nothing here can run the answer.
            RunError: The grader failed.
        """
        found: Grade = await self._ask("grade", index, said, plan, draft)
        return found

    async def gold_plan(self, index: int) -> str:
        """The gold plan, for ceilings alone."""
        found: str = await self._ask("gold_plan", index)
        return found

    async def _ask(self, *question: Any) -> Any:
        assert self._connection is not None
        self._number += 1
        future: asyncio.Future[Any] = self._loop.create_future()
        self._waiting[self._number] = question, future
        self._send(self._connection, (self._number, question))
        return await future

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy whatever threads and locks a model has
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._source), daemon=True, name="planneal-sealed")
        self._process.start()
        theirs.close()
        self._reader = threading.Thread(target=self._read, args=(self._connection,), daemon=True)
        self._reader.start()

    @staticmethod
    def _send(connection: Connection, message: object) -> None:
        with contextlib.suppress(OSError):  # the reader sees the death and asks again
            connection.send(message)

    def _read(self, connection: Connection) -> None:
        tell: Callable[..., object] = self._loop.call_soon_threadsafe
        try:
            while True:
                tell(self._answered, *connection.recv())
        except (EOFError, OSError):
            pass
        except RuntimeError:
            return  # the loop is closed: nobody waits any more
        try:
            tell(self._ended)
        except RuntimeError:
            return

    def _answered(self, number: int, answer: Any, error: BaseException | None) -> None:
        self._deaths = 0
        _, future = self._waiting.pop(number)
        if future.done():
            return
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)

    def _ended(self) -> None:
        """Starts the child again and repeats what it had not answered."""
        if self._closing:
            return
        self._deaths += 1
        if self._deaths >= _MOST_DEATHS:
            for _, future in self._waiting.values():
                if not future.done():
                    future.set_exception(RunError("the grading process died again and again; is there memory enough?"))
            self._waiting.clear()
            return
        self._start()
        assert self._connection is not None
        for number, (question, _) in list(self._waiting.items()):
            self._send(self._connection, (number, question))


class Grader:
    """The child's side: answers the questions that a :class:`Sealed` asks.

    Args:
        source: Where the problems come from.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._problem = lru_cache(maxsize=256)(source.problem)

    async def answer(self, question: tuple[Any, ...]) -> Any:
        """The answer to a question: its name and its arguments."""
        match question:
            case ("problems", count):
                publics = [self._problem(index).public for index in range(count)]
                return [(self._source.row(index, public), public) for index, public in enumerate(publics)]
            case ("grade", index, said, plan, draft):
                return await self._source.grade(self._problem(index), said, plan, draft)
            case ("gold_plan", index):
                return self._problem(index).gold.plan
        raise RunError(f"nobody here knows how to {question[0]}")


def _serve(connection: Connection, source: Source) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when work ends
    asyncio.run(_serving(connection, Grader(source)))


async def _serving(connection: Connection, grader: Grader) -> None:
    tasks: set[asyncio.Task[None]] = set()

    async def one(number: int, question: tuple[Any, ...]) -> None:
        reply: tuple[int, Any, Exception | None]
        try:
            reply = number, await grader.answer(question), None
        except Exception as error:  # told to whoever asked
            reply = number, None, _portable(error)
        connection.send(reply)

    while True:
        try:
            message = await asyncio.to_thread(connection.recv)
        except (EOFError, OSError):
            break  # the parent is gone
        if message is None:
            break
        task = asyncio.create_task(one(*message))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    for task in tasks:
        task.cancel()


def _portable(error: Exception) -> Exception:
    """An error as it can be sent: planneal's own as they are, others by their words."""
    if type(error).__module__.startswith("planneal."):
        return error.with_traceback(None)
    return RunError(f"grading failed: {type(error).__name__}: {error}")
