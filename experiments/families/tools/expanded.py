"""Calls written out with everything that their arguments refer to, so that plans can be compared whatever their ids."""

from __future__ import annotations

from collections.abc import Mapping

from ....planner.calls import CallExpression, Reference, Value, format_value
from ....planner.checks import CallCheck
from ....planner.plan import Plan

__all__ = ["expanded"]

MAX_CHARS = 4000


def expanded(plan: Plan) -> Mapping[str, str]:
    """Each call of a plan by item, its references replaced by the calls that they lead to."""
    found: dict[str, str] = {}
    for item in plan.items:
        if isinstance(item.check, CallCheck):
            call = item.check.call
            shown = _call(call, found) if isinstance(call, CallExpression) else item.check.text
            found[item.id] = shown[:MAX_CHARS]
    return found


def _call(call: CallExpression, earlier: Mapping[str, str]) -> str:
    return f"{call.name}({', '.join(f'{name}={_value(value, earlier)}' for name, value in sorted(call.arguments, key=lambda pair: pair[0]))})"


def _value(value: Value, earlier: Mapping[str, str]) -> str:
    if isinstance(value, Reference):
        path = "".join(f".{part}" for part in value.path)
        return f"{earlier.get(value.step, value.step)}{path}"
    return format_value(value)
