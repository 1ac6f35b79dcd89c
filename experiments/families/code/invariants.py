"""Behavioural invariants: properties of the result that follow from the steps, told in the question and tested.

Which properties a composition has is derived from what each operation keeps and makes, never sampled. A plan states one
as a ``test:`` on an input of the question, so that whoever can compute the steps, or run the program, can check it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .operations import Step
from .values import Shape

__all__ = ["INVARIANTS", "Invariant", "holding"]

_LISTS = (Shape.NUMBERS, Shape.WORDS)


class Invariant(NamedTuple):
    """A property of every result.

    Attributes:
        label: How a plan's item says it.
        wordings: Sentences; ``f`` is the function.
        test: The check on one call; ``call`` is the call, ``out`` its value, ``again`` the call with that value.
    """

    label: str
    wordings: tuple[str, str, str]
    test: str

    def sentence(self, wording: int, function: str) -> str:
        """The property in a sentence."""
        return self.wordings[wording % len(self.wordings)].format(f=function)

    def check(self, function: str, argument: str, out: Any) -> str:
        """The text of the ``test:`` check for one input."""
        call = f"{function}({argument})"
        size = len(out) if isinstance(out, list) else 0
        return self.test.format(call=call, out=repr(out), again=f"{function}({out!r})", size=size)


INVARIANTS: Mapping[str, Invariant] = {
    "sorted": Invariant(
        "rising order",
        (
            "The result is always in rising order.",
            "What it gives is always in rising order.",
            "Every result is in rising order.",
        ),
        "sorted({call}) == {call}",
    ),
    "length": Invariant(
        "same length",
        (
            "The result always has the same length.",
            "What it gives always has the same length.",
            "Every result has the same length.",
        ),
        "len({call}) == {size}",
    ),
    "natural": Invariant(
        "never negative",
        (
            "No number in the result is ever negative.",
            "What it gives is never negative.",
            "Every number in the result is at least 0.",
        ),
        "min({call}) >= 0",
    ),
    "distinct": Invariant(
        "no repeats",
        (
            "The result never has repeats.",
            "What it gives never has repeats.",
            "Every result is without repeats.",
        ),
        "len(set({call})) == {size}",
    ),
    "settled": Invariant(
        "twice is once",
        (
            "Applying {f} twice is the same as once.",
            "Calling {f} on its own result changes nothing.",
            "A result of {f} stays as it is when {f} gets it.",
        ),
        "{again} == {out}",
    ),
}
"""Every invariant by its name; the first four are the properties that operations keep and make."""


def holding(steps: Sequence[Step], shape: Shape) -> tuple[str, ...]:
    """Names of the invariants that hold of every result of the steps, on every input of the shape."""
    found = {"length"}
    start = shape
    for step in steps:
        found = {name for name in found if name in step.operation.keeps} | set(step.operation.makes)
        shape = step.gives(shape)
    if shape not in _LISTS or start not in _LISTS:
        return ()
    if shape is Shape.WORDS:
        found.discard("natural")
    if shape is start and all(step.operation.settles for step in steps):
        found.add("settled")
    return tuple(name for name in INVARIANTS if name in found)
