"""Drafting: one pass of the language model gives a first plan, which is then repaired only by edits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ..decoders.base import LanguageModel, SampleRequest
from ..decoders.prompts import PromptSet
from ..planner.notation import format_item, parse_draft
from ..planner.plan import MAX_ITEMS, Plan
from ..planner.task import Task
from .lm_edits import strip_fences


@dataclass(frozen=True)
class DraftOptions:
    """How drafts are asked for.

    Attributes:
        max_tokens: Completion tokens allowed.
        temperature: Sampling temperature of every draft but the first chain's first one, which is greedy.
    """

    max_tokens: int = 512
    temperature: float = 0.8


class Drafted(NamedTuple):
    """A first plan.

    Attributes:
        plan: Everything that parsed, after the task's own items.
        skipped: What did not parse, one message per line.
        text: The model's words.
    """

    plan: Plan
    skipped: tuple[str, ...]
    text: str


class Drafter:
    """Asks a language model for a first plan.

    Args:
        model: The (metered) model.
        prompts: Where the ``draft`` prompt comes from.
        options: Options.
    """

    def __init__(self, model: LanguageModel, prompts: PromptSet, options: DraftOptions | None = None) -> None:
        self._model = model
        self._prompts = prompts
        self.options = options or DraftOptions()

    def cap(self, max_tokens: int) -> None:
        """Lowers the completion tokens per draft, where a budget is tight."""
        self.options = replace(self.options, max_tokens=min(max_tokens, self.options.max_tokens))

    def request(self, task: Task, *, seed: int = 0, greedy: bool = True, n: int = 1) -> SampleRequest:
        """The request for ``n`` drafts of a task."""
        locked = "\n".join(format_item(item) for item in task.constraints)
        return SampleRequest(
            messages=self._prompts.render("draft", question=task.question, locked=locked),
            n=n,
            temperature=0.0 if greedy else self.options.temperature,
            max_tokens=self.options.max_tokens,
            seed=seed,
        )

    async def draft(self, rng: np.random.Generator, task: Task, *, greedy: bool = True) -> Drafted:
        """One draft.

        Raises:
            BudgetExhausted: The call does not fit.
            ModelError: The model could not answer.
        """
        samples = await self._model.sample(self.request(task, seed=int(rng.integers(2**31)), greedy=greedy))
        return read_draft(task, samples[0].text)


def read_draft(task: Task, text: str) -> Drafted:
    """Reads a draft: lines that do not parse are skipped and told, an empty draft is the task's own items."""
    seed = task.seed_plan()
    kept = "\n".join(strip_fences(text).split("\n")[: MAX_ITEMS - len(seed.items)])
    draft = parse_draft(kept, fallback=seed.goal, goal=task.goal or None, target=seed.target, locked=seed.items)
    return Drafted(draft.plan, tuple(str(error) for error in draft.skipped), text)
