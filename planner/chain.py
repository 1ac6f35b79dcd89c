"""What a chain carries from step to step, and what is told of a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from .comparison import Contest
from .energy import Anchor, Energy
from .ledger import Usage
from .plan import Plan
from .proposal import Proposal, ProposerState
from .schedules import ScheduleState
from .verdicts import Assessment
from .witnesses import Witness

Decision = Literal[
    "accepted",
    "worse",
    "early",
    "lost",
    "undecided",
    "malformed",
    "invalid",
    "unchanged",
    "reused_id",
    "nan",
    "no_room",
    "no_proposal",
]


@dataclass(frozen=True)
class Judged:
    """A plan with what was said of it.

    Attributes:
        plan: The plan.
        assessments: One per verifier, cheapest first.
        energy: The energy they add up to.
    """

    plan: Plan
    assessments: tuple[Assessment, ...]
    energy: Energy

    @property
    def witnesses(self) -> tuple[Witness, ...]:
        """Every witness of every verifier, cheapest verifier first, without repetition."""
        found: dict[Witness, None] = {}
        for assessment in self.assessments:
            found.update(dict.fromkeys(assessment.witnesses))
        return tuple(found)


@dataclass(frozen=True)
class Chain:
    """Everything the next step needs.

    Attributes:
        index: Number of the chain.
        current: The incumbent.
        best: The best plan seen.
        anchor: How much the draft asked of itself.
        schedule: State of the temperature schedule.
        proposer: State of the proposer.
        pending: Proposals of the last model call that are not judged yet.
        retired: Ids deleted in this chain.
        rejected: Lines of edits rejected on the incumbent.
        step: Steps made.
        stalled: Steps since the incumbent's plan last changed.
        since_best: Steps since the best energy last fell.
        draw: Number of the draw for noisy verifiers.
        restarts: Restarts made.
        finalists: Plans kept for the final choice, best first; empty where only ``best`` is in question.
        standing: Strength of ``current`` relative to the first draft, nats, summed over the comparisons on the way; 0
            without a judge that compares.
        best_standing: The same of ``best``.
    """

    index: int
    current: Judged
    best: Judged
    anchor: Anchor
    schedule: ScheduleState
    proposer: ProposerState
    pending: tuple[Proposal, ...] = ()
    retired: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    step: int = 0
    stalled: int = 0
    since_best: int = 0
    draw: int = 0
    restarts: int = 0
    finalists: tuple[Judged, ...] = ()
    standing: float = 0.0
    best_standing: float = 0.0


@dataclass(frozen=True)
class StepInfo:
    """What a person wants to know of a step.

    Attributes:
        decision: ``accepted``, or why not.
        proposal: The proposal, None where there was none.
        delta: ``E(new) - E(old)``; NaN where the proposal was not fully judged.
        limit: The largest difference that would have been accepted, given what earlier draws let through.
        u: The uniform draw that decided.
        temperature: Temperature of the step.
        new: The proposed plan as far as it was judged, None where it did not apply.
        stages: Verifiers that were asked, in order.
        usage: What the step cost.
        reason: One line in words.
        contest: The comparison with the incumbent that came last, None where none was asked for.
    """

    decision: Decision
    proposal: Proposal | None
    delta: float
    limit: float
    u: float
    temperature: float
    new: Judged | None = None
    stages: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    reason: str = ""
    contest: Contest | None = None

    @property
    def accepted(self) -> bool:
        """Whether the proposal became the incumbent."""
        return self.decision == "accepted"


def outcomes(judged: Judged) -> Mapping[str, Mapping[str, float]]:
    """Scores by verifier and item, for traces and for convergence tests."""
    return {a.verifier: {i: v.score for i, v in a.verdicts.items()} for a in judged.assessments}
