"""Typed witnesses: the evidence of a verdict, in a form that tells a proposer what to do.

``UndefinedSymbol(item="S3", symbol="nuts")`` asks for an insertion before S3, ``FalseEquality`` for a replacement.
A witness's :attr:`~Witness.line` is the same in short text, for people, for traces and for prompts.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, SerializeAsAny, field_validator

GOAL = "goal"
"""The pseudo-id under which verifiers judge whether the plan reaches its goal."""

Operator = Literal["insert", "replace", "delete", "move", "tighten", "needs"]
MAX_CRITIQUE_CHARS = 160
"""Most characters of a critique."""


def remark(text: str, most: int = MAX_CRITIQUE_CHARS) -> str:
    """The first line of untrusted text that says anything, as printable text of at most ``most`` characters.

    Characters that are not printable (controls, line separators, marks that reverse the reading order) become spaces,
    white space is folded, and what is too long is cut.
    """
    for line in text.splitlines():
        told = " ".join("".join(c if c.isprintable() else " " for c in line).split())
        if any(c.isalnum() for c in told):
            return told if len(told) <= most else told[: most - 3].rstrip() + "..."
    return ""



class Witness(BaseModel):
    """Evidence for a verdict.

    Attributes:
        kind: Discriminator.
        operators: The edit operators that can resolve it, the likeliest first.
        structural: Whether it can be resolved without a language model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    operators: ClassVar[tuple[Operator, ...]] = ("replace",)
    structural: ClassVar[bool] = False
    kind: str

    @property
    def items(self) -> tuple[str, ...]:
        """Ids the witness is about, the one to edit first."""
        return ()

    @property
    def line(self) -> str:
        """One short line: what is wrong, with the values that show it."""
        return self.kind


class UndefinedSymbol(Witness):
    """An item uses a symbol that no item defines."""

    operators: ClassVar[tuple[Operator, ...]] = ("insert",)
    kind: Literal["undefined_symbol"] = "undefined_symbol"
    item: str
    symbol: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item} uses {self.symbol}, defined nowhere"


class GoalNotReached(Witness):
    """Nothing in the plan gives the goal's symbol a value (or, without a target, nothing concludes)."""

    operators: ClassVar[tuple[Operator, ...]] = ("insert",)
    kind: Literal["goal_not_reached"] = "goal_not_reached"
    symbol: str = ""
    reason: str = ""

    @property
    def line(self) -> str:
        if self.reason:
            return f"goal is not reached: {self.reason}"
        return f"goal {self.symbol} is defined nowhere" if self.symbol else "goal is not reached"


class UnresolvedNeed(Witness):
    """An item needs, or refers to, an id that is not in the plan."""

    operators: ClassVar[tuple[Operator, ...]] = ("needs", "insert")
    structural: ClassVar[bool] = True
    kind: Literal["unresolved_need"] = "unresolved_need"
    item: str
    need: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item} needs {self.need}, not in the plan"


class MissingNeed(Witness):
    """An item uses a symbol of another item without needing that item."""

    operators: ClassVar[tuple[Operator, ...]] = ("needs",)
    structural: ClassVar[bool] = True
    kind: Literal["missing_need"] = "missing_need"
    item: str
    symbol: str
    definer: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item, self.definer)

    @property
    def line(self) -> str:
        return f"{self.item} uses {self.symbol} of {self.definer} without needing it"


class OutOfOrder(Witness):
    """An item stands before one that it depends on."""

    operators: ClassVar[tuple[Operator, ...]] = ("move",)
    structural: ClassVar[bool] = True
    kind: Literal["out_of_order"] = "out_of_order"
    item: str
    needed: str
    symbol: str = ""

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item, self.needed)

    @property
    def line(self) -> str:
        if self.symbol:
            return f"{self.item} uses {self.symbol} before {self.needed} defines it"
        return f"{self.item} needs {self.needed}, which comes later"


class Cycle(Witness):
    """Items depend on each other in a circle."""

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "delete")
    kind: Literal["cycle"] = "cycle"
    members: tuple[str, ...] = Field(min_length=1)

    @property
    def items(self) -> tuple[str, ...]:
        return self.members

    @property
    def line(self) -> str:
        return f"{', '.join(self.members)} form a cycle"


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


class Duplicate(Witness):
    """An item says again what another one says."""

    operators: ClassVar[tuple[Operator, ...]] = ("delete",)
    structural: ClassVar[bool] = True
    kind: Literal["duplicate"] = "duplicate"
    item: str
    original: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item, self.original)

    @property
    def line(self) -> str:
        return f"{self.item} repeats {self.original}"


class FalseEquality(Witness):
    """A statement whose two sides differ, with both values.

    Attributes:
        left: The value that was stated.
        right: The value that the computation gives.
        statement: The computation, for instance ``4 + 3``.
    """

    kind: Literal["false_equality"] = "false_equality"
    item: str
    left: str
    right: str
    statement: str = ""

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        shown = self.statement or "its right side"
        return f"{self.item} is false: {shown} is {self.right}, not {self.left}"


