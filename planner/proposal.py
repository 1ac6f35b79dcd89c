"""The proposer seam: what a proposer sees, what it returns, and the small state it carries from step to step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from .edits import Edit
from .ledger import Usage
from .plan import Plan
from .task import Task
from .witnesses import AnyWitness, Witness

Probe = Callable[[Plan], Awaitable[tuple[Witness, ...]]]


class Proposal(BaseModel):
    """One proposed edit.

    Attributes:
        operator: Which arm of the mixture made it, for instance ``lm.insert`` or ``structural.needs``.
        edit: The edit, or None where what the proposer got was malformed.
        error: Why there is no edit; such a proposal costs its tokens and is rejected.
        answers: The witnesses it is meant to resolve.
        log_q: ``ln q(back) - ln q(forth)`` where both directions are known, 0 for a symmetric move, None where the
            proposal is heuristic (no claim of detailed balance; acceptance then uses 0).
        usage: Share of the model's cost that this proposal carries.
        depth: How many witnesses of its own it resolved before being judged (ejection chain).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operator: str
    edit: Edit | None = None
    error: str = ""
    answers: tuple[AnyWitness, ...] = ()
    log_q: Annotated[float, Field(allow_inf_nan=False)] | None = None
    usage: Usage = Usage()
    depth: int = 0


class ProposerState(BaseModel):
    """What an adaptive proposer carries along: weights by operator, and whether they still adapt."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    weights: Mapping[str, float] = Field(default_factory=dict)
    tries: Mapping[str, int] = Field(default_factory=dict)
    frozen: bool = False


@dataclass(frozen=True)
class View:
    """What a proposer may look at.

    Attributes:
        task: The task.
        plan: The incumbent plan.
        witnesses: Everything the verifiers hold against it, in verifier order.
        retired: Ids that were deleted in this chain and must not come back.
        rejected: One-line forms of edits already rejected on this very plan.
        probe: Witnesses that the cheapest exact verifiers find in another plan (for ejection chains).
        temperature: The chain's temperature.
        step: The chain's step.
    """

    task: Task
    plan: Plan
    witnesses: tuple[Witness, ...]
    retired: frozenset[str]
    rejected: frozenset[str]
    probe: Probe
    temperature: float
    step: int


class Feedback(BaseModel):
    """How a proposal fared, for adaptive proposers.

    Attributes:
        operator: The proposal's operator.
        accepted: Whether it was taken.
        drop: Energy drop ``E(old) - E(new)`` if it was taken, else 0.
        tokens: Completion and uncached prompt tokens it cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operator: str
    accepted: bool
    drop: float
    tokens: int


class Proposer(ABC):
    """Proposes edits. One call may return several, each judged on its own."""

    def init(self) -> ProposerState:
        """The state before the first step."""
        return ProposerState()

    @abstractmethod
    async def propose(self, rng: np.random.Generator, view: View, state: ProposerState) -> Sequence[Proposal]:
        """Proposals for the incumbent; empty where this proposer has nothing to offer.

        Raises:
            BudgetExhausted: The next call does not fit the budget.
            ModelError: The model could not answer; the run ends with its best plan.
        """

    def update(self, state: ProposerState, feedback: Feedback) -> ProposerState:
        """The state after a proposal was judged."""
        return state
