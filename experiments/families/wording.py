"""Names and sentences of the arithmetic family.

Every name is one lower-case plural noun, and no sentence begins with a name, so that a name is written in one way
only. A sentence ends with what it defines, so that a reader from left to right knows the whole relation there; it
keeps the written order of the relation: its operands are `{a}`, `{b}` and `{c}`.
"""

from __future__ import annotations

from collections.abc import Mapping

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
        "We have {n} {s}.",
        "We counted {n} {s}.",
    ),
    Kind.MORE: (
        "Adding {n} to the {a} gives the number of {s}.",
        "The {a} plus {n} are as many as the {s}.",
        "With {n} more the {a} would be as many as the {s}.",
    ),
    Kind.FEWER: (
        "Taking {n} from the {a} gives the number of {s}.",
        "The {a} minus {n} are as many as the {s}.",
        "With {n} fewer the {a} would be as many as the {s}.",
    ),
    Kind.TIMES: (
        "For each of the {a} we have {n} {s}.",
        "The {a} times {n} are as many as the {s}.",
        "Counting the {a} {n} times gives the number of {s}.",
    ),
    Kind.SHARE: (
        "Splitting the {a} evenly in {n} gives the number of {s}.",
        "The {a} divided by {n} are as many as the {s}.",
        "One of {n} equal shares of the {a} gives the number of {s}.",
    ),
    Kind.SUM: (
        "Adding the {a} to the {b} gives the number of {s}.",
        "The {a} plus the {b} are as many as the {s}.",
        "The {a} and {b} together are as many as the {s}.",
    ),
    Kind.DIFFERENCE: (
        "The {a} minus the {b} are as many as the {s}.",
        "The {a} without as many as the {b} are as many as the {s}.",
        "The {a} outnumber the {b} by the number of {s}.",
    ),
    Kind.PERCENT: (
        "Taking {n} percent of the {a} gives the number of {s}.",
        "Of the {a} exactly {n} percent are as many as the {s}.",
        "Counting {n} percent of the {a} gives the number of {s}.",
    ),
    Kind.REMAINDER: (
        "Packing the {a} in groups of {n} leaves over the number of {s}.",
        "The {a} in full rows of {n} leave over as many as the {s}.",
        "Dividing the {a} by {n} leaves a rest that is the number of {s}.",
    ),
    Kind.PRODUCT: (
        "Multiplying the {a} by the {b} gives the number of {s}.",
        "The {a} times the {b} are as many as the {s}.",
        "Pairing each of the {a} with each of the {b} gives the number of {s}.",
    ),
    Kind.AVERAGE: (
        "The average of the {a} and the {b} is the number of {s}.",
        "Halfway between the {a} and the {b} lies the number of {s}.",
        "The mean of the {a} and the {b} is as many as the {s}.",
    ),
    Kind.LARGER: (
        "The larger of the {a} and the {b} is the number of {s}.",
        "The {a} or the {b}, whichever are more, are as many as the {s}.",
        "Whichever are more, the {a} or the {b}, give the number of {s}.",
    ),
    Kind.SMALLER: (
        "The smaller of the {a} and the {b} is the number of {s}.",
        "The {a} or the {b}, whichever are fewer, are as many as the {s}.",
        "Whichever are fewer, the {a} or the {b}, give the number of {s}.",
    ),
    Kind.TOTAL: (
        "Adding the {a}, the {b} and the {c} gives the number of {s}.",
        "The {a} plus the {b} plus the {c} are as many as the {s}.",
        "The {a}, {b} and {c} together are as many as the {s}.",
    ),
}

QUESTIONS: tuple[str, ...] = (
    "How many {s} are there?",
    "How many {s} do we have?",
    "What is the number of {s}?",
)


def sentence(relation: Relation, choice: int, wordings: Mapping[Kind, tuple[str, ...]] = SENTENCES) -> str:
    """Tell a relation in its `choice`-th wording (taken modulo the number of wordings)."""
    known = wordings[relation.kind]
    first, second, third = [*relation.operands, "", "", ""][:3]
    return known[choice % len(known)].format(s=relation.symbol, a=first, b=second, c=third, n=relation.amount)
