"""Plain values keep their exact types; what is not plain, or is nonsense, never becomes a value."""

import contextlib
import enum
import json
import math
from collections import Counter, OrderedDict, namedtuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planneal.verifiers.sandbox import values

TEXT = st.text(max_size=8)
KEYS = st.one_of(st.none(), st.booleans(), st.integers(), TEXT, st.tuples(st.integers(), TEXT))
PLAIN = st.recursive(
    st.one_of(KEYS, st.floats(), st.binary(), st.complex_numbers(), st.sets(st.integers()), st.frozensets(TEXT)),
    lambda inner: st.one_of(st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(KEYS, inner)),
    max_leaves=6,
)


def same(one, other):
    """Equal in value and in every type, with nan equal to itself."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, complex):
        return same(one.real, other.real) and same(one.imag, other.imag)
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


@settings(max_examples=50, deadline=None)
@given(PLAIN)
def test_what_goes_in_comes_out(value):
    said = values.dumps(value)
    assert "\n" not in said
    assert same(values.loads(said), value)


@pytest.mark.parametrize(
    ("one", "other"), [(1, True), (1, 1.0), ((1,), [1]), ("1", 1), ({1}, frozenset({1})), (None, False), (b"a", "a")]
)
def test_types_are_kept_apart(one, other):
    assert values.dumps(one) != values.dumps(other)
    assert not same(values.loads(values.dumps(one)), other)


def test_an_enormous_integer_is_read_in_linear_time():
    assert values.loads(values.dumps(-(7**20_000))) == -(7**20_000)


class Colour(enum.IntEnum):
    RED = 3


class Spoof(int):
    __eq__ = lambda *_: True  # noqa: E731
    __index__ = __int__ = lambda _: 42
    __hash__ = int.__hash__


class SpoofedList(list):
    def __iter__(self):
        return iter([42])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Counter("aab"), {"a": 2, "b": 1}),
        (OrderedDict(a=1), {"a": 1}),
        (namedtuple("Point", "x y")(1, 2), (1, 2)),
        (Colour.RED, 3),
        (Spoof(7), 7),
        (SpoofedList([1, 2]), [1, 2]),
    ],
)
def test_a_subclass_is_told_as_its_plain_base_whatever_it_claims(value, told):
    assert same(values.loads(values.dumps(value)), told)


class Liar:
    __class__ = int
    __eq__ = lambda *_: True  # noqa: E731
    __hash__ = object.__hash__


class NamedByItsMeta(type):
    __name__ = property(lambda _: "int")
    __mro__ = property(lambda _: (int, object))


class Disguised(metaclass=NamedByItsMeta):
    pass


@pytest.mark.parametrize(
    "value",
    [object(), Liar(), Disguised(), range(3), map(str, []), [print], {1: iter([])}],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(values.Unencodable):
        values.dumps(value)


def test_what_is_too_deep_or_circular_is_refused():
    deep = []
    for _ in range(200):
        deep = [deep]
    circle = []
    circle.append(circle)
    for value in (deep, circle):
        with pytest.raises(values.Unencodable):
            values.dumps(value)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "nan",
        "NaN",
        "[" * 100_000,
        "[" * 150 + "]" * 150,
        "9" * 10_000,
        '{"int": "x"}',
        '{"int": 3}',
        '{"float": "1"}',
        '{"set": [[]]}',
        '{"set": 3}',
        '{"dict": [[1]]}',
        '{"dict": [[[], 1]]}',
        '{"bytes": "0"}',
        '{"complex": [1]}',
        '{"complex": ["1", {}]}',
        '{"other": 1}',
        "{}",
        '{"tuple": [], "set": []}',
        b"\xff",
    ],
)
def test_nonsense_is_garbage_and_nothing_else(said):
    with pytest.raises(values.Garbage):
        values.loads(said)


NAMES = st.sampled_from(("int", "float", "set", "tuple", "frozenset", "dict", "bytes", "complex", "other"))
JSON = st.recursive(
    st.none() | st.integers() | NAMES, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=6
)


@settings(max_examples=40, deadline=None)
@given(JSON)
def test_any_json_is_a_value_or_garbage(data):
    with contextlib.suppress(values.Garbage):
        values.loads(json.dumps(data))
