"""What a comparison has done so far: one SQLite file in the run's folder, which any tool that reads SQLite can open.

An attempt (one method on one problem at one budget with one seed) is written in one transaction with its ledger, its
events and its grade: a process that is killed leaves whole attempts and nothing else. No table holds a gold answer: an
attempt's row keeps whether it was right, found by whoever stored it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ...planner.errors import RunError
from ...planner.ledger import Role, Usage
from .records import Attempt, Cell, ProblemRow, canonical, timeless
from .schema import DDL, FILE, SCHEMA
from .writing import WriterLock

__all__ = ["Attempt", "Cell", "ProblemRow", "Store", "canonical"]


_FILTERS = ("problem", "family", "level", "size", "method", "budget", "seed", "stop", "right")
_OF_PROBLEM = ("family", "level", "size")
_ROW = tuple(name for name in Attempt.__dataclass_fields__ if name not in ("ledger", "events"))
_OWN = ("value", "text", "plan", "draft", "stop")
_USAGE = tuple(Usage.model_fields)


class Store:
    """The file of a run. Made by :meth:`create` or :meth:`open`; a context manager that closes it.

    Only one process may write at a time; any number may read meanwhile.

    Args:
        folder: The run's folder.
        connection: The open database.
        lock: Held while this store may write, None where it only reads.
    """

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: WriterLock | None) -> None:
        self.folder = folder
        self._db = connection
        self._lock = lock

    @classmethod
    def create(cls, folder: str | Path, meta: Mapping[str, str], problems: Iterable[ProblemRow]) -> Self:
        """A new run.

        Args:
            folder: The run's folder; made if it is not there.
            meta: What the run is: at least ``arguments`` (canonical JSON) and ``version``.
            problems: Its problems, in order.

        Raises:
            RunError: There is a run already, or the folder cannot be written.
        """
        path = Path(folder)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"cannot make the folder {path}: {error.strerror or error}") from None
        lock = WriterLock(path)
        try:
            if _has_schema(path / FILE):
                raise RunError(f"{path / FILE} holds a run already; open it to go on, or give another folder")
            db = _connect(path / FILE, write=True)
            # Tables, meta and problems in one transaction: a run is there as a whole or not at all.
            with _transaction(db):
                for statement in DDL:
                    db.execute(statement)
                rows = {**meta, "schema": str(SCHEMA)}
                db.executemany("INSERT INTO meta VALUES (?, ?)", sorted(rows.items()))
                db.executemany("INSERT INTO problems VALUES (?, ?, ?, ?, ?, ?)", problems)
        except sqlite3.Error as error:
            lock.release()
            raise RunError(f"cannot make a run in {path}: {error}") from None
        except BaseException:
            lock.release()
            raise
        return cls(path, db, lock)

    @classmethod
    def open(cls, folder: str | Path, *, write: bool = False) -> Self:
        """A run that is there.

        Args:
            folder: The run's folder, or its file.
            write: Whether attempts are to be added.

        Raises:
            RunError: There is none, it is of another schema or not a run, or another process is writing to it.
        """
        path = Path(folder)
        path = path.parent if path.name == FILE else path
        if not (path / FILE).is_file():
            raise RunError(f"no run in {path}: there is no {FILE}; start one with planneal compare --out {path}")
        lock = WriterLock(path) if write else None
        try:
            db = _connect(path / FILE, write=write)
            _check_schema(db, path)
        except sqlite3.Error as error:
            if lock is not None:
                lock.release()
            raise RunError(f"{path / FILE} cannot be read as a run ({error}); give another folder") from None
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        return cls(path, db, lock)

    @staticmethod
    def exists(folder: str | Path) -> bool:
        """Whether a folder holds a run; one that was killed before its first transaction ended holds none."""
        return _has_schema(Path(folder) / FILE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file and lets others write.

        A file that nobody else has open is left without a journal beside it, so that it can be read and copied alone.
        """
        if self._lock is not None:
            with contextlib.suppress(sqlite3.Error):  # somebody reads it, or it was closed before
                self._db.execute("PRAGMA journal_mode = DELETE")
        self._db.close()
        if self._lock is not None:
            self._lock.release()

    @property
    def meta(self) -> dict[str, str]:
        """What the run is."""
        return dict(self._db.execute("SELECT key, value FROM meta ORDER BY key").fetchall())

    def problems(self) -> list[ProblemRow]:
        """The run's problems, in order."""
        return [ProblemRow(*row) for row in self._db.execute("SELECT * FROM problems ORDER BY rowid")]

    def done(self) -> set[Cell]:
        """The cells that hold an attempt."""
        return {Cell(*row) for row in self._db.execute("SELECT problem, method, budget, seed FROM attempts")}

    def agree(self, meta: Mapping[str, str]) -> None:
        """Makes sure that this is a run of the same thing.

        Args:
            meta: What is about to be run, as for :meth:`create`.

        Raises:
            RunError: Something differs; says what, and how it was.
        """
        here = self.meta
        was, now = _flat(here), _flat({**meta, "schema": here["schema"]})
        told = [
            f"{name} was {_short(was.get(name))} and is {_short(now.get(name))}"
            for name in sorted({*was, *now})
            if was.get(name) != now.get(name)
        ]
        if told:
            raise RunError(
                f"{self.folder} holds a run of something else: {'; '.join(told)}. Give the same arguments to resume "
                "it, or another folder for a new run"
            )

    def add(self, attempt: Attempt) -> None:
        """Writes one attempt with its ledger and events: all of it or nothing.

        Raises:
            RunError: The cell holds an attempt already, its problem is not of this run, or the file takes nothing.
        """
        notes, events = canonical(dict(attempt.notes)), [canonical(dict(event)) for event in attempt.events]
        known = [attempt.problem, attempt.method, attempt.budget, attempt.seed]
        graded = [notes, attempt.right, attempt.plan_right, attempt.draft_right, attempt.seconds]
        row = [*known, *(_storable(getattr(attempt, name)) for name in _OWN), *graded]
        try:
            with _transaction(self._db):
                marks = ", ".join("?" * len(row))
                number = self._db.execute(f"INSERT INTO attempts VALUES (NULL, {marks})", row).lastrowid
                self._db.executemany(
                    f"INSERT INTO ledger VALUES (?, ?, {', '.join('?' * len(_USAGE))})",
                    [
                        (number, role, *(getattr(used, name) for name in _USAGE))
                        for role, used in attempt.ledger.items()
                    ],
                )
                self._db.executemany(
                    "INSERT INTO events VALUES (?, ?, ?)", [(number, n, event) for n, event in enumerate(events)]
                )
        except sqlite3.Error as error:
            raise RunError(f"{self.folder}: cannot add {attempt.cell}: {error}") from None

    def attempts(self, *, events: bool = True, **filters: Any) -> Iterator[Attempt]:
        """The attempts in a fixed order: by problem, method, budget and seed.

        Args:
            events: Whether their events are read too; they are most of the file.
            **filters: ``problem``, ``family``, ``level``, ``size``, ``method``, ``budget``, ``seed``, ``stop`` or
                ``right``: a value, or a collection of which one must fit.

        Raises:
            RunError: There is no such filter.
        """
        clause, values = _where(filters)
        columns = ", ".join(f"{'p' if name in _OF_PROBLEM else 'a'}.{name}" for name in _ROW)
        rows = self._db.execute(
            f"SELECT a.id, {columns} FROM attempts a JOIN problems p ON p.id = a.problem {clause} "
            "ORDER BY a.problem, a.method, a.budget, a.seed",
            values,
        )
        for number, *row in rows:
            yield self._attempt(number, row, events)

    def _attempt(self, number: int, row: list[Any], events: bool) -> Attempt:
        fields = dict(zip(_ROW, row, strict=True))
        for name in ("right", "plan_right", "draft_right"):
            fields[name] = None if fields[name] is None else bool(fields[name])
        told = self._db.execute("SELECT event FROM events WHERE attempt = ? ORDER BY n", (number,)) if events else ()
        fields["events"] = tuple(json.loads(event) for (event,) in told)
        return Attempt(**{**fields, "notes": json.loads(fields["notes"]), "ledger": self._ledger(number)})

    def _ledger(self, number: int) -> dict[Role, Usage]:
        columns = ", ".join(_USAGE)
        rows = self._db.execute(f"SELECT role, {columns} FROM ledger WHERE attempt = ? ORDER BY role", (number,))
        return {role: Usage.model_validate(dict(zip(_USAGE, row, strict=True))) for role, *row in rows}

    def export_results(self, path: str | Path) -> int:
        """Writes all that must be equal between two runs of the same thing, one canonical JSON object a line.

        Attempts stand in their fixed order; what a clock measured (``seconds``, ``verifier_seconds``) is left out,
        wherever it stands.

        Args:
            path: The file, written anew.

        Returns:
            How many attempts were written.
        """
        lines = 0
        with Path(path).open("w", encoding="ascii", newline="\n") as file:
            for lines, attempt in enumerate(self.attempts(), 1):  # noqa: B007 - the last one is the count
                row = {**attempt.__dict__, "ledger": {r: used.model_dump() for r, used in attempt.ledger.items()}}
                file.write(canonical(timeless(row)) + "\n")
        return lines


