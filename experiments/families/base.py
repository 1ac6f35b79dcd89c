"""What every problem family shares: a public problem, a sealed gold, and the face that a family shows.

A method under test is handed a `PublicProblem` and nothing else. The gold lives in a separate object that the
public one does not refer to, so that no attribute path leads from what a method sees to what it is graded by.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from ...decoders.answerer import Observe
from ...planner.plan import Plan
from ...planner.task import Task
from ...planner.verifier import Verifier

__all__ = [
    "LEVELS",
    "Family",
    "Frozen",
    "Gold",
    "PlanGrade",
    "Problem",
    "PublicProblem",
    "Split",
    "pick",
    "problem_seed",
]

LEVELS = ("easy", "middle", "hard")
"""Names of the three difficulties that every family has."""


T = TypeVar("T")


def pick(rng: np.random.Generator, pool: Sequence[T]) -> T:
    """One of them, each with the same chance."""
    return pool[int(rng.integers(len(pool)))]


class Split(StrEnum):
    """Which half of the seed space a problem is drawn from.

    The split is the spawn key of the problem's `numpy.random.SeedSequence`, so that the streams of the two splits
    are different for every seed: a training run cannot draw the stream of a test problem, whatever seeds it uses.
    """

    TRAIN = "train"
    EVAL = "eval"

    @property
    def spawn_key(self) -> tuple[int]:
        """The spawn key of this split's seed sequences. Whoever draws a problem asks for it, and is seen to do so."""
        sys.audit("planneal.draw", self.value)
        return (1,) if self is Split.TRAIN else (2,)


def problem_seed(seed: int, index: int) -> int:
    """The seed of a run's problem: as long as a run has at most a million, two runs share none."""
    return seed * 1_000_000 + index


class Frozen(BaseModel):
    """An immutable record that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class PublicProblem(Frozen):
    """Everything a method may see of a problem. Families may add fields, none of which may tell the gold.

    Attributes:
        id: Unique within a family and split, readable, stable over versions of the code.
        family: Name of the problem family.
        question: The problem's text, one line.
        goal: The goal in words, as it stands on a plan's goal line.
        target: The symbol whose value is asked for, empty where the answer is no symbol's value.
        constraints: Items that are given with the problem, as locked lines of notation.
        size: How many quantities, items or calls the question speaks of, distractors included.
    """

    id: str
    family: str
    question: str
    goal: str
    target: str = ""
    constraints: tuple[str, ...] = ()
    size: int

    def task(self) -> Task:
        """What a method is handed. No field of it holds, or could hold, the gold."""
        return Task(
            question=self.question,
            goal=self.goal,
            target=self.target or None,
            constraints=self.constraints,
            family=self.family,
        )


class Gold(Frozen):
    """What the grader knows; families add what theirs needs.

    Attributes:
        plan: A right plan in plan notation.
    """

    plan: str


GoldT = TypeVar("GoldT", bound=Gold)


HowHardT = TypeVar("HowHardT", bound=BaseModel)


class Problem(Frozen, Generic[GoldT]):
    """A problem and its gold, for the one who grades; methods get `public` alone.

    Attributes:
        public: What a method sees.
        gold: What it is graded by.
    """

    public: PublicProblem
    gold: GoldT


@dataclass(frozen=True, slots=True)
class PlanGrade:
    """How good a plan is, measured against the gold.

    Attributes:
        right: Whoever follows the plan to the letter gets a right answer, and everything it states is true.
        exact: Right, and nothing else is in the plan and nothing is said twice.
        missing: What is needed and not in the plan.
        false: What the plan states and the problem does not.
        extra: What the plan states truly and nobody needs.
    """

    right: bool
    exact: bool = False
    missing: int = 0
    false: int = 0
    extra: int = 0


class Family(ABC, Generic[GoldT, HowHardT]):
    """A problem family: a generator with an exact grader, and what else an experiment needs of it.

    Attributes:
        name: As on the command line and in ids.
        about: One line about it.
        deceptive: Whether a lower energy may lead away from the answer: such a family is a negative control, and is
            called so wherever it is shown.
        levels: A difficulty for each of :data:`LEVELS`.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    deceptive: ClassVar[bool] = False
    levels: Mapping[str, HowHardT]

    @abstractmethod
    def generate(self, seed: int, difficulty: HowHardT | None = None, split: Split = Split.EVAL) -> Problem[GoldT]:
        """Draws one problem; the same arguments give the same problem.

        Args:
            seed: Any non-negative integer.
            difficulty: How hard; the middle level if None.
            split: Which half of the seed space.
        """

    @abstractmethod
    def sized(self, size: int) -> HowHardT:
        """The difficulty of a size (:attr:`PublicProblem.size`), everything else as at the middle level.

        Raises:
            ConfigError: There are no problems of this size.
        """

    def stepped(self, steps: int) -> HowHardT:
        """The difficulty whose right plans take so many steps; that of the size where all that is told is needed.

        Raises:
            ConfigError: There are no problems of so many steps.
        """
        return self.sized(steps)

    @abstractmethod
    async def grade(self, problem: Problem[GoldT], text: str) -> bool:
        """Whether an answer is right, whoever gave it and however: every right answer counts, not the gold one alone.

        Args:
            problem: The problem.
            text: The answer's whole text, or its final value alone.
        """

    @abstractmethod
    def grade_plan(self, problem: Problem[GoldT], plan: str) -> PlanGrade:
        """How good a plan in notation is; one that cannot be read is not right."""

    @abstractmethod
    def wrong_answers(self, rng: np.random.Generator, problem: Problem[GoldT]) -> tuple[str, ...]:
        """Answers that are nearly right and wrong: what a grader must not let pass."""

    @abstractmethod
    def random_plan(self, rng: np.random.Generator, public: PublicProblem) -> Plan:
        """A well-formed plan for the problem drawn without a model: the control for what a verifier alone can find."""

    @abstractmethod
    def verifiers(self, public: PublicProblem) -> list[Verifier]:
        """The verifiers that judge plans for a problem without its gold."""

    def observe(self, public: PublicProblem) -> Observe | None:
        """What carrying a plan out gives, for `Pipeline(observe=...)`; None where a plan's items do nothing."""
        return None

    def task(self, public: PublicProblem) -> Task:
        """What a method is handed; families that leave more to the reader hand over less."""
        return public.task()
