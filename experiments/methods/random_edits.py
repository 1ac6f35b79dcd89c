"""Random edits: the control that has planneal's verifiers, structural edits and acceptance, and no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...planner.edits import Delete, Edit, Insert, Move, Replace
from ...planner.plan import Item, Plan
from ...planner.proposal import Proposal, View
from ...proposers.lm_edits import EditOptions
from ...proposers.targets import Target
from ..families.base import PublicProblem
from ..families.registry import family

__all__ = ["RandomEdits"]


class RandomEdits:
    """Stands where the model's edit writer stands in the mixture, and is aimed at nothing.

    What an edit says comes from a random well-formed plan for the problem (:meth:`Family.random_plan`), or from a
    random item of the plan itself where there is no such thing. Replacing, inserting, deleting and moving are equally
    likely.

    Args:
        public: The problem as methods see it.
    """

    def __init__(self, public: PublicProblem | None) -> None:
        self.options = EditOptions()
        self._public = public

    async def write(self, rng: np.random.Generator, view: View, targets: Sequence[Target]) -> list[Proposal]:
        """As many random edits as the model would have been asked for; they cost no tokens."""
        return [self._proposal(rng, view) for _ in targets]

    def _proposal(self, rng: np.random.Generator, view: View) -> Proposal:
        own = [item for item in view.plan.items if not item.locked]
        kind = ("replace", "insert", "delete", "move")[int(rng.integers(4))] if own else "insert"
        edit = self._edit(rng, view, kind, own)
        if edit is None:
            return Proposal(operator=f"random.{kind}", error="there is nothing to draw from")
        return Proposal(operator=f"random.{kind}", edit=edit)

    def _edit(self, rng: np.random.Generator, view: View, kind: str, own: Sequence[Item]) -> Edit | None:
        chosen = own[int(rng.integers(len(own)))] if own else None
        if kind == "delete" and chosen is not None:
            return Delete(id=chosen.id)
        if kind == "move" and chosen is not None:
            others = [item.id for item in view.plan.items if item.id != chosen.id]
            return Move(id=chosen.id, anchor=others[int(rng.integers(len(others)))]) if others else None
        said = self._said(rng, view.plan, chosen.kind if chosen is not None and kind == "replace" else None)
        if said is None:
            return None
        if kind == "replace" and chosen is not None:
            return Replace(item=_own(said, chosen.id))
        anchor = chosen.id if chosen is not None else None
        return Insert(item=_own(said, view.plan.fresh_id(said.kind, view.retired)), anchor=anchor)

    def _said(self, rng: np.random.Generator, plan: Plan, kind: str | None) -> Item | None:
        """A random item of this kind, or of any."""
        drawn = plan if self._public is None else family(self._public.family).random_plan(rng, self._public)
        pool = [item for item in drawn.items if kind is None or item.kind == kind]
        return pool[int(rng.integers(len(pool)))] if pool else None


def _own(said: Item, item_id: str) -> Item:
    """What an item says, as an item of the plan's own that this edit made."""
    return said.model_copy(update={"id": item_id, "needs": (), "source": "edit", "locked": False})
