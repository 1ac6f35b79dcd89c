"""One writer a run: two commands on one folder would pay for the same cells twice."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ...planner.errors import RunError

__all__ = ["WriterLock"]

_FILE = "writer.lock"


class WriterLock:
    """Held by the process that writes to a run; the system lets go of it however that process ends.

    It is an exclusive transaction on an empty SQLite file of its own, which locks alike on every system, survives no
    ``kill -9``, and leaves the run's own file free for readers.

    Args:
        folder: The run's folder.

    Raises:
        RunError: Another process holds it, or the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _FILE
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=0.0, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = MEMORY")  # nothing is ever written: no journal file either
            self._db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise RunError(f"cannot write in {folder}: {error}") from None
            raise RunError(f"another process is writing to the run in {folder}; wait for it, or end it") from None

    def release(self) -> None:
        """Lets others write."""
        self._db.close()
