"""The family `schedule` behind the common face."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pydantic import ValidationError

from ....planner.errors import ConfigError
from ....planner.notation import parse_plan
from ....planner.plan import Plan
from ....planner.verifier import Verifier
from ....verifiers.order import OrderVerifier
from ....verifiers.structure import StructureVerifier
from ..base import Family, PlanGrade, PublicProblem, Split, pick
from .drawing import Difficulty
from .grading import grade, grade_plan, kept, rules_of
from .problem import NAME, ScheduleGold, ScheduleProblem, SchedulePublic, generate, plan_text
from .verifier import EntriesVerifier
from .wording import read_question

__all__ = ["FAMILY", "ScheduleFamily"]


LEVELS: Mapping[str, Difficulty] = {
    "easy": Difficulty(items=5, constraints=4, solutions=None),
    "middle": Difficulty(items=6, constraints=4, solutions=None),
    "hard": Difficulty(items=7, constraints=8, solutions=12),
}
"""The middle is where the embedded model's greedy direct answer is right one time in four; larger ones go by size."""


class ScheduleFamily(Family[ScheduleGold, Difficulty]):
    """Put 5 to 14 things in a row under 4 to 30 rules."""

    name: ClassVar[str] = NAME
    about: ClassVar[str] = "put things in a row so that every rule holds; any such order is right"
    levels = LEVELS

    def generate(self, seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> ScheduleProblem:
        """Draws one problem."""
        return generate(seed, difficulty or self.levels["middle"], split)

    def sized(self, size: int) -> Difficulty:
        """The difficulty with `size` things and `2 * size - 6` rules.

        Raises:
            ConfigError: There are no problems of this size.
        """
        try:
            return Difficulty(items=size, constraints=2 * size - 6, solutions=max(8, 4 * size - 16))
        except ValidationError:
            raise ConfigError(f"schedules have 5 to 14 things, not {size}") from None

    async def grade(self, problem: ScheduleProblem, text: str) -> bool:
        """Whether an answer states an order that keeps every rule."""
        return grade(problem, text)

    def grade_plan(self, problem: ScheduleProblem, plan: str) -> PlanGrade:
        """Whether following the plan gives such an order, and what it leaves out."""
        return grade_plan(problem, plan)

    def wrong_answers(self, rng: np.random.Generator, problem: ScheduleProblem) -> tuple[str, ...]:
        """Three orders near the gold one that break a rule, one that leaves a thing out and one that has one twice."""
        order, rules = problem.gold.order, rules_of(problem)
        broken: dict[str, None] = {}
        for near in _near(rng, order):
            if kept(near, rules) < len(rules):
                broken[f"answer: {', '.join(near)}"] = None
            if len(broken) == 3:
                break
        gone = int(rng.integers(len(order)))
        lacking = order[:gone] + order[gone + 1 :]
        doubled = (*lacking, pick(rng, lacking))
        return (*broken, *(f"answer: {', '.join(names)}" for names in (lacking, doubled)))

    def random_plan(self, rng: np.random.Generator, public: PublicProblem) -> Plan:
        """The rules as the question states them, over a random order: what a verifier alone has to start from."""
        entries, rules = read_question(public.question)
        order = [entries[int(i)] for i in rng.permutation(len(entries))]
        given = [int(line.split(":")[0][1:]) for line in public.constraints]
        return parse_plan(plan_text(public.goal, order, [rule.check for rule in rules], given))

    def verifiers(self, public: PublicProblem) -> list[Verifier]:
        """Structure, the order checks, and whether every thing has its place."""
        assert isinstance(public, SchedulePublic)
        return [StructureVerifier(), OrderVerifier(), EntriesVerifier(public.entries, public.rules)]


def _near(rng: np.random.Generator, order: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Orders one exchange away, in random sequence, then any others."""
    size = len(order)
    pairs = [(i, j) for i in range(size) for j in range(i + 1, size)]
    for index in rng.permutation(len(pairs)):
        i, j = pairs[int(index)]
        changed = list(order)
        changed[i], changed[j] = order[j], order[i]
        yield tuple(changed)
    for _ in range(1000):
        yield tuple(order[int(i)] for i in rng.permutation(size))


FAMILY = ScheduleFamily()
