"""``planneal compare``: methods on the same problems over a ladder of budgets, into a folder that is resumed."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..decoders.base import LanguageModel
from ..decoders.registry import load_model
from ..planner.errors import ConfigError, MissingExtra
from .exits import Exit, guard
from .options import BaseUrl, Json, ModelName, Quiet, Seed, model_options
from .progress import Progress
from .screen import Level, Screen, console, put, put_table, row, table, write_json

if TYPE_CHECKING:
    from ..experiments.runs.arguments import Arguments
    from ..experiments.runs.driver import Stopping, Summary
    from ..experiments.runs.engine import Engine

DISCORDANCES = (0.1, 0.2, 0.3)
"""Shares of problems that only one of two methods gets right, for which the power is stated."""


def compare(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The run's folder; an unfinished run goes on.")
    ] = None,
    family: Annotated[
        str | None, typer.Option("--family", metavar="NAME", help="A problem family, or MODULE:NAME of your own.")
    ] = None,
    difficulty: Annotated[
        str | None,
        typer.Option(
            "--difficulty",
            metavar="LEVELS",
            help="A level, a size such as 12, needed steps such as 6steps; several with commas between.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="NAME=PATH", help="A published set, or MODULE:NAME=PATH of your own."),
    ] = None,
    n: Annotated[int, typer.Option("--n", metavar="N", help="How many problems, of each difficulty.")] = 100,
    methods: Annotated[
        str,
        typer.Option(
            "--methods", metavar="NAMES", help="all, peers, names with commas between, NAME+VERIFIER, MODULE:NAME."
        ),
    ] = "all",
    model: ModelName = "embedded",
    base_url: BaseUrl = None,
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="NAME",
            help="What a local model computes with: float32, or bfloat16 where the processor has units for it.",
        ),
    ] = None,
    budgets: Annotated[
        str, typer.Option("--budgets", metavar="TOKENS", help="Caps on all tokens of an attempt, with commas between.")
    ] = "500,1000,2000,4000",
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Seeds for methods that draw at random.")] = 3,
    seed: Seed = 0,
    engine: Annotated[str, typer.Option("--engine", metavar="NAME", help="local or ray.")] = "local",
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, metavar="N", help="Most attempts under way at once in one process.")
    ] = 16,
    workers: Annotated[int, typer.Option("--workers", min=1, metavar="N", help="Processes, with --engine ray.")] = 2,
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", metavar="ADDRESS", help="A Ray cluster's, or auto.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Says what would be run and what it could show; runs nothing.")
    ] = (False),
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Runs methods on the same problems at the same budgets and keeps every attempt, its cost and its grade.

    The same command run again goes on where it was ended, however that was. Engine and --parallel may change then.
    """
    with guard():
        arguments = _arguments(
            family=family, difficulty=difficulty, data=data, n=n, methods=methods, model=model, budgets=budgets,
            seeds=seeds, seed=seed,
        )  # fmt: skip
        if plan:
            _tell_plan(arguments, json_)
            return
        if out is None:
            raise ConfigError("give the run's folder: --out DIR (or --plan to see what would be run)")
        load = partial(load_model, model, **model_options(ctx, model, base_url, dtype))
        made = _engine(engine, arguments, load, parallel, workers, ray_address)
        with Screen(Level.QUIET if quiet or json_ else Level.NORMAL) as screen:
            summary = _drive(arguments, out, made, screen)
        _tell_rows(out, json_)
        _tell_end(summary, screen)
        if summary.done < summary.cells:
            raise typer.Exit(Exit.INTERRUPTED)


def _arguments(*, methods: str, budgets: str, data: str | None, **given: Any) -> Arguments:
    from ..experiments.runs.arguments import Arguments
    from ..experiments.runs.registry import names_of

    name, equals, path = (data or "").partition("=")
    if data is not None and not (name and equals and path):
        raise ConfigError(f"--data {data}: give the set's name and its file, such as gsm8k=test.jsonl")
    try:
        caps = tuple(int(part) for part in budgets.split(","))
    except ValueError:
        raise ConfigError(f"--budgets {budgets}: give whole numbers of tokens with commas between") from None
    names = names_of(methods, ceilings=data is None)
    return Arguments.checked(methods=names, budgets=caps, data=name or None, path=path, **given)


def _engine(
    name: str, arguments: Arguments, load: Callable[[], LanguageModel], parallel: int, workers: int, address: str | None
) -> Engine:
    from ..experiments.runs.bench import Recipe
    from ..experiments.runs.local import LocalEngine
    from ..experiments.runs.ray_engine import RayEngine

    recipe = Recipe(load, arguments.methods, arguments.source())
    if name == "local":
        return LocalEngine(recipe, parallel)
    if name == "ray":
        return RayEngine(recipe, workers=workers, width=parallel, address=address)
    raise ConfigError(f"no engine {name!r}; there are local and ray")


