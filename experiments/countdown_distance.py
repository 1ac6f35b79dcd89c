"""Is Countdown deceptive? Fitness-distance correlation of random plans.

For each problem all solutions are enumerated, and random plans are drawn. *Distance* is how far a plan's result is from
the target (what the `distance` verifier sees), *edits* how many of its steps are not among those of the nearest
solution. On a kind landscape the two fall together. Plans that are solutions have no distance and no edits, whatever
the measure, so the correlation is also taken over plans that miss, and over the half of these nearest to the target,
where a search that follows the distance spends its time. The control is a measure known to be informative
there: edits to *one* fixed solution.

Run: ``python -m planneal.experiments.countdown_distance --numbers 4 --problems 60 --plans 200 --seed 0``.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from .families.countdown import FAMILY, rules_of
from .families.countdown_moves import Move, Value, all_moves, random_moves
from .families.countdown_rules import Rules

Steps = frozenset[tuple[tuple[str, Value, Value], int]]
"""The steps of a derivation by what they take, with their number: what a plan says, whatever its order and names."""


class Correlations(NamedTuple):
    """Rank correlations with the edits to the nearest solution, one for each problem.

    Attributes:
        distance: Of the result's distance to the target, over all plans.
        missing: The same over plans that miss the target.
        near: The same over the half of these nearest to it.
        control: Of the edits to one fixed solution, over that half.
        edits: Mean edits over all problems: of the tenth of the missing plans nearest to the target, and of all.
    """

    distance: list[float]
    missing: list[float]
    near: list[float]
    control: list[float]
    edits: tuple[float, float]


class Plan(NamedTuple):
    """A random plan: its distance, its edits to the nearest solution, and to one fixed solution."""

    off: float
    nearest: float
    fixed: float


def steps_of(rules: Rules, moves: Sequence[Move]) -> Steps:
    """What a derivation says."""
    pool: list[Value] = [*rules.numbers, *(move.value for move in moves)]
    said = []
    for move in moves:
        pair = (pool[move.left], pool[move.right])
        said.append((move.op, *(sorted(pair) if move.op in "+*" else pair)))
    return frozenset(Counter(said).items())


def edits(plan: Steps, solution: Steps) -> int:
    """How many steps of the plan are not among the solution's."""
    there = dict(solution)
    return sum(max(0, count - there.get(step, 0)) for step, count in plan)


def correlation(left: Sequence[float], right: Sequence[float]) -> float:
    """Spearman's rank correlation, ties at their mean rank; not a number where one side does not vary."""
    first, second = _ranks(left), _ranks(right)
    spread = float(np.std(first) * np.std(second))
    return float(np.mean((first - first.mean()) * (second - second.mean()))) / spread if spread else math.nan


def _ranks(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = np.asarray(values, dtype=np.float64)
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    ranks: np.ndarray[tuple[int], np.dtype[np.float64]] = mean_ranks[inverse].astype(np.float64)
    return ranks


def measure(numbers: int, problems: int, plans: int, seed: int) -> Correlations:
    """Draws problems and plans and correlates.

    Args:
        numbers: Numbers of each problem.
        problems: How many problems.
        plans: Random plans of each.
        seed: Seed of both.
    """
    rng = np.random.default_rng(seed)
    found = Correlations([], [], [], [], (0.0, 0.0))
    tenths: list[float] = []
    everything: list[float] = []
    for index in range(problems):
        rules = rules_of(FAMILY.generate(seed * 1_000_003 + index, FAMILY.sized(numbers)).public)
        drawn = sorted(_plans(rng, rules, plans))
        missing = [plan for plan in drawn if plan.off]
        near = missing[: len(missing) // 2]
        for kept, chosen in ((found.distance, drawn), (found.missing, missing), (found.near, near)):
            kept.append(correlation([plan.off for plan in chosen], [plan.nearest for plan in chosen]))
        found.control.append(correlation([plan.fixed for plan in near], [plan.nearest for plan in near]))
        tenths += [plan.nearest for plan in missing[: max(1, len(missing) // 10)]]
        everything += [plan.nearest for plan in missing]
    return found._replace(edits=(float(np.mean(tenths)), float(np.mean(everything))))


def _plans(rng: np.random.Generator, rules: Rules, count: int) -> list[Plan]:
    solutions = sorted({steps_of(rules, moves) for moves in all_moves(rules)}, key=sorted)
    found: list[Plan] = []
    for _ in range(count):
        moves = random_moves(rng, rules)
        said = steps_of(rules, moves)
        counts = [edits(said, solution) for solution in solutions]
        found.append(Plan(float(abs(Fraction(moves[-1].value - rules.aim))), float(min(counts)), float(counts[0])))
    return found


def main() -> None:
    """Reads the options and prints the correlations."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--numbers", type=int, default=4, help="numbers of each problem: all solutions are enumerated")
    parser.add_argument("--problems", type=int, default=60)
    parser.add_argument("--plans", type=int, default=200, help="random plans of each problem")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = measure(options.numbers, options.problems, options.plans, options.seed)
    named = {
        "distance, all plans": found.distance,
        "distance, plans that miss": found.missing,
        "distance, nearer half of these": found.near,
        "control there: edits to one solution": found.control,
    }
    print("countdown is deceptive: rank correlation with the edits to the nearest solution")
    for name, values in named.items():
        low, middle, high = np.nanpercentile(values, [25, 50, 75])
        print(f"| {name} | {middle:+.2f} | {low:+.2f} to {high:+.2f} |")
    print(f"mean edits of the tenth nearest to the target {found.edits[0]:.2f}, of all that miss {found.edits[1]:.2f}")


if __name__ == "__main__":
    main()
