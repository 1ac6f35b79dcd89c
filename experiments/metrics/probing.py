"""Asking the model again for a metric: through the usual answerer, on an account of its own.

What a probe spends is no part of any method's cost. It has a ledger of its own, under the role ``probe``.
"""

from __future__ import annotations

import numpy as np

from ...decoders.answer import Answer
from ...decoders.answerer import Answerer, AnswerOptions, Observe
from ...decoders.base import LanguageModel
from ...decoders.metered import Account, MeteredModel
from ...decoders.prompts import PromptSet
from ...planner.ledger import Budget, Ledger, Usage
from ...planner.plan import Plan
from ...planner.task import Task


class Probe:
    """Answers from plans as a run answers, one greedy decode each, counted apart.

    Args:
        model: The model.
        options: How answers are decoded; attempts are always one, since a second one would be told what was wrong.
        observe: What carrying a plan out gives, as in the run that is probed.
        budget: Cap on what all probing together may spend.
    """

    def __init__(
        self,
        model: LanguageModel,
        options: AnswerOptions | None = None,
        observe: Observe | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.ledger = Ledger(budget)
        given = options or AnswerOptions()
        single = AnswerOptions(given.max_tokens, 1, given.temperature, given.constrain)
        metered = MeteredModel(model, Account(self.ledger), "probe")
        self._answerer = Answerer(metered, PromptSet.load(model.capabilities.dialect), single, observe)

    async def answer(self, task: Task, plan: Plan, seed: int = 0) -> Answer:
        """The greedy answer to a task from a plan.

        Raises:
            BudgetExhausted: It does not fit the budget of the probe.
            ModelError: The model could not answer.
        """
        answers = [answer async for answer in self._answerer.decode(np.random.default_rng(seed), task, plan)]
        return answers[-1]

    @property
    def spent(self) -> Usage:
        """What was spent so far."""
        return self.ledger.spent


__all__ = ["Probe"]
