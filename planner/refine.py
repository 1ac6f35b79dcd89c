"""The refinement loop: several chains in lock-step, as an async generator of typed events.

In each round every running chain makes one step; the steps of a round run at once (a local model merges their requests
into one batch) and their events come out in chain order, so that the trace does not depend on timing. Money is shared
out at the start of a round. Whatever ends a chain (budget, endpoint, interruption), its best plan is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from . import finals
from .chain import Chain, Judged, StepInfo
from .comparison import Contest
from .energy import Energy, difference
from .errors import BudgetExhausted, ModelError, PlannealError
from .events import ChainStopped, Event, PlanChosen, PlanDrafted, PlansCompared, StepTaken
from .finals import FinalRule
from .kernel import Kernel
from .ledger import Ledger, Usage
from .notation import format_edit, format_plan
from .plan import Plan
from .stopping import StopReason, StopRule, Watch, solved

Redraft = Callable[[np.random.Generator], Awaitable[Plan]]


class RestartRule(BaseModel):
    """When a chain that is stuck starts again.

    Attributes:
        patience: Steps without a change of the incumbent after which a chain restarts.
        restarts: Most restarts per chain; 0 switches them off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    patience: int = Field(default=10, ge=1)
    restarts: int = Field(default=1, ge=0)


@dataclass
class Worker:
    """What one chain runs with.

    Attributes:
        kernel: Its step.
        rng: Its generator.
        redraft: Makes another first plan for a restart; None restarts from the best plan.
        drain: Hands over the events (model calls) that piled up since it was last asked.
        use: Tells the chain's models which share of the ledger they may spend in this round.
    """

    kernel: Kernel
    rng: np.random.Generator
    redraft: Redraft | None = None
    drain: Callable[[], Sequence[Event]] = lambda: ()
    use: Callable[[Ledger], None] = lambda ledger: None


@dataclass
class Refinement:
    """The state of a whole refinement; readable at any time, also after an interruption.

    Attributes:
        chains: The chains, by index.
        stopped: Why each chain that ended did so.
        chosen: The chosen plan, once there is one.
        solved: Whether the chosen plan satisfies every demand.
    """

    chains: dict[int, Chain] = field(default_factory=dict)
    stopped: dict[int, tuple[StopReason, str]] = field(default_factory=dict)
    chosen: Judged | None = None
    solved: bool = False

    @property
    def best(self) -> Judged | None:
        """The best plan seen by any chain; the chosen one once there is one."""
        if self.chosen is not None:
            return self.chosen
        best: Judged | None = None
        for index in sorted(self.chains):
            candidate = self.chains[index].best
            if best is None or difference(candidate.energy, best.energy) < 0:
                best = candidate
        return best

    @property
    def reason(self) -> tuple[StopReason, str]:
        """Why the refinement ended: ``solved`` before anything else, else what ended the last chain."""
        for why in self.stopped.values():
            if why[0] == "solved":
                return why
        return list(self.stopped.values())[-1] if self.stopped else ("interrupted", "")


def show_energy(energy: Energy) -> Mapping[str, Any]:
    """An energy as it appears in events."""
    shown: dict[str, Any] = {name: term.value for name, term in energy.terms.items() if not term.abstained}
    return {"total": energy.total, "terms": shown, "violated": list(energy.violated)}


async def refine_events(
    state: Refinement,
    workers: Sequence[Worker],
    drafts: Sequence[Plan],
    *,
    ledger: Ledger,
    stop: StopRule,
    restart: RestartRule,
    final: FinalRule | None = None,
    interrupted: Callable[[], bool] = lambda: False,
) -> AsyncIterator[Event]:
    """Refines drafts until every chain has a reason to stop, then chooses a plan.

    Args:
        state: Filled as the run goes; holds the best plan whatever happens.
        workers: One per chain.
        drafts: The first plan of each chain.
        ledger: The run's account, with the answer's share already reserved.
        stop: Stopping thresholds.
        restart: Restart thresholds.
        final: How the plan is chosen in the end; its fresh looks are paid for in advance.
        interrupted: Asked before every round; True ends the refinement with what there is.

    Yields:
        Drafts, steps, model calls, stops and at last the choice.
    """
    final = final or FinalRule()
    watches = [Watch(stop, worker.kernel.exact) for worker in workers]
    async for event in _begin(state, workers, drafts, watches, ledger):
        yield event
    looks = finals.price(final, [worker.kernel for worker in workers], list(state.chains.values()))
    aside = finals.set_aside(ledger, looks)
    while active := _active(state, stop):
        why = _outside(ledger, interrupted)
        if why is not None:
            for index in active:
                yield _stopped(state, index, why)
            break
        for index, share in zip(active, ledger.share(len(active)), strict=True):
            workers[index].use(share)
        made = await asyncio.gather(
            *(_advance(workers[i], state.chains[i], restart) for i in active), return_exceptions=True
        )
        for index, outcome in zip(active, made, strict=True):
            for event in _record(state, workers[index], watches[index], index, outcome):
                yield event
    for index in _active(state, stop, all_of=True):
        yield _stopped(state, index, ("solved", "another chain is solved"))
    if aside:
        finals.free(ledger, looks)
    async for event in _choose(state, workers, ledger, final):
        yield event


