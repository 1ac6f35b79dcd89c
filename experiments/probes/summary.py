"""What was seen of many plans, as the entries of ``extra.json``: shares with intervals over problems."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from ...planner.errors import RunError
from ..metrics.causal import Effect, causal_rate
from ..metrics.fluff import fluff_rate
from ..report.extra import FILE, Extra, ExtraFile, LinkExtra, Made, read_file
from ..report.loading import stream
from ..report.records import Value
from ..statistics import Estimate, clustered_mean, mcnemar, paired_difference
from ..whole_files import written_whole
from .ablation import LINKS, Replaced
from .questions import WAYS, Seen
from .sample import Sample

__all__ = ["BY", "links", "measured", "put"]

BY = "planneal probe"
"""Who measured it, in each entry."""
_DRAWS = 10_000


def measured(drawn: Sample, seen: Sequence[Seen], note: str) -> tuple[list[Extra], list[str]]:
    """The entries of one method, by family and level, and what could not be measured.

    Args:
        drawn: The sample.
        seen: What was seen of it.
        note: Said of every entry, such as that the run was unfinished; empty for nothing.
    """
    found: list[Extra] = []
    missing: list[str] = []
    if not seen:
        missing.append(f"{drawn.method} has no plans that can be asked about.")
    for family, level in sorted({(one.subject.attempt.family, one.subject.attempt.level) for one in seen}):
        part = [one for one in seen if (one.subject.attempt.family, one.subject.attempt.level) == (family, level)]
        made = _Part(drawn, part, family, level, note)
        for entry, why in (made.fluff(), made.follow(), made.leakage()):
            found += [entry] if entry is not None else []
            missing += [why] if why else []
    return found, missing


class _Part:
    """One method on one family and level."""

    def __init__(self, drawn: Sample, seen: Sequence[Seen], family: str, level: str, note: str) -> None:
        self.method, self.budget, self.seen = drawn.method, drawn.budget, seen
        self.family, self.level = family, level
        self.note = f"; {note}" if note else ""
        self.names = [one.subject.attempt.problem for one in seen]
        self.plans = f"{len(seen)} final plans of {drawn.method} at {drawn.budget} tokens"

    def fluff(self) -> tuple[Extra | None, str]:
        """Share of own items whose removal moves neither energy nor answer."""
        own = [(one.removals, name) for one, name in zip(self.seen, self.names, strict=True) if one.removals]
        if not own:
            return None, f"{self.method} on {self.family}: no plan has an item of its own, so there is no fluff to see."
        rng = stream("probe", "fluff", self.method, self.family, self.level)
        rate = fluff_rate([found for found, _ in own], [name for _, name in own], rng=rng, draws=_DRAWS)
        items = sum(len(found) for found, _ in own)
        about = f"own items taken out one at a time of {self.plans}; energy by exact verifiers, greedy answers"
        return self._entry("fluff", rate, items, "items", about), ""

    def follow(self) -> tuple[Extra | None, str]:
        """Share of the expected parts of the answer that moved with the plan."""
        rows = [(effect, name) for one, name in zip(self.seen, self.names, strict=True) for effect in one.effects]
        rows = [(effect, name) for effect, name in rows if effect.expected]
        if not rows:
            why = "no answer has a part that a changed item had to move, so whether the plan is ignored is not seen."
            return None, f"{self.method} on {self.family}: {why}"
        rng = stream("probe", "follow", self.method, self.family, self.level)
        rate = causal_rate([effect for effect, _ in rows], [name for _, name in rows], rng=rng, draws=_DRAWS)
        stray = "none to see" if rate.stray is None else f"{rate.stray.value:.1%}"
        about = (
            f"follow over changed items of {self.plans} ({_by_way([effect for effect, _ in rows])}); exactly the "
            f"expected parts moved in {rate.exact.value:.1%}, of the other parts {stray} moved too"
        )
        return self._entry("ignored plan", rate.follow, rate.changes, "changes", about), ""

    def leakage(self) -> tuple[Extra | None, str]:
        """Share of plans from which the model answers right without the question."""
        rng = stream("probe", "leakage", self.method, self.family, self.level)
        rate = clustered_mean([float(one.blind) for one in self.seen], self.names, rng=rng, draws=_DRAWS)
        sighted = sum(one.sighted for one in self.seen) / len(self.seen)
        about = f"answers right from {self.plans} without the question; with it {sighted:.1%} are"
        return self._entry("leakage", rate, len(self.seen), "plans", about), ""

    def _entry(self, mode: str, rate: Estimate, n: int, unit: str, about: str) -> Extra:
        value = Value.share(rate)
        low, high = _ends(value)
        return Extra.model_validate(
            {
                "mode": mode,
                "value": value.value,
                "low": min(low, value.value),
                "high": max(high, value.value),
                "n": n,
                "unit": unit,
                "about": f"{about}{self.note}"[:400],
                "family": self.family,
                "level": self.level,
                "method": self.method,
                "by": BY,
            }
        )


def _ends(share: Value) -> tuple[float, float]:
    """A share's interval: all that there is where one problem tells of no other."""
    return (0.0, 1.0) if math.isnan(share.low) else (share.low, share.high)


