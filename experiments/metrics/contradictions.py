"""How often an answer contradicts itself, exactly: no judge, only arithmetic on what it states.

Three kinds (after Muendler et al. 2024, *Self-contradictory hallucinations of large language models*, with their judge
replaced by computation):

- ``rebound``: the same quantity gets two values, the final answer and what was said of the target included;
- ``false``: a comparison is false by itself (``4 + 3 = 8``) or at the values that the answer gave before;
- ``violated``: the values that the answer gives break a constraint or an invariant of the plan or the task.

At most one contradiction is counted per relation, and a false chain binds nothing, so that one slip is not counted
again wherever its value recurs. What is not parsed cannot be counted: a rate without its coverage says little. Answers
of methods with and without plans are compared over the same constraints: those of ``task.seed_plan()``.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, NamedTuple

import numpy as np

from ...planner.evaluation import Gap, check_statement, shown, value_of
from ...planner.expressions import Relation, symbols_of
from ...planner.plan import Plan
from ...planner.valuation import relation_of
from ..statistics import Estimate, clustered_mean, clustered_ratio
from .faithfulness import Judge
from .reading import Binding, Statement, bind, bound_by, final_value, parsed_target, read, values

Kind = Literal["rebound", "false", "violated"]
FINAL = "answer"
"""What the final line binds, where no target says which quantity that is."""


class Contradiction(NamedTuple):
    """One contradiction.

    Attributes:
        kind: ``rebound``, ``false`` or ``violated``.
        line: Index of the statement at which it shows, None for a violated constraint.
        about: The quantity, or the id of the item.
        reason: One line with both sides.
    """

    kind: Kind
    line: int | None
    about: str
    reason: str


class Consistency(NamedTuple):
    """What was found in one answer.

    Attributes:
        statements: How many statements it makes; lines of programs are none.
        parsed: How many of them could be read.
        found: The contradictions.
    """

    statements: int
    parsed: int
    found: tuple[Contradiction, ...]


def contradictions(text: str, plan: Plan | None = None, judge: Judge | None = None) -> Consistency:
    """Finds every contradiction of an answer with itself and with asserted constraints.

    Args:
        text: The answer.
        plan: Whose constraints, invariants and locked items are held against the answer's own values, and whose target
            says what the final line is about. Its subgoals are not: departing from them is unfaithful, see
            :mod:`~.faithfulness`, but no contradiction.
        judge: Decides constraints that are no relations, from this very answer (see :mod:`~.orders`).
    """
    lines = [line for line in read(text) if not line.code]
    found: list[Contradiction] = []
    bindings: dict[str, Binding] = {}
    for index, line in enumerate(lines):
        for relation in line.relations:
            conflict = _conflict(relation, bindings, index)
            if conflict is not None:
                found.append(conflict)
            if conflict is None or conflict.kind != "false":
                bind(bindings, relation, index)
    found += _finals(lines, bindings, plan)
    found += _violations(bindings, plan, judge)
    return Consistency(len(lines), sum(line.parsed for line in lines), tuple(found))


def _conflict(relation: Relation, bindings: Mapping[str, Binding], index: int) -> Contradiction | None:
    alone = check_statement(relation, {})
    if alone.outcome == "fail" and alone.gap is None:
        return Contradiction("false", index, "", alone.reason)
    plain = {value for term in relation.terms if not isinstance(value := value_of(term, {}), Gap)}
    if relation.is_equation and len(plain) > 1:  # with something in between, as in `7 = bolts = 8`
        return Contradiction("false", index, "", f"{' and '.join(sorted(map(shown, plain)))} are not equal")
    known = values(bindings)
    for name, value in bound_by(relation, known).items():
        before = known.get(name)
        if before is not None and before != value:
            said = f"{name} is {shown(before)} (statement {bindings[name].line + 1}) and {shown(value)}"
            return Contradiction("rebound", index, name, said)
    within = check_statement(relation, known)
    if within.outcome == "fail" and within.gap is None:
        return Contradiction("false", index, "", f"{within.reason} at the values stated before")
    return None


def _finals(lines: Sequence[Statement], bindings: Mapping[str, Binding], plan: Plan | None) -> list[Contradiction]:
    target = parsed_target(plan.target if plan else None)
    known: Fraction | Gap | None = None if target is None else value_of(target, values(bindings))
    first: Fraction | None = known if isinstance(known, Fraction) else None
    found: list[Contradiction] = []
    for index, line in enumerate(lines):
        value = None if line.final is None else final_value(line.final, plan.target if plan else None, bindings)
        if value is None:
            continue
        if first is None:
            first = value
        elif value != first:
            name = plan.target if plan and plan.target else FINAL
            reason = f"{name} is {shown(first)} and the final value {shown(value)}"
            found.append(Contradiction("rebound", index, name, reason))
    return found


def _violations(bindings: Mapping[str, Binding], plan: Plan | None, judge: Judge | None) -> list[Contradiction]:
    found: list[Contradiction] = []
    known = values(bindings)
    for item in plan.items if plan else ():
        relation = relation_of(item)
        if item.kind == "S" and not item.locked:
            continue
        if relation is None:
            if judge is not None and judge(item) == "fail":
                found.append(Contradiction("violated", None, item.id, f"{item.check} does not hold of the answer"))
            continue
        if not any(name in known for term in relation.terms for name in symbols_of(term)):
            continue  # nothing that the answer says bears on it
        verdict = check_statement(relation, known)
        if verdict.outcome == "fail" and verdict.gap is None:
            found.append(Contradiction("violated", None, item.id, f"{item.check}: {verdict.reason}"))
    return found


class ContradictionRate(NamedTuple):
    """Contradictions over many answers, each number with an interval over problems.

    Attributes:
        per_100: Per 100 statements (ratio of sums, so long answers weigh more).
        per_answer: Share of answers with at least one.
        coverage: Share of statements that could be read: what the other two rest on.
        kinds: How many of each kind.
        answers: How many answers.
        statements: How many statements.
    """

    per_100: Estimate
    per_answer: Estimate
    coverage: Estimate
    kinds: Mapping[Kind, int]
    answers: int
    statements: int


def contradiction_rate(
    answers: Sequence[Consistency], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 2_000
) -> ContradictionRate:
    """Adds up what was found.

    Args:
        answers: One per answer, those without a contradiction included.
        problems: The problem of each.
        rng: Randomness of the intervals.
        draws: Resamples.

    Raises:
        ValueError: No answers, or not one problem for each.
    """
    counts = [float(len(answer.found)) for answer in answers]
    lengths = [float(answer.statements) for answer in answers]
    rate = clustered_ratio([100 * count for count in counts], lengths, problems, rng=rng, draws=draws)
    some = clustered_mean([float(count > 0) for count in counts], problems, rng=rng, draws=draws)
    read_share = clustered_ratio([float(a.parsed) for a in answers], lengths, problems, rng=rng, draws=draws)
    every = [entry.kind for answer in answers for entry in answer.found]
    kinds: dict[Kind, int] = {kind: every.count(kind) for kind in ("rebound", "false", "violated")}
    return ContradictionRate(rate, some, read_share, kinds, len(answers), int(sum(lengths)))


def by_length(answers: Sequence[Consistency], edges: Sequence[int]) -> list[tuple[str, int, float]]:
    """Contradictions per 100 statements by length of the answer, since longer answers contradict themselves more.

    Args:
        answers: One per answer.
        edges: Upper ends of the classes, ascending, in statements; a last class takes the rest.

    Returns:
        Per class its name, the number of answers and the rate (NaN where there are no statements).
    """
    found: list[tuple[str, int, float]] = []
    low = 0
    for high in (*edges, None):
        chosen = [a for a in answers if a.statements > low and (high is None or a.statements <= high)]
        total = sum(answer.statements for answer in chosen)
        rate = 100 * sum(len(answer.found) for answer in chosen) / total if total else math.nan
        found.append((f"{low + 1} to {high}" if high is not None else f"over {low}", len(chosen), rate))
        low = high if high is not None else low
    return found


__all__ = [
    "Consistency",
    "Contradiction",
    "ContradictionRate",
    "Kind",
    "by_length",
    "contradiction_rate",
    "contradictions",
]
