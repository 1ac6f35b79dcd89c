"""Methods to compare, all over the same seam: a public task and a model in, a final value and its cost out.

A method never sees a gold answer: what it is handed has no field for one. Every method's whole cost is counted, prompt
tokens and rejected proposals included.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ..decoders.answerer import Answerer, Observe
from ..decoders.base import LanguageModel, SampleRequest
from ..decoders.citations import last_final, read_answer
from ..decoders.metered import Account, MeteredModel
from ..decoders.prompts import PromptSet
from ..pipeline import Pipeline, default_verifiers
from ..planner.acceptance import Greedy
from ..planner.energy import Anchor, difference
from ..planner.errors import BudgetExhausted
from ..planner.kernel import Judged, Kernel
from ..planner.ledger import Budget, Ledger, Usage
from ..planner.notation import format_plan
from ..planner.schedules import Constant
from ..planner.task import Task
from ..planner.verifier import Verifier
from ..proposers import Drafter, Mixture, read_draft
from ..proposers.structural import apply_all, tidy
from ..settings import Settings
from ..verifiers import default_verifiers as exact_verifiers
from ..verifiers.registry import DEFAULT
from .voting import elect, said


@dataclass(frozen=True)
class Outcome:
    """What a method made of one problem.

    Attributes:
        value: The final value as written, None where there is none.
        usage: What it cost in all.
        text: The whole answer, for families whose answer is more than a value; None where there is none.
        plan: The plan behind the answer in notation, where there is one.
        notes: Whatever else is worth keeping.
    """

    value: str | None
    usage: Usage
    plan: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    text: str | None = None


class Method(ABC):
    """A way of answering.

    Attributes:
        name: As in tables.
        verifiers: What judges plans for the problem at hand, where its family has verifiers of its own.
        observe: What carrying a plan of this problem out gives, for the answer to read; None where it gives nothing.
    """

    name: str
    verifiers: Sequence[Verifier] | None = None
    observe: Observe | None = None

    def for_problem(self, verifiers: Sequence[Verifier], observe: Observe | None = None) -> Self:
        """The same method for a problem whose family brings these parts; methods without plans need none."""
        bound = copy(self)
        bound.verifiers = tuple(verifiers)
        bound.observe = observe
        return bound

    @abstractmethod
    async def run(self, model: LanguageModel, task: Task, seed: int) -> Outcome:
        """Answers one task.

        Args:
            model: The language model; everything asked of it is counted.
            task: The public task.
            seed: All randomness comes from it.
        """


def _metered(model: LanguageModel, ledger: Ledger) -> tuple[MeteredModel, PromptSet]:
    return MeteredModel(model, Account(ledger), "baseline"), PromptSet.load(model.capabilities.dialect)


def judges(model: LanguageModel, settings: Settings, own: Sequence[Verifier] | None) -> list[Verifier] | None:
    """The verifiers of a run where a family brings its own, None where the usual ones (or the settings' names) stand.

    A family's own take the place of the exact ones; the self-check stays as it is set.
    """
    if own is None or tuple(settings.verifiers) != (DEFAULT,):
        return None
    exact = {verifier.name for verifier in exact_verifiers()}
    usual = default_verifiers(model, PromptSet.load(model.capabilities.dialect), settings)
    return [*own, *(verifier for verifier in usual if verifier.name not in exact)]


def final_value(text: str) -> str | None:
    """The value of an answer's last ``answer:`` line, None where there is none."""
    return last_final(read_answer(text))


class Direct(Method):
    """Greedy autoregressive answer, step by step, without a plan."""

    name = "greedy direct"

    def __init__(self, max_tokens: int = 512) -> None:
        self.max_tokens = max_tokens

    async def run(self, model: LanguageModel, task: Task, seed: int) -> Outcome:
        """One greedy decode."""
        ledger = Ledger()
        metered, prompts = _metered(model, ledger)
        request = SampleRequest(
            messages=prompts.render("direct", question=task.question),
            temperature=0.0,
            max_tokens=self.max_tokens,
            seed=seed,
        )
        samples = await metered.sample(request)
        return Outcome(final_value(samples[0].text), ledger.spent, text=samples[0].text)


class SelfConsistency(Method):
    """Majority vote over k sampled direct answers (Wang et al. 2022); unreadable answers have no vote.

    Where answers are programs, those count as one that are the same program but for comments and layout.
    """

    def __init__(self, k: int = 8, temperature: float = 0.7, max_tokens: int = 512) -> None:
        self.name = f"self-consistency@{k}"
        self.k = k
        self.temperature = temperature
        self.max_tokens = max_tokens

    async def run(self, model: LanguageModel, task: Task, seed: int) -> Outcome:
        """Draws k samples from one prompt; ties go to the value that came first."""
        ledger = Ledger()
        metered, prompts = _metered(model, ledger)
        request = SampleRequest(
            messages=prompts.render("direct", question=task.question),
            n=self.k,
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            seed=seed,
        )
        samples = await metered.sample(request)
        found = elect([said(sample.text) for sample in samples])
        winner = samples[found.place]
        return Outcome(final_value(winner.text), ledger.spent, notes={"votes": found.rivals}, text=winner.text)


class BestOfPlans(Method):
    """The best of n drafted plans under the verifiers and the energy of planneal, then one answer from it.

    With n = 1 this is planneal without its model's edits: what the plan alone brings.

    Args:
        n: How many drafts.
        settings: As for planneal.
        ordered: Whether drafts are put in order first, by the same structural edits that planneal makes: they ask
            nothing of a model, and plans that only lack order would otherwise lose for that.
    """

    def __init__(self, n: int = 6, settings: Settings | None = None, *, ordered: bool = True) -> None:
        plans = f"best-of-{n} plans" if n > 1 else "one plan"
        self.name = plans if ordered else f"{plans}, as drafted"
        self.n = n
        self.ordered = ordered
        self.settings = settings or Settings()

    async def run(self, model: LanguageModel, task: Task, seed: int) -> Outcome:
        """One greedy draft and n - 1 sampled ones, all judged, the first of the best answered from."""
        ledger = Ledger()
        metered, prompts = _metered(model, ledger)
        drafter = Drafter(metered, prompts, self.settings.draft)
        texts = [(await metered.sample(drafter.request(task, seed=seed)))[0].text]
        if self.n > 1:
            request = drafter.request(task, seed=seed + 1, greedy=False, n=self.n - 1)
            texts += [completion.text for completion in await metered.sample(request)]
        own = judges(metered, self.settings, self.verifiers)
        verifiers = default_verifiers(metered, prompts, self.settings) if own is None else own
        kernel = _judging_kernel(metered, verifiers, self.settings, task)
        kernel.charge = lambda usage: ledger.charge("verify", usage)
        best: Judged | None = None
        anchor: Anchor | None = None
        for text in texts:
            drafted = read_draft(task, text).plan
            plan = apply_all(drafted, tidy(drafted))[0] if self.ordered else drafted
            anchor = anchor or Anchor.of(plan)
            judged = await kernel.judge(plan, anchor)
            if best is None or difference(judged.energy, best.energy) < 0:
                best, draft = judged, drafted
        assert best is not None
        answerer = Answerer(metered, prompts, self.settings.answer, self.observe)
        answers = [a async for a in answerer.decode(np.random.default_rng(seed), task, best.plan)]
        chosen = next((a for a in answers if a.faithful), answers[0])
        notes = {"draft": format_plan(draft), "faithful": chosen.faithful}
        return Outcome(chosen.value, ledger.spent, plan=format_plan(best.plan), notes=notes, text=chosen.text)


def _judging_kernel(model: MeteredModel, verifiers: Sequence[Verifier], settings: Settings, task: Task) -> Kernel:
    """A kernel that only judges: the same verifiers and energy as planneal, no proposer."""
    bound = [
        bind(model) if (bind := getattr(verifier, "with_model", None)) is not None else verifier
        for verifier in verifiers
    ]
    return Kernel(
        task=task,
        proposer=Mixture(None),
        verifiers=bound,
        energy=settings.energy,
        rule=Greedy(),
        schedule=Constant(0.0),
    )


PipelineOf = Callable[[LanguageModel, Settings, Sequence[Verifier | str] | None, Observe | None], Pipeline]
"""Makes a pipeline of a model, settings, a family's verifiers and what observes its plans."""


def _pipeline(
    model: LanguageModel, settings: Settings, verifiers: Sequence[Verifier | str] | None, observe: Observe | None
) -> Pipeline:
    return Pipeline(model, settings=settings, verifiers=verifiers, observe=observe)


class Planneal(Method):
    """The pipeline: draft, refine, answer.

    Args:
        settings: How it refines.
        budget: What each problem may cost.
        name: As it appears in tables.
        make: Makes the pipeline, for variants with parts of their own; it is handed the verifiers to use and what
            observes plans.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        budget: Budget | None = None,
        name: str = "planneal",
        make: PipelineOf | None = None,
    ) -> None:
        self.name = name
        self.settings = settings or Settings()
        self.budget = budget or Budget()
        self._make = make or _pipeline

    async def run(self, model: LanguageModel, task: Task, seed: int) -> Outcome:
        """One run; a budget that ends it early still gives what there is."""
        pipeline = self._make(model, self.settings, judges(model, self.settings, self.verifiers), self.observe)
        run = pipeline.stream(task, budget=self.budget, seed=seed)
        try:
            async for _ in run:
                pass
        except BudgetExhausted:
            return Outcome(None, run.ledger.spent)
        result = run.result
        notes = {
            "stop": result.stop_reason,
            "steps": result.steps,
            "accepted": result.accepted,
            "solved": result.solved,
            "faithful": bool(result.answer and result.answer.faithful),
            "draft": format_plan(result.draft),
        }
        text = result.answer.text if result.answer else None
        return Outcome(result.value, result.spent, plan=format_plan(result.plan), notes=notes, text=text)
