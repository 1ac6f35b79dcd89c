"""How far a judge that only votes bends the distribution of a chain: exact stationary distributions, no sampling.

Eight plans with Bradley-Terry strengths, every plan proposed from every other alike, a judge that gains ``position``
nats for the plan shown first. For every number of votes per order the transition matrix is listed over all outcomes of
the votes, and its stationary distribution is compared by total variation with ``exp(s W / T)`` (for ``unanimous``,
whose temperature is ``W / 2m``, with ``exp(2 m s)``). ::

    python -m planneal.experiments.judge_votes
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..planner.comparison import Comparison, sigmoid
from ..verifiers.bradley_terry import both_orders, counted_log_odds

RULES = ("corrected", "uncorrected", "metropolis", "unanimous", "one order")
"""Barker with the variance counted in; without; Metropolis on the estimate; every vote; Barker, first order only."""


def taken(rule: str, ahead: int, behind: int, votes: int, temperature: float) -> float:
    """Probability that a proposal is taken after these votes.

    Args:
        rule: One of :data:`RULES`.
        ahead: Votes for the proposal where it was shown first.
        behind: Votes for the incumbent where that was shown first.
        votes: Votes per order.
        temperature: In units of the judge's weight.
    """
    front = counted_log_odds(ahead, votes)
    if rule == "one order":
        return Comparison(log_odds=front.value, variance=front.variance).probability(1.0, temperature)
    both = both_orders(front, counted_log_odds(behind, votes))
    if rule == "metropolis":
        return math.exp(min(0.0, both.strength / temperature))
    found = Comparison(
        log_odds=both.strength,
        variance=both.variance if rule == "corrected" else 0.0,
        wins=ahead + votes - behind,
        votes=2 * votes,
        unanimous=rule == "unanimous",
    )
    return found.probability(1.0, temperature)


def _binomial(successes: int, trials: int, p: float) -> float:
    return math.comb(trials, successes) * p**successes * (1 - p) ** (trials - successes)


def stationary(rule: str, strengths: Sequence[float], votes: int, temperature: float, position: float) -> list[float]:
    """The distribution that the chain settles in, exact up to linear algebra."""
    size = len(strengths)
    counts = list(itertools.product(range(votes + 1), repeat=2))
    chance = {(a, b): taken(rule, a, b, votes, temperature) for a, b in counts}
    matrix: NDArray[np.float64] = np.zeros((size, size))
    for old, new in itertools.permutations(range(size), 2):
        gap = strengths[new] - strengths[old]
        ahead, behind = sigmoid(gap + position), sigmoid(-gap + position)
        odds = (_binomial(a, votes, ahead) * _binomial(b, votes, behind) * chance[a, b] for a, b in counts)
        matrix[old, new] = math.fsum(odds) / (size - 1)
    matrix += np.diag(1.0 - matrix.sum(axis=1))
    # The left null vector of P - 1, its entries summing to one.
    system = np.vstack([matrix.T - np.eye(size), np.ones(size)])
    found = np.linalg.lstsq(system, np.append(np.zeros(size), 1.0), rcond=None)[0]
    return [float(value) for value in found]


def distance(rule: str, strengths: Sequence[float], votes: int, temperature: float, position: float) -> float:
    """Total variation between where the chain settles and where it should."""
    scale = 2.0 * votes if rule == "unanimous" else 1.0 / temperature
    weights = [math.exp(scale * strength) for strength in strengths]
    total = math.fsum(weights)
    found = stationary(rule, strengths, votes, temperature, position)
    return sum(abs(p - w / total) for p, w in zip(found, weights, strict=True)) / 2


def table(*, seed: int = 1, spread: float = 1.0) -> list[str]:
    """The table in Markdown, one row per number of votes, temperature and position."""
    strengths = np.random.default_rng(seed).normal(0.0, spread, 8).tolist()
    lines = ["| T / W | position | votes per order | " + " | ".join(RULES) + " |", "|---" * (3 + len(RULES)) + "|"]
    for temperature, position, votes in itertools.product((1.0, 0.5), (0.0, 1.0), (1, 2, 4, 8, 16)):
        found = [distance(rule, strengths, votes, temperature, position) for rule in RULES]
        shown = " | ".join(f"{value:.3f}" for value in found)
        lines.append(f"| {temperature:g} | {position:g} | {votes} | {shown} |")
    return lines


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description="Total variation of a chain whose judge only votes.")
    parser.add_argument("--seed", type=int, default=1, help="seed of the strengths")
    parser.add_argument("--spread", type=float, default=1.0, help="standard deviation of the strengths, nats")
    options = parser.parse_args()
    print(*table(seed=options.seed, spread=options.spread), sep="\n")


if __name__ == "__main__":
    main()
