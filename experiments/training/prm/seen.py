"""What the exact verifiers of a family make of a plan: how structure alone settles it, and which items they name."""

from __future__ import annotations

from typing import Any, NamedTuple

from ....planner.plan import Plan
from ....planner.witnesses import Misplaced, Unused, Witness
from ....proposers.structural import settle
from ...families.base import Problem
from ...families.registry import family

__all__ = ["Seen", "see"]

_ROUNDS = 3
"""Most rounds of structural edits; each may uncover what the next settles."""


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
    """Settle what structure alone can settle, and list what is held against the rest.

    Moves that a broken order asks for are left: they are the search's to try.
    """
    made = family(problem.public.family)
    task, verifiers = made.task(problem.public), made.verifiers(problem.public)
    for left in range(_ROUNDS, -1, -1):
        assessments = [await verifier.assess(task, plan) for verifier in verifiers]
        verdicts = [(i, verdict) for found in assessments for i, verdict in found.verdicts.items()]
        witnesses: list[Witness] = [w for _, verdict in verdicts for w in verdict.witnesses]
        after, edits = settle(plan, [w for w in witnesses if w.structural and not isinstance(w, Misplaced | Unused)])
        if not edits or not left:
            break
        plan = after
    failed = [(i, verdict) for i, verdict in verdicts if verdict.outcome == "fail"]
    told = {i for w in witnesses if not isinstance(w, Unused) for i in w.items}
    told |= {i for i, verdict in failed if not any(isinstance(w, Unused) for w in verdict.witnesses)}
    named = frozenset(i for i in told if i in plan and not plan[i].locked)
    return Seen(plan, named, not failed and not witnesses)
