"""The tables of a run's file. A change to them is a new :data:`SCHEMA`, and older files are refused by name."""

from __future__ import annotations

__all__ = ["DDL", "FILE", "SCHEMA", "WALL"]

FILE = "run.sqlite"
"""Name of the file in the run's folder."""

SCHEMA = 1
"""Version of the tables."""

WALL = frozenset({"seconds", "verifier_seconds"})
"""Names of what a clock measures, in the ledger, in events and in notes: never equal between two runs."""

DDL = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE problems (
    id TEXT PRIMARY KEY, family TEXT NOT NULL, level TEXT NOT NULL, size INTEGER NOT NULL, seed INTEGER NOT NULL,
    public TEXT NOT NULL)""",
    """CREATE TABLE attempts (
    id INTEGER PRIMARY KEY, problem TEXT NOT NULL REFERENCES problems(id), method TEXT NOT NULL,
    budget INTEGER NOT NULL, seed INTEGER NOT NULL, value TEXT, text TEXT, plan TEXT, draft TEXT, stop TEXT NOT NULL,
    notes JSON NOT NULL, right INTEGER NOT NULL, plan_right INTEGER, draft_right INTEGER, seconds REAL NOT NULL,
    UNIQUE(problem, method, budget, seed))""",
    """CREATE TABLE ledger (
    attempt INTEGER NOT NULL REFERENCES attempts(id), role TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, cached_prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    rejected_tokens INTEGER NOT NULL, calls INTEGER NOT NULL, retries INTEGER NOT NULL,
    verifier_calls INTEGER NOT NULL, verifier_seconds REAL NOT NULL, seconds REAL NOT NULL, flops REAL NOT NULL,
    estimated INTEGER NOT NULL, PRIMARY KEY(attempt, role)) WITHOUT ROWID""",
    """CREATE TABLE events (
    attempt INTEGER NOT NULL REFERENCES attempts(id), n INTEGER NOT NULL, event JSON NOT NULL,
    PRIMARY KEY(attempt, n)) WITHOUT ROWID""",
)
"""The statements that make them. Nothing here has room for a gold answer."""
