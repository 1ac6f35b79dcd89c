"""Power sampling: answers from the sharpened distribution p^alpha, by Metropolis over suffixes; no verifier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...decoders.base import Completion, LanguageModel, Message
from ...planner.ledger import Budget
from .asking import Seat, answered
from .base import Answered, Case, Method

__all__ = ["PowerSampling", "acceptance"]


@dataclass(frozen=True)
class _Drawn:
    """A sampled answer as lines, each with its log-probability under the model at temperature 1, in nats."""

    lines: tuple[str, ...]
    logs: tuple[float, ...]

    @property
    def text(self) -> str:
        return "".join(self.lines)


def acceptance(alpha: float, new: float, old: float, new_lines: int, old_lines: int) -> float:
    """Acceptance probability of a resampled suffix.

    The target is p(x)^alpha. The place of the cut is drawn evenly among the lines of x, and the suffix from p itself,
    so that the suffix's own probability cancels once: ``min(1, exp((alpha - 1) (new - old)) * old_lines / new_lines)``.

    Args:
        alpha: Exponent of the target, at least 1.
        new: Log-probability of the new suffix, nats.
        old: Log-probability of the old one.
        new_lines: Lines of the whole new text.
        old_lines: Lines of the whole old text.
    """
    log = (alpha - 1.0) * (new - old) + math.log(old_lines / new_lines)
    return min(1.0, math.exp(min(0.0, log))) if log < 0 else 1.0


class PowerSampling(Method):
    """Metropolis on p^alpha by suffix resampling (Karan and Du 2025, arXiv 2510.14901), with lines as blocks.

    It needs log-probabilities and a model that goes on from raw text; elsewhere it is one sampled answer, and says so.

    Args:
        alpha: Exponent.
        steps: Most proposals.
    """

    name = "power-sampling"
    about = "Metropolis on p^alpha over answers, no verifier"

    def __init__(self, alpha: float = 4.0, steps: int = 64) -> None:
        self.alpha, self.steps = alpha, steps

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """A sample, then proposals while they fit."""
        seat = Seat(model, budget)
        prompt = seat.direct(case.task)
        able = seat.model.capabilities.dialect == "compact" and seat.model.capabilities.logprobs is not False
        first = await seat.ask(prompt, int(rng.integers(2**31)), temperature=1.0, logprobs=able)
        if not first:
            return answered(seat.ledger, None, seat.stop)
        drawn = _lines(first[0])
        made = accepted = 0
        while drawn is not None and able and made < self.steps:
            cut = int(rng.integers(len(drawn.lines)))
            uniform = rng.random()
            more = await seat.ask(
                _continued(prompt, "".join(drawn.lines[:cut])),
                int(rng.integers(2**31)),
                temperature=1.0,
                logprobs=True,
            )
            if not more:
                break
            made += 1
            suffix = _lines(more[0])
            if suffix is None:
                continue
            total = cut + len(suffix.lines)
            chance = acceptance(self.alpha, sum(suffix.logs), sum(drawn.logs[cut:]), total, len(drawn.lines))
            if uniform < chance:
                drawn = _Drawn((*drawn.lines[:cut], *suffix.lines), (*drawn.logs[:cut], *suffix.logs))
                accepted += 1
        text = first[0].text if drawn is None else drawn.text
        notes = {"proposals": made, "accepted": accepted, "able": able and drawn is not None}
        return answered(seat.ledger, text, seat.stop or "done", notes=notes)


def _continued(prompt: Sequence[Message], text: str) -> tuple[Message, ...]:
    last = prompt[-1]
    return (*prompt[:-1], Message(role=last.role, content=last.content + text))


def _lines(completion: Completion) -> _Drawn | None:
    """A completion as lines with their log-probabilities; None where there are none, or tokens are not the text.

    A token that holds a newline belongs to the line that it ends. What follows the text (the end token) counts with the
    last line: ending there was part of the draw.
    """
    tokens = completion.logprobs
    if not tokens or completion.finish_reason != "stop" or not completion.text:
        return None
    lines: list[str] = [""]
    logs: list[float] = [0.0]
    for token in tokens:
        if lines[-1].endswith("\n"):
            lines.append("")
            logs.append(0.0)
        lines[-1] += token.token
        logs[-1] += token.logprob
    whole = "".join(lines)
    if not whole.startswith(completion.text):
        return None
    kept: list[str] = []
    left = completion.text
    for line in lines:
        kept.append(left[: len(line)])
        left = left[len(line) :]
    while len(kept) > 1 and not kept[-1]:
        kept.pop()
        logs[len(kept) - 1] += logs.pop(len(kept))
    return _Drawn(tuple(kept), tuple(logs))
