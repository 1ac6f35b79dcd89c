"""``planneal solve``: one question from the shell to an answer with citations."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Annotated, Any

import typer

from ..pipeline import Pipeline
from ..planner.errors import ConfigError
from ..planner.ledger import Budget
from ..planner.notation import format_plan
from ..run import Result, Run
from .exits import Exit, guard
from .options import (
    BaseUrl,
    Json,
    ModelName,
    Prompts,
    Quiet,
    Seed,
    Verbose,
    from_environment,
    open_model,
    read_question,
    read_settings,
    read_task,
)
from .problems import Difficulty, Put
from .screen import Level, Screen, clean, write_json, write_out
from .show import Narrator, tell_spent


def level_of(ctx: typer.Context, quiet: bool, verbose: bool) -> Level:
    """The level that two flags mean; one that was typed wins over one from the environment.

    Raises:
        ConfigError: Both were given.
    """
    if quiet and verbose:
        quiet, verbose = (not from_environment(ctx, name) for name in ("quiet", "verbose"))
    if quiet == verbose and quiet:
        raise ConfigError("give --quiet or --verbose, not both")
    return Level.QUIET if quiet else Level.VERBOSE if verbose else Level.NORMAL


def solve(
    ctx: typer.Context,
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", help="The question; - reads it.")] = None,
    file: Annotated[str | None, typer.Option("--file", "-f", metavar="FILE", help="Reads the question.")] = None,
    family: Annotated[
        str | None,
        typer.Option("--family", metavar="NAME", help="Puts problem --seed of this family instead of a question."),
    ] = None,
    difficulty: Difficulty = None,
    model: ModelName = "embedded",
    base_url: BaseUrl = None,
    constraint: Annotated[
        list[str] | None,
        typer.Option("--constraint", "-c", metavar="ITEM", help="What must hold, such as 'wigs > 0'; repeatable."),
    ] = None,
    goal: Annotated[str, typer.Option("--goal", metavar="TEXT", help="What is to be found, in one line.")] = "",
    target: Annotated[
        str | None, typer.Option("--target", metavar="EXPR", help="Expression that the answer is the value of.")
    ] = None,
    budget_tokens: Annotated[int | None, typer.Option(min=0, metavar="N", help="Cap on all tokens.")] = None,
    budget_completion_tokens: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Cap on completion tokens.")
    ] = None,
    budget_calls: Annotated[int | None, typer.Option(min=0, metavar="N", help="Cap on requests, with retries.")] = None,
    budget_seconds: Annotated[float | None, typer.Option(min=0, metavar="S", help="Cap on wall seconds.")] = None,
    seed: Seed = 0,
    settings: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="Settings as .toml or .json.")
    ] = None,
    rule: Annotated[
        str | None, typer.Option(metavar="NAME", help="greedy, metropolis (default), barker or threshold.")
    ] = None,
    schedule: Annotated[str | None, typer.Option(metavar="NAME", help="constant, geometric (default) or lam.")] = None,
    chains: Annotated[int | None, typer.Option(metavar="N", help="Chains side by side (default 1).")] = None,
    max_steps: Annotated[int | None, typer.Option(metavar="N", help="Most steps per chain (default 48).")] = None,
    verifier: Annotated[
        list[str] | None,
        typer.Option("--verifier", metavar="NAME", help="Verifier instead of the default ones; repeatable."),
    ] = None,
    prompts: Prompts = None,
    trace: Annotated[
        Path | None, typer.Option("--trace", metavar="FILE", help="Records the run as JSON lines, to a new file.")
    ] = None,
    json_: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Answers a question: drafts a plan, refines it, and decodes an answer that cites it.

    Standard output carries the answer and nothing else. Progress, warnings, and the plan where there is no answer go
    to standard error, and with --family the question, and at the end whether the answer is right. The first Ctrl-C
    ends the refinement with the best plan so far, a second one breaks off.
    """
    with guard():
        level = level_of(ctx, quiet, verbose)
        if question is not None and from_environment(ctx, "file"):
            file = None
        asked = {"question": question, "file": file, "constraint": constraint, "target": target, "goal": goal}
        put = None if family is None else _put(ctx, family, seed, difficulty, asked)
        if put is None and difficulty is not None and not from_environment(ctx, "difficulty"):
            raise ConfigError("--difficulty is for a problem of --family NAME")
        task = put.task if put else read_task(ctx, read_question(question, file), constraint or [], target, goal)
        tuned = read_settings(
            settings, rule=rule, schedule=schedule, chains=chains, max_steps=max_steps, verifiers=verifier or None
        )
        budget = Budget(
            tokens=budget_tokens, completion_tokens=budget_completion_tokens, calls=budget_calls, seconds=budget_seconds
        )
        with Screen(level) as screen:
            if put is not None:
                screen.say(task.question)
            loaded = open_model(ctx, model, base_url)
            judges = put.judges(loaded, tuned) if put is not None else None
            observe = put.observe() if put is not None else None
            pipeline = Pipeline(loaded, settings=tuned, prompts=prompts, verifiers=judges, observe=observe)
            run = pipeline.stream(task, budget=budget, seed=seed, trace=trace)
            interrupted = drive(run, screen, Narrator(screen.err, level))
            result = run.result
        code = exit_of(result, interrupted)
        graded = {} if put is None else {"problem": put.id, "right": asyncio.run(put.right(result.text, screen))}
        report(result, screen, code, as_json=json_, trace=trace, graded=graded)
        raise typer.Exit(code)


