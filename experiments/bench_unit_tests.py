"""Benchmark: do the unit tests pass right programs and fail wrong ones, and what does a run cost?

On the rows of HumanEval and MBPP: every canonical solution must pass; of its *mutants* (:mod:`.mutants`) as many as
possible must fail. A mutant may mean the same as the original (an *equivalent* mutant), or differ only where the
published tests do not look, so the rate at which mutants fail stands beside the pass rate and is not expected to be
one. Survivors are printed on request, never hidden.

A row's asserts are taken apart into calls and expectations where that can be done (values out); the rest runs in the
program's own process and is counted apart (self-reported). Values are compared as Python's ``==`` does, since that is
what an assert says.

Run: ``python -m planneal.experiments.bench_unit_tests --data DIR --mutants 5 --seed 0``, where DIR holds
``humaneval/*.jsonl`` and ``mbpp/*.jsonl`` as published.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics as stats
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..planner.errors import SandboxUnavailable
from ..verifiers.assert_files import AssertFile
from ..verifiers.comparing import Comparison
from ..verifiers.program_runs import run_file, run_tests
from ..verifiers.sandbox.base import Call, Job, Limits, Sandbox
from ..verifiers.sandbox.bubblewrap import BubblewrapSandbox
from ..verifiers.sandbox.monty import MontySandbox
from ..verifiers.sandbox.select import default_sandbox
from .mutants import mutants

PYTHON = Comparison(types="python")


class Row(NamedTuple):
    """A benchmark row: its name, the canonical solution, and the tests."""

    name: str
    source: str
    tests: AssertFile


def humaneval_rows(path: Path) -> Iterator[Row]:
    """The rows of a HumanEval file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        source = row["prompt"] + row["canonical_solution"]
        yield Row(row["task_id"], source, AssertFile.humaneval(row["test"], row["entry_point"]))


def mbpp_rows(path: Path) -> Iterator[Row]:
    """The rows of an MBPP file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        tests = AssertFile.mbpp(row["test_list"], row["test_setup_code"].replace("\r\n", "\n"))
        yield Row(f"MBPP/{row['task_id']}", row["code"].replace("\r\n", "\n"), tests)


class Judged(NamedTuple):
    """How a program came out: ``pass``, ``fail``, ``unsupported`` or ``no_verdict``; and by which class of trust."""

    outcome: str
    trust: str
    reason: str


async def judge(sandbox: Sandbox, source: str, tests: AssertFile, limits: Limits) -> Judged:
    """Values out first; the program's own word only where that leaves something open."""
    if tests.cases:
        report = await run_tests(sandbox, source, tests.cases, comparison=PYTHON, limits=limits, setup=tests.setup)
        opaque = report.outcome == "no_verdict" and not report.cause
        if report.outcome != "pass" and not opaque:
            return Judged(report.outcome, "values out", report.reason)
        if tests.complete and not opaque:
            return Judged("pass", "values out", "")
    report = await run_file(sandbox, source, tests, limits=limits)
    return Judged(report.outcome, "self-reported", report.reason)


@dataclass
class Tally:
    """What came of one data set.

    Attributes:
        rows: Rows judged.
        canonical: Outcomes of canonical solutions by ``outcome, trust``.
        mutated: Outcomes of mutants likewise.
        wrong: Canonical solutions that did not pass, with the reason.
        survivors: Mutants that passed.
        few: Rows with fewer mutants than wanted.
    """

    rows: int = 0
    canonical: Counter[tuple[str, str]] = field(default_factory=Counter)
    mutated: Counter[tuple[str, str]] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    survivors: list[tuple[str, str]] = field(default_factory=list)
    few: int = 0


async def tally(
    sandbox: Sandbox,
    rows: Sequence[Row],
    *,
    count: int,
    seed: int,
    limits: tuple[Limits, Limits],
    told: Callable[[int, Tally], None],
) -> Tally:
    """Judges every canonical solution and its mutants, which are drawn from a stream of their own for each row.

    Args:
        sandbox: Where they run.
        rows: The rows.
        count: Mutants for each row.
        seed: Seed of the draws.
        limits: Of a run of a canonical solution, and of a mutant.
        told: Is told how many rows are done, and what came of them so far.
    """
    found = Tally()
    for index, row in enumerate(rows):
        found.rows += 1
        judged = await judge(sandbox, row.source, row.tests, limits[0])
        found.canonical[judged.outcome, judged.trust] += 1
        if judged.outcome != "pass":
            found.wrong.append(f"{row.name}: {judged.outcome} ({judged.trust}): {judged.reason}")
        drawn = mutants(row.source, count, np.random.default_rng([seed, index]))
        found.few += len(drawn) < count
        for mutant in drawn:
            judged = await judge(sandbox, mutant, row.tests, limits[1])
            found.mutated[judged.outcome, judged.trust] += 1
            if judged.outcome == "pass":
                found.survivors.append((row.name, mutant))
        told(found.rows, found)
    return found


