"""Measured things instead of counted ones: lengths, weights and times in two units, and how they are told.

A problem is about one scale, so that everything in it can be added. The question tells how many of the smaller unit the
larger one is; a plan needs no item for that, since its numbers keep their units.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from ...planner.units import UNITS
from .relations import BASIC, Kind

__all__ = ["MEASURED", "MEASURED_KINDS", "MEASURED_QUESTIONS", "SCALES", "Scale"]

_LENGTHS = """
rope wire path wall fence pole board cloth ribbon trail road river bridge hedge ditch rail pipe chain cable string
thread tape plank beam stick ladder shelf curtain tunnel canal lane track
"""
_WEIGHTS = """
sack crate box barrel parcel basket bundle load bag trunk case stone log brick cheese melon pumpkin ham loaf anchor
anvil bell chest kettle lamp pan saddle safe stove tent tub wheel
"""
_TIMES = """
walk ride swim race climb trip lesson meeting lunch film game nap talk concert play drive flight march dance song quiz
class break shift cruise hike tour visit wait chat speech show
"""


class Scale(NamedTuple):
    """Two units of one dimension and the things that are measured in them.

    Attributes:
        small: The smaller unit, in which every value of a problem is whole.
        large: The larger one.
        one: The larger one as it is called after "one".
        step: Numbers of the smaller unit are multiples of this.
        names: The things.
    """

    small: str
    large: str
    one: str
    step: int
    names: tuple[str, ...]

    @property
    def factor(self) -> int:
        """How many of the smaller unit the larger one is."""
        return int(UNITS[self.large].factor / UNITS[self.small].factor)

    @property
    def base(self) -> Fraction:
        """What one of the smaller unit is in base units."""
        return UNITS[self.small].factor

    def conversion(self, choice: int) -> str:
        """The sentence that tells the factor, in its `choice`-th wording."""
        wording = _CONVERSIONS[choice % len(_CONVERSIONS)]
        return wording.format(one=self.one, n=f"{self.factor} {self.small}")


SCALES: tuple[Scale, ...] = (
    Scale("cm", "m", "m", 5, tuple(_LENGTHS.split())),
    Scale("m", "km", "km", 50, tuple(_LENGTHS.split())),
    Scale("g", "kg", "kg", 50, tuple(_WEIGHTS.split())),
    Scale("seconds", "minutes", "minute", 5, tuple(_TIMES.split())),
    Scale("minutes", "hours", "hour", 5, tuple(_TIMES.split())),
)

_CONVERSIONS = ("One {one} is {n}.", "Every {one} has {n}.", "In one {one} there are {n}.")

MEASURED_KINDS = (*BASIC, Kind.PERCENT, Kind.AVERAGE, Kind.LARGER, Kind.SMALLER, Kind.TOTAL)
"""Kinds that make sense of measures: a product of two is no measure of the same scale, nor is a remainder told here."""

MEASURED: dict[Kind, tuple[str, ...]] = {
    Kind.GIVEN: (
        "There are {n} in the {s}.",
        "We measured {n} for the {s}.",
        "We counted {n} for the {s}.",
    ),
    Kind.MORE: (
        "Adding {n} to the {a} gives the {s}.",
        "The {a} plus {n} is as much as the {s}.",
        "With {n} more the {a} would be as much as the {s}.",
    ),
    Kind.FEWER: (
        "Taking {n} from the {a} gives the {s}.",
        "The {a} minus {n} is as much as the {s}.",
        "With {n} less the {a} would be as much as the {s}.",
    ),
    Kind.TIMES: (
        "Taking the {a} {n} times gives the {s}.",
        "The {a} times {n} is as much as the {s}.",
        "Counting the {a} {n} times gives the {s}.",
    ),
    Kind.SHARE: (
        "Splitting the {a} evenly in {n} gives the {s}.",
        "The {a} divided by {n} is as much as the {s}.",
        "One of {n} equal shares of the {a} gives the {s}.",
    ),
    Kind.SUM: (
        "Adding the {a} to the {b} gives the {s}.",
        "The {a} plus the {b} is as much as the {s}.",
        "The {a} and {b} together are as much as the {s}.",
    ),
    Kind.DIFFERENCE: (
        "The {a} minus the {b} is as much as the {s}.",
        "The {a} without as much as the {b} is as much as the {s}.",
        "The {a} exceeds the {b} by the {s}.",
    ),
    Kind.PERCENT: (
        "Taking {n} percent of the {a} gives the {s}.",
        "Of the {a} exactly {n} percent are as much as the {s}.",
        "Counting {n} percent of the {a} gives the {s}.",
    ),
    Kind.AVERAGE: (
        "The average of the {a} and the {b} is the {s}.",
        "Halfway between the {a} and the {b} lies the {s}.",
        "The mean of the {a} and the {b} is as much as the {s}.",
    ),
    Kind.LARGER: (
        "The larger of the {a} and the {b} is the {s}.",
        "The {a} or the {b}, whichever is more, is as much as the {s}.",
        "Whichever is more, the {a} or the {b}, gives the {s}.",
    ),
    Kind.SMALLER: (
        "The smaller of the {a} and the {b} is the {s}.",
        "The {a} or the {b}, whichever is less, is as much as the {s}.",
        "Whichever is less, the {a} or the {b}, gives the {s}.",
    ),
    Kind.TOTAL: (
        "Adding the {a}, the {b} and the {c} gives the {s}.",
        "The {a} plus the {b} plus the {c} is as much as the {s}.",
        "The {a}, {b} and {c} together are as much as the {s}.",
    ),
}

MEASURED_QUESTIONS: tuple[str, ...] = (
    "How many {u} are there in the {s}?",
    "How many {u} is the {s}?",
    "What is the {s} in {u}?",
)
"""Each asks for a number of a unit."""
