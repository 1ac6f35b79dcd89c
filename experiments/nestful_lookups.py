"""A second reader of NESTFUL's gold sequences, which knows nothing of the tool-call verifier.

It looks each raw call up in the raw specs with plain dictionaries, so that what both fail can be called a defect of the
data, and what they differ on one of ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ..verifiers.tool_calls.nestful import RESULT

FILES = ("executable", "non-executable-glaive", "non-executable-sgd")
Raw = dict[str, Any]
REFERENCE = re.compile(r"\$(var[0-9]+)((?:\.[^.$\[\]]+|\[[0-9]+\])*)\$")
_PYTHON: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class Sample(NamedTuple):
    """One file of NESTFUL: its rows and its specs, as they are."""

    name: str
    rows: list[Raw]
    specs: list[Raw]


def samples(folder: Path) -> Iterator[Sample]:
    """The files of a folder.

    Raises:
        OSError: A file is not there.
    """
    for name in FILES:
        read = [json.loads((folder / f"{name}-{part}.json").read_text(encoding="utf-8")) for part in ("data", "spec")]
        yield Sample(name, *read)


class Lookups:
    """The second reader: defects of raw calls, by plain look-ups in the raw specs.

    Args:
        specs: The specs; of two with one name the first counts.
    """

    def __init__(self, specs: list[Raw]) -> None:
        self._specs = {spec["name"]: spec for spec in reversed(specs)}

    def arguments(self, tool: str) -> dict[str, Raw]:
        """What a tool takes, by name."""
        places = ("query_parameters", "path_parameters", "parameters", "arguments")
        return {name: spec for place in places for name, spec in self._specs[tool].get(place, {}).items()}

    def __contains__(self, tool: str) -> bool:
        return tool in self._specs

    def kind(self, spec: Any) -> str:
        """The type that a spec names, in JSON's words; empty where it names none."""
        if isinstance(spec, str):
            spec = {"type": spec}
        name = str(spec.get("type", "")).lower()
        if not name and ("allowed_values" in spec or "possible_values" in spec):
            return "string"
        name = {"float": "number", "enum": "string"}.get(name, "string" if name.startswith("date") else name)
        return name if name in _PYTHON else ""

    def defects(self, call: Raw, earlier: Mapping[str, str]) -> set[str]:
        """What is wrong with a call.

        Args:
            call: The call.
            earlier: Tools by label, of the calls before it.
        """
        found: set[str] = set()
        gathers = call["name"] == RESULT
        if not gathers and call["name"] not in self:
            return {"tool not in the specs"}
        listed = {} if gathers else self.arguments(call["name"])
        for name, spec in listed.items():
            if spec.get("required") is True and name not in call["arguments"]:
                found.add("required argument left out")
        for name, value in call["arguments"].items():
            if not gathers and name not in listed:
                found.add("argument not in the spec")
            found |= self._value(value, listed.get(name, {}), earlier)
        return found

    def _value(self, value: Any, spec: Any, earlier: Mapping[str, str]) -> set[str]:
        kind = self.kind(spec)
        if isinstance(value, str) and (whole := REFERENCE.fullmatch(value)):
            return self._reference(whole, kind, earlier)
        if isinstance(value, str) and REFERENCE.search(value):
            lost = {defect for ref in REFERENCE.finditer(value) for defect in self._reference(ref, "", earlier)}
            return lost | ({"text where another type is asked"} if kind not in ("", "string") else set())
        if kind and (not isinstance(value, _PYTHON[kind]) or (isinstance(value, bool) and kind != "boolean")):
            return {"value of another type than the spec's"}
        allowed = next((spec[key] for key in ("enum", "allowed_values", "possible_values") if spec.get(key)), None)
        if isinstance(allowed, list) and value not in allowed:
            return {"value that the spec does not list"}
        inner = spec.get("items", {}) if kind == "array" else {}
        if isinstance(value, list):
            return {defect for item in value for defect in self._value(item, inner, earlier)}
        fields = spec.get("properties", {}) if kind == "object" else {}
        if isinstance(value, dict):
            return {d for name, item in value.items() for d in self._value(item, fields.get(name, {}), earlier)}
        return set()

    def _reference(self, ref: re.Match[str], kind: str, earlier: Mapping[str, str]) -> set[str]:
        if ref[1] not in earlier:
            return {"reference to no earlier call"}
        if earlier[ref[1]] not in self:
            return set()  # nothing is known of the result
        spec: Any = {"type": "object", "properties": self._specs[earlier[ref[1]]]["output_parameters"]}
        for name, place in re.findall(r"\.([^.\[]+)|\[([0-9]+)\]", ref[2]):
            inside = spec.get("properties") if isinstance(spec, dict) else None
            if place:
                if self.kind(spec) != "array":
                    return {"field that the spec of the result does not have"}
                spec = spec.get("items", {})
            elif inside:
                if name not in inside:
                    return {"field that the spec of the result does not have"}
                spec = inside[name]
            elif self.kind(spec) not in ("", "object"):
                return {"field that the spec of the result does not have"}
            else:
                spec = {}
        given = self.kind(spec)
        if given and kind and given != kind and {given, kind} != {"integer", "number"}:
            return {"result of another type than the argument's"}
        return set()


def labelled(calls: list[Raw]) -> Iterator[tuple[Raw, dict[str, str]]]:
    """Each call with the tools by label before it; a label that is taken stays with its first call."""
    earlier: dict[str, str] = {}
    for call in calls:
        yield call, dict(earlier)
        if isinstance(call.get("label"), str):
            earlier.setdefault(call["label"], call["name"])
