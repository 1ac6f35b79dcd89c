"""One step of refinement: ``step(rng, chain) -> (chain, info)``.

The kernel proposes an edit, lets verifiers judge it cheapest first, and accepts or rejects it. The uniform draw of the
acceptance rule is made *before* the judging, so that a proposal is rejected as soon as the terms it already has
exceed what could still be accepted: every missing term is at least zero, hence early rejection changes no decision.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from .acceptance import AcceptanceRule, accepts
from .edits import Delete, Insert, apply, parts
from .energy import Anchor, Energy, EnergyModel, difference, least_difference
from .errors import PlanError
from .ledger import Usage
from .notation import format_edit
from .plan import Plan
from .proposal import Feedback, Proposal, Proposer, ProposerState, View
from .schedules import Schedule, ScheduleState
from .task import Task
from .verdicts import Assessment
from .verifier import VerdictCache, Verifier
from .witnesses import Witness

Decision = Literal[
    "accepted", "worse", "early", "malformed", "invalid", "unchanged", "reused_id", "nan", "no_room", "no_proposal"
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


@dataclass(frozen=True)
class StepInfo:
    """What a person wants to know of a step.

    Attributes:
        decision: ``accepted``, or why not.
        proposal: The proposal, None where there was none.
        delta: ``E(new) - E(old)``; NaN where the proposal was not fully judged.
        limit: The largest difference that would have been accepted.
        u: The uniform draw.
        temperature: Temperature of the step.
        new: The proposed plan as far as it was judged, None where it did not apply.
        stages: Verifiers that were asked, in order.
        usage: What the step cost.
        reason: One line in words.
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

    @property
    def accepted(self) -> bool:
        """Whether the proposal became the incumbent."""
        return self.decision == "accepted"


