"""Draws the rules that the calls of a request must keep to, and the calls that the rules ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ....verifiers.tool_calls.rules import AtMost, Before, NoRepeat, Requires, Rule
from .calls import Call
from .records import VERBS
from .toolbox import ANSWER, OPENERS

__all__ = ["PERMISSIONS", "Ruled"]

PERMISSIONS: Mapping[str, str] = {
    **dict.fromkeys(("get_order", "list_orders", "cancel"), "orders"),
    **dict.fromkeys(("get_invoice", "list_invoices", "refund", "pay"), "money"),
    **dict.fromkeys(("get_shipment", "list_shipments", "hold"), "shipping"),
}
"""The permission that a tool may require."""


class Ruled:
    """Rules for a composition, and the calls that they ask for.

    Attributes:
        rules: The rules.
        first: Calls that come before the composition because of them.
        leads: For each tool that a rule is about, the places in `first` of the calls that must come before it.
    """

    def __init__(self, rng: np.random.Generator, calls: Sequence[Call], name: str, count: int) -> None:
        self.rules: list[Rule] = []
        self.first: list[Call] = []
        self.leads: dict[str, list[int]] = {}
        tools = list(dict.fromkeys(call.tool for call in calls))
        candidates: list[Rule] = [AtMost(0)]
        candidates += [Requires(tool, PERMISSIONS[tool]) for tool in tools if tool in PERMISSIONS]
        candidates += [NoRepeat((tool,)) for tool in tools if tool in VERBS]
        last = next((tool for tool in reversed(tools) if tool not in (ANSWER, "get_customer")), "")
        candidates += [Before("get_customer", last)] if last else []
        for place in rng.permutation(len(candidates))[:count]:
            self._take(candidates[int(place)], calls, name)
        spare = int(rng.integers(2))
        whole = AtMost(len(calls) + len(self.first) + spare)
        self.rules = [whole if isinstance(rule, AtMost) else rule for rule in self.rules]

    def _take(self, rule: Rule, calls: Sequence[Call], name: str) -> None:
        self.rules.append(rule)
        if isinstance(rule, Requires):
            self._lead(rule.tool, Call(OPENERS[rule.permission], ()))
        elif isinstance(rule, Before):
            tools = [call.tool for call in calls]
            if rule.first not in tools[: tools.index(rule.then)]:
                self._lead(rule.then, Call(rule.first, (("name", name),)))

    def _lead(self, tool: str, call: Call) -> None:
        if call not in self.first:
            self.first.append(call)
        self.leads.setdefault(tool, []).append(self.first.index(call))
