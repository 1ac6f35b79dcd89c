"""The Markdown tables of a family report, from the figures of its cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .family_cells import Cell

__all__ = ["LEGEND", "count_line", "head", "interval", "level_line", "links_table", "methods_table"]

_COLUMNS = (
    "level",
    "problems",
    "greedy direct",
    "self-consistency (k)",
    "plan valid at draft",
    "put in order",
    "answer, gold plan",
    "answer, own draft",
    "follows a swapped plan",
    "keeps to the question",
    "neither",
    "refined plan valid",
    "refined answer",
    "refined - best baseline",
)
LEGEND = (
    "Shares in per cent with 95% Wilson intervals. Valid: whoever follows the plan gets a right answer; put in order: "
    "after structural edits that ask no model. Self-consistency has the k whose total tokens (prompt, cached ones "
    "included, and completion) are nearest to those of the refined answer. The difference is in points, paired by "
    "problem, with a 95% bootstrap interval over problems."
)
"""What the columns mean."""
_METHODS = {
    "direct": "greedy direct",
    "consistency": "self-consistency",
    "own draft": "one plan, put in order, answered",
    "gold plan": "answer from the gold plan",
    "swapped plan": "answer from a swapped plan",
    "planneal": "refined (planneal)",
}


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def head(columns: Sequence[str] = _COLUMNS) -> str:
    """The two head lines of a table."""
    return f"{_line(columns)}\n|{'---|' * len(columns)}"


def interval(found: Mapping[str, Any]) -> str:
    """A share in per cent with its interval, a dash where nothing was counted."""
    if not found["problems"]:
        return "-"
    value = 100 * found["correct"] / found["problems"]
    return f"{value:.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


def _points(paired: Mapping[str, Any]) -> str:
    ends = "" if paired["interval"] is None else " [{:+.1f}, {:+.1f}]".format(*paired["interval"])
    return f"{paired['points']:+.1f}{ends}, p = {paired['p']:.2g}"


def level_line(cell: Cell) -> str:
    """The line of one level in a family's table; a skipped cell says why."""
    if "skipped" in cell:
        return _line([cell["level"], f"skipped: {cell['skipped']}", *[""] * (len(_COLUMNS) - 2)])
    methods, shares, swapped = cell["methods"], cell["shares"], cell["swapped"]
    against = {"direct": "greedy direct", "consistency": "self-consistency"}[cell["paired"]["against"]]
    return _line(
        [
            cell["level"],
            str(methods["planneal"]["problems"]),
            interval(methods["direct"]),
            f"{interval(methods['consistency'])} ({cell['matched']['k']})",
            interval(shares["draft"]),
            interval(shares["tidied"]),
            interval(methods["gold plan"]),
            interval(methods["own draft"]),
            *(interval(swapped[kind]) for kind in ("follows", "keeps", "neither")),
            interval(shares["refined"]),
            interval(methods["planneal"]),
            f"{_points(cell['paired'])} ({against})",
        ]
    )


def count_line(cell: Cell) -> str:
    """What else must be known of a level: how well the tokens match, which swaps were found, what was refused."""
    if "skipped" in cell:
        return ""
    same = cell["matched"]
    said = [
        f"{cell['level']}: self-consistency with k = {same['k']} takes {same['tokens']:.0f} tokens a problem, "
        f"the refined answer {same['target']:.0f} (ratio {same['ratio']:.2f})"
    ]
    if abs(same["ratio"] - 1) > 0.1:
        said.append("no whole k is nearer than 10%")
    lacking = cell["methods"]["planneal"]["problems"] - cell["swapped"]["follows"]["problems"]
    if lacking:
        said.append(f"{lacking} problems without a swapped plan")
    plain, all_of = cell["swapped"].get("ordinary"), cell["swapped"]["follows"]["problems"]
    if plain and plain["problems"] < all_of:
        told = f"of {all_of} swapped plans {plain['problems']} come to whole positive numbers below 1,000 all the way"
        said.append(f"{told}, as problems do, and of these {interval(plain)} are followed")
    if cell["refused"]:
        said.append(f"the model would have refused {cell['refused']} questions and was asked all the same")
    return "; ".join(said)


def methods_table(cells: Sequence[Cell]) -> str:
    """What every method costs: means of a problem."""
    lines = [head(("level", "method", "right", "prompt", "(cached)", "completion", "all tokens", "seconds"))]
    for cell in cells:
        for key, name in _METHODS.items():
            row = cell.get("methods", {}).get(key)
            if row is not None:
                name = row["method"] if key == "consistency" else name
                costs = [f"{row[cost]:.0f}" for cost in ("prompt", "cached", "completion", "tokens")]
                lines.append(_line([cell["level"], name, interval(row), *costs, f"{row['seconds']:.2f}"]))
    return "\n".join(lines)


def links_table(cells: Sequence[Cell]) -> str:
    """Planneal with gold in place of each link, and where failing runs broke first; empty where it was not measured."""
    measured = [cell for cell in cells if "links" in cell]
    if not measured:
        return ""
    columns = ("level", "gold for", "what takes its place", "right", "over the whole run", "repairs of failing")
    lines = [head((*columns, "tokens"))]
    for cell in measured:
        for row in cell["links"]:
            over = "" if row["link"] == "none" else _points(row["over"])
            repairs = "" if row["link"] == "none" else interval(row["repairs"])
            said = [cell["level"], row["link"], row["replaced"], interval(row), over, repairs, f"{row['tokens']:.0f}"]
            lines.append(_line(said))
    lines.append("")
    for cell in measured:
        failing = sum(cell["broken"].values())
        shares = ", ".join(f"{link} {100 * count / failing:.0f}%" for link, count in cell["broken"].items() if count)
        lines.append(f"{cell['level']}: {failing} runs failed" + (f"; first broken link: {shares}" if failing else ""))
    return "\n".join(lines)
