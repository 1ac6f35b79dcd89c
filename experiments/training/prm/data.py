"""The data of a run as JSON lines: chunks that are made once, in any order and by any number of processes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch

from ....planner.notation import parse_plan
from ...families.base import Problem, Split
from ...families.registry import family
from ...whole_files import written_whole
from ..batches import load_tokenizer
from ..draws import draw_problem
from ..export import load_exported
from ..model import Llama
from .config import PrmConfig
from .drafts import Row, drafts_of, judged_draft, row_of
from .negatives import hard_negative, widely_wrong

__all__ = ["Chunk", "Part", "make_chunk", "make_rows", "read_rows"]

Part = Literal["train", "calibration", "eval"]
_PARTS: tuple[Part, ...] = ("train", "calibration", "eval")


class Chunk(NamedTuple):
    """Some problems of one family.

    Attributes:
        family: The family.
        part: What they are for: `eval` ones are of the `eval` half of the seed space, all others of the `train` half.
        number: Number of the chunk.
        size: How many problems.
    """

    family: str
    part: Part
    number: int
    size: int

    @property
    def file(self) -> str:
        """The chunk's file name."""
        return f"{self.part}-{self.family}-{self.number}-{self.size}.jsonl"


def chunks(config: PrmConfig, part: Part, problems: int) -> list[Chunk]:
    """All chunks of a part, with so many problems of each family."""
    starts = range(0, problems, config.chunk)
    return [
        Chunk(name, part, n, min(config.chunk, problems - start))
        for n, start in enumerate(starts)
        for name in config.families
    ]


@lru_cache(maxsize=1)
def _language_model(folder: str, narrow: bool) -> Llama:
    model = load_exported(Path(folder))
    return model.bfloat16() if narrow else model


def _drawn(rng: np.random.Generator, name: str, split: Split, hard: float) -> Problem[Any]:
    """A problem at the family's hard level, or of any difficulty."""
    if rng.random() >= hard:
        return draw_problem(rng, name, split=split)[0]
    made = family(name)
    return made.generate(int(rng.integers(2**62)), made.levels["hard"], split)


def chunk_rows(config: PrmConfig, model: str, chunk: Chunk) -> list[Row]:
    """The rows of a chunk: the drafts of each problem, and in training plans with wrong items and gold plans as well.

    Args:
        config: The run.
        model: Folder of the language model. Data for learning is drafted in bfloat16, which is faster.
        chunk: Which problems.
    """
    seeds = (config.seed, _PARTS.index(chunk.part), sum(map(ord, chunk.family)), chunk.number)
    rng = np.random.default_rng(np.random.SeedSequence(seeds))
    split = Split.EVAL if chunk.part == "eval" else Split.TRAIN
    problems = [_drawn(rng, chunk.family, split, config.hard) for _ in range(chunk.size)]
    drafter, tokenizer = _language_model(model, chunk.part != "eval"), load_tokenizer(model)
    texts = [
        (origin, drafts_of(drafter, tokenizer, problems, config.longest, heat, int(rng.integers(2**31))))
        for origin, heat in (("greedy", 0.0), *[("sampled", config.temperature)] * config.sampled)
    ]

    async def rows() -> list[Row]:
        learnt = chunk.part == "train"
        found: list[Row | None] = []
        for n, problem in enumerate(problems):
            for origin, told in texts:
                raw = learnt and rng.random() < config.raw
                found.append(await judged_draft(problem, told[n], origin, config.render, raw))
            for _ in range(int(config.negatives + rng.random()) if learnt else 0):
                wrong = await hard_negative(rng, problem)
                if wrong is not None:
                    seen = (wrong.named, wrong.silent)
                    found.append(row_of(problem, wrong.plan, "negative", config.render, seen))
            for _ in range(int(config.spoilt + rng.random()) if learnt else 0):
                spoilt = widely_wrong(rng, problem)
                if spoilt is not None:
                    found.append(row_of(problem, spoilt, "spoilt", config.render, ((), False)))
            if learnt and rng.random() < config.gold:
                plan = parse_plan(problem.gold.plan)
                found.append(row_of(problem, plan, "gold", config.render, ((), True)))
        return [row for row in found if row is not None]

    return asyncio.run(rows())


def make_chunk(config: PrmConfig, model: str, folder: Path, chunk: Chunk) -> None:
    """Write a chunk's file; a kill while writing leaves none."""
    torch.set_num_threads(1)
    with written_whole(folder / chunk.file) as part, part.open("w", encoding="utf-8") as file:
        for row in chunk_rows(config, model, chunk):
            file.write(json.dumps(row._asdict()) + "\n")


def make_rows(config: PrmConfig, model: Path, folder: Path, part: Part, problems: int) -> Sequence[Row]:
    """The rows of a part; what is there already is not made again.

    Args:
        config: The run.
        model: Folder of the language model.
        folder: Where the files lie.
        part: Which part.
        problems: Problems of each family.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = chunks(config, part, problems)
    missing = [chunk for chunk in wanted if not (folder / chunk.file).exists()]
    if config.workers > 1 and len(missing) > 1:
        with ProcessPoolExecutor(config.workers, mp_context=get_context("spawn")) as pool:
            for job in [pool.submit(make_chunk, config, str(model), folder, chunk) for chunk in missing]:
                job.result()
    else:
        for chunk in missing:
            make_chunk(config, str(model), folder, chunk)
    return [row for chunk in wanted for row in read_rows(folder / chunk.file)]


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        yield Row.read(json.loads(line))
