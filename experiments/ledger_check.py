"""Every method's ledger beside what its model was asked: ``python -m planneal.experiments.ledger_check``.

A counter stands between the methods and the model, below everything that meters. It takes what the model itself says
that each call used, and counts prompt and completion tokens a second time with the model's tokenizer where there is
one. An attempt passes if its ledger has the same prompt tokens, completion tokens and calls, token for token, and no
more tokens than its cap.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..decoders.base import LanguageModel, Message, SampleRequest, Samples, TokenScores, as_messages
from ..decoders.registry import load_model
from ..decoders.wrapped import Wrapped
from ..planner.ledger import Budget
from .comparison import problems
from .families.base import Problem
from .methods import METHODS, make
from .methods.base import Method, case_of
from .runs.counted import CountedModel
from .runs.sources import ToldCase

__all__ = ["Line", "Tally", "check", "table"]


class Tally(Wrapped):
    """Counts what is asked of a model, knowing nothing of budgets and ledgers.

    Args:
        inner: The model.

    Attributes:
        prompt: Prompt tokens, as the model says.
        completion: Completion tokens, as the model says.
        calls: Calls and retries.
        again: Prompt tokens as the tokenizer counts them, None where there is no tokenizer.
    """

    def __init__(self, inner: LanguageModel) -> None:
        super().__init__(inner)
        self.clear()

    def clear(self) -> None:
        """Begins anew."""
        self.prompt = self.completion = self.calls = 0
        self.again: int | None = 0

    async def sample(self, request: SampleRequest) -> Samples:
        """The model's completions, counted."""
        samples = await self._inner.sample(request)
        self._add(samples.usage.prompt_tokens, samples.usage.calls + samples.usage.retries, request.messages)
        self.completion += samples.usage.completion_tokens
        return samples

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """The model's scores, counted."""
        scores = await self._inner.score(prompt, continuation)
        self._add(scores.usage.prompt_tokens, scores.usage.calls + scores.usage.retries, as_messages(prompt))
        if self.again is not None:
            self.again += len(scores.logprobs)
        return scores

    def _add(self, tokens: int, calls: int, messages: Sequence[Message]) -> None:
        self.prompt += tokens
        self.calls += calls
        exact = self._inner.count_tokens(messages)
        self.again = None if exact is None or self.again is None else self.again + exact


@dataclass(frozen=True)
class Line:
    """A method on one family at one budget.

    Attributes:
        method: Its name.
        family: The family.
        budget: The cap on tokens.
        attempts: How many.
        tokens: Ledger tokens over all attempts.
        counted: The tokens that the model was asked for and gave.
        calls: Ledger calls, and those that were made.
        highest: Most tokens of one attempt.
        unequal: Attempts whose ledger differs from the count in any of the three numbers.
        miscounted: Attempts whose prompts the tokenizer counts otherwise.
        over: Attempts above the cap.
    """

    method: str
    family: str
    budget: int
    attempts: int
    tokens: int
    counted: int
    calls: tuple[int, int]
    highest: int
    unequal: int
    miscounted: int
    over: int

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.unequal or self.miscounted or self.over)


class _Attempt(NamedTuple):
    ledger: tuple[int, int, int]
    counted: tuple[int, int, int]
    again: int | None


async def _attempt(method: Method, problem: Problem[Any], tally: Tally, budget: int, seed: int) -> _Attempt:
    case = case_of(problem.public)
    if getattr(method, "wants_gold", False):
        case = ToldCase.of(case, problem.gold.plan)
    tally.clear()
    found = await method.answer(case, CountedModel(tally), Budget(tokens=budget), np.random.default_rng(seed))
    spent = found.ledger.spent
    ledger = (spent.prompt_tokens, spent.completion_tokens, spent.calls + spent.retries)
    return _Attempt(ledger, (tally.prompt, tally.completion, tally.calls), tally.again)


def check(
    model: LanguageModel,
    methods: Iterable[str] = tuple(METHODS),
    families: Sequence[str] = ("arithmetic", "schedule"),
    count: int = 20,
    budgets: Sequence[int] = (700, 2_000),
    *,
    seed: int = 0,
    difficulty: str = "easy",
) -> list[Line]:
    """Runs the methods one after the other and compares each attempt's ledger with the count.

    Args:
        model: The model.
        methods: Names.
        families: Names.
        count: Problems of each family.
        budgets: Caps on tokens.
        seed: Of problems and draws.
        difficulty: Of the problems.
    """
    tally, lines = Tally(model), []
    for name in methods:
        method = make(name)
        for family in families:
            drawn = problems(count, seed, difficulty, family)
            for budget in budgets:
                made = asyncio.run(_all(method, drawn, tally, budget, seed))
                lines.append(_line(name, family, budget, made))
    return lines


async def _all(method: Method, drawn: Sequence[Problem[Any]], tally: Tally, budget: int, seed: int) -> list[_Attempt]:
    return [
        await _attempt(method, problem, tally, budget, seed * 1_000_003 + number)
        for number, problem in enumerate(drawn)
    ]


def _line(name: str, family: str, budget: int, made: Sequence[_Attempt]) -> Line:
    spent = [prompt + completion for (prompt, completion, _), _, _ in made]
    return Line(
        method=name,
        family=family,
        budget=budget,
        attempts=len(made),
        tokens=sum(spent),
        counted=sum(attempt.counted[0] + attempt.counted[1] for attempt in made),
        calls=(sum(attempt.ledger[2] for attempt in made), sum(attempt.counted[2] for attempt in made)),
        highest=max(spent),
        unequal=sum(attempt.ledger != attempt.counted for attempt in made),
        miscounted=sum(attempt.again not in (None, attempt.counted[0]) for attempt in made),
        over=sum(tokens > budget for tokens in spent),
    )


def table(lines: Sequence[Line], *, head: bool = True) -> str:
    """The lines as text, with a head or without."""
    names = (
        f"{'method':20} {'family':11} {'budget':>6} {'n':>3} {'ledger':>8} {'counted':>8} {'calls':>6} {'counted':>7} "
        f"{'highest':>7} {'unequal':>7} {'over':>5}"
    )
    shown = [
        f"{line.method:20} {line.family:11} {line.budget:6,} {line.attempts:3} {line.tokens:8,} {line.counted:8,} "
        f"{line.calls[0]:6,} {line.calls[1]:7,} {line.highest:7,} {line.unequal + line.miscounted:7} {line.over:5}"
        for line in lines
    ]
    return "\n".join([*([names] if head else []), *shown])


def main() -> None:
    """Prints the table; the exit status is 1 where a ledger is not what was counted, or a cap was passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="embedded", help="embedded, openai/NAME or hf/PATH")
    parser.add_argument("--problems", type=int, default=20)
    parser.add_argument("--families", default="arithmetic,schedule")
    parser.add_argument("--budgets", default="700,2000")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--difficulty", default="easy")
    given = parser.parse_args()
    budgets = [int(budget) for budget in given.budgets.split(",")]
    model, families = load_model(given.model), given.families.split(",")
    lines: list[Line] = []
    for name in given.methods.split(","):  # each as it comes: a run of all takes minutes
        found = check(model, (name,), families, given.problems, budgets, difficulty=given.difficulty)
        print(table(found, head=not lines), flush=True)
        lines += found
    if not all(line.good for line in lines):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
