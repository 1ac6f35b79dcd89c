"""Training problems of every family, easy and hard mixed: from the `train` half of the seed space unless asked.

Sizes are drawn evenly over what each family's levels span, so that a level's share of the trees does not decide what is
learnt; held-out structures of `code` and `tools` are no part of the `train` half at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..families import arithmetic, countdown
from ..families.base import Problem, Split
from ..families.code.problem import Difficulty as CodeDifficulty
from ..families.registry import family
from ..families.relations import BASIC, Kind
from ..families.schedule.counting import first_order
from ..families.schedule.drawing import Difficulty as ScheduleDifficulty
from ..families.schedule.problem import ScheduleGold, SchedulePublic
from ..families.schedule.rules import parse_rule
from ..families.tools.draw import Difficulty as ToolsDifficulty

__all__ = ["DRAWS", "QUANTITIES", "Key", "draw_problem", "opened", "problem_of"]

QUANTITIES = (4, 24)
"""Smallest and largest number of quantities of `arithmetic` where everything is open."""


class Key(NamedTuple):
    """What brings a training problem back.

    Attributes:
        seed: Its seed.
        difficulty: Seed of the draw of its difficulty.
        reach: How much of the span of sizes was open, in per cent.
    """

    seed: int
    difficulty: int
    reach: int = 100


def opened(low: int, high: int, reach: float) -> int:
    """The largest size where a share of the span from `low` to `high` is open."""
    return low + round((high - low) * reach)


def _size(rng: np.random.Generator, low: int, high: int, reach: float) -> int:
    """A size from `low` to `high`, evenly, or up to a share of that span."""
    return int(rng.integers(low, opened(low, high, reach) + 1))


def _arithmetic(rng: np.random.Generator, reach: float) -> arithmetic.Difficulty:
    quantities = _size(rng, *QUANTITIES, reach)
    return arithmetic.Difficulty(quantities=quantities, kinds=tuple(Kind) if rng.random() < 0.55 else BASIC)


def _schedule(rng: np.random.Generator, reach: float) -> ScheduleDifficulty:
    items = _size(rng, 5, 11, reach)
    rules = int(rng.integers(4, max(6, 2 * items - 4)))
    most = max(8, 4 * items - 16) if rules >= 2 * items - 6 else None
    return ScheduleDifficulty(items=items, constraints=rules, solutions=most, locked="any")


def _tools(rng: np.random.Generator, reach: float) -> ToolsDifficulty:
    low = _size(rng, 2, 8, reach)
    return ToolsDifficulty(
        calls=(low, low + 1),
        writes=float(rng.uniform(0.2, 0.5)),
        constraints=_size(rng, 0, 3, reach),
        spare_facts=_size(rng, 1, 5, reach),
        spare_tools=_size(rng, 1, 4, reach),
    )


def _code(rng: np.random.Generator, reach: float) -> CodeDifficulty:
    return CodeDifficulty(
        operations=_size(rng, 1, 6, reach),
        rules=int(rng.integers(0, 4)),
        invariants=int(rng.integers(0, 2)),
        distractors=int(rng.integers(0, 6)),
        shuffled=bool(rng.random() < 0.4),
        locked=bool(rng.random() < 0.2),
    )


def _countdown(rng: np.random.Generator, reach: float) -> countdown.Difficulty:
    numbers = _size(rng, 3, 5, reach)
    largest = int(rng.choice((20, 50, 99)))
    return countdown.Difficulty(numbers=numbers, largest=largest, largest_result=999 if numbers < 5 else 9999)


DRAWS: Mapping[str, Callable[[np.random.Generator, float], Any]] = {
    "arithmetic": _arithmetic,
    "schedule": _schedule,
    "tools": _tools,
    "code": _code,
    "countdown": _countdown,
}
"""How the difficulty of a training problem is drawn, by family."""


def problem_of(name: str, key: Key, split: Split = Split.TRAIN) -> Problem[Any]:
    """The problem of a family with this key; one to train on unless the other half of the seed space is asked for."""
    rng = np.random.default_rng(np.random.SeedSequence((key.difficulty, 11)))
    problem = family(name).generate(key.seed, DRAWS[name](rng, key.reach / 100), split)
    return _settled(problem) if name == "schedule" and split is Split.TRAIN else problem


def _settled(problem: Problem[ScheduleGold]) -> Problem[ScheduleGold]:
    """The same schedule with the first of its orders for gold.

    Which of the orders that keep all rules was hidden cannot be told from the question: what cannot be learnt is no
    good to train on. The first one, the things tried as they are listed, can be worked out place by place.
    """
    public, gold = problem.public, problem.gold
    assert isinstance(public, SchedulePublic)
    rules = [rule for rule in map(parse_rule, gold.checks) if rule is not None]
    order = first_order(public.entries, rules)
    assert order is not None
    steps = [item for item in gold.plan.split("\n") if not item.startswith("S")]
    plan = "\n".join([*steps, *(f"S{n}: {name}" for n, name in enumerate(order, start=1))])
    return problem.model_copy(update={"gold": gold.model_copy(update={"order": order, "plan": plan})})


def draw_problem(
    rng: np.random.Generator, name: str, reach: float = 1.0, split: Split = Split.TRAIN
) -> tuple[Problem[Any], Key]:
    """A problem of any difficulty that training draws from, and what brings it back.

    A difficulty that leaves a family no room (a schedule's rules may be too many for its things) is drawn anew.

    Args:
        rng: Source of the draws.
        name: The family.
        reach: How much of the span of sizes is open.
        split: Which half of the seed space.
    """
    while True:
        key = Key(int(rng.integers(2**62)), int(rng.integers(2**31)), round(100 * reach))
        try:
            return problem_of(name, key, split), key
        except (RuntimeError, ValueError):
            continue
