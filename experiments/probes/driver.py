"""Asks the run's model again about a sample of its plans, and writes what it adds up to beside the run."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..._version import __version__
from ...decoders.base import LanguageModel
from ...planner.errors import ConfigError, RunError
from ...planner.ledger import Usage
from ...settings import Settings
from ..families.base import PublicProblem
from ..report.extra import Extra, LinkExtra, Made, read_file
from ..runs.arguments import Arguments, kept_arguments
from ..runs.engine import ModelFacts, facts_of
from ..runs.records import ProblemRow
from ..runs.sealed import Sealed
from ..runs.sources import Source
from ..runs.store import Store
from . import ablation, summary
from .asker import Asker, opened
from .questions import Seen, examine
from .sample import Sample, sample

__all__ = ["Probing", "Summary", "probe"]

Told = Callable[[int, int], None]
"""Called with the plans done, and all of them."""


@dataclass(frozen=True)
class Probing:
    """What is asked for.

    Attributes:
        methods: Methods whose plans are asked about.
        problems: Most problems of each method.
        seed: Of the sample, and of what is drawn in it.
        changes: Most changes of each way (blank, corrupt, swap) in each plan.
        links: Whether each method is run again with gold in place of one link at a time.
        path: The published set's file or folder, which a run does not keep; empty for families.
    """

    methods: tuple[str, ...] = ("planneal",)
    problems: int = 100
    seed: int = 0
    changes: int = 1
    links: bool = False
    path: str = ""

    def command(self, run: str) -> str:
        """The command that asks the same."""
        given = ["planneal", "probe", run, "--methods", ",".join(self.methods), "--problems", str(self.problems)]
        given += ["--seed", str(self.seed), "--changes", str(self.changes), *(["--links"] if self.links else [])]
        return shlex.join([*given, *(["--path", "PATH"] if self.path else [])])


@dataclass(frozen=True)
class Summary:
    """What came of it.

    Attributes:
        file: The file that was written.
        measured: Its measurements.
        links: Accuracies with gold in place of one link.
        made: How it was made and what it cost.
        paid: Answers that were paid for now; the others were there.
        finished: Whether the run was finished.
    """

    file: Path
    measured: tuple[Extra, ...]
    links: tuple[LinkExtra, ...]
    made: Made
    paid: int
    finished: bool


@dataclass(frozen=True)
class _Run:
    """A run as it is found."""

    folder: Path
    meta: Mapping[str, str]
    arguments: Arguments
    rows: Sequence[ProblemRow]
    samples: Sequence[Sample]
    attempts: int
    expected: int

    @property
    def finished(self) -> bool:
        return self.attempts >= self.expected


async def probe(
    folder: str | Path,
    asked: Probing,
    load: Callable[[], LanguageModel],
    *,
    width: int = 16,
    told: Told = lambda done, plans: None,
    seal: Callable[[Source], Sealed] = Sealed,
) -> Summary:
    """Asks again, or what is missing of it, and writes ``extra.json``.

    Args:
        folder: The run's folder; the run may be unfinished.
        asked: What is asked for.
        load: Loads the run's model.
        width: Most plans under way at once.
        told: Hears of every plan.
        seal: Puts what knows the gold out of reach.

    Raises:
        RunError: There is no such run, its problems or its model are not what they were, or ``extra.json`` is of
            another form.
        ConfigError: A method was not run, or an argument is out of range.
        PlannealError: What ended it; what was paid for is kept, and the same command goes on.
    """
    run = _found(folder, asked)
    read_file(run.folder)  # what others put there is looked at before anything is spent
    model = load()
    try:
        _same_model(run, facts := facts_of(model))
        source = run.arguments.source()
        async with seal(source) as sealed:
            problems = await sealed.problems(len(run.rows))
            _same_problems(run, [row for row, _ in problems])
            with opened(run.folder, run.meta, run.rows, facts) as store:
                asker = Asker(store, sealed, model, source, problems, Settings().answer)
                return await _asked_all(run, asked, asker, problems, facts, width, told)
    finally:
        await model.aclose()


def _found(folder: str | Path, asked: Probing) -> _Run:
    for name, least in (("problems", 1), ("changes", 1), ("seed", 0)):
        if getattr(asked, name) < least:
            raise ConfigError(f"--{name} is {getattr(asked, name)}; give at least {least}")
    with Store.open(folder) as store:
        meta, rows, done = store.meta, store.problems(), store.done()
        arguments = _arguments(store.folder, meta, asked.path)
        strangers = [name for name in asked.methods if name not in arguments.methods]
        if strangers:
            there = ", ".join(arguments.methods)
            raise ConfigError(f"--methods: {', '.join(strangers)} were not run; the run has {there}")
        samples = [sample(store, rows, name, asked.problems, asked.seed) for name in asked.methods]
        folder = store.folder
    cells = len(arguments.jobs(rows))
    return _Run(folder, meta, arguments, rows, samples, len(done), cells)


def _arguments(folder: Path, meta: Mapping[str, str], path: str) -> Arguments:
    kept = kept_arguments(meta, folder)
    data = kept.get("data")
    if data is not None and not path:
        raise ConfigError(f"the run is of the set {data}, and a run does not keep where that lies: give --path PATH")
    return Arguments.checked(**kept, path=path)


def _same_model(run: _Run, facts: ModelFacts) -> None:
    was = (run.meta.get("model", ""), run.meta.get("model_hash", ""))
    if was != (facts.name, facts.digest):
        shown = [f"{name} ({digest})" if digest else name for name, digest in (was, facts[:2])]
        raise RunError(f"the run's model is {shown[0]}, this one is {shown[1]}: only the same one can be asked again")


def _same_problems(run: _Run, rows: Sequence[ProblemRow]) -> None:
    other = [old.id for old, new in zip(run.rows, rows, strict=True) if old != new]
    if other:
        version = run.meta.get("version", "unknown")
        raise RunError(
            f"{len(other)} problems of the run in {run.folder} cannot be made as they were, the first is {other[0]}; "
            f"use the version of planneal that ran it ({version}), and the same file of problems"
        )


async def _asked_all(
    run: _Run,
    asked: Probing,
    asker: Asker,
    problems: Sequence[tuple[ProblemRow, PublicProblem]],
    facts: ModelFacts,
    width: int,
    told: Told,
) -> Summary:
    plans = sum(len(drawn.subjects) for drawn in run.samples)
    gate, done = asyncio.Semaphore(width), 0
    told(0, plans)

    async def one(subject: Any) -> Seen:
        nonlocal done
        async with gate:
            seen = await examine(asker, subject, asked.seed, asked.changes)
        done += 1
        told(done, plans)
        return seen

    entries: list[Extra] = []
    notes: list[str] = []
    note = "" if run.finished else f"the run was unfinished, {run.attempts} of {run.expected} attempts"
    for drawn in run.samples:
        found, missing = summary.measured(drawn, await _together([one(s) for s in drawn.subjects]), note)
        entries += found
        notes += missing
        if drawn.unread:
            notes.append(f"{drawn.unread} attempts of {drawn.method} that were drawn have no plan that can be read.")
    gold = await _gold(run, asked, asker, width, notes) if asked.links else None
    made = Made(
        command=asked.command(run.folder.resolve().name),
        version=__version__,
        model=facts.name,
        model_hash=facts.digest,
        seed=asked.seed,
        problems=asked.problems,
        finished=run.finished,
        attempts=run.attempts,
        answers=len(asker.used),
        cost=_cost(asker),
        notes=tuple(notes),
    )
    file = summary.put(run.folder, entries, gold, made)
    return Summary(file, tuple(entries), tuple(gold or ()), made, asker.paid, run.finished)


async def _together(work: Sequence[Any]) -> list[Seen]:
    """All of them; where one fails the others are ended, and awaited, before it is told."""
    tasks = [asyncio.ensure_future(entry) for entry in work]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _gold(run: _Run, asked: Probing, asker: Asker, width: int, notes: list[str]) -> list[LinkExtra]:
    if run.arguments.data is not None:
        notes.append("Links were not replaced: published sets have no gold plans.")
        return []
    found: list[LinkExtra] = []
    for drawn in run.samples:
        if not ablation.can_replace(drawn.method):
            notes.append(f"Links of {drawn.method} were not replaced: they are not those of planneal.")
            continue
        found += summary.links(await ablation.replaced(asker, drawn, run.arguments.seed, width))
    return found


def _cost(asker: Asker) -> dict[str, Usage]:
    """What all that the figures rest on cost, by what was asked, whoever paid for it when."""
    found: dict[str, Usage] = {}
    for cell, attempt in sorted(asker.used.items()):
        kind = cell.method if " with gold: " in cell.method else cell.method.rpartition(" ")[0]
        found[kind] = found.get(kind, Usage()) + attempt.spent
    return found
