"""Runs one cell: a public problem, a method and a model in; an answer with its ledger out, not graded yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...decoders.base import LanguageModel
from ...planner.errors import (
    BudgetError,
    EndpointError,
    ModelError,
    PlanError,
    RunError,
    TransientError,
    VerifierError,
)
from ...planner.ledger import Budget, Ledger, Role, Usage
from ..families.base import PublicProblem
from ..methods.base import Answered, Method
from .counted import CountedModel
from .memo import remembering
from .records import canonical
from .registry import make
from .sources import Source, ToldCase
from .watch import watched
from .work import Job

__all__ = ["Bench", "Raw", "Recipe"]

OF_THE_CELL = (ModelError, BudgetError, PlanError, VerifierError)
"""Errors that say something of a method on a problem: they are kept as its result. All others end the run."""

PASSING = (TransientError, EndpointError)
"""Errors that say something of the endpoint: they end the run, which can be resumed."""


class Raw(NamedTuple):
    """What a method made of a cell, as it travels to whoever grades it.

    Attributes:
        answered: Fields of :class:`~planneal.experiments.methods.base.Answered`, its ledger and events apart.
        ledger: What it cost, by role.
        events: What happened on the way.
        seconds: Wall seconds.
    """

    answered: Mapping[str, Any]
    ledger: Mapping[Role, Usage]
    events: tuple[Mapping[str, Any], ...]
    seconds: float


@dataclass(frozen=True)
class Recipe:
    """How to make a bench, in whichever process: everything in it can be sent.

    Attributes:
        load: Loads the model.
        methods: Names of the methods.
        source: Makes cases of public problems.
    """

    load: Callable[[], LanguageModel]
    methods: tuple[str, ...]
    source: Source

    def bench(self) -> Bench:
        """Loads the model and makes the methods."""
        return Bench(self.load(), {name: make(name) for name in self.methods}, self.source)


class Bench:
    """A model and the methods that are tried on it.

    Args:
        model: The model.
        methods: By name.
        source: Makes cases of public problems.
        clock: Seconds.
    """

    def __init__(
        self,
        model: LanguageModel,
        methods: Mapping[str, Method],
        source: Source,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self._asked = remembering(model)
        self._methods = methods
        self._source = source
        self._clock = clock

    async def answer(self, job: Job, public: PublicProblem, gold_plan: str | None = None) -> Raw:
        """Runs a cell.

        Args:
            job: Which.
            public: Its problem.
            gold_plan: For ceilings alone.

        Raises:
            CheatingMethod: The method looked where gold could be.
            TransientError, EndpointError: The endpoint fails; the cell can be run again later.
            RunError: The method returned what cannot be kept, or before its calls were answered.
        """
        method = self._methods[job.cell.method]
        case = self._source.case(public)
        if gold_plan is not None:
            case = ToldCase.of(case, gold_plan)
        model = CountedModel(self._asked)
        started = self._clock()
        try:
            with watched(job.cell.method):
                answered = await method.answer(case, model, Budget(tokens=job.cell.budget), job.rng())
        except OF_THE_CELL as error:
            if isinstance(error, PASSING):
                raise
            answered = _failed(error, model.counted)
        seconds = self._clock() - started
        if model.under_way:  # what they will cost is nowhere
            raise RunError(
                f"{_shown(job)} returned with {model.under_way} of its calls under way; await or cancel them"
            )
        if answered.stop in {kind.__name__ for kind in PASSING}:
            raise TransientError(f"the endpoint failed in {_shown(job)} ({answered.stop}); resume when it is back")
        return _raw(answered, model.counted, job, seconds)


def _failed(error: Exception, counted: Usage) -> Answered:
    ledger = Ledger()
    ledger.charge("baseline", counted)
    return Answered(None, ledger, stop=type(error).__name__, notes={"error": str(error)})


def _raw(answered: Answered, counted: Usage, job: Job, seconds: float) -> Raw:
    notes = {**answered.notes}
    told = _difference(answered.ledger.spent, counted)
    if told:
        notes["miscounted"] = told
    if answered.ledger.spent.tokens > job.cell.budget:
        notes["overspent"] = answered.ledger.spent.tokens - job.cell.budget
    plain = {name: getattr(answered, name) for name in ("value", "text", "plan", "draft", "stop")}
    try:
        canonical([notes, answered.events])
    except (TypeError, ValueError) as error:
        raise RunError(f"{_shown(job)} returned notes or events that are no plain JSON: {error}") from None
    return Raw({**plain, "notes": notes}, dict(answered.ledger.by_role), tuple(answered.events), seconds)


def _difference(ledger: Usage, counted: Usage) -> dict[str, Sequence[int]]:
    """Where a ledger is not what was counted, as ``counter: [ledger, counted]``; estimates may differ."""
    if ledger.estimated or counted.estimated:
        return {}
    pairs = {name: [getattr(ledger, name), getattr(counted, name)] for name in _COMPARED}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


_COMPARED = ("prompt_tokens", "cached_prompt_tokens", "completion_tokens", "calls", "retries")


def _shown(job: Job) -> str:
    problem, method, budget, seed = job.cell
    return f"{method} on {problem} (budget {budget}, seed {seed})"
