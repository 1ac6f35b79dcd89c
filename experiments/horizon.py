"""The horizon curve: accuracy at equal spend, and the tokens needed for 80%, against the steps that a problem needs.

One run (:mod:`.runs`: one SQLite file, resumed by the same command) of several methods over a ladder of budgets, on
problems of every size at once; then a figure, a table of numbers and a page. On ``arithmetic`` a size is the number of
quantities that the goal depends on, with four distractors beside them; on other families it is the problem's size.
Whether the tokens needed for 80% grow linearly or exponentially is fitted with what was not reached as censored
(:mod:`.statistics.censored`), by method, with all problems drawn again for its uncertainty.

Run: ``python -m planneal.experiments.horizon --family arithmetic --sizes 2 4 6 8 12 16 20 24 --problems 100 --methods
planneal best_of_answers self_consistency --budgets 125 250 500 1000 2000 4000 8000 --out runs/horizon_arithmetic``
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..decoders.base import LanguageModel
from ..planner.errors import ConfigError, PlannealError
from .families.base import Family
from .families.registry import STEPS, family
from .horizon_page import Page, write
from .in_scope import add_dtype, dtype_said, open_model
from .report.facts import Asked
from .report.horizon import horizons
from .report.loading import Loaded, Tried, load
from .runs.arguments import Arguments
from .runs.bench import Recipe
from .runs.driver import Summary, run
from .runs.local import LocalEngine
from .runs.registry import names_of
from .runs.sealed import Sealed
from .runs.sources import Source

__all__ = ["Plan", "main", "page", "plan", "run_plan"]

BUDGETS = (125, 250, 500, 1000, 2000, 4000, 8000)
METHODS = ("planneal", "best-of-answers", "self-consistency")
_DRAWS = 2_000


class Plan(NamedTuple):
    """What is to be run and shown.

    Attributes:
        arguments: Of the run.
        primary: The method at whose spend all are read: the first one.
        weight: What a cached prompt token counts.
        out: The run's folder, and that of what is written.
        parallel: Most attempts under way at once.
        dtype: What a local model computes with.
        command: The command that brings it all back.
    """

    arguments: Arguments
    primary: str
    weight: float
    out: Path
    parallel: int
    dtype: str
    command: str


def plan(given: Sequence[str] | None = None) -> Plan:
    """The plan that a command line asks for.

    Raises:
        ConfigError: There is no such family, size or method.
    """
    options = _options(given)
    methods = names_of(",".join(name.replace("_", "-") for name in options.methods))
    stepped = type(family(options.family)).stepped is not Family.stepped
    levels = [f"{size}{STEPS}" if stepped else str(size) for size in sorted(options.sizes)]
    arguments = Arguments.checked(
        family=options.family,
        difficulty=",".join(levels),
        n=options.problems,
        methods=methods,
        model=options.model,
        budgets=tuple(sorted(options.budgets)),
        seeds=options.seeds,
        seed=options.seed,
    )
    Asked(weight=options.weight).scale()  # told before anything is spent
    command = _command(arguments, options)
    return Plan(arguments, methods[0], options.weight, options.out, options.parallel, options.dtype, command)


async def run_plan(
    asked: Plan,
    model: Callable[[], LanguageModel],
    *,
    told: Callable[[int, int], None] = lambda done, cells: None,
    seal: Callable[[Source], Sealed] = Sealed,
) -> Summary:
    """Runs it, or what is missing of it.

    Args:
        asked: What is to be run.
        model: Loads the model.
        told: Called with the attempts done, and all of them.
        seal: Puts what knows the gold out of reach.
    """
    recipe = Recipe(model, asked.arguments.methods, asked.arguments.source())
    engine = LocalEngine(recipe, asked.parallel)
    return await run(asked.arguments, asked.out, engine, told=lambda done, cells, _: told(done, cells), seal=seal)


def page(asked: Plan) -> Page:
    """What a run shows so far: of each size the problems that every method has tried at every budget.

    Raises:
        RunError: There is no run.
        ConfigError: No two sizes have problems that all have tried.
    """
    loaded = load(asked.out, asked.primary)
    rows = _tried_by_all(loaded, asked.arguments)
    axis = Asked(weight=asked.weight).scale()
    # Every method's curve is over the problems at hand, however few: what few tell is for the intervals to say.
    found = horizons([*rows], asked.primary, axis, _DRAWS, asked.arguments.methods, least=2)
    if not found:
        raise ConfigError(f"{asked.out} has no two sizes with two problems that every method has tried; let it go on")
    return Page(found, rows, asked.primary, asked.weight, loaded.facts, asked.command)


def _tried_by_all(loaded: Loaded, arguments: Arguments) -> tuple[Tried, ...]:
    wanted = {(method, budget) for method in arguments.methods for budget in arguments.budgets}
    tried: dict[str, set[tuple[str, int]]] = {}
    for row in loaded.rows:
        tried.setdefault(row.problem, set()).add((row.method, row.budget))
    return tuple(row for row in loaded.rows if tried[row.problem] >= wanted)


def _options(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="arithmetic", metavar="NAME")
    parser.add_argument("--sizes", nargs="+", type=int, default=[2, 4, 6, 8, 12, 16, 20, 24], metavar="N")
    parser.add_argument("--problems", type=int, default=100, help="problems of each size")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), metavar="NAME", help="the first one is judged")
    parser.add_argument("--budgets", nargs="+", type=int, default=list(BUDGETS), metavar="TOKENS")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="embedded", help="a model string")
    add_dtype(parser)
    parser.add_argument("--weight", type=float, default=1.0, help="what a cached prompt token counts")
    parser.add_argument("--parallel", type=int, default=16, help="attempts under way at once")
    parser.add_argument("--out", type=Path, required=True, help="the run's folder; an unfinished run goes on")
    parser.add_argument("--show", action="store_true", help="runs nothing: writes what there is")
    return parser.parse_args(given)


def _command(arguments: Arguments, options: argparse.Namespace) -> str:
    said = ["python", "-m", "planneal.experiments.horizon", "--family", str(arguments.family)]
    said += ["--sizes", *map(str, sorted(options.sizes)), "--problems", str(arguments.n)]
    said += ["--methods", *arguments.methods, "--budgets", *map(str, arguments.budgets)]
    said += ["--seeds", str(arguments.seeds), "--seed", str(arguments.seed), "--model", arguments.model]
    said += dtype_said(options.dtype)
    return shlex.join([*said, "--weight", f"{options.weight:g}", "--out", options.out.name])


def main(given: Sequence[str] | None = None) -> None:
    """Command line: sentences to standard output, progress to standard error."""

    def told(done: int, cells: int) -> None:
        if done == cells or done % max(1, cells // 50) == 0:
            print(f"{done} of {cells} attempts", file=sys.stderr, flush=True)

    try:
        asked = plan(given)
        if not _options(given).show:
            asyncio.run(run_plan(asked, partial(open_model, asked.arguments.model, dtype=asked.dtype), told=told))
        made = page(asked)
        for line in made.sentences:
            print(line)
        for file in write(made, asked.out):
            print(f"written: {file}", file=sys.stderr)
    except PlannealError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
    except KeyboardInterrupt:
        raise SystemExit("interrupted; run the same command again to go on") from None


if __name__ == "__main__":
    main()
