"""What every problem family shares: a public problem, a sealed gold, and the numbers that say how hard it is.

A method under test is handed a `PublicProblem` and nothing else. The gold lives in a separate object that the
public one does not refer to, so that no attribute path leads from what a method sees to what it is graded by.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

__all__ = ["Frozen", "Problem", "PublicProblem", "Split"]


class Split(StrEnum):
    """Which half of the seed space a problem is drawn from.

    The split is the spawn key of the problem's `numpy.random.SeedSequence`, so that the streams of the two splits
    are different for every seed: a training run cannot draw the stream of a test problem, whatever seeds it uses.
    """

    TRAIN = "train"
    EVAL = "eval"

    @property
    def spawn_key(self) -> tuple[int]:
        """The spawn key of this split's seed sequences."""
        return (1,) if self is Split.TRAIN else (2,)


class Frozen(BaseModel):
    """An immutable record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicProblem(Frozen):
    """Everything a method may see of a problem.

    Attributes:
        id: Unique within a family and split, readable, stable over versions of the code.
        family: Name of the problem family.
        question: The problem's text, one line.
        goal: The goal in words, as it stands on a plan's goal line.
        target: The symbol whose value is asked for.
        quantities: How many quantities the question speaks of, distractors included.
    """

    id: str
    family: str
    question: str
    goal: str
    target: str
    quantities: int


GoldT = TypeVar("GoldT", bound=BaseModel)


class Problem(Frozen, Generic[GoldT]):
    """A problem and its gold, for the one who grades; methods get `public` alone.

    Attributes:
        public: What a method sees.
        gold: What it is graded by.
    """

    public: PublicProblem
    gold: GoldT
