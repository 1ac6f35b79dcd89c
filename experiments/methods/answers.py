"""Answers that are judged: best of many under the verifiers of plans, and answers that the model revises itself."""

from __future__ import annotations

import numpy as np

from ...decoders.base import LanguageModel, Message
from ...planner.ledger import Budget
from ...settings import Settings
from .asking import LONGEST_ANSWER, Seat, answered
from .base import Answered, Case, Method
from .direct import MOST_SAMPLES
from .judging import Judge, plan_of_answer
from .plans import judges

__all__ = ["BestOfAnswers", "SelfRefine"]


class BestOfAnswers(Method):
    """The best of as many sampled answers as the budget pays for, judged by planneal's verifiers and energy.

    An answer is judged as the plan that its claims amount to (:func:`.judging.plan_of_answer`). Ties go to the first.

    Args:
        n: Most answers.
        temperature: Temperature of all but the first, which is greedy.
        settings: As for planneal.
    """

    name = "best-of-answers"
    about = "sampled answers, chosen by the same verifiers"

    def __init__(self, n: int = MOST_SAMPLES, temperature: float = 0.7, settings: Settings | None = None) -> None:
        self.n, self.temperature, self.settings = n, temperature, settings or Settings()

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Samples, judges, takes the best."""
        seat = Seat(model, budget)
        prompt = seat.direct(case.task)
        first = await seat.ask(prompt, 0)
        texts = [completion.text for completion in first]
        if texts and self.n > 1:
            texts += await seat.answers(prompt, rng, self.n - 1, self.temperature)
        judge = Judge(seat, case, judges(seat, case, self.settings), self.settings)
        plans = [plan_of_answer(case, text) for text in texts]
        judge.anchor_on(plans)
        for plan in plans:
            await judge.judge(plan)
        chosen = texts[max(0, judge.place)] if texts else None
        notes = {"samples": len(texts), "solved": judge.solved}
        return answered(seat.ledger, chosen, seat.stop or "done", notes=notes)


class SelfRefine(Method):
    """The model criticises its answer and writes it anew, as long as the budget lasts (Madaan et al. 2023, 2303.17651).

    It stops by itself where the model sees nothing wrong. The last rewritten answer that comes to a value stands.

    Args:
        rounds: Most rewrites.
        temperature: Temperature of critiques and rewrites.
    """

    name = "self-refine"
    about = "the model criticises and rewrites its own answer"

    def __init__(self, rounds: int = 8, temperature: float = 0.7) -> None:
        self.rounds, self.temperature = rounds, temperature

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """An answer, then critiques and rewrites in turn."""
        seat = Seat(model, budget)
        first = await seat.ask(seat.direct(case.task), 0)
        best = first[0].text if first else None
        made = 0
        while best is not None and made < self.rounds:
            critique = await self._asked(seat, case, rng, best, "", most=96)
            if critique is None or critique.strip(" .\n").lower() in ("", "nothing", "yes"):
                break
            rewritten = await self._asked(seat, case, rng, best, critique)
            if rewritten is None:
                break
            made += 1
            kept = answered(seat.ledger, rewritten)
            best = rewritten if kept.value is not None else best
        return answered(seat.ledger, best, seat.stop or "done", notes={"rewrites": made})

    async def _asked(
        self, seat: Seat, case: Case, rng: np.random.Generator, text: str, critique: str, most: int = LONGEST_ANSWER
    ) -> str | None:
        """A critique of an answer, or the answer written anew where there is a critique."""
        messages: tuple[Message, ...] = tuple(
            seat.prompts.render("revise", question=case.task.question, answer=text.strip(), critique=critique.strip())
        )
        found = await seat.ask(messages, int(rng.integers(2**31)), most=most, temperature=self.temperature)
        return found[0].text if found else None
