"""Gold in place of one link at a time: what a draft, an aim, an edit, a verdict or an answer would be worth if right.

A run of planneal is a chain of links. Each method here is planneal with one link made of the gold, so the gain over the
whole run says how much that link loses. Such rows are ceilings: no method compares with them, and none of this is
reachable from what a method is handed.

Which plan is right is for the family's grader to say. Where a plan is wrong, the gold edits are those that lead to the
one gold plan, as training had them; orders of a schedule are moved by structural edits, and no gold replaces those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from ..decoders.answerer import Observe
from ..decoders.base import LanguageModel
from ..decoders.prompts import PromptSet
from ..parts import ProposerFactory
from ..pipeline import Pipeline, default_proposer
from ..planner.edits import SimpleEdit
from ..planner.errors import NotationError
from ..planner.ledger import Usage
from ..planner.notation import format_plan, parse_edit
from ..planner.plan import Plan
from ..planner.proposal import Proposal, Proposer, ProposerState, View
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import GOAL, Doubtful
from ..proposers import Drafter, EditWriter, Mixture
from ..proposers.draft import Drafted, read_draft
from ..proposers.lm_edits import EditOptions
from ..proposers.targets import Target
from ..settings import Settings
from .comparison import AnyProblem
from .families.registry import family
from .methods import Case, Planneal, controls
from .methods.asking import Seat
from .training.judged import mending

__all__ = ["SUBSTITUTES", "FromPlan", "GoldDrafter", "GoldWriter", "Oracle", "PlacedGold", "substituted"]

Judges = Sequence[Verifier | str] | None
END = ""
"""The place after the last item."""


class FromPlan(controls.FromPlan):
    """One answer from a given plan, decoded as planneal decodes it: what the last link makes of this plan.

    Args:
        plan: What the answer is conditioned on.
        settings: As for planneal.
        name: As in tables.
    """

    def __init__(self, plan: Plan, settings: Settings | None = None, name: str = "answer from a plan") -> None:
        super().__init__(settings)
        self.name = name
        self.plan = plan

    async def _plan(self, case: Case, seat: Seat, rng: np.random.Generator) -> Plan:
        return self.plan


class GoldDrafter(Drafter):
    """Drafts the gold plan, at no cost.

    Args:
        model: Asked nothing.
        prompts: The prompts.
        problem: Whose gold plan.
    """

    def __init__(self, model: LanguageModel, prompts: PromptSet, problem: AnyProblem) -> None:
        super().__init__(model, prompts)
        self._gold = str(problem.gold.plan)

    async def draft(self, rng: np.random.Generator, task: Task, *, greedy: bool = True) -> Drafted:
        """The gold plan, read as a draft is."""
        return read_draft(task, self._gold)


class GoldWriter(EditWriter):
    """Answers every drawn witness with the gold edit for it: aim as it is, proposals right.

    Args:
        model: Asked nothing.
        prompts: The prompts.
        problem: Whose gold plan.
        options: How many witnesses at once; the gold needs no further calls.
    """

    def __init__(
        self, model: LanguageModel, prompts: PromptSet, problem: AnyProblem, options: EditOptions | None = None
    ) -> None:
        together = (options or EditOptions()).together
        super().__init__(model, prompts, EditOptions(together=together, depth=0))
        self._problem = problem

    async def write(self, rng: np.random.Generator, view: View, targets: Sequence[Target]) -> list[Proposal]:
        """A proposal for every target: an edit, or what says that no gold edit answers it."""
        found: list[Proposal] = []
        plan = view.plan
        for target in targets:
            witness = target.witness
            edit = mending(self._problem, plan).answering(witness.items, witness.line, witness.operators)
            if edit is None:
                nothing = f"no gold edit answers: {witness.line}"
                found.append(Proposal(operator=target.arm, error=nothing, answers=(witness,)))
                continue
            proposal, plan = await self.completed(rng, view, plan, edit.line, target)
            found.append(proposal)
        return found

    async def completed(
        self, rng: np.random.Generator, view: View, plan: Plan, line: str, target: Target
    ) -> tuple[Proposal, Plan]:
        """The proposal of an edit line with the structural edits that it calls for, and the plan after it."""
        try:
            edit: SimpleEdit = parse_edit(line, plan=plan, retired=view.retired)
        except NotationError as error:
            return Proposal(operator=target.arm, error=str(error), answers=(target.witness,)), plan
        return await self._complete(rng, view, plan, edit, target.arm, (target.witness,), Usage())


class PlacedGold(Proposer):
    """Gold edits at drawn places: evenly over all places (no aim), or over those alone that need one (right aim).

    What needs no model comes first, as in the mixture.

    Args:
        writer: Makes proposals of edit lines.
        problem: Whose gold plan.
        aimed: Whether only places that need an edit are drawn.
    """

    def __init__(self, writer: GoldWriter, problem: AnyProblem, *, aimed: bool) -> None:
        self._free = Mixture(None, prune=False)
        self._writer = writer
        self._problem = problem
        self._aimed = aimed

    async def propose(self, rng: np.random.Generator, view: View, state: ProposerState) -> Sequence[Proposal]:
        """Structural edits where there are some, else the gold edit of a drawn place; an error where it needs none."""
        settled = await self._free.propose(rng, view, state)
        if settled:
            return settled
        edits: dict[str, str] = {}
        for edit in mending(self._problem, view.plan).edits:
            edits.setdefault(edit.about[0] if edit.about else END, edit.line)
        own = [item.id for item in view.plan.items if not item.locked]
        places = list(edits) if self._aimed else [*own, END]
        if not places:
            return []
        place = places[int(rng.integers(len(places)))]
        target = Target(Doubtful(item=place or GOAL, detail="a drawn place"), "replace", structural=False, explore=True)
        if place not in edits:
            return [Proposal(operator=target.arm, error=f"nothing to mend at {place or 'the end'}")]
        return [(await self._writer.completed(rng, view, view.plan, edits[place], target))[0]]


class Oracle(Verifier):
    """Knows which items are right: nothing is held against a right plan, every wrong item of another is doubted.

    Args:
        problem: Whose gold.
    """

    name = "oracle"
    stage = 1
    trust = "exact"
    decides = frozenset({"*"})

    def __init__(self, problem: AnyProblem) -> None:
        self._problem = problem

    def scope(self, task: Task, plan: Plan, item_id: str) -> str:
        """The whole plan: what is missing elsewhere decides with."""
        return plan.hash

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Passes, and failures with a doubt that names the item."""
        if family(self._problem.public.family).grade_plan(self._problem, format_plan(plan)).right:
            return Judgement({item_id: Verdict.ok() for item_id in item_ids})
        right = mending(self._problem, plan).right | {item.id for item in plan.locked}
        return Judgement({item_id: self._verdict(item_id, right) for item_id in item_ids})

    def _verdict(self, item_id: str, right: frozenset[str]) -> Verdict:
        if item_id == GOAL:
            return Verdict.failed(reason="whoever follows the plan gets no right answer")
        return Verdict.ok() if item_id in right else Verdict.failed(Doubtful(item=item_id))


