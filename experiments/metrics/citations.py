"""Citation recall and precision after ALCE (Gao et al. 2023, *Enabling LLMs to generate text with citations*).

Plan items take the place of documents, and computation that of the entailment model: a set of items *entails* a
statement if the statement is true at the values which their relations give, together with what the answer had stated
before (of everything but the quantities that this statement is about). As in the authors' code:

- *recall* of a statement is 1 if it cites something, every id is in the plan and the cited items together entail it,
  else 0; it is averaged over statements;
- *precision* is over citations, 0 where there are none: one counts if the statement is entailed by all that it cites,
  and the citation alone entails it or the others without it do not. A statement with one citation has precision =
  recall;
- *over-citation*: the share of the citations of entailed statements with several that do not count;
- *uncited*: the share of statements that cite nothing.

Statements without a relation, lines of programs, and statements which are not entailed but cite an item without a
relation cannot be decided here. They are left out of all denominators but that of the uncited share, and counted.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from ...planner.evaluation import check_statement
from ...planner.expressions import Number, Relation, Symbol, nodes_of
from ...planner.plan import Item, Plan
from ...planner.valuation import relation_of, valuate
from ..statistics import Estimate, clustered_mean, clustered_ratio
from .reading import Binding, Statement, bind, bound_by, final_value, parsed_target, read, values


class Cites(NamedTuple):
    """The counts of one answer.

    Attributes:
        statements: Statements in all, lines of programs left out.
        decided: Those whose citations could be judged.
        entailed: Those of them that what they cite entails.
        citations: Citations of decided statements.
        counting: Those of them that count for precision.
        several: Citations of entailed statements with more than one.
        needless: Those of them that do not count.
        uncited: Statements that cite nothing.
        unknown: Citations of ids that the plan does not have.
    """

    statements: int = 0
    decided: int = 0
    entailed: int = 0
    citations: int = 0
    counting: int = 0
    several: int = 0
    needless: int = 0
    uncited: int = 0
    unknown: int = 0

    @property
    def recall(self) -> float:
        """Share of decided statements that are entailed, NaN where none could be decided."""
        return self.entailed / self.decided if self.decided else math.nan

    @property
    def precision(self) -> float:
        """Share of citations that count, 0 where there are none, NaN where no statement could be decided."""
        if not self.decided:
            return math.nan
        return self.counting / self.citations if self.citations else 0.0


def entails(items: Sequence[Item], stated: Relation, known: Mapping[str, Fraction]) -> bool:
    """Whether items, with values that are known, make a statement true.

    An item that says the very same entails it. Else the items' equations are solved, forwards from what is known and
    then jointly (linear systems), and the statement is computed at these values.

    Args:
        items: The cited items; those without a relation say nothing.
        stated: The statement.
        known: Values from elsewhere, in base units. A statement that they alone make true is entailed by any item that
            is about it, and by no other.
    """
    premises = [relation for item in items if (relation := relation_of(item)) is not None]
    if not any(relation.symbols & stated.symbols for relation in premises):
        return False
    if stated in premises:
        return True
    found = dict(known)
    for _ in premises:  # as many rounds as there are steps from one to the next
        for relation in premises:
            found.update({n: value for n, value in bound_by(relation, found).items() if n not in found})
    if check_statement(stated, found).outcome == "pass":
        return True
    joint = valuate(Plan(goal="entailment", items=tuple(items)), minimal=False).values
    return check_statement(stated, {**joint, **found}).outcome == "pass"


def citations(plan: Plan, text: str, *, given_earlier: bool = True) -> Cites:
    """Judges every citation of an answer.

    Args:
        plan: The plan that it cites.
        text: The answer.
        given_earlier: Whether earlier statements are premises too. Without them a line such as ``bolts = 7 [S2]`` with
            ``S2: bolts = nuts + 3`` has to cite what says how many nuts there are as well.
    """
    total = Cites()
    bindings: dict[str, Binding] = {}
    for index, line in enumerate(line for line in read(text) if not line.code):
        stated = _stated(line, plan.target, bindings)
        known = values(bindings) if given_earlier else {}
        total = _plus(total, _one(plan, line, stated, known))
        for relation in line.relations:
            bind(bindings, relation, index)
    return total


def _stated(line: Statement, target: str | None, bindings: Mapping[str, Binding]) -> Relation | None:
    """What a line states, the final one of the target; None where that is nothing about any quantity."""
    if line.final is not None:
        asked, value = parsed_target(target), final_value(line.final, target, bindings)
        return None if asked is None or value is None else Relation((asked, Number(value)), ("=",))
    return next((relation for relation in line.relations if relation.symbols), None)


def _subjects(stated: Relation) -> set[str]:
    """The quantities that a statement is about: those alone on a side, or all of them where none is."""
    alone = {term.name for term in stated.terms if isinstance(term, Symbol)}
    every = {node.name for term in stated.terms for node in nodes_of(term) if isinstance(node, Symbol)}
    return alone or every


def _one(plan: Plan, line: Statement, stated: Relation | None, known: Mapping[str, Fraction]) -> Cites:
    unknown = sum(cited not in plan for cited in line.citations)
    base = Cites(statements=1, uncited=int(not line.citations), unknown=unknown)
    if stated is None:
        return base
    if not line.citations or unknown:
        return base._replace(decided=1, citations=len(line.citations))
    items: list[Item] = [plan[cited] for cited in line.citations]
    premises = {name: value for name, value in known.items() if name not in _subjects(stated)}
    if not entails(items, stated, premises):
        if any(relation_of(item) is None for item in items):
            return base
        return base._replace(decided=1, citations=len(items))
    if len(items) == 1:
        return base._replace(decided=1, entailed=1, citations=1, counting=1)
    counting = 0
    for place, item in enumerate(items):
        others = [*items[:place], *items[place + 1 :]]
        counting += entails([item], stated, premises) or not entails(others, stated, premises)
    several = len(items)
    return base._replace(
        decided=1, entailed=1, citations=several, counting=counting, several=several, needless=several - counting
    )


def _plus(one: Cites, other: Cites) -> Cites:
    return Cites(*(a + b for a, b in zip(one, other, strict=True)))


class CitationQuality(NamedTuple):
    """Citations over many answers, each with an interval over problems.

    Attributes:
        recall: Mean over answers of their recall.
        precision: Mean over answers of their precision.
        over_citation: Share of citations (of entailed statements with several) that are needless; all answers together.
        uncited: Share of statements that cite nothing; all answers together.
        decided: Share of statements that could be judged.
    """

    recall: Estimate
    precision: Estimate
    over_citation: Estimate
    uncited: Estimate
    decided: Estimate


def citation_quality(
    found: Sequence[Cites], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 2_000
) -> CitationQuality:
    """Adds up counts; answers without a decided statement have no recall and no precision.

    Raises:
        ValueError: No answer has one, or not one problem for each.
    """
    rows = [(cites, problem) for cites, problem in zip(found, problems, strict=True) if cites.decided]
    own = [problem for _, problem in rows]

    def ratio(above: str, below: str) -> Estimate:
        tops = [float(getattr(cites, above)) for cites in found]
        bottoms = [float(getattr(cites, below)) for cites in found]
        return clustered_ratio(tops, bottoms, problems, rng=rng, draws=draws)

    return CitationQuality(
        recall=clustered_mean([cites.recall for cites, _ in rows], own, rng=rng, draws=draws),
        precision=clustered_mean([cites.precision for cites, _ in rows], own, rng=rng, draws=draws),
        over_citation=ratio("needless", "several"),
        uncited=ratio("uncited", "statements"),
        decided=ratio("decided", "statements"),
    )


__all__ = ["CitationQuality", "Cites", "citation_quality", "citations", "entails"]
