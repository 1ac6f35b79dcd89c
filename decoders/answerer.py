"""Decoding the answer: request, check, decode again while it is unfaithful and the budget allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..planner.errors import BudgetExhausted
from ..planner.notation import format_plan
from ..planner.plan import Plan
from ..planner.task import Task
from .answer import Answer, judge_answer
from .base import LanguageModel, SampleRequest
from .prompts import PromptSet


@dataclass(frozen=True)
class AnswerOptions:
    """How the answer is decoded.

    Attributes:
        max_tokens: Completion tokens allowed per attempt.
        attempts: Most decodes; the first is greedy, later ones are sampled.
        temperature: Sampling temperature of the later ones.
        constrain: Whether local models may only cite items of the plan while decoding.
    """

    max_tokens: int = 512
    attempts: int = 3
    temperature: float = 0.7
    constrain: bool = True


class Answerer:
    """Decodes answers from plans.

    Args:
        model: The (metered) model.
        prompts: Where the ``answer`` prompt comes from.
        options: Options.
    """

    def __init__(self, model: LanguageModel, prompts: PromptSet, options: AnswerOptions | None = None) -> None:
        self._model = model
        self._prompts = prompts
        self.options = options or AnswerOptions()

    def request(
        self, task: Task, plan: Plan, *, max_tokens: int | None = None, errors: Sequence[str] = (), seed: int = 0
    ) -> SampleRequest:
        """The request for one answer; greedy unless there are errors to avoid."""
        constrain = self.options.constrain and self._model.capabilities.constrained_citations
        return SampleRequest(
            messages=self._prompts.render(
                "answer", question=task.question, plan=format_plan(plan, bare=True), errors=list(errors)
            ),
            temperature=self.options.temperature if errors else 0.0,
            max_tokens=max_tokens or self.options.max_tokens,
            seed=seed,
            allowed_citations=tuple(plan.by_id) if constrain else None,
        )

    async def decode(
        self, rng: np.random.Generator, task: Task, plan: Plan, *, max_tokens: int | None = None
    ) -> AsyncIterator[Answer]:
        """Answers, one per attempt, until one is faithful, attempts run out or the next does not fit the budget.

        Raises:
            BudgetExhausted: Not even the first attempt fits.
            ModelError: The model could not answer the first attempt.
        """
        errors: tuple[str, ...] = ()
        for attempt in range(1, self.options.attempts + 1):
            request = self.request(
                task, plan, max_tokens=max_tokens, errors=errors, seed=int(rng.integers(2**31))
            )
            try:
                samples = await self._model.sample(request)
            except BudgetExhausted:
                if attempt == 1:
                    raise
                return
            answer = judge_answer(plan, samples[0].text, attempts=attempt)
            if samples[0].finish_reason == "length":
                cut = (*answer.problems, f"it was cut off at {request.max_tokens} tokens")
                answer = answer.model_copy(update={"faithful": False, "problems": cut})
            yield answer
            if answer.faithful:
                return
            errors = answer.problems[:5]


def better(new: Answer, old: Answer | None) -> bool:
    """Whether an attempt is to be preferred: faithful first, then fewer problems, then the earlier one."""
    if old is None:
        return True
    return (new.faithful, -len(new.problems)) > (old.faithful, -len(old.problems))
