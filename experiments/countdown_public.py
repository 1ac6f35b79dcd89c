"""Planneal on the published Countdown puzzles, beside random plans with the same verifier and the published figures.

The family is deceptive: distance to the target misleads, so this is the negative control, and what counts is whether a
method solves more than random plans do at the same number of verifier calls. Nothing is tuned on these puzzles.

Random plans keep to the rules by construction (see :mod:`.countdown_random`), so one look at a plan's result says what
all verifiers would. Two rows tell both ways of counting: as many plans as planneal made verifier calls on that very
puzzle, which is generous to the control, and as many as planneal judged plans (its calls over the number of verifiers).

Run: ``python -m planneal.experiments.countdown_public --data DIR --rows 300 --seed 1``, where DIR holds
``countdown/*.jsonl`` and ``game24/24.csv`` as published.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..decoders.base import LanguageModel
from ..planner.errors import ConfigError, PlannealError
from .comparison import MethodRow, run_method
from .countdown_random import Puzzles, first_hits, puzzles
from .families.base import Gold, Problem
from .families.registry import family
from .family_cells import share
from .family_tables import head, interval
from .in_scope import add_model_arguments, dtype_said, fingerprint, open_model, scoped
from .methods import BestOfPlans, Direct, Method, Planneal

PUBLISHED = {
    "Countdown-4": (
        ("autoregressive, 85M parameters", "45.8", "arXiv 2410.14157"),
        ("masked diffusion, 85M parameters", "91.5", "arXiv 2410.14157"),
    )
}
"""Published shares in per cent; those models were trained on this task, with puzzles of their own to be tested on."""
_COLUMNS = ("set", "method", "solved, per cent", "verifier calls", "prompt", "completion", "source")
Entry = dict[str, Any]


def verifier_calls(row: MethodRow) -> list[int]:
    """Verifier calls of each problem."""
    return [graded.outcome.usage.verifier_calls for graded in row.graded]


def by_chance(problems: Sequence[Problem[Gold]], calls: Sequence[int], seed: int) -> list[bool]:
    """Whether random plans reach the target, each puzzle with as many as it is given.

    Args:
        problems: The puzzles.
        calls: Random plans allowed for each.
        seed: Seed of the plans.
    """
    hits = first_hits(problems, max([1, *calls]), seed)
    return [0 < hit <= allowed for hit, allowed in zip(hits, calls, strict=True)]


async def measured(
    model: LanguageModel, found: Puzzles, seed: int, *, beyond: bool = False, parallel: int = 16
) -> list[Entry]:
    """The rows of one set.

    Args:
        model: The language model.
        found: The set.
        seed: Seed of all runs.
        beyond: Whether the model is asked even what it says it does not know.
        parallel: Puzzles under way at once.
    """
    name, chosen = found
    fit = scoped(model, [problem.public.question for problem in chosen], beyond=beyond)
    if fit.reason:
        return [{"set": name, "method": f"skipped: {fit.reason}"}]
    methods: list[Method] = [Planneal(), BestOfPlans(1), Direct()]
    rows = [await run_method(m, fit.model, chosen, seed=seed, parallel=parallel) for m in methods]
    entries = [_entry(name, row) for row in rows]
    calls = verifier_calls(rows[0])
    verifiers = len(family(chosen[0].public.family).verifiers(chosen[0].public))
    for said, allowed in (
        ("random plans, one a verifier call of planneal", calls),
        ("random plans, as many as planneal judged", [count // verifiers for count in calls]),
    ):
        mean = sum(allowed) / len(allowed)
        entries.append({"set": name, "method": said, "calls": mean} | share(by_chance(chosen, allowed, seed)))
    return entries


def _entry(name: str, row: MethodRow) -> Entry:
    calls = sum(verifier_calls(row)) / len(row.graded)
    costs = {"calls": calls, "prompt": row.prompt_tokens, "completion": row.completion_tokens}
    return {"set": name, "method": row.method} | costs | share([graded.right for graded in row.graded])


def lines(entries: Sequence[Entry]) -> list[str]:
    """The rows of one set as lines of a table, published figures last."""
    found = []
    for entry in entries:
        if "problems" not in entry:
            found.append((entry["set"], entry["method"], *[""] * 5))
            continue
        costs = [f"{entry[cost]:.0f}" if cost in entry else "" for cost in ("prompt", "completion")]
        solved = f"{interval(entry)} of {entry['problems']}"
        found.append((entry["set"], entry["method"], solved, f"{entry['calls']:.1f}", *costs, "measured"))
    name = entries[0]["set"]
    found += [(name, method, value, "", "", "", source) for method, value, source in PUBLISHED.get(name, ())]
    return [f"| {' | '.join(row)} |" for row in found]


async def report(options: argparse.Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """All sets, each printed as soon as it is measured.

    Raises:
        ConfigError: The data is not there, or the model string is wrong.
    """
    if not (options.data / "countdown").is_dir() or not (options.data / "game24").is_dir():
        raise ConfigError(f"{options.data} holds no countdown/ and game24/; give the folder with both as --data")
    model = open_model(options.model, options.weights, options.dtype)
    weights = fingerprint(options.model, options.weights)
    command = f"python -m planneal.experiments.countdown_public --model {options.model} --data DIR"
    command += "".join(f" {said}" for said in dtype_said(options.dtype))
    command += f" --rows {options.rows} --seed {options.seed}" + (" --beyond-scope" if options.beyond_scope else "")
    say(f"\n### countdown, published puzzles\n\nModel {options.model}{f' (weights {weights})' if weights else ''}, ")
    say(f"seed {options.seed}, the first {options.rows} puzzles of each set; nothing was tuned on them.\n`{command}`\n")
    say("Deceptive: distance to the target misleads, so this is the negative control.\n")
    say(head(_COLUMNS))
    entries: list[Entry] = []
    for found in puzzles(options.data, options.rows):
        some = await measured(
            model, found, options.seed, beyond=options.beyond_scope, parallel=options.parallel
        )
        entries += some
        say("\n".join(lines(some)))
        if options.out is not None:
            options.out.parent.mkdir(parents=True, exist_ok=True)
            kept = {"model": options.model, "weights": weights, "dtype": options.dtype, "seed": options.seed}
            kept |= {"command": command}
            options.out.write_text(json.dumps(kept | {"entries": entries}, indent=1) + "\n", encoding="utf-8")
    await model.aclose()
    return {"entries": entries}


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--data", type=Path, required=True, help="folder with countdown/ and game24/")
    parser.add_argument("--rows", type=int, default=300, help="most puzzles of each set, 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beyond-scope", action="store_true", help="ask the model even what it says it does not know")
    parser.add_argument("--parallel", type=int, default=16, help="puzzles under way at once")
    parser.add_argument("--out", type=Path, help="keeps all figures as JSON")
    try:
        asyncio.run(report(parser.parse_args(arguments), lambda text: print(text, flush=True)))
    except PlannealError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
