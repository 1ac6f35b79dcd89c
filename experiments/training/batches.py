"""Training batches as a pure function of the configuration, the step and the sampled plans so far.

Nothing has state, so that a resumed run sees the very batches that an uninterrupted one would have seen, and a worker
process can prepare them ahead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from ..families.arithmetic import ArithmeticProblem, Difficulty, generate
from ..families.base import Split
from .config import DataConfig
from .corpus import Node, answer_tree, draft_tree, repair_tree
from .drills import drills
from .lines import parse_plan
from .packing import Batch, FlatTree, flatten, pack
from .tokenizer import special_ids

__all__ = ["SampledPlan", "draw_problem", "make_batch", "read_pool"]


class SampledPlan(NamedTuple):
    """A plan that a checkpoint wrote for a training problem.

    Attributes:
        seed: The problem's seed.
        quantities: The problem's size.
        plan: The sampled text.
    """

    seed: int
    quantities: int
    plan: str


@lru_cache(maxsize=2)
def load_tokenizer(folder: str) -> Tokenizer:
    """The tokenizer of a run or model folder."""
    return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))


@lru_cache(maxsize=2)
def read_pool(path: str | None) -> tuple[SampledPlan, ...]:
    """The sampled plans of a run; none where `path` is None."""
    if path is None:
        return ()
    rows = Path(path).read_text(encoding="utf-8").splitlines()
    return tuple(SampledPlan(**json.loads(row)) for row in rows)


def draw_problem(rng: np.random.Generator, data: DataConfig) -> ArithmeticProblem:
    """A training problem; mostly of the configured sizes, now and then a tiny one."""
    low, high = data.quantities
    tiny = low > 2 and rng.random() < data.tiny
    quantities = int(rng.integers(2, low)) if tiny else int(rng.integers(low, high + 1))
    return generate(int(rng.integers(2**62)), Difficulty(quantities=quantities), Split.TRAIN)


def _grow(rng: np.random.Generator, kind: int, problem: ArithmeticProblem, data: DataConfig) -> Node:
    if kind == 0:
        tree = draft_tree(rng, problem, data.answers, data.quiz, data.direct, data.drafts)
        tree.children += [drills(rng, data.drills)] if data.drills else []
        return tree
    return repair_tree(rng, problem) if kind == 1 else answer_tree(rng, problem)


def _trees(
    rng: np.random.Generator, data: DataConfig, pool: Sequence[SampledPlan], encode: Tokenizer
) -> Iterator[FlatTree]:
    end, _ = special_ids(encode)

    def tokens(text: str) -> list[int]:
        ids: list[int] = encode.encode(text).ids
        return ids

    while True:
        kind = rng.choice(3, p=data.shares)
        if kind == 1 and pool and rng.random() < data.sampled:
            chosen = pool[int(rng.integers(len(pool)))]
            problem = generate(chosen.seed, Difficulty(quantities=chosen.quantities), Split.TRAIN)
            lines = parse_plan(chosen.plan, problem.public.target)
            root = repair_tree(rng, problem, [lines] if lines else [])
        else:
            problem = draw_problem(rng, data)
            root = _grow(rng, int(kind), problem, data)
        tree = flatten(root, tokens, end, data.question_weight)
        # A large problem gives up branches rather than its place: otherwise small ones would crowd it out.
        while len(tree.ids) > data.length and len(root.children) > 1:
            root.children.pop(int(rng.integers(len(root.children))))
            tree = flatten(root, tokens, end, data.question_weight)
        if root.children and len(tree.ids) <= data.length:
            yield tree


def make_batch(data: DataConfig, seed: int, step: int, folder: str, pool: str | None) -> Batch:
    """The batch of one step.

    Args:
        data: What it is made of.
        seed: The run's seed.
        step: The step's number.
        folder: Where the tokenizer lies.
        pool: File of sampled plans, or None.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, step)))
    encode = load_tokenizer(folder)
    room = int(data.rows * data.length * (1 + data.spare))
    trees: list[FlatTree] = []
    for tree in _trees(rng, data, read_pool(pool), encode):
        trees.append(tree)
        room -= len(tree.ids)
        if room < 0:
            break
    return pack(trees, data.rows, data.length, special_ids(encode)[1])
