"""Pools of faulty plans with the gold edits that answer real verdicts on them, one JSON object a line.

Judging a plan takes tens of milliseconds, which a batch cannot wait for: plans are judged once, each pool serves many
steps. A first pool is made of spoilt gold plans before training; later ones hold plans that a checkpoint drafted.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...decoders.prompts import spaced
from ...planner.notation import format_check
from ...planner.plan import Plan
from ...proposers.draft import read_draft
from ..families.base import Problem
from ..families.registry import family
from ..whole_files import written_whole
from .draws import Key, draw_problem, problem_of
from .faults import spoilt
from .judged import branch, examine, mending
from .wording import plan_block

__all__ = ["Drafted", "FaultyPlan", "judge_drafts", "read_pool", "spoilt_pool"]

_BRANCHES = 4
"""Most edit prompts that are made of one plan."""


class Drafted(NamedTuple):
    """A draft that a checkpoint wrote for a training problem.

    Attributes:
        family: The problem's family.
        key: What brings it back.
        text: What the checkpoint wrote.
    """

    family: str
    key: Key
    text: str


class FaultyPlan(NamedTuple):
    """A plan with what is wrong with it, as text.

    Attributes:
        family: The problem's family.
        question: Its question.
        plan: The plan as prompts show it, its head included.
        edits: Ends of edit prompts, with the gold edits.
        checks: Self-check prompts, with their answers.
        solved: Whether no verifier has anything against the plan.
    """

    family: str
    question: str
    plan: str
    edits: tuple[tuple[str, str], ...]
    checks: tuple[tuple[str, str], ...]
    solved: bool


async def _judged(rng: np.random.Generator, problem: Problem[Any], plan: Plan) -> FaultyPlan:
    found = await examine(problem, plan)
    mend = mending(problem, found.plan)
    drawn = (branch(rng, mend, found.targets) for _ in range(_BRANCHES))
    edits = dict(row for row in drawn if row is not None)
    checks = []
    wrong = {edit.about[0] for edit in mend.edits if edit.about and not edit.line.startswith(("insert", "move"))}
    for item in found.plan.items:
        if item.check is None or item.locked or (item.id in wrong) == (item.id in mend.right):
            continue
        said = spaced(format_check(item))
        checks.append((f"check {item.id}: {said}:", " yes" if item.id in mend.right else " no"))
    false = [check for check in checks if check[1] == " no"]
    true = [check for check in checks if check[1] == " yes"]
    kept = false[:2] + [true[int(i)] for i in rng.permutation(len(true))[:1]]
    public = problem.public
    shown = plan_block(found.plan)
    return FaultyPlan(public.family, public.question, shown, tuple(edits.items()), tuple(kept), found.solved)


async def _all_judged(seed: Sequence[int], rows: Iterable[tuple[Problem[Any], Plan]]) -> list[FaultyPlan]:
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    return [await _judged(rng, problem, plan) for problem, plan in rows]


def _spoilt(name: str, seed: int, count: int) -> list[FaultyPlan]:
    """So many spoilt gold plans of one family, judged."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 3)))

    def rows() -> Iterator[tuple[Problem[Any], Plan]]:
        made = 0
        while made < count:
            problem, _ = draw_problem(rng, name)
            plan = spoilt(rng, problem)
            if plan is not None:
                made += 1
                yield problem, plan

    return asyncio.run(_all_judged((seed, 4), rows()))


def _drafted(seed: int, drafts: Sequence[Drafted]) -> list[FaultyPlan]:
    """Drafts of a checkpoint, judged; those with nothing to read are left out."""

    def rows() -> Iterator[tuple[Problem[Any], Plan]]:
        for name, key, text in drafts:
            problem = problem_of(name, key)
            plan = read_draft(family(name).task(problem.public), text).plan
            if len(plan.items) > len(plan.locked):
                yield problem, plan

    return asyncio.run(_all_judged((seed, 5), rows()))


def _write(rows: Iterable[FaultyPlan], out: Path) -> dict[str, dict[str, float]]:
    """One line a plan that has edits or checks; returns how many there are of each family, and how many are solved."""
    told: dict[str, list[bool]] = {}
    with written_whole(out) as part, part.open("w", encoding="utf-8") as file:
        for row in rows:
            told.setdefault(row.family, []).append(row.solved)
            if row.edits or row.checks:
                file.write(json.dumps(row._asdict()) + "\n")
    return {name: {"plans": len(hits), "solved": round(sum(hits) / len(hits), 3)} for name, hits in told.items()}


def spoilt_pool(counts: Mapping[str, int], seed: int, out: Path, workers: int) -> dict[str, dict[str, float]]:
    """Write a pool of spoilt gold plans.

    Args:
        counts: Plans of each family.
        seed: Seed of problems and faults.
        out: File to write.
        workers: Processes; the pool is the same with any number.
    """
    jobs = [(name, seed + 100 * n, min(100, counts[name] - n)) for name in counts for n in range(0, counts[name], 100)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = pool.map(_spoilt, *zip(*jobs, strict=True)) if jobs else ()
        return _write((row for rows in found for row in rows), out)


def judge_drafts(drafts: Sequence[Drafted], seed: int, out: Path, workers: int) -> dict[str, dict[str, float]]:
    """Write a pool of plans that a checkpoint drafted.

    Args:
        drafts: The drafts.
        seed: Seed of what is asked about them.
        out: File to write.
        workers: Processes; the pool is the same with any number.
    """
    parts = [drafts[n : n + 50] for n in range(0, len(drafts), 50)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = pool.map(_drafted, [seed + n for n in range(len(parts))], parts)
        return _write((row for rows in found for row in rows), out)


@lru_cache(maxsize=4)
def read_pool(path: str) -> dict[str, tuple[FaultyPlan, ...]]:
    """The plans of a pool by family."""
    found: dict[str, list[FaultyPlan]] = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        row["edits"] = tuple(map(tuple, row["edits"]))
        row["checks"] = tuple(map(tuple, row["checks"]))
        found.setdefault(row["family"], []).append(FaultyPlan(**row))
    return {name: tuple(rows) for name, rows in found.items()}
