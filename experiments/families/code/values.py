"""The plain values that described functions take and give, their types, and bounds on what a plan may compute."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ....planner.errors import PlanError

__all__ = ["MAX_BITS", "MAX_ITEMS", "Shape", "bounded", "fits"]

MAX_BITS = 2048
"""Widest number that a composition may come to."""
MAX_ITEMS = 20_000
"""Longest list, text or table."""


class Shape(StrEnum):
    """What a value is, as a question calls it."""

    NUMBERS = "a list of numbers"
    WORDS = "a list of words"
    TEXT = "a text"
    NUMBER = "a number"
    TABLE = "a table"
    PAIRS = "a list of pairs"


def _whole(value: Any) -> bool:
    return type(value) is int and value.bit_length() <= MAX_BITS


def fits(value: Any, shape: Shape) -> bool:
    """Whether a value from outside is one that a function over this shape takes."""
    if shape is Shape.TEXT:
        return type(value) is str and len(value) <= MAX_ITEMS
    if type(value) is not list or len(value) > MAX_ITEMS:
        return False
    if shape is Shape.NUMBERS:
        return all(_whole(part) for part in value)
    return shape is Shape.WORDS and all(type(part) is str and len(part) <= MAX_ITEMS for part in value)


def bounded(value: Any) -> Any:
    """The value itself.

    Raises:
        PlanError: It has grown beyond what is worth computing.
    """
    if type(value) is int and value.bit_length() > MAX_BITS:
        raise PlanError(f"a number of more than {MAX_BITS} bits")
    if isinstance(value, (list, str, dict)) and len(value) > MAX_ITEMS:
        raise PlanError(f"a value of more than {MAX_ITEMS} items")
    if type(value) is list:
        for part in value:
            if type(part) is int and part.bit_length() > MAX_BITS:
                raise PlanError(f"a number of more than {MAX_BITS} bits")
    return value
