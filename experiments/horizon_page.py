"""The horizon curve as files: one figure, its numbers, and a page that says what they mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from .matching import Axis, tokens
from .report.figures import horizon
from .report.growing import Horizon, HorizonPoint
from .report.horizon import ASKED, bins, curve_of, read_at
from .report.loading import Tried, stream
from .report.page import csv_text
from .report.records import RunFacts, Value
from .report.sections import needed
from .report.words import percent, whole
from .whole_files import put_files

__all__ = ["Page", "Row", "equal", "write"]

_DRAWS = 2_000


class Page(NamedTuple):
    """All that is shown.

    Attributes:
        horizons: By method, the judged one first.
        rows: The attempts behind them.
        primary: The method at whose spend all are read.
        weight: What a cached prompt token counts.
        run: The run.
        command: The command that makes it.
    """

    horizons: tuple[Horizon, ...]
    rows: tuple[Tried, ...]
    primary: str
    weight: float
    run: RunFacts
    command: str

    @property
    def sentences(self) -> tuple[str, ...]:
        """How the spend needed grows, a sentence for each method."""
        return tuple(entry.said for entry in self.horizons)


class Row(NamedTuple):
    """A method on problems of one size, at what the judged one spent at one of its budgets.

    Attributes:
        size: The size, or the needed steps.
        problems: How many problems.
        method: The method.
        budget: The judged method's budget.
        spend: What it spent there on these problems.
        accuracy: The method's accuracy at that spend; None where that is outside of what was measured of it.
    """

    size: float
    problems: int
    method: str
    budget: int
    spend: float
    accuracy: Value | None


def equal(page: Page) -> list[Row]:
    """Every method at what the judged one spent, by size and budget."""
    axis: Axis = tokens(page.weight)
    _, members = bins(page.rows, least=2)
    made: list[Row] = []
    for size, part in members.items():
        own = [row for row in page.rows if row.problem in part]
        names = [entry.method for entry in page.horizons]
        curves = {name: curve_of([row for row in own if row.method == name], axis) for name in names}
        judged = curves[page.primary]
        for point in sorted(judged.points if judged else (), key=lambda p: p.budget):
            for name, curve in curves.items():
                rng = stream("horizon", "equal", name, size, point.budget)
                value = read_at(curve, point.spend, rng, _DRAWS)
                made.append(Row(size, len(part), name, point.budget, point.spend, value))
    return made


def write(page: Page, folder: Path) -> list[Path]:
    """Writes ``horizon.md``, ``horizon.png``, ``horizon.csv`` (accuracies) and ``needed.csv`` (spend for 80%).

    Raises:
        RunError: The folder cannot be written.
        MissingExtra: matplotlib is not installed.
    """
    rows = equal(page)
    needed_rows = [_needed_row(entry, point) for entry in page.horizons for point in entry.points]
    files = {
        "horizon.md": _markdown(page, rows).encode("utf-8", "replace"),
        "horizon.png": horizon(page.horizons, page.primary, "horizon").png,
        "horizon.csv": csv_text([_accuracy_row(page, row) for row in rows]).encode(),
        "needed.csv": csv_text(needed_rows).encode(),
    }
    return put_files(folder, files)


def _accuracy_row(page: Page, row: Row) -> dict[str, object]:
    first = page.horizons[0]
    value, low, high = row.accuracy[:3] if row.accuracy else ("", "", "")
    return {
        "family": first.family, first.by.replace(" ", "_"): f"{row.size:g}", "problems": row.problems,
        "method": row.method, "at_budget_of": page.primary, "budget": row.budget, "spend": row.spend,
        "accuracy": value, "low": low, "high": high,
    }  # fmt: skip


def _needed_row(entry: Horizon, point: HorizonPoint) -> dict[str, object]:
    known = "exact" if math.isfinite(point.needed) else "above"
    return {
        "family": entry.family, entry.by.replace(" ", "_"): f"{point.size:g}", "problems": point.problems,
        "method": entry.method, "accuracy": ASKED, "needed": point.most if known == "above" else point.needed,
        "known": "at most" if point.at_start else "exactly" if known == "exact" else "more than",
        "low": point.needed_low, "high": point.needed_high, "most_measured": point.most,
    }  # fmt: skip


def _markdown(page: Page, rows: Sequence[Row]) -> str:
    first = page.horizons[0]
    of = f"{page.run.attempts:,}" + ("" if page.run.expected is None else f" of {page.run.expected:,}")
    lines = [
        f"# Against the horizon: {first.family}",
        "",
        f"`{page.command}`",
        "",
        f"{of} attempts of {page.run.meta.get('model', 'a model')}, planneal {page.run.meta.get('version', '')}. "
        "Intervals are 95%, bootstrap over problems. Spend is all tokens of an attempt, a cached prompt token counts "
        f"{page.weight:g}. Between two budgets accuracy is linear in spend; outside of what was measured is nothing.",
        "",
        *([] if page.run.finished else ["**The run is unfinished**: this is of what every method has tried.", ""]),
        f"## How the spend for {ASKED:.0%} grows",
        "",
        *(line for sentence in page.sentences for line in (f"- {sentence}",)),
        "",
        "![Accuracy at equal spend and the spend needed, by method](horizon.png)",
        "",
        f"## Accuracy at what {page.primary} spent at its highest budget",
        "",
    ]
    names = [entry.method for entry in page.horizons]
    top = max((row.budget for row in rows), default=0)
    cells: dict[float, dict[str, Row]] = {}
    for row in rows:
        if row.budget == top:
            cells.setdefault(row.size, {})[row.method] = row
    lines += _table([first.by, "spend", *names])
    for size, by_method in cells.items():
        spend = next(iter(by_method.values())).spend
        told = [_percent(by_method[name].accuracy) for name in names]
        lines.append(f"| {size:g} | {whole(spend)} | {' | '.join(told)} |")
    lines += ["", f"Every budget stands in `horizon.csv`. Spend needed for {ASKED:.0%} (`needed.csv`):", ""]
    lines += _table([first.by, *names])
    for points in zip(*(entry.points for entry in page.horizons), strict=True):
        lines.append(f"| {points[0].size:g} | {' | '.join(needed(point).replace('|', '') for point in points)} |")
    return "\n".join([*lines, ""])


def _percent(value: Value | None) -> str:
    return "outside of what was measured" if value is None else percent(value)


def _table(names: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
