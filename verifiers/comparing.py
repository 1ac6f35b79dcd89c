"""Equality of plain values with their types: what a test compares, outside the program that gave the values.

Nothing here calls a method of a value that a program could have written: values come through
:mod:`.sandbox.values`, which lets only the very built-in types pass.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

from ..planner.errors import ConfigError

_SHOWN = 200
"""Most characters of a value in a reason or a witness."""
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


class NotPlain(Exception):  # noqa: N818 - reads as what it states
    """A value is of a type that cannot be compared here; the text names the type."""


@dataclass(frozen=True)
class Comparison:
    """When a value counts as the expected one.

    Attributes:
        types: ``exact``: the types must be the same all the way down, so that ``True`` is not ``1``, ``1.0`` is not
            ``1``, and ``nan`` (which somebody must have meant by writing it) is ``nan``. ``python``: what ``==`` says
            of built-in values: ``True == 1 == 1.0``, a set equals a frozenset, ``nan`` equals nothing.
        sequences: ``apart``: a tuple is not a list. ``alike``: it is, where the elements are.
        tolerance: Two floats count as equal if they differ by at most ``tolerance * max(1, |a|, |b|)``. It holds for
            elements of sequences and for values of dicts, not for members of sets or keys.
    """

    types: Literal["exact", "python"] = "exact"
    sequences: Literal["apart", "alike"] = "apart"
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what is no comparison.

        Raises:
            ConfigError: No such rule, or a tolerance that is negative or no number.
        """
        if self.types not in ("exact", "python") or self.sequences not in ("apart", "alike"):
            raise ConfigError(f"no comparison with types {self.types!r} and sequences {self.sequences!r}")
        if not (math.isfinite(self.tolerance) and self.tolerance >= 0):
            raise ConfigError(f"a tolerance must be a number of at least 0, not {self.tolerance!r}")

    def same(self, a: Any, b: Any) -> bool:
        """Whether two plain values are the same under these rules.

        Raises:
            NotPlain: A value is not plain.
        """
        if not self.tolerance:
            return self.key(a) == self.key(b)
        return self._close(a, b)

    def key(self, value: Any) -> Hashable:
        """What stands for a value: two values are the same (tolerance aside) if and only if their keys are equal.

        Raises:
            NotPlain: The value is not plain.
        """
        kind = type(value)
        if kind in _PLAIN:
            return self._atom(value)
        if kind is list or kind is tuple:
            return self._sequence(kind), tuple(self.key(part) for part in value)
        if kind is set or kind is frozenset:
            return self._set(kind), frozenset(self.key(part) for part in value)
        if kind is dict:
            return "dict", frozenset((self.key(k), self.key(v)) for k, v in value.items())
        raise NotPlain(kind.__name__)

    def _atom(self, value: Any) -> Hashable:
        kind = type(value)
        if kind not in (bool, int, float, complex):
            return kind.__name__, value
        if value != value:
            return ("float", "nan") if self.types == "exact" else ("nan", object())  # equal to nothing else
        return (kind.__name__ if self.types == "exact" else "number"), value

    def _sequence(self, kind: type) -> str:
        return kind.__name__ if self.sequences == "apart" else "sequence"

    def _set(self, kind: type) -> str:
        return kind.__name__ if self.types == "exact" else "set"

    def _close(self, a: Any, b: Any) -> bool:
        if type(a) in (list, tuple) and type(b) in (list, tuple):
            alike = self._sequence(type(a)) == self._sequence(type(b)) and len(a) == len(b)
            return alike and all(self._close(x, y) for x, y in zip(a, b, strict=True))
        if type(a) is dict and type(b) is dict:
            if len(a) != len(b):
                return False
            others = {self.key(key): value for key, value in b.items()}
            keys = {self.key(key): value for key, value in a.items()}
            return keys.keys() == others.keys() and all(self._close(value, others[key]) for key, value in keys.items())
        if type(a) in _PLAIN and type(b) in _PLAIN:
            return self.key(a) == self.key(b) or self._near(a, b)
        if type(a) in (set, frozenset) and type(b) in (set, frozenset) and len(a) != len(b):
            return False  # before the keys, which cost a walk over every member
        for value in (a, b):
            if type(value) not in (*_PLAIN, list, tuple, set, frozenset, dict):
                raise NotPlain(type(value).__name__)
        return (type(a) in _PLAIN) == (type(b) in _PLAIN) and self.key(a) == self.key(b)

    def _near(self, a: Any, b: Any) -> bool:
        numbers = (float,) if self.types == "exact" else (bool, int, float)
        if type(a) not in numbers or type(b) not in numbers or float not in (type(a), type(b)):
            return False
        try:
            a, b = float(a), float(b)
        except OverflowError:
            return False
        if not (math.isfinite(a) and math.isfinite(b)):
            return False
        return bool(abs(a - b) <= self.tolerance * max(1.0, abs(a), abs(b)))


def shown(value: Any, limit: int = _SHOWN) -> str:
    """A value as one line of bounded length; what is too long is cut in the middle."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an int of thousands of digits has no decimal form
        text = f"an int of {value.bit_length()} bits" if type(value) is int else f"a large {type(value).__name__}"
    return cut(text, limit)


def cut(text: str, limit: int = _SHOWN) -> str:
    """Text on one line, cut in the middle where it is longer than ``limit`` characters."""
    text = "".join(character if character.isprintable() else " " for character in text)
    if len(text) <= limit:
        return text
    half = (limit - 5) // 2
    return f"{text[:half]} ... {text[-half:]}"


__all__ = ["Comparison", "NotPlain", "cut", "shown"]
