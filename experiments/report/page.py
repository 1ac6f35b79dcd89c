"""Writes a report: one HTML page that needs nothing else, the same as Markdown, and its numbers as JSON, CSV and PNG.

Whatever comes from a run (names of methods and models, errors, arguments) is untrusted: the HTML is made with
autoescape on and a policy that lets nothing be loaded or run; Markdown has its marks escaped; a spreadsheet does not
take a cell for a formula.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..whole_files import put_files
from .facts import Facts
from .figures import figures
from .sections import sections
from .verdict import Decision
from .words import clean

__all__ = ["csv_text", "decision", "files", "html", "markdown", "write"]

_MARKED = frozenset({"keep", "kill", "undecided", "better", "worse", "fault", "no fault"})
_SHORT, _MID, _LONG = 13, 24, 60
_MD = re.compile(r"([\\`*_{}\[\]<>|#~$&!])")


def decision(facts: Facts) -> str:
    """The word above the sentence: one verdict for all tasks, or ``mixed``."""
    tops: set[Decision] = {max(g.verdicts, key=lambda v: v.budget).decision for g in facts.groups if g.verdicts}
    return next(iter(tops)) if len(tops) == 1 else "mixed" if tops else "refused"


def _title(facts: Facts) -> str:
    names = ", ".join(clean(run.name, 60) for run in facts.runs)
    return f"planneal report: {clean(facts.asked.primary, 60)}, {names}"


def _drawing(svg: str) -> Markup:
    """A figure's SVG, which was made here; names in it were escaped by who drew it."""
    return Markup(svg)


def _marked(cell: str) -> Markup:
    """The class of a cell, from a closed list of words or its length."""
    if cell in _MARKED:
        return Markup(' class="said-{}"').format(cell.replace(" ", "-"))
    size = "long" if len(cell) > _LONG else "mid" if len(cell) > _MID else "short" if len(cell) < _SHORT else ""
    return Markup(' class="{}"').format(size) if size else Markup()


def _md(text: str) -> str:
    return _MD.sub(r"\\\1", clean(text, 4_000))


def _printable(value: object) -> object:
    """Words without control characters; markup was made here."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return clean(value, 4_000)


def _environment(*, escaped: bool) -> Environment:
    made = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
    )
    made.filters |= {"drawing": _drawing, "marked": _marked, "md": _md}
    return made


def _values(facts: Facts, drawn: Sequence[Any]) -> dict[str, Any]:
    word = decision(facts)
    tone = "undecided" if word == "mixed" else word
    made = sections(facts, drawn)
    listed = facts.details if len(facts.details) > 1 else ()
    return {
        "title": _title(facts),
        "headline": facts.headline,
        "details": [line[0].upper() + line[1:] + "." for line in listed],
        "word": word,
        "tone": tone,
        "sections": made,
    }


def html(facts: Facts, drawn: Sequence[Any]) -> str:
    """The page."""
    return _environment(escaped=True).get_template("page.html.j2").render(_values(facts, drawn))


def markdown(facts: Facts, drawn: Sequence[Any]) -> str:
    """The same as Markdown, with its figures in files beside it."""
    text = _environment(escaped=False).get_template("page.md.j2").render(_values(facts, drawn))
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def files(facts: Facts) -> dict[str, bytes]:
    """Every file of a report by name: the same bytes for the same run.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    drawn = figures(facts)
    told = json.dumps(facts.to_json(), indent=1, ensure_ascii=True, allow_nan=False) + "\n"
    texts = {
        "report.html": html(facts, drawn),
        "report.md": markdown(facts, drawn),
        "report.json": told,
        "curves.csv": csv_text(_curves(facts)),
        "comparisons.csv": csv_text(_comparisons(facts)),
    }
    made = {name: text.encode("utf-8", "replace") for name, text in texts.items()}
    return made | {f"{figure.name}.png": figure.png for figure in drawn}


def write(facts: Facts, folder: str | Path) -> list[Path]:
    """Writes a report into a folder, which is made if it is not there; each file is there as a whole or not at all.

    Returns:
        The files, the page first.

    Raises:
        RunError: The folder cannot be written.
        MissingExtra: matplotlib is not installed.
    """
    return put_files(Path(folder), files(facts))


def _curves(facts: Facts) -> list[dict[str, object]]:
    return [
        {
            "run": group.run, "family": group.family, "level": group.level, "method": method.method,
            "kind": method.kind, "budget": point.budget, "axis": facts.asked.axis, "cached_weight": facts.asked.weight,
            "spend": point.spend, "accuracy": point.accuracy.value, "low": point.accuracy.low,
            "high": point.accuracy.high, "wilson_low": point.wilson[0], "wilson_high": point.wilson[1],
            "problems": point.accuracy.n, "attempts": point.attempts,
        }
        for group in facts.groups
        for method in group.methods
        for point in method.points
    ]  # fmt: skip


def _comparisons(facts: Facts) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for group in facts.groups:
        for entry in group.comparisons:
            value, low, high, problems = entry.difference[:4] if entry.difference else ("", "", "", "")
            rows.append({
                "run": group.run, "family": group.family, "level": group.level, "first": facts.asked.primary,
                "second": entry.method, "kind": entry.kind, "budget": entry.budget, "axis": facts.asked.axis,
                "cached_weight": facts.asked.weight, "spend": entry.spend, "outcome": entry.outcome,
                "difference": value, "low": low, "high": high, "problems": problems,
                "p": "" if entry.p != entry.p else entry.p,
                "p_holm": "" if entry.adjusted != entry.adjusted else entry.adjusted,
                "test": entry.test, "reason": entry.reason,
            })  # fmt: skip
    return rows


def csv_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows as CSV under the names of the first; empty where there are none."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return out.getvalue()


def _cell(value: object) -> object:
    """Text that a spreadsheet would take for a formula gets a quote before it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
