"""Sequences of calls as NESTFUL writes them (arXiv:2409.03797), as plans and back without loss; its specs as toolboxes.

A call ``{"name": "f", "arguments": {"x": "$var1.id$"}, "label": "var2"}`` becomes ``S2: [call: f(x=$S1.id)]``: the
item's number is that of the label. A call whose label is missing, taken already or not of that form gets a number that
nothing else in the row has, and says its label in its text. References within a longer text become joins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ...planner.calls import Array, CallExpression, Join, Object, Reference, Scalar, Value
from ...planner.checks import CallCheck
from ...planner.errors import PlanError
from ...planner.plan import Item, Plan
from ...planner.task import Task
from .toolbox import Tool, Toolbox

RESULT = "var_result"
"""The pseudo-tool that gathers what a sequence answers; it takes any arguments."""
_REFERENCE = re.compile(r"\$var([1-9][0-9]{0,4})((?:\.[^.$\[\]]+|\[(?:0|[1-9][0-9]{0,4})\])*)\$")
_SEGMENT = re.compile(r"\.([^.$\[\]]+)|\[([0-9]+)\]")
_LABEL = re.compile(r"var([1-9][0-9]{0,4})")
_NO_LABEL = "no label"
_LABELLED = "label "
_PLACES = ("query_parameters", "path_parameters", "parameters", "arguments")
_TYPES = {
    **{name: name for name in ("string", "number", "integer", "boolean", "array", "object")},
    "float": "number",
    "enum": "string",
    "date (yyyy-mm-dd)": "string",
}


def _strings(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Mapping):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)


def _reference(found: re.Match[str]) -> Reference:
    path = (name or int(place) for name, place in _SEGMENT.findall(found[2]))
    return Reference(f"S{found[1]}", tuple(path))


def _text(text: str) -> Value:
    """A string: a reference, text with references in it, or just text."""
    whole = _REFERENCE.fullmatch(text)
    if whole:
        return _reference(whole)
    parts: list[str | Reference] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        parts += [text[end : found.start()], _reference(found)]
        end = found.end()
    return Join((*parts, text[end:])) if parts else Scalar(text)


def _value(value: Any) -> Value:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return Object(tuple((str(name), _value(inner)) for name, inner in value.items()))
    if isinstance(value, list):
        return Array(tuple(map(_value, value)))
    return Scalar(value)


class Row(NamedTuple):
    """One row, read.

    Attributes:
        task: Its ``input`` as a question.
        plan: Its ``output`` as a plan.
        margins: White space around the input, which a question does not keep.
    """

    task: Task
    plan: Plan
    margins: tuple[str, str] = ("", "")


def read_row(row: Mapping[str, Any]) -> Row:
    """Reads a row: one subgoal per call, in the order of the row.

    Raises:
        CallError: A call cannot be written, for instance because of its tool's name.
    """
    question: str = row["input"]
    start = len(question) - len(question.lstrip())
    task = Task(question=question, family="nestful")
    margins = question[:start], question[start + len(task.question) :]
    return Row(task, to_plan(task.plan_goal, row["output"]), margins)


def write_row(row: Row) -> dict[str, Any]:
    """The row again: the inverse of :func:`read_row`."""
    return {"input": row.task.question.join(row.margins), "output": to_sequence(row.plan)}


def to_plan(goal: str, calls: Sequence[Mapping[str, Any]]) -> Plan:
    """A sequence of calls as a plan: one subgoal per call, in order.

    Raises:
        CallError: A call cannot be written, for instance because of its tool's name.
    """
    labels = [call.get("label") for call in calls]
    said = list(_strings([labels, *(call["arguments"] for call in calls)]))
    mentioned = [int(found[1]) for text in said for found in _LABEL.finditer(text)]
    fresh = max([len(calls), *mentioned]) + 1
    items: dict[str, Item] = {}
    for call, label in zip(calls, labels, strict=True):
        number = _LABEL.fullmatch(label) if isinstance(label, str) else None
        item_id, text = (f"S{number[1]}", "") if number else ("", "")
        if not number or item_id in items:
            item_id, text = f"S{fresh}", _NO_LABEL if label is None else f"{_LABELLED}{label}"
            fresh += 1
        arguments = tuple((str(name), _value(value)) for name, value in call["arguments"].items())
        check = CallCheck(text=str(CallExpression(call["name"], arguments)))
        needs = tuple(sorted(step for step in check.refers if step in items))
        items[item_id] = Item(id=item_id, text=text, check=check, needs=needs)
    return Plan(goal=goal, items=tuple(items.values()))


def _said(reference: Reference) -> str:
    path = (f"[{segment}]" if isinstance(segment, int) else f".{segment}" for segment in reference.path)
    return f"$var{reference.step[1:]}{''.join(path)}$"


def _json(value: Value) -> Any:
    if isinstance(value, Scalar):
        return value.value
    if isinstance(value, Reference):
        return _said(value)
    if isinstance(value, Join):
        return "".join(part if isinstance(part, str) else _said(part) for part in value.parts)
    if isinstance(value, Array):
        return [_json(inner) for inner in value.items]
    return {name: _json(inner) for name, inner in value.fields}


def to_sequence(plan: Plan) -> list[dict[str, Any]]:
    """The calls of a plan as a NESTFUL sequence: the inverse of :func:`to_plan`. Items without a call are left out.

    Raises:
        PlanError: A call cannot be read.
    """
    sequence: list[dict[str, Any]] = []
    for item in plan.items:
        if not isinstance(item.check, CallCheck):
            continue
        call = item.check.call
        if not isinstance(call, CallExpression):
            raise PlanError(f"{item.id}: {call}")
        entry = {"name": call.name, "arguments": {name: _json(value) for name, value in call.arguments}}
        if item.text != _NO_LABEL:
            named = item.text.startswith(_LABELLED)
            entry["label"] = item.text.removeprefix(_LABELLED) if named else f"var{item.number}"
        sequence.append(entry)
    return sequence


def _schema(spec: Any) -> dict[str, Any]:
    """The JSON Schema of one parameter or result field; what is not said or not known is left open."""
    if isinstance(spec, str):
        spec = {"type": spec}
    kind = _TYPES.get(str(spec.get("type")).lower())
    allowed = next((spec[key] for key in ("enum", "allowed_values", "possible_values") if spec.get(key)), None)
    if kind is None and ("allowed_values" in spec or "possible_values" in spec):
        kind = "string"  # SGD: every slot is text
    schema: dict[str, Any] = {} if kind is None else {"type": kind}
    if isinstance(allowed, list):
        schema["enum"] = allowed
    elif isinstance(allowed, str) and kind == "number" and (span := re.fullmatch(r"([0-9]+)-([0-9]+)", allowed)):
        schema |= {"minimum": int(span[1]), "maximum": int(span[2])}
    if kind == "object" and isinstance(spec.get("properties"), Mapping):
        schema["properties"] = {name: _schema(inner) for name, inner in spec["properties"].items()}
        if isinstance(spec.get("required"), list):
            schema["required"] = spec["required"]
    if kind == "array" and isinstance(spec.get("items"), Mapping):
        schema["items"] = _schema(spec["items"])
    return schema


def _tool(spec: Mapping[str, Any]) -> Tool:
    listed = {name: entry for place in _PLACES for name, entry in spec.get(place, {}).items()}
    parameters = {
        "type": "object",
        "properties": {name: _schema(entry) for name, entry in listed.items()},
        "required": [name for name, entry in listed.items() if entry.get("required") is True],
    }
    outputs = {name: _schema(entry) for name, entry in spec.get("output_parameters", {}).items()}
    result = {"type": "object", "properties": outputs} if outputs else None
    return Tool(spec["name"], parameters, result, " ".join(str(spec.get("description", "")).split()))


def to_toolbox(specs: Iterable[Mapping[str, Any]]) -> Toolbox:
    """NESTFUL's specs as a toolbox, with the pseudo-tool that gathers the answer.

    A spec that is given more than once counts once; of two that differ the first counts.
    """
    found: dict[str, Tool] = {}
    for spec in specs:
        found.setdefault(spec["name"], _tool(spec))
    gather = Tool(RESULT, {"type": "object", "additionalProperties": True}, None, "gathers the answer")
    return Toolbox([*found.values(), gather])


__all__ = ["RESULT", "Row", "read_row", "to_plan", "to_sequence", "to_toolbox", "write_row"]
