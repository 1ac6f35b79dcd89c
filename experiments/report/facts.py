"""Everything that a report says, computed from attempts alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..._version import __version__
from ...planner.errors import ConfigError
from ..matching import AXES, Axis, Curve, tokens
from ..methods.registry import known
from ..metrics.signal import Bin
from .costs import PLAN_EDITS, common, comparisons, costs, curves_of, measured, rows_of
from .extra import Extra, ExtraFile, LinkExtra, Made, read_file
from .failures import bins_of, failures
from .growing import Horizon
from .horizon import horizons
from .links import links, stables
from .loading import SEED, Loaded, Tried, load
from .records import Compared, Cost, Failure, Link, Measured, Row, RunFacts, Stable, Substituted, Value, plain
from .verdict import RULE, Verdict, details, headline, verdict

__all__ = ["Asked", "Facts", "Group", "facts"]


@dataclass(frozen=True)
class Asked:
    """What a report is asked for.

    Attributes:
        primary: The method that is judged.
        axis: The scale of cost.
        weight: What a prompt token from a prefix cache counts on the axis ``tokens``.
        draws: Resamples of each interval, and patterns of signs of each test.
    """

    primary: str = "planneal"
    axis: str = "tokens"
    weight: float = 1.0
    draws: int = 10_000

    def scale(self) -> Axis:
        """The scale of cost.

        Raises:
            ConfigError: There is no such axis, or the weight is outside [0, 1].
        """
        if self.axis not in AXES:
            raise ConfigError(f"--axis {self.axis}: there is no such axis; there are {', '.join(AXES)}")
        if not 0.0 <= self.weight <= 1.0:
            raise ConfigError(f"--weight {self.weight:g}: a cached token counts between 0 and 1")
        return tokens(self.weight) if self.axis == "tokens" else AXES[self.axis]


@dataclass(frozen=True)
class Group:
    """One family at one level.

    Attributes:
        label: As it is called on the page.
        run: Name of the run it is from.
        family: The family.
        level: The level, empty for published sets.
        problems: Problems that any method tried.
        compared: Of them, those that every method tried at each of its budgets; curves are of these.
        budget: The highest budget of the method that is judged, 0 where it was not run.
        methods: Curves.
        rows: Mandatory rows.
        comparisons: The judged method beside every other.
        costs: Ledgers.
        links: From draft to answer.
        substituted: The judged method with gold in place of one link; none where nobody asked again.
        stables: Stability.
        failures: The failure modes.
        bins: Acceptance by temperature.
        verdicts: By budget, against every baseline.
        plainly: The same against baselines that edit no plan.
    """

    label: str
    run: str
    family: str
    level: str
    problems: int
    compared: int
    budget: int
    methods: tuple[Measured, ...]
    rows: tuple[Row, ...]
    comparisons: tuple[Compared, ...]
    costs: tuple[Cost, ...]
    links: tuple[Link, ...]
    substituted: tuple[Substituted, ...]
    stables: tuple[Stable, ...]
    failures: tuple[Failure, ...]
    bins: tuple[Bin, ...]
    verdicts: tuple[Verdict, ...]
    plainly: tuple[Verdict, ...]


@dataclass(frozen=True)
class Facts:
    """A whole report.

    Attributes:
        asked: What was asked for.
        version: Of planneal, for this report.
        seed: Of every bootstrap and permutation.
        runs: The runs.
        headline: Keep or kill, in one sentence.
        details: One line a task.
        plain_headline: The same against baselines that edit no plan.
        rule: By which rule.
        family: How many comparisons Holm's correction is over.
        groups: By family and level.
        horizons: By family and method.
        asked_again: What asking again after a run cost, by run.
    """

    asked: Asked
    version: str
    seed: int
    runs: tuple[RunFacts, ...]
    headline: str
    details: tuple[str, ...]
    plain_headline: str
    rule: str
    family: int
    groups: tuple[Group, ...]
    horizons: tuple[Horizon, ...]
    asked_again: Mapping[str, Made]

    @property
    def missing(self) -> tuple[str, ...]:
        """Mandatory rows that some group lacks; a published set has no gold plans, and none is missed there."""
        return tuple(dict.fromkeys(row.method for g in self.groups for row in g.rows if not row.present and g.level))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, NaN as null."""
        found: dict[str, Any] = plain(self)
        return found


@dataclass(frozen=True)
class _Part:
    label: str
    run: Loaded
    family: str
    level: str
    rows: list[Tried]
    kept: set[str]
    curves: dict[str, Curve | str]


