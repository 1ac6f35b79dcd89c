"""Which of several answers most of them agree on: numbers are compared as numbers, everything else as words.

An answer that is a program counts as that program, comments and layout aside: what it is called says nothing.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from ..decoders.answer import read_value
from ..decoders.citations import last_final, read_answer
from ..verifiers.programs import fenced
from ..verifiers.syntax import NotPython, TooLarge, parse_program

Ballot = Fraction | str

_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")


class Election(NamedTuple):
    """What a vote brought.

    Attributes:
        place: Which answer to take: the first one with the most votes, or the first where nobody could vote.
        rivals: How many different values had a vote.
    """

    place: int
    rivals: int


def said(text: str) -> str | None:
    """What an answer's text says, as it may vote: its program or else its final value, None where it has neither.

    Programs are those in code fences that define a function. Two are the same where their syntax trees are, so comments
    and layout make no difference, and other names for variables do.
    """
    source = fenced(text)
    if source is not None:
        try:
            tree = parse_program(source)
        except (NotPython, TooLarge):
            return None if re.search(r"^\s*(async +)?def\b", source, re.MULTILINE) else last_final(read_answer(text))
        if any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in tree.body):
            return f"program {hashlib.sha256(ast.dump(tree).encode()).hexdigest()}"
    return last_final(read_answer(text))


def ballot(value: str) -> Ballot:
    """What a value counts as: `4`, `4.0` and `8/2` are one ballot, and so are `Ann, Bob` and `ann,  bob`."""
    number = None if _DATE.search(value) else read_value(value)
    return " ".join(re.sub(r"\s*([,;])\s*", r"\1 ", value.lower()).split()) if number is None else number


def elect(values: Sequence[str | None]) -> Election:
    """The majority's answer; ties go to the value that came first.

    Where at least half of what was answered is a number, only numbers vote: what else there is could not be read.

    Args:
        values: The final value of each answer, None where there is none.
    """
    cast = [(index, ballot(value)) for index, value in enumerate(values) if value is not None]
    numbers: list[tuple[int, Ballot]] = [(index, vote) for index, vote in cast if isinstance(vote, Fraction)]
    if 2 * len(numbers) >= len(cast):
        cast = numbers or cast
    counts: dict[Ballot, list[int]] = {}
    for index, vote in cast:
        counts.setdefault(vote, []).append(index)
    if not counts:
        return Election(0, 0)
    return Election(max(counts.values(), key=len)[0], len(counts))


__all__ = ["Ballot", "Election", "ballot", "elect", "said"]
