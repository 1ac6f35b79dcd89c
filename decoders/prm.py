"""The seam of process reward models: solutions in, a score for each of their steps out.

A *solution* is a question with the steps towards its answer. A :class:`StepScorer` gives each step a score in [0, 1]
that depends on the question and on the steps up to it, never on later ones: that is what makes the scores of an
edited plan's unchanged beginning stay as they are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from ..planner.errors import PlannealError
from ..planner.ledger import Usage


class Solution(NamedTuple):
    """What is scored.

    Attributes:
        question: The question.
        steps: The steps in order, one line each.
    """

    question: str
    steps: tuple[str, ...]


class StepScores(NamedTuple):
    """What came of one solution.

    Attributes:
        scores: One per step, in [0, 1]: the probability that the step is good, or the value of the state it leads to.
        usage: What it cost; of work shared with other solutions only this one's part.
    """

    scores: tuple[float, ...]
    usage: Usage


StepResult = StepScores | PlannealError
"""Scores, or why this solution has none; one solution that cannot be scored costs the others nothing."""


class StepScorer(ABC):
    """A process reward model.

    Attributes:
        name: What to call it; part of cache keys, so two models never share scores.
    """

    name: str

    @abstractmethod
    async def score(self, solutions: Sequence[Solution]) -> list[StepResult]:
        """Scores solutions together: one result each, in order.

        Args:
            solutions: Solutions of at least one step; repetitions are paid for once.
        """

    @abstractmethod
    def bound(self, solution: Solution) -> Usage:
        """The most that scoring this solution alone may cost."""

    async def aclose(self) -> None:  # noqa: B027 - an optional hook
        """Lets go of connections and caches; the scorer stays usable."""
