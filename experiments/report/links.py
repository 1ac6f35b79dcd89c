"""The chain from draft to answer, link by link, and how stable its end is."""

from __future__ import annotations

from collections.abc import Sequence

from ..metrics.stability import stability
from ..statistics import clustered_mean
from .loading import Tried, stream
from .records import Link, Stable, Value

__all__ = ["links", "share", "stables", "top"]


def top(rows: Sequence[Tried], method: str) -> list[Tried]:
    """A method's attempts at its highest budget."""
    own = [row for row in rows if row.method == method]
    highest = max((row.budget for row in own), default=0)
    return [row for row in own if row.budget == highest]


def share(found: Sequence[tuple[bool, str]], *words: object, draws: int, unit: str = "problems") -> Value | None:
    """A share over problems with its interval; None of nothing.

    Args:
        found: Outcome and problem of each attempt.
        *words: What the number is called, for its random stream.
        draws: Resamples.
        unit: What the count is of.
    """
    if not found:
        return None
    values, problems = [float(right) for right, _ in found], [problem for _, problem in found]
    return Value.share(clustered_mean(values, problems, rng=stream("share", *words), draws=draws), unit)


def links(rows: Sequence[Tried], methods: Sequence[str], label: str, draws: int) -> tuple[Link, ...]:
    """The links of every method that has graded plans, at its highest budget."""
    made = []
    for method in methods:
        own = top(rows, method)
        if all(row.plan_right is None and row.draft_right is None for row in own):
            continue
        drafted = [row for row in own if row.draft_right is not None]
        planned = [row for row in own if row.plan_right is not None]
        both = [row for row in drafted if row.plan_right is not None]
        parts: dict[str, list[tuple[bool, str]]] = {
            "draft": [(bool(row.draft_right), row.problem) for row in drafted],
            "plan": [(bool(row.plan_right), row.problem) for row in planned],
            "mended": [(bool(row.plan_right), row.problem) for row in both if not row.draft_right],
            "broken": [(not row.plan_right, row.problem) for row in both if row.draft_right],
            "given_right": [(row.right, row.problem) for row in planned if row.plan_right],
            "given_wrong": [(row.right, row.problem) for row in planned if not row.plan_right],
        }
        found = {name: share(part, label, method, name, draws=draws) for name, part in parts.items()}
        made.append(Link(method, own[0].budget, **found))
    return tuple(made)


def stables(rows: Sequence[Tried], methods: Sequence[str], label: str, draws: int) -> tuple[Stable, ...]:
    """How stable each method with several seeds is at its highest budget; problems tried once are left out."""
    made = []
    for method in methods:
        counts: dict[str, int] = {}
        own = top(rows, method)
        for row in own:
            counts[row.problem] = counts.get(row.problem, 0) + 1
        own = [row for row in own if counts[row.problem] > 1]
        if len({row.problem for row in own}) < 2:
            continue
        problems = [row.problem for row in own]
        rng = stream("stability", label, method)
        found = stability([row.right for row in own], problems, [row.seed for row in own], rng=rng, draws=draws)
        variance = found.variance
        made.append(
            Stable(
                method=method,
                budget=own[0].budget,
                problem=variance.problem,
                seed=variance.seed,
                residual=variance.residual,
                flips=Value.share(found.flips),
                all_right=Value.share(found.all_right),
                k=found.k,
            )
        )
    return tuple(made)
