"""Two plain methods within a budget: one greedy answer, and a vote over as many sampled ones as the budget pays for."""

from __future__ import annotations

import numpy as np

from ...decoders.base import LanguageModel, SampleRequest
from ...decoders.metered import Account, MeteredModel
from ...decoders.prompts import PromptSet
from ...planner.ledger import Budget, Ledger
from ..method import Answered, Case, Method
from ..methods import final_value
from ..voting import elect

__all__ = ["Direct", "Vote"]


class Direct(Method):
    """One greedy answer, as long as the budget allows."""

    name = "direct"
    about = "greedy answer, step by step"
    seeded = False

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """One decode."""
        ledger = Ledger(budget)
        text = await _answer(case, model, ledger, 0.0, 0)
        if text is None:
            return Answered(None, ledger, stop="tokens")
        return Answered(final_value(text), ledger, text=text)


class Vote(Method):
    """Self-consistency (Wang et al. 2022): samples one after the other while they fit, then the majority's answer."""

    name = "sc"
    about = "majority vote over sampled answers"

    def __init__(self, temperature: float = 0.7, most: int = 64) -> None:
        self.temperature = temperature
        self.most = most

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Votes; a smaller budget's samples are the first ones of a larger budget's."""
        ledger = Ledger(budget)
        texts: list[str] = []
        while len(texts) < self.most:
            text = await _answer(case, model, ledger, self.temperature, int(rng.integers(2**31)), whole=bool(texts))
            if text is None:
                break
            texts.append(text)
        stop = "done" if len(texts) == self.most else "tokens"
        if not texts:
            return Answered(None, ledger, stop=stop)
        found = elect([final_value(text) for text in texts])
        winner = texts[found.place]
        notes = {"samples": len(texts), "rivals": found.rivals}
        return Answered(final_value(winner), ledger, text=winner, stop=stop, notes=notes)


async def _answer(
    case: Case, model: LanguageModel, ledger: Ledger, temperature: float, seed: int, *, whole: bool = False
) -> str | None:
    """One answer, cut at what is left of the budget; None where (the whole of) it does not fit."""
    prompts = PromptSet.load(model.capabilities.dialect)
    messages = prompts.render("direct", question=case.task.question)
    metered = MeteredModel(model, Account(ledger), "baseline")
    assert ledger.budget.tokens is not None
    left = ledger.budget.tokens - ledger.spent.tokens - metered.prompt_bound(messages)
    room = min(_MOST, left)
    if room < (_MOST if whole else 1):
        return None
    request = SampleRequest(messages=messages, temperature=temperature, max_tokens=room, seed=seed)
    return (await metered.sample(request))[0].text


_MOST = 256
"""Most tokens of an answer."""
