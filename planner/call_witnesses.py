"""Witnesses against tool calls."""

from __future__ import annotations

from typing import ClassVar, Literal

from .witness import ItemWitness, Operator, Witness


class UnknownTool(ItemWitness):
    """A call of a tool that the toolbox does not have.

    Attributes:
        tool: The name that was called.
        nearest: Names of tools that look like it, the likeliest first.
    """

    quotes: ClassVar[bool] = True
    kind: Literal["unknown_tool"] = "unknown_tool"
    tool: str
    nearest: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        hint = f"; nearest: {', '.join(self.nearest)}" if self.nearest else ""
        return f"{self.item} calls {self.tool}, which is no tool{hint}"


class BadArgument(ItemWitness):
    """An argument that the tool does not take: missing, unknown, of the wrong type, or not among what is allowed.

    Attributes:
        argument: Its name; empty where the arguments as a whole do not fit.
        problem: What is wrong with it.
    """

    quotes: ClassVar[bool] = True
    kind: Literal["bad_argument"] = "bad_argument"
    tool: str
    argument: str
    problem: str

    @property
    def line(self) -> str:
        return f"{self.item}: {self.argument or 'arguments'} of {self.tool} {self.problem}"


class UnresolvedReference(ItemWitness):
    """A reference to a result that is not there: no earlier call, or no such field in what it gives.

    Attributes:
        reference: As written, for instance ``$S1.id``.
        reason: Why it leads nowhere.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "move", "insert")
    quotes: ClassVar[bool] = True
    kind: Literal["unresolved_reference"] = "unresolved_reference"
    reference: str
    reason: str

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


class ToolError(ItemWitness):
    """A tool that raised when the call was tried.

    Attributes:
        call: The call with the values that its references had.
        message: The error.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "insert", "move", "delete")
    quotes: ClassVar[bool] = True
    kind: Literal["tool_error"] = "tool_error"
    call: str
    message: str

    @property
    def line(self) -> str:
        return f"{self.item}: {self.call} raised {self.message}"


__all__ = [
    "BadArgument",
    "CallLimit",
    "ToolError",
    "UnknownTool",
    "UnresolvedReference",
]
