"""The calls of a plan as a sequence: what the rules, the static check and the dry run all read."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, NamedTuple

from ...planner.calls import CallExpression
from ...planner.checks import CallCheck
from ...planner.errors import CallError
from ...planner.plan import Plan

Place = Literal["earlier", "later", "itself", "absent", "no call", "unreadable"]


class Step(NamedTuple):
    """One call of a plan.

    Attributes:
        id: The item.
        text: The call as written.
        call: The call as read, or the error that says why it cannot be.
    """

    id: str
    text: str
    call: CallExpression | CallError

    @property
    def tool(self) -> str:
        """The tool's name; empty where the call cannot be read."""
        return self.call.name if isinstance(self.call, CallExpression) else ""

    @property
    def canonical(self) -> str:
        """The call with its arguments in order of name: equal for calls that say the same."""
        if not isinstance(self.call, CallExpression):
            return self.text
        return str(CallExpression(self.call.name, tuple(sorted(self.call.arguments, key=lambda pair: pair[0]))))


class Link(NamedTuple):
    """Where a reference leads.

    Attributes:
        step: The id that is referred to.
        place: ``earlier`` is a call that comes before; anything else says what is wrong.
        tool: The tool that is called there, where it can be read.
    """

    step: str
    place: Place
    tool: str = ""


class CallSequence:
    """The calls of a plan, in plan order; every item with a ``call:`` check is one, whatever its kind.

    Args:
        plan: The plan.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.steps: tuple[Step, ...] = tuple(
            Step(item.id, item.check.text, item.check.call)
            for item in plan.items
            if isinstance(item.check, CallCheck)
        )

    @cached_property
    def by_id(self) -> dict[str, Step]:
        """Steps by item."""
        return {step.id: step for step in self.steps}

    @cached_property
    def unreadable(self) -> tuple[str, ...]:
        """Items whose call cannot be read."""
        return tuple(step.id for step in self.steps if not isinstance(step.call, CallExpression))

    def link(self, reader: str, step: str) -> Link:
        """Where a reference of ``reader`` to ``step`` leads."""
        if step not in self._plan:
            return Link(step, "absent")
        if step == reader:
            return Link(step, "itself")
        found = self.by_id.get(step)
        if found is None:
            return Link(step, "no call")
        if self._plan.positions[step] > self._plan.positions[reader]:
            return Link(step, "later")
        return Link(step, "earlier" if found.tool else "unreadable", found.tool)

    def links(self, reader: str) -> tuple[Link, ...]:
        """Where the references of one call lead, each step once."""
        call = self.by_id[reader].call
        if not isinstance(call, CallExpression):
            return ()
        return tuple(self.link(reader, step) for step in dict.fromkeys(ref.step for ref in call.references))


REASONS: dict[Place, str] = {
    "later": "comes later",
    "itself": "is the call itself",
    "absent": "is not in the plan",
    "no call": "is no call, so it has no result",
    "unreadable": "cannot be read",
}
"""Why a reference leads nowhere."""


__all__ = ["REASONS", "CallSequence", "Link", "Place", "Step"]