async def _begin(
    state: Refinement, workers: Sequence[Worker], drafts: Sequence[Plan], watches: Sequence[Watch], ledger: Ledger
) -> AsyncIterator[Event]:
    """Judges the drafts, each within its share."""
    for worker, share in zip(workers, ledger.share(len(workers)), strict=True):
        worker.use(share)
    for index, (worker, draft) in enumerate(zip(workers, drafts, strict=True)):
        chain, why = await _begun(worker.kernel, index, draft)
        state.chains[index] = chain
        for event in worker.drain():
            yield event
        yield _drafted(chain)
        why = why or watches[index].look(chain)
        if why is not None:
            yield _stopped(state, index, why)


async def _begun(kernel: Kernel, index: int, draft: Plan) -> tuple[Chain, tuple[StopReason, str] | None]:
    """A chain from its draft; where not even the draft can be judged, it is kept unjudged, with the reason."""
    try:
        return await kernel.init(index, draft), None
    except (BudgetExhausted, ModelError) as error:
        return kernel.unjudged(index, draft), _why(error)


def _active(state: Refinement, stop: StopRule, *, all_of: bool = False) -> list[int]:
    if not all_of and stop.when_solved and any(why[0] == "solved" for why in state.stopped.values()):
        return []
    return [index for index in state.chains if index not in state.stopped]


def _outside(ledger: Ledger, interrupted: Callable[[], bool]) -> tuple[StopReason, str] | None:
    if interrupted():
        return "interrupted", "asked to stop"
    short = ledger.shortfall(Usage())
    if short is not None:
        return "budget", f"{short[0]}: {short[1]:g} of {short[2]:g} spent or reserved"
    return None


async def _advance(worker: Worker, chain: Chain, restart: RestartRule) -> tuple[Chain, StepInfo | None]:
    """One step, or a restart where the chain is stuck (then there is no step info)."""
    if chain.stalled >= restart.patience and chain.restarts < restart.restarts:
        plan = await worker.redraft(worker.rng) if worker.redraft is not None else chain.best.plan
        return await worker.kernel.restart(chain, plan), None
    return await worker.kernel.step(worker.rng, chain)


def _record(
    state: Refinement,
    worker: Worker,
    watch: Watch,
    index: int,
    outcome: tuple[Chain, StepInfo | None] | BaseException,
) -> list[Event]:
    """The events of one chain's step, with the stop it may have brought."""
    events: list[Event] = list(worker.drain())
    before = state.chains[index]
    if isinstance(outcome, BaseException):
        events.append(_stopped(state, index, _why(outcome)))
        return events
    chain, info = outcome
    state.chains[index] = chain
    if info is not None and info.contest is not None:
        events.append(_contested(chain, info.contest))
    events.append(_drafted(chain) if info is None else _stepped(before, chain, info))
    why = watch.look(chain, proposed=info is None or info.proposal is not None)
    if why is not None:
        events.append(_stopped(state, index, why))
    return events


def _why(error: BaseException) -> tuple[StopReason, str]:
    """The stop that an exception means; anything unexpected is not swallowed."""
    if isinstance(error, BudgetExhausted):
        return "budget", str(error)
    if isinstance(error, ModelError):
        return "endpoint", str(error)
    if isinstance(error, PlannealError):
        return "no_proposals", str(error)
    raise error


def _drafted(chain: Chain) -> PlanDrafted:
    return PlanDrafted(
        chain=chain.index,
        plan=format_plan(chain.current.plan),
        energy=show_energy(chain.current.energy),
        witnesses=tuple(w.line for w in chain.current.witnesses),
        restart=chain.restarts,
    )


