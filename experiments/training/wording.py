"""Plans, results and answers as the compact dialect shows them: what training reads must be what inference writes."""

from __future__ import annotations

import re
from typing import Any

from ...decoders.answerer import observed_lines
from ...decoders.prompts import spaced
from ...planner.notation import format_plan
from ...planner.plan import Plan
from ..families.base import Problem
from ..families.registry import answer_text, family

__all__ = [
    "constraint_lines",
    "draft_prompt",
    "draft_text",
    "implied_answer",
    "observed_text",
    "plan_block",
    "uncited",
]

_CITATION = re.compile(r"[ ]*\[(?:[CIS][0-9]+(?:, )?)+\]$", re.MULTILINE)
_COMMENT = re.compile(r"[ ]+#[ ]*\[[^\]\n]*\]$", re.MULTILINE)
_NEEDS = re.compile(r"[ ]<-[^\n]*$", re.MULTILINE)
_LOCK = re.compile(r"^([CIS][0-9]+)!:", re.MULTILINE)
_DERIVED_NEEDS = frozenset({"schedule", "countdown"})
"""Families whose needs structural edits fill in: drafts leave them out, which is shorter."""


def draft_prompt(problem: Problem[Any]) -> str:
    """The prompt of the draft role."""
    return f"{problem.public.question}\nplan:\n"


def plan_block(plan: Plan) -> str:
    """A plan as prompts show it, its head included."""
    return f"plan:\n{spaced(format_plan(plan, bare=True))}\n"


def _in_turn(plan: str) -> list[str]:
    """The lines of a plan without marks of locks, its constraints by number: a draft cannot know what comes locked."""
    lines = _LOCK.sub(r"\1:", plan).split("\n")
    given = (line for line in lines if line.startswith("C"))
    rules = iter(sorted(given, key=lambda line: int(line[1 : line.index(":")])))
    return [next(rules) if line.startswith("C") else line for line in lines]


def draft_text(problem: Problem[Any]) -> str:
    """The draft that is learnt: the gold plan without what the task or a structural edit supplies."""
    public = problem.public
    text = "\n".join(_in_turn(problem.gold.plan))
    if public.family in _DERIVED_NEEDS:
        text = _NEEDS.sub("", text)
    if public.family == "countdown":  # its one constraint always comes with the task
        text = "\n".join(line for line in text.split("\n") if not line.startswith("C"))
    return spaced(text) + "\n"


def constraint_lines(problem: Problem[Any]) -> str:
    """The constraints and invariants of the gold plan, one a line; empty where it has none."""
    return "".join(spaced(line) + "\n" for line in _in_turn(problem.gold.plan) if re.match(r"[CI][0-9]", line))


def _indented(text: str) -> str:
    """A space before every claim, so that its first word is the token that it is elsewhere; programs stay as is."""
    if "```" in text:
        return text + "\n"
    return "".join(f"{line}\n" if line.startswith("answer:") else f" {line}\n" for line in text.split("\n"))


def implied_answer(problem: Problem[Any], plan: Plan | None = None) -> str:
    """The answer with citations of somebody who follows a plan to the letter; the gold plan's if None.

    Raises:
        PlanError: Nobody could follow the plan.
    """
    return _indented(answer_text(problem, None if plan is None else format_plan(plan)))


def uncited(text: str) -> str:
    """An answer without its citations."""
    return _CITATION.sub("", _COMMENT.sub("", text))


def observed_text(problem: Problem[Any], plan: Plan) -> str:
    """What carrying a plan out gives, as answer prompts show it; empty where a plan's items do nothing."""
    made = family(problem.public.family)
    shown = observed_lines(made.observe(problem.public), made.task(problem.public), plan)
    return f"results:\n{shown}\n" if shown else ""
