"""Answers without a plan: greedy, with the constraint list in the prompt, with forced further thought, and by vote."""

from __future__ import annotations

import re

import numpy as np

from ...decoders.base import LanguageModel, Message
from ...planner.ledger import Budget
from ...planner.notation import format_item
from ..families.registry import family
from ..voting import elect
from .asking import LONGEST_ANSWER, Seat, answered, votes
from .base import Answered, Case, Method

__all__ = ["BudgetForcing", "Direct", "DirectWithConstraints", "SelfConsistency", "constraint_list"]

_FINAL = re.compile(r"^answer:.*\Z", re.MULTILINE | re.DOTALL)
MOST_SAMPLES = 64
"""Samples that nobody draws more of, whatever the budget."""


class Direct(Method):
    """Greedy autoregressive answer, step by step, without a plan."""

    name = "direct"
    about = "greedy answer, step by step"
    seeded = False

    def __init__(self, max_tokens: int = LONGEST_ANSWER) -> None:
        self.max_tokens = max_tokens

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """One greedy decode."""
        seat = Seat(model, budget)
        found = await seat.ask(seat.direct(case.task), 0, most=self.max_tokens)
        return answered(seat.ledger, found[0].text if found else None, seat.stop or "done")


def constraint_list(case: Case) -> tuple[str, ...]:
    """Constraints and invariants of a case as lines of notation: the task's own, and what its family reads off it.

    The family's reader sees the question alone; a method that is handed this list knows more of it than a plan's draft.
    """
    items = list(case.task.constraints)
    if case.public is not None:
        drawn = family(case.public.family).random_plan(np.random.default_rng(0), case.public)
        items += [item for item in drawn.items if item.kind in "CI" and item.id not in {known.id for known in items}]
    return tuple(format_item(item, bare=True) for item in items)


class DirectWithConstraints(Method):
    """The same with the problem's constraints listed in the prompt; where it has none, it is :class:`Direct`."""

    name = "direct+constraints"
    about = "greedy answer with the constraint list in the prompt"
    seeded = False

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """One greedy decode."""
        seat = Seat(model, budget)
        listed = constraint_list(case)
        found = await seat.ask(seat.direct(case.task, listed), 0)
        notes = {"listed": len(listed)}
        return answered(seat.ledger, found[0].text if found else None, seat.stop or "done", notes=notes)


class BudgetForcing(Method):
    """Longer thought: the answer's last line is taken back and the model goes on, until budget or `rounds` are spent.

    Budget forcing after Muennighoff et al. (2025, arXiv 2501.19393): where the model would end, it is told to wait. The
    last round that comes to a value stands.

    Args:
        rounds: Most continuations.
        temperature: Temperature of the continuations; greedy ones would repeat themselves.
    """

    name = "longer-thought"
    about = "the answer is taken back and thought on, as long as the budget lasts"

    def __init__(self, rounds: int = 16, temperature: float = 0.7) -> None:
        self.rounds, self.temperature = rounds, temperature

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """A greedy answer, then continuations."""
        seat = Seat(model, budget)
        prompt = seat.direct(case.task)
        first = await seat.ask(prompt, 0)
        best = first[0].text if first else None
        thought = best or ""
        made = 0
        while best is not None and made < self.rounds:
            thought = _FINAL.sub("", thought).rstrip() + "\n"
            more = await seat.ask(
                _going_on(seat, prompt, thought), int(rng.integers(2**31)), temperature=self.temperature
            )
            if not more:
                break
            made += 1
            thought += more[0].text
            if _FINAL.search(thought):
                best = thought
        return answered(seat.ledger, best, seat.stop or "done", notes={"rounds": made})


def _going_on(seat: Seat, prompt: tuple[Message, ...], thought: str) -> tuple[Message, ...]:
    """The prompt with the thought so far: raw text goes on after it, a chat model is told to wait."""
    if seat.model.capabilities.dialect == "compact":
        return (*prompt[:-1], Message(role=prompt[-1].role, content=prompt[-1].content + thought))
    wait = "Wait. Check the steps so far, go on, and end with the `answer:` line again."
    return (*prompt, Message(role="assistant", content=thought), Message(role="user", content=wait))


class SelfConsistency(Method):
    """Majority vote over as many sampled answers as the budget pays for (Wang et al. 2022, arXiv 2203.11171).

    Answers that cannot be read have no vote; ties go to what came first.

    Args:
        k: Most samples.
        temperature: Sampling temperature.
    """

    name = "self-consistency"
    about = "majority vote over sampled answers"

    def __init__(self, k: int = MOST_SAMPLES, temperature: float = 0.7) -> None:
        if k < MOST_SAMPLES:
            self.name = f"self-consistency@{k}"
        self.k, self.temperature = k, temperature

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Samples, then votes."""
        seat = Seat(model, budget)
        texts = await seat.answers(seat.direct(case.task), rng, self.k, self.temperature)
        if not texts:
            return answered(seat.ledger, None, seat.stop)
        found = elect(votes(texts))
        notes = {"samples": len(texts), "rivals": found.rivals}
        return answered(seat.ledger, texts[found.place], seat.stop or "done", notes=notes)
