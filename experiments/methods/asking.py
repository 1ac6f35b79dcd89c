"""Asking a model within a budget: what fits is asked, what does not is not, and everything is counted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...decoders.base import Completion, LanguageModel, Message, SampleRequest
from ...decoders.citations import last_final, read_answer
from ...decoders.metered import Account, MeteredModel
from ...decoders.prompts import PromptSet
from ...planner.errors import BudgetExhausted, ModelError
from ...planner.ledger import Budget, Ledger, Role
from ...planner.task import Task
from ..voting import said
from .base import Answered

__all__ = ["LONGEST_ANSWER", "Seat", "answered", "final_value", "votes"]

LONGEST_ANSWER = 512
"""Completion tokens that an answer may take, unless a method says otherwise."""
_LEAST = 16
"""A completion of fewer tokens is not worth asking for."""


def final_value(text: str) -> str | None:
    """The value of an answer's last ``answer:`` line, None where there is none."""
    return last_final(read_answer(text))


def answered(ledger: Ledger, text: str | None, stop: str = "done", **more: object) -> Answered:
    """What a method returns whose answer is this text, or that has none."""
    value = None if text is None else final_value(text)
    return Answered(value, ledger, text=text, stop=stop, **more)  # type: ignore[arg-type]


class Seat:
    """A model at a method's disposal: metered, bounded by the budget, with the prompts of its dialect.

    Args:
        model: The model.
        budget: What may be spent.

    Attributes:
        ledger: What has been spent, by role.
        model: The metered model.
        prompts: The prompts of its dialect.
        stop: Why the last thing that was asked for could not be had; empty while everything could.
    """

    def __init__(self, model: LanguageModel, budget: Budget) -> None:
        self.ledger = Ledger(budget)
        self._account = Account(self.ledger)
        self.model = MeteredModel(model, self._account, "baseline")
        self.prompts = PromptSet.load(model.capabilities.dialect)
        self.stop = ""

    def role(self, role: Role) -> MeteredModel:
        """The same model on the same ledger in another role."""
        return self.model.for_role(role)

    def room(self, messages: Sequence[Message], most: int) -> int:
        """Completion tokens, at most `most`, that one completion of a prompt may take."""
        budget, used = self.ledger.budget, self.ledger.spent + self.ledger.reserved
        limits = [most]
        if budget.tokens is not None:
            limits.append(budget.tokens - used.tokens - self.model.prompt_bound(messages))
        if budget.completion_tokens is not None:
            limits.append(budget.completion_tokens - used.completion_tokens)
        return max(0, min(limits))

    async def ask(
        self,
        messages: Sequence[Message],
        seed: int,
        *,
        most: int = LONGEST_ANSWER,
        least: int = _LEAST,
        n: int = 1,
        temperature: float = 0.0,
        stop: tuple[str, ...] = (),
        logprobs: bool = False,
        role: Role = "baseline",
    ) -> tuple[Completion, ...]:
        """As many of `n` completions as surely fit, all from one request; none where not even one does.

        A single completion is cut at what is left of the budget as long as that is `least` tokens.

        Args:
            messages: The prompt.
            seed: Seed of the draw.
            most: Completion tokens that each may take.
            least: Completion tokens that one must be able to take.
            n: How many are wanted.
            temperature: 0 is greedy.
            stop: Strings that end a completion.
            logprobs: Whether log-probabilities of the tokens are wanted.
            role: What the ledger books it under.
        """
        room = self.room(messages, most * n)
        count = min(n, room // most) or 1
        room = min(room, most)
        if room < min(least, most):
            self.stop = "tokens"
            return ()
        request = SampleRequest(
            messages=tuple(messages),
            n=count,
            temperature=temperature,
            max_tokens=room,
            seed=seed,
            stop=stop,
            logprobs=logprobs,
        )
        try:
            return (await self.role(role).sample(request)).completions
        except BudgetExhausted as error:
            self.stop = error.limit or "budget"
        except ModelError as error:
            self.stop = type(error).__name__
        return ()

    def direct(self, task: Task, constraints: Sequence[str] = ()) -> tuple[Message, ...]:
        """The prompt of a direct answer."""
        told = "\n".join(constraints)
        return tuple(self.prompts.render("direct", question=task.question, **({"constraints": told} if told else {})))

    async def answers(
        self, messages: Sequence[Message], rng: np.random.Generator, count: int, temperature: float
    ) -> list[str]:
        """Up to `count` sampled answers to one prompt, in as few requests as the budget allows.

        The worst case of a request must fit, so the first request may hold fewer than would have fitted in the end;
        what it leaves pays for further ones, whose bound is twice the longest answer so far.
        """
        found: list[Completion] = []
        most = LONGEST_ANSWER
        while len(found) < count:
            seed = int(rng.integers(2**31))
            least, wanted = most if found else _LEAST, count - len(found)
            more = await self.ask(messages, seed, most=most, least=least, n=wanted, temperature=temperature)
            if not more:
                break
            found += more
            most = min(LONGEST_ANSWER, 2 * max(c.tokens or LONGEST_ANSWER // 2 for c in found))
        return [completion.text for completion in found]


def votes(texts: Sequence[str]) -> list[str | None]:
    """What each answer says, as it may vote."""
    return [said(text) for text in texts]
