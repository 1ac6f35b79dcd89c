"""Training trees of the families with a common face: one question, and what every role makes of it.

The trees of `arithmetic` have a module of their own, :mod:`.corpus`, which is faster and knows its relations.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from ...planner.errors import PlanError
from ...planner.notation import format_plan, parse_plan
from ...planner.plan import Plan
from ...proposers.structural import tidied
from ..families.base import Problem
from .corpus import Node
from .faults import reworded
from .pools import FaultyPlan
from .wording import constraint_lines, draft_text, implied_answer, observed_text, plan_block, uncited

__all__ = ["followed_tree", "gold_tree", "mended_tree", "renumbered", "revised_tree"]


def _question(text: str) -> Node:
    return Node("", text + "\n", question=True)


def _answered(problem: Problem[Any], plan: Plan, answer: str) -> Node:
    """A plan and the answer to it."""
    head = f"{observed_text(problem, plan)}answer:\n"
    return Node(plan_block(plan), children=[Node(head, answer, ends=True)])


def renumbered(rng: np.random.Generator, plan: Plan) -> Plan:
    """The same plan with subgoals called otherwise, as after a search: ids exchanged, or some of them later ones.

    Refinement moves items, which keep their ids, and inserts others under the next free ones; an answer must cite what
    stands there, in the order in which it stands.
    """
    ids = [item.id for item in plan.items if item.kind == "S" and not item.locked]
    if rng.random() < 0.5:
        names = [ids[int(i)] for i in rng.permutation(len(ids))]
    else:
        late = {int(i) for i in rng.integers(len(ids), size=min(len(ids), 3))}
        highest = max(int(item_id[1:]) for item_id in ids)
        fresh = iter(range(highest + 1, highest + 1 + len(late)))
        names = [f"S{next(fresh)}" if i in late else item_id for i, item_id in enumerate(ids)]
    called = dict(zip(ids, names, strict=True))
    return parse_plan(re.sub(r"\bS[0-9]+\b", lambda found: called.get(found[0], found[0]), format_plan(plan)))


def gold_tree(
    rng: np.random.Generator, problem: Problem[Any], drafts: float = 1.0, answers: float = 0.6, direct: float = 0.6
) -> Node:
    """Question, then the draft, the answer to the gold plan, and the direct answer (some with the constraint list).

    Args:
        rng: Source of the choices.
        problem: The problem.
        drafts: Share of the trees with the draft; it is there where nothing else is.
        answers: Share with the answer to the gold plan.
        direct: Share with a direct answer.
    """
    root = _question(problem.public.question)
    answer = implied_answer(problem)
    if rng.random() < answers:
        plan = parse_plan(problem.gold.plan)
        if rng.random() < 0.4:
            plan = renumbered(rng, plan)
        root.children.append(_answered(problem, plan, implied_answer(problem, plan)))
    if rng.random() < direct:
        told = constraint_lines(problem)
        listed = f"constraints:\n{told}" if told and rng.random() < 0.4 else ""
        root.children.append(Node(f"{listed}answer:\n", uncited(answer), ends=True))
    if not root.children or rng.random() < drafts:
        root.children.insert(0, Node("plan:\n", draft_text(problem), ends=True))
    return root


_STRANGE = re.compile(r"= (?:-|[0-9]+/)")
"""A value that no problem has: negative, or a fraction."""


def followed_tree(rng: np.random.Generator, problem: Problem[Any], strange: float = 0.0) -> Node:
    """Question, then plans that say something else than the gold plan, and the answers that follow them.

    Args:
        rng: Source of the choices.
        problem: The problem.
        strange: Share of the trees whose answers come to a negative number or a fraction, where such a plan is found.
    """
    root, wanted = _question(problem.public.question), strange > 0 and rng.random() < strange
    for _ in range(12 if wanted else 6):
        plan = reworded(rng, problem, int(rng.choice((1, 2), p=(0.75, 0.25))))
        if plan is None or len(root.children) == 2:
            continue
        plan = tidied(plan)
        if rng.random() < 0.4:
            plan = renumbered(rng, plan)
        try:
            answer = implied_answer(problem, plan)
        except PlanError:
            continue
        if "unknown" not in answer and (not wanted or _STRANGE.search(answer)):
            root.children.append(_answered(problem, plan, answer))
    return root


def revised_tree(rng: np.random.Generator, problem: Problem[Any]) -> Node:
    """Question, then an answer with what is wrong in it, and the answer written anew; or a right one and nothing.

    What is wrong is told by its first line that no right answer has.
    """
    root = _question(problem.public.question)
    right = uncited(implied_answer(problem))
    known = {line.strip() for line in right.split("\n")}
    shown, fault = right, "nothing"
    for _ in range(6 if rng.random() < 0.7 else 0):
        plan = reworded(rng, problem, int(rng.choice((1, 2))))
        if plan is None:
            continue
        try:
            said = uncited(implied_answer(problem, tidied(plan)))
        except PlanError:
            continue
        faults = [line.strip() for line in said.split("\n") if line.strip() not in known]
        if faults and "unknown" not in said:
            shown, fault = said, faults[0]
            break
    head = f"answer:\n{shown.strip()}\nwrong:"
    root.children.append(Node(head, f" {fault}", ends=True))
    if shown != right:
        root.children.append(Node(f"{head} {fault}\nanswer:\n", right, ends=True))
    return root


def mended_tree(rng: np.random.Generator, row: FaultyPlan) -> Node:
    """Question, then a faulty plan with edit prompts and self-checks."""
    plan = Node(row.plan)
    shown = rng.permutation(len(row.edits))[:3]
    plan.children = [Node(row.edits[int(i)][0], row.edits[int(i)][1], ends=True) for i in shown]
    plan.children += [Node(prompt, target) for prompt, target in row.checks]
    root = _question(row.question)
    root.children = [plan]
    return root
