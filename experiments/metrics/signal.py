"""Do the verifiers tell good plans from bad ones, and does the search listen to them?

- *AUROC* of the energy (sign turned) or of a verifier's goal score against gold validity: the chance that a valid plan
  looks better than an invalid one. 0.5 is no signal.
- *Rank correlation* of energy and gold: Spearman, with gold a validity (0, 1) or a degree; negative is good, since low
  energy is to mean right.
- *Acceptance by temperature*: where a falling temperature does anything, acceptance of what is worse falls with it.

Whether the chain differs from a random walk is tested in :mod:`~.walk`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from ...planner.verdicts import Assessment
from ...planner.witnesses import GOAL
from ...verifiers.scoring import Interval, wilson
from ..statistics import Estimate, clustered_auroc, clustered_spearman
from .events import StepEvent


class Scored(NamedTuple):
    """A plan's score beside the truth.

    Attributes:
        problem: The problem.
        energy: The plan's energy, lower is better.
        valid: Whether whoever follows it gets a right answer, by the family's grader.
    """

    problem: Hashable
    energy: float
    valid: bool


class Signal(NamedTuple):
    """How well energy tells valid plans.

    Attributes:
        auroc: Chance that a valid plan has the lower energy, ties counting half.
        correlation: Spearman's correlation of energy and validity; negative is good.
        plans: How many plans.
        valid: How many of them are valid.
    """

    auroc: Estimate
    correlation: Estimate
    plans: int
    valid: int


def signal(plans: Sequence[Scored], *, rng: np.random.Generator, draws: int = 1_000) -> Signal:
    """Energy against gold validity over plans of many problems, with intervals over problems.

    Plans of different problems are ranked together: an energy that only tells easy problems from hard ones will score
    too. :func:`within` leaves that out.

    Args:
        plans: Drafts, proposals or finals; say which, for the best of many is no sample of them.
        rng: Randomness of the intervals.
        draws: Resamples.

    Raises:
        ValueError: No plans, or an energy that is not a number.
    """
    energies = [plan.energy for plan in plans]
    labels = [plan.valid for plan in plans]
    names = [plan.problem for plan in plans]
    area = clustered_auroc([-energy for energy in energies], labels, names, rng=rng, draws=draws)
    rank = clustered_spearman(energies, [float(label) for label in labels], names, rng=rng, draws=draws)
    return Signal(area, rank, len(plans), sum(labels))


def within(plans: Sequence[Scored]) -> tuple[float, int]:
    """AUROC over pairs of plans of the *same* problem, which is what a search compares; and how many pairs.

    NaN where no problem has both a valid and an invalid plan.
    """
    groups: dict[Hashable, tuple[list[float], list[float]]] = {}
    for plan in plans:
        groups.setdefault(plan.problem, ([], []))[not plan.valid].append(plan.energy)
    won, pairs = 0.0, 0
    for good, bad in groups.values():
        a, b = np.asarray(good)[:, None], np.asarray(bad)[None, :]
        won += float((a < b).sum() + 0.5 * (a == b).sum())
        pairs += len(good) * len(bad)
    return (won / pairs if pairs else math.nan), pairs


def goal_score(assessment: Assessment) -> float:
    """A verifier's score of the goal; NaN where it abstained or says nothing about it. Leave those out, and say so."""
    verdict = assessment.verdicts.get(GOAL)
    return math.nan if verdict is None else verdict.score


class Bin(NamedTuple):
    """Steps within a range of temperature.

    Attributes:
        low: Lowest temperature.
        high: Highest.
        steps: Judged steps.
        accepted: Share accepted, of all judged.
        interval: Its 95% Wilson interval (steps of one chain are not independent: it is too narrow).
        worse: Steps to a higher energy.
        worse_accepted: Share accepted of those, NaN where there are none.
    """

    low: float
    high: float
    steps: int
    accepted: float
    interval: Interval
    worse: int
    worse_accepted: float


def acceptance(events: Sequence[StepEvent], bins: int = 5) -> list[Bin]:
    """Acceptance rate by temperature, from cold to hot, in bins of equally many steps.

    Steps at one temperature stay in one bin, so there may be fewer bins. Steps that never came to be decided (nothing
    proposed, malformed, invalid, unchanged) are left out.

    Args:
        events: Steps, of as many chains as there are.
        bins: Most bins.
    """
    undecided = {"no_proposal", "malformed", "invalid", "unchanged", "reused_id", "no_room", "nan"}
    judged = sorted((e for e in events if e.decision not in undecided), key=lambda event: event.temperature)
    groups: list[list[StepEvent]] = []
    size = max(1, -(-len(judged) // max(1, bins)))
    for event in judged:
        if groups and (len(groups[-1]) < size or groups[-1][-1].temperature == event.temperature):
            groups[-1].append(event)
        else:
            groups.append([event])
    return [_bin(group) for group in groups]


def _bin(group: Sequence[StepEvent]) -> Bin:
    taken = sum(event.accepted for event in group)
    # A proposal that was rejected before all had judged it was rejected because it was worse already.
    worse = [e for e in group if (e.drop is not None and e.drop < 0) or (e.drop is None and not e.accepted)]
    return Bin(
        low=group[0].temperature,
        high=group[-1].temperature,
        steps=len(group),
        accepted=taken / len(group),
        interval=wilson(taken, len(group)),
        worse=len(worse),
        worse_accepted=sum(event.accepted for event in worse) / len(worse) if worse else math.nan,
    )


__all__ = ["Bin", "Scored", "Signal", "acceptance", "goal_score", "signal", "within"]
