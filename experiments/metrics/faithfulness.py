"""Does the answer do what its plan says, item by item?

*Satisfaction*: the share of the plan's checkable items that hold at the values which the answer itself states. An item
about which the answer says nothing is not satisfied: silence would otherwise be the surest way to be faithful.

What an answer cites is measured in :mod:`~.citations`, and whether it *needs* its plan in :mod:`~.causal`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from ...planner.evaluation import check_statement
from ...planner.plan import Item, Plan
from ...planner.valuation import relation_of
from ..statistics import Estimate, clustered_mean
from .reading import bindings_of, read, values

Outcome = Literal["pass", "fail", "unknown"]
Judge = Callable[[Item], Outcome | None]
"""Says whether an answer satisfies an item (``unknown``: it says too little); None where that is not its business."""


class Satisfaction(NamedTuple):
    """Which items an answer satisfies, each by id in plan order.

    Attributes:
        held: Items that hold in the answer.
        broken: Items that the answer's own values break.
        silent: Items that it says too little about.
        undecided: Items with a check of a kind that nobody here can decide from the answer; not in the share.
    """

    held: tuple[str, ...]
    broken: tuple[str, ...]
    silent: tuple[str, ...]
    undecided: tuple[str, ...]

    @property
    def share(self) -> float:
        """``held / (held + broken + silent)``, NaN where the plan has no decidable item."""
        total = len(self.held) + len(self.broken) + len(self.silent)
        return len(self.held) / total if total else math.nan


def satisfaction(plan: Plan, text: str, judge: Judge | None = None) -> Satisfaction:
    """Holds every item with a check against what the answer states.

    Relations are computed at the answer's own values, never at the plan's: a plan that defines everything would satisfy
    itself.

    Args:
        plan: The plan.
        text: The answer.
        judge: Decides checks of other kinds (tests of a program, places in an order: see :mod:`~.orders`); without it
            they are undecided.
    """
    known = values(bindings_of(read(text)))
    sorted_in: dict[str, list[str]] = {"pass": [], "fail": [], "unknown": [], "undecided": []}
    for item in plan.items:
        if item.check is None:
            continue
        relation = relation_of(item)
        if relation is not None and relation.ops:
            verdict = check_statement(relation, known)
            open_value = verdict.gap is not None and verdict.gap.kind == "open"
            sorted_in["unknown" if open_value and verdict.outcome != "fail" else verdict.outcome].append(item.id)
            continue
        decided = judge(item) if judge is not None and relation is None else None
        sorted_in["undecided" if decided is None else decided].append(item.id)
    held, broken, silent, undecided = (tuple(sorted_in[key]) for key in ("pass", "fail", "unknown", "undecided"))
    return Satisfaction(held, broken, silent, undecided)


def mean_satisfaction(
    found: Sequence[Satisfaction], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 2_000
) -> Estimate:
    """Macro-average over items within an answer, answers within a problem, and problems, with an interval.

    Answers whose plan has no decidable item are left out.

    Raises:
        ValueError: None is left, or not one problem for each.
    """
    pairs = [(f.share, p) for f, p in zip(found, problems, strict=True) if not math.isnan(f.share)]
    return clustered_mean([share for share, _ in pairs], [p for _, p in pairs], rng=rng, draws=draws)


__all__ = ["Judge", "Outcome", "Satisfaction", "mean_satisfaction", "satisfaction"]
