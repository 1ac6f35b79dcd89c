"""Would it say the same again? Variance of right-or-wrong split into problem, seed and residual, beside flips.

The residual is what a user sees as fickleness: same problem, another draw. A method can gain accuracy and lose
stability; both are to be read together.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from ..statistics import Decomposition, Estimate, crossed, nested
from .accuracy import flip_rate, mean_pass_hat_k


class Stability(NamedTuple):
    """How stable a method is.

    Attributes:
        variance: Components by problem, seed and residual; crossed where each problem was tried once with each seed,
            else nested, with the seed in the residual.
        flips: Chance that two attempts at a problem differ.
        all_right: pass^k with k the fewest attempts at any problem.
        k: That k.
    """

    variance: Decomposition
    flips: Estimate
    all_right: Estimate
    k: int


def stability(
    rights: Sequence[bool],
    problems: Sequence[Hashable],
    seeds: Sequence[int],
    *,
    rng: np.random.Generator,
    draws: int = 2_000,
) -> Stability:
    """Splits the variance of one method's outcomes at one budget.

    Args:
        rights: Right or wrong, attempt by attempt.
        problems: The problem of each.
        seeds: The seed of each.
        rng: Randomness of the intervals.
        draws: Resamples.

    Raises:
        ValueError: Rows of different lengths, fewer than two problems, or a problem with a single attempt.
    """
    table = crossed_table(rights, problems, seeds)
    values = [float(right) for right in rights]
    counts: dict[Hashable, int] = {}
    for problem in problems:
        counts[problem] = counts.get(problem, 0) + 1
    k = min(counts.values(), default=0)
    return Stability(
        variance=crossed(table) if table is not None else nested(values, problems),
        flips=flip_rate(rights, problems, rng=rng, draws=draws),
        all_right=mean_pass_hat_k(rights, problems, max(1, k), rng=rng, draws=draws),
        k=k,
    )


def crossed_table(
    rights: Sequence[bool], problems: Sequence[Hashable], seeds: Sequence[int]
) -> list[list[float]] | None:
    """Outcomes as a table of problems by seeds; None where a cell is empty or holds several, or a side has one entry.

    Raises:
        ValueError: Rows of different lengths.
    """
    cells: dict[tuple[Hashable, int], float] = {}
    for right, problem, seed in zip(rights, problems, seeds, strict=True):
        cells[problem, seed] = float(right)
    rows, columns = list(dict.fromkeys(problems)), sorted(set(seeds))
    if len(cells) != len(rights) or len(cells) != len(rows) * len(columns) or min(len(rows), len(columns)) < 2:
        return None
    table = np.full((len(rows), len(columns)), math.nan)
    for i, problem in enumerate(rows):
        for j, seed in enumerate(columns):
            table[i, j] = cells[problem, seed]
    return [[float(cell) for cell in row] for row in table]


__all__ = ["Stability", "crossed_table", "stability"]
