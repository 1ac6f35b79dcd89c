"""Citations in an answer: ``wigs = 14 [S3]``, ``so it holds [S1, C2]``. Reading them, nothing more."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from typing import NamedTuple

from ..planner.units import UNITS

_CITATION = re.compile(r"\[\s*([CIS][1-9][0-9]{0,5}(?:\s*[,;]\s*[CIS][1-9][0-9]{0,5})*)\s*\]")
_ANSWER_LINE = re.compile(r"^\W*(?:final\s+)?answer\W*?[:=]\s*(.+?)\s*$", re.IGNORECASE)


class Cited(NamedTuple):
    """A line of an answer, taken apart.

    Attributes:
        text: The line without its citations.
        citations: Item ids it cites, in order, without repetition.
        final: The value, where the line is the ``answer:`` line.
        code: Whether it stands in a fenced block of code: there a comment cites, and brackets elsewhere do not.
    """

    text: str
    citations: tuple[str, ...]
    final: str | None
    code: bool = False


def read_line(line: str) -> Cited:
    """Takes one line of an answer apart."""
    ids: dict[str, None] = {}
    for match in _CITATION.finditer(line):
        ids.update(dict.fromkeys(part.strip() for part in re.split("[,;]", match.group(1))))
    text = " ".join(_CITATION.sub(" ", line).split())
    found = _ANSWER_LINE.match(text)
    final = found.group(1).strip(" *_`").rstrip(".") if found else None
    return Cited(text, tuple(ids), final or None)


def read_code(line: str) -> Cited:
    """Takes one line of a program apart: what its comment cites, and the code."""
    code, mark, comment = line.rstrip().rpartition("#")
    cited = read_line(comment)
    if not mark or not cited.citations:
        return Cited(line.rstrip(), (), None, code=True)
    text = f"{code.rstrip()}  # {cited.text}" if cited.text else code.rstrip()
    return Cited(text, cited.citations, None, code=True)


def read_answer(text: str) -> list[Cited]:
    """Every non-empty line of an answer, taken apart; of a fenced block of code the lines between the fences."""
    found: list[Cited] = []
    code = False
    for line in text.split("\n"):
        if line.startswith("```"):
            code = not code
        elif line.strip():
            found.append(read_code(line) if code else read_line(line))
    return found


def last_final(lines: Iterable[Cited]) -> str | None:
    """The value of the last ``answer:`` line, None where there is none."""
    finals = [line.final for line in lines if line.final is not None]
    return finals[-1] if finals else None


MAX_CLAIM_CHARS = 2000
"""In a longer claim no relation is looked for: what a model ran on about must not cost more than the model did."""
_HELD = "\N{SYMBOL FOR UNIT SEPARATOR}"
"""Stands for a comma between the arguments of a call, which no prose ends at."""
_CALL = re.compile(r"\b(?:min|max|mod)\([^()]*\)")
_TERM = rf"[A-Za-z0-9_+\-*/%^(). \t{_HELD}]"
_RELATION = re.compile(rf"[A-Za-z0-9_(]{_TERM}*(?:(?:==|!=|<=|>=|=|<|>){_TERM}+)+")


def statements(text: str) -> list[str]:
    """Stretches of a claim that look like relations: the whole text if it is one, else candidates inside prose.

    In prose the words before a symbol do not belong to the relation: of ``so the total wigs = 2 * 7`` the
    candidate is ``wigs = 2 * 7``.
    """
    text = text.strip().rstrip(".;,")
    found: list[str] = []
    if len(text) > MAX_CLAIM_CHARS or not any(sign in text for sign in "=<>"):
        return found
    whole = _CALL.sub(lambda call: call.group().replace(",", _HELD), text.replace("$", ""))
    for match in _RELATION.finditer(whole):
        terms = re.split(r"(==|!=|<=|>=|=|<|>)", match.group())
        head, tail = terms[0].strip().split(" "), terms[-1].strip().split(" ")
        if _wordy(head):
            terms[0] = head[-1]
        if _wordy(tail):
            terms[-1] = " ".join(tail[:2]) if _measured(*tail[:2]) else tail[0]
        found.append(" ".join(" ".join(terms).split()).rstrip(".").replace(_HELD, ","))
    return found


def _wordy(words: list[str]) -> bool:
    """Whether two words stand side by side without an operator, as prose has it and expressions never do."""
    pairs = itertools.pairwise(words)
    return any(re.fullmatch(r"[\w.)]+", a) and re.fullmatch(r"[\w.(]+", b) and not _measured(a, b) for a, b in pairs)


def _measured(number: str, word: str) -> bool:
    """Whether two words are a quantity such as ``300 cm``."""
    known = UNITS.get(word.rstrip(").,"))
    return known is not None and bool(known.dimension) and re.fullmatch(r"\(*[0-9.]+", number) is not None
