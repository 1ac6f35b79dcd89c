"""Typed witnesses: the evidence of a verdict, in a form that tells a proposer what to do.

``UndefinedSymbol(item="S3", symbol="nuts")`` asks for an insertion before S3, ``FalseEquality`` for a replacement.
A witness's :attr:`~Witness.line` is the same in short text, for people, for traces and for prompts. Those about
structure, about order and about tool calls have modules of their own; all are found here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, SerializeAsAny, field_validator

from .call_witnesses import BadArgument, CallLimit, ToolError, UnknownTool, UnresolvedReference
from .order_witnesses import Misplaced, Unplaced
from .structure_witnesses import (
    CircularNeed,
    Cycle,
    Duplicate,
    GoalNotReached,
    LockedChanged,
    MissingNeed,
    OutOfOrder,
    UndefinedSymbol,
    UnresolvedNeed,
    Unused,
)
from .witness import GOAL, MAX_CRITIQUE_CHARS, ItemWitness, Operator, Witness, remark


class Contradiction(Witness):
    """Items that cannot all hold.

    Attributes:
        members: The clashing items.
        symbol: The symbol they clash on, where it is one.
        values: The values they give it, in the order of ``members``, where they are known.
        given: Other items whose values the members are read at. Members and these together cannot all hold, and every
            proper subset of them can, as far as the exact test sees.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("delete", "replace")
    kind: Literal["contradiction"] = "contradiction"
    members: tuple[str, ...] = Field(min_length=1)
    symbol: str = ""
    values: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return self.members

    @property
    def line(self) -> str:
        names = " and ".join(self.members)
        verb = "contradict" if len(self.members) > 1 else "contradicts the rest"
        if self.symbol and len(self.values) > 1:
            return f"{names} {verb}: {self.symbol} is {' and '.join(self.values)}"
        return f"{names} {verb}" + (f" on {self.symbol}" if self.symbol else "")


class FalseEquality(ItemWitness):
    """A statement whose two sides differ, with both values.

    Attributes:
        left: The value that was stated.
        right: The value that the computation gives.
        statement: The computation, for instance ``4 + 3``.
    """

    quotes: ClassVar[bool] = True
    kind: Literal["false_equality"] = "false_equality"
    left: str
    right: str
    statement: str = ""

    @property
    def line(self) -> str:
        shown = self.statement or "its right side"
        return f"{self.item} is false: {shown} is {self.right}, not {self.left}"


class Violated(Witness):
    """A constraint that the plan's values break."""

    operators: ClassVar[tuple[Operator, ...]] = ("replace",)
    quotes: ClassVar[bool] = True
    kind: Literal["violated"] = "violated"
    item: str
    detail: str
    culprits: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return (*self.culprits, self.item)

    @property
    def line(self) -> str:
        return f"{self.item} is violated: {self.detail}"


class UnitMismatch(ItemWitness):
    """A sum or a comparison of quantities of unlike units.

    Attributes:
        left: The unit on one side, in base units.
        right: The unit on the other.
    """

    kind: Literal["unit_mismatch"] = "unit_mismatch"
    left: str
    right: str

    @property
    def line(self) -> str:
        return f"{self.item} mixes units: {self.left} and {self.right}"


class FailedTest(Witness):
    """A test that a program fails.

    Attributes:
        item: The item whose test it is, or ``goal`` for the task's cases.
        call: The call or calls that were made.
        expected: What was expected, as text.
        got: What came instead, as text: a value, or what was raised.
        self_reported: Whether the program's own process judged this, which deserves less trust than a comparison
            of values outside it.
        culprits: The plan's own items that the program comes from, the one to edit first in front.
    """

    kind: Literal["failed_test"] = "failed_test"
    item: str
    call: str
    expected: str
    got: str
    self_reported: bool = False
    culprits: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return self.culprits or (() if self.item == GOAL else (self.item,))

    @property
    def line(self) -> str:
        return f"{self.item} fails: {self.call} gave {self.got}, expected {self.expected}"


class Malformed(ItemWitness):
    """Text that makes no sense as what it claims to be; ``too large`` is one of the reasons."""

    quotes: ClassVar[bool] = True
    kind: Literal["malformed"] = "malformed"
    reason: str

    @property
    def line(self) -> str:
        return f"{self.item} is malformed: {self.reason}"


class Undetermined(Witness):
    """A symbol that the relations leave open."""

    operators: ClassVar[tuple[Operator, ...]] = ("insert", "replace")
    kind: Literal["undetermined"] = "undetermined"
    symbol: str
    involved: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return self.involved

    @property
    def line(self) -> str:
        return f"{self.symbol} is not determined"


class Doubtful(ItemWitness):
    """An item that a noisy judge believes to be wrong.

    Attributes:
        item: The item.
        detail: Where the doubt comes from, in words.
        critique: What the judge holds against the item, in its own words: one printable line of at most
            :data:`MAX_CRITIQUE_CHARS` characters, whatever was given. Untrusted text, shown as a remark and parsed
            nowhere; it is no part of :attr:`line`, which small models are trained to read.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "delete")
    quotes: ClassVar[bool] = True
    kind: Literal["doubtful"] = "doubtful"
    detail: str = ""
    critique: str = ""

    @field_validator("critique", mode="before")
    @classmethod
    def _bounded(cls, value: object) -> object:
        return remark(value) if isinstance(value, str) else value

    @property
    def line(self) -> str:
        return f"{self.item} is doubtful"


AnyWitness = Annotated[SerializeAsAny[Witness], Field()]
BuiltinWitness = Annotated[
    UndefinedSymbol
    | GoalNotReached
    | UnresolvedNeed
    | CircularNeed
    | MissingNeed
    | OutOfOrder
    | Cycle
    | Contradiction
    | Duplicate
    | FalseEquality
    | Violated
    | UnitMismatch
    | FailedTest
    | Malformed
    | Undetermined
    | Doubtful
    | Unused
    | LockedChanged
    | UnknownTool
    | BadArgument
    | UnresolvedReference
    | CallLimit
    | ToolError
    | Misplaced
    | Unplaced,
    Discriminator("kind"),
]
"""The witnesses that planneal itself knows; verifiers of users may subclass :class:`Witness`."""

__all__ = [
    "GOAL",
    "MAX_CRITIQUE_CHARS",
    "AnyWitness",
    "BadArgument",
    "BuiltinWitness",
    "CallLimit",
    "CircularNeed",
    "Contradiction",
    "Cycle",
    "Doubtful",
    "Duplicate",
    "FailedTest",
    "FalseEquality",
    "GoalNotReached",
    "LockedChanged",
    "Malformed",
    "Misplaced",
    "MissingNeed",
    "Operator",
    "OutOfOrder",
    "ToolError",
    "UndefinedSymbol",
    "Undetermined",
    "UnitMismatch",
    "UnknownTool",
    "Unplaced",
    "UnresolvedNeed",
    "UnresolvedReference",
    "Unused",
    "Violated",
    "Witness",
    "remark",
]
