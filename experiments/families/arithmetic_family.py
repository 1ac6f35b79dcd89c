"""The face of the family `arithmetic`; what it is made of is in :mod:`.arithmetic`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain
from types import MappingProxyType

import numpy as np
from pydantic import ValidationError

from ...planner.checks import RelationCheck
from ...planner.errors import ConfigError
from ...planner.plan import Item, Plan
from ...planner.task import Task
from ...planner.units import UNITS
from ...planner.verifier import Verifier
from ...verifiers import default_verifiers
from . import arithmetic
from .arithmetic import ArithmeticGold, ArithmeticProblem, Difficulty, evaluated
from .arithmetic_answers import answer_text, stated_value
from .base import Family, PlanGrade, PublicProblem, Split, pick
from .measures import MEASURED_KINDS, SCALES
from .relations import MEASURE_WORDS, MORE_UNARY, Kind, Relation
from .wording import NAMES

__all__ = ["FAMILY", "ArithmeticFamily", "answer_text"]

_KNOWN = frozenset(chain(NAMES, *(scale.names for scale in SCALES)))
_AMOUNT = re.compile(rf"([0-9]{{1,9}})(?: ({'|'.join(MEASURE_WORDS)})\b)?")
_NUMBERED = frozenset({Kind.GIVEN, *MORE_UNARY})


_BESIDE = 4
"""Distractors of a problem that is made for a number of needed steps."""


class ArithmeticFamily(Family[ArithmeticGold, Difficulty]):
    """Word problems over named quantities, half of them distractors."""

    name = arithmetic.NAME
    about = "word problems over named quantities, about half of them distractors; the plan lists relations, not values"
    levels = MappingProxyType(
        {
            "easy": Difficulty(quantities=8),
            "middle": Difficulty(),
            "hard": Difficulty(quantities=20),
        }
    )

    def generate(self, seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> ArithmeticProblem:
        """Draws one problem; see :func:`.arithmetic.generate`."""
        return arithmetic.generate(seed, difficulty, split)

    def sized(self, size: int) -> Difficulty:
        """As at the middle level, with `size` quantities.

        Raises:
            ConfigError: There are no problems of this size.
        """
        try:
            return Difficulty(quantities=size)
        except ValidationError:
            raise ConfigError(f"arithmetic problems have 2 to {len(NAMES)} quantities, not {size}") from None

    def stepped(self, steps: int) -> Difficulty:
        """As at the middle level, with `steps` quantities that the goal depends on, and four distractors.

        The number of distractors stays the same, so that nothing grows with the steps but the steps.

        Raises:
            ConfigError: There are no problems of so many steps.
        """
        try:
            return Difficulty(quantities=steps + _BESIDE, needed=steps)
        except ValidationError:
            raise ConfigError(f"arithmetic problems need 2 to 24 steps, not {steps}") from None

    async def grade(self, problem: ArithmeticProblem, text: str) -> bool:
        """Whether the stated value is the gold one, exactly, in whatever notation and unit of the same dimension."""
        gold = problem.gold
        return stated_value(text, problem.public.target, gold.unit) == gold.value

    def grade_plan(self, problem: ArithmeticProblem, plan: str) -> PlanGrade:
        """A plan is graded by what it defines; see :func:`.arithmetic.grade_plan`."""
        return arithmetic.grade_plan(problem.gold, plan)

    def wrong_answers(self, rng: np.random.Generator, problem: ArithmeticProblem) -> tuple[str, ...]:
        """The neighbours of the value, a slip of a digit, and values of other quantities."""
        gold = problem.gold
        near = [gold.value + 1, gold.value - 1, gold.value * 10, gold.value + 10]
        base = UNITS[gold.unit].factor if gold.unit else 1
        others = [value / base for value in evaluated(gold.relations).values()]
        drawn = [others[int(i)] for i in rng.permutation(len(others))[:4]]
        values = [value for value in dict.fromkeys([*near, *drawn]) if value != gold.value]
        texts = [f"{value} {gold.unit}".rstrip() for value in values]
        if gold.unit:
            scale = next(scale for scale in SCALES if gold.unit in (scale.small, scale.large))
            texts.append(f"{gold.value} {scale.small if scale.large == gold.unit else scale.large}")
        return tuple(texts[int(i)] for i in rng.permutation(len(texts)))

    def random_plan(self, rng: np.random.Generator, public: PublicProblem) -> Plan:
        """Some of the question's names, each defined by a random relation over earlier ones and the question's numbers.

        Such a plan hangs together and determines the goal, so the family's verifiers let it pass: what the question
        says they cannot know. It is right with next to no chance.
        """
        names = _mentioned(public)
        names.remove(public.target)
        count = int(rng.integers(1, len(names) + 1))
        chosen = [*(names[int(i)] for i in rng.permutation(len(names))[:count]), public.target]
        amounts = [(int(n), unit or "") for n, unit in _AMOUNT.findall(public.question)]
        relations: list[Relation] = []
        for symbol in chosen:
            relations.append(_random_relation(rng, symbol, [r.symbol for r in relations], amounts))
        return _plan_of(public, relations)

    def verifiers(self, public: PublicProblem) -> list[Verifier]:
        """The exact verifiers that every run has: relations are what they judge."""
        return list(default_verifiers())

    def task(self, public: PublicProblem) -> Task:
        """The question alone: reading the goal off it is part of the problem."""
        return Task(question=public.question, family=self.name)


def _mentioned(public: PublicProblem) -> list[str]:
    words = dict.fromkeys(re.findall(r"[a-z]+", public.question))
    return [word for word in words if word in _KNOWN]


def _random_relation(
    rng: np.random.Generator, symbol: str, known: Sequence[str], amounts: Sequence[tuple[int, str]]
) -> Relation:
    """A relation over at most three of the known symbols."""
    measured = [amount for amount in amounts if amount[1]]
    plain = [number for number, unit in amounts if not unit] or [2]
    kinds = MEASURED_KINDS if measured else tuple(Kind)
    while True:
        kind = pick(rng, kinds)
        arity = 0 if kind is Kind.GIVEN else 3 if kind is Kind.TOTAL else 1 if kind in _NUMBERED else 2
        if arity <= len(known):
            break
    operands = tuple(known[int(i)] for i in rng.permutation(len(known))[:arity])
    if kind not in _NUMBERED:
        return Relation(symbol, kind, operands)
    if measured and kind in (Kind.GIVEN, Kind.MORE, Kind.FEWER):
        number, unit = pick(rng, measured)
        return Relation(symbol, kind, operands, number, unit)
    return Relation(symbol, kind, operands, pick(rng, plain))


def _plan_of(public: PublicProblem, relations: Sequence[Relation]) -> Plan:
    numbers = {relation.symbol: i for i, relation in enumerate(relations, start=1)}
    items = [
        Item(
            id=f"S{numbers[relation.symbol]}",
            check=RelationCheck(text=relation.check),
            needs=tuple(f"S{numbers[name]}" for name in relation.operands),
        )
        for relation in relations
    ]
    return Plan(goal=public.goal, target=public.target, items=tuple(items))


FAMILY = ArithmeticFamily()
