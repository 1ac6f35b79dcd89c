"""A card per verifier: what its word is worth on labelled plans, and what it costs."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ..planner.ledger import Usage
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Outcome
from ..planner.verifier import Verifier
from .scoring import Interval, auroc, bootstrap, calibration_error, wilson


class Labelled(NamedTuple):
    """A plan whose items are known to be right or wrong, by id; ``goal`` for the plan as a whole."""

    task: Task
    plan: Plan
    labels: Mapping[str, bool]


class Observations(BaseModel):
    """What a verifier said of labelled items; ``unknown`` and abstentions have no score that means anything.

    Attributes:
        scores: Scores of the passes and fails.
        labels: Whether each of these items was right.
        outcomes: ``pass`` or ``fail`` of each.
        plans: Number of the plan of each.
        unknown: Labelled items whose verdict was ``unknown``.
        silent: Labelled items without a verdict, those of abstentions included.
        assessments: Plans shown.
        abstained: Plans on which the verifier abstained.
        usage: What all of it cost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    scores: tuple[float, ...]
    labels: tuple[bool, ...]
    outcomes: tuple[Outcome, ...]
    plans: tuple[int, ...]
    unknown: int
    silent: int
    assessments: int
    abstained: int
    usage: Usage


class Rate(BaseModel):
    """A share with its 95% interval; ``of`` is what it is a share of (0: nothing is known)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    value: float | None
    low: float | None
    high: float | None
    of: int

    @classmethod
    def counted(cls, hits: int, trials: int) -> Rate:
        """A proportion with its Wilson interval; the items of one plan are counted as if they were independent."""
        found = wilson(hits, trials)
        return cls(value=hits / trials if trials else None, low=found.low, high=found.high, of=trials)

    @classmethod
    def measured(cls, value: float, interval: Interval, of: int) -> Rate:
        """A statistic with a bootstrap interval; None where it is not defined."""
        shown = [None if math.isnan(number) else number for number in (value, *interval)]
        return cls(value=shown[0], low=shown[1], high=shown[2], of=of)

    def __str__(self) -> str:
        if self.value is None or self.low is None or self.high is None:
            return f"not known ({self.of})"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] of {self.of}"


class Card(BaseModel):
    """What a verifier's word is worth, measured.

    Attributes:
        verifier: Name.
        version: Version.
        trust: ``exact`` or ``noisy``, as it claims.
        stage: Cost class, as it claims.
        plans: Plans it was shown.
        auroc: Probability that a right item scores above a wrong one.
        calibration_error: Expected calibration error, ten bins.
        false_pass: Share of the wrong items that passed.
        false_fail: Share of the right items that failed.
        silent: Share of the labelled items without a pass or a fail.
        abstained: Share of the plans on which it abstained.
        tokens: Tokens per plan.
        calls: Model calls per plan.
        seconds: Seconds per plan, inside the model and out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    verifier: str
    version: str
    trust: str
    stage: int
    plans: int = Field(ge=0)
    auroc: Rate
    calibration_error: Rate
    false_pass: Rate
    false_fail: Rate
    silent: Rate
    abstained: Rate
    tokens: float
    calls: float
    seconds: float

    def text(self) -> str:
        """The card for people; intervals are 95%."""
        lines = [
            f"{self.verifier} (version {self.version}, {self.trust}, stage {self.stage}), on {self.plans} plans",
            f"  AUROC              {self.auroc}",
            f"  calibration error  {self.calibration_error}",
            f"  false passes       {self.false_pass}",
            f"  false fails        {self.false_fail}",
            f"  no verdict         {self.silent}",
            f"  abstained          {self.abstained}",
            f"  cost per plan      {self.tokens:.1f} tokens, {self.calls:.2f} calls, {self.seconds:.4f} s",
        ]
        if self.trust == "exact" and (self.false_pass.low or 0) > 0:
            lines.append("  It claims to be exact and passes what is wrong: do not let it decide.")
        return "\n".join(lines)


async def observe(
    verifier: Verifier,
    labelled: Sequence[Labelled],
    *,
    draw: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Observations:
    """Shows a verifier labelled plans, without a cache, one after the other.

    Args:
        verifier: The verifier, bound to its model.
        labelled: The plans.
        draw: Number of the draw.
        clock: Seconds.
    """
    rows: list[tuple[float, bool, Outcome, int]] = []
    unknown = silent = abstained = 0
    usage = Usage()
    for number, (task, plan, labels) in enumerate(labelled):
        found = await verifier.assess(task, plan, draw=draw, clock=clock)
        usage += found.usage
        abstained += found.abstained is not None
        for item_id, right in labels.items():
            verdict = found.verdicts.get(item_id)
            if verdict is None:
                silent += 1
            elif verdict.outcome == "unknown":
                unknown += 1
            else:
                rows.append((verdict.score, right, verdict.outcome, number))
    return Observations(
        scores=tuple(row[0] for row in rows),
        labels=tuple(row[1] for row in rows),
        outcomes=tuple(row[2] for row in rows),
        plans=tuple(row[3] for row in rows),
        unknown=unknown,
        silent=silent,
        assessments=len(labelled),
        abstained=abstained,
        usage=usage,
    )


def card(verifier: Verifier, seen: Observations, *, rng: np.random.Generator, draws: int = 500) -> Card:
    """The card of a verifier from what it said.

    Args:
        verifier: Whose card it is.
        seen: What :func:`observe` gave.
        rng: For the bootstrap intervals of AUROC and calibration error, which resample plans.
        draws: Resamples.
    """
    none = Interval(math.nan, math.nan)
    kinds = {"auroc": auroc, "calibration_error": calibration_error}
    measured: dict[str, Rate] = {}
    for name, statistic in kinds.items():
        if not seen.scores:
            measured[name] = Rate.measured(math.nan, none, 0)
            continue
        value = statistic(seen.scores, seen.labels)
        interval = bootstrap(statistic, seen.scores, seen.labels, seen.plans, rng=rng, draws=draws)
        measured[name] = Rate.measured(value, none if math.isnan(value) else interval, len(seen.scores))
    passed = [label for label, outcome in zip(seen.labels, seen.outcomes, strict=True) if outcome == "pass"]
    failed = [label for label, outcome in zip(seen.labels, seen.outcomes, strict=True) if outcome == "fail"]
    without = seen.unknown + seen.silent
    plans = max(1, seen.assessments)
    return Card(
        verifier=verifier.name,
        version=verifier.version,
        trust=verifier.trust,
        stage=verifier.stage,
        plans=seen.assessments,
        **measured,
        false_pass=Rate.counted(passed.count(False), seen.labels.count(False)),
        false_fail=Rate.counted(failed.count(True), seen.labels.count(True)),
        silent=Rate.counted(without, without + len(seen.scores)),
        abstained=Rate.counted(seen.abstained, seen.assessments),
        tokens=seen.usage.tokens / plans,
        calls=seen.usage.calls / plans,
        seconds=(seen.usage.verifier_seconds + seen.usage.seconds) / plans,
    )


__all__ = ["Card", "Labelled", "Observations", "Rate", "card", "observe"]
