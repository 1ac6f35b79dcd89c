"""Edits that a language model writes, aimed by witnesses.

One call may answer several independent witnesses: re-reading question and plan is what costs, so calls are shared, and
each edit is judged on its own. An edit that brings new witnesses of its own may resolve them before it is judged (an
ejection chain): structural ones without a model, others with further calls to a small depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..decoders.base import LanguageModel, SampleRequest
from ..decoders.prompts import PromptSet
from ..planner.edits import Compound, Insert, SimpleEdit, apply
from ..planner.errors import BudgetExhausted, ModelError, NotationError, PlanError
from ..planner.ledger import Usage
from ..planner.notation import format_check, format_plan, parse_edit, parse_edits
from ..planner.plan import Plan
from ..planner.proposal import Proposal, View
from ..planner.witnesses import Witness
from .structural import apply_all, settle
from .targets import Target


@dataclass(frozen=True)
class EditOptions:
    """How edits are asked for.

    Attributes:
        together: Most witnesses per call.
        depth: Further calls that one edit may make for the witnesses it creates; structural ones are always settled.
        tokens_per_edit: Completion tokens allowed per witness.
        temperature: Sampling temperature once an edit was rejected on this plan; the first try is greedy.
    """

    together: int = 3
    depth: int = 1
    tokens_per_edit: int = 64
    temperature: float = 0.8


class EditWriter:
    """Asks a language model for edit lines.

    Args:
        model: The (metered) model.
        prompts: Where the ``edit`` prompt comes from.
        options: Options.
    """

    def __init__(self, model: LanguageModel, prompts: PromptSet, options: EditOptions | None = None) -> None:
        self._model = model
        self._prompts = prompts
        self.options = options or EditOptions()

    async def write(self, rng: np.random.Generator, view: View, targets: Sequence[Target]) -> list[Proposal]:
        """One call for all targets; a proposal for every line that came back, in order.

        Args:
            rng: The chain's generator; the seed of the call comes from it.
            view: The incumbent and its circumstances.
            targets: What is to be repaired, the line order of the answer.

        Raises:
            BudgetExhausted: The call does not fit.
            ModelError: The model could not answer.
        """
        rows, usage = await self._ask(rng, view, view.plan, targets, retry=bool(view.rejected))
        share = _split(usage, max(1, len(rows)))
        operators = [target.arm for target in targets]
        if not rows:
            empty = f"the model wrote no edit for: {targets[0].line}"
            return [Proposal(operator=operators[0], error=empty, usage=usage)]
        proposals: list[Proposal] = []
        plan, taken = view.plan, set(view.retired)
        for index, row in enumerate(rows):
            operator = operators[min(index, len(operators) - 1)]
            answers = (targets[index].witness,) if index < len(targets) else ()
            cost = share[index]
            try:  # numbered as of here: the edits before this one may have taken the next free ids
                edit = parse_edit(row, plan=plan, retired=taken, number=index + 1)
            except NotationError as error:
                proposals.append(Proposal(operator=operator, error=str(error), answers=answers, usage=cost))
                continue
            if isinstance(edit, Insert):
                taken.add(edit.item.id)
            proposal, plan = await self._complete(rng, view, plan, edit, operator, answers, cost)
            proposals.append(proposal)
        return proposals

    async def _ask(
        self, rng: np.random.Generator, view: View, plan: Plan, targets: Sequence[Target], *, retry: bool
    ) -> tuple[list[str], Usage]:
        """The edit lines that came back, not read yet, and what they cost."""
        messages = self._prompts.render(
            "edit",
            question=view.task.question,
            plan=format_plan(plan, bare=True),
            plan_full=format_plan(plan, bare=True) if not plan.locked else _with_locks(plan),
            witnesses=targets,
            quoted=[quoted(plan, target.witness) for target in targets],
            rejected="\n".join(sorted(view.rejected)[:8]),
        )
        request = SampleRequest(
            messages=messages,
            temperature=self.options.temperature if retry else 0.0,
            max_tokens=self.options.tokens_per_edit * len(targets),
            seed=int(rng.integers(2**31)),
        )
        samples = await self._model.sample(request)
        rows = [row.strip(" \t\r") for row in strip_fences(samples[0].text).split("\n") if row.strip()]
        return rows[: 2 * len(targets)], samples.usage

    async def _complete(
        self,
        rng: np.random.Generator,
        view: View,
        plan: Plan,
        edit: SimpleEdit,
        operator: str,
        answers: tuple[Witness, ...],
        usage: Usage,
    ) -> tuple[Proposal, Plan]:
        """Lets an edit resolve the witnesses it creates; returns the proposal and the plan it leads to."""
        done: list[SimpleEdit] = [edit]
        depth = 0
        try:
            after = apply(plan, edit)
        except PlanError:  # the kernel says why when it judges the proposal
            return Proposal(operator=operator, edit=edit, answers=answers, usage=usage), plan
        old = set(view.witnesses if plan is view.plan else await view.probe(plan))
        while True:
            fresh = [w for w in await view.probe(after) if w not in old]
            settled, edits = settle(after, [w for w in fresh if w.structural and not _advice(w)])
            after, done = settled, [*done, *edits]
            open_ = [w for w in fresh if not w.structural]
            if not open_ or depth >= self.options.depth:
                break
            depth += 1
            targets = [Target(w, w.operators[0], structural=False) for w in open_[: self.options.together]]
            try:
                rows, more = await self._ask(rng, view, after, targets, retry=False)
            except (BudgetExhausted, ModelError):  # what is already paid for is still worth judging
                break
            usage = usage + more
            read = parse_edits("\n".join(rows), plan=after, retired=view.retired)
            usable = [found for found in read if not isinstance(found, NotationError)]
            after, grown = apply_all(after, usable)
            if not grown:
                break
            done = [*done, *grown]
            old |= set(fresh)
        whole = Compound(edits=tuple(done)) if len(done) > 1 else edit
        return Proposal(operator=operator, edit=whole, answers=answers, usage=usage, depth=depth), after


def quoted(plan: Plan, witness: Witness) -> str:
    """What the item says that a witness is about, where its own words are at fault; else nothing."""
    item_id = str(getattr(witness, "item", ""))
    if not witness.quotes or item_id not in plan:
        return ""
    return format_check(plan[item_id]) or plan[item_id].text


def _advice(witness: Witness) -> bool:
    """Whether a witness only advises (deleting is no part of completing an edit)."""
    return "delete" in witness.operators


def _with_locks(plan: Plan) -> str:
    """The plan as edit prompts show it: locked items keep their mark, provenance is left out."""
    marked = {f"{item.id}:": f"{item.id}!:" for item in plan.locked}
    lines = format_plan(plan, bare=True).split("\n")
    return "\n".join(
        marked[head] + line[len(head) :] if (head := line.split(" ", 1)[0]) in marked else line for line in lines
    )


def _split(usage: Usage, parts: int) -> list[Usage]:
    """Spreads token counts over the lines of one answer; the remainders go to the first."""
    prompt, completion = divmod(usage.prompt_tokens, parts), divmod(usage.completion_tokens, parts)
    cached = divmod(usage.cached_prompt_tokens, parts)
    return [
        Usage(
            prompt_tokens=prompt[0] + (prompt[1] if i == 0 else 0),
            cached_prompt_tokens=cached[0] + (cached[1] if i == 0 else 0),
            completion_tokens=completion[0] + (completion[1] if i == 0 else 0),
            calls=usage.calls if i == 0 else 0,
            retries=usage.retries if i == 0 else 0,
            seconds=usage.seconds / parts,
            flops=usage.flops / parts,
            estimated=usage.estimated,
        )
        for i in range(parts)
    ]


def strip_fences(text: str) -> str:
    """Drops Markdown code fences, which chat models put around any notation; every other line stays."""
    return "\n".join(line for line in text.split("\n") if not line.strip().startswith("```"))


