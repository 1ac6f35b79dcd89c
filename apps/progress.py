"""How far a long run is: a bar with the time left on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from .screen import Level, Screen

__all__ = ["Progress"]

_LINES = 10
"""Lines of a whole run where there is no terminal."""


class Progress:
    """A context manager around a run.

    Args:
        screen: Where it is shown.
        clock: Seconds.
        what: What is counted, in the plural.
    """

    def __init__(self, screen: Screen, clock: Callable[[], float], what: str = "attempts") -> None:
        self._screen = screen
        self._what = what
        self._clock = clock
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._first: tuple[int, float] | None = None
        self._told = 0

    def __enter__(self) -> Self:
        if self._screen.err.is_terminal and self._screen.level > Level.QUIET:
            self._screen.still()
            columns = (
                TextColumn(self._what),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
            )
            # Attempts differ in length a hundredfold: the time left is told from the last minutes, not seconds.
            self._bar = Bar(*columns, console=self._screen.err, speed_estimate_period=600.0)
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int, cells: int) -> None:
        """So many attempts are there, of so many."""
        if self._first is None:
            self._first = done, self._clock()
            self._told = _LINES * done // max(1, cells)
        if self._bar is not None:
            if self._task is None:
                self._task = self._bar.add_task("", total=cells, completed=done)
            self._bar.update(self._task, completed=done)
        elif _LINES * done // max(1, cells) > self._told:
            self._told = _LINES * done // cells
            self._screen.say(f"{done} of {cells} {self._what}, {self._left(done, cells)}")

    def _left(self, done: int, cells: int) -> str:
        assert self._first is not None
        before, started = self._first
        seconds = (self._clock() - started) / max(1, done - before) * (cells - done)
        return f"about {round(seconds / 60)} min left" if seconds >= 90 else f"about {round(seconds)} s left"
