"""Does a score order things as the truth does? Rank correlation and the area under the ROC curve, by problem."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...verifiers.scoring import separation
from .clustered import Estimate, clustered
from .scipy_stats import scipy_stats

Floats = NDArray[np.float64]


def _pair(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.ndim != 1 or one.shape != other.shape or not one.size:
        raise ValueError(f"two rows of the same length are needed, not {one.shape} and {other.shape}")
    if np.isnan(one).any() or np.isnan(other).any():
        raise ValueError("a value is not a number: leave out what was not measured, and say how much that is")
    return one, other


def spearman(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> float:
    """Spearman's rank correlation, ties at mid-ranks; NaN where one side is constant.

    Raises:
        ValueError: Rows of different lengths, nothing, or NaN.
    """
    one, other = _pair(first, second)
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return math.nan
    return float(scipy_stats().spearmanr(one, other).statistic)


def auroc(scores: Sequence[float] | Floats, labels: Sequence[bool] | NDArray[np.bool_]) -> float:
    """Probability that what is right scores above what is wrong, ties counting half; NaN where all labels are equal.

    Scores of any range, higher is better: give an energy with its sign turned.

    Raises:
        ValueError: Rows of different lengths, nothing, or NaN.
    """
    values, truth = _pair(scores, np.asarray(labels, dtype=np.float64))
    return separation(values, truth > 0.5)


def clustered_spearman(
    first: Sequence[float] | Floats,
    second: Sequence[float] | Floats,
    clusters: Sequence[Hashable],
    *,
    rng: np.random.Generator,
    draws: int = 1_000,
) -> Estimate:
    """:func:`spearman` with an interval from drawing whole clusters again.

    Raises:
        ValueError: Rows of different lengths, nothing, or NaN.
    """
    one, other = _pair(first, second)
    _matching(one, clusters)
    return clustered(lambda picks: spearman(one[picks], other[picks]), clusters, rng=rng, draws=draws)


def clustered_auroc(
    scores: Sequence[float] | Floats,
    labels: Sequence[bool] | NDArray[np.bool_],
    clusters: Sequence[Hashable],
    *,
    rng: np.random.Generator,
    draws: int = 1_000,
) -> Estimate:
    """:func:`auroc` with an interval from drawing whole clusters again; pairs are made across clusters too.

    Raises:
        ValueError: Rows of different lengths, nothing, or NaN.
    """
    values, truth = _pair(scores, np.asarray(labels, dtype=np.float64))
    _matching(values, clusters)
    return clustered(lambda picks: auroc(values[picks], truth[picks] > 0.5), clusters, rng=rng, draws=draws)


def _matching(values: Floats, clusters: Sequence[Hashable]) -> None:
    if values.size != len(clusters):
        raise ValueError(f"{values.size} values and {len(clusters)} clusters: each value needs one")


__all__ = ["auroc", "clustered_auroc", "clustered_spearman", "spearman"]
