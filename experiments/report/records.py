"""What a report says, as plain frozen records: numbers with their intervals and counts, and nothing to look up."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from ..statistics import Estimate, wilson

__all__ = [
    "Compared",
    "Cost",
    "Failure",
    "Link",
    "Measured",
    "Mode",
    "Outcome",
    "Point",
    "Row",
    "RunFacts",
    "Stable",
    "Substituted",
    "Value",
    "plain",
]

Outcome = Literal["better", "worse", "not told apart", "refused", "better for more", "worse for less"]
"""How the primary method fares against another one.

The last two are of unequal spends, where one of the two spends no more whatever its cap: they are no wins."""
Mode = Literal["fluff", "leakage", "ignored plan", "weak signal"]
"""The failure modes of the sketch."""
Finding = Literal["fault", "no fault", "undecided", "not measured"]
"""What is said of a failure mode; nothing is left out silently."""


class Value(NamedTuple):
    """A number with its 95% interval.

    Attributes:
        value: The number.
        low: Lower end; NaN where there is no interval.
        high: Upper end.
        n: How many it rests on.
        unit: What is counted by ``n``, in the plural.
    """

    value: float
    low: float
    high: float
    n: int
    unit: str = "problems"

    @classmethod
    def of(cls, estimate: Estimate, unit: str = "problems") -> Value:
        """The value of an estimate."""
        return cls(estimate.value, estimate.interval.low, estimate.interval.high, estimate.clusters, unit)

    @classmethod
    def share(cls, estimate: Estimate, unit: str = "problems") -> Value:
        """The value of a share: where all are alike no resample differs, and Wilson's interval takes its place."""
        made = cls.of(estimate, unit)
        if made.value not in (0.0, 1.0):
            return made
        low, high = wilson(made.n if made.value else 0, made.n)
        return made._replace(low=low, high=high)


@dataclass(frozen=True)
class RunFacts:
    """What a run is, and how much of it there is.

    Attributes:
        name: Name of its folder.
        arguments: As given to ``planneal compare``.
        meta: The file's other facts: model, hashes, version, schema.
        command: The command that made it.
        problems: Problems in the file.
        attempts: Attempts in the file.
        expected: Attempts of the finished run; None where its arguments do not tell.
    """

    name: str
    arguments: Mapping[str, Any]
    meta: Mapping[str, str]
    command: str
    problems: int
    attempts: int
    expected: int | None

    @property
    def finished(self) -> bool:
        """Whether all attempts are there."""
        return self.expected is not None and self.attempts >= self.expected


@dataclass(frozen=True)
class Point:
    """A method at one budget.

    Attributes:
        budget: Cap on total tokens.
        spend: Mean measured spend on the report's axis.
        accuracy: Mean over problems of the share of seeds that were right; bootstrap over problems.
        wilson: Wilson's interval of the same share over as many problems, rounded to whole ones.
        attempts: Attempts behind it.
    """

    budget: int
    spend: float
    accuracy: Value
    wilson: tuple[float, float]
    attempts: int


