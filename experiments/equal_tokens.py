"""Self-consistency at the tokens of another method: how many samples cost the same, measured.

What k samples cost is ``prompt + k * completion`` where a backend reads the shared prompt once, and
``k * (prompt + completion)`` where it does not. Neither is assumed: two short pilots measure both numbers as the ledger
counts them, and the run itself corrects the choice once. Tokens are prompt (cached ones too) plus completion tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..decoders.base import LanguageModel
from .comparison import AnyProblem, MethodRow, run_method
from .methods import SelfConsistency

__all__ = ["Line", "Matched", "matched", "samples_for", "tokens"]

PILOT = 24
"""Problems of a pilot."""
MOST = 256
"""Most samples of one problem."""


class Line(NamedTuple):
    """What k samples cost: ``once + k * each`` tokens per problem.

    Attributes:
        once: Tokens that do not grow with k.
        each: Tokens of one more sample.
    """

    once: float
    each: float

    @classmethod
    def through(cls, low: tuple[int, float], high: tuple[int, float]) -> Line:
        """The line through two measurements ``(k, tokens)`` with different k."""
        each = (high[1] - low[1]) / (high[0] - low[0])
        return cls(low[1] - low[0] * each, each)


class Matched(NamedTuple):
    """Self-consistency at about as many tokens as another method.

    Attributes:
        row: Its row, on all problems.
        k: Samples of one problem.
        target: Mean tokens of the other method.
    """

    row: MethodRow
    k: int
    target: float

    @property
    def ratio(self) -> float:
        """Its tokens over the other method's."""
        return tokens(self.row) / self.target if self.target else float("inf")


def tokens(row: MethodRow) -> float:
    """Mean prompt and completion tokens of a problem."""
    return row.prompt_tokens + row.completion_tokens


def samples_for(target: float, line: Line) -> int:
    """The whole number of samples whose cost is nearest to a target, at least 1 and at most :data:`MOST`."""
    if line.each <= 0:
        return 1
    return max(1, min(MOST, round((target - line.once) / line.each)))


async def matched(
    model: LanguageModel,
    chosen: Sequence[AnyProblem],
    target: float,
    *,
    seed: int = 0,
    parallel: int = 16,
    temperature: float = 0.7,
) -> Matched:
    """Runs self-consistency with the number of samples that costs nearest to `target` tokens per problem.

    Args:
        model: The language model.
        chosen: The problems.
        target: Mean tokens of a problem under the other method.
        seed: Seed of the run.
        parallel: Problems under way at once.
        temperature: Sampling temperature.
    """

    async def measured(k: int, some: Sequence[AnyProblem]) -> MethodRow:
        return await run_method(SelfConsistency(k, temperature), model, some, seed=seed, parallel=parallel)

    few = chosen[:PILOT]
    pilots = [(k, tokens(await measured(k, few))) for k in (1, 4)]
    line = Line.through(*pilots)
    k = samples_for(target, line)
    rows = {k: await measured(k, chosen)}
    # The pilot's problems are not all problems: what all of them cost moves the line, and perhaps the choice.
    moved = line._replace(each=(tokens(rows[k]) - line.once) / k) if k > 1 else line
    again = samples_for(target, moved)
    if again != k:
        rows[again] = await measured(again, chosen)
    best = min(rows, key=lambda found: abs(tokens(rows[found]) - target))
    return Matched(rows[best], best, target)
