"""Compositions in the making: calls that refer to earlier ones, written out as items of a plan."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .records import VERBS
from .toolbox import ANSWER

__all__ = ["Call", "Chain", "Ref", "Value", "written"]


class Ref(NamedTuple):
    """A result, or a field of it.

    Attributes:
        step: Position of the call.
        field: Name of the field; empty for the whole result.
    """

    step: int
    field: str = ""


Value = str | int | Ref


class Call(NamedTuple):
    """One call.

    Attributes:
        tool: The tool.
        arguments: Names and values, in order.
        after: Positions of calls that it must come after although it does not refer to them.
    """

    tool: str
    arguments: tuple[tuple[str, Value], ...]
    after: tuple[int, ...] = ()


@dataclass
class Chain:
    """Calls one after another; what was called already with the same arguments is not called again.

    A call after a write is another call than the same before it, since the store has changed.
    """

    calls: list[Call] = field(default_factory=list)
    _seen: dict[object, int] = field(default_factory=dict)
    _writes: list[int] = field(default_factory=list)

    def call(self, tool: str, **arguments: Value) -> int:
        """Adds a call, or finds the one that is there; gives its position."""
        given = tuple(arguments.items())
        fresh = tool.startswith("list_")
        key = (tool, given, len(self._writes) if fresh else 0)
        if key in self._seen and tool not in VERBS:
            return self._seen[key]
        self.calls.append(Call(tool, given, tuple(self._writes) if fresh else ()))
        self._seen[key] = place = len(self.calls) - 1
        if tool in VERBS:
            self._writes.append(place)
        return place

    def give(self, value: Ref) -> None:
        """Ends the composition; an answer to a request that changes something comes after the changes."""
        reached = {value.step} | {v.step for call in self.calls for _, v in call.arguments if isinstance(v, Ref)}
        reached |= {place for call in self.calls for place in call.after}
        loose = tuple(place for place in self._writes if place not in reached)
        self.calls.append(Call(ANSWER, (("value", value),), loose))

    def led_by(self, first: Sequence[Call]) -> list[Call]:
        """The calls with others before them, references moved along."""
        shift = len(first)

        def moved(value: Value) -> Value:
            return Ref(value.step + shift, value.field) if isinstance(value, Ref) else value

        return [*first] + [
            Call(c.tool, tuple((n, moved(v)) for n, v in c.arguments), tuple(p + shift for p in c.after))
            for c in self.calls
        ]

    @property
    def signature(self) -> tuple[object, ...]:
        """The composition without its constants: the tools, and which result goes where."""
        return tuple(
            (c.tool, tuple((n, v if isinstance(v, Ref) else "") for n, v in c.arguments), c.after) for c in self.calls
        )


def written(calls: Sequence[Call], needs: Mapping[int, Sequence[int]] | None = None) -> list[str]:
    """The calls as item lines of a plan, numbered from S1.

    Args:
        calls: The calls.
        needs: Positions of further calls that a call needs, for instance the one that grants it a permission.
    """
    lines = []
    for place, call in enumerate(calls):
        shown = ", ".join(f"{name}={_shown(value)}" for name, value in call.arguments)
        steps = [value.step for _, value in call.arguments if isinstance(value, Ref)]
        steps += [*call.after, *(needs or {}).get(place, ())]
        arrow = " <- " + ", ".join(f"S{step + 1}" for step in sorted(set(steps))) if steps else ""
        lines.append(f"S{place + 1}: [call: {call.tool}({shown})]{arrow}")
    return lines


def _shown(value: Value) -> str:
    if isinstance(value, Ref):
        return f"$S{value.step + 1}" + (f".{value.field}" if value.field else "")
    return json.dumps(value)
