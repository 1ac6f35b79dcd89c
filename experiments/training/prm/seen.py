"""What the exact verifiers of a family make of a plan: how structure alone settles it, and which items they name."""

from __future__ import annotations

from typing import Any, NamedTuple

from ....planner.plan import Plan
from ....planner.witnesses import Unused
from ...families.base import Problem
from ..judged import settled

__all__ = ["Seen", "see"]


class Seen(NamedTuple):
    """A plan after the edits that need no model, as a reward model meets it in a run.

    Attributes:
        plan: The plan.
        named: Own items against which an exact verifier has something, in so many words. That an item is not used says
            nothing about whether it is true, and does not count.
        silent: Whether no exact verifier has anything against the plan, its goal included.
    """

    plan: Plan
    named: frozenset[str]
    silent: bool


async def see(problem: Problem[Any], plan: Plan) -> Seen:
    """Settle what structure alone can settle, and list what is held against the rest."""
    judged = await settled(problem, plan)
    plan, verdicts = judged.plan, [pair for found in judged.assessments for pair in found.verdicts.items()]
    failed = [(i, verdict) for i, verdict in verdicts if verdict.outcome == "fail"]
    told = {i for w in judged.witnesses if not isinstance(w, Unused) for i in w.items}
    told |= {i for i, verdict in failed if not any(isinstance(w, Unused) for w in verdict.witnesses)}
    named = frozenset(i for i in told if i in plan and not plan[i].locked)
    return Seen(plan, named, not failed and not judged.witnesses)