def _whole(
    proposer: Callable[[AnyProblem], ProposerFactory] = lambda problem: default_proposer,
    oracle: bool = False,
    drafted: bool = False,
) -> Callable[[AnyProblem, str, Settings | None], Planneal]:
    """Planneal with some of its links made of the gold."""

    def method(problem: AnyProblem, name: str, settings: Settings | None) -> Planneal:
        def make(
            model: LanguageModel, settings: Settings, verifiers: Judges, observe: Observe | None, **parts: object
        ) -> Pipeline:
            judges = [*(verifiers or ["default"]), Oracle(problem)] if oracle else verifiers
            made = proposer(problem)
            pipeline = Pipeline(model, settings=settings, verifiers=judges, proposer=made, observe=observe)
            if drafted:
                pipeline.drafter = lambda metered, prompts, _: GoldDrafter(metered, prompts, problem)
            return pipeline

        return Planneal(settings, name=name, make=make)

    return method


def _gold_writer(problem: AnyProblem) -> ProposerFactory:
    def make(model: LanguageModel, prompts: PromptSet, settings: Settings) -> Proposer:
        writer = GoldWriter(model, prompts, problem, settings.edit)
        return Mixture(writer, floor=settings.floor, reaction=settings.reaction, prune=settings.prune)

    return make


def _placed(aimed: bool) -> Callable[[AnyProblem], ProposerFactory]:
    def of(problem: AnyProblem) -> ProposerFactory:
        return lambda model, prompts, settings: PlacedGold(
            GoldWriter(model, prompts, problem, settings.edit), problem, aimed=aimed
        )

    return of


Link = Literal["draft", "verdict", "proposal", "aim", "no aim"]

SUBSTITUTES: Mapping[Link, tuple[str, Callable[[AnyProblem, str, Settings | None], Planneal]]] = {
    "draft": ("the gold plan for the draft", _whole(drafted=True)),
    "verdict": ("verdicts of one who knows which items are right", _whole(oracle=True)),
    "proposal": ("the gold edit for each drawn witness", _whole(proposer=_gold_writer)),
    "aim": ("a gold edit where one is needed: aim and proposal", _whole(proposer=_placed(True))),
    "no aim": ("gold edits at places drawn evenly: proposal without aim", _whole(proposer=_placed(False))),
}
"""The links that gold can stand in for, with what takes their place."""


def substituted(link: Link, problem: AnyProblem, settings: Settings | None = None) -> Planneal:
    """Planneal on a problem with one link made of its gold.

    Args:
        link: One of :data:`SUBSTITUTES`.
        problem: The problem.
        settings: As for planneal.
    """
    return SUBSTITUTES[link][1](problem, f"gold: {link}", settings)
