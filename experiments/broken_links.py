"""Where a run that ended in a wrong answer first broke: draft, aim, proposal, search, verdict or answer.

The plan that a run ended with is looked at once more, by the family's verifiers and beside the gold edits:

- *answer*: the plan is right and the answer is not;
- *draft*: there is no plan that says anything of its own;
- *verdict*: the plan is wrong and nothing is held against it, or the first plan was right and the run left it;
- *search*: what is held against it asks for nothing but moves that structural edits compute, and the run did not find
  the order in its steps;
- *proposal*: a gold edit answers something that is held against the plan, and the model did not write it;
- *aim*: something is held against the plan, and no gold edit answers it: the witnesses point elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from ..planner.errors import PlanError
from ..planner.notation import parse_plan
from ..planner.plan import Plan
from ..proposers import structural
from .comparison import AnyProblem, Graded, MethodRow
from .families.registry import family
from .training.judged import examine, mending

__all__ = ["BROKEN", "Broken", "broken_links", "first_broken", "tidied", "valid"]

Broken = Literal["draft", "aim", "proposal", "search", "verdict", "answer"]
BROKEN: tuple[Broken, ...] = ("draft", "aim", "proposal", "search", "verdict", "answer")
"""All links, in the order of a run."""


def _read(text: object) -> Plan | None:
    try:
        return parse_plan(text) if isinstance(text, str) else None
    except PlanError:
        return None


def tidied(text: object) -> Plan | None:
    """A plan in notation after the structural edits that order and link it; None where there is none."""
    plan = _read(text)
    return None if plan is None else structural.tidied(plan)


def valid(problem: AnyProblem, plan: Plan | None) -> bool:
    """Whether whoever follows a plan gets a right answer; not where there is none."""
    return plan is not None and family(problem.public.family).grade_plan(problem, str(plan)).right


async def first_broken(problem: AnyProblem, graded: Graded) -> Broken | None:
    """The first link that broke in a run; None where its answer is right.

    Args:
        problem: The problem, with its gold.
        graded: What planneal made of it.
    """
    if graded.right:
        return None
    if graded.plan_right:
        return "answer"
    plan = _read(graded.outcome.plan)
    if plan is None or all(item.locked for item in plan.items):
        return "draft"
    if valid(problem, tidied(graded.outcome.notes.get("draft"))):
        return "verdict"
    examined = await examine(problem, plan)
    if examined.solved or graded.outcome.notes.get("solved"):
        return "verdict"
    if not examined.targets:
        return "search"
    mend = mending(problem, examined.plan)
    answered = (mend.answering(t.witness.items, t.witness.line, t.witness.operators) for t in examined.targets)
    return "proposal" if any(edit is not None for edit in answered) else "aim"


async def broken_links(chosen: Sequence[AnyProblem], row: MethodRow) -> dict[Broken, int]:
    """How many runs broke first at each link, over the problems of planneal's own row."""
    found = [await first_broken(problem, graded) for problem, graded in zip(chosen, row.graded, strict=True)]
    counts = Counter(link for link in found if link is not None)
    return {link: counts[link] for link in BROKEN}
