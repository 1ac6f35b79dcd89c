"""``planneal demo``: one problem step by step, then plan refinement beside its rivals on a few dozen problems."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ..decoders.base import LanguageModel
from ..planner.task import Task
from ..run import Result, Run
from .exits import guard
from .options import Json, Seed, open_model
from .screen import Level, Screen, console, put, put_table, row, table, write_json
from .show import Narrator, tell_answer, tell_spent
from .solve import as_object, drive, exit_of

if TYPE_CHECKING:
    from ..experiments.comparison import MethodRow

QUICK = 8
"""Problems of a quick comparison."""


def demo(
    ctx: typer.Context,
    problems: Annotated[int, typer.Option(min=1, metavar="N", help="Problems in the comparison.")] = 40,
    quick: Annotated[bool, typer.Option("--quick", help=f"At most {QUICK} problems.")] = False,
    seed: Seed = 0,
    json_: Json = False,
) -> None:
    """Shows the embedded model refine a plan, then compares it with other ways to spend tokens.

    Both parts run on this machine alone: no key, no download.
    """
    with guard():
        count = min(problems, QUICK) if quick else problems
        with Screen(Level.QUIET if json_ else Level.NORMAL) as screen:
            screen.status("loading the embedded model")
            model = open_model(ctx, "embedded", None)
            result = _example(seed, model, screen, None if json_ else console())
            rows = _compare(count, seed, model, screen)
        if json_:
            example = as_object(result, exit_of(result, False))
            write_json({"example": example, "rows": [_plain(entry) for entry in rows]})
        else:
            _tell_rows(console(), rows, count)


def _example(seed: int, model: LanguageModel, screen: Screen, out: Console | None) -> Result:
    """Runs one problem and tells it, unless ``out`` is None."""
    from ..experiments.demo import EXAMPLE_NOTE, LEGEND, example_events

    task, _, run = example_events(seed, model)
    narrator = Narrator(out or screen.err, Level.QUIET if out is None else Level.VERBOSE, answers=False)
    if out is not None:
        _tell_task(out, task, LEGEND if seed else f"{EXAMPLE_NOTE} {LEGEND}")
    if drive(run, screen, narrator):
        raise KeyboardInterrupt
    result = run.result
    if out is not None:
        _tell_result(out, result, run)
    return result


def _tell_task(out: Console, task: Task, note: str) -> None:
    put(out, "One problem, step by step", "bold underline")
    put(out, note, "dim")
    out.print()
    put(out, task.question)
    out.print()


def _tell_result(out: Console, result: Result, run: Run) -> None:
    out.print()
    if result.answer is None:
        put(out, "no answer: " + "; ".join(result.warnings), "red")
    else:
        tell_answer(out, result.answer.model_dump(mode="json"), "answer")
    tell_spent(out, result.by_role, run.ledger.spent)


def _compare(count: int, seed: int, model: LanguageModel, screen: Screen) -> list[MethodRow]:
    from ..experiments.demo import compare

    told: set[str] = set()

    def progress(method: str, done: int, total: int) -> None:
        screen.status(f"comparing: {method}, {done} of {total} problems")
        if done == total and method not in told and not screen.err.is_terminal:
            told.add(method)
            screen.say(f"compared: {method}, {total} problems")

    return asyncio.run(compare(count, seed, progress, model))


def _tell_rows(out: Console, rows: Sequence[MethodRow], count: int) -> None:
    out.print()
    put(out, f"{count} fresh problems, the same for every method; means per problem", "bold underline")
    out.print()
    right = ("correct", "95% interval", "prompt tokens", "completion tokens", "seconds")
    made = table(out, "method", *right, right=right)
    for entry in rows:
        row(
            made,
            entry.method,
            f"{entry.correct}/{entry.problems} ({entry.correct / max(1, entry.problems):.0%})",
            f"{entry.wilson_low:.0%} to {entry.wilson_high:.0%}",
            f"{entry.prompt_tokens:.0f}",
            f"{entry.completion_tokens:.0f}",
            f"{entry.seconds:.2f}",
        )
    put_table(out, made)


def _plain(entry: MethodRow) -> dict[str, Any]:
    names = (
        "method",
        "problems",
        "correct",
        "wilson_low",
        "wilson_high",
        "prompt_tokens",
        "cached_prompt_tokens",
        "completion_tokens",
        "seconds",
    )
    return {name: getattr(entry, name) for name in names}
