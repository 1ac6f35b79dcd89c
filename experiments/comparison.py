"""Running methods over problems of any family and adding up what they got right and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..decoders.base import LanguageModel
from ..pipeline import run_sync
from ..planner.ledger import Budget, Usage
from ..planner.task import Task
from .families.base import Family, Problem, Split, problem_seed
from .families.grade import grade_of
from .families.registry import difficulty_of
from .families.registry import family as family_of
from .methods.base import Method, Outcome, case_of
from .statistics import wilson


@dataclass(frozen=True)
class Graded:
    """One method on one problem, graded.

    Attributes:
        problem: The problem's id.
        right: Whether the answer is right.
        plan_right: Whether whoever follows the plan gets a right answer; None where there is no plan.
        draft_right: The same for the first plan.
        outcome: What the method returned.
    """

    problem: str
    right: bool
    plan_right: bool | None
    draft_right: bool | None
    outcome: Outcome


@dataclass(frozen=True)
class MethodRow:
    """One line of a table; tokens and seconds are means per problem.

    Attributes:
        method: The method's name.
        problems: How many problems.
        correct: How many right.
        wilson_low: Lower end of the 95% Wilson interval of the accuracy.
        wilson_high: Upper end.
        prompt_tokens: All prompt tokens, cached ones included.
        cached_prompt_tokens: Those of them served from a prefix cache.
        completion_tokens: Completion tokens.
        seconds: Wall seconds; problems run side by side share it evenly.
        graded: Problem by problem, in order.
    """

    method: str
    problems: int
    correct: int
    wilson_low: float
    wilson_high: float
    prompt_tokens: float
    cached_prompt_tokens: float
    completion_tokens: float
    seconds: float
    graded: tuple[Graded, ...] = field(default=(), repr=False)

    @property
    def accuracy(self) -> float:
        """Share of problems right."""
        return self.correct / self.problems if self.problems else 0.0


AnyProblem = Problem[Any]


def problems(
    count: int,
    seed: int,
    difficulty: Any = None,
    family: str | Family[Any, Any] = "arithmetic",
    split: Split = Split.EVAL,
) -> list[AnyProblem]:
    """Fresh problems: seeds ``seed * 1_000_000`` and up, so that problems of two seeds are never the same.

    Args:
        count: How many, up to a million.
        seed: Which ones.
        difficulty: A difficulty of the family, a level's name, a size as text, or None for the middle.
        family: The family or its name.
        split: Which half of the seed space; what is reported comes from the evaluation split.
    """
    return list(problem_stream(count, seed, difficulty, family, split))


def problem_stream(
    count: int, seed: int, difficulty: Any, family: str | Family[Any, Any], split: Split = Split.EVAL
) -> Iterator[AnyProblem]:
    """The problems of :func:`problems` one by one.

    Raises:
        ConfigError: There is no such family, level or size; told at once.
    """
    made = family_of(family) if isinstance(family, str) else family
    if isinstance(difficulty, str):
        difficulty = difficulty_of(made, difficulty)
    return (made.generate(problem_seed(seed, index), difficulty, split) for index in range(count))


def task_of(problem: AnyProblem) -> Task:
    """What a method is handed, as the family has it. No field of it holds, or could hold, the gold."""
    return family_of(problem.public.family).task(problem.public)


async def run_method(
    method: Method,
    model: LanguageModel,
    chosen: Sequence[AnyProblem],
    *,
    seed: int = 0,
    budget: Budget | None = None,
    parallel: int = 16,
    clock: Callable[[], float] = time.perf_counter,
    done: Callable[[], None] = lambda: None,
) -> MethodRow:
    """Runs one method over problems, several side by side, and grades it.

    Args:
        method: The method.
        model: The language model.
        chosen: The problems.
        seed: Seed of the run; problem *i* gets ``seed * 10_000 + i``.
        budget: What each problem may cost; None leaves it to the method.
        parallel: Problems under way at once (a local model merges their requests).
        clock: Seconds, injected.
        done: Called after every problem.
    """
    return await run_each(
        method.name,
        lambda problem: method,
        model,
        chosen,
        seed=seed,
        budget=budget,
        parallel=parallel,
        clock=clock,
        done=done,
    )


async def run_each(
    name: str,
    method_for: Callable[[AnyProblem], Method],
    model: LanguageModel,
    chosen: Sequence[AnyProblem],
    *,
    seed: int = 0,
    budget: Budget | None = None,
    parallel: int = 16,
    clock: Callable[[], float] = time.perf_counter,
    done: Callable[[], None] = lambda: None,
) -> MethodRow:
    """:func:`run_method` with a method of its own for each problem.

    It is for ceilings, whose methods are made of the gold: what such a row says is what a part is worth, never what a
    method can do.

    Args:
        name: The row's name.
        method_for: The method for a problem.
        model: The language model.
        chosen: The problems.
        seed: As in :func:`run_method`.
        budget: As in :func:`run_method`.
        parallel: As in :func:`run_method`.
        clock: Seconds, injected.
        done: Called after every problem.
    """
    gate = asyncio.Semaphore(parallel)

    async def one(index: int, problem: AnyProblem) -> Graded:
        async with gate:
            rng = np.random.default_rng(seed * 10_000 + index)
            found = await method_for(problem).answer(case_of(problem.public), model, budget or Budget(), rng)
            graded = await graded_outcome(problem, Outcome.of(found))
        done()
        return graded

    started = clock()
    graded = await asyncio.gather(*(one(index, problem) for index, problem in enumerate(chosen)))
    return _row(name, list(graded), clock() - started)


async def graded_outcome(problem: AnyProblem, outcome: Outcome) -> Graded:
    """Grades what a method returned; the gold is looked at here and nowhere else.

    A family reads the whole answer where there is one, since not every answer is a value.
    """
    made = family_of(problem.public.family)
    said = outcome.value if outcome.text is None else outcome.text
    grade = await grade_of(made, problem, said, outcome.plan, outcome.notes.get("draft"))
    return Graded(problem.public.id, *grade, outcome)


def grade_outcome(problem: AnyProblem, outcome: Outcome) -> Graded:
    """The synchronous form of :func:`graded_outcome`."""
    return run_sync(lambda: graded_outcome(problem, outcome))


def _row(name: str, graded: list[Graded], seconds: float) -> MethodRow:
    count, correct = len(graded), sum(g.right for g in graded)
    interval = wilson(correct, count)
    spent = sum((g.outcome.usage for g in graded), Usage())
    return MethodRow(
        method=name,
        problems=count,
        correct=correct,
        wilson_low=interval.low,
        wilson_high=interval.high,
        prompt_tokens=spent.prompt_tokens / max(1, count),
        cached_prompt_tokens=spent.cached_prompt_tokens / max(1, count),
        completion_tokens=spent.completion_tokens / max(1, count),
        seconds=seconds / max(1, count),
        graded=tuple(graded),
    )
