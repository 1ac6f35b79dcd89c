"""One run of a pipeline: the three phases, their events, and what they bring back."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from ._version import __version__
from .allowance import Allowance
from .decoders.answer import Answer
from .decoders.answerer import better
from .decoders.base import LanguageModel
from .decoders.metered import Account, MeteredModel
from .parts import Parts
from .planner.errors import BudgetExhausted, ConfigError, ModelError, OutOfScope
from .planner.events import AnswerDecoded, Event, PlanReported, RunFinished, RunStarted, Warned
from .planner.kernel import Chain, Kernel
from .planner.ledger import Budget, Ledger, Usage
from .planner.plan import Plan
from .planner.refine import Refinement, Worker, refine_events
from .planner.task import Task
from .planner.trace import TraceWriter
from .proposers import Drafter
from .verifiers import Verifier
from .verifiers.reporting import Report, report


class Result(BaseModel):
    """What a run brings back, whatever stopped it.

    Attributes:
        task: The task.
        model: Name of the model.
        seed: The run's seed.
        answer: The answer, None where the budget or the endpoint did not allow one.
        plan: The best plan.
        draft: The first plan of the first chain.
        solved: Whether every demand of the task was verified on the plan.
        energy: Energy of the plan.
        stop_reason: Why the refinement stopped.
        detail: The same in words.
        steps: Steps made over all chains.
        accepted: Accepted steps over all chains.
        spent: What the run cost.
        by_role: The same by role.
        warnings: What the user should know.
        report: What a judge that did not steer says of the plan, where the pipeline names one.
    """

    model_config = ConfigDict(frozen=True)
    task: Task
    model: str
    seed: int
    answer: Answer | None
    plan: Plan
    draft: Plan
    solved: bool
    energy: float
    stop_reason: str
    detail: str
    steps: int
    accepted: int
    spent: Usage
    by_role: dict[str, Usage]
    warnings: tuple[str, ...] = ()
    report: Report | None = None

    @property
    def value(self) -> str | None:
        """The answer's final value, None where there is none."""
        return self.answer.value if self.answer else None

    @property
    def text(self) -> str:
        """The answer's text, empty where there is none."""
        return self.answer.text if self.answer else ""


