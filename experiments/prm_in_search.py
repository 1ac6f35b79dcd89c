"""What a process reward model does to refinement: planneal with its exact verifiers, and with the model beside them.

Two ways of asking it are compared: as the shipped verifier does, which leaves the places of things in a row to the
order rules, and about every item that the plan holds of its own. Spends differ, and are told; methods at equal spend
are what ``planneal compare --methods planneal,planneal+embedded_prm`` is for. Problems are of the evaluation split.

Run: ``python -m planneal.experiments.prm_in_search --model embedded --tasks schedule:middle --problems 100 --seed 1``
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..decoders.base import LanguageModel
from ..decoders.embedded_prm import RENDER, shipped_prm
from ..pipeline import Pipeline
from ..planner.errors import PlannealError
from ..planner.verifier import Verifier
from ..verifiers.prm import PRMVerifier
from ..verifiers.registry import DEFAULT, embedded_prm
from .comparison import AnyProblem, MethodRow, problems, run_method
from .equal_tokens import tokens
from .family_tables import head
from .in_scope import add_model_arguments, dtype_said, open_model, scoped
from .methods import Planneal
from .statistics import mcnemar, paired_difference, wilson

__all__ = ["beside", "line", "main", "measured"]

_COLUMNS = (
    "task",
    "verifiers",
    "right, per cent",
    "plans valid",
    "tokens",
    "verifier calls",
    "points against planneal",
)
ALONE, RULES, ALL = "exact ones", "exact ones, reward model", "exact ones, reward model for every item"


def beside(verifier: Verifier, name: str) -> Planneal:
    """Planneal judged by one more verifier.

    Args:
        verifier: The verifier, given to every run.
        name: The method's name.
    """

    def make(model: LanguageModel, *, verifiers: Sequence[Verifier] | None, **options: Any) -> Pipeline:
        usual: Sequence[str | Verifier] = verifiers or [DEFAULT]
        return Pipeline(model, verifiers=[*usual, verifier], **options)

    return Planneal(name=name, make=make)


def contenders() -> list[Planneal]:
    """Planneal without the reward model, with it as shipped, and with it judging every own item."""
    everything = PRMVerifier(shipped_prm(), render=RENDER, name="embedded_prm")
    return [Planneal(name=ALONE), beside(embedded_prm(), RULES), beside(everything, ALL)]


async def measured(
    methods: Sequence[Planneal], model: LanguageModel, chosen: Sequence[AnyProblem], seed: int, parallel: int = 16
) -> list[MethodRow]:
    """The rows of one task, in order.

    Args:
        methods: What is compared, the reference first.
        model: The language model.
        chosen: The problems.
        seed: Seed of all runs.
        parallel: Problems under way at once.
    """
    fit = scoped(model, [problem.public.question for problem in chosen], beyond=True)
    return [await run_method(method, fit.model, chosen, seed=seed, parallel=parallel) for method in methods]


def line(task: str, row: MethodRow, reference: MethodRow, seed: int) -> str:
    """A row of the table, its difference paired by problem with those of the reference."""
    low, high = wilson(row.correct, row.problems)
    valid = sum(bool(graded.plan_right) for graded in row.graded)
    calls = sum(graded.outcome.usage.verifier_calls for graded in row.graded) / row.problems
    against = "-"
    if row is not reference:
        ours, theirs = ([graded.right for graded in one.graded] for one in (row, reference))
        ends = paired_difference(ours, theirs, rng=np.random.default_rng(seed))
        points, p = row.accuracy - reference.accuracy, mcnemar(ours, theirs)
        against = f"{100 * points:+.1f} [{100 * ends.low:+.1f}, {100 * ends.high:+.1f}], p = {p:.2g}"
    share = f"{100 * row.accuracy:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
    cells = (task, row.method, share, f"{valid}/{row.problems}", f"{tokens(row):.0f}", f"{calls:.1f}", against)
    return f"| {' | '.join(cells)} |"


async def report(options: argparse.Namespace, say: Callable[[str], None]) -> None:
    """The whole table, each task's rows as soon as they are there.

    Raises:
        ConfigError: The model string is wrong, or there is no such family or level.
    """
    model = open_model(options.model, options.weights, options.dtype)
    said = ("--model", options.model, *dtype_said(options.dtype), "--tasks", *options.tasks)
    say(f"`prm_in_search {' '.join(said)} --problems {options.problems} --seed {options.seed}`\n")
    say(head(_COLUMNS))
    for task in options.tasks:
        family, _, level = task.partition(":")
        chosen = problems(options.problems, options.seed, level or "middle", family)
        rows = await measured(contenders(), model, chosen, options.seed, options.parallel)
        for row in rows:
            say(line(task, row, rows[0], options.seed))
    await model.aclose()


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line: the table to standard output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--tasks", nargs="+", default=["schedule:middle"], metavar="FAMILY[:LEVEL]")
    parser.add_argument("--problems", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=16, help="problems under way at once")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(report(options, lambda text: print(text, flush=True)))
    except PlannealError as error:
        sys.exit(f"prm_in_search: {error}")


if __name__ == "__main__":
    main()
