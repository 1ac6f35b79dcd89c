"""The family `code` behind the common face."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from pydantic import ValidationError

from ....planner.errors import ConfigError
from ....planner.notation import parse_plan
from ....planner.plan import Plan
from ....planner.verifier import Verifier
from ....verifiers.programs import PlanProgram
from ....verifiers.sandbox.base import Sandbox
from ....verifiers.structure import StructureVerifier
from ....verifiers.unit_tests import UnitTestVerifier
from ..base import Family, PlanGrade, PublicProblem, Split
from .answers import answer_text
from .following import COMPARISON
from .grading import cases_of, grade, grade_plan
from .mutants import wrong_answers
from .problem import NAME, CodeGold, CodeProblem, CodePublic, Difficulty, generate, gold_plan
from .sandboxes import OpenedSandbox
from .steps_verifier import StepsVerifier
from .structures import MAX_STEPS, walk, with_constants

__all__ = ["FAMILY", "CodeFamily", "answer_text"]


class CodeFamily(Family[CodeGold, Difficulty]):
    """Write a Python function of 1 to 6 steps under constraints on its text.

    Args:
        sandbox: Where the programs of answers and plans run; whoever made it closes it. Without one, each run opens
            what it needs and closes it, which costs some milliseconds.
    """

    name: ClassVar[str] = NAME
    about: ClassVar[str] = "write a Python function under constraints on its text; hidden cases grade it"

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self.sandbox = sandbox or OpenedSandbox()
        self.levels = {
            "easy": Difficulty(),
            "middle": Difficulty(operations=6, rules=3, distractors=3, shuffled=True),
            "hard": Difficulty(operations=6, rules=3, distractors=5, shuffled=True),
        }

    def generate(self, seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> CodeProblem:
        """Draws one problem; no program is run for it."""
        return generate(seed, difficulty or self.levels["middle"], split)

    def sized(self, size: int) -> Difficulty:
        """The difficulty with `size` operations, the distractors' among them.

        Raises:
            ConfigError: There are no problems of this size.
        """
        middle = self.levels["middle"]
        try:
            return Difficulty(**{**middle.model_dump(), "operations": size - middle.distractors})
        except ValidationError:
            least, most = 1 + middle.distractors, MAX_STEPS + middle.distractors
            raise ConfigError(f"functions have {least} to {most} operations, not {size}") from None

    async def grade(self, problem: CodeProblem, text: str) -> bool:
        """Whether an answer's program keeps the rules and is right on every hidden case.

        Raises:
            SandboxUnavailable: The program could not be run here, so nothing can be said about it.
        """
        return await grade(problem, text, self.sandbox)

    def grade_plan(self, problem: CodeProblem, plan: str) -> PlanGrade:
        """Whether the plan's steps come to the described function, under its rules."""
        return grade_plan(problem, plan)

    def wrong_answers(self, rng: np.random.Generator, problem: CodeProblem) -> tuple[str, ...]:
        """Programs that are one change away, and such as break a rule or have another name."""
        return wrong_answers(rng, problem)

    def random_plan(self, rng: np.random.Generator, public: PublicProblem) -> Plan:
        """Signature and rules as the question states them, over random steps that fit each other."""
        assert isinstance(public, CodePublic)
        operations = None
        while operations is None:
            operations = walk(rng, public.takes, int(rng.integers(1, min(MAX_STEPS, public.size) + 1)))
        return parse_plan(gold_plan(public, with_constants(rng, operations), ()))

    def verifiers(self, public: PublicProblem) -> list[Verifier]:
        """Structure, the steps on what the question shows, and programs that a plan carries on the visible cases."""
        assert isinstance(public, CodePublic)
        cases = cases_of(public.function, public.examples)
        programs = UnitTestVerifier(self.sandbox, PlanProgram(), cases, comparison=COMPARISON)
        return [StructureVerifier(), StepsVerifier(public), programs]


FAMILY = CodeFamily()
