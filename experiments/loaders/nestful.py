"""NESTFUL: nested sequences of tool calls, compared up to the names of variables and the order of independent calls.

A call counts by its tool, its arguments, and *what* its references lead to: two calls are the same when their whole
histories are. Gold and answer are read by the reading code of :mod:`~planneal.verifiers.tool_calls.nestful`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from ...planner.calls import Array, CallExpression, Join, Object, Reference, Scalar, Value
from ...planner.checks import CallCheck
from ...planner.errors import CallError, PlanError
from ...planner.notation import parse_item
from ...planner.plan import Item, Plan
from ...verifiers.tool_calls.nestful import RESULT, read_row, to_plan
from ..families.base import Gold, Problem
from .base import PublicSet
from .rows import Row

__all__ = ["Nestful", "calls_in", "same_calls"]

MAX_CALLS = 200
_FENCE = re.compile(r"```[a-z]*\s*\n(.*?)```", re.DOTALL)
_CITATION = re.compile(r"\s*\[[CIS][0-9]+\]\s*$")


class Nestful(PublicSet[Gold]):
    """NESTFUL (Basu et al. 2024, arXiv 2409.03797)."""

    name = "nestful"
    about = "nested sequences of tool calls"
    form = "json: input, output (calls with name, arguments, label)"
    grader = "the same calls, up to names of variables and the order of independent calls"
    pattern = "*-data.json"

    def problem(self, row: Row) -> Problem[Gold]:
        """A row as a problem; the gold plan has one subgoal for each call."""
        question = row.text("input")
        calls = row.field("output", list)
        if not calls or not all(map(_is_call, calls)):
            raise row.error("'output' is not a list of calls with name and arguments")
        try:
            plan = read_row({"input": question, "output": calls}).plan
        except (PlanError, ValueError) as error:
            raise row.error(f"'output' cannot be read as calls: {error}") from None
        return Problem[Gold](public=self.public(row, question, size=len(calls)), gold=Gold(plan=str(plan)))

    async def grade(self, problem: Problem[Gold], text: str) -> bool:
        """Whether a text makes the gold calls, and no others."""
        return same_calls(calls_in(problem.gold.plan), calls_in(text))

    def gold_answer(self, problem: Problem[Gold]) -> str:
        """The calls in plan notation."""
        return problem.gold.plan


def _is_call(call: object) -> bool:
    return (
        isinstance(call, Mapping) and isinstance(call.get("name"), str) and isinstance(call.get("arguments"), Mapping)
    )


def calls_in(text: str) -> list[Item] | None:
    """The calls of a text as items: a JSON list in NESTFUL's form, or lines of plan notation; None if there are none.

    The last of several JSON lists counts. Lines of prose are passed over.
    """
    text = text[:200_000]
    for candidate in (*reversed(_FENCE.findall(text)), text[text.find("[") : text.rfind("]") + 1]):
        try:
            listed = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(listed, list) and 0 < len(listed) <= MAX_CALLS and all(map(_is_call, listed)):
            return _items(listed)
    found: list[Item] = []
    for line in text.split("\n"):
        try:
            item = parse_item(_CITATION.sub("", line.strip()))
        except (PlanError, ValueError):
            continue
        if isinstance(item.check, CallCheck):
            found.append(item)
    return found[:MAX_CALLS] or None


def _items(calls: Sequence[Mapping[str, Any]]) -> list[Item] | None:
    try:
        plan: Plan = to_plan("answer", calls)
    except (CallError, PlanError, ValueError, TypeError, RecursionError):
        return None
    return list(plan.items)


def same_calls(gold: Sequence[Item] | None, answer: Sequence[Item] | None) -> bool:
    """Whether both make the same calls."""
    if not gold or not answer or len(gold) != len(answer):
        return False
    kept: dict[Hashable, int] = {}
    first, second = _histories(gold, kept), _histories(answer, kept)
    return first is not None and first == second


def _histories(items: Sequence[Item], kept: dict[Hashable, int]) -> Counter[int] | None:
    """Each call as a number that stands for its tool, arguments and the history of what it refers to.

    Args:
        items: The calls.
        kept: Numbers by content, shared by what is compared; so the work is linear, however deep the nesting.
    """
    numbers: dict[str, int] = {}
    for item in items:
        call = item.check.call if isinstance(item.check, CallCheck) else None
        if not isinstance(call, CallExpression):
            return None
        arguments = [(name, _content(value, numbers)) for name, value in call.arguments]
        # what the gathering pseudo-tool calls its parts is free, as names of variables are
        parts = sorted(repr(part) for _, part in arguments) if call.name == RESULT else sorted(map(repr, arguments))
        numbers[item.id] = kept.setdefault((call.name, *parts), len(kept))
    return Counter(numbers.values()) if len(numbers) == len(items) else None


def _content(value: Value, numbers: Mapping[str, int]) -> Hashable:
    """What a value says, with references replaced by what they lead to; unlike types are unlike, 1 and 1.0 are not."""
    if isinstance(value, Scalar):
        plain = value.value
        return float(plain) if isinstance(plain, int) and not isinstance(plain, bool) and abs(plain) < 2**53 else plain
    if isinstance(value, Reference):
        return ("$", numbers.get(value.step, "nowhere"), value.path)
    if isinstance(value, Join):
        return ("+", *(part if isinstance(part, str) else _content(part, numbers) for part in value.parts))
    if isinstance(value, Array):
        return ("[", *(_content(part, numbers) for part in value.items))
    assert isinstance(value, Object), "there are no other values"
    return ("{", *sorted((repr((name, _content(part, numbers))) for name, part in value.fields)))
