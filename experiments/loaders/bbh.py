"""BIG-Bench Hard: tasks that answer with an option's letter or with a number. Carries a canary: never train on it."""

from __future__ import annotations

import re

from ..families.base import Problem
from .base import PublicSet, SealedGold
from .finals import final_number, final_text
from .rows import Hub, Row

__all__ = ["Bbh", "TargetGold"]

TASKS = (
    "logical_deduction_three_objects",
    "logical_deduction_five_objects",
    "multistep_arithmetic_two",
    "temporal_sequences",
)
_OPTION = re.compile(r"^\(([A-Z])\) *(.+)$", re.MULTILINE)
_LETTER = re.compile(r"\(([A-Z])\)")
_BARE = re.compile(r"(?:option )?([A-Z])(?:[.):]+(?:\s.*)?)?", re.IGNORECASE | re.DOTALL)


class TargetGold(SealedGold):
    """A target as published.

    Attributes:
        target: ``(A)`` or a number.
    """

    target: str


class Bbh(PublicSet[TargetGold]):
    """Tasks of BIG-Bench Hard (Suzgun et al. 2022, arXiv 2210.09261)."""

    name = "bbh"
    about = "logical deduction, temporal sequences and multi-step arithmetic of BIG-Bench Hard"
    form = "json: examples with input, target"
    grader = "the option's letter (or its text), or the number"
    pattern = "*.json"
    hubs = tuple(Hub("lukaemon/bbh", task) for task in TASKS)

    def problem(self, row: Row) -> Problem[TargetGold]:
        """A row as a problem."""
        question, target = row.text("input"), row.text("target").strip()
        letters = [letter for letter, _ in _OPTION.findall(question)]
        if _LETTER.fullmatch(target):
            if target[1] not in letters:
                raise row.error(f"target {target} is none of the options")
        elif not re.fullmatch(r"-?[0-9]+", target):
            raise row.error(f"target {target[:40]!r} is neither an option nor a number")
        return Problem[TargetGold](public=self.public(row, question), gold=TargetGold(target=target))

    async def grade(self, problem: Problem[TargetGold], text: str) -> bool:
        """Whether the option, or the number, is the gold one."""
        target = problem.gold.target
        if not target.startswith("("):
            return final_number(text) == int(target)
        return chosen(problem.public.question, text) == target[1]

    def gold_answer(self, problem: Problem[TargetGold]) -> str:
        """The target on an answer line."""
        return f"answer: {problem.gold.target}"


def chosen(question: str, text: str) -> str | None:
    """The letter of the option that a text chooses: on its final line, else the last one in parentheses."""
    final = final_text(text)
    if final is None:
        bare = _BARE.fullmatch(text.strip())
        found = _LETTER.findall(text)
        return bare[1].upper() if bare else str(found[-1]) if found else None
    options = {said.strip().rstrip(".").lower(): letter for letter, said in _OPTION.findall(question)}
    named = options.get(final.strip(" .").lower())
    letters = set(_LETTER.findall(final))
    if named or letters:
        return named or (letters.pop() if len(letters) == 1 else None)
    bare = _BARE.fullmatch(final)
    return bare[1].upper() if bare else None
