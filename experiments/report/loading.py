"""Reads runs for a report: every attempt as a light row, and whole attempts of the primary method's highest budget."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...planner.ledger import Usage
from ..methods.registry import METHODS
from ..runs.arguments import kept_arguments
from ..runs.store import Attempt, ProblemRow, Store
from .records import RunFacts

__all__ = ["SEED", "Loaded", "Tried", "load", "stream"]

SEED = 20_261
"""Seed of every bootstrap and permutation of a report; each number has a stream of its own."""


def stream(*words: object) -> np.random.Generator:
    """The random stream of one number, the same whatever else is computed."""
    digest = hashlib.sha256("\0".join(map(str, words)).encode("utf-8", "backslashreplace")).digest()[:16]
    return np.random.default_rng([SEED, *np.frombuffer(digest, dtype="<u4").tolist()])


@dataclass(frozen=True)
class Tried:
    """An attempt without its texts. Fields as of :class:`~..runs.store.Attempt`.

    Attributes:
        spent: What it cost, all roles together.
        overspent: Whether it passed its budget.
        miscounted: Whether its ledger is not what the model counted.
        error: Name of the error that ended it, empty where none did.
    """

    problem: str
    family: str
    level: str
    size: int
    method: str
    budget: int
    seed: int
    right: bool
    plan_right: bool | None
    draft_right: bool | None
    seconds: float
    ledger: Mapping[str, Usage]
    spent: Usage
    overspent: bool
    miscounted: bool
    error: str

    @classmethod
    def of(cls, attempt: Attempt) -> Tried:
        """The light row of an attempt."""
        same = {name: getattr(attempt, name) for name in _SAME}
        error = attempt.stop if attempt.stop.endswith(("Error", "Exhausted", "Response")) else ""
        return cls(
            **same,
            ledger={str(role): used for role, used in attempt.ledger.items()},
            spent=attempt.spent,
            overspent="overspent" in attempt.notes,
            miscounted="miscounted" in attempt.notes,
            error=error or ("error" if "error" in attempt.notes else ""),
        )


_SAME = (
    "problem", "family", "level", "size", "method", "budget", "seed", "right", "plan_right", "draft_right", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A run as a report reads it.

    Attributes:
        facts: What the run is.
        folder: Its folder.
        rows: All attempts.
        searched: Whole attempts of the primary method at its highest budget, events included.
        questions: The question of each problem, by id.
    """

    facts: RunFacts
    folder: Path
    rows: tuple[Tried, ...]
    searched: tuple[Attempt, ...]
    questions: Mapping[str, str]


def load(folder: str | Path, primary: str) -> Loaded:
    """Reads a run.

    Args:
        folder: Its folder.
        primary: The method that is judged.

    Raises:
        RunError: There is none, or its file does not say what it is.
    """
    with Store.open(folder) as store:
        problems, meta = store.problems(), store.meta
        rows = tuple(Tried.of(attempt) for attempt in store.attempts(events=False))
        budgets = [row.budget for row in rows if row.method == primary]
        searched = tuple(store.attempts(method=primary, budget=max(budgets))) if budgets else ()
        path = store.folder
    name = path.resolve().name
    arguments = kept_arguments(meta, name) if "arguments" in meta else {}
    facts = RunFacts(
        name=name,
        arguments=arguments,
        meta={key: value for key, value in meta.items() if key != "arguments"},
        command=_command(arguments, name),
        problems=len(problems),
        attempts=len(rows),
        expected=_expected(arguments, len(problems), rows),
    )
    return Loaded(facts, path, rows, searched, {row.id: _question(row) for row in problems})


def _question(row: ProblemRow) -> str:
    try:
        return str(json.loads(row.public).get("question", ""))
    except (json.JSONDecodeError, AttributeError):
        return ""


def _command(arguments: Mapping[str, Any], name: str) -> str:
    """The command that makes such a run; a published set's own path is not kept in a run."""
    given: list[str] = ["planneal", "compare"]
    for option in ("family", "difficulty", "data", "n", "methods", "model", "budgets", "seeds", "seed"):
        value = arguments.get(option)
        if value is None:
            continue
        text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
        given += [f"--{option}", f"{text}=PATH" if option == "data" else text]
    return shlex.join([*given, "--out", name])


def _expected(arguments: Mapping[str, Any], problems: int, rows: Iterable[Tried]) -> int | None:
    methods, budgets, seeds = (arguments.get(name) for name in ("methods", "budgets", "seeds"))
    if not (isinstance(methods, Sequence) and isinstance(budgets, Sequence) and isinstance(seeds, int)):
        return None
    drawn = {row.method for row in rows if row.seed > 0}
    # Only registered methods are asked: a reference in somebody's file is no reason to import its module.
    tries = sum(seeds if (METHODS[m]().seeded if m in METHODS else m in drawn) else 1 for m in map(str, methods))
    return problems * len(budgets) * tries
