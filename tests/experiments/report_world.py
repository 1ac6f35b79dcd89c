"""Runs whose truth is known: attempts drawn with stated chances, stored as any run's; as a script it writes one."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from planneal.experiments.metrics.events import StepEvent
from planneal.experiments.runs.store import Attempt, ProblemRow, Store
from planneal.planner.ledger import Usage

BUDGETS = (500, 1000, 2000)
PLAN = "goal: how many wigs? [wigs]\nS1: [nuts = 4]\nS2: [wigs = nuts + 3] <- S1"
UNSEEDED = ("direct", "direct+constraints", "gold-plan")
LEAKY = "goal: how many wigs? [wigs]\nS1: [wigs = 7]"


def chances(at_top, *, slope=0.08):
    """Chance of a right answer by budget, rising towards the top."""
    return {budget: at_top - slope * (len(BUDGETS) - 1 - rung) for rung, budget in enumerate(BUDGETS)}


def world(
    folder: Path,
    methods,
    *,
    n=120,
    seeds=1,
    sizes=(8,),
    share=0.9,
    spends=None,
    name=str,
    seed=0,
    family="arithmetic",
    level="hard",
    draft="",
    blind=False,
    only=None,
    without=(),
):
    """Writes a run.

    Args:
        folder: Its folder.
        methods: Chance of a right answer at each budget, by method.
        n: Problems.
        seeds: Seeds of every method.
        sizes: Sizes of problems, in turn.
        share: What is spent of the cap.
        spends: Another share for some methods.
        name: Makes the stored name of a method.
        seed: Of the draws.
        family: The family.
        level: The level.
        draft: The draft of methods with plans; by default one that leaks nothing.
        blind: Whether energy tells nothing of plans.
        only: How many attempts are stored in all.
        without: Attempts that are left out, as (method, problem number).
    """
    rng = np.random.default_rng(seed)
    arguments = {
        "family": family, "difficulty": level, "data": None, "n": n, "methods": [name(m) for m in methods],
        "model": "stand-in", "budgets": list(BUDGETS), "seeds": seeds, "seed": 0,
    }  # fmt: skip
    public = json.dumps({"question": "There are 4 nuts. Three more are wigs.", "id": "x"})
    rows = [ProblemRow(f"p{i:04}", family, level, sizes[i % len(sizes)], i, public) for i in range(n)]
    meta = {"arguments": json.dumps(arguments), "version": "1", "model": "stand-in", "model_hash": "0123"}
    stored = 0
    with Store.create(folder, meta, rows) as store:
        store._db.execute("PRAGMA synchronous = OFF")  # a test's run need not survive a power cut
        for index, row in enumerate(rows):
            for method, chance in methods.items():
                for budget in BUDGETS:
                    for number in range(1 if method in UNSEEDED else seeds):
                        if (method, index) in without or (only is not None and stored >= only):
                            continue
                        made = _attempt(row, method, budget, number, chance[budget], rng, share, spends, draft, blind)
                        store.add(replace(made, method=name(method)))
                        stored += 1
    return folder


def _attempt(row, method, budget, number, chance, rng, share, spends, draft, blind):
    used = (spends or {}).get(method, share) * budget * rng.uniform(0.95, 1.05)
    right = bool(rng.random() < chance)
    planned = method in ("planneal", "gold-plan", "shuffled-plan", "greedy-refinement")
    drafted_right = bool(rng.random() < 0.5)
    energy = rng.normal(0.5 if blind or drafted_right else 0.9, 0.1)
    start, end = StepEvent(1, "lm", True, "accepted", energy, energy - 0.2, 0.1, 0, 40), []
    for step in range(2, 6):
        worse = rng.random() < 0.5
        after = energy - 0.2 + (0.1 if worse else -0.05)
        told = "worse" if worse else "accepted"
        end.append(StepEvent(step, "lm", not worse, told, energy - 0.2, after, 0.1 / step, 0, 40))
    return Attempt(
        problem=row.id, family=row.family, level=row.level, size=row.size, method=method, budget=budget, seed=number,
        value="7" if right else "8", text=f"answer: {7 if right else 8}",
        plan=PLAN if planned else None, draft=(draft or PLAN) if planned else None, stop="done",
        notes={"energy": float(energy - 0.2)} if planned else {}, right=right,
        plan_right=right if planned else None, draft_right=drafted_right if planned else None, seconds=0.25,
        ledger={
            "answer": Usage(prompt_tokens=round(used / 3), completion_tokens=round(used / 3), calls=1, flops=1e9),
            "draft": Usage(prompt_tokens=round(used / 3), cached_prompt_tokens=round(used / 6), calls=1, flops=1e9),
        },
        events=tuple(event.to_json() for event in (start, *end)) if planned else (),
    )  # fmt: skip


ALL = {
    "direct": chances(0.42), "direct+constraints": chances(0.44), "self-consistency": chances(0.52),
    "best-of-answers": chances(0.54), "best-of-plans": chances(0.56), "restarts-only": chances(0.53),
    "particle-filter": chances(0.5), "random-edits": chances(0.45), "greedy-refinement": chances(0.62),
    "planneal": chances(0.78), "gold-plan": chances(0.97, slope=0.01), "shuffled-plan": chances(0.2),
}  # fmt: skip


if __name__ == "__main__":
    cheap = {"direct": 0.3, "direct+constraints": 0.32}
    world(Path(sys.argv[1]), ALL, n=300, seeds=3, sizes=(2, 4, 8, 12, 16, 24), spends=cheap)
