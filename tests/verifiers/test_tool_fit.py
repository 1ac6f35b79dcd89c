"""Does a schema fit another: the sure answers are sound, and they are given where they matter."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.planner.call_parser import parse_call
from planneal.planner.errors import ConfigError
from planneal.verifiers.tool_calls import fit as fit_module
from planneal.verifiers.tool_calls.fit import Fit, fits
from planneal.verifiers.tool_calls.schemas import Schema, checked
from planneal.verifiers.tool_calls.value_types import lookup, type_of

POOL = [None, True, False, 0, 1, 2, -3, 7, 0.5, 1.0, 2.5, "", "a", "b", "abc", "hello", [], [1], ["a"], [1, 2]]
POOL += [[1, 1], [[1]], [{}], [None], {}, {"x": 1}, {"x": "a"}, {"y": 1}, {"x": 1, "y": "b"}, {"x": None}, {"z": []}]
POOL += [["a", 1], {"x": {"y": 1}}, {"x": 1, "z": True}, [1, "a", None], ["a", "b"], {"x": [1], "y": 2}]

numbers = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number", ["integer", "null"], ["number", "string"]])},
    optional={
        "minimum": st.integers(-3, 3),
        "maximum": st.integers(-1, 7),
        "exclusiveMinimum": st.integers(-3, 2),
        "exclusiveMaximum": st.integers(0, 7),
        "multipleOf": st.sampled_from([1, 2, 0.5]),
    },
)
strings = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={"minLength": st.integers(0, 3), "maxLength": st.integers(0, 5), "pattern": st.sampled_from(["^a", "b"])},
)
listed = st.lists(st.sampled_from(POOL[:20]), min_size=1, max_size=3)
leaves = st.one_of(
    numbers,
    strings,
    st.builds(lambda values: {"enum": values}, listed),
    st.builds(lambda value: {"const": value}, st.sampled_from(POOL)),
    st.sampled_from([{}, True, False, {"type": "null"}, {"type": "boolean"}, {"type": ["string", "null"]}]),
    st.sampled_from([{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}, {"minimum": 2}, {"type": "object"}]),
)


def deeper(inner):
    arrays = st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("array"),
            "items": inner,
            "prefixItems": st.lists(inner, min_size=1, max_size=2),
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 3),
            "uniqueItems": st.booleans(),
            "contains": inner,
        },
    )
    names = st.sampled_from(["x", "y", "z"])
    objects = st.fixed_dictionaries(
        {},
        optional={
            "type": st.just("object"),
            "properties": st.dictionaries(names, inner, max_size=2),
            "required": st.lists(names, unique=True, max_size=2),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(st.sampled_from(["^x", "z"]), inner, max_size=1),
            "minProperties": st.integers(0, 2),
            "maxProperties": st.integers(0, 2),
            "dependentRequired": st.just({"x": ["y"]}),
        },
    )
    several = st.lists(inner, min_size=1, max_size=3)
    mixed = st.fixed_dictionaries(
        {},
        optional={"anyOf": several, "oneOf": several, "allOf": several, "not": inner, "if": inner, "then": inner},
    )
    return arrays | objects | mixed


schemas = st.recursive(leaves, deeper, max_leaves=5)
DEFINITIONS = {
    "A": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"$ref": "#/$defs/A"}}, "required": ["x"]},
    "B": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"$ref": "#/$defs/B"}}]},
}


def of(node):
    return Schema.of({"$defs": DEFINITIONS}, node)


def unsound(sub, sup, answer):
    """Values that show a sure answer to be wrong."""
    values = [value for value in POOL if sub.accepts(value)]
    if answer is Fit.YES:
        return [value for value in values if not sup.accepts(value)]
    if answer is Fit.NO:
        return [value for value in values if sup.accepts(value)]
    return []


@settings(max_examples=250, deadline=None)
@given(schemas, schemas)
def test_sure_answers_are_sound(sub, sup):
    left, right = of(sub), of(sup)
    assert unsound(left, right, fits(left, right)) == []


@settings(max_examples=100, deadline=None)
@given(schemas)
def test_a_schema_never_surely_misses_itself(schema):
    left, right = of(schema), of(dict(schema) if isinstance(schema, dict) else schema)
    assert fits(left, right) is not Fit.NO or not any(map(left.accepts, POOL))


def test_the_soundness_test_sees_a_wrong_rule(monkeypatch):
    """Negative control: were numbers taken for integers, and unions for conjunctions, it would show."""
    number, integer = of({"type": "number"}), of({"type": "integer"})
    assert unsound(number, integer, Fit.YES)
    union = of({"anyOf": [{"type": "string"}, {"type": "integer"}]})
    monkeypatch.setattr(fit_module, "_each", fit_module._parts)
    assert unsound(union, integer, fits(union, integer))


TEXT, INT, NUM = {"type": "string"}, {"type": "integer"}, {"type": "number"}
ORDER = {"type": "object", "properties": {"id": INT, "note": TEXT}, "required": ["id"], "additionalProperties": False}


@pytest.mark.parametrize(
    ("sub", "sup", "answer"),
    [
        (INT, NUM, "yes"),
        (NUM, INT, "maybe"),
        (TEXT, INT, "no"),
        (TEXT, {"type": ["string", "null"]}, "yes"),
        ({"type": ["string", "null"]}, TEXT, "maybe"),
        ({"type": ["string", "null"]}, INT, "no"),
        (TEXT, {"enum": ["a", "b"]}, "maybe"),
        (INT, {"enum": ["a", "b"]}, "no"),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, "yes"),
        ({"const": 3}, {"type": "integer", "minimum": 1}, "yes"),
        ({"const": True}, INT, "no"),
        ({"const": 3}, {"const": True}, "no"),
        ({}, TEXT, "maybe"),
        (TEXT, {}, "yes"),
        ({"type": "integer", "minimum": 5}, {"type": "integer", "minimum": 1}, "yes"),
        ({"type": "integer", "maximum": 0}, {"type": "integer", "minimum": 1}, "no"),
        ({"type": "integer", "exclusiveMaximum": 1}, {"type": "integer", "minimum": 1}, "no"),
        ({"type": "array", "items": INT}, {"type": "array", "items": NUM}, "yes"),
        ({"type": "array", "items": TEXT}, {"type": "array", "items": INT}, "maybe"),
        ({"type": "array", "items": TEXT, "minItems": 1}, {"type": "array", "items": INT}, "no"),
        (ORDER, {"type": "object", "properties": {"id": NUM}, "required": ["id"]}, "yes"),
        (ORDER, {"type": "object", "properties": {"id": TEXT}}, "no"),
        (ORDER, {"type": "object", "required": ["note"]}, "maybe"),
        (ORDER, {"type": "object", "required": ["price"]}, "no"),
        (ORDER, TEXT, "no"),
        ({"anyOf": [INT, TEXT]}, {"anyOf": [TEXT, NUM]}, "yes"),
        ({"$ref": "#/$defs/A"}, {"type": "object", "required": ["x"]}, "yes"),
        ({"$ref": "#/$defs/A"}, TEXT, "no"),
        ({"type": "boolean"}, {"enum": [True, False, None]}, "yes"),
        (TEXT, {"type": "string", "pattern": "^a"}, "maybe"),
        (TEXT, {"not": {"type": "integer"}}, "yes"),
        (TEXT, {"if": TEXT, "then": {"maxLength": 1}}, "maybe"),
    ],
)
def test_answers_where_they_matter(sub, sup, answer):
    assert fits(of(sub), of(sup)).value == answer


def test_recursive_and_tangled_schemas_end():
    wide = {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/W"}}] * 12 + [{"type": "integer"}]}
    root = {"$defs": {"W": wide, "L": {"$ref": "#/$defs/L"}}}
    other = {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/W"}}] * 11 + [{"type": "string"}]}
    assert fits(Schema.of(root, {"$ref": "#/$defs/W"}), Schema.of(root, other)) is Fit.MAYBE
    assert fits(Schema.of(root, {"$ref": "#/$defs/L"}), Schema.of(root, TEXT)) is Fit.MAYBE


@pytest.mark.parametrize(
    ("path", "found", "missing"),
    [
        ((), "object", ""),
        (("id",), "integer", ""),
        (("lines", 0, "price"), "number", ""),
        (("lines", "price"), "", ".lines is array"),
        (("nope",), "", "the result has no field nope"),
        (("id", "x"), "", ".id is integer, without fields"),
        (("buyer", "name"), "string", ".buyer is null"),
        (("tags", "any"), "string", ""),
        (("pair", 2), "", ".pair has no position 2"),
        (("free", "x", 3, "y"), "anything", ""),
    ],
)
def test_paths_into_results(path, found, missing):
    person = {"type": "object", "properties": {"name": TEXT}}
    document = {
        "$defs": {"P": person},
        "type": "object",
        "properties": {
            "id": INT,
            "lines": {"type": "array", "items": {"type": "object", "properties": {"price": NUM}}},
            "buyer": {"anyOf": [{"$ref": "#/$defs/P"}, {"type": "null"}]},
            "tags": {"type": "object", "additionalProperties": TEXT},
            "pair": {"type": "array", "prefixItems": [INT, INT], "items": False},
            "free": {"type": "object"},
        },
    }
    looked = lookup(Schema.of(document), path)
    assert bool(looked.found) == bool(found)
    assert not found or looked.schema.shown == found
    assert missing in looked.missing
    assert bool(looked.missing) == bool(missing)


def test_values_have_types_that_keep_their_references_apart():
    """Two results with definitions of the same name do not mix."""
    first = Schema.of({"$defs": {"T": TEXT}, "$ref": "#/$defs/T"})
    second = Schema.of({"$defs": {"T": INT}, "$ref": "#/$defs/T"})
    call = parse_call('f(a=[$S1, {"k": $S2}, 3])')
    kind = type_of(call.arguments[0][1], lambda reference: first if reference.step == "S1" else second)
    assert kind.accepts(["x", {"k": 1}, 3])
    assert not kind.accepts([1, {"k": 1}, 3])
    assert not kind.accepts(["x", {"k": "y"}, 3])
    assert not kind.accepts(["x", {"k": 1}, 4])
    wanted = of({"type": "array", "prefixItems": [TEXT, {"properties": {"k": NUM}}], "items": INT})
    assert fits(kind, wanted) is Fit.YES


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "strin"},
        {"$ref": "http://example.org/schema.json"},
        {"properties": {"a": {"$ref": "#/$defs/missing"}}},
        {"$dynamicRef": "#x"},
        {"properties": {"a": {"$id": "http://example.org/a"}}},
        {"minimum": "3"},
        [1],
    ],
)
def test_schemas_that_are_none_or_lead_outside_are_refused(schema):
    with pytest.raises(ConfigError):
        checked(schema, "it")


def test_an_instance_that_looks_like_a_reference_is_none():
    assert checked({"const": {"$ref": "http://example.org"}, "properties": {"$ref": TEXT}}, "it")
