"""Edits that need no language model: moves, needs, and deleting what repeats or is not used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..planner.edits import Compound, Delete, Edit, Insert, Move, SetNeeds, SimpleEdit, apply, parts
from ..planner.errors import PlanError
from ..planner.graph import links, mentioned, supports
from ..planner.plan import Item, Plan
from ..planner.proposal import Proposal, Proposer, ProposerState, View
from ..planner.witnesses import (
    CircularNeed,
    Duplicate,
    Misplaced,
    MissingNeed,
    OutOfOrder,
    Unplaced,
    UnresolvedNeed,
    Unused,
    Witness,
)
from .moves import repairs


def _without(needs: Sequence[str], gone: str) -> tuple[str, ...]:
    return tuple(need for need in needs if need != gone)


def _redirected(plan: Plan, old: str, new: str) -> list[SimpleEdit]:
    """``needs`` edits that turn every dependency on ``old`` into one on ``new`` (nowhere on itself)."""
    edits: list[SimpleEdit] = []
    for item in plan.items:
        if old in item.needs and not item.locked and item.id != old:
            needs = dict.fromkeys(new if need == old else need for need in item.needs)
            needs.pop(item.id, None)
            edits.append(SetNeeds(id=item.id, needs=tuple(needs)))
    return edits


def resolve(plan: Plan, witness: Witness, retired: Iterable[str] = ()) -> Edit | None:
    """The edit that settles a structural witness, or None where there is none.

    Args:
        plan: The plan the witness is about.
        witness: One of the witnesses marked ``structural``.
        retired: Ids that were deleted and must not be used again.
    """
    return next(iter(resolutions(plan, witness, retired)), None)


def resolutions(plan: Plan, witness: Witness, retired: Iterable[str] = ()) -> tuple[Edit, ...]:
    """Every edit that settles a structural witness, the least change first: several only where places are at fault."""
    if any(item_id not in plan for item_id in witness.items):
        return ()
    if isinstance(witness, Misplaced):
        return repairs(plan, witness)
    if isinstance(witness, Unplaced):
        return (Insert(item=Item(id=plan.fresh_id("S", retired), text=witness.text, source="edit")),)
    edit = _resolution(plan, witness)
    return () if edit is None else (edit,)


def _resolution(plan: Plan, witness: Witness) -> Edit | None:
    if isinstance(witness, MissingNeed):
        item = plan[witness.item]
        return None if item.locked else SetNeeds(id=item.id, needs=(*item.needs, witness.definer))
    if isinstance(witness, UnresolvedNeed | CircularNeed):
        item = plan[witness.item]
        if item.locked or witness.need not in item.needs:
            return None
        return SetNeeds(id=item.id, needs=_without(item.needs, witness.need))
    if isinstance(witness, OutOfOrder) and witness.needed in plan:
        return Move(id=witness.needed, where="before", anchor=witness.item)
    if isinstance(witness, Duplicate) and not plan[witness.item].locked:
        edits = _redirected(plan, witness.item, witness.original)
        return Compound(edits=(*edits, Delete(id=witness.item))) if edits else Delete(id=witness.item)
    if isinstance(witness, Unused) and not plan[witness.item].locked:
        return Delete(id=witness.item)
    return None


def settle(plan: Plan, witnesses: Sequence[Witness]) -> tuple[Plan, list[SimpleEdit]]:
    """Settles structural witnesses one after another as far as each still applies.

    Returns:
        The plan after the edits, and the edits.
    """
    done: list[SimpleEdit] = []
    for witness in witnesses:
        edit = resolve(plan, witness)
        if edit is None:
            continue
        try:
            changed = apply(plan, edit)
        except PlanError:
            continue
        if changed != plan:
            plan, done = changed, [*done, *parts(edit)]
    return plan, done


def tidy(plan: Plan) -> list[SimpleEdit]:
    """Edits that order and link the plan's own subgoals: what is used stands before its users, needs are listed.

    Subgoals go depth first, what they rest on before them, into the places that subgoals hold now; constraints,
    invariants and locked items keep theirs. Empty where nothing is to be done.
    """
    own = [item.id for item in plan.items if item.kind == "S" and not item.locked]
    order: dict[str, None] = {}
    for item_id in own:
        _emit(plan, item_id, set(own), order, [])
    ranked = iter(order)
    wanted = [next(ranked) if item.id in order else item.id for item in plan.items]
    done: list[SimpleEdit] = []
    for item_id in own:
        item = plan[item_id]
        needs = tuple(dict.fromkeys((*(n for n in item.needs if n in plan), *_definers(plan, item_id))))
        if set(needs) != set(item.needs):
            done.append(SetNeeds(id=item_id, needs=needs))
    current = list(plan.by_id)
    for place, item_id in enumerate(wanted):
        if current[place] != item_id:
            done.append(Move(id=item_id, where="before", anchor=current[place]))
            current.remove(item_id)
            current.insert(place, item_id)
    return done


def apply_all(plan: Plan, edits: Sequence[SimpleEdit]) -> tuple[Plan, list[SimpleEdit]]:
    """Makes the edits that apply, one after another, and leaves out those that do not.

    Returns:
        The plan after them, and those that were made.
    """
    done: list[SimpleEdit] = []
    for edit in edits:
        try:
            plan = apply(plan, edit)
        except PlanError:
            continue
        done.append(edit)
    return plan, done


def tidied(plan: Plan) -> Plan:
    """The plan with its own subgoals ordered and linked, see :func:`tidy`."""
    return apply_all(plan, tidy(plan))[0]


def _definers(plan: Plan, item_id: str) -> list[str]:
    """The subgoals whose symbols an item uses; of rivals those already listed, else the first."""
    item, known = plan[item_id], links(plan).definers
    found: list[str] = []
    for symbol in mentioned(item):
        definers = [i for i in known.get(symbol, ()) if i != item_id]
        if definers and not set(definers) & set(item.needs):
            found.append(definers[0])
    return found


def _emit(plan: Plan, item_id: str, own: set[str], order: dict[str, None], path: list[str]) -> None:
    """Depth first, in the order in which an item's relation mentions what it uses."""
    if item_id in order or item_id in path:
        return
    known = links(plan)
    rests = [source for symbol in mentioned(plan[item_id]) for source in known.sources(symbol, item_id)]
    for below in (*rests, *supports(plan, item_id)):
        if below in own:
            _emit(plan, below, own, order, [*path, item_id])
    order.setdefault(item_id)


