"""What is to be done: problems x methods x budgets x seeds, each with a random stream of its own, in a fair order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from .records import Cell

__all__ = ["Job", "work_list"]


@dataclass(frozen=True)
class Job:
    """One cell to be filled.

    Attributes:
        index: Number of the problem in the run.
        cell: What the attempt will be known by.
        run_seed: Seed of the run.
    """

    index: int
    cell: Cell
    run_seed: int

    def rng(self) -> np.random.Generator:
        """The cell's random stream, made of the run's seed, the problem's number, the method's name and the seed.

        Not of the budget: at a larger budget an anytime method draws the same numbers and goes on where it ended at a
        smaller one, so a ladder is nested and differences along it are not blurred by luck. Not of the other methods
        either: a run of fewer of them gives the same attempts.
        """
        name = hashlib.sha256(self.cell.method.encode()).digest()[:16]
        words = np.frombuffer(name, dtype="<u4").tolist()
        key = (self.index, *words, self.cell.seed)
        return np.random.default_rng(np.random.SeedSequence(self.run_seed, spawn_key=key))


def work_list(
    problems: Sequence[str], methods: Sequence[tuple[str, bool]], budgets: Sequence[int], seeds: int, run_seed: int
) -> Iterator[Job]:
    """All cells, in an order in which a run can be broken off anywhere.

    Seed by seed, problem by problem; all methods and budgets of a problem stand together, so that whatever is done
    compares the methods on the same problems. Which method goes first changes from problem to problem.

    Args:
        problems: The problems' ids, in order.
        methods: Names, and whether each is seeded; others run once, with seed 0.
        budgets: Caps on total tokens.
        seeds: How many seeds.
        run_seed: Seed of the run.
    """
    for seed in range(seeds):
        chosen = [name for name, seeded in methods if seeded or seed == 0]
        for index, problem in enumerate(problems):
            first = index % max(1, len(chosen))
            for budget in sorted(budgets):
                for method in (*chosen[first:], *chosen[:first]):
                    yield Job(index, Cell(problem, method, budget, seed), run_seed)
