"""``planneal show`` and ``planneal replay``: what a recorded run says, and whether it can be repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..decoders.base import LanguageModel
from ..pipeline import Pipeline
from ..planner.events import RunFinished, RunStarted
from ..planner.trace import header, read_trace
from ..settings import Settings
from .exits import Exit, guard
from .options import Json, Prompts
from .problems import put_again
from .screen import Level, console, put, write_json, write_out
from .show import Narrator, tell_end, tell_header

TracePath = Annotated[Path, typer.Argument(metavar="TRACE", help="A file that solve --trace made.")]


def show(trace: TracePath) -> None:
    """Prints a recorded run: first plan, every edit with what decided it, chosen plan, answer, cost."""
    with guard():
        out = console()
        narrator = Narrator(out, Level.VERBOSE)
        finished = False
        for event in read_trace(trace):
            if isinstance(event, RunStarted):
                tell_header(out, event)
            narrator.tell(event)
            if isinstance(event, RunFinished):
                finished = True
                tell_end(out, event)
        if not finished:
            put(out, "the trace ends here: the run was cut off or failed", "yellow")


def replay(trace: TracePath, prompts: Prompts = None, json_: Json = False) -> None:
    """Runs a trace again without a language model and says whether every decision is the same.

    What the model answered comes from the trace; drafting, judging, accepting and stopping are done anew.
    """
    from ..replay import replay as rerun

    def make(model: LanguageModel, settings: Settings) -> Pipeline:
        judges = problem.judges(model, settings) if problem is not None else None
        observe = problem.observe() if problem is not None else None
        return Pipeline(
            model, settings=settings, prompts=prompts, verifiers=judges, observe=observe, clock=lambda: 0.0
        )

    with guard():
        recorded = list(read_trace(trace))
        start = header(recorded)
        problem = put_again(start.task, start.seed)
        found = rerun(recorded, pipeline=make)
        code = Exit.OK if found.same else Exit.DIVERGED
        if json_:
            write_json(
                {
                    **found.model_dump(mode="json", include={"same", "events", "divergence", "stopped_by"}),
                    "value": found.result.value if found.result else None,
                    "exit_code": int(code),
                }
            )
        elif found.same:
            until = f", up to where the recorded run was stopped ({found.stopped_by})" if found.stopped_by else ""
            write_out(f"same: {found.events} events, every decision repeated{until}")
        else:
            put(console(), f"different: {found.divergence}")
        raise typer.Exit(code)