def _stepped(before: Chain, chain: Chain, info: StepInfo) -> StepTaken:
    proposal, new = info.proposal, info.new
    return StepTaken(
        chain=chain.index,
        step=chain.step,
        operator=proposal.operator if proposal else "",
        edit=format_edit(proposal.edit) if proposal and proposal.edit else "",
        answers=tuple(w.line for w in proposal.answers) if proposal else (),
        decision=info.decision,
        reason=info.reason,
        before=show_energy(before.current.energy),
        after=show_energy(new.energy) if new else None,
        delta=info.delta,
        limit=info.limit,
        u=info.u,
        temperature=info.temperature,
        stages=info.stages,
        witnesses=tuple(w.line for w in new.witnesses) if new else (),
        judged={a.verifier: a.judged for a in new.assessments} if new else {},
        abstained={a.verifier: a.abstained for a in new.assessments if a.abstained is not None} if new else {},
        usage=info.usage,
        plan=format_plan(new.plan) if new and info.accepted else None,
    )


def _contested(chain: Chain, contest: Contest) -> PlansCompared:
    said = contest.comparison
    return PlansCompared(
        chain=chain.index,
        step=chain.step,
        judge=contest.judge,
        comparison=said.model_dump(mode="json", exclude={"usage"}) if said is not None else None,
        abstained=contest.abstained,
        probability=contest.probability,
        u=contest.u,
        usage=said.usage if said is not None else Usage(),
    )


def _stopped(state: Refinement, index: int, why: tuple[StopReason, str]) -> ChainStopped:
    state.stopped[index] = why
    chain = state.chains[index]
    return ChainStopped(
        chain=index, step=chain.step, reason=why[0], detail=why[1], best=chain.best.energy.total
    )


async def _choose(
    state: Refinement, workers: Sequence[Worker], ledger: Ledger, rule: FinalRule
) -> AsyncIterator[Event]:
    """Picks among the chains' best plans; where verifiers are noisy, by fresh looks at several finalists."""
    looks = {(i, 0): [chain.best] for i, chain in sorted(state.chains.items())}
    if rule.looks and finals.noisy([worker.kernel for worker in workers]):
        candidates = finals.finalists(list(state.chains.values()))
        looks = {(i, n): [judged] for i, found in candidates.items() for n, judged in enumerate(found)}
        if len(looks) > 1:
            looks = await _looked_again(state, workers, ledger, rule, candidates) or looks
    chosen = min(looks)
    for key, found in looks.items():
        if key != chosen and await _preferred(workers[key[0]], ledger, found, looks[chosen]):
            chosen = key
    for event in _drained(workers):
        yield event
    index, best = chosen[0], looks[chosen][0]
    state.chosen = best
    state.solved = solved(best, workers[index].kernel.exact)
    yield PlanChosen(
        chain=index,
        plan=format_plan(best.plan),
        energy=show_energy(best.energy),
        reason=state.reason[0],
        solved=state.solved,
        finalists=len({found[0].plan.hash for found in looks.values()}),
    )


def _drained(workers: Sequence[Worker]) -> list[Event]:
    return [event for worker in workers for event in worker.drain()]


async def _preferred(worker: Worker, ledger: Ledger, new: Sequence[Judged], old: Sequence[Judged]) -> bool:
    """Whether one finalist is better than another; a judge that compares is asked, as far as that can be paid."""
    if worker.kernel.umpire is not None:
        worker.use(ledger.share(1)[0])
        try:
            return await worker.kernel.umpire.prefers(new[0], old[0])
        except BudgetExhausted:
            pass
    return finals.better(new, old)


async def _looked_again(
    state: Refinement,
    workers: Sequence[Worker],
    ledger: Ledger,
    rule: FinalRule,
    candidates: Mapping[int, Sequence[Judged]],
) -> dict[tuple[int, int], list[Judged]] | None:
    """Fresh looks at every finalist, or None where they cannot be had."""
    draw = max(chain.draw for chain in state.chains.values()) + 1
    found: dict[tuple[int, int], list[Judged]] = {}
    try:
        for index, plans in candidates.items():
            workers[index].use(ledger.share(1)[0])
            seen = await finals.second_look(rule, workers[index].kernel, state.chains[index], plans, draw)
            found.update({(index, n): looks for n, looks in enumerate(seen)})
    except (BudgetExhausted, ModelError):
        return None
    return found


async def refine(
    workers: Sequence[Worker],
    drafts: Sequence[Plan],
    *,
    ledger: Ledger | None = None,
    stop: StopRule | None = None,
    restart: RestartRule | None = None,
    final: FinalRule | None = None,
) -> Refinement:
    """The plain form of :func:`refine_events`: runs to the end and returns the state."""
    state = Refinement()
    events = refine_events(
        state,
        workers,
        drafts,
        ledger=ledger or Ledger(),
        stop=stop or StopRule(),
        restart=restart or RestartRule(),
        final=final,
    )
    async for _ in events:
        pass
    return state
