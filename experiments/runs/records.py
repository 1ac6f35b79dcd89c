"""What a run holds: problems, cells and attempts; and JSON of them that is equal where they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ...planner.ledger import Role, Usage
from .schema import WALL

__all__ = ["Attempt", "Cell", "ProblemRow", "canonical", "timeless"]


class Cell(NamedTuple):
    """What an attempt is known by.

    Attributes:
        problem: The problem's id.
        method: The method's name.
        budget: Cap on its total tokens.
        seed: Its seed, 0 for methods that have none.
    """

    problem: str
    method: str
    budget: int
    seed: int


class ProblemRow(NamedTuple):
    """A problem of a run, as far as a method may know it.

    Attributes:
        id: Its id.
        family: The problem family, or the published set.
        level: The difficulty it was drawn at, empty for published sets.
        size: How many quantities, items or calls it speaks of.
        seed: What it was drawn with; the number of its row in a published set, from 0.
        public: The public problem as JSON.
    """

    id: str
    family: str
    level: str
    size: int
    seed: int
    public: str


@dataclass(frozen=True)
class Attempt:
    """One method on one problem at one budget with one seed, graded.

    Attributes:
        problem: The problem's id.
        family: The problem family, or the published set.
        level: The difficulty, empty for published sets.
        size: How many quantities, items or calls the problem speaks of.
        method: The method's name.
        budget: Cap on total tokens (prompt and completion, all roles).
        seed: The seed, 0 for methods that have none.
        value: The final value as written, None where there is none.
        text: The whole answer, None where there is none.
        plan: The plan behind it in notation, None where there is none.
        draft: The first plan, None where there is none.
        stop: Why it ended: ``done``, the budget's counter that was full, or an error's name.
        notes: Whatever else the method kept, plain JSON values.
        right: Whether the answer is right.
        plan_right: Whether whoever follows the plan gets a right answer; None where there is no plan.
        draft_right: The same for the first plan.
        seconds: Wall seconds from its start to its end; attempts side by side each count the time they shared.
        ledger: What it cost, by role.
        events: What happened on the way, one plain JSON object a step.
    """

    problem: str
    family: str
    level: str
    size: int
    method: str
    budget: int
    seed: int
    value: str | None
    text: str | None
    plan: str | None
    draft: str | None
    stop: str
    notes: Mapping[str, Any]
    right: bool
    plan_right: bool | None
    draft_right: bool | None
    seconds: float
    ledger: Mapping[Role, Usage]
    events: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)

    @property
    def cell(self) -> Cell:
        """What it is known by."""
        return Cell(self.problem, self.method, self.budget, self.seed)

    @property
    def spent(self) -> Usage:
        """What it cost, all roles together."""
        return sum(self.ledger.values(), Usage())


def canonical(value: object) -> str:
    """JSON that is the same for equal values: keys sorted, no spaces, nothing outside ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=True)


def timeless(value: Any) -> Any:
    """A JSON value without what a clock measured (:data:`~.schema.WALL`), wherever it stands."""
    if isinstance(value, Mapping):
        return {key: timeless(inner) for key, inner in value.items() if key not in WALL}
    if isinstance(value, (list, tuple)):
        return [timeless(inner) for inner in value]
    return value
