"""The mixture: which operator to try next, with weights that learn from energy drop per token.

Structural witnesses are settled without a model; the rest goes to the language model, aimed. Operator weights adapt as
in adaptive large neighbourhood search (Ropke and Pisinger 2006): after each judged proposal

    w <- (1 - r) w + r * reward,    reward = 1 + drop / (1 + tokens / 100) if accepted, else 0.5

with reaction ``r``, drop in units of energy and tokens that were really read or written. Adaptation can be frozen
(``ProposerState.frozen`` or ``reaction=0``), which a sampler that must leave a distribution invariant needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..planner.edits import Compound
from ..planner.notation import format_edit
from ..planner.proposal import Feedback, Proposal, Proposer, ProposerState, View
from ..planner.witnesses import Misplaced, MissingNeed, OutOfOrder, Unused
from .lm_edits import EditWriter
from .structural import StructuralEdits, tidy
from .targets import Target, candidates, companions, draw, exploration


class Mixture(Proposer):
    """Aimed edits: structural where that suffices, else written by a language model.

    Args:
        writer: Asks the language model; None leaves only structural edits.
        floor: Exploration floor: probability of editing an item that no verdict points at, and the share of the
            draw among targets that is even.
        reaction: How fast weights follow; 0 keeps them as they are.
        prune: Whether unused own items are deleted (shorter prompts and answers, no gain in energy).
        moves: Whether moves that mend an order are computed; otherwise the model writes them, where there is one.
    """

    def __init__(
        self,
        writer: EditWriter | None,
        *,
        floor: float = 0.05,
        reaction: float = 0.2,
        prune: bool = True,
        moves: bool = True,
    ) -> None:
        self._writer = writer
        self._structural = StructuralEdits()
        self.floor = floor
        self.reaction = reaction
        self.prune = prune
        self.moves = moves or writer is None

    async def propose(self, rng: np.random.Generator, view: View, state: ProposerState) -> Sequence[Proposal]:
        """Proposals for one drawn target, and for those that can share its model call.

        Raises:
            BudgetExhausted: The model call does not fit.
            ModelError: The model could not answer.
        """
        targets = [t for t in candidates(view.plan, view.witnesses) if self._wanted(t)]
        if not self.moves:
            targets = _for_the_model(targets)
        free = [t for t in targets if t.structural and not isinstance(t.witness, Unused)]
        if free:
            settled = self._tidy(view, free) or self._settle(rng, view, free)
            if settled:
                return settled
        if self._writer is None:
            return self._settle(rng, view, [t for t in targets if t.structural])
        target = self._draw(rng, view, targets, state)
        if target is None:
            return []
        if target.structural:
            return self._settle(rng, view, [target])
        shared = companions(rng, target, targets, self._writer.options.together)
        return await self._writer.write(rng, view, shared)

    def _wanted(self, target: Target) -> bool:
        return self.prune or not isinstance(target.witness, Unused)

    def _draw(
        self, rng: np.random.Generator, view: View, targets: Sequence[Target], state: ProposerState
    ) -> Target | None:
        proven = [t for t in targets if not t.structural or isinstance(t.witness, Unused)]
        if not proven:  # every computed move was tried in vain
            proven = [t for t in _for_the_model(targets) if isinstance(t.witness, Misplaced)]
        if not proven or rng.random() < self.floor:
            return exploration(rng, view.plan) or (draw(rng, proven, state.weights) if proven else None)
        return draw(rng, proven, state.weights, floor=self.floor)

    def _tidy(self, view: View, targets: Sequence[Target]) -> list[Proposal]:
        """One edit that orders and links the whole plan, where that is what several witnesses ask for."""
        answered = tuple(t.witness for t in targets if isinstance(t.witness, MissingNeed | OutOfOrder))
        if len(answered) < 2:
            return []
        edits = tidy(view.plan)
        if len(edits) < 2:
            return []
        edit = Compound(edits=tuple(edits))
        if format_edit(edit) in view.rejected:
            return []
        return [Proposal(operator="structural.tidy", edit=edit, answers=answered)]

    def _settle(self, rng: np.random.Generator, view: View, targets: Sequence[Target]) -> list[Proposal]:
        """Structural proposals in random order, without those already rejected on this plan."""
        for index in rng.permutation(len(targets)):
            found = self._structural.answers(view.plan, targets[int(index)].witness, view.retired)
            fresh = [p for p in found if p.edit is not None and format_edit(p.edit) not in view.rejected]
            if fresh:
                return [fresh[int(rng.integers(len(fresh)))] if len(fresh) > 1 else fresh[0]]
        return []

    def update(self, state: ProposerState, feedback: Feedback) -> ProposerState:
        """Moves the weight of the operator that was tried; frozen states stay."""
        tries = {**state.tries, feedback.operator: state.tries.get(feedback.operator, 0) + 1}
        if state.frozen or not self.reaction:
            return state.model_copy(update={"tries": tries})
        reward = 1.0 + max(0.0, feedback.drop) / (1.0 + feedback.tokens / 100.0) if feedback.accepted else 0.5
        old = state.weights.get(feedback.operator, 1.0)
        weight = (1 - self.reaction) * old + self.reaction * reward
        return state.model_copy(update={"tries": tries, "weights": {**state.weights, feedback.operator: weight}})


def _for_the_model(targets: Sequence[Target]) -> list[Target]:
    """The same targets, those that ask for moves to be written by the model."""
    return [replace(t, structural=False) if isinstance(t.witness, Misplaced) else t for t in targets]
