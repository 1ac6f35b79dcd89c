"""Keep or kill, by one rule that is stated before any number is looked at.

At each budget of the method that is judged, every *baseline* (ceilings and floors are none) is read at what it spent
there. Holm's correction is over all such comparisons of the report.

- **kill**: a baseline is better: corrected p of at most 5% and the whole 95% interval on its side. One that spends no
  more whatever its budget (it is saturated) is read at what it spends, and kills if it is better for that little.
- **keep**: the method is better than the *best* baseline at that spend, by the same test, and no baseline was measured
  to be as accurate for less.
- **refused**: no baseline can be compared at that spend; to be better than a saturated one, for more, is no keep.
- **undecided**: anything else; with the number of problems that would show a difference as large as the measured one
  (80% power, at the level that Holm asks of the first of the family).

The headline is the verdict at the highest budget; the other budgets stand beside it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ..matching import TOLERANCE
from ..statistics import problems_needed
from .records import Compared, Measured, Value
from .words import whole

__all__ = ["LEVEL", "RULE", "Decision", "Verdict", "details", "headline", "verdict"]

Decision = Literal["keep", "kill", "undecided", "refused"]
LEVEL = 0.05
"""Family-wise level."""
RULE = (
    "Kill where a baseline is better at equal spend (p after Holm at most 5%, the whole 95% interval on its side). "
    "Keep where the method is better than the best baseline at equal spend by the same test, and no baseline was "
    "measured to be as accurate for less. A baseline that spends no more whatever its budget is read at what it "
    "spends: it kills if it is better for that little, and to be better than it for more is no win. "
    "Refused where no baseline can be compared at that spend. Else undecided. "
    "Ceilings and floors are no baselines, nor is what verifiers judge that the method lacks. The headline is at the "
    "highest budget."
)


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a method on one group of problems at one budget.

    Attributes:
        decision: The verdict.
        method: The method that is judged.
        task: The group of problems.
        budget: The budget.
        spend: What the method spent there.
        rival: The baseline that decided, empty where there was none.
        difference: Accuracy less the rival's, None where refused.
        adjusted: Its p-value after Holm, NaN where refused.
        problems_needed: Problems that would show such a difference; None where that is no question or has no answer.
        cheaper: Baselines that were measured to be as accurate for less.
        refused: Baselines that cannot be compared there.
        why: One line.
        equal: Whether the baseline that decided was read at the same spend; else it is saturated and spent less.
    """

    decision: Decision
    method: str
    task: str
    budget: int
    spend: float
    rival: str
    difference: Value | None
    adjusted: float
    problems_needed: int | None
    cheaper: tuple[str, ...]
    refused: tuple[str, ...]
    why: str
    equal: bool = True


def verdict(
    task: str,
    primary: Measured,
    others: Sequence[Measured],
    compared: Iterable[Compared],
    budget: int,
    family: int,
) -> Verdict:
    """Decides at one budget.

    Args:
        task: The group of problems.
        primary: The method that is judged.
        others: The curves of its rivals; those that are no baselines are left out.
        compared: Comparisons of the group; others' and other budgets' are left out.
        budget: The budget.
        family: How many comparisons Holm's correction was over.
    """
    point = next(point for point in primary.points if point.budget == budget)
    rivals = {entry.method: entry for entry in others if entry.kind == "baseline"}
    here = [entry for entry in compared if entry.budget == budget and entry.method in rivals]
    read = [entry for entry in here if entry.difference is not None and entry.accuracies is not None]
    met = [entry for entry in read if entry.equal]
    refused = tuple(entry.method for entry in here if entry.outcome == "refused")
    cheaper = tuple(
        name
        for name, entry in rivals.items()
        if any(
            p.spend < point.spend * (1 - TOLERANCE) and p.accuracy.value >= point.accuracy.value for p in entry.points
        )
    )

    def made(decision: Decision, entry: Compared | None, why: str, needed: int | None = None) -> Verdict:
        name, difference, p = (
            ("", None, math.nan) if entry is None else (entry.method, entry.difference, entry.adjusted)
        )
        at, equal = point.spend, entry is None or entry.equal
        return Verdict(
            decision, primary.method, task, budget, at, name, difference, p, needed, cheaper, refused, why, equal
        )

    worse = [entry for entry in read if entry.outcome == "worse"]
    if worse:
        first = max(worse, key=_accuracy)
        return made("kill", first, "a baseline is better" + ("" if first.equal else f", for less: {first.reason}"))
    if not met:
        left = [rivals[entry.method] for entry in here if entry not in met]
        return made("refused", None, _nowhere(point.spend, left))
    best = max(met, key=_accuracy)
    if best.outcome == "better" and not cheaper:
        return made("keep", best, "better than the best baseline")
    if best.outcome == "better":
        return made("undecided", best, f"better at equal spend, but as accurate for less: {', '.join(cheaper)}")
    return made("undecided", best, "not told apart from the best baseline", _needed(best, family))


