"""Many comparisons at once: Holm's step-down keeps the chance of any false win below the level."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import Generic, NamedTuple, TypeVar

Name = TypeVar("Name", bound=Hashable)


class Adjusted(NamedTuple, Generic[Name]):
    """One comparison of a family.

    Attributes:
        name: Which comparison.
        p: Its p-value.
        adjusted: Its p-value adjusted for the whole family.
        rejected: Whether the adjusted value is at most the level.
    """

    name: Name
    p: float
    adjusted: float
    rejected: bool


def holm(p_values: Mapping[Name, float], level: float = 0.05) -> dict[Name, Adjusted[Name]]:
    r"""Holm's step-down procedure (Holm 1979, *A simple sequentially rejective multiple test procedure*).

    With :math:`p_{(1)} \le \dots \le p_{(m)}` the adjusted values are
    :math:`\tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1)\, p_{(j)})`. Rejecting where they are at most the level
    keeps the family-wise error rate there under any dependence, and is never weaker than Bonferroni.

    Args:
        p_values: By comparison. The family is all of them: choose it before looking.
        level: Family-wise error rate.

    Returns:
        The same comparisons in the same order.

    Raises:
        ValueError: A value is no probability.
    """
    for name, p in p_values.items():
        if math.isnan(p) or not 0.0 <= p <= 1.0:
            raise ValueError(f"{name!r} has p = {p}, which is no probability")
    found: dict[Name, Adjusted[Name]] = {}
    worst = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        worst = max(worst, min(1.0, (len(p_values) - rank) * p_values[name]))
        found[name] = Adjusted(name, p_values[name], worst, worst <= level)
    return {name: found[name] for name in p_values}


__all__ = ["Adjusted", "holm"]
