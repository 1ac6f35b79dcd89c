"""Calls written out with everything that their arguments refer to, so that plans can be compared whatever their ids.

A list that is read after a write is another one than before it, so such a call says how many writes came first.
"""

from __future__ import annotations

from collections.abc import Mapping

from ....planner.calls import CallExpression, Reference, Value, format_value
from ....planner.checks import CallCheck
from ....planner.plan import Plan
from .records import VERBS

__all__ = ["expanded"]

MAX_CHARS = 4000


def expanded(plan: Plan) -> Mapping[str, str]:
    """Each call of a plan by item, its references replaced by the calls that they lead to."""
    found: dict[str, str] = {}
    writes = 0
    for item in plan.items:
        if isinstance(item.check, CallCheck):
            call = item.check.call
            shown = item.check.text
            if isinstance(call, CallExpression):
                shown = _call(call, found) + (f" after {writes}" if call.name.startswith("list_") and writes else "")
                writes += call.name in VERBS
            found[item.id] = shown[:MAX_CHARS]
    return found


def _call(call: CallExpression, earlier: Mapping[str, str]) -> str:
    arguments = sorted(call.arguments, key=lambda pair: pair[0])
    return f"{call.name}({', '.join(f'{name}={_value(value, earlier)}' for name, value in arguments)})"


def _value(value: Value, earlier: Mapping[str, str]) -> str:
    if isinstance(value, Reference):
        path = "".join(f".{part}" for part in value.path)
        return f"{earlier.get(value.step, value.step)}{path}"
    return format_value(value)
