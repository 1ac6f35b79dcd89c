"""MATH-500: competition mathematics, whose answers are short LaTeX, compared by what they say."""

from __future__ import annotations

from ..families.base import Problem
from .base import PublicSet, SealedGold
from .finals import boxed, final_text
from .latex import same
from .rows import Hub, Row

__all__ = ["LatexGold", "Math500"]


class LatexGold(SealedGold):
    """An answer in LaTeX.

    Attributes:
        answer: As published.
    """

    answer: str


class Math500(PublicSet[LatexGold]):
    """MATH-500 (Lightman et al. 2023, arXiv 2305.20050; problems of Hendrycks et al. 2021, arXiv 2103.03874)."""

    name = "math500"
    about = "competition mathematics"
    form = "jsonl or json: problem, answer (or solution with a box)"
    grader = "the boxed answer, by normal form and by value"
    pattern = "*.json*"
    hubs = (Hub("HuggingFaceH4/MATH-500"),)

    def problem(self, row: Row) -> Problem[LatexGold]:
        """A row as a problem."""
        answer = row.text("answer") if "answer" in row.data else boxed(row.text("solution"))
        if not answer:
            raise row.error("no 'answer', and 'solution' has no box")
        return Problem[LatexGold](public=self.public(row, row.text("problem")), gold=LatexGold(answer=answer))

    async def grade(self, problem: Problem[LatexGold], text: str) -> bool:
        """Whether the final answer says what the gold one says: the last box, else the marked answer, else the text."""
        final = boxed(text) or final_text(text) or text.strip()
        return same(final, problem.gold.answer)

    def gold_answer(self, problem: Problem[LatexGold]) -> str:
        """The answer in a box."""
        return rf"\boxed{{{problem.gold.answer}}}"
