"""Does every value of one schema fit another? Three answers, and the sure ones are sound.

``fits(sub, sup)`` is ``YES`` only if every value that ``sub`` allows is allowed by ``sup``, ``NO`` only if none is, and
``MAYBE`` in between or where it cannot tell. The rules follow from two facts. A schema is a conjunction of parts, so
leaving a part of ``sub`` out makes it larger, which keeps both sure answers sound; and a part of ``sup`` that is not
understood makes a ``YES`` into a ``MAYBE`` and leaves a ``NO`` of another part standing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from .schemas import CONSTRAINING, TYPE_KEYWORDS, Schema

MAX_DEPTH = 24
"""Deepest nesting (through references, too) that is looked into."""
MAX_STEPS = 4_000
"""Most pairs of schemas that one comparison looks at; past that the answer is MAYBE."""
MAX_VALUES = 256
"""Longest enumeration that is tried value by value."""
_TYPES = ("null", "boolean", "number", "string", "array", "object")


class Fit(Enum):
    """Whether values of one schema are values of another."""

    YES = "yes"
    NO = "no"
    MAYBE = "maybe"


YES, NO, MAYBE = Fit.YES, Fit.NO, Fit.MAYBE


def _each(found: Iterable[Fit]) -> Fit:
    """A union on the left: YES if all, NO if none."""
    answers = set(found)
    return answers.pop() if len(answers) == 1 else (MAYBE if answers else YES)


def _parts(found: Iterable[Fit]) -> Fit:
    """A conjunction on the left: one sure part is enough."""
    answers = set(found)
    return YES if YES in answers else NO if NO in answers else MAYBE


def _all(found: Iterable[Fit]) -> Fit:
    """A conjunction on the right: every part must fit, one that cannot settles it."""
    answers = set(found)
    return NO if NO in answers else MAYBE if MAYBE in answers else YES


def _any(found: Iterable[Fit]) -> Fit:
    """A union on the right: one that surely fits is enough, none that can settles it."""
    answers = set(found)
    return YES if YES in answers else NO if answers <= {NO} else MAYBE


def _one(found: list[Fit]) -> Fit:
    """Exactly one on the right."""
    if found.count(YES) == 1 and found.count(NO) == len(found) - 1:
        return YES
    return NO if all(answer is NO for answer in found) else MAYBE


class _Span(NamedTuple):
    """An interval; an open end is None, and a strict one excludes its bound."""

    low: Any = None
    low_strict: bool = False
    high: Any = None
    high_strict: bool = False

    def within(self, other: _Span) -> Fit:
        low = other.low is None or (
            self.low is not None
            and (self.low > other.low or (self.low == other.low and (self.low_strict or not other.low_strict)))
        )
        high = other.high is None or (
            self.high is not None
            and (self.high < other.high or (self.high == other.high and (self.high_strict or not other.high_strict)))
        )
        if low and high:
            return YES
        return NO if self._below(other) or other._below(self) else MAYBE

    def _below(self, other: _Span) -> bool:
        if self.high is None or other.low is None:
            return False
        return bool(self.high < other.low or (self.high == other.low and (self.high_strict or other.low_strict)))


def _numbers(base: Mapping[str, Any]) -> _Span:
    low, high = base.get("minimum"), base.get("maximum")
    above, below = base.get("exclusiveMinimum"), base.get("exclusiveMaximum")
    low_strict = above is not None and (low is None or above >= low)
    high_strict = below is not None and (high is None or below <= high)
    return _Span(above if low_strict else low, low_strict, below if high_strict else high, high_strict)


def _sizes(base: Mapping[str, Any], noun: str) -> _Span:
    return _Span(base.get(f"min{noun}", 0), False, base.get(f"max{noun}"), False)


def _understood(keywords: Iterable[str], sup: Mapping[str, Any]) -> Fit:
    """YES where the right side has none of these keywords, which are not looked into."""
    return MAYBE if any(key in sup for key in keywords) else YES


class _Fitter:
    """One comparison with its bounds."""

    def __init__(self) -> None:
        self._steps = 0

    def fit(self, sub: Schema, sup: Schema, depth: int = 0) -> Fit:
        self._steps += 1
        if sup.anything or sub.node is sup.node:
            return YES
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return MAYBE
        if isinstance(sub.node, bool):
            return self._base({}, sub, sup, depth) if sub.node else YES
        values = _values(sub)
        if values is not None:
            return _each(YES if sup.accepts(value) else NO for value in values)
        found = []
        for key in ("anyOf", "oneOf"):
            if key in sub.node:
                found.append(_each(self.fit(sub.child(branch), sup, depth + 1) for branch in sub.node[key]))
        found += [self.fit(sub.child(part), sup, depth + 1) for part in sub.node.get("allOf", ())]
        if sub.target is not None:
            found.append(self.fit(sub.target, sup, depth + 1))
        base = {key: value for key, value in sub.node.items() if key in CONSTRAINING}
        if base or not found:
            found.append(self._base(base, sub, sup, depth))
        return _parts(found)

    def _base(self, base: Mapping[str, Any], sub: Schema, sup: Schema, depth: int) -> Fit:
        types = base.get("type", _TYPES)
        types = (types,) if isinstance(types, str) else types
        return _each(self._typed(kind, base, sub, sup, depth) for kind in types)

    def _typed(self, kind: str, base: Mapping[str, Any], sub: Schema, sup: Schema, depth: int) -> Fit:
        """Values of one type that also meet ``base``, against the right side."""
        self._steps += 1
        if sup.anything:
            return YES
        if isinstance(sup.node, bool):
            return NO
        if depth > MAX_DEPTH or self._steps > MAX_STEPS:
            return MAYBE
        if kind in ("null", "boolean"):
            return _each(YES if sup.accepts(value) else NO for value in ((None,) if kind == "null" else (True, False)))
        node = sup.node
        found = [self._kind(kind, node.get("type"))]
        if "const" in node or "enum" in node:
            allowed = [node["const"]] if "const" in node else node["enum"]
            mine = sub.child({**base, "type": kind})
            found.append(MAYBE if len(allowed) > MAX_VALUES or any(map(mine.accepts, allowed)) else NO)
        for key in ("anyOf", "oneOf"):
            if key in node:
                branches = [self._typed(kind, base, sub, sup.child(branch), depth + 1) for branch in node[key]]
                found.append(_any(branches) if key == "anyOf" else _one(branches))
        found += [self._typed(kind, base, sub, sup.child(part), depth + 1) for part in node.get("allOf", ())]
        if sup.target is not None:
            found.append(self._typed(kind, base, sub, sup.target, depth + 1))
        if "not" in node:
            inside = self._typed(kind, base, sub, sup.child(node["not"]), depth + 1)
            found.append({YES: NO, NO: YES, MAYBE: MAYBE}[inside])
        found.append(_understood(("if", "then", "else"), node))
        if NO not in found:
            found.append(self._keywords(kind, base, sub, sup, depth))
        return _all(found)

    @staticmethod
    def _kind(kind: str, wanted: Any) -> Fit:
        if wanted is None:
            return YES
        types = (wanted,) if isinstance(wanted, str) else wanted
        if kind in types or (kind == "integer" and "number" in types):
            return YES
        return MAYBE if kind == "number" and "integer" in types else NO

    def _keywords(self, kind: str, base: Mapping[str, Any], sub: Schema, sup: Schema, depth: int) -> Fit:
        node = sup.node
        assert isinstance(node, Mapping)
        family = "number" if kind == "integer" else kind
        if not any(key in node for key in TYPE_KEYWORDS[family]):
            return YES
        if family == "number":
            return _all([_numbers(base).within(_numbers(node)), _multiples(kind, base, node)])
        if family == "string":
            same = "pattern" not in node or base.get("pattern") == node["pattern"]
            return _all([_sizes(base, "Length").within(_sizes(node, "Length")), YES if same else MAYBE])
        return (self._array if family == "array" else self._object)(base, sub, sup, depth)

    def _array(self, base: Mapping[str, Any], sub: Schema, sup: Schema, depth: int) -> Fit:
        node = sup.node
        assert isinstance(node, Mapping)
        mine, theirs = base.get("prefixItems", []), node.get("prefixItems", [])
        least, most = base.get("minItems", 0), base.get("maxItems")
        if base.get("items") is False:  # nothing follows the first few
            most = len(mine) if most is None else min(most, len(mine))
        found = [_Span(least, False, most, False).within(_sizes(node, "Items"))]
        places = max(len(mine), len(theirs)) + 1
        for index in range(places if most is None else min(places, int(most))):
            left = sub.child(mine[index] if index < len(mine) else base.get("items", True))
            right = sup.child(theirs[index] if index < len(theirs) else node.get("items", True))
            answer = self.fit(left, right, depth + 1)
            found.append(MAYBE if answer is NO and index >= least else answer)
        distinct = not node.get("uniqueItems") or base.get("uniqueItems") or (most is not None and most <= 1)
        found.append(YES if distinct else MAYBE)
        found.append(_understood(("contains", "unevaluatedItems"), node))
        return _all(found)

    def _object(self, base: Mapping[str, Any], sub: Schema, sup: Schema, depth: int) -> Fit:
        node = sup.node
        assert isinstance(node, Mapping)
        mine, sure = base.get("properties", {}), frozenset(base.get("required", ()))
        rest: Any = True if "patternProperties" in base else base.get("additionalProperties", True)
        found = []
        for name in node.get("required", ()):
            found.append(YES if name in sure else NO if mine.get(name, rest) is False else MAYBE)
        theirs = node.get("properties", {})
        others = True if "patternProperties" in node else node.get("additionalProperties", True)  # a pattern may match
        for name in dict.fromkeys((*theirs, *mine, *sorted(sure))):
            left = sub.child(True if "patternProperties" in base and name not in mine else mine.get(name, rest))
            if left.node is False:
                continue  # never there
            answer = self.fit(left, sup.child(theirs.get(name, others)), depth + 1)
            found.append(MAYBE if answer is NO and name not in sure else answer)
        if rest is not False:
            beyond = self.fit(sub.child(rest), sup.child(others), depth + 1)
            found.append(MAYBE if beyond is NO else beyond)
        if node.get("minProperties", 0) > len(sure):
            found.append(MAYBE)
        if "maxProperties" in node and not (rest is False and len(mine) <= node["maxProperties"]):
            found.append(MAYBE)
        keys = ("patternProperties", "propertyNames", "dependentRequired", "dependentSchemas", "dependencies")
        found.append(_understood((*keys, "unevaluatedProperties"), node))
        return _all(found)


def _multiples(kind: str, base: Mapping[str, Any], sup: Mapping[str, Any]) -> Fit:
    step, mine = sup.get("multipleOf"), base.get("multipleOf", 1 if kind == "integer" else None)
    if step is None:
        return YES
    whole = isinstance(step, int) and isinstance(mine, int)
    return YES if whole and mine % step == 0 else MAYBE


def _values(schema: Schema) -> list[Any] | None:
    """All values of a schema that lists them, else None."""
    node = schema.node
    assert isinstance(node, Mapping)
    listed = [node["const"]] if "const" in node else node.get("enum")
    if listed is None or len(listed) > MAX_VALUES:
        return None
    return [value for value in listed if schema.accepts(value)]


def fits(sub: Schema, sup: Schema) -> Fit:
    """Whether every value of ``sub`` is one of ``sup``; see the module for what the three answers promise."""
    return _Fitter().fit(sub, sup)


__all__ = ["MAX_DEPTH", "MAX_STEPS", "Fit", "fits"]
