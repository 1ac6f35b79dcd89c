"""What a plan's calls give, in words: observations for the answer's prompt, and the answer that a plan implies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....planner.calls import CallExpression
from ....planner.checks import CallCheck
from ....planner.plan import Item, Plan
from .draw import ToolsProblem, ToolsPublic
from .grading import read_plan, run
from .run_plan import Executed, shown
from .toolbox import ANSWER

__all__ = ["answer_text", "observations"]


def observations(public: ToolsPublic, plan: Plan) -> dict[str, str]:
    """What each call of a plan gives on a fresh store, by item; the first that breaks says why, and ends the list."""
    ran = run(public, plan)
    found = {item: shown(result) for item, result in ran.results.items()}
    if ran.at:
        found[ran.at] = f"error: {ran.fault}"
    return found


def answer_text(problem: ToolsProblem, plan: str | None = None) -> str:
    """The answer that a plan implies: a line with citation for each call, the answer's value last.

    A plan whose calls break, or that answers nothing, has lines up to there and the value `unknown`.

    Args:
        problem: The problem.
        plan: The plan in notation; the gold one if None.
    """
    public = problem.public
    assert isinstance(public, ToolsPublic)
    read = read_plan(problem.gold.plan if plan is None else plan)
    if read is None:
        return "answer: unknown"
    ran = run(public, read)
    lines = []
    for item in read.items:
        if item.id in ran.results and item.id != ran.answer:
            lines.append(f"{_claim(read, item, ran)} [{item.id}]")
    if ran.value is None:
        last = f" [{ran.at}]" if ran.at else ""
        return "\n".join([*lines, f"answer: unknown{last}"])
    deeds = [f"{tool} {key}" for tool, key in ran.changes]
    cited = [item for item in ran.by_item if item != ran.answer] + [ran.answer]
    return "\n".join([*lines, f"answer: {', '.join([*deeds, str(ran.value)])} [{', '.join(cited)}]"])


def _claim(plan: Plan, item: Item, ran: Executed) -> str:
    """One result in short: a change as such, of a record what later calls refer to, of a list the ids."""
    result = ran.results[item.id]
    if item.id in ran.by_item:
        tool, key = ran.by_item[item.id]
        rest = _used(plan, item.id, result)
        return ", ".join([f"{tool} {key}", *rest])
    if isinstance(result, Mapping):
        return ", ".join(_used(plan, item.id, result)) or shown(result)
    if isinstance(result, list):
        return "ids " + (" ".join(str(row["id"]) for row in result) or "none")
    call = item.check.call if isinstance(item.check, CallCheck) else None
    name = call.name if isinstance(call, CallExpression) and call.name != ANSWER else ""
    return shown(result) if not name or isinstance(result, str) else f"{name} {shown(result)}"


def _used(plan: Plan, item: str, result: Mapping[str, Any]) -> list[str]:
    """The fields of a record that calls refer to, with their values, in the record's order."""
    calls = [other.check.call for other in plan.items if isinstance(other.check, CallCheck)]
    references = [ref for call in calls if isinstance(call, CallExpression) for ref in call.references]
    names = {ref.path[0] for ref in references if ref.step == item and ref.path}
    return [f"{name} {value}" for name, value in result.items() if name in names]
