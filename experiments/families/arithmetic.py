"""The family `arithmetic`: word problems over named quantities, with distractors, whose plan is not their answer.

A question tells how `quantities` named counts hang together, in shuffled sentences, and asks for one of them. About
half of them are needed; the others are distractors that may hang on needed ones or on each other, never the other way
round. The gold plan lists the needed quantities, each with the relation that the question tells, in a topological
order (depth first from the goal, operands left to right); computing the values is left to the answer.

Units and further relation kinds join where the difficulty asks for them; what it draws without them never changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np

from .arithmetic_draw import Difficulty, Drawn, draw
from .base import Gold, PlanGrade, Problem, PublicProblem, Split
from .measures import MEASURED, MEASURED_QUESTIONS, Scale
from .relations import BASIC, Relation, parse_relation
from .wording import QUESTIONS, SENTENCES, sentence

__all__ = [
    "ArithmeticGold",
    "ArithmeticProblem",
    "Difficulty",
    "PlanGrade",
    "closure",
    "evaluated",
    "generate",
    "gold_plan",
    "grade",
    "grade_plan",
    "read_checks",
]

NAME = "arithmetic"


class ArithmeticGold(Gold):
    """What the grader knows.

    Attributes:
        value: The asked-for value, in the unit asked for.
        unit: That unit, empty for counts.
        small_unit: The unit in which every quantity of the question is whole, empty for counts.
        relations: Every true relation, distractors included, by symbol.
        needed: The symbols the goal depends on, in the gold plan's order; the goal is the last.
    """

    value: int
    unit: str = ""
    small_unit: str = ""
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


def evaluated(relations: Mapping[str, Relation]) -> dict[str, Fraction]:
    """The value in base units of every symbol that the relations determine."""
    values: dict[str, Fraction] = {}
    for symbol in relations:
        for name in closure(symbol, relations):
            relation = relations[name]
            if name not in values and all(operand in values for operand in relation.operands):
                values[name] = relation.evaluate(values)
    return values


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
    drawn = draw(rng, difficulty, needed)
    wordings = MEASURED if drawn.scale is not None else SENTENCES
    order = rng.permutation(difficulty.quantities)
    symbols = list(drawn.relations)
    told = [sentence(drawn.relations[symbols[int(i)]], int(rng.integers(3)), wordings) for i in order]
    asked = int(rng.integers(len(QUESTIONS)))
    needed_symbols = closure(drawn.target, drawn.relations)
    if drawn.scale is None:
        question, goal, unit = QUESTIONS[asked].format(s=drawn.target), f"how many {drawn.target}?", ""
    else:
        told.insert(0, drawn.scale.conversion(int(rng.integers(3))))
        unit = _unit_asked(rng, drawn, drawn.scale)
        question = MEASURED_QUESTIONS[asked].format(s=drawn.target, u=unit)
        goal = f"how many {unit} is the {drawn.target}?"
    public = PublicProblem(
        id=f"{NAME}{_marks(difficulty)}-{split}-{difficulty.quantities}-{seed}",
        family=NAME,
        question=" ".join([*told, question]),
        goal=goal,
        target=drawn.target,
        size=difficulty.quantities,
    )
    gold = ArithmeticGold(
        value=_in_unit(drawn, unit),
        unit=unit,
        small_unit=drawn.scale.small if drawn.scale is not None else "",
        plan=gold_plan(drawn.target, drawn.relations, needed_symbols, goal),
        relations=drawn.relations,
        needed=needed_symbols,
    )
    return ArithmeticProblem(public=public, gold=gold)


def _marks(difficulty: Difficulty) -> str:
    """What an id says beyond the size, so that ids of the basic problems stay as they were."""
    return ("-units" if difficulty.units else "") + ("-more" if set(difficulty.kinds) - set(BASIC) else "")


def _unit_asked(rng: np.random.Generator, drawn: Drawn, scale: Scale) -> str:
    """The unit that is asked for: the larger one only where it gives a whole number."""
    large = rng.random() < 0.5 and drawn.values[drawn.target] % scale.factor == 0
    return scale.large if large else scale.small


def _in_unit(drawn: Drawn, unit: str) -> int:
    value = drawn.values[drawn.target]
    return value // drawn.scale.factor if drawn.scale is not None and unit == drawn.scale.large else value


def gold_plan(target: str, relations: Mapping[str, Relation], order: Sequence[str], goal: str = "") -> str:
    """The plan that defines the symbols of `order`, in plan notation, needs filled in, without a final newline."""
    numbers = {symbol: i for i, symbol in enumerate(order, start=1)}
    lines = [f"goal: {goal or f'how many {target}?'} [{target}]"]
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
