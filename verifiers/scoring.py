r"""How good scores are: AUROC, expected calibration error, and intervals.

Scores are in [0, 1], 1 is best; a label is True where the item is right. Pure numpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]


class Interval(NamedTuple):
    """A two-sided confidence interval."""

    low: float
    high: float


def wilson(successes: int, trials: int, *, z: float = 1.959963984540054) -> Interval:
    r"""Wilson score interval for a proportion (Wilson 1927), 95% by default.

    .. math:: \frac{\hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n} + \frac{z^2}{4 n^2}}}{1 + z^2 / n}

    Raises:
        ValueError: More successes than trials, or negative counts.
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return Interval(0.0, 1.0)
    share, square = successes / trials, z * z / trials
    middle = share + square / 2
    spread = z * math.sqrt(share * (1 - share) / trials + square / (4 * trials))
    return Interval((middle - spread) / (1 + square), (middle + spread) / (1 + square))


def checked(scores: Sequence[float] | Scores, labels: Sequence[bool] | Labels) -> tuple[Scores, Labels]:
    """Scores and labels as arrays of one length.

    Raises:
        ValueError: Different lengths, nothing, or a score outside [0, 1].
    """
    s, y = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.bool_)
    if s.ndim != 1 or s.shape != y.shape or not s.size:
        raise ValueError(f"scores and labels are rows of the same length, not {s.shape} and {y.shape}")
    if not ((s >= 0) & (s <= 1)).all():
        raise ValueError("a score is outside [0, 1]")
    return s, y


def auroc(scores: Sequence[float] | Scores, labels: Sequence[bool] | Labels) -> float:
    """Probability that a right item scores above a wrong one, ties counting half; NaN where all labels are equal.

    Raises:
        ValueError: Different lengths, nothing, or a score outside [0, 1].
    """
    return separation(*checked(scores, labels))


def separation(values: Scores, right: Labels) -> float:
    r""":func:`auroc` of values of any range: :math:`U / (n_1 n_0)` with the Mann-Whitney statistic over mid-ranks.

    Hanley & McNeil 1982; NaN where all labels are equal.

    Args:
        values: The scores, higher is better; none may be NaN.
        right: Whether each is one of a right item; the same shape ``(n,)``.
    """
    hits, misses = int(right.sum()), int((~right).sum())
    if not hits or not misses:
        return math.nan
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[right].sum() - hits * (hits + 1) / 2) / (hits * misses))


def calibration_error(scores: Sequence[float] | Scores, labels: Sequence[bool] | Labels, bins: int = 10) -> float:
    r"""Expected calibration error: :math:`\sum_b \frac{n_b}{n} |\bar s_b - \bar y_b|` over equal-width bins.

    Naeini et al. 2015, Guo et al. 2017. Finite samples push it up (each bin's noise counts as an error), the more the
    more bins.
    """
    s, y = checked(scores, labels)
    place = np.minimum((s * bins).astype(int), bins - 1)
    gaps = np.bincount(place, weights=s - y, minlength=bins)
    return float(np.abs(gaps).sum() / s.size)


def bootstrap(
    statistic: Callable[[Scores, Labels], float],
    scores: Sequence[float] | Scores,
    labels: Sequence[bool] | Labels,
    groups: Sequence[int],
    *,
    rng: np.random.Generator,
    draws: int = 500,
) -> Interval:
    """Percentile bootstrap interval (95%), resampling whole groups: the items of one plan stand or fall together.

    Args:
        statistic: Of scores and labels; draws where it is NaN are left out.
        scores: The scores.
        labels: The labels.
        groups: The group (plan) of each.
        rng: Randomness.
        draws: Resamples.
    """
    s, y = checked(scores, labels)
    members = [np.flatnonzero(np.asarray(groups) == group) for group in sorted(set(groups))]
    found: list[float] = []
    for _ in range(draws):
        picks = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        value = statistic(s[picks], y[picks])
        if not math.isnan(value):
            found.append(value)
    if not found:
        return Interval(math.nan, math.nan)
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(float(low), float(high))


__all__ = ["Interval", "auroc", "bootstrap", "calibration_error", "checked", "separation", "wilson"]
