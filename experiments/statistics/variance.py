r"""Where the variance of a right-or-wrong outcome comes from: the problem, the seed, or neither.

Method of moments (analysis of variance), as for any outcome: a 0/1 outcome needs no other model here, since only its
variances are asked for. Components are of single outcomes, so for a balanced table they add up to about
:math:`\bar p (1 - \bar p)`. Estimates can fall below zero where a component is small; they are kept as they are
(``raw``) and shown as zero.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .clustered import by_cluster

Floats = NDArray[np.float64]


class Decomposition(NamedTuple):
    """Variance components of one outcome.

    Attributes:
        problem: Variance between problems: some are harder.
        seed: Variance between seeds over all problems; NaN where seeds are nested in problems, then in the residual.
        residual: What is left: chance at one problem with one seed. This is what a second run would change.
        mean: Mean outcome.
        problems: How many problems.
        attempts: How many outcomes.
        raw: Problem, seed and residual before negative estimates were set to zero.
    """

    problem: float
    seed: float
    residual: float
    mean: float
    problems: int
    attempts: int
    raw: tuple[float, float, float]

    @property
    def total(self) -> float:
        """The components together."""
        return self.problem + self.residual + (0.0 if math.isnan(self.seed) else self.seed)

    @property
    def reliability(self) -> float:
        """Share of the problem in one outcome's variance (the intraclass correlation), NaN where nothing varies."""
        return self.problem / self.total if self.total else math.nan


def crossed(table: Sequence[Sequence[float]] | Floats) -> Decomposition:
    r"""Two-way random effects, every problem with every seed, one outcome each (Shrout & Fleiss 1979, case 2).

    With mean squares of problems, seeds and residual over *n* problems and *k* seeds:
    :math:`\sigma^2_P = (MS_P - MS_R)/k`, :math:`\sigma^2_S = (MS_S - MS_R)/n`, :math:`\sigma^2_R = MS_R`.

    A seed common to all problems is a real source only where it is drawn once for a run (a training seed, a data
    order); where every attempt has a generator of its own, its component should be about zero.

    Args:
        table: Outcomes, shape (problems, seeds).

    Raises:
        ValueError: Fewer than two problems or seeds, or ragged rows.
    """
    y = np.asarray(table, dtype=np.float64)
    if y.ndim != 2 or min(y.shape) < 2:
        raise ValueError(f"a table of at least two problems by two seeds is needed, not {y.shape}")
    n, k = y.shape
    mean = float(y.mean())
    rows, columns = y.mean(axis=1), y.mean(axis=0)
    of_problems = k * float(((rows - mean) ** 2).sum()) / (n - 1)
    of_seeds = n * float(((columns - mean) ** 2).sum()) / (k - 1)
    rest = y - rows[:, None] - columns[None, :] + mean
    residual = float((rest**2).sum()) / ((n - 1) * (k - 1))
    raw = ((of_problems - residual) / k, (of_seeds - residual) / n, residual)
    shown = tuple(max(0.0, component) for component in raw)
    return Decomposition(shown[0], shown[1], shown[2], mean, n, n * k, raw)


def nested(outcomes: Sequence[float] | Floats, problems: Sequence[Hashable]) -> Decomposition:
    r"""One-way random effects: attempts nested in problems, whose number may differ (Shrout & Fleiss 1979, case 1).

    :math:`\sigma^2_P = (MS_B - MS_W)/k_0` with
    :math:`k_0 = (N - \sum_i k_i^2 / N)/(n - 1)` (Searle, Casella & McCulloch 1992, section 3.6) and
    :math:`\sigma^2_R = MS_W`, which then holds the seeds too.

    Args:
        outcomes: One per attempt.
        problems: The problem of each.

    Raises:
        ValueError: Fewer than two problems, no problem with two attempts, or rows of different lengths.
    """
    y = np.asarray(outcomes, dtype=np.float64)
    if y.size != len(problems):
        raise ValueError(f"{y.size} outcomes of {len(problems)} problems: one each is needed")
    groups = [y[members] for members in by_cluster(problems)]
    n, total = len(groups), y.size
    if n < 2 or total == n:
        raise ValueError("at least two problems are needed, one of them with two attempts")
    mean = float(y.mean())
    sizes = np.asarray([group.size for group in groups], dtype=np.float64)
    between = float(sum(group.size * (group.mean() - mean) ** 2 for group in groups)) / (n - 1)
    within = float(sum(((group - group.mean()) ** 2).sum() for group in groups)) / (total - n)
    size = (total - float((sizes**2).sum()) / total) / (n - 1)
    raw = ((between - within) / size, math.nan, within)
    return Decomposition(max(0.0, raw[0]), math.nan, within, mean, n, total, raw)


__all__ = ["Decomposition", "crossed", "nested"]
