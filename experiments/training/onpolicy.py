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
from .draws import DRAWS, draw_problem
from .lines import find_witnesses, parse_plan
from .model import Llama
from .pools import Drafted
from .repair import Repairer
from .sampling import decode
from .wording import draft_prompt

__all__ = ["sample_drafts", "sample_plans"]

_LONGEST = 300
"""Most tokens of a sampled draft."""


def _drawn(rng: np.random.Generator, data: DataConfig) -> tuple[int, Difficulty]:
    """A training problem of `arithmetic`: its seed, and how hard it is."""
    seed = int(rng.integers(2**62))
    if len(data.families) == 1:
        return seed, Difficulty(quantities=int(rng.integers(data.quantities[0], data.quantities[1] + 1)))
    return seed, DRAWS["arithmetic"](rng, data.reach)


def sample_drafts(
    model: Llama, tokenizer: Tokenizer, data: DataConfig, options: OnPolicyConfig, seed: int
) -> list[Drafted]:
    """Drafts of a checkpoint for training problems of the families but `arithmetic`: half greedy, half sampled.

    Args:
        model: The checkpoint.
        tokenizer: Its tokenizer.
        data: Families, and how much of their sizes is open.
        options: How many, and how they are sampled.
        seed: Seed of problems and sampling.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, 8)))
    found: list[Drafted] = []
    for name in (name for name in data.families if name != "arithmetic"):
        for start in range(0, options.others, options.batch):
            drawn = [draw_problem(rng, name, data.reach) for _ in range(min(options.batch, options.others - start))]
            drawn.sort(key=lambda pair: len(pair[0].public.question))
            prompts = [draft_prompt(problem) for problem, _ in drawn]
            for half, temperature in ((0, 0.0), (1, options.temperature)):
                texts = decode(model, tokenizer, prompts[half::2], _LONGEST, temperature, seed + start)
                found += [Drafted(name, key, text) for (_, key), text in zip(drawn[half::2], texts, strict=True)]
    return found


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
        drawn = [_drawn(rng, data) for _ in range(count)]
        drawn.sort(key=lambda pair: pair[1].quantities)
        problems = [generate(s, d, Split.TRAIN) for s, d in drawn]
        prompts = [draft_prompt(problem) for problem in problems]
        for temperature in (0.0, options.temperature):
            plans = decode(model, tokenizer, prompts, 220, temperature, seed + start)
            for (number, difficulty), problem, plan in zip(drawn, problems, plans, strict=True):
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
                    rows.append(json.dumps({"seed": number, "difficulty": difficulty.model_dump(), "plan": plan}))
    out.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return {"readable": read / total, "faultless": faultless / total, "kept": len(rows)}