def _put(ctx: typer.Context, family: str, seed: int, difficulty: str | None, asked: Mapping[str, object]) -> Put | None:
    """The problem of a family, None where the family comes from the environment and a question was typed.

    Raises:
        ConfigError: A question was given as well, or there is no such family or difficulty.
    """
    typed = [name for name, value in asked.items() if value and not from_environment(ctx, name)]
    if typed and from_environment(ctx, "family"):
        return None
    if typed:
        raise ConfigError(f"--family puts a whole problem; leave out {', '.join(typed)}")
    return Put(family, seed, difficulty)


def drive(run: Run, screen: Screen, narrator: Narrator) -> bool:
    """Runs to the end and shows it; whether the user asked to stop.

    Args:
        run: A run that has not started.
        screen: Gets the live line.
        narrator: Gets the events.

    Raises:
        KeyboardInterrupt: The user broke off before there was any plan.
        PlannealError: Whatever the run raises.
    """

    async def work() -> None:
        try:
            async for event in run:
                narrator.tell(event)
                screen.status(narrator.live(run.ledger.spent.tokens))
        finally:
            await run.pipeline.model.aclose()

    with stoppable(run, told=screen.level > Level.QUIET) as stopped:
        try:
            asyncio.run(work())
        except KeyboardInterrupt:
            stopped.set()
            try:
                _ = run.result
            except ConfigError:
                raise KeyboardInterrupt from None
    return stopped.is_set()


@contextmanager
def stoppable(run: Run, *, told: bool) -> Iterator[threading.Event]:
    """Turns the first Ctrl-C into an orderly end of the run while it is open; the event says whether there was one."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return

    def first(number: int, frame: FrameType | None) -> None:
        stopped.set()
        run.interrupt()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if told:  # a plain write: the handler may have cut into the middle of a print
            os.write(2, b"\nstopping with the best plan so far (Ctrl-C again breaks off)\n")

    old = signal.signal(signal.SIGINT, first)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, old)


def exit_of(result: Result, interrupted: bool) -> Exit:
    """The exit code of a finished run."""
    if interrupted:
        return Exit.INTERRUPTED
    return Exit.OK if result.answer is not None and result.answer.faithful else Exit.UNFAITHFUL


def report(
    result: Result,
    screen: Screen,
    code: Exit,
    *,
    as_json: bool,
    trace: Path | None = None,
    graded: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Writes the answer (or the JSON object) to standard output and the rest to standard error."""
    for line in result.answer.problems if result.answer is not None else ():
        screen.say(f"unfaithful: {line}", style="red")
    if result.answer is None:
        screen.say("no answer; the best plan is:", level=Level.QUIET)
        screen.say(format_plan(result.plan), indent=2, level=Level.QUIET)
    if screen.level == Level.VERBOSE:
        tell_spent(screen.err, result.by_role, result.spent)
    screen.say(_summary(result), style="dim")
    if graded.get("right") is not None:
        screen.say("right" if graded["right"] else "wrong", style="green" if graded["right"] else "red")
    if as_json:
        write_json(as_object(result, code, trace) | dict(graded))
    elif result.answer is not None:
        write_out(clean(result.answer.text.rstrip("\n")))


def _summary(result: Result) -> str:
    state = "plan solved" if result.solved else f"plan not solved ({result.stop_reason})"
    faithful = "no answer" if result.answer is None else "faithful" if result.answer.faithful else "NOT faithful"
    cost = f"{result.spent.tokens} tokens, {result.spent.calls} calls"
    return f"{faithful}, {state}, {result.accepted} of {result.steps} edits accepted, {cost}"


def as_object(result: Result, code: Exit, trace: Path | None = None) -> dict[str, Any]:
    """A result as the one JSON object that ``--json`` prints; its fields are a promise, see ``docs/cli.md``."""
    answer = result.answer
    return {
        "answer": answer.text if answer else None,
        "value": result.value,
        "faithful": bool(answer and answer.faithful),
        "problems": list(answer.problems) if answer else [],
        "claims": [claim.model_dump(mode="json") for claim in answer.claims] if answer else [],
        "uncited": list(answer.uncited) if answer else [],
        "plan": format_plan(result.plan),
        "draft": format_plan(result.draft),
        "solved": result.solved,
        "energy": result.energy if math.isfinite(result.energy) else None,
        "stop_reason": result.stop_reason,
        "detail": result.detail,
        "steps": result.steps,
        "accepted": result.accepted,
        "spent": result.spent.model_dump(mode="json"),
        "spent_by_role": {role: usage.model_dump(mode="json") for role, usage in result.by_role.items()},
        "model": result.model,
        "seed": result.seed,
        "warnings": list(result.warnings),
        "trace": str(trace) if trace is not None else None,
        "exit_code": int(code),
    }