class Violated(Witness):
    """A constraint that the plan's values break."""

    operators: ClassVar[tuple[Operator, ...]] = ("replace",)
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


class UnitMismatch(Witness):
    """A sum or a comparison of quantities of unlike units.

    Attributes:
        left: The unit on one side, in base units.
        right: The unit on the other.
    """

    kind: Literal["unit_mismatch"] = "unit_mismatch"
    item: str
    left: str
    right: str

    @property
    def items(self) -> tuple[str, ...]:
        return () if self.item == GOAL else (self.item,)

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


class Malformed(Witness):
    """Text that makes no sense as what it claims to be; ``too large`` is one of the reasons."""

    kind: Literal["malformed"] = "malformed"
    item: str
    reason: str

    @property
    def items(self) -> tuple[str, ...]:
        return () if self.item == GOAL else (self.item,)

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


class Doubtful(Witness):
    """An item that a noisy judge believes to be wrong.

    Attributes:
        item: The item.
        detail: Where the doubt comes from, in words.
        critique: What the judge holds against the item, in its own words: one printable line of at most
            :data:`MAX_CRITIQUE_CHARS` characters, whatever was given. Untrusted text, shown as a remark and parsed
            nowhere; it is no part of :attr:`line`, which small models are trained to read.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "delete")
    kind: Literal["doubtful"] = "doubtful"
    item: str
    detail: str = ""
    critique: str = ""

    @field_validator("critique", mode="before")
    @classmethod
    def _bounded(cls, value: object) -> object:
        return remark(value) if isinstance(value, str) else value

    @property
    def items(self) -> tuple[str, ...]:
        return () if self.item == GOAL else (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item} is doubtful"


class Unused(Witness):
    """An item of the plan's own that nothing rests on."""

    operators: ClassVar[tuple[Operator, ...]] = ("delete",)
    structural: ClassVar[bool] = True
    kind: Literal["unused"] = "unused"
    item: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item} is not used"


class LockedChanged(Witness):
    """A locked item is missing or differs from what the task gave."""

    operators: ClassVar[tuple[Operator, ...]] = ("insert", "replace")
    kind: Literal["locked_changed"] = "locked_changed"
    item: str
    missing: bool = False

    @property
    def items(self) -> tuple[str, ...]:
        return () if self.missing else (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item} of the task is " + ("missing" if self.missing else "changed")


class UnknownTool(Witness):
    """A call of a tool that the toolbox does not have.

    Attributes:
        tool: The name that was called.
        nearest: Names of tools that look like it, the likeliest first.
    """

    kind: Literal["unknown_tool"] = "unknown_tool"
    item: str
    tool: str
    nearest: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        hint = f"; nearest: {', '.join(self.nearest)}" if self.nearest else ""
        return f"{self.item} calls {self.tool}, which is no tool{hint}"


class BadArgument(Witness):
    """An argument that the tool does not take: missing, unknown, of the wrong type, or not among what is allowed.

    Attributes:
        argument: Its name; empty where the arguments as a whole do not fit.
        problem: What is wrong with it.
    """

    kind: Literal["bad_argument"] = "bad_argument"
    item: str
    tool: str
    argument: str
    problem: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item}: {self.argument or 'arguments'} of {self.tool} {self.problem}"


class UnresolvedReference(Witness):
    """A reference to a result that is not there: no earlier call, or no such field in what it gives.

    Attributes:
        reference: As written, for instance ``$S1.id``.
        reason: Why it leads nowhere.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "move", "insert")
    kind: Literal["unresolved_reference"] = "unresolved_reference"
    item: str
    reference: str
    reason: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item}: {self.reference} leads nowhere: {self.reason}"


class CallLimit(Witness):
    """A rule on the sequence of calls that is broken: their number, their order, a repetition, a permission.

    Attributes:
        item: The call at fault, or the item that states the rule.
        rule: The rule, for instance ``login before get_order``.
        detail: How it is broken.
        culprits: The calls at fault, where ``item`` states the rule.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("delete", "insert", "move", "replace")
    kind: Literal["call_limit"] = "call_limit"
    item: str
    rule: str
    detail: str
    culprits: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return (*self.culprits, self.item)

    @property
    def line(self) -> str:
        return f"{self.item} breaks `{self.rule}`: {self.detail}"


class ToolError(Witness):
    """A tool that raised when the call was tried.

    Attributes:
        call: The call with the values that its references had.
        message: The error.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "insert", "move", "delete")
    kind: Literal["tool_error"] = "tool_error"
    item: str
    call: str
    message: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item}: {self.call} raised {self.message}"


AnyWitness = Annotated[SerializeAsAny[Witness], Field()]
BuiltinWitness = Annotated[
    UndefinedSymbol
    | GoalNotReached
    | UnresolvedNeed
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
    | ToolError,
    Discriminator("kind"),
]
"""The witnesses that planneal itself knows; verifiers of users may subclass :class:`Witness`."""
