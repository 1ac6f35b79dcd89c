"""Names and sentences of the arithmetic family.

Every name is one lower-case plural noun, and no sentence begins with a name, so that a name is written in one way
only. A sentence begins with what it defines, and keeps the written order of its relation: its first operand is `{a}`,
its second is `{b}`.
"""

from __future__ import annotations

from .relations import Kind, Relation

__all__ = ["NAMES", "QUESTIONS", "SENTENCES", "sentence"]

_NAMES = """
nuts bolts wigs hats caps cups mugs pens pins nails screws bells beads rings coins books bags balls
bats birds boats bricks buns cakes cards carts cats chairs clocks coats combs cows dogs dolls doors
drums ducks eggs fans figs flags forks frogs gems goats hens jars keys kites lamps lemons limes maps
masks owls pears pigs pipes plates plums pots ropes rugs saws shells ships shoes socks spoons stars
"""
NAMES: tuple[str, ...] = tuple(_NAMES.split())

SENTENCES: dict[Kind, tuple[str, ...]] = {
    Kind.GIVEN: (
        "There are {n} {s}.",
        "The number of {s} is {n}.",
        "We have {n} {s}.",
    ),
    Kind.MORE: (
        "There are {n} more {s} than {a}.",
        "The number of {s} is {n} more than the number of {a}.",
        "We have as many {s} as {a} plus {n}.",
    ),
    Kind.FEWER: (
        "There are {n} fewer {s} than {a}.",
        "The number of {s} is {n} less than the number of {a}.",
        "We have as many {s} as {a} minus {n}.",
    ),
    Kind.TIMES: (
        "There are {n} times as many {s} as {a}.",
        "The number of {s} is {n} times the number of {a}.",
        "We have {n} {s} for each of the {a}.",
    ),
    Kind.SHARE: (
        "The number of {s} is the number of {a} divided by {n}.",
        "There are as many {s} as splitting the {a} evenly in {n} gives.",
        "There are as many {s} as in one of {n} equal shares of the {a}.",
    ),
    Kind.SUM: (
        "There are as many {s} as {a} and {b} together.",
        "The number of {s} is the sum of {a} and {b}.",
        "The number of {s} is what adding the {a} to the {b} gives.",
    ),
    Kind.DIFFERENCE: (
        "The number of {s} is the number of {a} minus the number of {b}.",
        "There are as many {s} as there are more {a} than {b}.",
        "We have as many {s} as {a} without {b}.",
    ),
}

QUESTIONS: tuple[str, ...] = (
    "How many {s} are there?",
    "How many {s} do we have?",
    "What is the number of {s}?",
)


def sentence(relation: Relation, choice: int) -> str:
    """Tell a relation in its `choice`-th wording (taken modulo the number of wordings)."""
    wordings = SENTENCES[relation.kind]
    first, second = [*relation.operands, "", ""][:2]
    return wordings[choice % len(wordings)].format(s=relation.symbol, a=first, b=second, n=relation.number)
