"""The composition root: draft -> refine -> answer.

:class:`Pipeline` puts the parts together, each of them replaceable; :meth:`Pipeline.stream` makes a
:class:`~planneal.run.Run`, an async iterator of typed events that holds the :class:`~planneal.run.Result` at its end;
:func:`solve` and :func:`asolve` are the short forms.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from .decoders.answerer import Answerer, Observe
from .decoders.base import LanguageModel
from .decoders.prompts import PromptSet
from .decoders.registry import load_model
from .parts import AnswererFactory, DrafterFactory, ProposerFactory
from .planner.acceptance import AcceptanceRule
from .planner.ledger import Budget
from .planner.proposal import Proposer
from .planner.schedules import Schedule
from .planner.task import Task
from .planner.verifier import Verifier
from .proposers import Drafter, EditWriter, Mixture
from .proposers.registry import load_proposer
from .run import Result, Run
from .settings import Settings
from .verifiers import SelfCheckVerifier
from .verifiers import default_verifiers as exact_verifiers
from .verifiers.registry import load_verifiers, resolved
from .verifiers.reporting import refuse_steering

T = TypeVar("T")


def default_proposer(model: LanguageModel, prompts: PromptSet, settings: Settings) -> Proposer:
    """The mixture of structural edits and edits written by the model."""
    writer = EditWriter(model, prompts, settings.edit)
    return Mixture(writer, floor=settings.floor, reaction=settings.reaction, prune=settings.prune)


def default_drafter(model: LanguageModel, prompts: PromptSet, settings: Settings) -> Drafter:
    """One pass of the model."""
    return Drafter(model, prompts, settings.draft)


def default_answerer(model: LanguageModel, prompts: PromptSet, settings: Settings) -> Answerer:
    """One decode per attempt."""
    return Answerer(model, prompts, settings.answer)


def default_verifiers(model: LanguageModel, prompts: PromptSet, settings: Settings) -> list[Verifier]:
    """The exact verifiers, and the model's self-check where it is asked for.

    ``auto`` asks for it where the model can score text and writes its own wording (the chat dialect): the compact
    dialect's drafts are ordered and linked by structural edits, so their likelihood as drafts says little.
    """
    found: list[Verifier] = list(exact_verifiers())
    wanted = settings.self_check == "on"
    if settings.self_check == "auto":
        wanted = model.capabilities.score and model.capabilities.dialect == "chat"
    if wanted:
        method: Literal["auto", "yes_no"] = "yes_no" if model.capabilities.dialect == "compact" else "auto"
        found.append(SelfCheckVerifier(prompts=prompts, method=method))
    return found


class Pipeline:
    """Draft, refine, answer, with every part replaceable.

    Args:
        model: A model string (``embedded``, ``openai/NAME``, ``hf/PATH``) or a language model.
        settings: What may be tuned.
        prompts: A prompt set, or a folder whose ``ROLE.j2`` files replace shipped prompts.
        verifiers: Verifiers, or names of shipped or installed ones, instead of those that the settings name;
            ``"default"`` stands for the default ones. One with a ``with_model`` method is bound to the metered model.
        proposer: Makes the proposer instead of :func:`default_proposer`, or the name of an installed one.
        drafter: Makes the drafter instead of :func:`default_drafter`.
        answerer: Makes the answer decoder instead of :func:`default_answerer`.
        observe: Says what carrying out a plan's items gave (results of its calls, say); the answer is shown it. It must
            be quick, change nothing outside, and say the same of equal plans; a replay needs it, too.
        rule: An acceptance rule instead of the one that the settings name.
        schedule: A temperature schedule instead of the one that the settings name.
        clock: Seconds, injected.
        report_with: A judge that says what it thinks of the chosen plan (or, if it compares plans, how the chosen plan
            fares against the first draft), after the answer and with what the budget has left. It must not be one that
            steered: what a search selects by, it over-rates.

    Raises:
        ConfigError: The model string, a name or a setting is wrong, or the judge that reports is one that steers.
        MissingExtra: The model needs an optional dependency.
    """

    def __init__(
        self,
        model: str | LanguageModel = "embedded",
        *,
        settings: Settings | None = None,
        prompts: PromptSet | str | Path | None = None,
        verifiers: Sequence[Verifier | str] | None = None,
        proposer: ProposerFactory | str = default_proposer,
        drafter: DrafterFactory = default_drafter,
        answerer: AnswererFactory = default_answerer,
        observe: Observe | None = None,
        rule: AcceptanceRule | None = None,
        schedule: Schedule | None = None,
        clock: Callable[[], float] = time.monotonic,
        report_with: Verifier | None = None,
    ) -> None:
        self.model = load_model(model)
        self.settings = settings or Settings()
        dialect = self.model.capabilities.dialect
        self.prompts = prompts if isinstance(prompts, PromptSet) else PromptSet.load(dialect, prompts)
        self.verifiers: Sequence[Verifier | str] = self.settings.verifiers if verifiers is None else verifiers
        self._named = load_verifiers(self.verifiers)
        self.proposer = load_proposer(proposer) if isinstance(proposer, str) else proposer
        self.drafter = drafter
        self.answerer = answerer if observe is None else _observing(answerer, observe)
        self.clock = clock
        self._rule = rule or self.settings.make_rule()
        self._schedule = schedule or self.settings.make_schedule()
        self.reporter = report_with
        if report_with is not None:
            refuse_steering(report_with, self.judges(self.model), self.model)

    def make_rule(self) -> AcceptanceRule:
        """The acceptance rule."""
        return self._rule

    def make_schedule(self) -> Schedule:
        """The temperature schedule."""
        return self._schedule

    def judges(self, model: LanguageModel) -> Sequence[Verifier]:
        """The verifiers of a run, the default ones unless others were given."""
        return resolved(self.verifiers, self._named, lambda: default_verifiers(model, self.prompts, self.settings))

    def stream(
        self, task: Task | str, *, budget: Budget | None = None, seed: int = 0, trace: str | Path | None = None
    ) -> Run:
        """A run that has not started: iterate over it for events, then read :attr:`Run.result`."""
        return Run(self, Task.of(task), budget or Budget(), seed, trace)

    async def asolve(
        self, task: Task | str, *, budget: Budget | None = None, seed: int = 0, trace: str | Path | None = None
    ) -> Result:
        """Runs to the end.

        Raises:
            BudgetTooSmall: The budget cannot pay for a draft and an answer; nothing was called.
            OutOfScope: The embedded model does not know this kind of task.
            ModelError: The model failed before there was any plan.
        """
        run = self.stream(task, budget=budget, seed=seed, trace=trace)
        async for _ in run:
            pass
        return run.result

    def solve(
        self, task: Task | str, *, budget: Budget | None = None, seed: int = 0, trace: str | Path | None = None
    ) -> Result:
        """The synchronous form of :meth:`asolve`; works inside a running event loop (a notebook) too.

        Ctrl-C ends the refinement and brings back the best plan so far; a second one breaks off.
        """
        run = self.stream(task, budget=budget, seed=seed, trace=trace)

        async def drive() -> Result:
            try:
                async for _ in run:
                    pass
            finally:
                await self.model.aclose()
            return run.result

        with run.interruptible():
            return run_sync(drive)


def _observing(factory: AnswererFactory, observe: Observe) -> AnswererFactory:
    return lambda model, prompts, settings: factory(model, prompts, settings).observing(observe)


def run_sync(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Runs a coroutine to its end, in a thread of its own where this thread already has a running loop."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass  # and not here, where whatever the run raises would seem to come of this error
    else:
        return _run_apart(work)
    return asyncio.run(work())


def _run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    box: list[T] = []
    failure: list[BaseException] = []

    def target() -> None:
        try:
            box.append(asyncio.run(work()))
        except BaseException as error:  # handed over to the caller's thread below
            failure.append(error)

    thread = threading.Thread(target=target, name="planneal-solve")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return box[0]


async def asolve(
    task: Task | str,
    *,
    model: str | LanguageModel = "embedded",
    budget: Budget | None = None,
    seed: int = 0,
    settings: Settings | None = None,
    trace: str | Path | None = None,
) -> Result:
    """Solves a task: draft, refine, answer. See :meth:`Pipeline.asolve` for what it raises."""
    return await Pipeline(model, settings=settings).asolve(task, budget=budget, seed=seed, trace=trace)


def solve(
    task: Task | str,
    *,
    model: str | LanguageModel = "embedded",
    budget: Budget | None = None,
    seed: int = 0,
    settings: Settings | None = None,
    trace: str | Path | None = None,
) -> Result:
    """The synchronous form of :func:`asolve`; works inside a running event loop too."""
    return Pipeline(model, settings=settings).solve(task, budget=budget, seed=seed, trace=trace)
