"""A section and its tables, and the sections on one group of problems."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..matching import TOLERANCE
from ..rungs import further
from .facts import Facts, Group
from .figures import Figure, axis_name
from .records import Compared
from .words import NONE, number, percent, points, probability, whole

__all__ = ["Section", "Table", "of_group"]


class Table(NamedTuple):
    """A table.

    Attributes:
        caption: What it shows.
        head: Names of its columns; the first column holds the names of the rows.
        rows: Its cells.
        folded: Whether it is long and of interest to few, and so opened on demand.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Attributes:
        title: Its heading.
        level: Depth of the heading, 2 or 3.
        said: Sentences, one paragraph each.
        figures: Shown after the sentences.
        tables: Shown after the figures.
    """

    title: str
    level: int
    said: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()


def of_group(facts: Facts, group: Group, drawn: Mapping[str, Figure]) -> list[Section]:
    """The sections of one group.

    Args:
        facts: The report.
        group: Which group.
        drawn: Its figures, by what they show: ``curves``, ``differences``, ``ledger``.
    """
    label = group.label

    def pick(name: str) -> tuple[Figure, ...]:
        return (drawn[name],) if name in drawn else ()

    opening = (
        f"{group.compared:,} problems were tried by every method at every budget. Methods are read at their mean "
        f"measured spend, on the axis: {axis_name(facts)}. Between two budgets accuracy is linear in spend; outside of "
        "what was measured there is no value."
    )
    falls = [entry.method for entry in group.methods if entry.falls]
    more = (f"More spend made it worse somewhere: {', '.join(falls)}.",) if falls else ()
    return [
        Section(label, 2, (opening,)),
        Section("Accuracy and cost", 3, more, pick("curves"), _curve_tables(group)),
        Section("At equal spend", 3, _equal(facts, group), pick("differences"), _comparison_tables(group)),
        Section("Where the cost goes", 3, (), pick("ledger"), _cost_tables(facts, group)),
        _links(group),
        _failures(group),
        _stability(group),
    ]


def _curve_tables(group: Group) -> tuple[Table, ...]:
    rows = []
    for entry in group.rows:
        if entry.point is None:
            told = "MISSING: not run" if not entry.present else "no point on this axis"
            rows.append((entry.asked, entry.method, told, NONE, NONE))
        else:
            p = entry.point
            rows.append((entry.asked, entry.method, percent(p.accuracy), f"{p.budget:,}", whole(p.spend)))
    head = ("row", "method", "accuracy [95%]", "budget", "spend")
    mandatory = Table("Mandatory rows, each at its highest budget", head, tuple(rows))
    points_ = []
    for method in group.methods:
        if method.missing:
            points_.append((method.method, NONE, NONE, f"none: {method.missing}", NONE, NONE))
        for p in method.points:
            wilson = f"[{100 * p.wilson[0]:.1f}, {100 * p.wilson[1]:.1f}]"
            row = (method.method, f"{p.budget:,}", whole(p.spend), percent(p.accuracy), wilson, f"{p.attempts:,}")
            points_.append(row)
    names = ("method", "budget", "spend", "accuracy [95%, bootstrap over problems]", "Wilson", "attempts")
    every = Table("Every measured point", names, tuple(points_), True)
    abouts = tuple((m.method, m.kind, m.about or NONE) for m in group.methods)
    return mandatory, every, Table("The methods", ("method", "kind", "what it is"), abouts, True)


def _equal(facts: Facts, group: Group) -> tuple[str, ...]:
    refused = sum(entry.outcome == "refused" for entry in group.comparisons)
    told = (
        f"{facts.asked.primary} beside every other method, both read at what {facts.asked.primary} spent. No winner is "
        f"named where two spends differ by more than {TOLERANCE:.0%} or lie outside of what was measured. A method "
        "that spends no more whatever its budget is read at what it spends, and only it can win there: it had less."
    )
    if not refused:
        return (told,)
    caps = ", ".join(f"{cap:,}" for cap in _further(group))
    more = f" Budgets that may reach the spends they lack: {caps}." if caps else ""
    return told, f"{refused} of {len(group.comparisons)} comparisons are refused.{more}"


def _further(group: Group) -> list[int]:
    """Budgets to add for the baselines that were not measured where the judged method stands."""
    curves = {entry.method: entry.points for entry in group.methods}
    lacking = [entry for entry in group.comparisons if entry.outcome == "refused" and entry.kind == "baseline"]
    found = {further(curves[entry.method], entry.spend) for entry in lacking if entry.method in curves}
    return sorted(cap for cap in found if cap is not None)


def _comparison_tables(group: Group) -> tuple[Table, ...]:
    head = ("method", "kind", "budget", "spend", "outcome", "difference, points [95%]", "p", "p (Holm)", "test")
    made = []
    for highest in (True, False):
        rows = tuple(_comparison(e) for e in group.comparisons if (e.budget == group.budget) is highest)
        caption = f"The judged method less each other, {'highest budget' if highest else 'lower budgets'}"
        made += [Table(caption, head, rows, not highest)] if rows else []
    return tuple(made)


def _comparison(entry: Compared) -> tuple[str, ...]:
    if entry.outcome == "refused":
        told = f"refused: {entry.reason}"
        return (entry.method, entry.kind, f"{entry.budget:,}", whole(entry.spend), told, NONE, NONE, NONE, NONE)
    return (
        entry.method,
        entry.kind,
        f"{entry.budget:,}",
        whole(entry.spend),
        entry.outcome if entry.equal else f"{entry.outcome}: {entry.reason}",
        points(entry.difference),
        probability(entry.p),
        probability(entry.adjusted),
        entry.test,
    )


def _cost_tables(facts: Facts, group: Group) -> tuple[Table, ...]:
    roles = sorted({role for cost in group.costs for role in cost.tokens})
    head = ("method", "budget", *roles, "all", "rejected", "calls", "verifier s", "wall s", "n", "remarks")
    rows = []
    for cost in group.costs:
        remarks = [f"{count} {name}" for name, count in cost.failed.items()]
        remarks += [f"{cost.estimated} with estimated tokens"] if cost.estimated else []
        remarks += [f"{cost.overspent} OVER BUDGET"] if cost.overspent else []
        remarks += [f"{cost.miscounted} MISCOUNTED"] if cost.miscounted else []
        rows.append(
            (
                cost.method,
                f"{cost.budget:,}",
                *(whole(cost.tokens.get(role, 0.0)) for role in roles),
                whole(sum(cost.tokens.values())),
                whole(cost.rejected),
                whole(cost.calls),
                whole(cost.verifier_seconds),
                whole(cost.seconds),
                f"{cost.attempts:,}",
                "; ".join(remarks) or NONE,
            )
        )
    caption = (
        f"Mean tokens per attempt by role, at the highest budget; cached prompt tokens count {facts.asked.weight:g}"
    )
    return (Table(caption, head, tuple(rows)),) if rows else ()


def _links(group: Group) -> Section:
    head = (
        "method", "budget", "draft right", "final plan right", "wrong draft mended", "right draft broken",
        "answer right, plan right", "answer right, plan wrong",
    )  # fmt: skip
    rows = tuple(
        (
            link.method,
            f"{link.budget:,}",
            *(
                percent(v)
                for v in (link.draft, link.plan, link.mended, link.broken, link.given_right, link.given_wrong)
            ),
        )
        for link in group.links
    )
    tables = [Table("From draft to answer, highest budget", head, rows)] if rows else []
    said = (
        "Which link wins or fails: is the draft right, does refinement mend it, is the answer right given the plan? A "
        "plan is right where whoever follows it gets a right answer."
        if rows
        else "Not measured: no method here has plans that were graded."
    )
    if not group.substituted:
        asked = "What each link would be worth if it were right was not measured: planneal probe --links does."
        return Section("Link by link", 3, (said, asked) if rows else (said,), tables=tuple(tables))
    gold = (
        "With gold in place of one link, the judged method was run again on a sample of the problems: what a link "
        "gains when it is made right is what it loses now. These are ceilings and compare with no method."
    )
    return Section("Link by link", 3, (said, gold), tables=(*tables, _gold_links(group)))


def _gold_links(group: Group) -> Table:
    head = ("link", "in its place", "accuracy [95%]", "gain, points [95%]", "p", "failures repaired", "tokens")
    rows = tuple(
        (
            f"{entry.link}, {entry.budget:,}",
            entry.replaced,
            percent(entry.accuracy),
            points(entry.gain),
            probability(entry.p),
            f"{entry.repaired:,} of {entry.failing:,}",
            whole(entry.tokens),
        )
        for entry in group.substituted
    )
    return Table("Gold in place of one link, against the whole run on the same problems", head, rows)


def _failures(group: Group) -> Section:
    head = ("failure mode", "verdict", "what was seen", "rule")
    rows = tuple((entry.mode, entry.finding, entry.said, entry.rule) for entry in group.failures)
    detail = tuple(
        (entry.mode, name, number(value)) for entry in group.failures for name, value in entry.numbers.items()
    )
    tables = [Table("The failure modes of the sketch, for the judged method", head, rows)]
    if detail:
        tables.append(Table("What the verdicts rest on", ("failure mode", "number", "value [95%]"), detail, True))
    if group.bins:
        bins = tuple(
            (
                f"{b.low:.4g} to {b.high:.4g}",
                f"{100 * b.accepted:.1f}% [{100 * b.interval.low:.1f}, {100 * b.interval.high:.1f}]",
                f"{b.steps:,}",
                NONE if math.isnan(b.worse_accepted) else f"{100 * b.worse_accepted:.1f}%",
                f"{b.worse:,}",
            )
            for b in group.bins
        )
        names = ("temperature", "accepted [95%, too narrow: steps of a chain depend]", "steps", "worse accepted", "of")
        tables.append(Table("Acceptance by temperature", names, bins))
    return Section("Failure modes", 3, tables=tuple(tables))


def _stability(group: Group) -> Section:
    if not group.stables:
        return Section("Stability", 3, ("Not measured: no method was run with several seeds on the same problems.",))
    head = ("method", "budget", "flip rate [95%]", "all of k right [95%]", "k", "variance: problem", "seed", "residual")
    rows = tuple(
        (
            e.method,
            f"{e.budget:,}",
            percent(e.flips),
            percent(e.all_right),
            str(e.k),
            f"{e.problem:.3f}",
            NONE if math.isnan(e.seed) else f"{e.seed:.3f}",
            f"{e.residual:.3f}",
        )
        for e in group.stables
    )
    return Section("Stability", 3, tables=(Table("Over seeds, at the highest budget", head, rows),))
