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
"""Quantities per problem in the demo's table, needed ones and distractors."""
EXAMPLE_QUANTITIES = 24
"""Quantities in the demo's example: as many as the embedded model was trained on, so that drafts have faults."""
EXAMPLE_SEED = 71
"""The example that is shown for seed 0."""
EXAMPLE_NOTE = (
    f"Chosen from 200 problems with {EXAMPLE_QUANTITIES} quantities because its draft has faults that the model's own "
    "edits mend; most drafts of this model lack order only."
)
"""What has to be said about the example of seed 0: it was picked."""
LEGEND = (
    "Energy is what verifiers hold against a plan: 0 is nothing, each hard demand that is not met costs 10. A step is "
    "accepted if it changes the energy by no more than its limit, which is drawn at the falling temperature: the "
    "colder, the less may be lost."
)
"""How to read the steps of the example."""


def example_events(seed: int = 0, model: str | LanguageModel = "embedded") -> tuple[Task, AsyncIterator[Event], Run]:
    """One run of the embedded model over one arithmetic problem, as events.

    Args:
        seed: Which problem of the evaluation split; 0 is one with a faulty draft (:data:`EXAMPLE_NOTE`).
        model: Another model, for tests.
    """
    chosen = EXAMPLE_SEED + seed
    task = task_of(problems(1, 900 + chosen, Difficulty(quantities=EXAMPLE_QUANTITIES))[0])
    run = Pipeline(model).stream(task, seed=chosen)
    return task, run.__aiter__(), run


def methods() -> list[Method]:
    """The methods of the table."""
    return [Direct(), SelfConsistency(8), BestOfPlans(1), BestOfPlans(6), Planneal()]


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
