"""The embedded model against its baselines on fresh problems: the table of the README.

Every method sees the question alone and is charged everything it asks of the model. The problems are drawn from the
evaluation split with seeds that no training run and no tuning used (see ``--seed``). Differences are paired: exact
McNemar and a bootstrap over problems.

Run: ``python -m planneal.experiments.embedded_report --problems 200 --quantities 16 6 --seed 1``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..decoders.registry import load_model
from .comparison import MethodRow, problems, run_method
from .families.arithmetic import Difficulty
from .methods import BestOfPlans, Direct, Method, Planneal, SelfConsistency
from .statistics import mcnemar, paired_difference

REFERENCE = "planneal"


def methods() -> list[Method]:
    """The methods of the report."""
    plans = [BestOfPlans(1, ordered=False), BestOfPlans(1), BestOfPlans(6)]
    return [Direct(), SelfConsistency(8), *plans, Planneal()]


def _cells(row: MethodRow) -> list[str]:
    return [
        row.method,
        f"{100 * row.accuracy:.1f}%",
        f"[{100 * row.wilson_low:.1f}, {100 * row.wilson_high:.1f}]",
        f"{row.prompt_tokens:.0f}",
        f"{row.cached_prompt_tokens:.0f}",
        f"{row.completion_tokens:.0f}",
        f"{row.prompt_tokens + row.completion_tokens:.0f}",
        f"{row.seconds:.2f}",
    ]


def table(rows: Sequence[MethodRow]) -> str:
    """The rows as a Markdown table; tokens and seconds are means per problem."""
    head = ["method", "accuracy", "95% Wilson", "prompt", "(cached)", "completion", "all tokens", "seconds"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(_cells(row)) + " |" for row in rows])


def paired(rows: Sequence[MethodRow], seed: int) -> list[dict[str, Any]]:
    """Planneal against every other method, problem by problem."""
    ours = next(row for row in rows if row.method == REFERENCE)
    found: list[dict[str, Any]] = []
    for row in rows:
        if row is ours:
            continue
        a, b = [g.right for g in ours.graded], [g.right for g in row.graded]
        interval = paired_difference(a, b, rng=np.random.default_rng(seed))
        found.append(
            {
                "against": row.method,
                "points": 100 * (ours.accuracy - row.accuracy),
                "interval": [100 * interval.low, 100 * interval.high],
                "mcnemar_p": mcnemar(a, b),
            }
        )
    return found


def mechanism(rows: Sequence[MethodRow]) -> dict[str, float]:
    """What refinement did: plans right before and after it, answers faithful, runs solved."""
    graded = next(row for row in rows if row.method == REFERENCE).graded
    count = max(1, len(graded))
    return {
        "draft_right": sum(bool(g.draft_right) for g in graded) / count,
        "plan_right": sum(bool(g.plan_right) for g in graded) / count,
        "answer_right": sum(g.right for g in graded) / count,
        "solved": sum(bool(g.outcome.notes.get("solved")) for g in graded) / count,
        "faithful": sum(bool(g.outcome.notes.get("faithful")) for g in graded) / count,
        "steps": sum(int(g.outcome.notes.get("steps", 0)) for g in graded) / count,
    }


async def report(count: int, quantities: Sequence[int], seed: int, model: str, parallel: int) -> dict[str, Any]:
    """Runs everything; prints the tables as they come."""
    loaded = load_model(model)
    result: dict[str, Any] = {
        "planneal": __version__,
        "model": loaded.name,
        "problems": count,
        "seed": seed,
        "python": platform.python_version(),
        "difficulties": {},
    }
    for size in quantities:
        chosen = problems(count, seed, Difficulty(quantities=size))
        rows = [await run_method(m, loaded, chosen, seed=seed, parallel=parallel) for m in methods()]
        pairs, inner = paired(rows, seed), mechanism(rows)
        print(f"\n{size} quantities, {count} problems, seed {seed}\n\n{table(rows)}\n", flush=True)
        for pair in pairs:
            low, high = pair["interval"]
            print(
                f"planneal - {pair['against']}: {pair['points']:+.1f} points [{low:+.1f}, {high:+.1f}], "
                f"McNemar p = {pair['mcnemar_p']:.2g}"
            )
        print("mechanism: " + ", ".join(f"{name} {value:.3f}" for name, value in inner.items()), flush=True)
        rows_out = [
            {name: getattr(row, name) for name in row.__dataclass_fields__ if name != "graded"}
            | {"right": [g.right for g in row.graded]}
            for row in rows
        ]
        result["difficulties"][str(size)] = {"rows": rows_out, "paired": pairs, "mechanism": inner}
    return result


def main() -> None:
    """Command line of the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", type=int, default=200)
    parser.add_argument("--quantities", type=int, nargs="+", default=[16, 6])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--parallel", type=int, default=16)
    parser.add_argument("--out", type=Path, help="where to write all figures as JSON")
    options = parser.parse_args()
    result = asyncio.run(report(options.problems, options.quantities, options.seed, options.model, options.parallel))
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