class Run:
    """One run of a pipeline: iterate once for its events.

    Attributes:
        refinement: State of the refinement, readable at any time.
        ledger: What has been spent.
    """

    def __init__(self, pipeline: Parts, task: Task, budget: Budget, seed: int, trace: str | Path | None) -> None:
        self.pipeline = pipeline
        self.task = task
        self.seed = seed
        self.ledger = Ledger(budget, clock=pipeline.clock)
        self.refinement = Refinement()
        self.warnings: list[str] = []
        self._budget = budget
        self._trace_path = trace
        self._account = Account(self.ledger)
        self._drafts: list[Plan] = []
        self._answer: Answer | None = None
        self._report: Report | None = None
        self._accepted = 0
        self._stop = threading.Event()
        self._result: Result | None = None
        self._sequence = np.random.SeedSequence(seed)

    def interrupt(self) -> None:
        """Asks the run to end after the present round; safe from any thread and from signal handlers."""
        self._stop.set()

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Turns the first Ctrl-C into :meth:`interrupt` while it is open (main thread only)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = signal.getsignal(signal.SIGINT)

        def first(number: int, frame: Any) -> None:
            self.interrupt()
            signal.signal(signal.SIGINT, old)

        signal.signal(signal.SIGINT, first)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, old)

    @property
    def result(self) -> Result:
        """What the run brought back; after an interruption the best so far.

        Raises:
            ConfigError: The run has no plan yet.
        """
        if self._result is None:
            self._result = self._collect()
        return self._result

    async def __aiter__(self) -> AsyncIterator[Event]:
        writer: TraceWriter | None = None
        try:
            async for event in self._events():
                if self._trace_path and writer is None:  # only now: a run that is refused leaves no empty trace
                    writer = TraceWriter(self._trace_path, clock=lambda: self.ledger.elapsed)
                if writer is not None:
                    writer.write(event)
                yield event
        finally:
            if writer is not None:
                writer.close()

    # -- the three phases ---------------------------------------------------------------------------------------

    async def _events(self) -> AsyncIterator[Event]:
        why_not = self.pipeline.model.out_of_scope(self.task.question)
        if why_not is not None:
            raise OutOfScope(why_not)
        allowance = Allowance(self.pipeline, self.task, self.ledger, self._account)
        yield self._header()
        wanted = self.pipeline.settings.chains
        chains = allowance.affordable(wanted)
        if chains < wanted:
            self._warn(f"the budget pays for {chains} of {wanted} chains")
        workers = [self._worker(index, allowance) for index in range(chains)]
        failure = await self._draft([worker for worker, _ in workers], [drafter for _, drafter in workers])
        for worker, _ in workers:
            for event in worker.drain():
                yield event
        if failure is not None:
            raise failure
        drafts = self._drafts
        active = [worker for worker, _ in workers][: len(drafts)]
        if not allowance.reserve(drafts):
            self._warn("the draft is so long that an answer to it does not fit the budget")
        async for event in self._refine(active, drafts):
            yield event
        async for event in self._decode(allowance.answer_tokens):
            yield event
        async for event in self._reported():
            yield event
        for message in self.warnings:
            yield Warned(message=message)
        result = self.result
        yield RunFinished(
            stop_reason=result.stop_reason, detail=result.detail, spent=self.ledger.spent, by_role=self.ledger.by_role
        )

    def _header(self) -> RunStarted:
        return RunStarted(
            planneal=__version__,
            task=self.task,
            model=self.pipeline.model.name,
            seed=self.seed,
            budget=self._budget,
            settings=self.pipeline.settings.shown(),
            capabilities=self.pipeline.model.capabilities.model_dump(mode="json"),
            prompts=self.pipeline.prompts.hashes,
        )

    def _rng(self, chain: int, purpose: int) -> np.random.Generator:
        """A generator of its own for each chain and purpose: 0 draft, 1 steps, 2 answer."""
        return np.random.default_rng(np.random.SeedSequence(self._sequence.entropy, spawn_key=(chain, purpose)))

    def _worker(self, index: int, allowance: Allowance) -> tuple[Worker, Drafter]:
        """One chain with its own account, models, verifiers and generators."""
        parts, settings = self.pipeline, self.pipeline.settings
        account = Account(self.ledger, index)
        account.share_memory(self._account)
        metered = MeteredModel(parts.model, account, "propose")
        drafter = parts.drafter(metered.for_role("draft"), parts.prompts, settings)
        drafter.cap(allowance.draft_tokens)
        judge = metered.for_role("verify")
        bound = [_bind(verifier, judge, account) for verifier in parts.judges(judge)]
        kernel = Kernel(
            task=self.task,
            proposer=parts.proposer(metered, parts.prompts, settings),
            verifiers=bound,
            energy=settings.energy,
            rule=parts.make_rule(),
            schedule=parts.make_schedule(),
            clock=parts.clock,
            progress=self._progress,
            room=lambda plan: allowance.room(account, plan),
            admit=lambda worst: account.ledger.check(worst),
            charge=lambda usage: account.ledger.charge("verify", usage),
            refresh_after=settings.refresh_after,
            delayed=settings.delayed,
            shortlist=settings.final.shortlist,
        )

        async def redraft(rng: np.random.Generator) -> Plan:
            return (await drafter.draft(rng, self.task, greedy=False)).plan

        return Worker(kernel, self._rng(index, 1), redraft, account.drain, account.use), drafter

    async def _draft(
        self, workers: Sequence[Worker], drafters: Sequence[Drafter]
    ) -> BaseException | None:
        """First plans of all chains at once; chains whose draft cannot be had are left out, told as warnings.

        Returns:
            What kept the first chain from having a draft, None where it has one.
        """
        shares = self.ledger.share(len(workers)) if len(workers) > 1 else [self.ledger]
        for worker, share in zip(workers, shares, strict=True):
            worker.use(share)
        made = await asyncio.gather(
            *(d.draft(self._rng(i, 0), self.task, greedy=i == 0) for i, d in enumerate(drafters)),
            return_exceptions=True,
        )
        for index, outcome in enumerate(made):
            if isinstance(outcome, BudgetExhausted | ModelError) and self._drafts:
                self._warn(f"chains {index} and later have no draft: {outcome}")
                break
            if isinstance(outcome, BaseException):
                return outcome
            self._drafts.append(outcome.plan)
            for line in outcome.skipped:
                self._warn(f"chain {index}: a line of the draft was left out: {line}")
        return None

    async def _refine(self, workers: Sequence[Worker], drafts: Sequence[Plan]) -> AsyncIterator[Event]:
        settings = self.pipeline.settings
        events = refine_events(
            self.refinement,
            workers,
            drafts,
            ledger=self.ledger,
            stop=settings.stop,
            restart=settings.restart,
            final=settings.final,
            interrupted=self._interrupted,
        )
        async for event in events:
            if event.kind == "step_taken" and event.decision == "accepted":
                self._accepted += 1
            yield event

    async def _decode(self, answer_tokens: int) -> AsyncIterator[Event]:
        """Decodes the answer, unless the user asked to stop; failures leave the plan as the result."""
        best = self.refinement.best
        if best is None or self._stop.is_set():
            self._warn("stopped before an answer was decoded")
            return
        self.ledger.reserve(Usage())
        self._account.use(self.ledger)
        metered = MeteredModel(self.pipeline.model, self._account, "answer")
        answerer = self.pipeline.answerer(metered, self.pipeline.prompts, self.pipeline.settings)
        decoded: list[Answer] = []
        try:
            async for answer in answerer.decode(self._rng(0, 2), self.task, best.plan, max_tokens=answer_tokens):
                decoded.append(answer)
                if better(answer, self._answer):
                    self._answer = answer
        except (BudgetExhausted, ModelError) as error:
            self._warn(f"{'no answer' if not decoded else 'no further attempt at an answer'}: {error}")
        for event in self._account.drain():
            yield event
        for answer in decoded:
            yield AnswerDecoded(
                attempt=answer.attempts, answer=answer.model_dump(mode="json"), final=answer is self._answer
            )

    async def _reported(self) -> AsyncIterator[Event]:
        """Asks the judge that reports, with what the budget has left."""
        judge, best = self.pipeline.reporter, self.refinement.best
        if judge is None or best is None or self._stop.is_set():
            return
        metered = MeteredModel(self.pipeline.model, self._account, "verify")
        try:
            self.ledger.check(Usage(verifier_calls=1))
            bound = _bind(judge, metered, self._account)
            found = await report(bound, self.task, best.plan, self._drafts[0], clock=self.pipeline.clock)
        except BudgetExhausted as error:
            self._warn(f"no report by {judge.name}: {error}")
        else:
            self.ledger.charge("verify", Usage(verifier_seconds=found.usage.verifier_seconds, verifier_calls=1))
            self._report = found
        for event in self._account.drain():
            yield event
        if self._report is not None:
            yield _reported(self._report)

    def _progress(self, chain: Chain) -> float:
        """The larger of the shares of steps and of budget used."""
        shares = [chain.step / max(1, self.pipeline.settings.stop.max_steps)]
        spent = self.ledger.spent + self.ledger.reserved
        for limit in ("tokens", "prompt_tokens", "completion_tokens", "calls", "verifier_calls", "flops"):
            cap = getattr(self._budget, limit)
            if cap:
                shares.append(float(getattr(spent, limit)) / cap)
        return min(1.0, max(shares))

    def _interrupted(self) -> bool:
        return self._stop.is_set()

    def _warn(self, message: str) -> None:
        self.warnings.append(message)

    def _collect(self) -> Result:
        best = self.refinement.best
        if best is None and not self._drafts:
            raise ConfigError("this run has no plan yet; iterate over it first")
        plan = best.plan if best is not None else self._drafts[0]
        reason, detail = self.refinement.reason
        return Result(
            task=self.task,
            model=self.pipeline.model.name,
            seed=self.seed,
            answer=self._answer,
            plan=plan,
            draft=self._drafts[0],
            solved=self.refinement.solved,
            energy=best.energy.total if best is not None else float("inf"),
            stop_reason=reason,
            detail=detail,
            steps=sum(chain.step for chain in self.refinement.chains.values()),
            accepted=self._accepted,
            spent=self.ledger.spent,
            by_role={str(role): usage for role, usage in self.ledger.by_role.items()},
            warnings=tuple(self.warnings),
            report=self._report,
        )


def _bind(verifier: Verifier, model: MeteredModel, account: Account) -> Verifier:
    """A verifier that asks a language model gets the metered one; one with a model of its own gets that, metered."""
    bind = getattr(verifier, "with_model", None)
    if bind is None:
        return verifier
    own = getattr(verifier, "model", None)
    bound: Verifier = bind(MeteredModel(own, account, "verify") if isinstance(own, LanguageModel) else model)
    return bound


def _reported(found: Report) -> PlanReported:
    verdicts = found.assessment.verdicts if found.assessment is not None else {}
    return PlanReported(
        judge=found.judge,
        score=found.score,
        verdicts={i: {"outcome": v.outcome, "score": v.score, "variance": v.variance} for i, v in verdicts.items()},
        witnesses=tuple(w.line for w in found.assessment.witnesses) if found.assessment is not None else (),
        comparison=found.comparison.model_dump(mode="json", exclude={"usage"}) if found.comparison else None,
        abstained=found.abstained,
        usage=found.usage,
    )
