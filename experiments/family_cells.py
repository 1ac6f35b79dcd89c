"""One family at one level: every method and every link measured on the same problems, as plain figures.

A cell is what a report writes to its file and prints its tables from: numbers and strings only, so that a report that
was interrupted goes on from the cells that it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..decoders.base import LanguageModel
from ..planner.errors import SandboxUnavailable
from ..proposers.draft import read_draft
from ..settings import Settings
from .broken_links import broken_links, tidied, valid
from .comparison import AnyProblem, MethodRow, problems, run_each, run_method
from .equal_tokens import matched, tokens
from .families.registry import family
from .in_scope import scoped
from .links import SUBSTITUTES, FromPlan, substituted
from .methods import BestOfPlans, Direct, Planneal
from .statistics import mcnemar, paired_difference, wilson
from .swapped import Swap, follow, implied, swap

__all__ = ["Asked", "Cell", "cell", "share"]

Cell = dict[str, Any]
"""What is known of a family at a level; see :func:`cell`."""


@dataclass(frozen=True)
class Asked:
    """What a cell is asked for.

    Attributes:
        family: The family's name.
        level: ``easy``, ``middle`` or ``hard``.
        problems: How many problems.
        seed: Which ones, and the seed of every run.
        links: Whether links are measured with gold in place of each.
        beyond: Whether a model is asked even what it says it does not know.
        parallel: Problems under way at once.
    """

    family: str
    level: str
    problems: int
    seed: int
    links: bool = False
    beyond: bool = False
    parallel: int = 16


def share(found: Sequence[bool]) -> dict[str, Any]:
    """How many of how many, with the 95% Wilson interval of the share."""
    low, high = wilson(sum(found), len(found))
    return {"correct": sum(found), "problems": len(found), "low": low, "high": high}


def _row(row: MethodRow) -> dict[str, Any]:
    """A method's row as figures; tokens and seconds are means of a problem, `right` is one digit a problem."""
    return share([graded.right for graded in row.graded]) | {
        "method": row.method,
        "prompt": row.prompt_tokens,
        "cached": row.cached_prompt_tokens,
        "completion": row.completion_tokens,
        "tokens": tokens(row),
        "seconds": row.seconds,
        "right": "".join(str(int(graded.right)) for graded in row.graded),
    }


def _paired(first: str, second: str, seed: int) -> dict[str, Any]:
    """How much better the first of two rows is, in points, by problem: bootstrap interval and exact McNemar."""
    one, other = [digit == "1" for digit in first], [digit == "1" for digit in second]
    interval = paired_difference(one, other, rng=np.random.default_rng(seed))
    points = 100 * (sum(one) - sum(other)) / len(one)
    ends = [100 * interval.low, 100 * interval.high] if len(one) > 1 else None  # one problem has no spread
    return {"points": points, "interval": ends, "p": mcnemar(one, other)}


async def cell(model: LanguageModel, asked: Asked, told: Callable[[str], None] = lambda line: None) -> Cell:
    """Measures one cell.

    Args:
        model: The language model.
        asked: What is asked for.
        told: Gets a line for each method that is done.

    Returns:
        ``methods`` (rows by key), ``shares`` (of valid plans), ``swapped``, ``matched``, ``paired`` and, where asked
        for, ``links`` and ``broken``; or ``skipped``, which says why there is nothing.
    """
    started = time.perf_counter()
    chosen = problems(asked.problems, asked.seed, asked.level, asked.family)
    fit = scoped(model, [problem.public.question for problem in chosen], beyond=asked.beyond)
    found: Cell = {"family": asked.family, "level": asked.level, "refused": fit.refused}
    if fit.reason:
        return found | {"skipped": fit.reason}
    try:
        found |= await _Measured(fit.model, asked, chosen, told).everything()
    except SandboxUnavailable as error:
        return found | {"skipped": f"programs cannot be run here: {error}"}
    return found | {"seconds": time.perf_counter() - started}


