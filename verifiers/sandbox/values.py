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

Only these very types are encoded, never a subclass, whose ``__eq__`` or ``__hash__`` could say anything. Depth and size
are bounded on both sides. The file stands alone: the child reads it by path, without the package.
"""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 100
MAX_NODES = 1_000_000


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
    kind = type(value)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if value.bit_length() < 64 else {"int": hex(value)}
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is list:
        return [_encode(part, depth + 1, count) for part in value]
    if kind is tuple or kind is set or kind is frozenset:
        return {kind.__name__: [_encode(part, depth + 1, count) for part in value]}
    if kind is dict:
        pairs = [[_encode(k, depth + 1, count), _encode(v, depth + 1, count)] for k, v in value.items()]
        return {"dict": pairs}
    if kind is bytes:
        return {"bytes": value.hex()}
    if kind is complex:
        return {"complex": [_encode(value.real, depth + 1, count), _encode(value.imag, depth + 1, count)]}
    raise Unencodable(str(type.__dict__["__name__"].__get__(kind)))  # a metaclass has no say in it


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
