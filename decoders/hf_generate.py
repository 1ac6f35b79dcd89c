"""The engine of the local backends: a batch of sample and score jobs in, their answers out.

Prompts are read together (:mod:`planneal.decoders.hf_prefill`), completions are written together
(:mod:`planneal.decoders.hf_decode`). Imports torch; only the local backends import it, and only once a model is
loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .batching import UNFINISHED, Unfinished
from .citation_processor import CitationConstraint, CitationVocabulary
from .hf_cache import PrefixCache, TokenIds
from .hf_decode import Decoder, Row, SampleJob
from .hf_forward import Forward
from .hf_memory import BufferPool
from .hf_prefill import Reading, read
from .hf_sampling import row_uniforms
from .hf_tokens import TokenTable

FREED = 0.25
"""Share of the rows written together that must have ended before others may take their places.

What goes on is copied into the next batch, which costs about a step; fewer rows than these are not worth it.
"""


@dataclass
class ScoreJob:
    """A continuation (not empty) whose tokens are to be scored after a prompt.

    Attributes:
        prompt: Prompt tokens.
        continuation: What is scored.
        abandoned: Set once nobody waits any more.
        seconds: Its share of the time of its batch.
    """

    prompt: TokenIds
    continuation: TokenIds
    abandoned: bool = False
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows of a batch: one."""
        return 1


Job = SampleJob | ScoreJob


@dataclass
class Sampled:
    """The completions of a job, and how many of its prompt tokens were reused."""

    rows: list[Row]
    reused: int


@dataclass
class Scored:
    """Nats per continuation token, and how many of the prompt's tokens were reused."""

    logprobs: list[float]
    reused: int


class Engine:
    """Answers batches of jobs with one model.

    Args:
        forward: The model.
        table: Bytes of its tokens.
        ends: Token ids that end a text.
        max_rows: Most rows decoded together; a larger batch is worked off in parts.
        cache_tokens: Bound on the prompt tokens remembered between batches.
    """

    def __init__(
        self, forward: Forward, table: TokenTable, ends: frozenset[int], *, max_rows: int, cache_tokens: int
    ) -> None:
        self.forward, self.table, self.ends, self.max_rows = forward, table, ends, max_rows
        self.prefixes = PrefixCache(cache_tokens if forward.batchable else 0)
        self._pool = BufferPool()
        self._vocabulary: CitationVocabulary | None = None
        self._constraints: dict[tuple[str, ...], CitationConstraint] = {}

    def run(self, jobs: Sequence[Job]) -> list[Sampled | Scored | Unfinished]:
        """Works on the jobs until some of them are answered; those that are not are to be handed in again."""
        with torch.inference_mode():
            fresh = [job for job in jobs if not job.abandoned and not (isinstance(job, SampleJob) and job.begun)]
            readings, reused = self._read(fresh)
            scores: dict[int, Scored] = {}
            for job in fresh:
                if isinstance(job, ScoreJob):
                    scores[id(job)] = Scored(_score(job, readings[id(job)]), reused[id(job)])
                else:
                    job.reused = reused[id(job)]
                    job.begun = [self._row(job, readings[id(job)], index) for index in range(job.n)]
            self._write([job for job in jobs if isinstance(job, SampleJob)], waiting=bool(scores))
        return [self._answer(job, scores) for job in jobs]

    def _write(self, jobs: Sequence[SampleJob], *, waiting: bool) -> None:
        """Writes completions until enough of them have ended for others to take their places."""
        rows = [row for job in jobs for row in job.begun if row.finish is None]
        rows.sort(key=lambda row: len(row.reading.ids))  # a part is as wide as its longest row
        size = self.max_rows if self.forward.batchable else 1  # a row alone never pauses
        for part in (rows[start : start + size] for start in range(0, len(rows), size)):

            def pause(part: Sequence[Row] = part) -> bool:
                ended = sum(row.finish is not None for row in part)
                return ended >= FREED * len(part) and (waiting or any(job.done for job in jobs))

            Decoder(self.forward, self.table, self.ends, part, self.prefixes, self._pool).run(pause)

    @staticmethod
    def _answer(job: Job, scores: dict[int, Scored]) -> Sampled | Scored | Unfinished:
        if isinstance(job, ScoreJob):
            return scores.get(id(job), Scored([], 0))  # nobody looks at an abandoned one
        return Sampled(job.begun, job.reused) if job.done or job.abandoned else UNFINISHED

    def _read(self, jobs: Sequence[Job]) -> tuple[dict[int, Reading], dict[int, int]]:
        """Reads all prompts, equal ones once: the reading of each job, and what it did not have to compute."""
        distinct: dict[tuple[TokenIds, int], Reading] = {}
        readings: dict[int, Reading] = {}
        repeated: set[int] = set()
        for job in jobs:
            if isinstance(job, ScoreJob):
                key = (job.prompt + job.continuation[:-1], len(job.continuation))
            else:
                key = (job.prompt, 1)
            if key in distinct:
                repeated.add(id(job))
            readings[id(job)] = distinct.setdefault(key, Reading(*key, store=isinstance(job, ScoreJob)))
        if self.forward.batchable:
            read(self.forward, list(distinct.values()), self.prefixes)
        else:
            for reading in distinct.values():
                self._read_alone(reading)
        reused = {id(job): readings[id(job)].reused for job in jobs}
        reused.update({id(job): len(job.prompt) for job in jobs if id(job) in repeated})
        return readings, reused

    def _read_alone(self, reading: Reading) -> None:
        tokens = torch.tensor([reading.ids], device=self.forward.device)
        positions = torch.arange(len(reading.ids), device=self.forward.device)[None]
        logits, reading.state = self.forward(tokens, None, positions, self.forward.new_cache(), reading.keep)
        reading.logits = logits[0]

    def _row(self, job: SampleJob, reading: Reading, index: int) -> Row:
        uniforms = (
            row_uniforms(job.seed, index, job.prompt, job.max_tokens)
            if job.temperature > 0
            else torch.zeros(job.max_tokens, dtype=torch.float64)
        )
        constraint = None if job.allowed is None else self._constraint(job.allowed)
        return Row(job, reading, uniforms, index == 0, constraint)

    def _constraint(self, allowed: tuple[str, ...]) -> CitationConstraint:
        if self._vocabulary is None:
            self._vocabulary = CitationVocabulary(self.table.pieces)
        key = tuple(sorted(set(allowed)))
        if key not in self._constraints:
            if len(self._constraints) >= 64:  # the oldest goes: each new plan may bring a new set of ids
                del self._constraints[next(iter(self._constraints))]
            self._constraints[key] = self._vocabulary.constraint(key)
        return self._constraints[key]


def _score(job: ScoreJob, reading: Reading) -> list[float]:
    logprobs = torch.log_softmax(reading.logits, dim=-1)
    wanted = torch.tensor(job.continuation, device=logprobs.device)
    scores: list[float] = logprobs.gather(1, wanted[:, None])[:, 0].tolist()
    return scores