class _Measured:
    """The measurements of one cell, in turn."""

    def __init__(
        self, model: LanguageModel, asked: Asked, chosen: Sequence[AnyProblem], told: Callable[[str], None]
    ) -> None:
        self.model, self.asked, self.chosen, self.told = model, asked, chosen, told
        self.settings = Settings()
        self.run: dict[str, Any] = {"seed": asked.seed, "parallel": asked.parallel}

    def _done(self, row: MethodRow) -> MethodRow:
        spent = f"{tokens(row):.0f} tokens, {row.seconds:.2f} s a problem"
        self.told(f"{row.method}: {row.correct}/{row.problems} right, {spent}")
        return row

    async def everything(self) -> Cell:
        """All rows, and what is read off them."""
        ours = self._done(await run_method(Planneal(), self.model, self.chosen, **self.run))
        direct = self._done(await run_method(Direct(), self.model, self.chosen, **self.run))
        same = await matched(self.model, self.chosen, tokens(ours), **self.run)
        self._done(same.row)
        one = self._done(await run_method(BestOfPlans(1), self.model, self.chosen, **self.run))
        gold = self._done(await self._from_gold())
        swaps, swapped = await self._from_swapped()
        rows = {"planneal": ours, "direct": direct, "consistency": same.row, "own draft": one, "gold plan": gold}
        if swapped is not None:
            rows["swapped plan"] = swapped
        methods = {key: _row(row) for key, row in rows.items()}
        drafts = [graded.outcome.notes.get("draft") for graded in ours.graded]
        best = max(("direct", "consistency"), key=lambda key: methods[key]["correct"])
        found: Cell = {
            "methods": methods,
            "matched": {"k": same.k, "tokens": tokens(same.row), "target": same.target, "ratio": same.ratio},
            "shares": {
                "draft": share([bool(graded.draft_right) for graded in ours.graded]),
                "tidied": share([valid(p, tidied(d)) for p, d in zip(self.chosen, drafts, strict=True)]),
                "refined": share([bool(graded.plan_right) for graded in ours.graded]),
            },
            "swapped": await self._followed(swaps, swapped),
            "paired": {"against": best}
            | _paired(methods["planneal"]["right"], methods[best]["right"], self.asked.seed),
        }
        return found | (await self._links(ours) if self.asked.links else {})

    async def _from_gold(self) -> MethodRow:
        def method(problem: AnyProblem) -> FromPlan:
            task = family(problem.public.family).task(problem.public)
            return FromPlan(read_draft(task, problem.gold.plan).plan, self.settings)

        return await run_each("answer from the gold plan", method, self.model, self.chosen, **self.run)

    async def _from_swapped(self) -> tuple[dict[str, Swap], MethodRow | None]:
        """A swapped plan for each problem that has one, and the answers from them."""
        swaps: dict[str, Swap] = {}
        for index, problem in enumerate(self.chosen):
            drawn = await swap(np.random.default_rng([self.asked.seed, index, 1]), problem)
            if drawn is not None:
                swaps[problem.public.id] = drawn
        some = [problem for problem in self.chosen if problem.public.id in swaps]
        if not some:
            return swaps, None

        def method(problem: AnyProblem) -> FromPlan:
            return FromPlan(swaps[problem.public.id].plan, self.settings)

        row = await run_each("answer from a swapped plan", method, self.model, some, **self.run)
        return swaps, self._done(row)

    async def _followed(self, swaps: dict[str, Swap], row: MethodRow | None) -> dict[str, Any]:
        """How many answers follow the swapped plan, keep to the question, or do neither; of ordinary ones, how many."""
        by_id = {problem.public.id: problem for problem in self.chosen}
        answered = row.graded if row is not None else ()
        kinds = [await follow(by_id[one.problem], swaps[one.problem], one.outcome.text or "") for one in answered]
        told = {kind: share([found == kind for found in kinds]) for kind in ("follows", "keeps", "neither")}
        plain = [swaps[one.problem].ordinary for one in answered]
        return told | {"ordinary": share([kind == "follows" for kind, own in zip(kinds, plain, strict=True) if own])}

    async def _links(self, ours: MethodRow) -> Cell:
        """Planneal with gold in place of each link, and where its failing runs first broke."""
        whole = _row(ours)
        rows = [{"link": "none", "replaced": "nothing: the whole run"} | whole]
        for link, (replaced, _) in SUBSTITUTES.items():
            method = partial(substituted, link, settings=self.settings)
            row = await run_each(f"gold: {link}", method, self.model, self.chosen, **self.run)
            rows.append({"link": link, "replaced": replaced} | _row(self._done(row)))
        rows.append({"link": "answer", "replaced": "the answer that the refined plan implies"} | await self._said(ours))
        for row_ in rows:
            row_["over"] = _paired(row_["right"], whole["right"], self.asked.seed)
            failing = [new for new, old in zip(row_["right"], whole["right"], strict=True) if old == "0"]
            row_["repairs"] = share([new == "1" for new in failing])
        return {"links": rows, "broken": await broken_links(self.chosen, ours)}

    async def _said(self, ours: MethodRow) -> dict[str, Any]:
        """The answers that the refined plans imply, graded; a plan that nobody could follow has none."""
        right: list[bool] = []
        for problem, graded in zip(self.chosen, ours.graded, strict=True):
            plan = tidied(graded.outcome.plan)
            text = None if plan is None else implied(problem, plan)
            right.append(text is not None and await family(problem.public.family).grade(problem, text))
        costs = {key: value for key, value in _row(ours).items() if key in ("prompt", "cached", "completion", "tokens")}
        return share(right) | costs | {"right": "".join(str(int(one)) for one in right)}
