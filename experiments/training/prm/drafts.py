"""Problems and the drafts that the language model makes of them, judged item by item: the rows of all data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tokenizers import Tokenizer

from ....planner.plan import Plan
from ....proposers.draft import read_draft
from ....verifiers.prm import Render, rendered
from ...families.base import Problem
from ...families.registry import family
from ..model import Llama
from ..sampling import decode
from ..wording import draft_prompt
from .labels import label
from .seen import see

__all__ = ["UNLABELLED", "Row", "drafts_of", "judged_draft", "row_of"]

UNLABELLED = -100
"""The label of a step that is not learnt; what the cross-entropy of torch, and TRL with it, passes over."""


class Row(NamedTuple):
    """A plan as the reward model sees it, with what is known about its items.

    Attributes:
        family: The problem's family.
        problem: The problem's id.
        origin: `greedy`, `sampled`, `negative`, `spoilt` or `gold`.
        question: The question, with what the task gave.
        steps: The plan's own items.
        ids: Their ids.
        labels: 1 where an item is right, 0 where it is wrong, :data:`UNLABELLED` where nobody says.
        named: Whether an exact verifier has something against the item.
        silent: Whether no exact verifier has anything against the plan.
        prompt: What the model was asked, empty where it wrote nothing.
        text: What it wrote.
    """

    family: str
    problem: str
    origin: str
    question: str
    steps: tuple[str, ...]
    ids: tuple[str, ...]
    labels: tuple[int, ...]
    named: tuple[bool, ...]
    silent: bool
    prompt: str = ""
    text: str = ""

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Row:
        """A row from its JSON form."""
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in raw.items()}
        return cls(**plain)


def drafts_of(
    model: Llama, tokenizer: Tokenizer, problems: Sequence[Problem[Any]], longest: int, temperature: float, seed: int
) -> list[str]:
    """What the language model drafts for each problem; decoded together, those of like length side by side."""
    return decode(model, tokenizer, [draft_prompt(p) for p in problems], longest, temperature, seed)


def row_of(problem: Problem[Any], plan: Plan, origin: str, render: Render, seen: Sequence[Any], text: str = "") -> Row:
    """A row of a plan.

    Args:
        problem: The problem.
        plan: The plan.
        origin: Where the plan comes from.
        render: How it is shown.
        seen: Ids that are named by exact verifiers, and whether all of those are silent.
        text: What the model wrote.
    """
    labels = label(problem, plan)
    named, silent = seen
    found = rendered(family(problem.public.family).task(problem.public), plan, render)
    ids = tuple(found.places)
    return Row(
        problem.public.family,
        problem.public.id,
        origin,
        found.solution.question,
        found.solution.steps,
        ids,
        tuple(int(labels[i]) if i in labels else UNLABELLED for i in ids),
        tuple(i in named for i in ids),
        silent,
        draft_prompt(problem) if text else "",
        text,
    )


async def judged_draft(
    problem: Problem[Any], text: str, origin: str, render: Render, raw: bool = False
) -> Row | None:
    """A draft as a row; None where nothing in it can be read as an item.

    Args:
        problem: The problem.
        text: What the model wrote.
        origin: `greedy` or `sampled`.
        render: How it is shown.
        raw: Whether it is shown as drafted, not as structural edits settle it.
    """
    plan = read_draft(family(problem.public.family).task(problem.public), text).plan
    if len(plan.items) == len(plan.locked):
        return None
    found = await see(problem, plan)
    return row_of(problem, plan if raw else found.plan, origin, render, (found.named, found.silent), text)