def _by_way(effects: Sequence[Effect]) -> str:
    """Follow by way of changing: a blanked item can be filled in from the question, a corrupted one contradicts it."""
    told = []
    for way in WAYS:
        found = [effect.follow for effect in effects if effect.way == way]
        told += [f"{way} {sum(found) / len(found):.1%} of {len(found)}"] if found else []
    return ", ".join(told)


def links(rows: Sequence[Replaced]) -> list[LinkExtra]:
    """Accuracy with gold in place of each link beside the whole run on the same problems, by family and level."""
    found: list[LinkExtra] = []
    for row in rows:
        for family, level in sorted({(whole.family, whole.level) for whole, _ in row.pairs}):
            pairs = [(old, new) for old, new in row.pairs if (old.family, old.level) == (family, level)]
            was, now = [float(old.right) for old, _ in pairs], [float(new.right) for _, new in pairs]
            words = ("probe", row.link, row.method, family, level)
            share = Value.share(clustered_mean(now, range(len(now)), rng=stream(*words), draws=_DRAWS))
            gain = paired_difference(now, was, rng=stream(*words, "gain"), draws=_DRAWS) if len(pairs) > 1 else None
            low, high = _ends(share)
            found.append(
                LinkExtra(
                    link=row.link,
                    replaced=LINKS[row.link],
                    method=row.method,
                    budget=row.budget,
                    family=family,
                    level=level,
                    n=len(pairs),
                    value=share.value,
                    low=low,
                    high=high,
                    gain=(sum(now) - sum(was)) / len(pairs),
                    gain_low=None if gain is None else gain.low,
                    gain_high=None if gain is None else gain.high,
                    p=mcnemar([new.right for _, new in pairs], [old.right for old, _ in pairs]),
                    failing=sum(not old.right for old, _ in pairs),
                    repaired=sum(new.right and not old.right for old, new in pairs),
                    tokens=sum(new.spent.tokens for _, new in pairs) / len(pairs),
                )
            )
    return found


def put(folder: Path, entries: Sequence[Extra], gold: Sequence[LinkExtra] | None, made: Made) -> Path:
    """Writes the file anew: what was measured here before is replaced, what others put there stays.

    Args:
        folder: The run's folder.
        entries: Measurements.
        gold: Links; None where they were not asked for, and then those that are there stay.
        made: How it was made.

    Raises:
        RunError: What is there is of another form, or the file cannot be written.
    """
    there = read_file(folder)
    kept = [entry for entry in there.measured if entry.by != BY]
    file = ExtraFile(measured=(*kept, *entries), links=there.links if gold is None else tuple(gold), made=made)
    text = json.dumps(file.model_dump(mode="json", by_alias=True), indent=1, allow_nan=False) + "\n"
    try:
        with written_whole(folder / FILE) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"cannot write {folder / FILE}: {error.strerror or error}") from None
    return folder / FILE
