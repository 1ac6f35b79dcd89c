"""``planneal report``: one page from a run, with its verdict at the top."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .exits import guard
from .options import Json, Quiet
from .screen import Level, Screen, console, put, write_json


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Folder of a run; several give one page.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where it is written; by default into the first run.")
    ] = None,
    primary: Annotated[
        str, typer.Option("--primary", metavar="METHOD", help="The method that is judged.")
    ] = "planneal",
    weight: Annotated[
        float, typer.Option("--weight", metavar="CACHED_WEIGHT", help="What a cached prompt token counts, 0 to 1.")
    ] = 1.0,
    axis: Annotated[
        str,
        typer.Option("--axis", metavar="NAME", help="tokens, completion, flops, calls, verifier_seconds or seconds."),
    ] = "tokens",
    json_: Json = False,
    quiet: Quiet = False,
) -> None:
    """Writes a run's report: an HTML page, Markdown, JSON, CSV and PNG files.

    At its top stands one sentence: keep or kill, for which tasks, at which budgets.
    """
    with guard():
        from ..experiments.report import Asked, facts, write
        from ..experiments.report.page import decision

        with Screen(Level.QUIET if quiet or json_ else Level.NORMAL) as screen:
            screen.status("reading and computing")
            found = facts(runs, Asked(primary, axis, weight))
            written = write(found, out or runs[0] / "report")
            if json_:
                told = [str(path) for path in written]
                write_json({"decision": decision(found), "headline": found.headline, "files": told})
            else:
                put(console(), found.headline)
            screen.say(f"written: {written[0]} and {len(written) - 1} files beside it")


__all__ = ["report"]
