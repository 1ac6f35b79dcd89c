"""The rules of Countdown: which steps may be taken from the numbers at hand, and when the target is reached.

A step is ``b = a - 18``: it takes the numbers of its right-hand side out of the hand and puts its value back, under the
name on its left. Several operations may stand in one step. In one expression the *order* of a sum or a product is
free: ``3 / 4 * 8`` counts as ``3 * 8 / 4``, since there is an order in which every result is whole; what parentheses
set apart from such a chain, as in ``3 / (4 / 8)``, is a result of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Annotated, NamedTuple

from pydantic import Field

from ...planner.evaluation import evaluate, shown
from ...planner.expressions import Apply, Expression, Quantity, Relation, Symbol
from .base import Frozen
from .hands import Hand, hand_of, taken

__all__ = ["RESULT", "Results", "Rules", "Step", "Walk", "step_of", "walk"]

RESULT = "result"
"""The symbol that must come to the target."""
MAX_HANDS = 64
"""Most readings of what may be at hand that are followed; ``8/3`` may be one number or two."""


class Results(StrEnum):
    """What the result of an operation may be."""

    POSITIVE = "positive"
    """Whole numbers from 1: the classic rules."""
    WHOLE = "whole"
    """Whole numbers from 0: what the published sets keep to."""
    ANY = "any"
    """Fractions and negative numbers too: the game of 24."""


class Rules(Frozen):
    """What is asked.

    Attributes:
        numbers: The numbers given.
        aim: The number to be reached.
        every: Whether each number must be used; otherwise each may be used at most once.
        results: What the results of operations may be.
    """

    numbers: Annotated[tuple[int, ...], Field(min_length=1, max_length=8)]
    aim: int
    every: bool = True
    results: Results = Results.POSITIVE

    @cached_property
    def hand(self) -> Hand:
        """The numbers as a hand."""
        return hand_of(self.numbers)

    def allows(self, value: Fraction) -> bool:
        """Whether an operation may come to this."""
        if self.results is Results.ANY:
            return True
        return value.denominator == 1 and value >= (1 if self.results is Results.POSITIVE else 0)

    @property
    def told(self) -> str:
        """What a result must be, in words."""
        return {"positive": "a positive whole number", "whole": "a whole number"}.get(self.results, "a number")


class Step(NamedTuple):
    """A step that was read.

    Attributes:
        name: The symbol that it gives a value to, empty for a bare ``86 + 28 = 114``.
        made: What is done.
        said: Further sides of the equation, all of which must come to the same.
    """

    name: str
    made: Expression
    said: tuple[Expression, ...] = ()


def step_of(relation: Relation) -> Step | None:
    """An equation as a step, or None where it is no equation."""
    if not relation.is_equation:
        return None
    first, *rest = relation.terms
    if isinstance(first, Symbol):
        return Step(first.name, rest[0], tuple(rest[1:]))
    return Step("", first, tuple(rest))


class Walk(NamedTuple):
    """What came of taking steps one after the other.

    Attributes:
        faults: What is wrong with each step, empty where nothing is.
        hands: What may be at hand at the end.
        values: What the named results came to.
        last: What the last step came to, None where it came to nothing.
    """

    faults: tuple[str, ...]
    hands: frozenset[Hand]
    values: Mapping[str, Fraction]
    last: Fraction | None

    def reached(self, rules: Rules) -> bool:
        """Whether nothing is wrong and the target is reached as the rules ask."""
        if any(self.faults) or self.last != rules.aim:
            return False
        return not rules.every or hand_of([rules.aim]) in self.hands


def walk(rules: Rules, steps: Sequence[Step]) -> Walk:
    """Takes steps in order. A step at fault leaves its value all the same, so that one slip is told once."""
    hands = frozenset({rules.hand})
    values: dict[str, Fraction] = {}
    faults: list[str] = []
    last: Fraction | None = None
    for step in steps:
        last = evaluate(step.made, values)
        rests = {rest for hand in hands for rest in taken(step.made, hand, values)}
        faults.append(_fault(rules, step, values, last, bool(rests)))
        if last is not None:
            made = (hand_of((*rest, last)) for rest in rests or hands)
            hands = frozenset(sorted(set(made))[:MAX_HANDS])
            if step.name:
                values[step.name] = last
    return Walk(tuple(faults), hands, values, last)


def _fault(rules: Rules, step: Step, values: Mapping[str, Fraction], value: Fraction | None, at_hand: bool) -> str:
    """What is wrong with a step, the gravest first; empty where nothing is."""
    if step.name in values:
        return f"{step.name} has a value already"
    if value is None:
        return "it has no value"
    if not at_hand:
        return "it uses a number that is not at hand"
    for side in step.said:
        if evaluate(side, values) != value:
            return f"it comes to {shown(value)}"
    unfit = _unfit(rules, step.made, values)
    return f"{unfit}; every result must be {rules.told}" if unfit else ""


def _unfit(rules: Rules, node: Expression, values: Mapping[str, Fraction]) -> str:
    """The first operation of an expression whose result the rules forbid, in words; empty where there is none.

    A chain of one rank is one operation here: where its whole comes to an allowed value, some order of it keeps to
    the rules all the way (first all that is added, or multiplied).
    """
    if not isinstance(node, Apply):
        return "a unit is no number" if isinstance(node, Quantity) else ""
    if node.op == "neg" and rules.results is Results.ANY:
        return _unfit(rules, node.args[0], values)
    if node.op not in _SAME_RANK:
        return f"{node.op} is none of + - * /"
    value = evaluate(node, values)
    if value is None or not rules.allows(value):
        return f"an operation comes to {'nothing' if value is None else shown(value)}"
    for part in _chain(node, _SAME_RANK[node.op]):
        if unfit := _unfit(rules, part, values):
            return unfit
    return ""


_SAME_RANK = {"+": "+-", "-": "+-", "*": "*/", "/": "*/"}


def _chain(node: Expression, ops: str) -> list[Expression]:
    """The parts of a chain such as ``a - b + c``, which the grammar nests to the left."""
    parts: list[Expression] = []
    while isinstance(node, Apply) and node.op in ops:
        parts.append(node.args[1])
        node = node.args[0]
    return [node, *reversed(parts)]
