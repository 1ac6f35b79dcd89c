"""The figures of a report, drawn by matplotlib: SVG for the page (it takes the page's colours), PNG beside it.

Names come from runs and are untrusted: no mathematical markup is read from them, and SVG is escaped by matplotlib.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ...planner.errors import MissingExtra
from ..methods.registry import METHODS
from .facts import Facts, Group
from .growing import Horizon
from .horizon import ASKED
from .words import clean

__all__ = ["Figure", "figures", "horizon"]

INK = "#010203"
"""Stands for the page's text colour in SVG."""
COLOURS = ("#d1495b", "#3d7fc4", "#2a9d6f", "#c98a1b", "#8e6cc7", "#5d8a8a", "#b5651d", "#d672a8", "#7a8b2f", "#6b7a99")
MARKS = "osD^vP*X<>dhp8"


class Figure(NamedTuple):
    """One figure.

    Attributes:
        name: Name of its file without the ending.
        title: Its caption.
        alt: What it shows, for whoever does not see it.
        svg: The drawing as an ``svg`` element.
        png: The same as PNG.
    """

    name: str
    title: str
    alt: str
    svg: str
    png: bytes


def _pyplot() -> Any:
    try:
        import matplotlib
        from matplotlib.figure import Figure as Canvas
    except ModuleNotFoundError as error:
        raise MissingExtra("the report's figures", "experiments") from error
    return matplotlib, Canvas


@contextmanager
def _style(matplotlib: Any, name: str, ink: str) -> Iterator[None]:
    with matplotlib.rc_context(
        {
            "svg.fonttype": "none",
            "svg.hashsalt": name,
            "text.parse_math": False,
            "font.family": "sans-serif",
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            **dict.fromkeys(
                ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "legend.labelcolor"),
                ink,
            ),
        }
    ):
        yield


def _draw(name: str, title: str, alt: str, size: tuple[float, float], paint: Callable[[Any], None]) -> Figure:
    matplotlib, canvas = _pyplot()
    with _style(matplotlib, name, INK):
        made = canvas(figsize=size, layout="constrained")
        paint(made)
        written = io.StringIO()
        made.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    with _style(matplotlib, name, "#222222"):
        made = canvas(figsize=size, layout="constrained")
        paint(made)
        png = io.BytesIO()
        made.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    return Figure(name, title, alt, _element(written.getvalue(), name, alt), png.getvalue())


def _element(svg: str, name: str, alt: str) -> str:
    """The drawing alone, in the page's ink, as one image with a name of its own."""
    from markupsafe import escape

    body = svg[svg.index("<svg") :].replace(INK, "currentColor")
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r'\b(id="|xlink:href="#|url\(#)', rf"\g<1>{name}-", body)  # ids of two drawings must not meet
    label = f'<svg role="img" aria-label="{escape(alt)}" '
    return body.replace("<svg ", label, 1).strip()


