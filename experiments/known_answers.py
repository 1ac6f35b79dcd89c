"""Every method beside what it must achieve: ``python -m planneal.experiments.known_answers``.

Each method runs on many cases of a world whose laws are known, at several budgets; the share that it gets right is
printed beside the computed chance with an exact interval (Clopper and Pearson 1934). The intervals hold all together
with probability 99.9%: each is taken at level 0.001 over their number.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..planner.ledger import Budget
from . import known_laws as laws
from .known_chain import geometric, refined
from .known_random import at_random
from .known_world import RIGHT, KnownModel, World
from .methods import make
from .methods.base import Method

__all__ = ["HILLY", "KNOWN", "PLAIN", "SMALL", "Known", "Row", "interval", "measure", "table"]

PLAIN = World()
HILLY = World(parts=8, part=0.6, deep=0.9, mends=0.8, breaks=0.8)
"""Many parts, and edits that break as readily as they mend: here acceptance rules differ."""
SMALL = World(parts=2, part=0.5, deep=0.9)
"""Few parts: every random edit can be enumerated."""
LEVEL = 0.001
"""Chance that any of the intervals misses."""


@dataclass(frozen=True)
class Known:
    """A method with the law of its curve.

    Attributes:
        world: Where it runs.
        budgets: At which caps.
        law: Chance of a right answer at each.
        bought: Completions by kind that each cap pays for, where they do not depend on luck.
        limit: What is capped: total tokens, or for random edits, which cost none, verifier calls.
    """

    world: World
    budgets: tuple[int, ...]
    law: Callable[[int], float]
    bought: Callable[[int], Mapping[str, int]] | None = None
    limit: str = "tokens"

    def budget(self, cap: int) -> Budget:
        """The budget of a cap."""
        return Budget.model_validate({self.limit: cap})


def _answers(budget: int) -> int:
    """Answers of best-of-N: a greedy one, then sampled ones."""
    return 1 + (laws.sampled(budget, 63, laws.EACH) if laws.asks(budget) > 1 else 0)


def _rounds(most: int) -> Callable[[int], int]:
    return lambda budget: min(most, laws.asks(budget) - 1)


def _refined(temperature: Callable[[float], float], start: float) -> Callable[[int], float]:
    return lambda budget: refined(HILLY, budget, temperature, start=start)


def _grown(budget: int) -> dict[str, int]:
    return {"draft": laws.particles(budget) * (PLAIN.parts + 2), "answer from plan": 1}


_ONCE = (300, 900, 2_000)
_PLANS = (600, 2_000, 3_000)
_SEARCHES = (2_000, 3_500, 5_500)
KNOWN: Mapping[str, Known] = {
    "direct": Known(PLAIN, _ONCE, lambda b: laws.answered(PLAIN), lambda b: {"answer": 1}),
    "direct+constraints": Known(PLAIN, _ONCE, lambda b: laws.answered(PLAIN, told=True), lambda b: {"answer": 1}),
    "longer-thought": Known(
        PLAIN, (300, 500, 1_500), lambda b: laws.thought(PLAIN, _rounds(16)(b)), lambda b: {"answer": laws.asks(b)}
    ),
    "self-consistency": Known(
        PLAIN,
        (300, 560, 700, 1_000),
        lambda b: laws.voted(PLAIN, laws.sampled(b, 64)),
        lambda b: {"answer": laws.sampled(b, 64)},
    ),
    "best-of-answers": Known(
        PLAIN, (300, 520, 900), lambda b: laws.best_answer(PLAIN, _answers(b)), lambda b: {"answer": _answers(b)}
    ),
    "self-refine": Known(PLAIN, (300, 900, 2_500), lambda b: laws.rewritten(PLAIN, min(8, (laws.asks(b) - 1) // 2))),
    "power-sampling": Known(
        PLAIN,
        (300, 700, 2_500),
        lambda b: laws.sharpened(PLAIN, _rounds(64)(b)),
        lambda b: {"answer": laws.asks(b)},
    ),
    "best-of-plans": Known(
        PLAIN,
        _PLANS,
        lambda b: laws.best_plan(PLAIN, laws.drafts(b)),
        lambda b: {"draft": laws.drafts(b), "answer from plan": 1},
    ),
    "restarts-only": Known(PLAIN, _PLANS, lambda b: laws.best_plan(PLAIN, laws.drafts(b, together=1))),
    "particle-filter": Known(PLAIN, (8_000, 18_000, 30_000), lambda b: laws.filtered(PLAIN, laws.particles(b)), _grown),
    "random-edits": Known(SMALL, (1, 2, 3), lambda b: at_random(SMALL, b)[0], limit="verifier_calls"),
    "greedy-refinement": Known(HILLY, _SEARCHES, _refined(lambda over: 0.0, 0.0)),
    "fixed-temperature": Known(HILLY, _SEARCHES, _refined(lambda over: 0.05, 0.05)),
    "planneal": Known(HILLY, _SEARCHES, _refined(geometric, 0.15)),
    "gold-plan": Known(PLAIN, _ONCE, lambda b: 1 - PLAIN.slip, lambda b: {"answer from plan": 1}),
    "shuffled-plan": Known(
        PLAIN, (600, 900, 2_000), lambda b: laws.shuffled(PLAIN), lambda b: {"draft": 1, "answer from plan": 1}
    ),
    "blanked-plan": Known(PLAIN, _ONCE, lambda b: PLAIN.guess, lambda b: {"answer from plan": 1}),
}
"""The law of every registered method."""


class Row(NamedTuple):
    """A method at a budget.

    Attributes:
        method: Its name.
        budget: The cap.
        law: The computed chance.
        right: How many were right.
        runs: Of how many.
        low: Lower end of the interval of the measured share.
        high: Upper end.
        drawn: Completions by kind, as the model counted them.
    """

    method: str
    budget: int
    law: float
    right: int
    runs: int
    low: float
    high: float
    drawn: Mapping[str, int]

    @property
    def inside(self) -> bool:
        """Whether the law lies within the interval."""
        return self.low <= self.law <= self.high


def interval(right: int, runs: int, level: float) -> tuple[float, float]:
    """The exact two-sided interval of a share (Clopper and Pearson 1934) that misses with at most this chance."""
    from scipy.stats import binomtest

    found = binomtest(right, runs).proportion_ci(1 - level, method="exact")
    return float(found.low), float(found.high)


def measure(
    name: str, runs: int, *, seed: int = 0, together: int = 1, method: Method | None = None, known: Known | None = None
) -> list[Row]:
    """Runs a method at each of its budgets.

    Args:
        name: Whose law.
        runs: Cases at each budget.
        seed: Of all methods' draws.
        together: How many intervals are to hold all together.
        method: Runs in the place of the registered method: one that is broken on purpose.
        known: Another law than the registered one.
    """
    known = known or KNOWN[name]
    rows = []
    for cap in known.budgets:
        right, drawn = asyncio.run(_right(method or make(name), known, cap, runs, seed))
        low, high = interval(right, runs, LEVEL / together)
        rows.append(Row(name, cap, known.law(cap), right, runs, low, high, drawn))
    return rows


async def _right(method: Method, known: Known, cap: int, runs: int, seed: int) -> tuple[int, Counter[str]]:
    model, budget, right = KnownModel(known.world), known.budget(cap), 0
    told = bool(getattr(method, "wants_gold", False))
    for number in range(runs):
        key = seed * runs + number
        case = known.world.told_case(key) if told else known.world.case(key)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, cap)))
        found = await method.answer(case, model, budget, rng)
        right += found.value == RIGHT
    return right, model.drawn


def table(rows: Sequence[Row]) -> str:
    """The rows as text."""
    lines = [f"{'method':20} {'budget':>7} {'law':>8} {'measured':>9}  {'interval':17} {'runs':>5}"]
    for row in rows:
        span = f"[{row.low:.4f}, {row.high:.4f}]"
        verdict = "" if row.inside else "  OUTSIDE"
        measured = row.right / row.runs
        lines.append(
            f"{row.method:20} {row.budget:7,} {row.law:8.4f} {measured:9.4f}  {span:17} {row.runs:5,}{verdict}"
        )
    return "\n".join(lines)


def main() -> None:
    """Prints the table; the exit status is 1 where a law lies outside its interval."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000, help="cases of each method at each budget")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", default="", help="names with commas between; all unless given")
    given = parser.parse_args()
    names = [name for name in given.methods.split(",") if name] or list(KNOWN)
    together = sum(len(KNOWN[name].budgets) for name in names)
    rows = [row for name in names for row in measure(name, given.runs, seed=given.seed, together=together)]
    print(table(rows))
    if not all(row.inside for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
