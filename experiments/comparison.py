"""Running methods over problems and adding up what they got right and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..decoders.base import LanguageModel
from ..planner.ledger import Usage
from ..planner.task import Task
from .families.arithmetic import ArithmeticProblem, Difficulty, generate, grade, grade_plan
from .methods import Method, Outcome
from .statistics import wilson


@dataclass(frozen=True)
class Graded:
    """One method on one problem, graded.

    Attributes:
        problem: The problem's id.
        right: Whether the final value is the gold one.
        plan_right: Whether the plan determines the right value from true relations; None where there is no plan.
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


def problems(count: int, seed: int, difficulty: Difficulty) -> list[ArithmeticProblem]:
    """Fresh problems of the evaluation split: seeds ``seed * 1_000_000`` and up."""
    return [generate(seed * 1_000_000 + index, difficulty) for index in range(count)]


def task_of(problem: ArithmeticProblem) -> Task:
    """What a method is handed: the question alone. No field of it holds, or could hold, the gold."""
    return Task(question=problem.public.question, family=problem.public.family)


async def run_method(
    method: Method,
    model: LanguageModel,
    chosen: Sequence[ArithmeticProblem],
    *,
    seed: int = 0,
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
        parallel: Problems under way at once (a local model merges their requests).
        clock: Seconds, injected.
        done: Called after every problem.
    """
    gate = asyncio.Semaphore(parallel)

    async def one(index: int, problem: ArithmeticProblem) -> Graded:
        async with gate:
            outcome = await method.run(model, task_of(problem), seed * 10_000 + index)
        done()
        return grade_outcome(problem, outcome)

    started = clock()
    graded = await asyncio.gather(*(one(index, problem) for index, problem in enumerate(chosen)))
    return _row(method.name, list(graded), clock() - started)


def grade_outcome(problem: ArithmeticProblem, outcome: Outcome) -> Graded:
    """Grades what a method returned; the gold is looked at here and nowhere else."""
    draft = outcome.notes.get("draft")
    return Graded(
        problem=problem.public.id,
        right=outcome.value is not None and grade(problem.gold, outcome.value),
        plan_right=None if outcome.plan is None else grade_plan(problem.gold, outcome.plan).right,
        draft_right=None if draft is None else grade_plan(problem.gold, draft).right,
        outcome=outcome,
    )


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
