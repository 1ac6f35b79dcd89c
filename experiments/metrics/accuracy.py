r"""Right or wrong: accuracy, and what repeated attempts make of it.

With *n* attempts at a problem of which *c* are right, and *k* drawn from them without replacement:

- pass@k :math:`= 1 - \binom{n-c}{k} / \binom{n}{k}`: at least one is right (Chen et al. 2021, *Evaluating large
  language models trained on code*; unbiased). It needs someone who knows which: a ceiling, not an accuracy.
- pass^k :math:`= \binom{c}{k} / \binom{n}{k}`: all are right (Yao et al. 2024, *tau-bench*). What a user feels who asks
  the same thing again.
- flip rate :math:`= c(n-c) / \binom{n}{2}`: two attempts differ, the one right and the other wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from ..statistics import Estimate, by_cluster, clustered_mean


def _checked(n: int, c: int, k: int) -> None:
    if not 0 <= c <= n or not 1 <= k <= n:
        raise ValueError(f"{k} of {n} attempts, {c} of them right: these counts cannot be")


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that at least one of k attempts is right.

    Args:
        n: Attempts made.
        c: Right ones among them.
        k: Attempts drawn.

    Raises:
        ValueError: Counts that cannot be.
    """
    _checked(n, c, k)
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_hat_k(n: int, c: int, k: int) -> float:
    """Chance that all of k attempts are right.

    Raises:
        ValueError: Counts that cannot be.
    """
    _checked(n, c, k)
    return math.comb(c, k) / math.comb(n, k)


def flip(n: int, c: int) -> float:
    """Chance that two of n attempts differ.

    Raises:
        ValueError: Counts that cannot be, or a single attempt.
    """
    _checked(n, c, 2)
    return c * (n - c) / math.comb(n, 2)


def _mean(
    of: Callable[[int, int], float],
    rights: Sequence[bool],
    problems: Sequence[Hashable],
    rng: np.random.Generator,
    draws: int,
) -> Estimate:
    """Mean over problems of a number of its attempts and the right ones among them."""
    if len(rights) != len(problems):
        raise ValueError(f"{len(rights)} outcomes of {len(problems)} problems: one each is needed")
    found = [of(len(rows), sum(bool(rights[i]) for i in rows)) for rows in by_cluster(problems)]
    return clustered_mean(found, range(len(found)), rng=rng, draws=draws)


def accuracy(
    rights: Sequence[bool], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 10_000
) -> Estimate:
    """Mean over problems of the share of attempts that are right, with an interval over problems.

    Raises:
        ValueError: No outcomes, or not one problem for each.
    """
    return clustered_mean([float(right) for right in rights], problems, rng=rng, draws=draws)


def mean_pass_at_k(
    rights: Sequence[bool], problems: Sequence[Hashable], k: int, *, rng: np.random.Generator, draws: int = 10_000
) -> Estimate:
    """Mean of :func:`pass_at_k` over problems, with an interval.

    Raises:
        ValueError: A problem has fewer than k attempts.
    """
    return _mean(lambda n, c: pass_at_k(n, c, k), rights, problems, rng, draws)


def mean_pass_hat_k(
    rights: Sequence[bool], problems: Sequence[Hashable], k: int, *, rng: np.random.Generator, draws: int = 10_000
) -> Estimate:
    """Mean of :func:`pass_hat_k` over problems, with an interval.

    Raises:
        ValueError: A problem has fewer than k attempts.
    """
    return _mean(lambda n, c: pass_hat_k(n, c, k), rights, problems, rng, draws)


def flip_rate(
    rights: Sequence[bool], problems: Sequence[Hashable], *, rng: np.random.Generator, draws: int = 10_000
) -> Estimate:
    """Mean of :func:`flip` over problems, with an interval.

    Raises:
        ValueError: A problem has a single attempt.
    """
    return _mean(flip, rights, problems, rng, draws)


__all__ = ["accuracy", "flip", "flip_rate", "mean_pass_at_k", "mean_pass_hat_k", "pass_at_k", "pass_hat_k"]