@dataclass(frozen=True)
class Measured:
    """A method's accuracy-cost curve.

    Attributes:
        method: Its name.
        kind: ``primary``, ``baseline``, ``variant``, ``ceiling`` or ``floor``.
        about: One line, empty for methods that are not registered.
        points: By ascending spend.
        falls: Stretches of spend over which the measured accuracy falls.
        missing: Why there is no curve, empty where there is one.
    """

    method: str
    kind: str
    about: str
    points: tuple[Point, ...]
    falls: tuple[tuple[float, float], ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Compared:
    """The primary method beside another at equal spend.

    Attributes:
        method: The other one.
        kind: Its kind.
        budget: The primary method's budget; both are read at what it spent there.
        spend: That spend.
        outcome: How the primary method fares, after Holm's correction.
        difference: Accuracy of the primary less that of the other; None where refused.
        accuracies: Primary and other, None where refused.
        p: Two-sided p-value, NaN where refused.
        adjusted: After Holm.
        test: ``mcnemar`` or ``sign-flip``, empty where refused.
        discordance: Mean squared difference per problem (with one seed the share of problems on which they differ).
        reason: Why it was refused, empty where it was not; of unequal spends, which of the two spends no more.
        equal: Whether both were read at the same spend.
    """

    method: str
    kind: str
    budget: int
    spend: float
    outcome: Outcome
    difference: Value | None
    accuracies: tuple[float, float] | None
    p: float
    adjusted: float
    test: str
    discordance: float
    reason: str = ""
    equal: bool = True


@dataclass(frozen=True)
class Row:
    """A mandatory row of the comparison.

    Attributes:
        asked: As the rules name it.
        method: The method that fills it.
        present: Whether it was run.
        point: Its highest budget, None where it was not run.
    """

    asked: str
    method: str
    present: bool
    point: Point | None


@dataclass(frozen=True)
class Cost:
    """What a method spent per attempt at its highest budget, by role.

    Attributes:
        method: The method.
        budget: The budget.
        tokens: Mean spend in tokens by role, at the stated weight of cached prompt tokens.
        rejected: Mean completion tokens of rejected proposals (a part of ``tokens``).
        calls: Mean calls, retries included.
        verifier_seconds: Mean seconds inside verifiers.
        seconds: Mean wall seconds.
        attempts: How many attempts.
        estimated: Of them, those whose tokens were estimated in part.
        overspent: Those that passed their budget.
        miscounted: Those whose ledger is not what the model counted.
        failed: Those that an error ended, by its name.
    """

    method: str
    budget: int
    tokens: Mapping[str, float]
    rejected: float
    calls: float
    verifier_seconds: float
    seconds: float
    attempts: int
    estimated: int
    overspent: int
    miscounted: int
    failed: Mapping[str, int]


@dataclass(frozen=True)
class Link:
    """The chain from draft to answer, of one method at one budget.

    Attributes:
        method: The method.
        budget: The budget.
        draft: Share of first plans that are right; None where there are none.
        plan: Share of final plans that are right.
        mended: Of the attempts with a wrong draft, the share whose final plan is right.
        broken: Of those with a right draft, the share whose final plan is wrong.
        given_right: Share of right answers where the final plan is right.
        given_wrong: The same where it is wrong.
    """

    method: str
    budget: int
    draft: Value | None
    plan: Value | None
    mended: Value | None
    broken: Value | None
    given_right: Value | None
    given_wrong: Value | None


@dataclass(frozen=True)
class Substituted:
    """The judged method with gold in place of one link: what that link loses.

    Attributes:
        link: Which link.
        replaced: What took its place.
        budget: Cap on total tokens, that of the whole run beside it.
        accuracy: With the gold.
        gain: That less the accuracy of the whole run on the same problems.
        p: Two-sided p-value of no gain.
        failing: Problems on which the whole run failed.
        repaired: Of them, those that are right with the gold.
        tokens: Mean tokens of an attempt.
    """

    link: str
    replaced: str
    budget: int
    accuracy: Value
    gain: Value
    p: float
    failing: int
    repaired: int
    tokens: float


@dataclass(frozen=True)
class Stable:
    """How stable a method is at one budget.

    Attributes:
        method: The method.
        budget: The budget.
        problem: Variance between problems.
        seed: Variance between seeds, NaN where it is in the residual.
        residual: What a second try changes.
        flips: Chance that two attempts at a problem differ.
        all_right: pass^k.
        k: That k.
    """

    method: str
    budget: int
    problem: float
    seed: float
    residual: float
    flips: Value
    all_right: Value
    k: int


@dataclass(frozen=True)
class Failure:
    """One failure mode, with its verdict.

    Attributes:
        mode: Which.
        finding: The verdict.
        rule: By which rule.
        said: One line on what was seen, or on why nothing was.
        numbers: What it rests on, by name.
    """

    mode: Mode
    finding: Finding
    rule: str
    said: str
    numbers: Mapping[str, Value]


def plain(value: Any) -> Any:
    """A record as JSON values: NaN and infinities, which JSON has none of, become null."""
    if isinstance(value, Value):
        return {name: plain(entry) for name, entry in value._asdict().items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, BaseModel):
        return plain(value.model_dump(mode="json"))
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
