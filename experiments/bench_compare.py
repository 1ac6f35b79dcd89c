"""How long a comparison takes, and how much of that inside the model: ``python -m planneal.experiments.bench_compare``.

Runs ``planneal compare`` on the embedded model into a folder of its own and looks at the clock of the local engine:
wall seconds of the whole (problems drawn and graded, attempts written), and wall seconds during which the model
computed. The rest is Python between calls: verifiers, prompts, the search, the file. Where there are two cores the two
go on side by side, so both kinds of time are told: of the wall, and of the processor. All are of one run on whatever
machine this is; only the ratios travel.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..decoders.base import LanguageModel
from ..decoders.registry import load_model
from .in_scope import add_dtype
from .runs import Store
from .runs.arguments import Arguments
from .runs.bench import Recipe
from .runs.driver import run
from .runs.local import LocalEngine

__all__ = ["TWELVE", "Timed", "Timing", "main", "measure"]

TWELVE = (
    *("direct", "direct+constraints", "longer-thought", "self-consistency", "best-of-answers", "best-of-plans"),
    *("self-refine", "random-edits", "greedy-refinement", "fixed-temperature", "planneal", "particle-filter"),
)
"""Twelve methods, the dearest among them."""


class Timed:
    """The model's engine behind a clock.

    Args:
        inner: The engine.
        clock: Wall seconds.
        work: Seconds that the calling thread has computed; one thread is assumed to do all that a call does.

    Attributes:
        inner: The engine.
        seconds: Wall seconds in which it computed.
        worked: Processor seconds of it.
        calls: Batches.
    """

    def __init__(
        self,
        inner: Any,
        clock: Callable[[], float] = time.perf_counter,
        work: Callable[[], float] = time.thread_time,
    ) -> None:
        self.inner, self._clock, self._work = inner, clock, work
        self.seconds, self.worked, self.calls = 0.0, 0.0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def run(self, jobs: Sequence[Any]) -> Any:
        """Answers a batch."""
        started, worked = self._clock(), self._work()
        try:
            return self.inner.run(jobs)
        finally:
            self.seconds += self._clock() - started
            self.worked += self._work() - worked
            self.calls += 1


class Timing(NamedTuple):
    """What a run took.

    Attributes:
        attempts: Attempts made.
        seconds: Wall seconds, loading of the model included.
        model_seconds: Of these inside the model.
        loading: Of the wall seconds, to load it.
        worked: Processor seconds after loading.
        model_worked: Of these inside the model.
        charged: Completion tokens that attempts were charged.
        tokens: All tokens that they were charged.
    """

    attempts: int
    seconds: float
    model_seconds: float
    loading: float
    worked: float
    model_worked: float
    charged: int
    tokens: int

    @property
    def share(self) -> float:
        """Share of the wall inside the model, its loading left out."""
        return self.model_seconds / (self.seconds - self.loading)

    @property
    def share_of_work(self) -> float:
        """Share of the processor's time inside the model, its loading left out."""
        return self.model_worked / self.worked


def measure(arguments: Arguments, load: Callable[[], LanguageModel], folder: Path, width: int) -> Timing:
    """Runs a comparison with the clock on.

    Args:
        arguments: What it is.
        load: Loads a local model.
        folder: The run's folder.
        width: Attempts side by side.
    """
    timed: list[tuple[Any, Timed]] = []
    loading = before = 0.0

    def loaded() -> LanguageModel:
        nonlocal loading, before
        started = time.perf_counter()
        model: Any = load()
        loading, before = time.perf_counter() - started, time.process_time()
        model.engine = Timed(model.engine)
        timed.append((model, model.engine))
        return model  # type: ignore[no-any-return]

    started = time.perf_counter()
    recipe = Recipe(loaded, arguments.methods, arguments.source())
    try:
        asyncio.run(run(arguments, folder, LocalEngine(recipe, width)))
    finally:
        for model, clocked in timed:
            model.engine = clocked.inner  # models are shared in a process
    seconds, worked = time.perf_counter() - started, time.process_time() - before
    with Store.open(folder) as store:
        spent = [attempt.spent for attempt in store.attempts(events=False)]
    charged = sum(usage.completion_tokens for usage in spent)
    clock = timed[0][1]
    tokens = sum(usage.tokens for usage in spent)
    return Timing(len(spent), seconds, clock.seconds, loading, worked, clock.worked, charged, tokens)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="arithmetic")
    parser.add_argument("--difficulty", default="middle")
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--methods", nargs="+", default=list(TWELVE))
    parser.add_argument("--budgets", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    add_dtype(parser)
    parser.add_argument("--parallel", type=int, default=128)
    given = parser.parse_args()
    arguments = Arguments.checked(
        family=given.family,
        difficulty=given.difficulty,
        n=given.problems,
        methods=tuple(given.methods),
        budgets=tuple(given.budgets),
    )
    with tempfile.TemporaryDirectory() as folder:
        found = measure(arguments, partial(load_model, "embedded", dtype=given.dtype), Path(folder), given.parallel)
    shares = {"share_inside_the_model": found.share, "share_of_processor_time": found.share_of_work}
    print(json.dumps({**found._asdict(), **{name: round(share, 3) for name, share in shares.items()}}, indent=2))


if __name__ == "__main__":
    main()
