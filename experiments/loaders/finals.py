r"""The final answer in a text of a language model: after ``####``, in ``\boxed{}``, on an ``answer:`` line."""

from __future__ import annotations

import re
from fractions import Fraction

from ...decoders.answer import read_value
from ...decoders.citations import last_final, read_answer

__all__ = ["boxed", "final_number", "final_text"]

MAX_CHARS = 50_000
MAX_FINAL_CHARS = 400
"""Longest final answer that is read as a number."""
_HASHES = re.compile(r"####[ \t]*([^\n]+)")
_SAID = re.compile(r"\banswer is:?[ \t]*([^\n]+)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\w.])-?\$?[0-9][0-9,]*(?:\.[0-9]+)?")


def boxed(text: str) -> str | None:
    r"""What stands in the last ``\boxed{...}``, braces balanced."""
    start = max(text.rfind(r"\boxed{"), text.rfind(r"\fbox{"))
    if start < 0:
        return None
    begin = text.index("{", start) + 1
    depth = 1
    for end in range(begin, len(text)):
        depth += (text[end] == "{") - (text[end] == "}")
        if depth == 0:
            return text[begin:end].strip()
    return None


def final_text(text: str) -> str | None:
    """What a text says is its answer, None where it marks none.

    An ``answer:`` line comes before ``####``, a box, and *the answer is*; of several of one kind the last counts.
    """
    text = text[-MAX_CHARS:]
    final = last_final(read_answer(text))
    if final is not None:
        return boxed(final) or final
    hashes = _HASHES.findall(text)
    if hashes:
        return str(hashes[-1]).strip()
    in_box = boxed(text)
    if in_box is not None:
        return in_box
    said = _SAID.findall(text)
    return str(said[-1]).strip(" .*_`") if said else None


def final_number(text: str) -> Fraction | None:
    """The number a text answers with: its marked answer where it is one number, else the last number of the text.

    A marked answer with several numbers, such as ``28 or 3``, is no number.
    """
    marked = final_text(text)
    if marked is None:
        found = _NUMBER.findall(text[-MAX_CHARS:])
        marked = found[-1].rstrip(",") if found else ""
    if len(marked) > MAX_FINAL_CHARS:
        return None
    return read_value(marked.replace("\\", "").strip(" .*_`"))
