"""Curves, comparisons at equal spend, mandatory rows and ledgers of one group of problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from ...planner.errors import ConfigError
from ..matching import Axis, Comparison, Curve, NotComparable, compare, in_family, spend
from ..methods.registry import METHODS, about, further
from ..statistics import clustered_mean, wilson
from .links import top
from .loading import Tried, stream
from .records import Compared, Cost, Measured, Outcome, Point, Row, Value

__all__ = [
    "CEILINGS",
    "FLOORS",
    "MANDATORY",
    "PLAN_EDITS",
    "common",
    "comparisons",
    "costs",
    "curves_of",
    "kind_of",
    "measured",
    "rows_of",
]

CEILINGS = frozenset({"gold-plan"})
"""Methods that are told what none may know."""
FLOORS = frozenset({"shuffled-plan", "blanked-plan"})
"""Methods that are hindered on purpose."""
PLAN_EDITS = frozenset({"planneal", "greedy-refinement", "fixed-temperature", "random-edits"})
"""Methods that edit a plan under the verifiers; all others are what a user had without this project's loop."""
MANDATORY: tuple[tuple[str, str], ...] = (
    ("greedy AR", "direct"),
    ("AR with the constraint list in the prompt", "direct+constraints"),
    ("self-consistency", "self-consistency"),
    ("best-of-N answers, same verifiers", "best-of-answers"),
    ("best-of-N plans, same verifiers", "best-of-plans"),
    ("random edits, same verifiers", "random-edits"),
    ("greedy refinement", "greedy-refinement"),
    ("restarts only", "restarts-only"),
    ("gold-plan ceiling", "gold-plan"),
    ("shuffled-plan floor", "shuffled-plan"),
)
"""The rows that every comparison must have, as the rules name them, and the method that fills each."""
_DRAWS_EACH = 100
"""Draws for each planned comparison: the least p-value of so many draws stays below 5% after Holm's correction."""


def kind_of(method: str, primary: str) -> str:
    """``primary``, ``ceiling``, ``floor``, ``variant`` or ``baseline``.

    A method that is judged by verifiers which the primary one lacks is a variant: it is shown and compared, but the
    rules ask for baselines with the same verifiers or fewer.
    """
    if method == primary:
        return "primary"
    if not further(method) <= further(primary):
        return "variant"
    return "ceiling" if method in CEILINGS else "floor" if method in FLOORS else "baseline"


def common(rows: Sequence[Tried]) -> set[str]:
    """Problems that every method has tried at each of its budgets: those of an unfinished run that can be compared.

    Which problems these are depends on the order of work alone, never on how an attempt came out.
    """
    cells: dict[tuple[str, int], set[str]] = {}
    for row in rows:
        cells.setdefault((row.method, row.budget), set()).add(row.problem)
    return set.intersection(*cells.values()) if cells else set()


def curves_of(rows: Sequence[Tried], axis: Axis) -> dict[str, Curve | str]:
    """The curve of every method, in the registry's order, or why it has none on this axis."""
    by_method: dict[str, list[Tried]] = {}
    for row in rows:
        by_method.setdefault(row.method, []).append(row)
    order = {name: index for index, name in enumerate(METHODS)}
    found: dict[str, Curve | str] = {}
    for name in sorted(by_method, key=lambda name: (order.get(name, len(order)), name)):
        try:
            found[name] = Curve.of(by_method[name], axis)
        except ConfigError as error:
            found[name] = str(error)
    return found


def measured(curves: Mapping[str, Curve | str], primary: str, label: str, draws: int) -> tuple[Measured, ...]:
    """Every method's curve with its bands."""
    made = []
    for name, curve in curves.items():
        kind, told = kind_of(name, primary), about(name)
        if isinstance(curve, str):
            made.append(Measured(name, kind, told, (), missing=curve))
            continue
        points = []
        for point in curve.points:
            rng = stream("curve", label, name, point.budget)
            estimate = clustered_mean(point.shares, curve.problems, rng=rng, draws=draws)
            n = len(curve.problems)
            low, high = wilson(round(point.accuracy * n), n)
            points.append(
                Point(point.budget, point.spend, Value.share(estimate), (low, high), int(point.attempts.sum()))
            )
        made.append(Measured(name, kind, told, tuple(points), curve.falls))
    return tuple(made)


