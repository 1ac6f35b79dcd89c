"""Training batches as a pure function of the configuration, the step and the sampled plans so far.

Nothing has state, so that a resumed run sees the very batches that an uninterrupted one would have seen, and a worker
process can prepare them ahead.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from ..families.arithmetic import ArithmeticProblem, Difficulty, generate
from ..families.base import Split, pick
from . import draws
from .config import DataConfig
from .corpus import Node, answer_tree, draft_tree, repair_tree
from .drills import drills
from .lines import parse_plan
from .packing import Batch, FlatTree, flatten, pack
from .pools import FaultyPlan
from .pools import read_pool as read_judged
from .tokenizer import special_ids
from .trees import followed_tree, gold_tree, mended_tree, revised_tree

__all__ = ["PoolFiles", "SampledPlan", "draw_problem", "make_batch", "read_pool"]


class SampledPlan(NamedTuple):
    """A plan that a checkpoint wrote for a training problem of `arithmetic`.

    Attributes:
        seed: The problem's seed.
        difficulty: How hard it is.
        plan: The sampled text.
    """

    seed: int
    difficulty: Difficulty
    plan: str


class PoolFiles(NamedTuple):
    """Where the pools of plans lie, None where there is none yet.

    Attributes:
        sampled: Plans of `arithmetic` that a checkpoint wrote.
        spoilt: Judged spoilt gold plans of the other families.
        drafted: Judged plans that a checkpoint wrote for them.
    """

    sampled: str | None = None
    spoilt: str | None = None
    drafted: str | None = None


class Pools(NamedTuple):
    """The pools of plans, empty where there are none yet; the names are those of their files."""

    sampled: tuple[SampledPlan, ...]
    spoilt: Mapping[str, tuple[FaultyPlan, ...]]
    drafted: Mapping[str, tuple[FaultyPlan, ...]]

    @staticmethod
    def read(files: PoolFiles) -> Pools:
        """Reads what there is."""
        spoilt, drafted = (read_judged(path) if path else {} for path in (files.spoilt, files.drafted))
        return Pools(read_pool(files.sampled), spoilt, drafted)


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
    found = map(json.loads, rows)
    return tuple(SampledPlan(r["seed"], Difficulty.model_validate(r["difficulty"]), r["plan"]) for r in found)


def draw_problem(rng: np.random.Generator, data: DataConfig) -> ArithmeticProblem:
    """A training problem; mostly of the configured sizes, now and then a tiny one."""
    low, high = data.quantities
    tiny = low > 2 and rng.random() < data.tiny
    quantities = int(rng.integers(2, low)) if tiny else int(rng.integers(low, high + 1))
    return generate(int(rng.integers(2**62)), Difficulty(quantities=quantities), Split.TRAIN)


def _grow(rng: np.random.Generator, kind: int, problem: ArithmeticProblem, data: DataConfig) -> Node:
    if kind == 0:
        tree = draft_tree(rng, problem, data.answers, data.quiz, data.direct, data.drafts)
        tree.children += [drills(rng, data.drills, len(data.families) > 1, data.odd)] if data.drills else []
        return tree
    return repair_tree(rng, problem) if kind == 1 else answer_tree(rng, problem)


def _arithmetic(rng: np.random.Generator, kind: int, data: DataConfig, pool: Sequence[SampledPlan]) -> Node:
    """A tree of `arithmetic`; where other families are learnt too, sizes and kinds are drawn as theirs are."""
    if kind == 1 and pool and rng.random() < data.sampled:
        chosen = pick(rng, pool)
        problem = generate(chosen.seed, chosen.difficulty, Split.TRAIN)
        lines = parse_plan(chosen.plan, problem.public.target)
        return repair_tree(rng, problem, [lines] if lines else [])
    alone = len(data.families) == 1
    problem = draw_problem(rng, data) if alone else draws.draw_problem(rng, "arithmetic", data.reach)[0]
    if kind == 2 and rng.random() < data.revised:
        return revised_tree(rng, problem)
    if kind == 2 and data.literal and rng.random() < data.literal:
        return followed_tree(rng, problem, data.strange)
    return _grow(rng, kind, problem, data)


def _other(rng: np.random.Generator, name: str, kind: int, data: DataConfig, pools: Pools) -> Node:
    """A tree of any other family."""
    if kind == 1:
        own = [pools.spoilt.get(name, ()), pools.drafted.get(name, ())]
        rows = own[1] if own[1] and rng.random() < data.sampled else own[0]
        if rows:
            return mended_tree(rng, pick(rng, rows))
    problem, _ = draws.draw_problem(rng, name, data.reach)
    if kind == 2:
        return revised_tree(rng, problem) if rng.random() < data.revised else followed_tree(rng, problem)
    return gold_tree(rng, problem, data.drafts, data.answers, data.direct)


def _trees(
    rng: np.random.Generator, data: DataConfig, length: int, pools: Pools, encode: Tokenizer
) -> Iterator[FlatTree]:
    end, _ = special_ids(encode)

    def tokens(text: str) -> list[int]:
        ids: list[int] = encode.encode(text).ids
        return ids

    names = list(data.families)
    shares = np.array([data.families[name] for name in names])
    while True:
        kind = int(rng.choice(3, p=data.shares))
        name = names[int(rng.choice(len(names), p=shares / shares.sum()))] if len(names) > 1 else names[0]
        arithmetic = name == "arithmetic"
        root = _arithmetic(rng, kind, data, pools.sampled) if arithmetic else _other(rng, name, kind, data, pools)
        tree = flatten(root, tokens, end, data.question_weight)
        # A large problem gives up branches rather than its place: otherwise small ones would crowd it out.
        while len(tree.ids) > length and _pruned(rng, root):
            tree = flatten(root, tokens, end, data.question_weight)
        if root.children and len(tree.ids) <= length:
            yield tree


def _pruned(rng: np.random.Generator, root: Node) -> bool:
    """Takes a branch away, of the root or below an only branch; False where there is one path alone."""
    node = root
    while len(node.children) == 1:
        node = node.children[0]
    if not node.children:
        return False
    node.children.pop(int(rng.integers(len(node.children))))
    return True


def make_batch(data: DataConfig, seed: int, step: int, folder: str, files: PoolFiles) -> Batch:
    """The batch of one step.

    Args:
        data: What it is made of.
        seed: The run's seed.
        step: The step's number.
        folder: Where the tokenizer lies.
        files: Where the pools of plans lie.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, step)))
    encode = load_tokenizer(folder)
    rows, length = data.rows, data.length
    if data.shapes:
        shares = np.array([share for _, _, share in data.shapes])
        rows, length, _ = data.shapes[int(rng.choice(len(shares), p=shares / shares.sum()))]
    room = int(rows * length * (1 + data.spare))
    trees: list[FlatTree] = []
    for tree in _trees(rng, data, length, Pools.read(files), encode):
        trees.append(tree)
        room -= len(tree.ids)
        if room < 0:
            break
    return pack(trees, rows, length, special_ids(encode)[1])