def _accuracy(entry: Compared) -> float:
    """The rival's."""
    return (entry.accuracies or (0.0, 0.0))[1]


def _nowhere(at: float, rivals: Sequence[Measured]) -> str:
    """Why nothing can be compared, so that whoever reads it knows which budgets to run."""
    if not rivals:
        return "no baseline was run that can be compared"
    spends = {entry.method: [point.spend for point in entry.points] for entry in rivals}
    less = [name for name, found in spends.items() if found and max(found) < at]
    more = [name for name, found in spends.items() if found and min(found) > at]
    sides = [f"{', '.join(names)} for {side} only" for names, side in ((less, "less"), (more, "more")) if names]
    return f"no baseline was measured at the {whole(at)} that it spent" + (f" ({'; '.join(sides)})" if sides else "")


def _needed(entry: Compared, family: int) -> int | None:
    """Problems for a difference as large as the measured one; None where none was measured."""
    assert entry.difference is not None
    difference = abs(entry.difference.value)
    if difference < 1e-9:
        return None
    # Shares over several seeds vary less than single outcomes; the formula needs at least the difference itself.
    discordance = min(1.0, max(entry.discordance, difference))
    return problems_needed(difference, discordance, level=LEVEL / max(1, family))


def headline(verdicts: Sequence[Verdict], missing: Sequence[str] = ()) -> str:
    """One sentence: keep or kill, for which tasks, at which budgets, with the interval.

    Args:
        verdicts: Of all tasks and budgets.
        missing: Mandatory rows that were not run.
    """
    if not verdicts:
        return "Refused: there is nothing to compare yet."
    tops = _tops(verdicts)
    told = details(verdicts)[0] if len(tops) == 1 else "; ".join(_brief(entry) for entry in tops)
    if len(tops) > 1:
        told += "; each against the baseline that decides, at equal spend and the highest budget"
    lacking = f" (mandatory rows missing: {', '.join(missing)})" if missing else ""
    return told[0].upper() + told[1:] + lacking + "."


def details(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """One line a task: the verdict at its highest budget with what it rests on, and those at lower ones."""
    lines = []
    for top in _tops(verdicts):
        rest = [entry for entry in verdicts if entry.task == top.task and entry is not top]
        lines.append(_part(top, _others(rest)))
    return tuple(lines)


def _tops(verdicts: Sequence[Verdict]) -> list[Verdict]:
    tasks = dict.fromkeys(entry.task for entry in verdicts)
    return [max((e for e in verdicts if e.task == task), key=lambda entry: entry.budget) for task in tasks]


def _points(value: Value) -> str:
    return f"{100 * value.value:+.1f} points [{100 * value.low:+.1f}, {100 * value.high:+.1f}]"


def _brief(entry: Verdict) -> str:
    place = f"{entry.method} on {entry.task} at {entry.budget:,} tokens"
    if entry.difference is None:
        return f"refused to judge {place}"
    about = " about" if entry.decision == "undecided" else ""
    return f"{entry.decision}{about} {place} ({_points(entry.difference)})"


def _part(entry: Verdict, lower: str) -> str:
    place = f"{entry.method} on {entry.task} at a budget of {entry.budget:,} tokens"
    if entry.difference is None:
        return f"refused to judge {place}: {entry.why}" + (f", {lower}" if lower else "")
    v = entry.difference
    where = "at equal spend," if entry.equal else "that spends less, whatever its budget, than its"
    told = (
        f"{_points(v)} against {entry.rival} {where} "
        f"{whole(entry.spend)} ({v.n} {v.unit}, p = {entry.adjusted:.2g} after Holm{lower and '; ' + lower})"
    )
    if entry.decision in ("keep", "kill"):
        return f"{entry.decision} {place}: {told}"
    cheaper = f"as accurate for less: {', '.join(entry.cheaper)}" if entry.cheaper else ""
    if entry.adjusted <= LEVEL and v.low > 0:
        return f"undecided about {place}: {told}, but {cheaper}"
    more = (
        f"about {entry.problems_needed:,} problems would show a difference as large"
        if entry.problems_needed is not None
        else "with no difference measured no number of problems can be named"
    )
    return f"undecided about {place}: {told}; {more}{cheaper and ', and ' + cheaper}"


def _others(rest: Sequence[Verdict]) -> str:
    if not rest:
        return ""
    by_decision: dict[str, list[str]] = {}
    for entry in sorted(rest, key=lambda entry: entry.budget):
        by_decision.setdefault(entry.decision, []).append(f"{entry.budget:,}")
    told = ", ".join(f"{name} at {' and '.join(at)}" for name, at in by_decision.items())
    return f"lower budgets: {told}"
