"""Grading what a method made of a problem: its answer and the plans behind it, by the family's own graders."""

from __future__ import annotations

from typing import Any, NamedTuple

from .base import Family, Problem

__all__ = ["Grade", "grade_of"]


class Grade(NamedTuple):
    """What grading found.

    Attributes:
        right: Whether the answer is right.
        plan_right: Whether whoever follows the plan gets a right answer; None where there is no plan to grade.
        draft_right: The same for the first plan.
    """

    right: bool
    plan_right: bool | None = None
    draft_right: bool | None = None


async def grade_of(
    made: Family[Any, Any], problem: Problem[Any], said: str | None, plan: str | None, draft: str | None
) -> Grade:
    """The grade of an answer and of the plans behind it.

    Args:
        made: The problem's family.
        problem: The problem, with its gold.
        said: The answer, the whole text where there is one, else the value; None is no right answer.
        plan: The plan in notation.
        draft: The first plan in notation.
    """
    plans = [None if text is None else made.grade_plan(problem, text).right for text in (plan, draft)]
    return Grade(said is not None and await made.grade(problem, said), *plans)
