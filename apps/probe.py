"""``planneal probe``: asks a run's model again, for what only that can tell, and writes it beside the run."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..decoders.registry import is_local, load_model
from ..planner.errors import ConfigError, RunError
from .exits import guard
from .options import BaseUrl, Json, Quiet, Seed, model_options
from .progress import Progress
from .screen import Level, Screen, console, put_table, row, table, write_json

if TYPE_CHECKING:
    from ..experiments.probes import Summary


def probe(
    ctx: typer.Context,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, finished or not.")],
    methods: Annotated[
        str, typer.Option("--methods", metavar="NAMES", help="Whose plans, with commas between.")
    ] = "planneal",
    problems: Annotated[
        int, typer.Option("--problems", min=1, metavar="N", help="Most problems, one plan of each method.")
    ] = 100,
    seed: Seed = 0,
    changes: Annotated[
        int, typer.Option("--changes", min=1, metavar="N", help="Items of a plan changed in each of three ways.")
    ] = 1,
    links: Annotated[
        bool, typer.Option("--links", help="Also runs the method again with gold in place of each link.")
    ] = False,
    path: Annotated[
        str, typer.Option("--path", metavar="PATH", help="The published set's file, for runs of one.")
    ] = "",
    base_url: BaseUrl = None,
    parallel: Annotated[int, typer.Option("--parallel", min=1, metavar="N", help="Most plans under way at once.")] = 16,
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Asks a run's model again about a sample of its plans: fluff, ignored plans, leakage, and what each link loses.

    Writes extra.json into the run's folder, for planneal report. What was paid for is kept: the same command goes on.
    """
    with guard():
        from ..experiments.probes import Probing
        from ..experiments.probes import probe as ask

        names = tuple(dict.fromkeys(part.strip() for part in methods.split(",") if part.strip()))
        if not names:
            raise ConfigError(f"--methods {methods!r}: give names with commas between")
        asked = Probing(names, problems, seed, changes, links, path)
        name, numbers = _model(run)
        dtype = {"dtype": numbers} if numbers and is_local(name) else {}  # as the run had it, whatever it was
        load = partial(load_model, name, **model_options(ctx, name, base_url), **dtype)
        with Screen(Level.QUIET if quiet or json_ else Level.NORMAL) as screen:
            with Progress(screen, time.monotonic, "plans") as progress:
                found = asyncio.run(ask(run, asked, load, width=parallel, told=progress.at))
            _tell(found, json_)
            if not found.finished:
                screen.say("the run is unfinished: this is of what there is, and may change", style="yellow")
            for note in found.made.notes:
                screen.say(note, style="yellow")
            tokens = sum(used.tokens for used in found.made.cost.values())
            screen.say(f"{found.made.answers} answers, {tokens:,} tokens, of them {found.paid} answers asked for now")
            screen.say(f"written: {found.file}; planneal report {run} shows it")


def _model(run: Path) -> tuple[str, str]:
    """The model string of a run, and what it computed with."""
    from ..experiments.runs.arguments import kept_arguments
    from ..experiments.runs.store import Store

    with Store.open(run) as store:
        name = kept_arguments(store.meta, run).get("model")
        if not isinstance(name, str):
            raise RunError(f"the run in {run} does not say which model it asked; run it anew")
        return name, store.meta.get("model_numbers", "")


def _tell(found: Summary, as_json: bool) -> None:
    if as_json:
        entries = [entry.model_dump(mode="json") for entry in found.measured]
        gold = [entry.model_dump(mode="json") for entry in found.links]
        write_json({"file": str(found.file), "measured": entries, "links": gold, "paid": found.paid})
        return
    out = console()
    listed = table(out, "method", "task", "what", "value", "95%", "n", right=("value", "95%", "n"))
    for entry in found.measured:
        task = f"{entry.family} {entry.level}".strip()
        ends = f"{100 * entry.low:.1f} to {100 * entry.high:.1f}"
        row(listed, entry.method, task, entry.mode, f"{entry.value:.1%}", ends, f"{entry.n} {entry.unit}")
    for link in found.links:
        task = f"{link.family} {link.level}".strip()
        ends = "-" if link.gain_low is None else f"{100 * link.gain_low:+.1f} to {100 * (link.gain_high or 0.0):+.1f}"
        row(listed, link.method, task, f"gain: {link.link}", f"{100 * link.gain:+.1f}", ends, f"{link.n} problems")
    put_table(out, listed)


__all__ = ["probe"]
