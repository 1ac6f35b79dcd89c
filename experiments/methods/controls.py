"""Ceilings and floors: answers from the gold plan, from a plan in no order, and from a plan that says nothing.

The gold plan comes from the runner, to methods that say that they want it; they are ceilings and are called so.
"""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from ...decoders.answerer import Answerer
from ...decoders.base import LanguageModel
from ...planner.errors import ConfigError
from ...planner.ledger import Budget
from ...planner.notation import format_plan, parse_plan
from ...planner.plan import Plan
from ...proposers import Drafter, read_draft
from ...settings import Settings
from .asking import Seat
from .base import Answered, Case, Method
from .plans import answer_from

__all__ = ["BlankedPlan", "FromPlan", "GoldPlan", "ShuffledPlan"]


class FromPlan(Method):
    """Answers from a plan that no verifier judges; what plan is for a subclass to say."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Answers from the plan."""
        seat = Seat(model, budget)
        plan = await self._plan(case, seat, rng)
        if plan is None:
            return Answered(None, seat.ledger, stop=seat.stop)
        answerer = Answerer(seat.model, seat.prompts, self.settings.answer, case.observe)
        most = seat.room(answerer.request(case.task, plan).messages, self.settings.answer.max_tokens)
        if most < 1:
            return Answered(None, seat.ledger, plan=format_plan(plan), stop="tokens")
        value, text = await answer_from(seat, case, plan, self.settings, rng, most)
        return Answered(value, seat.ledger, text=text, plan=format_plan(plan), stop=seat.stop or "done")

    @abstractmethod
    async def _plan(self, case: Case, seat: Seat, rng: np.random.Generator) -> Plan | None:
        """The plan; None where it could not be had."""

    async def _draft(self, case: Case, seat: Seat, rng: np.random.Generator) -> Plan | None:
        """The greedy draft of planneal."""
        request = Drafter(seat.model, seat.prompts, self.settings.draft).request(case.task)
        found = await seat.ask(request.messages, 0, most=self.settings.draft.max_tokens, role="draft")
        return read_draft(case.task, found[0].text).plan if found else None


class GoldPlan(FromPlan):
    """The ceiling: the answer that the model gives from a right plan."""

    name = "gold-plan"
    about = "ceiling: an answer from the gold plan"
    seeded = False
    wants_gold = True

    async def _plan(self, case: Case, seat: Seat, rng: np.random.Generator) -> Plan | None:
        gold = getattr(case, "gold_plan", "")
        if not gold:
            raise ConfigError(f"{case.id} has no gold plan; {self.name} is a ceiling for generated families")
        return parse_plan(gold)


class ShuffledPlan(FromPlan):
    """The floor: an answer from a draft whose items say what other items of it said, at random."""

    name = "shuffled-plan"
    about = "floor: an answer from a draft whose items were exchanged"

    async def _plan(self, case: Case, seat: Seat, rng: np.random.Generator) -> Plan | None:
        plan = await self._draft(case, seat, rng)
        return None if plan is None else shuffled(rng, plan)


class BlankedPlan(FromPlan):
    """The other floor: an answer from a plan that holds what the task gives and nothing else."""

    name = "blanked-plan"
    about = "floor: an answer from a plan without items of its own"
    seeded = False

    async def _plan(self, case: Case, seat: Seat, rng: np.random.Generator) -> Plan | None:
        return case.task.seed_plan()


def shuffled(rng: np.random.Generator, plan: Plan) -> Plan:
    """The plan with the words and checks of its own items exchanged at random; ids, needs and places stay."""
    own = [item for item in plan.items if not item.locked]
    order = rng.permutation(len(own))
    says = {
        item.id: {"text": own[int(other)].text, "check": own[int(other)].check}
        for item, other in zip(own, order, strict=True)
    }
    return plan.with_items([item.model_copy(update=says[item.id]) if item.id in says else item for item in plan.items])