def _drive(arguments: Arguments, folder: Path, engine: Engine, screen: Screen) -> Summary:
    """Runs it. A first Ctrl-C ends it when what is under way is done, a second one at once."""
    from ..experiments.runs.driver import Stopping, run

    stopping = Stopping()
    screen.say(_power_line(arguments.problems))

    async def go() -> Summary:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()
        with suppress(NotImplementedError):  # where signals do not reach the loop, Ctrl-C ends it at once
            loop.add_signal_handler(signal.SIGINT, _interrupted, stopping, task, screen)
        with Progress(screen, time.monotonic) as progress:
            return await run(
                arguments, folder, engine, stopping=stopping, told=lambda done, cells, _: progress.at(done, cells)
            )

    try:
        return asyncio.run(go())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _interrupted(stopping: Stopping, task: asyncio.Task[Any], screen: Screen) -> None:
    if stopping.asked:
        task.cancel()
        return
    stopping.ask()
    screen.say("finishing what is under way; Ctrl-C again drops it", style="yellow")


def _tell_plan(arguments: Arguments, as_json: bool) -> None:
    from ..experiments.runs.registry import make

    cells = {
        name: arguments.problems * len(arguments.budgets) * (arguments.seeds if make(name).seeded else 1)
        for name in arguments.methods
    }
    each = sum(arguments.budgets) / len(arguments.budgets)
    told: dict[str, Any] = {"cells": sum(cells.values()), "tokens_at_most": round(sum(cells.values()) * each)}
    if as_json:
        write_json({**told, "methods": cells, "least_difference": _least(arguments.problems)})
        return
    out = console()
    listed = table(out, "method", "attempts", "tokens at most", right=("attempts", "tokens at most"))
    for name, count in cells.items():
        row(listed, name, f"{count:,}", f"{round(count * each):,}")
    row(listed, "all", f"{told['cells']:,}", f"{told['tokens_at_most']:,}")
    put_table(out, listed)
    put(out, _power_line(arguments.problems))


def _least(problems: int) -> Mapping[str, float | None]:
    """The smallest difference that so many problems show with 80% power, by discordance."""
    from ..experiments.statistics import least_difference

    found = {f"{share:g}": least_difference(problems, share) for share in DISCORDANCES}
    return {share: None if least != least else round(least, 4) for share, least in found.items()}


def _power_line(problems: int) -> str:
    try:
        least = _least(problems)
    except MissingExtra as error:
        return f"power not stated: {error}"
    shown = [
        f"{'none' if value is None else f'{100 * value:.1f} points'} where they differ on {float(share):.0%}"
        for share, value in least.items()
    ]
    return (
        f"power, stated before the run: {problems} problems show (with 80%, McNemar at 5%, one comparison) a "
        f"difference between two methods of {'; '.join(shown)} of the problems"
    )


def _tell_rows(folder: Path, as_json: bool) -> None:
    from ..experiments.runs.store import Store

    groups: dict[tuple[str, int], list[tuple[bool, int]]] = {}
    with Store.open(folder) as store:
        for attempt in store.attempts(events=False):
            cell = groups.setdefault((attempt.method, attempt.budget), [])
            cell.append((attempt.right, attempt.spent.tokens))
    out = console()
    listed = table(
        out, "method", "budget", "right", "attempts", "tokens", right=("budget", "right", "attempts", "tokens")
    )
    for (method, budget), found in groups.items():
        right, tokens = sum(ok for ok, _ in found), sum(spent for _, spent in found) / len(found)
        if as_json:
            write_json(
                {"method": method, "budget": budget, "right": right, "attempts": len(found), "tokens": round(tokens, 1)}
            )
        row(listed, method, f"{budget:,}", f"{right / len(found):.1%}", str(len(found)), f"{tokens:,.0f}")
    if not as_json:
        put_table(out, listed)


def _tell_end(summary: Summary, screen: Screen) -> None:
    if summary.miscounted:
        screen.say(f"{summary.miscounted} attempts have a ledger that is not what the model counted", style="red")
    if summary.overspent:
        screen.say(f"{summary.overspent} attempts passed their budget", style="red")
    if summary.done < summary.cells:
        screen.say(
            f"{summary.done} of {summary.cells} attempts are in {summary.folder}; run the same command again to go on",
            style="yellow",
        )
    else:
        screen.say(f"all {summary.cells} attempts are in {summary.folder}")


__all__ = ["compare"]
