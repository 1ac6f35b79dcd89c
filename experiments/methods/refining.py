"""Refinement of plans: planneal, and the same loop with one part taken out of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ...decoders.base import LanguageModel
from ...decoders.prompts import PromptSet
from ...pipeline import Pipeline, default_proposer
from ...planner.errors import BudgetTooSmall, ConfigError, ModelError
from ...planner.ledger import Budget
from ...planner.notation import format_plan
from ...planner.proposal import Proposer
from ...proposers import Mixture
from ...run import Run
from ...settings import Settings
from ..metrics.events import StepEvent
from .base import Answered, Case, Method
from .direct import Direct
from .plans import verifiers_of
from .random_edits import RandomEdits

__all__ = ["Planneal", "annealed", "fixed_temperature", "greedy_refinement", "random_edits"]


class Planneal(Method):
    """Draft, refine under the settings' rule and schedule, answer.

    Where the budget does not pay for a draft and an answer, the answer is a direct one.

    Args:
        settings: How it refines.
        name: As it appears in tables.
        about: One line about it.
        proposer: Makes the proposer instead of planneal's own.
        make: Makes the pipeline, for variants with further parts of their own.
    """

    name = "planneal"
    about = "annealed plan refinement, then one answer"

    def __init__(
        self,
        settings: Settings | None = None,
        name: str = "planneal",
        about: str = "",
        proposer: Callable[[Case], Proposer] | None = None,
        make: Callable[..., Pipeline] = Pipeline,
    ) -> None:
        self.settings, self.name = settings or Settings(), name
        self.about = about or Planneal.about
        self._proposer, self._make = proposer, make

    def pipeline(self, case: Case, model: LanguageModel) -> Pipeline:
        """The pipeline that answers a case."""
        own = self._proposer

        def proposer(metered: LanguageModel, prompts: PromptSet, settings: Settings) -> Proposer:
            return default_proposer(metered, prompts, settings) if own is None else own(case)

        return self._make(
            model,
            settings=self.settings,
            verifiers=verifiers_of(model, self.settings, case.verifiers),
            observe=case.observe,
            proposer=proposer,
        )

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """One run; whatever ends it early, it brings back what there is."""
        pipeline = self.pipeline(case, model)
        run = pipeline.stream(case.task, budget=budget, seed=int(rng.integers(2**31)))
        steps: list[Mapping[str, Any]] = []
        try:
            async for event in run:
                if event.kind == "step_taken":
                    steps.append(StepEvent.of(event).to_json())
        except BudgetTooSmall:
            return await Direct().answer(case, model, budget, rng)
        except ModelError as error:
            return _brought_back(run, steps, type(error).__name__)
        return _brought_back(run, steps)


def _brought_back(run: Run, steps: list[Mapping[str, Any]], stop: str = "") -> Answered:
    try:
        result = run.result
    except ConfigError:  # there never was a plan
        return Answered(None, run.ledger, stop=stop or "no plan")
    notes = {
        "steps": result.steps,
        "accepted": result.accepted,
        "solved": result.solved,
        "energy": result.energy if np.isfinite(result.energy) else None,
        "faithful": bool(result.answer and result.answer.faithful),
    }
    return Answered(
        result.value,
        run.ledger,
        text=result.answer.text if result.answer else None,
        plan=format_plan(result.plan),
        draft=format_plan(result.draft),
        stop=stop or result.stop_reason,
        notes=notes,
        events=tuple(steps),
    )


def annealed() -> Planneal:
    """Planneal as it comes: Metropolis under a geometric schedule."""
    return Planneal()


def greedy_refinement() -> Planneal:
    """The same loop that accepts nothing worse."""
    return Planneal(Settings(rule="greedy"), "greedy-refinement", "the same edits, nothing worse accepted")


def fixed_temperature(temperature: float = 0.05) -> Planneal:
    """Metropolis at one temperature.

    Args:
        temperature: In units of energy.
    """
    options = {"temperature": temperature}
    settings = Settings(schedule="constant", schedule_options=options)
    return Planneal(settings, "fixed-temperature", f"Metropolis at temperature {temperature:g}")


def random_edits() -> Planneal:
    """The same loop with random edits in place of the model's: what verifiers find by themselves."""

    def proposer(case: Case) -> Proposer:
        return Mixture(RandomEdits(case.public))  # type: ignore[arg-type]

    return Planneal(None, "random-edits", "random edits, the same verifiers and stopping rules", proposer)
