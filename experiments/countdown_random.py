"""Random plans with a verifier on the published Countdown puzzles: what a verifier alone is worth.

Countdown is deceptive, so this control is the figure to beat: a method that asks the verifier as often and solves no
more has gained nothing from its proposals. Each puzzle gets plans drawn by the family's `random_plan` (steps by the
rules, target left to luck) until one reaches the target or the verifier calls are spent. Every such plan keeps to the
rules by construction, so one verifier call is one look at its result; with ``--check`` that many plans of each set go
through the family's real verifiers too, and any disagreement ends the run.

Run: ``python -m planneal.experiments.countdown_random --data DIR --calls 1,10,100,1000 --seed 0``, where DIR holds
``countdown/*.jsonl`` and ``game24/24.csv`` as published.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..planner.notation import parse_plan
from ..planner.witnesses import GOAL
from .families.base import Gold, Problem
from .families.countdown import FAMILY, plan_text, rules_of
from .families.countdown_moves import random_moves
from .loaders.base import PublicSet
from .loaders.puzzles import CountdownSet, Game24Set
from .statistics import wilson

GAME24_RANKS = slice(900, 1000)
"""The puzzles that papers report on."""


class Puzzles(NamedTuple):
    """A set to be measured."""

    name: str
    problems: Sequence[Problem[Gold]]


def puzzles(data: Path, rows: int) -> list[Puzzles]:
    """The published sets, their first rows.

    Args:
        data: Folder with ``countdown`` and ``game24``.
        rows: Most puzzles of each, 0 for all.
    """
    limit = rows or None
    sets: list[tuple[str, PublicSet[Gold], Path]] = [
        (f"Countdown-{n}", CountdownSet(), data / "countdown" / f"cd{n}.jsonl") for n in (3, 4, 5)
    ]
    found = [Puzzles(name, loader.read(path, limit=limit)) for name, loader, path in sets]
    twenty_four = Game24Set().read(data / "game24")[GAME24_RANKS]
    return [*found, Puzzles("Game of 24, ranks 901-1000", twenty_four[:limit])]


def first_hits(problems: Sequence[Problem[Gold]], calls: int, seed: int) -> list[int]:
    """For each puzzle the number of the first random plan that reaches the target, or 0 where none of `calls` does."""
    found: list[int] = []
    for index, problem in enumerate(problems):
        rules = rules_of(problem.public)
        rng = np.random.default_rng([seed, index])
        hits = (call for call in range(1, calls + 1) if random_moves(rng, rules)[-1].value == rules.aim)
        found.append(next(hits, 0))
    return found


async def disagreements(problems: Sequence[Problem[Gold]], count: int, seed: int) -> int:
    """How many of `count` random plans the real verifiers judge otherwise than by their last value."""
    found = 0
    rng = np.random.default_rng([seed, 2**31])
    for index in range(count):
        problem = problems[index % len(problems)]
        rules = rules_of(problem.public)
        moves = random_moves(rng, rules)
        plan, task = parse_plan(plan_text(rules, moves)), FAMILY.task(problem.public)
        passed = True
        for verifier in FAMILY.verifiers(problem.public):
            assessment = await verifier.assess(task, plan)
            passed = passed and assessment.abstained is None and not assessment.failures
            passed = passed and all(v.outcome == "pass" for i, v in assessment.verdicts.items() if i == GOAL)
        found += passed != (moves[-1].value == rules.aim)
    return found


def main() -> None:
    """Reads the options and prints one line for each set and number of calls."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with countdown/ and game24/")
    parser.add_argument("--calls", default="1,10,100,1000", help="numbers of verifier calls for each puzzle")
    parser.add_argument("--rows", type=int, default=0, help="puzzles of each set, 0 for all")
    parser.add_argument("--check", type=int, default=20, help="random plans of each set that real verifiers judge too")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    budgets = sorted(int(calls) for calls in options.calls.split(","))
    print("countdown is deceptive: distance to the target misleads; random plans with a verifier:")
    for name, problems in puzzles(options.data, options.rows):
        differing = asyncio.run(disagreements(problems, options.check, options.seed))
        if differing:
            raise SystemExit(f"{name}: the verifiers judge {differing} of {options.check} plans otherwise")
        hits = first_hits(problems, budgets[-1], options.seed)
        for calls in budgets:
            solved = sum(0 < hit <= calls for hit in hits)
            low, high = wilson(solved, len(hits))
            print(f"| {name} | {calls} | {solved}/{len(hits)} | {solved / len(hits):.1%} | {low:.1%} to {high:.1%} |")


if __name__ == "__main__":
    main()
