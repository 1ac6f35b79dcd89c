"""Critique: one short line about a doubtful item, for a proposer to read. It decides nothing."""

from __future__ import annotations

from ..decoders.base import LanguageModel, SampleRequest
from ..decoders.prompts import PromptSet
from ..planner.errors import BudgetExhausted, ModelError
from ..planner.ledger import Usage
from ..planner.notation import format_item
from ..planner.plan import Item
from ..planner.task import Task
from ..planner.witnesses import remark
from .asking import TIMED

CRITIQUE_TOKENS = 48
"""Completion tokens allowed for a critique."""
_NOTHING = ("nothing", "none", "no")


async def write_critique(
    model: LanguageModel, prompts: PromptSet, task: Task, plan: str, item: Item, seed: int
) -> tuple[str, Usage]:
    """What a model holds against an item: one printable line, or nothing, and what it cost.

    A critique is a help and no verdict, so where it cannot be had (the model fails, the budget has no room for it) the
    verdict stands without one.

    Args:
        model: The (metered) model.
        prompts: Where the ``critique`` prompt comes from.
        task: The task.
        plan: The plan as the judge saw it.
        item: The doubtful item.
        seed: Seed of the request.

    Raises:
        BudgetExhausted: The time is over.
    """
    shown = {"id": item.id, "line": format_item(item, bare=True)}
    messages = prompts.render("critique", question=task.question, plan=plan, item=shown)
    request = SampleRequest(messages=messages, temperature=0.0, max_tokens=CRITIQUE_TOKENS, seed=seed)
    try:
        samples = await model.sample(request)
    except ModelError:
        return "", Usage()  # what the failure cost is charged where calls are metered
    except BudgetExhausted as error:
        if error.limit in TIMED:
            raise
        return "", Usage()
    told = remark(samples[0].text)
    return ("" if told.lower().rstrip(".!") in _NOTHING else told), samples.usage


__all__ = ["CRITIQUE_TOKENS", "write_critique"]
