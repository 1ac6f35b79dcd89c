"""Replay: a recorded trace runs again without a language model and must take the same decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from .decoders.base import LanguageModel
from .decoders.replay import ReplayModel
from .pipeline import Pipeline, run_sync
from .planner.errors import PlannealError, TraceError
from .planner.events import Event, RunStarted
from .planner.trace import header, masked, read_trace
from .run import Result
from .settings import Settings

PipelineFactory = Callable[[LanguageModel, Settings], Pipeline]
CLOCK_LIMITS = ("seconds", "verifier_seconds")
"""Caps that depend on the clock; a replay has no clock, so it compares up to where such a cap ended the run."""


class ReplayReport(BaseModel):
    """What a replay found.

    Attributes:
        same: Whether every compared event is equal, time fields apart.
        events: How many events were compared.
        divergence: The first difference in words, None where there is none.
        stopped_by: The cap on seconds or the interruption that ended the recorded run, if one did; events after it
            are not compared.
        result: The result of the re-run, None where it could not finish.
    """

    model_config = ConfigDict(frozen=True)
    same: bool
    events: int
    divergence: str | None = None
    stopped_by: str | None = None
    result: Result | None = None


def _default(model: LanguageModel, settings: Settings) -> Pipeline:
    return Pipeline(model, settings=settings, clock=lambda: 0.0)


async def areplay(trace: str | Path | Sequence[Event], *, pipeline: PipelineFactory = _default) -> ReplayReport:
    """Re-runs a trace from its recorded completions.

    Args:
        trace: Path of the trace, or its events.
        pipeline: Makes the pipeline, for runs with parts of the user's own; the shipped parts by default.

    Raises:
        TraceError: Not a trace, or the prompts have changed since it was made.
    """
    recorded = list(read_trace(trace)) if isinstance(trace, str | Path) else list(trace)
    head = header(recorded)
    made = pipeline(ReplayModel(recorded), Settings.model_validate(dict(head.settings)))
    if dict(made.prompts.hashes) != dict(head.prompts):
        changed = [role for role, digest in head.prompts.items() if made.prompts.hashes.get(role) != digest]
        raise TraceError(f"the prompts {', '.join(changed)} differ from those of the trace; give the same folder")
    budget = head.budget.model_copy(update=dict.fromkeys(CLOCK_LIMITS))
    run = made.stream(head.task, budget=budget, seed=head.seed)
    again: list[Event] = []
    failure: str | None = None
    try:
        async for event in run:
            again.append(event)
    except PlannealError as error:
        failure = f"the re-run ended with {type(error).__name__}: {error}"
    end, why = _comparable(recorded)
    divergence = _first_difference(recorded[:end], again)
    if failure is not None and (divergence is not None or why is None):
        divergence = f"{divergence}; {failure}" if divergence is not None else failure
    finished = run.result if failure is None else None
    return ReplayReport(
        same=divergence is None, events=end, divergence=divergence, stopped_by=why, result=finished
    )


def replay(trace: str | Path | Sequence[Event], *, pipeline: PipelineFactory = _default) -> ReplayReport:
    """The synchronous form of :func:`areplay`."""
    return run_sync(lambda: areplay(trace, pipeline=pipeline))


def _comparable(recorded: Sequence[Event]) -> tuple[int, str | None]:
    """How many events do not depend on the clock or on a key press, and what ended them."""
    for index, event in enumerate(recorded):
        if event.kind != "chain_stopped":
            continue
        if event.reason == "interrupted":
            return index, "interrupted"
        if event.reason == "budget" and any(event.detail.startswith(limit) for limit in CLOCK_LIMITS):
            return index, event.detail
    return len(recorded), None


def _plain(event: Event) -> str:
    if isinstance(event, RunStarted):
        event = event.model_copy(update={"budget": event.budget.model_copy(update=dict.fromkeys(CLOCK_LIMITS))})
    return masked(event)


def _first_difference(recorded: Sequence[Event], again: Sequence[Event]) -> str | None:
    for index, event in enumerate(recorded):
        if index >= len(again):
            return f"event {index + 1} ({event.kind}) of the trace did not happen again"
        if _plain(event) != _plain(again[index]):
            return f"event {index + 1} ({event.kind}): {_contrast(_plain(event), _plain(again[index]))}"
    return None


def _contrast(recorded: str, now: str) -> str:
    """The first place where two lines differ, with what leads up to it on both sides."""
    pairs = enumerate(zip(recorded, now, strict=False))
    shared = next((i for i, (a, b) in pairs if a != b), min(len(recorded), len(now)))
    start = max(0, shared - 60)
    return f"recorded ...{recorded[start : shared + 140]}... but now ...{now[start : shared + 140]}..."
