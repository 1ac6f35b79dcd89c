"""Executes the calls of a plan on a fresh store: what a plan really does, for grading, observing and judging."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ....planner.calls import CallExpression
from ....planner.checks import CallCheck
from ....planner.plan import Plan
from ....verifiers.tool_calls import Toolbox
from ....verifiers.tool_calls.dry_run import resolve
from ....verifiers.tool_calls.schemas import brief
from .store import Store
from .toolbox import ANSWER

__all__ = ["Executed", "execute", "shown"]


class Executed(NamedTuple):
    """What became of a plan's calls.

    Attributes:
        results: Results by item, up to the first call that broke.
        at: The item that broke; empty where none did.
        fault: Why it broke.
        answer: The item of the last `answer`; empty where there is none.
        changes: What was written, as pairs (tool, id).
        by_item: What each item wrote.
        state: Everything that the store holds at the end, as text.
    """

    results: Mapping[str, Any]
    at: str
    fault: str
    answer: str
    changes: tuple[tuple[str, int], ...]
    by_item: Mapping[str, tuple[str, int]]
    state: str

    @property
    def value(self) -> str | int | None:
        """The answer's value; None where the calls broke or there is no answer."""
        found = self.results.get(self.answer) if self.answer and not self.at else None
        return found if isinstance(found, str | int) else None


class _BrokenError(Exception):
    """A call that cannot be made."""


def execute(plan: Plan, tools: Toolbox, store: Store) -> Executed:
    """Makes the calls of a plan in order, up to the first that breaks; never raises on what a plan says."""
    results: dict[str, Any] = {}
    by_item: dict[str, tuple[str, int]] = {}
    answer = at = fault = ""
    for item in plan.items:
        if not isinstance(item.check, CallCheck):
            continue
        written = len(store.changes)
        try:
            results[item.id] = _call(item.check.call, tools, store, results)
        except Exception as error:
            at, fault = item.id, brief(str(error).strip("'") or type(error).__name__)
            break
        if isinstance(item.check.call, CallExpression) and item.check.call.name == ANSWER:
            answer = item.id
        if len(store.changes) > written:
            by_item[item.id] = store.changes[-1]
    return Executed(results, at, fault, answer, tuple(store.changes), by_item, store.dump())


def _call(call: object, tools: Toolbox, store: Store, results: Mapping[str, Any]) -> Any:
    if not isinstance(call, CallExpression):
        raise _BrokenError(str(call))
    tool = tools.get(call.name)
    if tool is None or tool.run is None:
        raise _BrokenError(f"{call.name} is no tool")
    arguments = {name: resolve(value, results) for name, value in call.arguments}
    if not tool.takes.accepts(arguments):
        raise _BrokenError(tool.takes.complaint(arguments))
    return tool.run(store, arguments)


def shown(result: Any) -> str:
    """A result in one short line: `id 14, amount 40`, several of them with `;` between."""
    if isinstance(result, Mapping):
        return ", ".join(f"{name} {value}" for name, value in result.items())
    if isinstance(result, list):
        return "; ".join(map(shown, result)) or "nothing"
    return str(result)
