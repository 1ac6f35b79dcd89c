"""The text of a question: one line, each kind of sentence in three wordings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..base import pick
from .invariants import INVARIANTS
from .operations import Step
from .phrases import phrase
from .rules import rule_sentence
from .values import Shape

__all__ = ["ENDS", "EXAMPLES", "HEADS", "IDLE", "NEXT", "NUMBERED", "ONLY", "STARTS", "tell"]

HEADS = (
    "Write a function {call} of {takes}.",
    "Write in Python the function {call} of {takes}.",
    "The function {call} is to be written of {takes}.",
)
STARTS = ("First {p}.", "Begin thus: {p}.", "Start like this: {p}.")
NEXT = ("Then {p}.", "After that {p}.", "Next {p}.")
ENDS = ("Finally {p}.", "Last {p}.", "In the end {p}.")
ONLY = ("Just {p}.", "Only {p}.", "Simply {p}.")
NUMBERED = ("Step {n} is to {p}.", "In step {n} {p}.", "As step {n} {p}.")
IDLE = ("An older version used to {p}.", "There is no need to {p}.", "Another function will {p}.")
EXAMPLES = ("For example {call} gives {out}.", "Calling {call} gives {out}.", "So {call} gives {out}.")


def _any(rng: np.random.Generator, wordings: Sequence[str]) -> str:
    return pick(rng, wordings)


def _steps(rng: np.random.Generator, steps: Sequence[Step], *, shuffled: bool) -> list[str]:
    """The sentences of the steps, in their order or by number in any."""
    phrases = [phrase(step, int(rng.integers(3))) for step in steps]
    if shuffled:
        numbered = [_any(rng, NUMBERED).format(n=number, p=text) for number, text in enumerate(phrases, 1)]
        return [numbered[int(i)] for i in rng.permutation(len(numbered))]
    if len(phrases) == 1:
        return [_any(rng, ONLY).format(p=phrases[0])]
    forms = [STARTS, *[NEXT] * (len(phrases) - 2), ENDS]
    return [_any(rng, form).format(p=text) for form, text in zip(forms, phrases, strict=True)]


def tell(
    rng: np.random.Generator,
    signature: str,
    function: str,
    takes: Shape,
    steps: Sequence[Step],
    idle: Sequence[Step],
    rules: Sequence[str],
    invariants: Sequence[str],
    examples: Sequence[tuple[str, str]],
    *,
    shuffled: bool,
) -> str:
    """The question.

    Args:
        rng: Draws wordings and places.
        signature: Name and parameter, such as ``f(xs)``.
        function: The name alone.
        takes: What the function takes.
        steps: What it does.
        idle: What it does not do: each is told in a sentence somewhere among the steps.
        rules: Constraints on the program's text.
        invariants: Names of properties of the result.
        examples: Arguments and results as they are written.
        shuffled: Whether the steps are told by number, in any order.
    """
    told = _steps(rng, steps, shuffled=shuffled)
    for step in idle:
        sentence = _any(rng, IDLE).format(p=phrase(step, int(rng.integers(3))))
        told.insert(int(rng.integers(len(told) + 1)), sentence)
    head = _any(rng, HEADS).format(call=signature, takes=takes)
    told.insert(0, head)
    told += [rule_sentence(rule, int(rng.integers(3))) for rule in rules]
    told += [INVARIANTS[name].sentence(int(rng.integers(3)), function) for name in invariants]
    form = _any(rng, EXAMPLES)
    told += [form.format(call=f"{function}({argument})", out=out) for argument, out in examples]
    return " ".join(told)
