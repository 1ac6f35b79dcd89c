"""Plain values as JSON with their exact types, written in the child and read in the parent.

====================================  =======================================================
value                                 JSON
====================================  =======================================================
None, True, False, str                themselves (a lone surrogate as an escape)
int of at most 63 bits, finite float  a number; ``1`` is an int, ``1.0`` a float
larger int                            ``{"int": "-0x1f..."}`` (read in linear time)
nan, inf, -inf                        ``{"float": "nan"}``
list                                  ``[...]``
tuple, set, frozenset                 ``{"tuple": [...]}``, ``{"set": [...]}``, ``{"frozenset": [...]}``
dict (order kept, keys any of these)  ``{"dict": [[key, value], ...]}``
bytes, complex                        ``{"bytes": "00ff"}``, ``{"complex": [re, im]}``
====================================  =======================================================

An instance of a subclass (``Counter``, a named tuple, an ``IntEnum``) is told as its plain base, read by the base's own
methods: whatever its ``__eq__``, ``__hash__`` or ``__iter__`` do, they have no say. Depth and size are bounded on both
sides. The file stands alone: the child reads it by path, without the package.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 100
MAX_NODES = 1_000_000
_PLAIN: tuple[type, ...] = (int, float, complex, str, bytes, list, tuple, set, frozenset, dict)


class Unencodable(Exception):  # noqa: N818
    """The value is not plain, or too deep or large; the text names the type."""


class Garbage(Exception):  # noqa: N818
    """The text is not an encoded value."""


def dumps(value: Any) -> str:
    """The value as one line of JSON.

    Raises:
        Unencodable: It holds something that is not plain.
    """
    return json.dumps(encode(value), separators=(",", ":"), allow_nan=False)


def line(data: Any) -> bytes:
    """Data that is JSON already, as one line of bytes."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def loads(text: str | bytes) -> Any:
    """The value that :func:`dumps` wrote.

    Raises:
        Garbage: It did not write this.
    """
    return decode(parse(text))


def parse(text: str | bytes) -> Any:
    """JSON from an untrusted hand, any failure told as one.

    Raises:
        Garbage: It is no JSON, is nested too deeply, or holds an endless number.
    """
    try:
        return json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Garbage(f"not JSON: {type(error).__name__}") from None


def encode(value: Any) -> Any:
    """What stands for the value in JSON.

    Raises:
        Unencodable: It holds something that is not plain.
    """
    return _encode(value, 0, [0])


def _encode(value: Any, depth: int, count: list[int]) -> Any:
    count[0] += 1
    if depth > MAX_DEPTH or count[0] > MAX_NODES:
        raise Unencodable("nested too deeply" if depth > MAX_DEPTH else "too large")
    if value is None or value is True or value is False:
        return value
    lineage = type.__dict__["__mro__"].__get__(type(value))  # a metaclass has no say in it
    base = next((kind for kind in lineage if kind in _PLAIN), None)
    if base is None:
        raise Unencodable(type.__dict__["__name__"].__get__(type(value)))
    if base is int or base is float or base is complex:
        return _number(base, value, depth, count)
    if base is str:
        return str.__str__(value)
    if base is bytes:
        return {"bytes": bytes.hex(value)}
    if base is dict:
        pairs = dict.items(value)
        return {"dict": [[_encode(k, depth + 1, count), _encode(v, depth + 1, count)] for k, v in pairs]}
    parts = [_encode(part, depth + 1, count) for part in base.__iter__(value)]
    return parts if base is list else {base.__name__: parts}


def _number(base: Any, value: Any, depth: int, count: list[int]) -> Any:
    if base is int:
        whole = int.__index__(value)
        return whole if whole.bit_length() < 64 else {"int": hex(whole)}
    if base is float:
        number = float.__float__(value)
        return number if math.isfinite(number) else {"float": repr(number)}
    real, imag = (complex.__dict__[part].__get__(value) for part in ("real", "imag"))
    return {"complex": [_encode(real, depth + 1, count), _encode(imag, depth + 1, count)]}


def decode(data: Any, depth: int = 0) -> Any:
    """The value that parsed JSON stands for.

    Raises:
        Garbage: It stands for none.
    """
    if depth > MAX_DEPTH + 1:
        raise Garbage("nested too deeply")
    if isinstance(data, list):
        return [decode(part, depth + 1) for part in data]
    if not isinstance(data, dict):
        return data
    if len(data) != 1:
        raise Garbage("an object must have one key, the type's name")
    ((name, inner),) = data.items()
    try:
        return _special(name, inner, depth + 1)
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise Garbage(f"no {name!r:.20}: {type(error).__name__}") from None


def _special(name: str, inner: Any, depth: int) -> Any:
    if name == "int":
        return int(inner, 16)
    if name == "float":
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[inner]
    if name == "bytes":
        return bytes.fromhex(inner)
    if not isinstance(inner, list):
        raise TypeError(name)
    parts = [decode(part, depth) for part in inner]
    if name == "complex":
        real, imag = parts
        return complex(float(real), float(imag))
    if name == "dict":
        return {key: value for key, value in parts}
    return {"tuple": tuple, "set": set, "frozenset": frozenset}[name](parts)


def _refused(name: str) -> Any:
    raise ValueError(name)
