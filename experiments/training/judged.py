"""What the real verifiers hold against a plan, as edit prompts show it, with the gold edits that answer it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...decoders.prompts import spaced
from ...planner.chain import Judged
from ...planner.energy import Anchor
from ...planner.notation import parse_plan
from ...planner.plan import Plan
from ...planner.witnesses import Doubtful, Misplaced, Unused
from ...proposers.lm_edits import quoted
from ...proposers.structural import settle
from ...proposers.targets import Target, candidates, companions
from ..families.base import Problem
from ..families.registry import family
from ..judging_kernel import judging_kernel
from .mending import Mending

__all__ = ["Examined", "branch", "examine", "mending", "settled"]

_MOST = 3
"""Most problems in one edit prompt."""
_ROUNDS = 3
"""Most rounds of structural edits; each may uncover what the next settles."""


class Examined(NamedTuple):
    """A plan after the edits that need no model, and what is left to be said against it.

    Attributes:
        plan: The plan that an edit prompt would show.
        targets: What a model would be asked to answer.
        solved: Whether no verifier has anything against the plan.
    """

    plan: Plan
    targets: tuple[Target, ...]
    solved: bool


def mending(problem: Problem[Any], plan: Plan) -> Mending:
    """How a plan of a problem differs from its gold plan."""
    name = problem.public.family
    return Mending(plan, parse_plan(problem.gold.plan), lists_needs=name in ("tools", "code"), in_turn=name == "code")


async def settled(problem: Problem[Any], plan: Plan) -> Judged:
    """Judge a plan, settle what structure alone can settle, and judge it again, as a run would.

    Moves that a broken order asks for are left: trying them is what the search is for, and no model writes them.

    Returns:
        The plan after those edits, with what the family's verifiers say of this very plan.
    """
    made = family(problem.public.family)
    kernel = judging_kernel(made.task(problem.public), made.verifiers(problem.public))
    anchor = Anchor.of(plan)
    for left in range(_ROUNDS, -1, -1):
        judged = await kernel.judge(plan, anchor)
        free = [w for w in judged.witnesses if w.structural and not isinstance(w, Misplaced | Unused)]
        plan, edits = settle(plan, free) if left else (plan, [])
        if not edits:
            break
    return judged


async def examine(problem: Problem[Any], plan: Plan) -> Examined:
    """Settle a plan, and list what a model would be asked about the rest."""
    judged = await settled(problem, plan)
    found = candidates(judged.plan, judged.witnesses)
    targets = tuple(t for t in found if not t.structural and not isinstance(t.witness, Unused))
    return Examined(judged.plan, targets, not judged.witnesses)


def _doubts(rng: np.random.Generator, mend: Mending) -> list[Target]:
    """A doubt about a wrong item, or now and then about a right one: what exploration and noisy judges say."""
    own = [item.id for item in mend.plan.items if not item.locked]
    wrong = [edit.about[0] for edit in mend.edits if edit.about and not edit.line.startswith(("insert", "move"))]
    pool = wrong if wrong and rng.random() < 0.8 else own
    if not pool:
        return []
    item_id = pool[int(rng.integers(len(pool)))]
    return [Target(Doubtful(item=item_id), "replace", structural=False)]


def branch(
    rng: np.random.Generator, mend: Mending, targets: Sequence[Target], doubts: float = 0.3
) -> tuple[str, str] | None:
    """One edit prompt's end and the gold edits that answer it; None where no gold edit answers anything.

    Args:
        rng: Source of the choices.
        mend: How the plan differs from the gold plan.
        targets: What is held against it.
        doubts: Share of the prompts that name a doubtful item and nothing else.
    """
    if targets and rng.random() >= doubts:
        first = targets[int(rng.integers(len(targets)))]
        shown = companions(rng, first, targets, int(rng.choice((1, 2, _MOST), p=(0.6, 0.25, 0.15))))
    else:
        shown = _doubts(rng, mend)
    lines: dict[str, str] = {}
    for target in shown:
        witness = target.witness
        edit = mend.answering(witness.items, witness.line, witness.operators)
        kept = edit.line if edit is not None else _restated(mend, target)
        if kept and kept not in lines.values():
            told = quoted(mend.plan, witness)
            lines[f"problem: {witness.line}" + (f" {spaced(told)}" if told else "")] = kept
    if not lines:
        return None
    return "".join(f"{line}\n" for line in lines) + "edit:\n", "".join(f"{line}\n" for line in lines.values())


def _restated(mend: Mending, target: Target) -> str:
    """A right item that is doubted says the same again; nothing where something else is held against it."""
    item_id = target.witness.items[0] if target.witness.items else ""
    if not isinstance(target.witness, Doubtful) or item_id not in mend.right:
        return ""
    text = spaced(str(mend.plan).split(f"\n{item_id}: ", 1)[1].split("\n", 1)[0])
    return f"replace {item_id}: {text.split(' @')[0]}"
