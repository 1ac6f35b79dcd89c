"""What the demo shows: one problem in full, and a small table of methods on the embedded model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

from ..decoders.base import LanguageModel
from ..decoders.registry import load_model
from ..pipeline import Pipeline
from ..planner.events import Event
from ..planner.task import Task
from ..run import Run
from .comparison import MethodRow, problems, run_method, task_of
from .families.arithmetic import Difficulty
from .methods import BestOfPlans, Direct, Method, Planneal, SelfConsistency

QUANTITIES = 16
"""Quantities per problem in the demo, needed ones and distractors."""


def example_events(seed: int = 0, model: str | LanguageModel = "embedded") -> tuple[Task, AsyncIterator[Event], Run]:
    """One run of the embedded model over one arithmetic problem, as events.

    Args:
        seed: Which problem of the evaluation split.
        model: Another model, for tests.
    """
    task = task_of(problems(1, 900 + seed, Difficulty(quantities=QUANTITIES))[0])
    run = Pipeline(model).stream(task, seed=seed)
    return task, run.__aiter__(), run


def methods() -> list[Method]:
    """The methods of the table."""
    return [Direct(), SelfConsistency(8), BestOfPlans(6), Planneal()]


async def compare(
    count: int = 40,
    seed: int = 0,
    on_progress: Callable[[str, int, int], None] = lambda method, done, total: None,
    model: str | LanguageModel = "embedded",
) -> list[MethodRow]:
    """All methods over the same fresh problems.

    Args:
        count: How many problems.
        seed: Which ones.
        on_progress: Called with the method's name, problems done and problems in all.
        model: Another model, for tests.
    """
    chosen = problems(count, 800 + seed, Difficulty(quantities=QUANTITIES))
    loaded = load_model(model)
    rows: list[MethodRow] = []
    for method in methods():
        finished = 0

        def done(name: str = method.name) -> None:
            nonlocal finished
            finished += 1
            on_progress(name, finished, count)

        rows.append(await run_method(method, loaded, chosen, seed=seed, done=done))
    return rows
