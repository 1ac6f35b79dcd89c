"""Where a command writes: an answer or JSON to standard output, progress and notes to standard error.

On a terminal progress is one live line with coloured lines above it; elsewhere it is plain text of at most
:data:`WIDTH` columns without box drawing. What a language model wrote is never markup and never a control sequence.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import sys
from collections.abc import Mapping
from enum import IntEnum
from types import TracebackType
from typing import Any

from rich.box import MARKDOWN, SIMPLE_HEAD, Box
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

WIDTH = 100
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with control, direction and surrogate characters written out as escapes."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class Level(IntEnum):
    """How much is told on standard error."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2


def console(*, stderr: bool = False) -> Console:
    """A console of at most :data:`WIDTH` columns that takes text as text."""
    width = min(WIDTH, max(20, shutil.get_terminal_size((WIDTH, 24)).columns))
    return Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)


def put(out: Console, text: str, style: str = "", indent: int = 0) -> None:
    """Prints text, wrapped within its indent."""
    body = Text(clean(text), style=style if out.is_terminal else "")
    for line in body.wrap(out, max(10, out.width - indent)):
        line.rstrip()
        out.print(Text(" " * indent) + line, soft_wrap=True)


def table(out: Console, *columns: str, right: tuple[str, ...] = ()) -> Table:
    """An empty table with these columns; a Markdown table where the console is not a terminal."""
    box: Box = SIMPLE_HEAD if out.is_terminal and out.encoding.startswith("utf") else MARKDOWN
    made = Table(box=box, header_style="bold" if out.is_terminal else "")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def row(made: Table, *cells: str) -> None:
    """Adds a row of plain text."""
    made.add_row(*(Text(clean(cell)) for cell in cells))


def put_table(out: Console, made: Table) -> None:
    """Prints a table, without the blank lines and blank ends that plain ones come with."""
    if out.is_terminal:
        out.print(made)
        return
    with out.capture() as captured:
        out.print(made)
    for line in captured.get().splitlines():
        if line.strip():
            out.print(line.rstrip(), soft_wrap=True)


def write_out(text: str) -> None:
    """Writes text and a line end to standard output, whatever its encoding can hold."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()


def write_json(value: Mapping[str, Any]) -> None:
    """Writes one JSON object on one line of ASCII to standard output."""
    write_out(json.dumps(value, ensure_ascii=True, allow_nan=False))


class Screen:
    """Standard error of one command.

    Args:
        level: How much is told.

    Open it as a context manager: it then shows a live line on a terminal, and the library's warnings.
    """

    def __init__(self, level: Level = Level.NORMAL) -> None:
        self.level = level
        self.err = console(stderr=True)
        self._status: Status | None = None
        self._handler = _Warnings(self)

    def __enter__(self) -> Screen:
        logging.getLogger("planneal").addHandler(self._handler)
        if self.err.is_terminal and self.level > Level.QUIET:
            self._status = self.err.status(Text("starting"))
            self._status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        logging.getLogger("planneal").removeHandler(self._handler)
        if self._status is not None:
            self._status.stop()
            self._status = None

    def status(self, text: str) -> None:
        """Replaces the live line; nothing where there is none."""
        if self._status is not None:
            self._status.update(Text(clean(text)))

    def still(self) -> None:
        """Takes the live line away, for something else that is live."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def say(self, text: str, *, style: str = "", indent: int = 0, level: Level = Level.NORMAL) -> None:
        """Prints a line where the level is high enough."""
        if self.level >= level:
            put(self.err, text, style, indent)


class _Warnings(logging.Handler):
    """Shows what the library logs, in step with the live line."""

    def __init__(self, screen: Screen) -> None:
        super().__init__(logging.WARNING)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.say(f"warning: {record.getMessage()}", style="yellow")
