"""Gold in place of one link at a time, on the problems and with the random streams of a run's own attempts.

Only here does the process that asks the model hold problems with their gold: it is what takes a link's place, by
intention, and every row is a ceiling. Nothing of it reaches the model but through the link that it stands for, and
nothing else that is asked again is asked with it at hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from ...planner.ledger import Role, Usage
from ...planner.plan import Plan
from ..broken_links import tidied
from ..families.base import Problem
from ..links import SUBSTITUTES, substituted
from ..methods.refining import Planneal
from ..runs.bench import Bench, Raw
from ..runs.records import Attempt, Cell
from ..runs.registry import make
from ..runs.work import Job
from ..swapped import implied
from .asker import Asker
from .sample import Sample, Subject

__all__ = ["LINKS", "Replaced", "can_replace", "replaced"]

ANSWER = "answer"
LINKS: Mapping[str, str] = {name: about for name, (about, _) in SUBSTITUTES.items()} | {
    ANSWER: "the answer that the final plan implies"
}
"""The links, with what takes their place."""
_ALIKE = frozenset({"planneal", "greedy-refinement", "fixed-temperature"})
"""Methods that differ from planneal in settings alone, so that the links are theirs."""


class Replaced(NamedTuple):
    """One link of one method on the sample.

    Attributes:
        link: Which.
        method: Of which method.
        budget: At which budget.
        pairs: The whole run's attempt and the one with gold, problem by problem.
    """

    link: str
    method: str
    budget: int
    pairs: tuple[tuple[Attempt, Attempt], ...]


def can_replace(method: str) -> bool:
    """Whether the links are those of this method."""
    return method in _ALIKE


async def replaced(asker: Asker, drawn: Sample, run_seed: int, width: int) -> list[Replaced]:
    """Runs a method again with gold in place of each link.

    Args:
        asker: Keeps and grades; its source must be a family's generator.
        drawn: Attempts of the method.
        run_seed: Seed of the run, which with the problem gives each attempt its random stream.
        width: Most attempts under way at once.

    Raises:
        TransientError, EndpointError: The endpoint fails; all that was paid for is kept.
    """
    gate = asyncio.Semaphore(width)

    async def one(link: str, subject: Subject) -> tuple[Attempt, Attempt]:
        async with gate:
            return subject.attempt, await _again(asker, link, drawn, subject, run_seed)

    found: list[Replaced] = []
    for link in LINKS:
        pairs = await asyncio.gather(*(one(link, subject) for subject in drawn.subjects))
        found.append(Replaced(link, drawn.method, drawn.budget, tuple(pairs)))
    return found


async def _again(asker: Asker, link: str, drawn: Sample, subject: Subject, run_seed: int) -> Attempt:
    attempt, index = subject.attempt, subject.number
    cell = Cell(attempt.problem, f"{drawn.method} with gold: {link}", drawn.budget, attempt.seed)

    async def made() -> Attempt:
        problem: Problem[Any] = asker.source.problem(index)
        if link == ANSWER:
            return await _implied(asker, cell, index, problem, tidied(attempt.plan))
        whole = make(drawn.method)
        assert isinstance(whole, Planneal)
        method = substituted(link, problem, whole.settings)  # type: ignore[arg-type]  # a key of SUBSTITUTES
        # The method's own name, so that the attempt draws what the whole run drew.
        job = Job(index, Cell(attempt.problem, drawn.method, drawn.budget, attempt.seed), run_seed)
        raw = await Bench(asker.model, {drawn.method: method}, asker.source).answer(job, asker.problems[index][1])
        return await _graded(asker, cell, index, raw)

    return await asker.once(cell, made)


async def _graded(asker: Asker, cell: Cell, index: int, raw: Raw) -> Attempt:
    given = raw.answered
    return await asker.graded(
        index, cell, given["text"], given["value"], given["plan"], given["stop"], raw.ledger, given["notes"]
    )


async def _implied(asker: Asker, cell: Cell, index: int, problem: Problem[Any], plan: Plan | None) -> Attempt:
    text = None if plan is None else implied(problem, plan)
    ledger: dict[Role, Usage] = {}
    return await asker.graded(index, cell, text, None, None, "done", ledger, {})
