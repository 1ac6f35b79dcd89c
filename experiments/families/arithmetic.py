"""The family `arithmetic`: word problems over named quantities, with distractors, whose plan is not their answer.

A question tells how `quantities` named counts hang together, in shuffled sentences, and asks for one of them. About
half of them are needed; the others are distractors that may hang on needed ones or on each other, never the other way
round. The gold plan lists the needed quantities, each with the relation that the question tells, in a topological
order (depth first from the goal, operands left to right); computing the values is left to the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from .base import Frozen, Gold, PlanGrade, Problem, PublicProblem, Split
from .relations import BINARY, UNARY, Kind, Relation, parse_relation
from .wording import NAMES, QUESTIONS, sentence

__all__ = [
    "ArithmeticGold",
    "ArithmeticProblem",
    "Difficulty",
    "PlanGrade",
    "closure",
    "generate",
    "gold_plan",
    "grade",
    "grade_plan",
    "read_checks",
]

FAMILY = "arithmetic"
SOFT_CAP = 200
"""Sums and products stay below this nine times in ten, so that long chains do not all end in large numbers."""


class Difficulty(Frozen):
    """How hard a problem is.

    Attributes:
        quantities: Named quantities in the question, distractors included.
        needed: Quantities that the goal depends on, itself included; None draws about half of `quantities`.
        kinds: Relation kinds in use. `given` is always needed, and one of the unary kinds.
        max_value: No quantity is larger than this; all are at least one.
    """

    quantities: Annotated[int, Field(ge=2, le=len(NAMES))] = 16
    needed: Annotated[int, Field(ge=2, le=24)] | None = None
    kinds: tuple[Kind, ...] = tuple(Kind)
    max_value: Annotated[int, Field(ge=20)] = 999

    @model_validator(mode="after")
    def _possible(self) -> Difficulty:
        if self.needed is not None and self.needed > self.quantities:
            raise ValueError("needed exceeds quantities")
        if Kind.GIVEN not in self.kinds or Kind.MORE not in self.kinds:
            raise ValueError("kinds must include 'given' and 'more': without them a chain cannot start or go on")
        return self


class ArithmeticGold(Gold):
    """What the grader knows.

    Attributes:
        value: The asked-for value.
        relations: Every true relation, distractors included, by symbol.
        needed: The symbols the goal depends on, in the gold plan's order; the goal is the last.
    """

    value: int
    relations: Mapping[str, Relation]
    needed: tuple[str, ...]


ArithmeticProblem = Problem[ArithmeticGold]


def closure(target: str, relations: Mapping[str, Relation]) -> tuple[str, ...]:
    """The symbols that `target` depends on, itself last, depth first with operands from left to right.

    Symbols without a relation are passed over.
    """
    order: list[str] = []
    seen: set[str] = set()

    def visit(symbol: str) -> None:
        if symbol in seen or symbol not in relations:
            return
        seen.add(symbol)
        for operand in relations[symbol].operands:
            visit(operand)
        order.append(symbol)

    visit(target)
    return tuple(order)


class _DeadEndError(Exception):
    """The draw has come to a dead end and starts afresh."""


class _Builder:
    """Draws relations one at a time and keeps every value a positive integer within the cap."""

    def __init__(self, rng: np.random.Generator, difficulty: Difficulty, names: Sequence[str]) -> None:
        self.rng = rng
        self.difficulty = difficulty
        self.names = iter(names)
        self.relations: dict[str, Relation] = {}
        self.values: dict[str, int] = {}

    def pick(self, pool: Sequence[str]) -> str:
        return pool[int(self.rng.integers(len(pool)))]

    def add(self, kind: Kind, operands: tuple[str, ...], number: int | None) -> str:
        relation = Relation(next(self.names), kind, operands, number)
        self.relations[relation.symbol] = relation
        exact = {name: Fraction(self.values[name]) for name in operands}
        self.values[relation.symbol] = int(relation.evaluate(exact))
        return relation.symbol

    def given(self) -> str:
        return self.add(Kind.GIVEN, (), int(self.rng.integers(2, min(40, self.difficulty.max_value) + 1)))

    def cap(self) -> int:
        return self.difficulty.max_value if self.rng.random() < 0.1 else min(SOFT_CAP, self.difficulty.max_value)

    def unary(self, operand: str) -> str:
        value, cap = self.values[operand], self.cap()
        numbers = {
            Kind.MORE: range(2, min(20, self.difficulty.max_value - value) + 1),
            Kind.FEWER: range(2, min(20, value - 1) + 1),
            Kind.TIMES: [n for n in range(2, 7) if n * value <= cap],
            Kind.SHARE: [n for n in range(2, 7) if value % n == 0],
        }
        kinds = [kind for kind in UNARY if kind in self.difficulty.kinds and numbers[kind]]
        if not kinds:
            raise _DeadEndError
        kind = kinds[int(self.rng.integers(len(kinds)))]
        choice = numbers[kind]
        return self.add(kind, (operand,), int(choice[int(self.rng.integers(len(choice)))]))

    def binary(self, first: str, second: str) -> str:
        a, b = self.values[first], self.values[second]
        kinds = [kind for kind in BINARY if kind in self.difficulty.kinds]
        if a + b > self.cap() and Kind.SUM in kinds:
            kinds.remove(Kind.SUM)
        if a == b and Kind.DIFFERENCE in kinds:
            kinds.remove(Kind.DIFFERENCE)
        if not kinds:
            raise _DeadEndError
        kind = kinds[int(self.rng.integers(len(kinds)))]
        ordered = (second, first) if kind is Kind.DIFFERENCE and a < b else (first, second)
        return self.add(kind, ordered, None)


def _draw_needed(build: _Builder, needed: int) -> str:
    """Draw a goal that depends on all of `needed` quantities; returns the goal.

    `loose` holds the quantities that nobody uses yet. A binary relation can tie two of them, so the number of steps
    left bounds how many may be loose; after the last step the goal alone is.
    """
    loose: list[str] = []
    tied: list[str] = []
    joins = any(kind in build.difficulty.kinds for kind in BINARY)

    def take() -> str:
        return loose.pop(int(build.rng.integers(len(loose))))

    for step in range(needed):
        left = needed - 1 - step
        room = left + 1 if joins else 1
        moves: list[str] = []
        if len(loose) + 1 <= room:
            moves += ["given"] * 3 + (["again"] if tied else [])
        if loose and len(loose) <= room:
            moves += ["unary"] * 4 + (["mixed"] if joins and tied else [])
        if joins and len(loose) >= 2:
            moves += ["binary"] * 3
        if not moves:
            raise _DeadEndError
        move = build.pick(moves)
        if move == "given":
            loose.append(build.given())
            continue
        if move == "again":
            loose.append(build.unary(build.pick(tied)))
            continue
        used = [take()]
        other = take() if move == "binary" else build.pick(tied) if move == "mixed" else None
        made = build.unary(used[0]) if other is None else build.binary(used[0], other)
        tied += used + ([other] if move == "binary" and other is not None else [])
        loose.append(made)
    if len(loose) != 1:
        raise _DeadEndError
    return loose[0]


def _draw_distractors(build: _Builder, count: int) -> None:
    """Draw quantities that the goal does not depend on, told in the same way as the others."""
    joins = any(kind in build.difficulty.kinds for kind in BINARY)
    for _ in range(count):
        known = list(build.relations)
        draw = build.rng.random()
        if draw < 0.35:
            build.given()
        elif draw < 0.75 or not joins:
            build.unary(build.pick(known))
        else:
            first, second = build.rng.choice(len(known), size=2, replace=False)
            build.binary(known[int(first)], known[int(second)])


def _draw(rng: np.random.Generator, difficulty: Difficulty, needed: int) -> tuple[_Builder, str]:
    for _ in range(1000):
        names = [NAMES[int(i)] for i in rng.permutation(len(NAMES))[: difficulty.quantities]]
        build = _Builder(rng, difficulty, names)
        try:
            goal = _draw_needed(build, needed)
            _draw_distractors(build, difficulty.quantities - needed)
        except _DeadEndError:
            continue
        return build, goal
    raise RuntimeError(f"no problem found in 1000 draws for {difficulty}")


def generate(seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> ArithmeticProblem:
    """Draw one problem; the same arguments give the same problem.

    Args:
        seed: Any non-negative integer.
        difficulty: How hard; the default has 16 quantities.
        split: Which half of the seed space. Problems to be reported on come from `eval`, training data from `train`.

    Returns:
        The problem with its gold.

    Raises:
        RuntimeError: The difficulty leaves so little room that 1000 draws all came to a dead end.
    """
    difficulty = difficulty or Difficulty()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=split.spawn_key))
    needed = difficulty.needed
    if needed is None:
        share = rng.uniform(0.4, 0.65)
        needed = int(min(24, max(2, round(share * difficulty.quantities))))
    build, target = _draw(rng, difficulty, needed)
    order = rng.permutation(difficulty.quantities)
    symbols = list(build.relations)
    told = [sentence(build.relations[symbols[int(i)]], int(rng.integers(3))) for i in order]
    asked = QUESTIONS[int(rng.integers(len(QUESTIONS)))].format(s=target)
    needed_symbols = closure(target, build.relations)
    public = PublicProblem(
        id=f"{FAMILY}-{split}-{difficulty.quantities}-{seed}",
        family=FAMILY,
        question=" ".join([*told, asked]),
        goal=f"how many {target}?",
        target=target,
        size=difficulty.quantities,
    )
    gold = ArithmeticGold(
        value=build.values[target],
        plan=gold_plan(target, build.relations, needed_symbols),
        relations=build.relations,
        needed=needed_symbols,
    )
    return ArithmeticProblem(public=public, gold=gold)


def gold_plan(target: str, relations: Mapping[str, Relation], order: Sequence[str]) -> str:
    """The plan that defines the symbols of `order`, in plan notation, needs filled in, without a final newline."""
    numbers = {symbol: i for i, symbol in enumerate(order, start=1)}
    lines = [f"goal: how many {target}? [{target}]"]
    for symbol in order:
        needs = ", ".join(f"S{numbers[name]}" for name in relations[symbol].operands)
        lines.append(f"S{numbers[symbol]}: [{relations[symbol].check}]" + (f" <- {needs}" if needs else ""))
    return "\n".join(lines)


_VALUE = re.compile(r"\s*([+-]?[0-9]{1,18}(?:\.[0-9]{1,18})?)(?:\s*/\s*([0-9]{1,18}(?:\.[0-9]{1,18})?))?\s*")


def grade(gold: ArithmeticGold, final_value: str) -> bool:
    """Whether a final value is the gold one, exactly: `28`, `28.0` and `56/2` are 28, `28 nuts and 3` is not."""
    found = _VALUE.fullmatch(final_value)
    if found is None:
        return False
    divisor = Fraction(found.group(2) or "1")
    return divisor != 0 and Fraction(found.group(1)) / divisor == gold.value


_ITEM = re.compile(r"[CIS][0-9]+!?:[^\[\]]*(?:\[([^\[\]]*)\])?[^\[\]]*")


def read_checks(plan: str) -> Iterator[str]:
    """The checks of a plan's item lines, in order; lines that are no item or have no check are passed over."""
    for line in plan.splitlines():
        found = _ITEM.fullmatch(line.strip())
        if found is not None and found.group(1) is not None:
            yield found.group(1)


def grade_plan(gold: ArithmeticGold, plan: str) -> PlanGrade:
    """Grade a plan by what it defines, not by its wording or the order of its lines.

    A check counts as true when the question tells that very relation (a sum in either order). Where a symbol is
    defined twice, both must be true for the plan to be right.
    """
    read = [parse_relation(check) for check in read_checks(plan)]
    true = [r for r in read if r is not None and r.same_as(gold.relations.get(r.symbol))]
    false = [r for r in read if r is None or not r.same_as(gold.relations.get(r.symbol))]
    defined = {r.symbol for r in true}
    spoilt = {r.symbol for r in false if r is not None}
    missing = sum(symbol not in defined for symbol in gold.needed)
    right = not missing and not spoilt & set(gold.needed)
    extra = sum(r.symbol not in gold.needed for r in true)
    exact = right and not false and len(true) == len(gold.needed)
    return PlanGrade(right=right, exact=exact, missing=missing, false=len(false), extra=extra)
