"""One step of refinement: ``step(rng, chain) -> (chain, info)``.

The kernel proposes an edit, lets verifiers judge it cheapest first, and accepts or rejects it. The uniform draw of the
acceptance rule is made *before* the judging, so that a proposal is rejected as soon as the terms it already has
exceed what could still be accepted: every missing term is at least zero, hence early rejection changes no decision.
With ``delayed`` stages the proposal must pass a draw of its own before each of them, see
:mod:`~planneal.planner.cascade`: the same distribution in the long run, fewer dear calls, fewer acceptances.
A judge that compares plans comes last, see :mod:`~planneal.planner.contest`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .acceptance import AcceptanceRule, accepts
from .cascade import factors, held
from .chain import Chain, Decision, Judged, StepInfo
from .contest import Umpire, advanced, only
from .edits import Delete, Insert, apply, parts
from .energy import Anchor, EnergyModel, difference, least_difference
from .errors import ConfigError, PlanError
from .ledger import Usage
from .notation import format_edit
from .plan import Plan
from .proposal import Feedback, Proposal, Proposer, View
from .schedules import Schedule
from .task import Task
from .uncertainty import variance_of_difference
from .verdicts import Assessment
from .verifier import VerdictCache, Verifier
from .witnesses import Witness


@dataclass
class Kernel:
    """The parts of a step, composed.

    Attributes:
        task: The task.
        proposer: Where edits come from.
        verifiers: Who judges; sorted by stage. At most one may compare plans; it is asked last, about what the energy
            lets through.
        energy: The energy's weights.
        rule: The acceptance rule.
        schedule: The temperature schedule.
        cache: Verdicts kept between plans.
        clock: Seconds, injected.
        progress: Share of the run that is over, for the schedule.
        room: Whether the answer to a plan would still fit the budget; asked before a plan is accepted.
        admit: Raises ``BudgetExhausted`` where the next assessment does not fit; ``charge`` books what it cost.
        refresh_after: Rejections after which noisy verdicts on the incumbent are drawn afresh; 0 never. A rule that
            counts the noise (``rule.fresh``) has them drawn afresh before every step.
        delayed: Stages before which the proposal must be accepted by a draw of its own (delayed acceptance); empty:
            one draw for all stages.
        shortlist: Plans that the chain keeps for the final choice, the best by first impression.

    Raises:
        ConfigError: Delayed acceptance with a rule that it does not suit, or several judges that compare plans.
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
    delayed: Sequence[int] = ()
    shortlist: int = 1

    def __post_init__(self) -> None:
        if self.delayed and not self.rule.corrects:
            raise ConfigError(f"delayed acceptance needs a rule that keeps Boltzmann stationary, not {self.rule.name}")
        judge = only(self.verifiers)
        weight = self.energy.weight(judge.name) if judge is not None else 0.0
        judged_by = (self.task, weight, self.clock, self.admit, self.charge)
        self.umpire = Umpire(judge, *judged_by) if judge is not None else None
        self.verifiers = tuple(sorted((v for v in self.verifiers if v is not judge), key=lambda v: v.stage))
        self.factors = factors(self.verifiers, self.delayed)
        self.exact = frozenset(v.name for v in self.verifiers if v.trust == "exact")

    async def _assess(self, verifier: Verifier, plan: Plan, draw: int) -> Assessment:
        own = verifier.own_bound(self.task, plan)
        self.admit(Usage(verifier_calls=1) if own is None else own + Usage(verifier_calls=1))
        assessment = await verifier.assess(self.task, plan, cache=self.cache, draw=draw, clock=self.clock)
        if own is None:  # what a metered model was asked is charged already
            self.charge(Usage(verifier_seconds=assessment.usage.verifier_seconds, verifier_calls=1))
        else:
            self.charge(assessment.usage + Usage(verifier_calls=1))
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
        chain = Chain(index, judged, judged, Anchor.of(judged.plan), self.schedule.init(), self.proposer.init())
        return replace(chain, finalists=self._finalists(chain, judged))

    async def restart(self, chain: Chain, plan: Plan) -> Chain:
        """The same chain from another plan; its best, its step count and its retired ids stay."""
        judged = await self.judge(plan, chain.anchor, chain.draw)
        if self.umpire is None:
            better, standing = difference(judged.energy, chain.best.energy) < 0, 0.0
        else:
            gain = (await self.umpire.compare(judged.plan, chain.best.plan, draw=chain.step)).gain
            better, standing = self.umpire.better(judged, gain, chain.best), chain.best_standing + gain
        return replace(
            chain,
            current=judged,
            best=judged if better else chain.best,
            finalists=self._finalists(chain, judged),
            pending=(),
            rejected=frozenset(),
            stalled=0,
            restarts=chain.restarts + 1,
            standing=standing,
            best_standing=standing if better else chain.best_standing,
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
        u = _uniform(rng)
        if not pending:
            limit = self.rule.limit(u, temperature)
            info = StepInfo("no_proposal", None, math.nan, limit, u, temperature, reason="nothing was proposed")
            return self._after(chain, info), info
        chain = replace(chain, pending=pending[1:])
        info = await self._decide(rng, chain, pending[0], u, temperature)
        if self.umpire is not None:
            info = await self.umpire.decide(rng, info, chain.current.plan)
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
        """Draws noisy verdicts on the incumbent afresh: after rejections in a row, or before every step."""
        often = 1 if self.rule.fresh else self.refresh_after
        stalled = chain.step if self.rule.fresh else chain.stalled
        if len(self.exact) == len(self.verifiers) or not often or not stalled or stalled % often:
            return chain
        known = {a.verifier: a for a in chain.current.assessments if a.verifier in self.exact and a.abstained is None}
        plan, draw = chain.current.plan, chain.draw + 1
        assessments = [known.get(v.name) or await self._assess(v, plan, draw) for v in self.verifiers]
        judged = Judged(plan, tuple(assessments), self.energy(plan, assessments, chain.anchor, self.exact))
        best = judged if chain.best.plan == plan else chain.best
        return replace(chain, current=judged, best=best, draw=draw, finalists=self._finalists(chain, judged))

    async def _decide(
        self, rng: np.random.Generator, chain: Chain, proposal: Proposal, u: float, temperature: float
    ) -> StepInfo:
        limit = self.rule.limit(u, temperature)

        def rejected(decision: Decision, reason: str) -> StepInfo:
            return StepInfo(decision, proposal, math.nan, limit, u, temperature, reason=reason, usage=proposal.usage)

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
        return await self._weigh(rng, chain, proposal, plan, u, temperature)

    async def _weigh(
        self, rng: np.random.Generator, chain: Chain, proposal: Proposal, plan: Plan, u: float, temperature: float
    ) -> StepInfo:
        """Judges factor by factor and stage by stage, and stops as soon as the proposal cannot be accepted any more.

        The limit that is told is always one on the whole difference: what the factors before have let through, plus
        what this one's draw allows, less what the rule asks for the noise.
        """
        old = chain.current
        judged = Judged(plan, (), self.energy(plan, (), chain.anchor, self.exact))
        passed, limit, delta = 0.0, self.rule.limit(u, temperature), math.nan if self.factors else 0.0
        log_q = (proposal.log_q or 0.0) if self.rule.corrects else 0.0

        def told(decision: Decision, reason: str) -> StepInfo:
            asked = tuple(a.verifier for a in judged.assessments)
            whole = delta if len(asked) == len(self.verifiers) else math.nan
            return StepInfo(
                decision, proposal, whole, limit, u, temperature, judged, asked, proposal.usage, reason
            )

        for number, group in enumerate(self.factors):
            if number:
                u, log_q = _uniform(rng), 0.0
            allowed = self.rule.limit(u, temperature)
            reference = held(old.energy, self.factors[: number + 1])
            for verifier in group:
                known = (*judged.assessments, await self._assess(verifier, plan, chain.draw))
                energy = self.energy.with_term(judged.energy, plan, known[-1], chain.anchor, self.exact)
                judged = Judged(plan, known, energy)
                least = least_difference(energy, reference)
                charge = self._surcharge(judged, chain, group, temperature)
                limit = passed + allowed - charge
                if verifier is group[-1]:
                    delta = least = difference(energy, reference)
                if not accepts(allowed, least - passed + charge, temperature, log_q):
                    return told(*_refusal(least, limit, known, whole=len(known) == len(self.verifiers)))
            passed = delta
        if not self.factors and not accepts(limit, 0.0, temperature, log_q):
            return told("worse", "the proposal ratio speaks against it")
        if not self.room(plan):
            return told("no_room", "the answer to the longer plan would not fit the budget")
        return told("accepted", f"energy {old.energy.total:.4f} -> {judged.energy.total:.4f}")

    def _surcharge(self, judged: Judged, chain: Chain, group: Sequence[Verifier], temperature: float) -> float:
        """What the rule adds to this factor's difference for the noise in it."""
        if not self.rule.fresh:
            return 0.0
        noisy = [verifier.name for verifier in group if verifier.trust != "exact"]
        variance = variance_of_difference(self.energy, judged, chain.current, noisy, chain.anchor)
        return self.rule.surcharge(variance, temperature)

    def _finalists(self, chain: Chain, judged: Judged) -> tuple[Judged, ...]:
        """The best plans so far, best first; what is said of a plan last counts. None where one is enough."""
        if self.shortlist < 2:
            return ()
        found = [other for other in chain.finalists if other.plan != judged.plan]
        place = next((i for i, o in enumerate(found) if difference(judged.energy, o.energy) < 0), len(found))
        return (*found[:place], judged, *found[place:])[: self.shortlist]

    def _after(self, chain: Chain, info: StepInfo) -> Chain:
        """The chain after a decision: counters, temperature, proposer weights, best plan."""
        accepted = info.accepted and info.new is not None
        current = info.new if accepted and info.new is not None else chain.current
        better, standing = advanced(chain, info, self.umpire) if accepted else (False, chain.standing)
        best = current if better else chain.best
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
            finalists=self._finalists(chain, current) if accepted else chain.finalists,
            retired=retired,
            rejected=rejected,
            proposer=state,
            step=chain.step + 1,
            stalled=0 if accepted else chain.stalled + 1,
            since_best=0 if best is not chain.best else chain.since_best + 1,
            standing=standing,
            best_standing=standing if better else chain.best_standing,
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


def _uniform(rng: np.random.Generator) -> float:
    """A draw in (0, 1)."""
    return float(rng.uniform(np.finfo(float).tiny, 1.0))


def _refusal(least: float, limit: float, known: Sequence[Assessment], *, whole: bool) -> tuple[Decision, str]:
    """Decision and reason of a rejection by energy."""
    if math.isnan(least):
        return "nan", "the energy is not a number"
    if whole:
        return "worse", f"worse by {least:.4f}, at most {limit:.4f} allowed" + _first(known)
    return "early", f"already worse after {known[-1].verifier}" + _first(known)


def _first(known: Sequence[Assessment]) -> str:
    line = next((w.line for a in reversed(known) for v in a.verdicts.values() for w in v.witnesses), "")
    return f" ({line})" if line else ""


__all__ = ["Chain", "Decision", "Judged", "Kernel", "StepInfo"]