def figures(facts: Facts) -> list[Figure]:
    """All figures that there are data for.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    made: list[Figure] = []
    for number, group in enumerate(facts.groups, 1):
        if any(entry.points for entry in group.methods):
            made.append(_curves(facts, group, f"curves-{number}"))
        if any(entry.budget == group.budget and entry.difference for entry in group.comparisons):
            made.append(_differences(facts, group, f"differences-{number}"))
        if any(cost.tokens for cost in group.costs):
            made.append(_ledger(facts, group, f"ledger-{number}"))
    for number, family in enumerate(dict.fromkeys(entry.family for entry in facts.horizons), 1):
        shown = [entry for entry in facts.horizons if entry.family == family]
        made.append(horizon(shown, facts.asked.primary, f"horizon-{number}"))
    return made


def axis_name(facts: Facts) -> str:
    """What the axis of cost is called, with its weight where it has one."""
    if facts.asked.axis == "tokens":
        return f"tokens spent per problem (cached prompt tokens count {facts.asked.weight:g})"
    return {
        "completion": "completion tokens per problem",
        "flops": "FLOPs per problem",
        "calls": "model calls per problem",
        "verifier_seconds": "seconds inside verifiers per problem",
        "seconds": "wall seconds per problem",
    }[facts.asked.axis]


def _look(kind: str, method: str) -> dict[str, Any]:
    """Colour and mark of a method, the same in every figure; methods of one colour differ by their marks."""
    order = list(METHODS)
    index = order.index(method) if method in order else len(order) + sum(method.encode("utf-8", "replace")) % 7
    if kind == "primary":
        return {"color": COLOURS[0], "linewidth": 2.8, "marker": "o", "markersize": 7, "zorder": 5}
    if kind == "variant":
        return {"color": COLOURS[0], "linewidth": 1.3, "linestyle": "--", "marker": MARKS[index % len(MARKS)]}
    if kind in ("ceiling", "floor"):
        return {"color": "#888888", "linewidth": 1.2, "linestyle": ":", "marker": MARKS[index % len(MARKS)]}
    colour = COLOURS[1 + index % (len(COLOURS) - 1)]
    return {"color": colour, "linewidth": 1.3, "marker": MARKS[(index + 1) % len(MARKS)], "markersize": 5}


def _curves(facts: Facts, group: Group, name: str) -> Figure:
    shown = [entry for entry in group.methods if entry.points]

    def paint(canvas: Any) -> None:
        axes = canvas.subplots()
        for entry in shown:
            x = [point.spend for point in entry.points]
            y = [100 * point.accuracy.value for point in entry.points]
            low, high = ([100 * getattr(p.accuracy, end) for p in entry.points] for end in ("low", "high"))
            look = _look(entry.kind, entry.method)
            axes.plot(x, y, label=clean(entry.method, 40), **look)
            strong = 0.22 if entry.kind == "primary" else 0.07
            if len(x) > 1:
                axes.fill_between(x, low, high, color=look["color"], alpha=strong, linewidth=0)
            else:
                reach = [[y[0] - low[0]], [high[0] - y[0]]]
                axes.errorbar(x, y, yerr=reach if math.isfinite(low[0]) else None, color=look["color"], alpha=0.6)
        axes.set_xscale("log")
        _plain_ticks(axes, [point.spend for entry in shown for point in entry.points])
        axes.set_ylim(-2, 102)
        axes.set_xlabel(axis_name(facts))
        axes.set_ylabel("accuracy, %")
        axes.grid(alpha=0.2)
        canvas.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)

    tops = [f"{entry.method} {100 * max(p.accuracy.value for p in entry.points):.0f}%" for entry in shown]
    alt = f"Accuracy against cost on {group.label}; highest accuracy of each method: {clean(', '.join(tops), 900)}."
    title = f"Accuracy against measured cost, {clean(group.label)}: bands are 95% over {group.compared} problems"
    return _draw(name, title, alt, (8.4, 5.8), paint)


def _plain_ticks(axes: Any, values: Sequence[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    wide = max(values) / max(min(values), 1e-12) > 30
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _differences(facts: Facts, group: Group, name: str) -> Figure:
    shown = [e for e in group.comparisons if e.budget == group.budget and e.difference is not None][::-1]

    def paint(canvas: Any) -> None:
        axes = canvas.subplots()
        for index, entry in enumerate(shown):
            assert entry.difference is not None
            value, low, high = (100 * number for number in entry.difference[:3])
            colour = {"better": COLOURS[2], "worse": COLOURS[0]}.get(entry.outcome, "#888888")
            colour = colour if entry.kind == "baseline" else "#888888"
            if math.isfinite(low):
                axes.plot([low, high], [index, index], color=colour, linewidth=2.4)
            axes.plot([value], [index], marker="o", color=colour)
        axes.axvline(0, color="#888888", linewidth=1)
        axes.set_yticks(range(len(shown)), [clean(entry.method, 40) for entry in shown])
        axes.set_xlabel(f"accuracy of {clean(facts.asked.primary, 40)} less that of the other, points, at equal spend")
        axes.grid(axis="x", alpha=0.2)

    told = [f"{e.method} {100 * e.difference.value:+.0f} points ({e.outcome})" for e in shown if e.difference]
    alt = f"Differences at equal spend on {group.label}: {clean(', '.join(told), 900)}."
    title = f"{clean(facts.asked.primary, 40)} beside every method that can be compared, at {group.budget:,} tokens"
    return _draw(name, title, alt, (8.4, 1.3 + 0.34 * len(shown)), paint)


def _ledger(facts: Facts, group: Group, name: str) -> Figure:
    shown = [cost for cost in group.costs if cost.tokens][::-1]
    roles = sorted({role for cost in shown for role in cost.tokens})

    def paint(canvas: Any) -> None:
        axes = canvas.subplots()
        left = [0.0] * len(shown)
        for index, role in enumerate(roles):
            widths = [cost.tokens.get(role, 0.0) for cost in shown]
            axes.barh(range(len(shown)), widths, left=left, color=COLOURS[index % len(COLOURS)], label=clean(role, 20))
            left = [a + b for a, b in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(shown)), [clean(cost.method, 40) for cost in shown])
        axes.set_xlabel(f"mean tokens per attempt (cached prompt tokens count {facts.asked.weight:g})")
        axes.grid(axis="x", alpha=0.2)
        canvas.legend(loc="outside lower center", ncols=6, frameon=False, fontsize=9)

    told = [f"{cost.method} {sum(cost.tokens.values()):,.0f}" for cost in shown[::-1]]
    alt = f"Mean tokens per attempt by role on {group.label}: {clean(', '.join(told), 900)}."
    title = f"What an attempt costs by role, {clean(group.label)}, each method at its highest budget"
    return _draw(name, title, alt, (8.4, 1.6 + 0.34 * len(shown)), paint)


def horizon(shown: Sequence[Horizon], primary: str, name: str) -> Figure:
    """Accuracy at equal spend and the spend needed, against the horizon, of several methods on one family.

    Args:
        shown: The methods, at least one.
        primary: The method that is judged.
        name: Name of the figure's file.
    """
    family, by = shown[0].family, shown[0].by

    def paint(canvas: Any) -> None:
        above, below = canvas.subplots(2, 1, sharex=True)
        for entry in shown:
            look = _look("primary" if entry.method == primary else "baseline", entry.method)
            _accuracies(above, entry, look)
            _needed(below, entry, look)
        above.set_ylabel("accuracy, %")
        above.set_ylim(-2, 102)
        below.set_ylabel(f"cost of {ASKED:.0%}")
        below.set_ylim(bottom=0)
        if not any(math.isfinite(point.needed) for entry in shown for point in entry.points):
            below.text(0.5, 0.5, f"{ASKED:.0%} was not reached", transform=below.transAxes, ha="center")
        below.set_xlabel("size of the problem" if by == "size" else by)
        for axes in (above, below):
            axes.grid(alpha=0.2)
        canvas.legend(loc="outside lower center", ncols=4, frameon=False, fontsize=9)

    told = [f"{entry.method}: growth {entry.shape}" for entry in shown]
    alt = f"Accuracy at equal spend, and cost of {ASKED:.0%}, by {by} on {family}. {clean('; '.join(told), 600)}."
    title = (
        f"Against the horizon, {clean(family)}: above at equal spend, below the spend needed for {ASKED:.0%} (arrows: "
        "not reached within what was measured; thin: the nearer fit, dashed where undecided)"
    )
    return _draw(name, title, alt, (8.4, 6.4), paint)


def _accuracies(axes: Any, entry: Horizon, look: dict[str, Any]) -> None:
    told = [(p.size, p.accuracy) for p in entry.points if p.accuracy is not None]
    sizes, values = [size for size, _ in told], [100 * value.value for _, value in told]
    axes.plot(sizes, values, label=clean(entry.method, 40), **look)
    if told:
        low, high = ([100 * getattr(value, end) for _, value in told] for end in ("low", "high"))
        axes.fill_between(sizes, low, high, color=look["color"], alpha=0.12, linewidth=0)


def _needed(axes: Any, entry: Horizon, look: dict[str, Any]) -> None:
    """Costs with their intervals, arrows where 80% was not reached, and the nearer fit."""
    reached = [p for p in entry.points if math.isfinite(p.needed)]
    axes.plot([p.size for p in reached], [p.needed for p in reached], **(look | {"linestyle": "none"}))
    for p in reached:
        if math.isfinite(p.needed_low):
            high = p.needed_high if math.isfinite(p.needed_high) else p.most
            axes.plot([p.size, p.size], [p.needed_low, high], color=look["color"], linewidth=1, alpha=0.6)
    missed = [p for p in entry.points if math.isnan(p.needed) and math.isfinite(p.most)]
    for p in missed:  # an arrow: a stem, and a head (matplotlib's caret 6) on it
        axes.plot([p.size, p.size], [p.most, 1.06 * p.most], color=look["color"], linewidth=1.3)
        axes.plot([p.size], [1.06 * p.most], marker=6, markersize=7, color=look["color"])
    straight = entry.gap <= 0
    fit = entry.linear if straight else entry.exponential
    if fit is None or not entry.points:
        return
    sizes = [entry.points[0].size + (entry.points[-1].size - entry.points[0].size) * i / 60 for i in range(61)]
    values = [fit.intercept + fit.slope * size for size in sizes]
    values = values if straight else [math.exp(min(value, 700.0)) for value in values]
    most = 1.3 * max((p.most for p in entry.points if math.isfinite(p.most)), default=1.0)
    kept = [(size, value) for size, value in zip(sizes, values, strict=True) if 0 <= value <= most]
    style = "--" if entry.shape == "undecided" else "-"
    axes.plot([s for s, _ in kept], [v for _, v in kept], color=look["color"], linewidth=0.9, linestyle=style)
