"""Benchmark: what one refinement step costs beside the language model.

A scripted model of zero latency, a 12-item plan, structure and relations verified incrementally; the figure is wall
time per step, model call, parsing, judging and deciding included. Beside it stands the same run with an empty cache for
every step, so that the ratio shows what incremental judging gains (timings on a busy machine mean little alone).

Run: ``python -m planneal.experiments.bench_step --steps 300``
"""

from __future__ import annotations

import argparse
import asyncio
import statistics as stats
import time
from collections.abc import Sequence

import numpy as np

from ..decoders.base import SampleRequest
from ..decoders.metered import Account, MeteredModel
from ..decoders.prompts import PromptSet
from ..planner.acceptance import Metropolis
from ..planner.energy import EnergyModel
from ..planner.kernel import Kernel
from ..planner.ledger import Ledger
from ..planner.notation import parse_plan
from ..planner.schedules import Constant
from ..planner.task import Task
from ..planner.verifier import VerdictCache
from ..proposers import EditWriter, Mixture
from ..testing import FunctionModel
from ..verifiers import RelationsVerifier, StructureVerifier

SYMBOLS = ("nuts", "bolts", "wigs", "saws", "fans", "mats", "pins", "cups", "lids", "jars", "pens", "caps")


def plan_text(items: int) -> str:
    """A chain of definitions, each resting on the one before, the last one undefined on purpose."""
    lines = [f"goal: how many {SYMBOLS[items - 1]}? [{SYMBOLS[items - 1]}]", f"S1: [{SYMBOLS[0]} = 4]"]
    for index in range(1, items):
        extra = " + ghosts" if index == items - 1 else f" + {index}"
        lines.append(f"S{index + 1}: [{SYMBOLS[index]} = {SYMBOLS[index - 1]}{extra}] <- S{index}")
    return "\n".join(lines)


def _edits(items: int) -> FunctionModel:
    """Rewrites one item after another with another number, so that every step has something new to judge."""
    made = 0

    def reply(request: SampleRequest, index: int) -> str:
        nonlocal made
        made += 1
        place = 1 + made % (items - 2)
        return f"replace S{place + 1}: [{SYMBOLS[place]} = {SYMBOLS[place - 1]} + {made % 97 + 1}] <- S{place}"

    return FunctionModel(reply)


async def measure(steps: int, items: int, *, incremental: bool, seed: int = 0) -> list[float]:
    """Seconds per step."""
    model = MeteredModel(_edits(items), Account(Ledger()), "propose")
    kernel = Kernel(
        task=Task(question="bench"),
        proposer=Mixture(EditWriter(model, PromptSet.load("compact")), floor=0.0),
        verifiers=[StructureVerifier(), RelationsVerifier()],
        energy=EnergyModel(),
        rule=Metropolis(),
        schedule=Constant(100.0),
    )
    rng = np.random.default_rng(seed)
    chain = await kernel.init(0, parse_plan(plan_text(items)))
    times: list[float] = []
    for _ in range(steps):
        if not incremental:
            kernel.cache = VerdictCache()
        started = time.perf_counter()
        chain, _info = await kernel.step(rng, chain)
        times.append(time.perf_counter() - started)
    return times


def _line(name: str, times: Sequence[float]) -> str:
    ordered = sorted(1000 * t for t in times)
    tail = ordered[int(0.95 * len(ordered))]
    return f"{name:<14} median {stats.median(ordered):.3f} ms   mean {stats.fmean(ordered):.3f} ms   p95 {tail:.3f} ms"


def main() -> None:
    """Prints both figures and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--items", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    asyncio.run(measure(20, options.items, incremental=True))
    incremental = asyncio.run(measure(options.steps, options.items, incremental=True, seed=options.seed))
    fresh = asyncio.run(measure(options.steps, options.items, incremental=False, seed=options.seed))
    print(_line("incremental", incremental))
    print(_line("from scratch", fresh))
    print(f"ratio          {stats.median(fresh) / stats.median(incremental):.2f}")


if __name__ == "__main__":
    main()
