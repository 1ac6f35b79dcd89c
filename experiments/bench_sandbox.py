"""Benchmark: what a run in each sandbox costs, cold and warm, and how many runs follow one another in a second.

Cold: the start of the interpreter and its walls included (``first`` is the first run of a new sandbox, for bubblewrap
with its probe). Warm: a child or worker waits already. In a row: one run after the other without
a pause, so that the preparation of the next child is part of it. With ``--programs`` the canonical solutions of a
HumanEval file run with their test texts, to say how many monty takes and whether the sandboxes agree.

Run: ``python -m planneal.experiments.bench_sandbox --runs 50`` (timings on a busy machine mean little alone)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics as stats
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..planner.errors import SandboxUnavailable
from ..verifiers.sandbox import BubblewrapSandbox, Call, Job, MontySandbox, Sandbox, default_sandbox
from ..verifiers.sandbox.check import works
from ..verifiers.sandbox.unsafe import UnsafeSandbox

SOURCE = "def f(n):\n    total = 0\n    for i in range(n):\n        total += i * i\n    return total\n"
JOB = Job(SOURCE, tuple(Call("f", (n,)) for n in range(5)))
SECONDS_TO_WARM = 0.5
MAKERS: dict[str, Callable[[], Sandbox]] = {
    "monty": MontySandbox,
    "bubblewrap": BubblewrapSandbox,
    "unsafe": UnsafeSandbox,
}


async def timed(sandbox: Sandbox, job: Job = JOB) -> float:
    """Seconds that one run takes, waiting included.

    Raises:
        SandboxUnavailable: It gave no value.
    """
    started = time.perf_counter()
    outcome = await sandbox.run(job)
    seconds = time.perf_counter() - started
    if outcome.status != "ok":
        raise SandboxUnavailable(f"{outcome.backend}: {outcome.status}: {outcome.reason}")
    return seconds


async def measure(make: Callable[[], Sandbox], runs: int) -> dict[str, list[float]]:
    """Seconds of ``runs`` runs of each kind: ``first``, ``cold``, ``warm`` and ``in a row``."""
    found: dict[str, list[float]] = {"first": [], "cold": [], "warm": [], "in a row": []}
    for _ in range(max(1, runs // 5)):
        async with make() as sandbox:
            found["first"].append(await timed(sandbox))
    if isinstance(make(), MontySandbox):
        found["cold"] = found["first"]
    else:
        async with make() as sandbox:
            await sandbox.run(JOB)
            sandbox._spare = 0  # type: ignore[attr-defined]
            await sandbox.run(JOB)
            found["cold"] = [await timed(sandbox) for _ in range(runs)]
    async with make() as sandbox:
        await sandbox.warm()
        for _ in range(runs):
            await asyncio.sleep(SECONDS_TO_WARM)
            found["warm"].append(await timed(sandbox))
        found["in a row"] = [await timed(sandbox) for _ in range(runs)]
    return found


def humaneval(path: Path) -> list[Job]:
    """The canonical solutions of a HumanEval file (JSON lines) with their test texts."""
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [
        Job(row["prompt"] + row["canonical_solution"], tests=f"{row['test']}\ncheck({row['entry_point']})\n")
        for row in rows
    ]


async def compared(jobs: Sequence[Job]) -> dict[str, Counter[str]]:
    """How the jobs end in each sandbox, and which of them has the last word when they escalate."""
    found: dict[str, Counter[str]] = {}
    for name in ("monty", "bubblewrap"):
        async with MAKERS[name]() as sandbox:
            found[name] = Counter([(await sandbox.run(job)).status for job in jobs])
    async with await default_sandbox() as sandbox:
        outcomes = [await sandbox.run(job) for job in jobs]
    found["in turn"] = Counter(f"{outcome.status} ({outcome.backend})" for outcome in outcomes)
    return found


async def report(runs: int, programs: Path | None) -> None:
    """Prints a Markdown table of medians in milliseconds, and the comparison if programs are given."""
    print("| sandbox | first, ms | cold, ms | warm, ms | in a row, ms |\n|---|---|---|---|---|")
    for name, make in MAKERS.items():
        async with make() as sandbox:
            missing = await works(sandbox)
        if missing:
            print(f"| {name} | not here: {missing} | | | |")
            continue
        found = await measure(make, runs)
        cells = [f"{1000 * stats.median(found[kind]):.2f}" for kind in ("first", "cold", "warm", "in a row")]
        print(f"| {name} | {' | '.join(cells)} |")
    if programs is not None:
        for name, ended in (await compared(humaneval(programs))).items():
            print(f"{name}: {', '.join(f'{count} {what}' for what, count in ended.most_common())}")


def main() -> None:
    """Reads the options and reports."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--programs", type=Path, default=None, metavar="HUMANEVAL.jsonl")
    options = parser.parse_args()
    asyncio.run(report(options.runs, options.programs))


if __name__ == "__main__":
    main()
