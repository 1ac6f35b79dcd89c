"""GSM8K: grade-school word problems, whose answer is the number after ``####``."""

from __future__ import annotations

from fractions import Fraction

from ...decoders.answer import read_value
from ..families.base import Problem
from .base import PublicSet, SealedGold
from .finals import final_number
from .rows import Hub, Row

__all__ = ["Gsm8k", "NumberGold"]


class NumberGold(SealedGold):
    """A number.

    Attributes:
        value: The number.
    """

    value: Fraction


class Gsm8k(PublicSet[NumberGold]):
    """GSM8K (Cobbe et al. 2021, arXiv 2110.14168)."""

    name = "gsm8k"
    about = "grade-school word problems"
    form = "jsonl: question, answer (ends in `#### number`)"
    grader = "the final number, exactly"
    hubs = (Hub("openai/gsm8k", "main"),)

    def problem(self, row: Row) -> Problem[NumberGold]:
        """A row as a problem."""
        _, found, number = row.text("answer").rpartition("####")
        value = read_value(number) if found else None
        if value is None:
            raise row.error("'answer' does not end in `#### number`")
        return Problem[NumberGold](public=self.public(row, row.text("question")), gold=NumberGold(value=value))

    async def grade(self, problem: Problem[NumberGold], text: str) -> bool:
        """Whether the final number is the gold one."""
        return final_number(text) == problem.gold.value

    def gold_answer(self, problem: Problem[NumberGold]) -> str:
        """The number, marked as the set marks it."""
        return f"#### {problem.gold.value}"
