r"""Is the chain distinguishable from a random walk?

**Statistic.** The energy that accepted steps take off, :math:`D_j = \sum_{t \in \text{accepted}} (E_t - E'_t)`,
summed over each chain *j*, and :math:`T = \sum_j D_j`. **Null hypothesis.** Acceptance is blind to the energy and there
is no drift: every :math:`D_j` is as likely to have the other sign. **Test.** One-sided sign-flip permutation over
chains, :math:`p = P(\sum_j \pm D_j \ge T)`, the pattern seen counted as one of the draws. Chains are flipped as a
whole because steps of one are not independent: what went up comes down again.

Three things that it does not say. A walk that is blind but starts from a bad plan also comes down (regression towards
the mean), so :func:`against` compares with a blind control that started from the same plans: that is the fair test.
With a noisy verifier the energies that were accepted are the lucky ones; judge the ends afresh before believing a drop.
And a chain that follows a deceptive energy passes with flying colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...planner.errors import ConfigError
from ..statistics import Interval, clustered_mean, paired_difference, sign_flip
from .events import StepEvent

Chain = Sequence[StepEvent]
LEAST_CHAINS = 5
"""With fewer chains no pattern of signs reaches 5%: there are only 2 to the number of chains."""


class Walk(NamedTuple):
    """Whether a search is told from a walk.

    Attributes:
        drop: Mean energy taken off per chain; above 0 is downhill.
        interval: Its 95% interval over chains.
        p: Chance of so great a drop of a blind walk.
        chains: How many chains.
        steps: Accepted steps whose energies are known.
        unknown: Accepted steps whose energies are not known; they are left out.
    """

    drop: float
    interval: Interval
    p: float
    chains: int
    steps: int
    unknown: int


def drops(chains: Sequence[Chain]) -> NDArray[np.float64]:
    """The energy that each chain's accepted steps took off; shape ``(chains,)``."""
    taken = ([e.drop for e in chain if e.accepted and e.drop is not None] for chain in chains)
    return np.asarray([sum(found) for found in taken], dtype=np.float64)


def walk(chains: Sequence[Chain], *, rng: np.random.Generator, draws: int = 10_000) -> Walk:
    """Tests the accepted steps of several chains against blind ones.

    Args:
        chains: Events of each chain, one chain per problem.
        rng: Randomness.
        draws: Patterns of signs, and resamples.

    Raises:
        ConfigError: Fewer than five chains.
    """
    _enough(len(chains))
    found = drops(chains)
    taken = [event for chain in chains for event in chain if event.accepted]
    unknown = sum(event.drop is None for event in taken)
    interval = clustered_mean(found, range(found.size), rng=rng, draws=draws).interval
    p = _one_sided(found, rng, draws)
    return Walk(float(found.mean()), interval, p, len(chains), len(taken) - unknown, unknown)


def _one_sided(found: NDArray[np.float64], rng: np.random.Generator, draws: int) -> float:
    observed = found.sum() - 1e-12 * np.abs(found).sum()  # sums in another order must not decide
    signs = rng.integers(2, size=(draws, found.size), dtype=np.int8) * 2.0 - 1.0
    return float((1 + int((signs @ found >= observed).sum())) / (1 + draws))


class Against(NamedTuple):
    """A search beside a blind control on the same problems.

    Attributes:
        difference: Mean drop of the search less that of the control, per chain.
        interval: Its 95% interval over problems.
        p: Two-sided p-value, by flips of the signs of the differences.
        chains: How many pairs.
    """

    difference: float
    interval: Interval
    p: float
    chains: int


def against(
    chains: Sequence[Chain], control: Sequence[Chain], *, rng: np.random.Generator, draws: int = 10_000
) -> Against:
    """Tests chains against a control that accepts blindly, from the same plans and with as many steps.

    Args:
        chains: Events of the search, one chain per problem.
        control: Events of the control, problem by problem in the same order.
        rng: Randomness.
        draws: Patterns of signs, and resamples.

    Raises:
        ConfigError: Fewer than five chains, or not as many of each.
    """
    if len(chains) != len(control):
        raise ConfigError(f"{len(chains)} chains and {len(control)} of the control: one for one is needed")
    _enough(len(chains))
    one, other = drops(chains), drops(control)
    interval = paired_difference([float(d) for d in one], [float(d) for d in other], rng=rng, draws=draws)
    return Against(float((one - other).mean()), interval, sign_flip(one - other, rng=rng, draws=draws), len(chains))


def _enough(chains: int) -> None:
    if chains < LEAST_CHAINS:
        raise ConfigError(f"{chains} chains cannot be told from a walk by their signs; give at least {LEAST_CHAINS}")


__all__ = ["LEAST_CHAINS", "Against", "Chain", "Walk", "against", "drops", "walk"]