async def timings(make: Callable[[], Sandbox], runs: int) -> tuple[float, list[float]]:
    """Milliseconds of the first run in a fresh sandbox, and of runs in one that is warm."""
    job = Job(source="def f(xs):\n    return sorted(xs)\n", calls=(Call("f", ([3, 1, 2],)),))
    cold: list[float] = []
    for _ in range(5):
        async with make() as sandbox:
            started = time.perf_counter()
            await sandbox.run(job)
            cold.append(1000 * (time.perf_counter() - started))
    warm: list[float] = []
    async with make() as sandbox:
        await sandbox.warm()
        await sandbox.run(job)
        for _ in range(runs):
            started = time.perf_counter()
            await sandbox.run(job)
            warm.append(1000 * (time.perf_counter() - started))
    return stats.median(cold), warm


def lines(name: str, found: Tally) -> Iterator[str]:
    """A data set's figures as text."""
    passed = sum(count for (outcome, _), count in found.canonical.items() if outcome == "pass")
    made = sum(found.mutated.values())
    failed = sum(count for (outcome, _), count in found.mutated.items() if outcome == "fail")
    unjudged = sum(count for (outcome, _), count in found.mutated.items() if outcome in ("no_verdict", "unsupported"))
    share = passed / max(1, found.rows)
    yield f"{name}: {passed} of {found.rows} canonical solutions pass ({share:.2%}); {dict(found.canonical)}"
    yield (
        f"{name}: {failed} of {made} mutants fail ({failed / max(1, made):.2%}), {unjudged} without a verdict, "
        f"{len(found.survivors)} pass; {found.few} rows have fewer mutants than wanted; {dict(found.mutated)}"
    )
    yield from (f"{name}: not passed: {line}" for line in found.wrong)


async def measure(options: argparse.Namespace) -> None:
    """Prints everything."""
    seconds = (options.seconds, options.mutant_seconds)
    limits = (Limits(seconds[0], cpu_seconds=seconds[0]), Limits(seconds[1], cpu_seconds=seconds[1]))
    sets = {
        "HumanEval": [row for path in sorted(options.data.glob("humaneval/*.jsonl")) for row in humaneval_rows(path)],
        "MBPP": [row for path in sorted(options.data.glob("mbpp/*.jsonl")) for row in mbpp_rows(path)],
    }
    async with await default_sandbox() as sandbox:
        for name, rows in sets.items():
            if options.only not in ("", name):
                continue
            chosen = rows[: options.rows] if options.rows else rows

            def told(done: int, found: Tally, name: str = name) -> None:
                if done % 50 == 0:
                    print(f"... {next(iter(lines(name, found)))}; mutants {dict(found.mutated)}", flush=True)

            found = await tally(sandbox, chosen, count=options.mutants, seed=options.seed, limits=limits, told=told)
            for line in lines(name, found):
                print(line, flush=True)
            if options.survivors:
                for row, mutant in found.survivors:
                    print(f"--- survivor of {row}\n{mutant}")
    for make in (MontySandbox, BubblewrapSandbox):
        try:
            cold, warm = await timings(make, options.runs)
        except SandboxUnavailable as error:
            print(f"{make.__name__}: {error}")
            continue
        tail = sorted(warm)[int(0.95 * len(warm))]
        middle = stats.median(warm)
        print(f"{make.__name__:<20} cold median {cold:.2f} ms   warm median {middle:.3f} ms   p95 {tail:.3f} ms")


def main() -> None:
    """Reads the options and runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with humaneval/ and mbpp/")
    parser.add_argument("--mutants", type=int, default=5, help="mutants for each row")
    parser.add_argument("--rows", type=int, default=0, help="rows of each data set, 0 for all")
    parser.add_argument("--only", default="", choices=["", "HumanEval", "MBPP"], help="one data set")
    parser.add_argument("--runs", type=int, default=100, help="warm runs that are timed")
    parser.add_argument("--seconds", type=float, default=20.0, help="limit of a canonical solution's run")
    parser.add_argument("--mutant-seconds", type=float, default=2.0, help="limit of a mutant's run: many loop")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--survivors", action="store_true", help="print the mutants that pass")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