class StructuralEdits(Proposer):
    """Proposes the edit that settles each structural witness; costs no tokens."""

    async def propose(self, rng: np.random.Generator, view: View, state: ProposerState) -> list[Proposal]:
        """One proposal per structural witness, in random order."""
        witnesses = [w for w in view.witnesses if w.structural]
        order = rng.permutation(len(witnesses))
        return [p for i in order for p in self.answers(view.plan, witnesses[int(i)], view.retired)[:1]]

    def answers(self, plan: Plan, witness: Witness, retired: Iterable[str] = ()) -> list[Proposal]:
        """The proposals that settle one witness, the least change first."""
        return [
            Proposal(
                operator=f"structural.{edit.edits[-1].op if isinstance(edit, Compound) else edit.op}",
                edit=edit,
                answers=(witness,),
            )
            for edit in resolutions(plan, witness, retired)
        ]


class RandomMoves(Proposer):
    """Moves a random item to a random place: a symmetric proposal, for sampling and as a control.

    Every ordered pair (item, place) is equally likely and the inverse move has the same probability, so
    ``log_q`` is 0 and Metropolis samples the Boltzmann distribution over orders.
    """

    async def propose(self, rng: np.random.Generator, view: View, state: ProposerState) -> list[Proposal]:
        """One uniformly random move."""
        items = view.plan.items
        if len(items) < 2:
            return []
        source = int(rng.integers(len(items)))
        rest = [item.id for item in items if item.id != items[source].id]
        place = int(rng.integers(len(items)))
        anchor = rest[place] if place < len(rest) else None
        return [Proposal(operator="structural.random_move", edit=Move(id=items[source].id, anchor=anchor), log_q=0.0)]
