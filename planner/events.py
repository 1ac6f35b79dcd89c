"""Typed events: everything a run says about itself, in the order of the trace.

Events are frozen and serialise to one JSON object each. Times are in fields of their own (``t``, ``seconds``,
``verifier_seconds``) so that traces of equal runs are equal once these are masked, see
:func:`planneal.planner.trace.masked`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, TypeAdapter, field_validator

from .ledger import Budget, Role, Usage
from .task import Task

SCHEMA_VERSION = 1
"""Version of the trace format; a reader refuses versions it does not know."""


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    t: float = 0.0


class RunStarted(_Event):
    """The header of a trace: everything needed to run again."""

    kind: Literal["run_started"] = "run_started"
    schema_version: int = SCHEMA_VERSION
    planneal: str
    task: Task
    model: str
    seed: int
    budget: Budget
    settings: Mapping[str, Any] = Field(default_factory=dict)
    capabilities: Mapping[str, Any] = Field(default_factory=dict)
    prompts: Mapping[str, str] = Field(default_factory=dict)


class ModelCalled(_Event):
    """One request to a language model, with all it answered: what replay feeds on."""

    kind: Literal["model_called"] = "model_called"
    role: Role
    chain: int
    method: Literal["sample", "score"] = "sample"
    key: str
    request: Mapping[str, Any]
    response: Mapping[str, Any] | None = None
    error: str | None = None
    error_type: str | None = None
    usage: Usage = Usage()


class Bounded(_Event):
    """Token counts of prompts (by the prompt's key) that budget decisions rest on."""

    kind: Literal["bounded"] = "bounded"
    chain: int
    bounds: Mapping[str, int]


class PlanDrafted(_Event):
    """A first plan, with what the verifiers hold against it."""

    kind: Literal["plan_drafted"] = "plan_drafted"
    chain: int
    plan: str
    energy: Mapping[str, Any]
    witnesses: tuple[str, ...] = ()
    restart: int = 0


class PlansCompared(_Event):
    """A judge compared a proposed plan (first) with the incumbent (second); the step that it decided follows."""

    kind: Literal["plans_compared"] = "plans_compared"
    chain: int
    step: int
    judge: str
    comparison: Mapping[str, Any] | None = None
    abstained: str = ""
    probability: float | None = None
    u: float
    usage: Usage = Usage()

    @field_validator("probability")
    @classmethod
    def _finite(cls, value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None


class StepTaken(_Event):
    """One step: what was proposed, how it was judged, and what became of it."""

    kind: Literal["step_taken"] = "step_taken"
    chain: int
    step: int
    operator: str = ""
    edit: str = ""
    answers: tuple[str, ...] = ()
    decision: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any] | None = None
    delta: float | None = None
    limit: float
    u: float
    temperature: float
    stages: tuple[str, ...] = ()
    witnesses: tuple[str, ...] = ()
    judged: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    abstained: Mapping[str, str] = Field(default_factory=dict)
    usage: Usage = Usage()
    plan: str | None = None

    @field_validator("delta")
    @classmethod
    def _finite(cls, value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None


class ChainStopped(_Event):
    """A chain ended, and why."""

    kind: Literal["chain_stopped"] = "chain_stopped"
    chain: int
    step: int
    reason: str
    detail: str = ""
    best: float


class PlanChosen(_Event):
    """The plan that the answer is conditioned on."""

    kind: Literal["plan_chosen"] = "plan_chosen"
    chain: int
    plan: str
    energy: Mapping[str, Any]
    reason: str
    solved: bool
    finalists: int = 1


class AnswerDecoded(_Event):
    """One decoded answer; ``final`` marks the one that is returned."""

    kind: Literal["answer_decoded"] = "answer_decoded"
    attempt: int
    answer: Mapping[str, Any]
    final: bool


class PlanReported(_Event):
    """What a judge that did not steer says of the chosen plan; told where the pipeline names one."""

    kind: Literal["plan_reported"] = "plan_reported"
    judge: str
    score: float | None = None
    verdicts: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    witnesses: tuple[str, ...] = ()
    comparison: Mapping[str, Any] | None = None
    abstained: str = ""
    usage: Usage = Usage()


class Warned(_Event):
    """Something that the user should know and that did not stop the run."""

    kind: Literal["warned"] = "warned"
    message: str


class RunFinished(_Event):
    """The end of a trace: why it stopped and what it spent."""

    kind: Literal["run_finished"] = "run_finished"
    stop_reason: str
    detail: str = ""
    spent: Usage
    by_role: Mapping[str, Usage]


Event = Annotated[
    RunStarted
    | ModelCalled
    | Bounded
    | PlanDrafted
    | PlansCompared
    | StepTaken
    | ChainStopped
    | PlanChosen
    | AnswerDecoded
    | PlanReported
    | Warned
    | RunFinished,
    Discriminator("kind"),
]
EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads any event from JSON or a dict."""
