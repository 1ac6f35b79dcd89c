"""The laws of proposers, and :func:`check_proposer`, which tries them on any proposer."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..pipeline import run_sync
from ..planner.edits import Delete, Insert, Replace, SetNeeds, SimpleEdit, Tighten, apply, parts
from ..planner.errors import BudgetExhausted, ModelError, PlanError
from ..planner.ledger import Usage
from ..planner.plan import Plan
from ..planner.proposal import Feedback, Proposal, Proposer, ProposerState, View
from ..planner.task import Task
from ..planner.verifier import Verifier
from ..planner.witnesses import Witness
from ..verifiers import default_verifiers
from .cases import Case, awkward_cases, cases_of, copy_of
from .laws import Law, LawReport, Seen, judge_laws, unclaimed
from .verifier_laws import bad_usage, fingerprint

PROPOSER_LAWS: tuple[Law, ...] = (
    Law("survives", "propose returns proposals, whatever plan and model say; only models and budgets raise"),
    Law("explained", "a proposal without an edit says why, one with an edit has no error", ("survives",)),
    Law("usage", "usage is finite and not negative, and counts every request that was made", ("survives",)),
    Law("seeded", "the same generator, view and state give the same proposals", ("survives",)),
    Law("locked", "no edit replaces, deletes, tightens or re-links an item that the task locked", ("survives",)),
    Law("retired", "no edit brings back an id that was deleted", ("survives",)),
    Law("applies", "an edit applies to the plan, or to what the edits before it make of it", ("survives", "locked")),
    Law("purity", "proposing and updating change neither plan, nor task, nor state", ("survives",)),
    Law("weights", "an update gives finite weights that are not negative; a frozen state keeps them", ("survives",)),
)
"""The laws, each after those it rests on."""


class Circumstances(NamedTuple):
    """One case as a proposer sees it, with words for reports."""

    where: str
    view: View


async def view_of(task: Task, plan: Plan, verifiers: Sequence[Verifier] | None = None) -> View:
    """What a proposer sees of a plan: the witnesses of these verifiers (else of the default ones), and their probe."""
    judges = default_verifiers() if verifiers is None else verifiers

    async def probe(other: Plan) -> tuple[Witness, ...]:
        return tuple([w for judge in judges for w in (await judge.assess(task, other)).witnesses])

    witnesses = tuple(dict.fromkeys(await probe(plan)))
    return View(task, plan, witnesses, frozenset({"S90", "C90"}), frozenset(), probe, temperature=0.1, step=1)


def check_proposer(
    make: Callable[[], Proposer],
    cases: Sequence[Case | tuple[Task, Plan]] | None = None,
    *,
    verifiers: Sequence[Verifier] | None = None,
    calls: Callable[[], int] | None = None,
    seeds: Sequence[int] = (0, 1, 2),
    skip: Collection[str] = (),
) -> LawReport:
    """Tries every law of :data:`PROPOSER_LAWS` on a proposer.

    Args:
        make: Makes the proposer anew, its model too where that answers from a script.
        cases: Tasks and plans; the samples of :mod:`planneal.testing.cases` by default.
        verifiers: Whose witnesses the proposer sees; the default verifiers.
        calls: How many requests its model has seen so far, where it asks one.
        seeds: Seeds of the generators it is handed.
        skip: Laws it does not claim: ``applies`` and ``locked`` where a model's lines are passed on as they come (the
            kernel refuses them).

    Raises:
        ConfigError: ``skip`` names no law.
    """
    bench = _Bench(make, cases_of(cases), verifiers, calls, seeds)
    trials = {law.name: getattr(bench, law.name) for law in PROPOSER_LAWS}
    name = type(make()).__name__
    idle = unclaimed(PROPOSER_LAWS, skip)
    return run_sync(lambda: judge_laws(name, PROPOSER_LAWS, trials, cases=len(bench.cases), skip=idle))


class _Bench:
    """One proposer on its cases; a method for each law."""

    def __init__(
        self,
        make: Callable[[], Proposer],
        cases: Sequence[Case],
        verifiers: Sequence[Verifier] | None,
        calls: Callable[[], int] | None,
        seeds: Sequence[int],
    ) -> None:
        self.make = make
        self.cases = cases
        self.verifiers = verifiers
        self.calls = calls
        self.seeds = seeds
        self._views: dict[int, View] = {}

    async def views(self) -> AsyncGenerator[tuple[Circumstances, int], None]:
        """Every case as the proposer sees it, with every seed."""
        for number, case in enumerate(self.cases):
            if number not in self._views:
                self._views[number] = await view_of(case.task, case.plan, self.verifiers)
            for seed in self.seeds:
                yield Circumstances(f"case {number}, seed {seed}", self._views[number]), seed

    async def proposals(self) -> AsyncGenerator[tuple[str, View, Sequence[Proposal]], None]:
        """What a new proposer proposes in every case."""
        async for (where, view), seed in self.views():
            yield where, view, await self.propose(self.make(), view, seed)

    async def propose(self, proposer: Proposer, view: View, seed: int) -> Sequence[Proposal]:
        """Proposals for a copy, with a generator of this seed; none where model or budget gave out."""
        task, plan = copy_of(Case(view.task, view.plan))
        try:
            return await proposer.propose(
                np.random.default_rng(seed), replace(view, task=task, plan=plan), proposer.init()
            )
        except (BudgetExhausted, ModelError):
            return ()

    async def edits(self) -> AsyncGenerator[tuple[str, View, SimpleEdit], None]:
        """Every simple edit of every proposal."""
        async for where, view, proposals in self.proposals():
            for proposal in proposals:
                for part in parts(proposal.edit) if proposal.edit is not None else ():
                    yield where, view, part

    # The laws.

    async def survives(self) -> AsyncGenerator[Seen, None]:
        awkward = [await view_of(*case, self.verifiers) for case in awkward_cases()]
        async for (where, view), seed in self.views():
            for there, seen in ((where, view), *((f"awkward case {n}", other) for n, other in enumerate(awkward))):
                try:
                    proposals = await self.propose(self.make(), seen, seed)
                except (asyncio.CancelledError, KeyboardInterrupt):
                    raise
                except BaseException as error:  # SystemExit too would end the run
                    yield Seen(there, f"it raised {type(error).__name__}: {str(error)[:200]}")
                    continue
                strangers = [proposal for proposal in proposals if not isinstance(proposal, Proposal)]
                if strangers:
                    yield Seen(there, f"{strangers[0]!r:.80} is no proposal")
            awkward = []  # once is enough

    async def explained(self) -> AsyncGenerator[Seen, None]:
        async for where, _, proposals in self.proposals():
            for proposal in proposals:
                if (proposal.edit is None) != bool(proposal.error.strip()):
                    yield Seen(where, f"edit {proposal.edit!r:.60}, error {proposal.error!r}")

    async def usage(self) -> AsyncGenerator[Seen, None]:
        async for (where, view), seed in self.views():
            proposer, before = self.make(), self.calls() if self.calls else 0
            proposals = await self.propose(proposer, view, seed)
            for proposal in proposals:
                if (fault := bad_usage(proposal.usage)) is not None:
                    yield Seen(where, fault)
            told = sum((proposal.usage for proposal in proposals), Usage()).calls
            if self.calls and (made := self.calls() - before) != told and proposals:
                yield Seen(where, f"{made} requests were made and {told} are in the usage of the proposals")

    async def seeded(self) -> AsyncGenerator[Seen, None]:
        async for (where, view), seed in self.views():
            first = list(await self.propose(self.make(), view, seed))
            second = list(await self.propose(self.make(), view, seed))
            if [_timeless(p) for p in first] != [_timeless(p) for p in second]:
                yield Seen(where, f"{_lines(first)}, then {_lines(second)}")

    async def locked(self) -> AsyncGenerator[Seen, None]:
        async for where, view, part in self.edits():
            target = part.item.id if isinstance(part, Replace | Tighten) else getattr(part, "id", None)
            if isinstance(part, Replace | Tighten | Delete | SetNeeds) and target in {i.id for i in view.plan.locked}:
                yield Seen(where, f"{part.op} of {target}, which is locked")

    async def retired(self) -> AsyncGenerator[Seen, None]:
        async for where, view, part in self.edits():
            if isinstance(part, Insert) and part.item.id in view.retired:
                yield Seen(where, f"{part.item.id} was deleted earlier and is inserted")

    async def applies(self) -> AsyncGenerator[Seen, None]:
        async for where, view, proposals in self.proposals():
            grown = view.plan
            for proposal in proposals:
                if proposal.edit is None:
                    continue
                try:
                    grown = apply(grown, proposal.edit)
                except PlanError:
                    try:
                        apply(view.plan, proposal.edit)
                    except PlanError as error:
                        yield Seen(where, str(error))

    async def purity(self) -> AsyncGenerator[Seen, None]:
        async for (where, view), seed in self.views():
            proposer, case = self.make(), copy_of(Case(view.task, view.plan))
            before, state = fingerprint(copy_of(case)), _state(proposer)
            kept = state.model_dump_json()
            mine = replace(view, task=case.task, plan=case.plan)
            try:
                proposals = await proposer.propose(np.random.default_rng(seed), mine, state)
            except (BudgetExhausted, ModelError):
                proposals = ()
            for feedback in _feedback(proposals):
                proposer.update(state, feedback)
            if fingerprint(case) != before:
                yield Seen(where, "the task or the plan is not what it was")
            if state.model_dump_json() != kept:
                yield Seen(where, f"the state was {kept} and is {state.model_dump_json()}")

    async def weights(self) -> AsyncGenerator[Seen, None]:
        async for where, _, proposals in self.proposals():
            proposer = self.make()
            for feedback in _feedback(proposals):
                state = proposer.update(_state(proposer), feedback)
                bad = {k: w for k, w in state.weights.items() if not (math.isfinite(w) and w >= 0)}
                if bad:
                    yield Seen(where, f"weights {bad} after {feedback!r}")
                frozen = _state(proposer).model_copy(update={"frozen": True})
                if dict(proposer.update(frozen, feedback).weights) != dict(frozen.weights):
                    yield Seen(where, "a frozen state changed its weights")


def _state(proposer: Proposer) -> ProposerState:
    """The proposer's first state with tables of its own, so that a change shows."""
    state = proposer.init()
    own: Mapping[str, object] = {"weights": dict(state.weights), "tries": dict(state.tries)}
    return state.model_copy(update=own)


def _feedback(proposals: Sequence[Proposal]) -> Iterator[Feedback]:
    """How the operators might fare: taken with a gain, taken without one, refused."""
    for operator in dict.fromkeys(proposal.operator for proposal in proposals):
        yield Feedback(operator=operator, accepted=True, drop=0.5, tokens=100)
        yield Feedback(operator=operator, accepted=True, drop=-1e6, tokens=0)
        yield Feedback(operator=operator, accepted=False, drop=0.0, tokens=10**9)


def _timeless(proposal: Proposal) -> Proposal:
    """Without the seconds that a call took."""
    return proposal.model_copy(update={"usage": proposal.usage.model_copy(update={"seconds": 0.0})})


def _lines(proposals: Sequence[Proposal]) -> str:
    return "; ".join(f"{p.operator} {p.edit!r:.80}" if p.edit else f"{p.operator}: {p.error}" for p in proposals) or "-"


__all__ = ["PROPOSER_LAWS", "check_proposer", "view_of"]
