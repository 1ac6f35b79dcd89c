"""A report as sections of sentences, tables and figures: what the page and the Markdown both show."""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence

from ..matching import TOLERANCE
from .facts import Facts
from .figures import Figure, axis_name
from .group_sections import Section, Table, of_group
from .growing import HorizonPoint
from .horizon import ASKED
from .words import NONE, clean, percent, points, probability, whole

__all__ = ["command", "needed", "sections"]


def command(facts: Facts) -> str:
    """The command that makes this report."""
    asked = facts.asked
    names = [run.name for run in facts.runs]
    options = ["--primary", asked.primary, "--weight", f"{asked.weight:g}", "--axis", asked.axis]
    return shlex.join(["planneal", "report", *names, *options])


def sections(facts: Facts, drawn: Sequence[Figure]) -> list[Section]:
    """All sections in order."""
    made = [_standing(facts), _decided(facts)]
    for place, group in enumerate(facts.groups, 1):
        own = {figure.name.rsplit("-", 1)[0]: figure for figure in drawn if figure.name.endswith(f"-{place}")}
        made += of_group(facts, group, {name: own[name] for name in own if name != "horizon"})
    made += _horizons(facts, [figure for figure in drawn if figure.name.startswith("horizon")])
    return [*made, _made(facts)]


def _standing(facts: Facts) -> Section:
    rows = []
    for run in facts.runs:
        expected = NONE if run.expected is None else f"{run.expected:,}"
        state = "finished" if run.finished else "empty" if not run.attempts else "unfinished"
        if run.expected is None and run.attempts:
            state = "not known"
        rows.append((run.name, state, f"{run.attempts:,}", expected, f"{run.problems:,}"))
    said = []
    unfinished = [run.name for run in facts.runs if not run.finished]
    if unfinished:
        said.append(
            f"Not finished: {', '.join(unfinished)}. What follows is of the problems that every method has tried at "
            "every budget, and may change. Run the same planneal compare command again to go on."
        )
    if not facts.groups:
        said.append("There are no attempts yet, so there is nothing to show.")
    for group in facts.groups:
        if not group.compared:
            said.append(f"On {group.label} no problem has been tried by every method at every budget yet.")
        elif group.compared < group.problems:
            said.append(f"On {group.label} {group.compared:,} of {group.problems:,} tried problems are compared.")
    table = Table("Runs", ("run", "state", "attempts", "of", "problems"), tuple(rows))
    return Section("What there is", 2, tuple(said), tables=(table,))


def _decided(facts: Facts) -> Section:
    rows = []
    for group in facts.groups:
        for against, verdicts in (("every baseline", group.verdicts), ("baselines without edits", group.plainly)):
            for entry in verdicts:
                needed = NONE if entry.problems_needed is None else f"about {entry.problems_needed:,}"
                rows.append(
                    (
                        f"{group.label}, {entry.budget:,}",
                        against,
                        entry.decision,
                        entry.rival or NONE,
                        points(entry.difference),
                        probability(entry.adjusted),
                        needed,
                        ", ".join(entry.cheaper) or NONE,
                        ", ".join(entry.refused) or NONE,
                    )
                )
    head = (
        "task, budget", "against", "verdict", "decided by", "difference, points [95%]", "p (Holm)",
        "problems that would decide", "as accurate for less", "not comparable there",
    )  # fmt: skip
    said = (
        f"The rule, stated before: {facts.rule}",
        f"Holm's correction is over {facts.family:,} planned comparisons with baselines; one refused has p = 1.",
        f"Against baselines that edit no plan: {facts.plain_headline}",
    )
    tables = (Table("Verdicts by task and budget", head, tuple(rows)),) if rows else ()
    return Section("Verdicts", 2, said if facts.groups else said[:1], tables=tables)


def _horizons(facts: Facts, drawn: Sequence[Figure]) -> list[Section]:
    if not facts.horizons:
        why = "Not measured: the problems are all of one size, or too few of each."
        return [Section("Against the horizon", 2, (why,))]
    said = [
        f"By size of the problem, or by the steps that it needs. Accuracy is read at what {facts.asked.primary} spent "
        f"on such problems; beside it the spend needed for {ASKED:.0%}, with its interval over problems: after <= that "
        "of the lowest budget, less might have sufficed; after > the largest that was measured, it was not reached.",
        "Growth is fitted to the spend needed, as a line and as an exponential, with what was not reached as censored.",
        *(entry.said for entry in facts.horizons),
    ]
    rows = tuple(
        (
            f"{entry.family}, {entry.method}",
            f"{point.size:.4g}" if entry.by == "size" else f"{point.size:.4g} {entry.by}",
            whole(point.spend),
            "outside of what was measured" if point.accuracy is None else percent(point.accuracy),
            needed(point),
        )
        for entry in facts.horizons
        for point in entry.points
    )
    head = ("family, method", "size", "at spend", "accuracy [95%]", f"spend for {ASKED:.0%} [95%]")
    return [Section("Against the horizon", 2, tuple(said), tuple(drawn), (Table("By size", head, rows, True),))]


def needed(point: HorizonPoint) -> str:
    """The spend needed with its interval, or what is known of it."""
    if math.isnan(point.needed):
        told = NONE if math.isnan(point.most) else f"not reached, > {whole(point.most)}"
    else:
        told = ("<= " if point.at_start else "") + whole(point.needed)
    if math.isnan(point.needed_low) or math.isinf(point.needed_low):
        return told
    high = "not reached" if math.isinf(point.needed_high) else whole(point.needed_high)
    return f"{told} [{whole(point.needed_low)}, {high}]"


def _made(facts: Facts) -> Section:
    said = [f"This report: {command(facts)}"]
    rows = []
    for run in facts.runs:
        said.append(f"The run {run.name}: {run.command}")
        rows += [(run.name, key, clean(value, 120)) for key, value in sorted(run.meta.items())]
        rows += [(run.name, f"--{key}", clean(_given(value))) for key, value in sorted(run.arguments.items())]
    for name, again in facts.asked_again.items():
        tokens = sum(used.tokens for used in again.cost.values())
        state = "" if again.finished else f", when the run was unfinished with {again.attempts:,} attempts"
        said.append(
            f"Asked again after the run {name}{state}: {again.command}; {again.answers:,} answers of {again.model}, "
            f"{tokens:,} tokens, on an account of their own. {' '.join(again.notes)}".strip()
        )
    said += [
        f"planneal {facts.version} made the page. Where nothing else is said n counts problems. Intervals are 95%, "
        "bootstrap over problems (Wilson's for a share of none or all) with all seeds of a "
        f"problem together, {facts.asked.draws:,} resamples (2,000 or fewer for links, failure modes, stability and "
        f"horizon); every number has a random stream of its own from seed {facts.seed}.",
        f"Spend is on the axis {facts.asked.axis}: {axis_name(facts)}. Prompts, completions, rejected proposals and "
        f"judges all count. The weight of a cached prompt token is {facts.asked.weight:g}.",
        f"Two methods are compared on the same problems at equal spend only: no winner is named where spends differ by "
        f"more than {TOLERANCE:.0%} or lie outside the measured range. Tests are exact McNemar with one attempt per "
        "problem, else flips of signs by problem.",
        "Every number stands in report.json; curves.csv and comparisons.csv hold the curves and the comparisons.",
    ]
    return Section(
        "How this was made",
        2,
        tuple(said),
        tables=(Table("The runs' own facts", ("run", "fact", "value"), tuple(rows), True),),
    )


def _given(value: object) -> str:
    if value is None:
        return "not given"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
