r"""How different are several drafts of one problem? A search over drafts that are all alike searches nothing.

A draft counts as the set of what its checks say, whatever its ids, order and spacing. The distance of two drafts is
Jaccard's, :math:`1 - |A \cap B| / |A \cup B|`, and their diversity the mean over pairs, in [0, 1]. Beside it the Vendi
score (Friedman & Dieng 2023): the exponential of the entropy of the eigenvalues of :math:`K/n` with :math:`K` the
Jaccard similarities, which is the effective number of different drafts, in [1, n].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence

import numpy as np

from ...planner.evaluation import written
from ...planner.plan import Item, Plan
from ...planner.valuation import relation_of
from ..statistics import Estimate, clustered_mean

Ideas = frozenset[str]


def ideas(plan: Plan) -> Ideas:
    """What the plan's own checks say; an item without a check says its text. Locked items are nobody's idea."""
    return frozenset(_said(item) for item in plan.items if not item.locked)


def _said(item: Item) -> str:
    relation = relation_of(item)
    if relation is not None:
        signs = (*(f" {op} " for op in relation.ops), "")
        return "".join(written(term) + sign for term, sign in zip(relation.terms, signs, strict=True))
    return " ".join((str(item.check) if item.check is not None else item.text).lower().split())


def distance(one: Ideas, other: Ideas) -> float:
    """Jaccard distance; 0 for two empty sets."""
    union = len(one | other)
    return 1.0 - len(one & other) / union if union else 0.0


def diversity(plans: Sequence[Plan]) -> float:
    """Mean pairwise distance of several drafts, NaN for fewer than two."""
    pairs = list(itertools.combinations([ideas(plan) for plan in plans], 2))
    return sum(itertools.starmap(distance, pairs)) / len(pairs) if pairs else math.nan


def vendi(plans: Sequence[Plan]) -> float:
    """Effective number of different drafts, NaN for none."""
    sets = [ideas(plan) for plan in plans]
    if not sets:
        return math.nan
    similarity = np.asarray([[1.0 - distance(a, b) for b in sets] for a in sets])
    shares = np.linalg.eigvalsh(similarity / len(sets))
    shares = shares[shares > 1e-12]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def mean_diversity(
    drafts: Sequence[Sequence[Plan]], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 2_000
) -> Estimate:
    """Mean over problems of the diversity of their drafts, with an interval; single drafts are left out.

    Raises:
        ValueError: No problem has two drafts, or not one problem for each.
    """
    rows = [(diversity(plans), problem) for plans, problem in zip(drafts, problems, strict=True) if len(plans) > 1]
    return clustered_mean([value for value, _ in rows], [problem for _, problem in rows], rng=rng, draws=draws)


__all__ = ["Ideas", "distance", "diversity", "ideas", "mean_diversity", "vendi"]