def comparisons(
    groups: Mapping[str, Mapping[str, Curve | str]], primary: str, draws: int
) -> dict[str, tuple[Compared, ...]]:
    """The primary method beside every other, at what it spent at each of its budgets.

    Args:
        groups: Curves by method, by group of problems.
        primary: The method that is judged.
        draws: Resamples of each interval; more where so many comparisons need smaller p-values than these can give.

    Returns:
        By group. Comparisons with baselines, over all groups and budgets together, are one family for Holm; those with
        ceilings and floors are another.
    """
    draws = max(draws, _DRAWS_EACH * _planned(groups, primary))
    found: dict[tuple[str, int, str], Comparison | NotComparable] = {}
    spread: dict[tuple[str, int, str], float] = {}
    at: dict[tuple[str, int], float] = {}
    for label, curves in groups.items():
        first = curves.get(primary)
        if not isinstance(first, Curve):
            continue
        for point in sorted(first.points, key=lambda point: point.budget):
            at[label, point.budget] = point.spend
            for name, second in curves.items():
                if name == primary or isinstance(second, str):
                    continue
                key = (label, point.budget, name)
                found[key] = compare(first, second, point.spend, rng=stream("compare", *key), draws=draws)
                spread[key] = _discordance(first, second, point.spend)
    rivals = {key: entry for key, entry in found.items() if kind_of(key[2], primary) == "baseline"}
    controls = {key: entry for key, entry in found.items() if key not in rivals}
    judged = {**in_family(rivals), **in_family(controls)}
    return {
        label: tuple(_compared(key, judged[key], primary, at[key[:2]], spread[key]) for key in found if key[0] == label)
        for label in groups
    }


def _planned(groups: Mapping[str, Mapping[str, Curve | str]], primary: str) -> int:
    """How many comparisons with baselines there will be."""
    count = 0
    for curves in groups.values():
        first = curves.get(primary)
        rivals = sum(isinstance(c, Curve) and kind_of(name, primary) == "baseline" for name, c in curves.items())
        count += len(first.points) * rivals if isinstance(first, Curve) else 0
    return count


def _discordance(first: Curve, second: Curve, at: float) -> float:
    one, other = first.read(at), second.read(at)
    if one is None or other is None or first.problems != second.problems:
        return float("nan")
    return float(np.mean((one.shares - other.shares) ** 2))


def _compared(
    key: tuple[str, int, str], entry: Comparison | NotComparable, primary: str, at: float, discordance: float
) -> Compared:
    _, budget, name = key
    kind = kind_of(name, primary)
    if isinstance(entry, NotComparable):
        nan = float("nan")
        return Compared(name, kind, budget, at, "refused", None, None, nan, nan, "", nan, entry.detail)
    outcomes: dict[str | None, Outcome] = {primary: "better", name: "worse"}
    if entry.winner is None and entry.saturated is not None:
        outcomes = {primary: "better for more", name: "worse for less"}
    outcome = outcomes.get(entry.better, "not told apart")
    reason = ""
    if entry.saturated is not None:
        reason = f"{entry.saturated} spends at most {min(entry.spends):,.0f}, whatever its budget"
    value = Value(entry.difference, entry.interval.low, entry.interval.high, entry.problems)
    return Compared(
        name, kind, budget, at, outcome, value, entry.accuracies, entry.p, entry.adjusted, entry.test, discordance,
        reason, entry.saturated is None,
    )  # fmt: skip


def rows_of(methods: Sequence[Measured], primary: str) -> tuple[Row, ...]:
    """The mandatory rows and the primary method's own; one that was not run is named as missing."""
    by_name = {entry.method: entry for entry in methods}
    asked = (*MANDATORY, *([] if primary in dict(MANDATORY).values() else [("the method that is judged", primary)]))
    made = []
    for told, method in asked:
        entry = by_name.get(method)
        top = max(entry.points, key=lambda point: point.budget) if entry is not None and entry.points else None
        made.append(Row(told, method, entry is not None, top))
    return tuple(made)


def costs(rows: Sequence[Tried], methods: Sequence[str], weight: float) -> tuple[Cost, ...]:
    """What each method spent at its highest budget, by role.

    Args:
        rows: Attempts of one group.
        methods: In the order of the table.
        weight: What a cached prompt token counts.
    """
    made = []
    for method in methods:
        own = top(rows, method)
        roles = sorted({role for row in own for role in row.ledger})
        used = {
            r: float(np.mean([spend(row.ledger[r], weight) if r in row.ledger else 0.0 for row in own])) for r in roles
        }
        made.append(
            Cost(
                method=method,
                budget=own[0].budget,
                tokens=used,
                rejected=float(np.mean([row.spent.rejected_tokens for row in own])),
                calls=float(np.mean([row.spent.calls + row.spent.retries for row in own])),
                verifier_seconds=float(np.mean([row.spent.verifier_seconds for row in own])),
                seconds=float(np.mean([row.seconds for row in own])),
                attempts=len(own),
                estimated=sum(row.spent.estimated for row in own),
                overspent=sum(row.overspent for row in own),
                miscounted=sum(row.miscounted for row in own),
                failed=dict(sorted(Counter(row.error for row in own if row.error).items())),
            )
        )
    return tuple(made)
