"""Plans in the model's own hand: sampled from a checkpoint on training problems, to be repaired in the rest of the run.

Corrupted gold plans are a guess at what goes wrong; these are what does. The gold repair is computed when a batch is
made, so that the pool holds nothing but the problem's seed and size and the sampled text.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from ..families.arithmetic import Difficulty, generate
from ..families.base import Split
from .config import DataConfig, OnPolicyConfig
from .lines import find_witnesses, parse_plan
from .model import Llama
from .repair import Repairer
from .sampling import decode

__all__ = ["sample_plans"]


def sample_plans(
    model: Llama, tokenizer: Tokenizer, data: DataConfig, options: OnPolicyConfig, seed: int, out: Path
) -> dict[str, float]:
    """Write plans that a checkpoint drafts for training problems, one JSON object a line.

    Kept are readable plans that have something wrong with them, and one in ten of the others.

    Args:
        model: The checkpoint.
        tokenizer: Its tokenizer.
        data: Sizes of the problems.
        options: How many, and how they are sampled.
        seed: Seed of problems and sampling.
        out: File to write.

    Returns:
        Shares of readable and of faultless plans, and how many are kept.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, 7)))
    rows: list[str] = []
    read = faultless = total = 0
    for start in range(0, options.problems, options.batch):
        count = min(options.batch, options.problems - start)
        drawn = [
            (int(rng.integers(2**62)), int(rng.integers(data.quantities[0], data.quantities[1] + 1)))
            for _ in range(count)
        ]
        drawn.sort(key=lambda pair: pair[1])
        problems = [generate(s, Difficulty(quantities=q), Split.TRAIN) for s, q in drawn]
        prompts = [problem.public.question + "\nplan:\n" for problem in problems]
        for temperature in (0.0, options.temperature):
            plans = decode(model, tokenizer, prompts, 220, temperature, seed + start)
            for (number, quantities), problem, plan in zip(drawn, problems, plans, strict=True):
                total += 1
                target = problem.public.target
                lines = parse_plan(plan, target)
                if not lines:
                    continue
                read += 1
                repairer = Repairer.of(problem)
                fine = not find_witnesses(lines, target) and all(map(repairer.true, lines))
                faultless += fine
                if not fine or rng.random() < 0.1:
                    rows.append(json.dumps({"seed": number, "quantities": quantities, "plan": plan}))
    out.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return {"readable": read / total, "faultless": faultless / total, "kept": len(rows)}