@dataclass
class Kernel:
    """The parts of a step, composed.

    Attributes:
        task: The task.
        proposer: Where edits come from.
        verifiers: Who judges; sorted by stage.
        energy: The energy's weights.
        rule: The acceptance rule.
        schedule: The temperature schedule.
        cache: Verdicts kept between plans.
        clock: Seconds, injected.
        progress: Share of the run that is over, for the schedule.
        room: Whether the answer to a plan would still fit the budget; asked before a plan is accepted.
        admit: Raises ``BudgetExhausted`` where the next assessment does not fit; ``charge`` books what it cost.
        refresh_after: Rejections after which noisy verdicts on the incumbent are drawn afresh; 0 never.
    """

    task: Task
    proposer: Proposer
    verifiers: Sequence[Verifier]
    energy: EnergyModel
    rule: AcceptanceRule
    schedule: Schedule
    cache: VerdictCache = field(default_factory=VerdictCache)
    clock: Callable[[], float] = lambda: 0.0
    progress: Callable[[Chain], float] = lambda chain: 0.0
    room: Callable[[Plan], bool] = lambda plan: True
    admit: Callable[[Usage], None] = lambda worst: None
    charge: Callable[[Usage], None] = lambda usage: None
    refresh_after: int = 5

    def __post_init__(self) -> None:
        self.verifiers = tuple(sorted(self.verifiers, key=lambda verifier: verifier.stage))
        self.exact = frozenset(v.name for v in self.verifiers if v.trust == "exact")

    async def _assess(self, verifier: Verifier, plan: Plan, draw: int) -> Assessment:
        self.admit(Usage(verifier_calls=1))
        assessment = await verifier.assess(self.task, plan, cache=self.cache, draw=draw, clock=self.clock)
        self.charge(Usage(verifier_seconds=assessment.usage.verifier_seconds, verifier_calls=1))
        return assessment

    async def judge(self, plan: Plan, anchor: Anchor, draw: int = 0) -> Judged:
        """All verifiers on one plan."""
        assessments = [await self._assess(verifier, plan, draw) for verifier in self.verifiers]
        return Judged(plan, tuple(assessments), self.energy(plan, assessments, anchor, self.exact))

    async def probe(self, plan: Plan) -> tuple[Witness, ...]:
        """Witnesses that the cheapest stage finds in a plan; free of model calls."""
        cheapest = self.verifiers[0].stage if self.verifiers else 0
        found: dict[Witness, None] = {}
        for verifier in self.verifiers:
            if verifier.stage == cheapest and verifier.trust == "exact":
                found.update(dict.fromkeys((await self._assess(verifier, plan, 0)).witnesses))
        return tuple(found)

    async def init(self, index: int, plan: Plan) -> Chain:
        """A chain that starts from a drafted plan."""
        return self._start(index, await self.judge(plan, Anchor.of(plan)))

    def unjudged(self, index: int, plan: Plan) -> Chain:
        """A chain whose drafted plan nobody has judged, for when judging cannot be paid for."""
        return self._start(index, Judged(plan, (), self.energy(plan, (), Anchor.of(plan), self.exact)))

    def _start(self, index: int, judged: Judged) -> Chain:
        return Chain(index, judged, judged, Anchor.of(judged.plan), self.schedule.init(), self.proposer.init())

    async def restart(self, chain: Chain, plan: Plan) -> Chain:
        """The same chain from another plan; its best, its step count and its retired ids stay."""
        judged = await self.judge(plan, chain.anchor, chain.draw)
        better = difference(judged.energy, chain.best.energy) < 0
        return replace(
            chain,
            current=judged,
            best=judged if better else chain.best,
            pending=(),
            rejected=frozenset(),
            stalled=0,
            restarts=chain.restarts + 1,
        )

    async def step(self, rng: np.random.Generator, chain: Chain) -> tuple[Chain, StepInfo]:
        """Proposes, judges and decides once.

        Args:
            rng: The chain's generator; everything random in the step comes from it.
            chain: The state before the step.

        Returns:
            The state after it, and what happened.

        Raises:
            BudgetExhausted: A model call would not fit; the chain is as it was.
            ModelError: The model could not answer; the chain is as it was.
        """
        chain = await self._refreshed(chain)
        temperature = chain.schedule.temperature
        pending = chain.pending
        if not pending:
            pending = tuple(await self.proposer.propose(rng, self._view(chain), chain.proposer))
        u = float(rng.uniform(np.finfo(float).tiny, 1.0))
        limit = self.rule.limit(u, temperature)
        if not pending:
            info = StepInfo("no_proposal", None, math.nan, limit, u, temperature, reason="nothing was proposed")
            return self._after(chain, info), info
        chain = replace(chain, pending=pending[1:])
        info = await self._decide(chain, pending[0], limit, u, temperature)
        return self._after(chain, info), info

    def _view(self, chain: Chain) -> View:
        return View(
            task=self.task,
            plan=chain.current.plan,
            witnesses=chain.current.witnesses,
            retired=chain.retired,
            rejected=chain.rejected,
            probe=self.probe,
            temperature=chain.schedule.temperature,
            step=chain.step,
        )

    async def _refreshed(self, chain: Chain) -> Chain:
        """Draws noisy verdicts on the incumbent afresh after ``refresh_after`` rejections in a row."""
        noisy = len(self.exact) < len(self.verifiers)
        if not noisy or not self.refresh_after or not chain.stalled or chain.stalled % self.refresh_after:
            return chain
        judged = await self.judge(chain.current.plan, chain.anchor, chain.draw + 1)
        best = judged if chain.best.plan == chain.current.plan else chain.best
        return replace(chain, current=judged, best=best, draw=chain.draw + 1)

    async def _decide(self, chain: Chain, proposal: Proposal, limit: float, u: float, temperature: float) -> StepInfo:
        def rejected(decision: Decision, reason: str, delta: float = math.nan) -> StepInfo:
            return StepInfo(decision, proposal, delta, limit, u, temperature, reason=reason, usage=proposal.usage)

        if proposal.edit is None:
            return rejected("malformed", proposal.error or "malformed proposal")
        if reused := _reused(proposal, chain.retired):
            return rejected("reused_id", f"{reused} was deleted earlier and cannot come back")
        try:
            plan = apply(chain.current.plan, proposal.edit)
        except PlanError as error:
            return rejected("invalid", str(error))
        if plan == chain.current.plan:
            return rejected("unchanged", "the edit changes nothing")
        return await self._weigh(chain, proposal, plan, limit, u, temperature)

    async def _weigh(
        self, chain: Chain, proposal: Proposal, plan: Plan, limit: float, u: float, temperature: float
    ) -> StepInfo:
        """Judges stage by stage, stops as soon as the proposal cannot be accepted any more."""
        log_q = (proposal.log_q or 0.0) if self.rule.corrects else 0.0
        known: list[Assessment] = []
        asked: list[str] = []
        old = chain.current.energy
        energy = self.energy(plan, (), chain.anchor, self.exact)
        for verifier in self.verifiers:
            known.append(await self._assess(verifier, plan, chain.draw))
            asked.append(verifier.name)
            energy = self.energy.with_term(energy, plan, known[-1], chain.anchor, self.exact)
            least = least_difference(energy, old)
            if len(known) < len(self.verifiers) and not accepts(limit, least, temperature, log_q):
                decision: Decision = "nan" if math.isnan(least) else "early"
                judged = Judged(plan, tuple(known), energy)
                reason = f"already worse after {verifier.name}" + _first(known)
                return StepInfo(
                    decision, proposal, math.nan, limit, u, temperature, judged, tuple(asked), proposal.usage, reason
                )
        judged = Judged(plan, tuple(known), energy)
        delta = difference(judged.energy, old)
        decision = "accepted"
        reason = f"energy {old.total:.4f} -> {judged.energy.total:.4f}"
        if math.isnan(delta):
            decision, reason = "nan", "the energy is not a number"
        elif not accepts(limit, delta, temperature, log_q):
            decision, reason = "worse", f"worse by {delta:.4f}, at most {limit:.4f} allowed" + _first(known)
        elif not self.room(plan):
            decision, reason = "no_room", "the answer to the longer plan would not fit the budget"
        return StepInfo(
            decision, proposal, delta, limit, u, temperature, judged, tuple(asked), proposal.usage, reason
        )

    def _after(self, chain: Chain, info: StepInfo) -> Chain:
        """The chain after a decision: counters, temperature, proposer weights, best plan."""
        accepted = info.accepted and info.new is not None
        current = info.new if accepted and info.new is not None else chain.current
        best = chain.best
        if accepted and difference(current.energy, best.energy) < 0:
            best = current
        retired, rejected = chain.retired, chain.rejected
        if info.proposal is not None and info.proposal.edit is not None:
            if accepted:
                retired = retired | {p.id for p in parts(info.proposal.edit) if isinstance(p, Delete)}
                rejected = frozenset()
            else:
                rejected = rejected | {format_edit(info.proposal.edit)}
        state = chain.proposer
        if info.proposal is not None:
            drop = -info.delta if accepted and math.isfinite(info.delta) else 0.0
            usage = info.proposal.usage
            tokens = usage.tokens - usage.cached_prompt_tokens
            feedback = Feedback(operator=info.proposal.operator, accepted=accepted, drop=drop, tokens=tokens)
            state = self.proposer.update(state, feedback)
            if not accepted and usage.completion_tokens:
                self.charge(Usage(rejected_tokens=usage.completion_tokens))
        moved = replace(
            chain,
            current=current,
            best=best,
            retired=retired,
            rejected=rejected,
            proposer=state,
            step=chain.step + 1,
            stalled=0 if accepted else chain.stalled + 1,
            since_best=0 if best is not chain.best else chain.since_best + 1,
        )
        return replace(moved, schedule=self.schedule.update(chain.schedule, self.progress(moved), accepted))


def _reused(proposal: Proposal, retired: frozenset[str]) -> str:
    """The first retired id that the proposal would insert again, or nothing; its own deletions count."""
    gone = set(retired)
    for part in parts(proposal.edit) if proposal.edit is not None else ():
        if isinstance(part, Insert) and part.item.id in gone:
            return part.item.id
        if isinstance(part, Delete):
            gone.add(part.id)
    return ""


def _first(known: Sequence[Assessment]) -> str:
    line = next((w.line for a in reversed(known) for v in a.verdicts.values() for w in v.witnesses), "")
    return f" ({line})" if line else ""


def outcomes(judged: Judged) -> Mapping[str, Mapping[str, float]]:
    """Scores by verifier and item, for traces and for convergence tests."""
    return {a.verifier: {i: v.score for i, v in a.verdicts.items()} for a in judged.assessments}
