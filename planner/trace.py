"""Traces: append-only JSONL of events, flushed line by line, so that nothing is lost when a run is cut off."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from pydantic import ValidationError

from .errors import TraceError
from .events import EVENTS, SCHEMA_VERSION, Event, RunStarted

TIME_FIELDS = frozenset({"t", "seconds", "verifier_seconds"})
"""Names of the fields that hold times; they alone may differ between equal runs."""
KEPT_AS_THEY_ARE = frozenset({"budget", "settings", "terms"})
"""Mappings whose keys are caps, settings or verifiers, which may be called like a time and are none."""


class TraceWriter:
    """Appends events to a file as they happen.

    Args:
        path: Where to write; parent folders are made.
        clock: Seconds since the start of the run, stamped on every event.

    Raises:
        TraceError: The file exists already (a trace is never overwritten) or cannot be made.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.path = Path(path)
        self._clock = clock
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[str] = self.path.open("x", encoding="utf-8")
        except OSError as error:
            if isinstance(error, FileExistsError) and self.path.exists():
                told = f"{self.path} exists; a trace is never overwritten, choose another name"
            else:  # a folder on the way is a file, or may not be written
                told = f"cannot write the trace {self.path}: {error}"
            raise TraceError(told) from None

    def write(self, event: Event) -> None:
        """Writes one event and flushes it."""
        stamped = event.model_copy(update={"t": round(self._clock(), 6)}) if event.t == 0.0 else event
        self._file.write(to_line(stamped) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Closes the file; writing afterwards is an error."""
        self._file.close()

    def __enter__(self) -> TraceWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()


def to_line(event: Event) -> str:
    """An event as one line of JSON with sorted keys."""
    return json.dumps(event.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def read_trace(path: str | Path) -> Iterator[Event]:
    """The events of a trace, in order. A last line that was cut off in the middle is left out.

    Raises:
        TraceError: Not a trace, an unknown schema version, or a broken line before the last (its number is named).
    """
    try:
        lines = Path(path).read_bytes().split(b"\n")
    except OSError as error:
        raise TraceError(f"cannot read the trace {path}: {error}") from None
    filled = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    if not filled:
        raise TraceError(f"{path} is empty")
    for index, (number, line) in enumerate(filled):
        try:
            raw = json.loads(line.decode("utf-8"))
        except ValueError as error:  # not UTF-8 (perhaps cut within a character) or not JSON
            if index == len(filled) - 1 and index > 0:
                return
            raise TraceError(f"{path}, line {number}: not an event: {str(error)[:300]}") from None
        if index == 0:
            _check_header(path, raw)
        try:
            event = EVENTS.validate_python(raw)
        except ValidationError as error:
            raise TraceError(f"{path}, line {number}: not an event: {str(error)[:300]}") from None
        yield event


def _check_header(path: str | Path, raw: Any) -> None:
    if not isinstance(raw, dict) or raw.get("kind") != "run_started":
        raise TraceError(f"{path} does not start with a run_started event: not a planneal trace")
    version = raw.get("schema_version")
    if version != SCHEMA_VERSION:
        raise TraceError(f"{path} has schema version {version}; this planneal reads version {SCHEMA_VERSION}")


def header(events: Iterable[Event]) -> RunStarted:
    """The first event of a trace.

    Raises:
        TraceError: There is none.
    """
    for event in events:
        if isinstance(event, RunStarted):
            return event
        break
    raise TraceError("the trace does not start with a run_started event")


def masked(event: Event) -> str:
    """The event's line with every time field set to zero: what equal runs have in common."""
    return json.dumps(_mask(event.model_dump(mode="json")), sort_keys=True, ensure_ascii=False)


def _mask(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        if name in KEPT_AS_THEY_ARE:
            return value
        return {k: (0.0 if k in TIME_FIELDS and _is_number(v) else _mask(v, k)) for k, v in value.items()}
    if isinstance(value, list):
        return [_mask(entry, name) for entry in value]
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
