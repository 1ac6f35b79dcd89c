"""Decoding the answer: request, check, decode again while it is unfaithful and the budget allows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ..planner.errors import BudgetExhausted
from ..planner.notation import format_plan
from ..planner.plan import Plan
from ..planner.task import Task
from .answer import Answer, judge_answer, sound_start
from .base import LanguageModel, SampleRequest
from .prompts import PromptSet

Observe = Callable[[Task, Plan], Mapping[str, str]]
"""Says what became of a plan's items when they were carried out (results of its calls, say), by item."""
MAX_OBSERVED_CHARS = 500
"""Longest observation that a prompt shows."""


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
        observe: What the answer is shown of carrying the plan out; equal plans must give equal observations, and what
            it raises is told to the model instead of any.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompts: PromptSet,
        options: AnswerOptions | None = None,
        observe: Observe | None = None,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self.options = options or AnswerOptions()
        self.observing(observe)

    def observing(self, observe: Observe | None) -> Answerer:
        """Shows the answer what this says of a plan; gives itself back."""
        # Budgets ask what an answer to each plan may cost, so the plans of late are remembered.
        self._observed = lru_cache(maxsize=64)(lambda task, plan: observed_lines(observe, task, plan))
        return self

    def request(
        self,
        task: Task,
        plan: Plan,
        *,
        max_tokens: int | None = None,
        errors: Sequence[str] = (),
        kept: str = "",
        seed: int = 0,
    ) -> SampleRequest:
        """The request for one answer; greedy unless there are errors to avoid.

        Args:
            task: The task.
            plan: What the answer is conditioned on.
            max_tokens: Completion tokens allowed instead of the options' own.
            errors: What was held against the attempt before.
            kept: Lines of that attempt to go on from; prompts that are continued as raw text end with them.
            seed: Seed of the request.
        """
        constrain = self.options.constrain and self._model.capabilities.constrained_citations
        return SampleRequest(
            messages=self._prompts.render(
                "answer",
                question=task.question,
                plan=format_plan(plan, bare=True),
                observed=self._observed(task, plan),
                errors=list(errors),
                kept=kept,
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

        Where the prompt is raw text to be continued (the compact dialect), a further attempt goes on after the last
        line before the first fault; elsewhere it starts anew and is told the faults.

        Raises:
            BudgetExhausted: Not even the first attempt fits.
            ModelError: The model could not answer the first attempt.
        """
        errors: tuple[str, ...] = ()
        kept = ""
        for attempt in range(1, self.options.attempts + 1):
            seed = int(rng.integers(2**31))
            request = self.request(task, plan, max_tokens=max_tokens, errors=errors, kept=kept, seed=seed)
            if not request.prompt.endswith(kept):  # these prompts have no place for it
                kept = ""
            try:
                samples = await self._model.sample(request)
            except BudgetExhausted:
                if attempt == 1:
                    raise
                return
            answer = judge_answer(plan, kept + samples[0].text, attempts=attempt)
            cut_off = samples[0].finish_reason == "length"
            if cut_off:
                cut = (*answer.problems, f"it was cut off at {request.max_tokens} tokens")
                answer = answer.model_copy(update={"faithful": False, "problems": cut})
            yield answer
            if answer.faithful:
                return
            errors = answer.problems[:5]
            # What was cut off went astray somewhere that no check sees.
            kept = "" if cut_off else sound_start(plan, answer.text)


def observed_lines(observe: Observe | None, task: Task, plan: Plan) -> str:
    """Observations as a prompt shows them, ``S1 -> id 14, amount 40``, in plan order; empty where there are none."""
    if observe is None:
        return ""
    try:
        found = observe(task, plan)
    except Exception as error:  # the caller's own code; the answer goes on without it, and the trace shows why
        return f"none: {type(error).__name__}"
    shown = {item_id: " ".join(str(found[item_id]).split()) for item_id in plan.by_id if item_id in found}
    return "\n".join(f"{item_id} -> {text[:MAX_OBSERVED_CHARS]}" for item_id, text in shown.items())


def better(new: Answer, old: Answer | None) -> bool:
    """Whether an attempt is to be preferred: faithful first, then fewer problems, then the earlier one."""
    if old is None:
        return True
    return (new.faithful, -len(new.problems)) > (old.faithful, -len(old.problems))