def _storable(text: str | None) -> str | None:
    """Text without halves of surrogate pairs, which an endpoint can send and no file can hold."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _connect(path: Path, *, write: bool) -> sqlite3.Connection:
    mode = "rwc" if write else "ro"
    # Transactions are opened by hand (isolation_level None), so that nothing is committed half-way.
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=30.0)
    db.execute("PRAGMA foreign_keys = ON")
    if write:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # an attempt costs seconds, its commit milliseconds: none is lost
    return db


class _transaction:  # noqa: N801 - used like a keyword
    """A transaction that takes the write lock at once and is rolled back by any exception."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._db.execute("COMMIT" if kind is None else "ROLLBACK")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _has_schema(file: Path) -> bool:
    if not file.is_file():
        return False
    try:
        db = _connect(file, write=False)
        try:
            found: int = db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]
            return found > 0
        finally:
            db.close()
    except sqlite3.Error:
        return True  # something is there that is no run: opening it tells


def _check_schema(db: sqlite3.Connection, folder: Path) -> None:
    row = db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    found = int(row[0]) if row is not None and str(row[0]).isdigit() else 0
    if found == SCHEMA:
        return
    advice = (
        "read it with the version of planneal that wrote it (see its meta table), or run the comparison anew in "
        "another folder"
        if found < SCHEMA
        else "update planneal"
    )
    raise RunError(f"the run in {folder} has schema {found}, this planneal reads {SCHEMA}; {advice}")


def _flat(meta: Mapping[str, str]) -> dict[str, object]:
    """Meta with the arguments one by one, so that a difference has a name."""
    rest: dict[str, object] = {key: value for key, value in meta.items() if key != "arguments"}
    loaded = json.loads(meta.get("arguments", "{}"))
    return {**rest, **{f"--{name.replace('_', '-')}": value for name, value in loaded.items()}}


def _short(value: object) -> str:
    text = "not given" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _where(filters: Mapping[str, Any]) -> tuple[str, list[Any]]:
    terms, values = [], []
    for name, wanted in filters.items():
        if name not in _FILTERS:
            raise RunError(f"attempts cannot be chosen by {name!r}; there are {', '.join(_FILTERS)}")
        several = isinstance(wanted, Collection) and not isinstance(wanted, str)
        these = list(wanted) if several else [wanted]
        column = f"{'p' if name in _OF_PROBLEM else 'a'}.{name}"
        terms.append(f"{column} IN ({', '.join('?' * len(these))})")
        values.extend(these)
    return (f"WHERE {' AND '.join(terms)}" if terms else ""), values