def facts(folders: Sequence[Any], asked: Asked | None = None) -> Facts:
    """Reads runs and computes everything.

    Args:
        folders: Folders of runs, or their files.
        asked: What is asked for.

    Raises:
        RunError: There is no such run, or what stands beside it is not of the documented form.
        ConfigError: There is no such method or axis.
        MissingExtra: scipy is not installed.
    """
    asked = asked or Asked()
    axis = asked.scale()
    loaded = [load(folder, asked.primary) for folder in folders]
    for run in loaded:
        _known(run, asked.primary)
    beside = {run.folder: read_file(run.folder) for run in loaded}
    parts = _parts(loaded, axis)
    compared = comparisons({part.label: part.curves for part in parts}, asked.primary, asked.draws)
    family = sum(entry.kind == "baseline" for entries in compared.values() for entry in entries)
    groups = tuple(_group(part, compared[part.label], asked, family, beside[part.run.folder]) for part in parts)
    rows = [row for part in parts for row in part.rows if row.problem in part.kept]
    made = Facts(
        asked=asked,
        version=__version__,
        seed=SEED,
        runs=tuple(run.facts for run in loaded),
        headline="",
        details=(),
        plain_headline="",
        rule=RULE,
        family=family,
        groups=groups,
        horizons=horizons(rows, asked.primary, axis, min(asked.draws, 2_000)),
        asked_again={run.facts.name: made for run in loaded if (made := beside[run.folder].made) is not None},
    )
    verdicts = [entry for group in groups for entry in group.verdicts]
    plainly = headline([entry for group in groups for entry in group.plainly])
    told = headline(verdicts, made.missing)
    return replace(made, headline=told, details=details(verdicts), plain_headline=plainly)


def _known(run: Loaded, primary: str) -> None:
    planned = run.facts.arguments.get("methods")
    names = {row.method for row in run.rows} | set(planned if isinstance(planned, list) else ())
    if names and primary not in names:
        there = ", ".join(sorted(map(str, names)))
        raise ConfigError(f"--primary {primary}: the run {run.facts.name} has no such method; there are {there}")


def _parts(loaded: Sequence[Loaded], axis: Axis) -> list[_Part]:
    found: list[tuple[Loaded, str, str, list[Tried]]] = []
    for run in loaded:
        keys = sorted({(row.family, row.level) for row in run.rows})
        for family, level in keys:
            found.append((run, family, level, [row for row in run.rows if (row.family, row.level) == (family, level)]))
    names = [f"{family} ({level})" if level else family for _, family, level, _ in found]
    made: list[_Part] = []
    for (run, family, level, rows), name in zip(found, names, strict=True):
        label = f"{name}, run {run.facts.name}" if names.count(name) > 1 else name
        while any(part.label == label for part in made):  # two folders of one name
            label += " again"
        kept = common(rows)
        curves = curves_of([row for row in rows if row.problem in kept], axis) if kept else {}
        made.append(_Part(label, run, family, level, rows, kept, curves))
    return made


def _group(part: _Part, compared: tuple[Compared, ...], asked: Asked, family: int, beside: ExtraFile) -> Group:
    label, draws = part.label, asked.draws
    rows = [row for row in part.rows if row.problem in part.kept]
    methods = measured(part.curves, asked.primary, label, draws)
    names = [entry.method for entry in methods]
    budgets = sorted({row.budget for row in rows if row.method == asked.primary})
    searched = [
        attempt
        for attempt in part.run.searched
        if (attempt.family, attempt.level) == (part.family, part.level) and attempt.problem in part.kept
    ]
    extras = [extra for extra in beside.measured if _fits(extra, part, asked.primary)]
    gold = [link for link in beside.links if _fits(link, part, asked.primary)]
    own = next((entry for entry in methods if entry.method == asked.primary and entry.points), None)
    few = min(draws, 2_000)
    return Group(
        label=label,
        run=part.run.facts.name,
        family=part.family,
        level=part.level,
        problems=len({row.problem for row in part.rows}),
        compared=len(part.kept),
        budget=max(budgets, default=0),
        methods=methods,
        rows=rows_of(methods, asked.primary),
        comparisons=compared,
        costs=costs(rows, names, asked.weight),
        links=links(rows, names, label, few),
        substituted=tuple(_substituted(link) for link in gold),
        stables=stables(rows, names, label, few),
        failures=failures(rows, searched, part.run.questions, extras, label, few),
        bins=tuple(bins_of(searched)),
        verdicts=_verdicts(part, own, methods, compared, family),
        plainly=_verdicts(part, own, [m for m in methods if known(m.method) not in PLAN_EDITS], compared, family),
    )


def _fits(extra: Extra | LinkExtra, part: _Part, primary: str) -> bool:
    same = extra.family in ("", part.family) and extra.level in ("", part.level)
    return same and extra.method in ("", primary)


def _substituted(link: LinkExtra) -> Substituted:
    low, high = (math.nan if end is None else end for end in (link.gain_low, link.gain_high))
    return Substituted(
        link=link.link,
        replaced=link.replaced,
        budget=link.budget,
        accuracy=Value(link.value, link.low, link.high, link.n),
        gain=Value(link.gain, low, high, link.n),
        p=link.p,
        failing=link.failing,
        repaired=link.repaired,
        tokens=link.tokens,
    )


def _verdicts(
    part: _Part, own: Measured | None, others: Sequence[Measured], compared: Sequence[Compared], family: int
) -> tuple[Verdict, ...]:
    if own is None:
        return ()
    budgets = sorted(point.budget for point in own.points)
    return tuple(verdict(part.label, own, others, compared, budget, family) for budget in budgets)
