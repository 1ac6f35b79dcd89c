"""The answer: one autoregressive decode conditioned on the plan, with claims that cite plan items.

Every line is a claim. Its citations must be items of the plan; where a claim states a relation it is computed against
the values that the plan implies. A program stands between fences of three backticks: its comments cite, and what it
computes is no claim. An answer is *faithful* when it cites only existing items, no checkable claim is false or cites
items that say nothing about it, and its final value is the one that the plan implies. The check is exact and
independent of whatever steered the refinement.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict

from ..planner.errors import ExpressionError
from ..planner.expressions import Relation, parse_expression, parse_relation
from ..planner.graph import closure, goal_roots
from ..planner.plan import Plan
from ..planner.values import check_statement, evaluate, goal_value, plan_values
from .citations import Cited, last_final, read_answer, read_line, statements

Outcome = Literal["pass", "fail", "unknown"]


class Claim(BaseModel):
    """One statement of an answer.

    Attributes:
        text: The statement without citations.
        citations: Item ids that it cites.
        outcome: ``pass`` or ``fail`` where a machine could check it, else ``unknown``.
        reason: One line, with values where they differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    citations: tuple[str, ...] = ()
    outcome: Outcome = "unknown"
    reason: str = ""


class Answer(BaseModel):
    """A judged answer.

    Attributes:
        text: The text as decoded.
        value: The final value as written, None where there is no ``answer:`` line.
        claims: Its statements, the final line last.
        cited: Items of the plan that some claim cites.
        uncited: Items that the goal rests on and nobody cited: the gaps in coverage.
        faithful: Whether nothing is held against it.
        problems: What is held against it, one line each.
        attempts: How many decodes it took.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    value: str | None = None
    claims: tuple[Claim, ...] = ()
    cited: tuple[str, ...] = ()
    uncited: tuple[str, ...] = ()
    faithful: bool = False
    problems: tuple[str, ...] = ()
    attempts: int = 1

    @property
    def coverage(self) -> float:
        """Share of the items that the goal rests on which are cited, in [0, 1]."""
        total = len(set(self.cited) | set(self.uncited))
        return len(self.cited) / total if total else 0.0


MAX_VALUE_CHARS = 500
"""A longer final value states no number: Python itself refuses to read numbers of thousands of digits."""


def read_value(text: str | None) -> Fraction | None:
    """The number that a final value states: an expression without symbols, or the only number in the text."""
    if not text or len(text) > MAX_VALUE_CHARS:
        return None
    cleaned = text.replace(",", "").replace("$", "").strip()
    try:
        return evaluate(parse_expression(cleaned.rpartition("=")[2].strip() or cleaned), {})
    except ExpressionError:
        pass
    numbers = re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?!\w)", cleaned)
    return Fraction(numbers[0]) if len(numbers) == 1 else None


def judge_answer(plan: Plan, text: str, *, attempts: int = 1) -> Answer:
    """Reads an answer and checks it against the plan by machine.

    Args:
        plan: The plan it was conditioned on.
        text: The decoded text.
        attempts: How many decodes it took, for the record.
    """
    lines = read_answer(text)
    claims = tuple(_claim(plan, line) for line in lines)
    value = last_final(lines)
    cited = tuple(i for i in plan.by_id if any(i in claim.citations for claim in claims))
    resting = closure(plan, goal_roots(plan)) if plan.target else tuple(i.id for i in plan.items if i.kind == "S")
    problems = _problems(plan, claims, value)
    return Answer(
        text=text,
        value=value,
        claims=claims,
        cited=cited,
        uncited=tuple(item_id for item_id in resting if item_id not in cited),
        faithful=not problems,
        problems=problems,
        attempts=attempts,
    )


def sound_start(plan: Plan, text: str) -> str:
    """The whole lines of an answer before the first that is wrong, cites nothing, repeats one or is the final one.

    A model that continues raw text can be asked to go on from here, which costs less than the answer anew and keeps
    what was right.
    """
    kept: dict[str, None] = {}
    for raw in text.splitlines(keepends=True):
        line = read_line(raw)
        claim = _claim(plan, line)
        whole = raw.endswith("\n") and raw.strip() and raw not in kept
        if not whole or line.final is not None or claim.outcome == "fail" or not claim.citations:
            break
        kept[raw] = None
    return "".join(kept)


def _claim(plan: Plan, line: Cited) -> Claim:
    unknown = [item_id for item_id in line.citations if item_id not in plan]
    if unknown:
        reason = f"cites {', '.join(unknown)}, which the plan does not have"
        return Claim(text=line.text, citations=line.citations, outcome="fail", reason=reason)
    if line.code:
        return Claim(text=line.text, citations=line.citations, reason="code is judged by running it")
    if line.final is not None:
        return _final_claim(plan, line)
    for statement in statements(line.text):
        try:
            relation = parse_relation(statement)
        except ExpressionError:
            continue
        if relation.ops:
            return _checked(plan, line, relation)
    return Claim(text=line.text, citations=line.citations, reason="nothing in it can be checked by machine")


def _checked(plan: Plan, line: Cited, relation: Relation) -> Claim:
    found = check_statement(relation, plan_values(plan))
    outcome, reason = found.outcome, found.reason
    if outcome == "pass" and line.citations and relation.symbols and not _relevant(plan, line, relation):
        outcome = "fail"
        reason = f"{', '.join(line.citations)} says nothing about {', '.join(sorted(relation.symbols))}"
    return Claim(text=line.text, citations=line.citations, outcome=outcome, reason=reason)


def _relevant(plan: Plan, line: Cited, relation: Relation) -> bool:
    """Whether some cited item is about a symbol of the claim, or has no check that could tell."""
    for item_id in line.citations:
        item = plan[item_id]
        about = item.uses | ({item.defines} if item.defines else set())
        if not about or about & relation.symbols:
            return True
    return False


def _final_claim(plan: Plan, line: Cited) -> Claim:
    implied, stated = goal_value(plan), read_value(line.final)
    if implied is None:
        reason = "the plan does not determine the goal's value"
        return Claim(text=line.text, citations=line.citations, reason=reason)
    if stated is None:
        reason = f"the final value is not a number; the plan implies {implied}"
        return Claim(text=line.text, citations=line.citations, outcome="fail", reason=reason)
    if stated != implied:
        reason = f"the answer says {stated}, the plan implies {implied}"
        return Claim(text=line.text, citations=line.citations, outcome="fail", reason=reason)
    return Claim(text=line.text, citations=line.citations, outcome="pass", reason=f"the plan implies {implied}")


def _problems(plan: Plan, claims: tuple[Claim, ...], value: str | None) -> tuple[str, ...]:
    problems = [f"{claim.text!r}: {claim.reason}" for claim in claims if claim.outcome == "fail"]
    if value is None:
        problems.append("there is no final line `answer: value`")
    if plan.items and not any(claim.citations for claim in claims):
        problems.append("no claim cites a plan item")
    bare = [c for c in claims if c.outcome == "pass" and not c.citations and plan.items]
    problems += [f"{claim.text!r} cites nothing" for claim in bare]
    return tuple(problems)
