"""Local process reward models: many solutions in one batch, every shared beginning computed once.

The scores of all tokens travel with the keys and values: :class:`HeadForward` keeps the head's output as one more layer
of the cache. Whatever shares a prefix (solutions of one batch, or calls one after another) therefore shares its steps'
scores as well, and reading, batching and the prefix cache are those of the language models
(:mod:`planneal.decoders.hf_prefill`). Imports torch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from ..planner.errors import BadResponse, ModelError, PlannealError
from ..planner.ledger import Usage
from .batching import Batcher, BatchFailed
from .hf_cache import GrowingLayer, PrefixCache, TokenIds
from .hf_forward import Forward
from .hf_load import context_length
from .hf_prefill import Reading, read
from .prm import Solution, StepResult, StepScorer, StepScores
from .prm_formats import Layout, StepFormat
from .prm_load import RewardModel, load_reward_model
from .prm_text import StepTokenizer


class HeadForward(Forward):
    """One pass of a backbone and its head; the head's outputs are carried along as the cache's last layer.

    Args:
        model: The backbone and its head.
    """

    def __init__(self, model: RewardModel) -> None:
        super().__init__(model.backbone)
        self._head = model.head

    def __call__(
        self, tokens: Tensor, mask: Tensor | None, positions: Tensor, cache: Any, keep: int = 1
    ) -> tuple[Tensor, Any]:
        """One pass.

        Returns:
            The head's outputs ``[rows, keep, values]`` in float32, and the extended cache.
        """
        carried = GrowingLayer()
        if cache is None:
            cache = Cache(layer_class_to_replicate=GrowingLayer)
        elif self.batchable and cache.layers:
            carried = cache.layers.pop()
        values = self._head(self._pass(tokens, mask, positions, cache, {}).last_hidden_state).float()
        if self.batchable:
            # Shaped like keys ``[rows, heads, tokens, dim]`` with one head; nothing is needed in the place of values.
            carried.update(values[:, None], values[:, None, :, :0])
            cache.layers.append(carried)
        return values[:, -keep:], cache


@dataclass
class StepJob:
    """One solution as tokens."""

    layout: Layout
    abandoned: bool = False

    @property
    def rows(self) -> int:
        """Rows of a batch: one."""
        return 1


class StepValues(NamedTuple):
    """What the model says at each mark, and what it cost.

    Attributes:
        values: One list of raw numbers per mark.
        reused: Leading tokens that did not have to be computed.
        seconds: This job's share of the batch's time.
    """

    values: list[list[float]]
    reused: int
    seconds: float


class StepEngine:
    """Answers batches of jobs with one model.

    Args:
        forward: The model.
        cache_tokens: Bound on the tokens remembered between batches.
    """

    def __init__(self, forward: HeadForward, cache_tokens: int) -> None:
        self.forward = forward
        self.prefixes = PrefixCache(cache_tokens if forward.batchable else 0)

    def run(self, jobs: Sequence[StepJob]) -> list[tuple[list[list[float]], int]]:
        """The raw values at each job's marks, and the tokens it did not have to compute."""
        with torch.inference_mode():
            first: dict[TokenIds, StepJob] = {}
            for job in jobs:
                first.setdefault(job.layout.ids, job)
            outputs, reused = self._read(list(first))
            return [
                (
                    outputs[job.layout.ids][list(job.layout.marks)].tolist(),
                    reused[job.layout.ids] if first[job.layout.ids] is job else len(job.layout.ids),
                )
                for job in jobs
            ]

    def _read(self, distinct: Sequence[TokenIds]) -> tuple[dict[TokenIds, Tensor], dict[TokenIds, int]]:
        """The head's output at every token ``[tokens, values]`` of each sequence."""
        if not self.forward.batchable:
            return {ids: self._alone(ids) for ids in distinct}, dict.fromkeys(distinct, 0)
        # Storing more than the cache holds would only copy it out again.
        ends = accumulate(len(ids) for ids in distinct)
        room = self.prefixes.max_tokens // 2
        readings = [Reading(ids, store=end <= room) for ids, end in zip(distinct, ends, strict=True)]
        read(self.forward, readings, self.prefixes)
        return {r.ids: r.past[-1][0][0] for r in readings}, {r.ids: r.reused for r in readings}

    def _alone(self, ids: TokenIds) -> Tensor:
        tokens = torch.tensor([ids], device=self.forward.device)
        positions = torch.arange(len(ids), device=self.forward.device)[None]
        values, _ = self.forward(tokens, None, positions, self.forward.new_cache(), len(ids))
        return values[0]


class HFStepScorer(StepScorer):
    """A local process reward model.

    Args:
        model: Backbone and head.
        tokenizer: Its transformers tokenizer.
        form: The format that the model was trained in.
        name: What to call it in reports.
        max_rows: Most solutions in one batch.
        window: Seconds to wait for solutions of other chains to arrive together.
        cache_tokens: Bound on the tokens whose keys, values and scores are kept between calls; 0 keeps none.
        clock: Seconds, for measuring.

    Attributes:
        engine: What runs the model; it also holds the prefixes kept between calls.

    Raises:
        ConfigError: The architecture cannot be run here.
        SeparatorError: The tokenizer does not keep the format's separator apart.
    """

    def __init__(
        self,
        model: RewardModel,
        tokenizer: Any,
        form: StepFormat,
        *,
        name: str,
        max_rows: int = 64,
        window: float = 0.002,
        cache_tokens: int = 16384,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name = name
        self.form = form
        self._tokenizer = StepTokenizer(tokenizer)
        form.check(self._tokenizer)
        self._model = model
        self._context = context_length(model.backbone)
        self._clock = clock
        self.engine = StepEngine(HeadForward(model), cache_tokens)
        self._batcher: Batcher[StepJob, StepValues] = Batcher(self._timed_run, max_rows=max_rows, window=window)

    @classmethod
    def load(
        cls, repo_or_path: str, form: StepFormat, device: str | None = None, dtype: str | None = None, **options: Any
    ) -> HFStepScorer:
        """Loads a model and its tokenizer with ``from_pretrained``.

        Args:
            repo_or_path: A Hugging Face repository or a local folder.
            form: The format that the model was trained in.
            device: Such as ``cpu`` or ``cuda:0``; None takes a GPU where there is one.
            dtype: Such as ``bfloat16``; None takes float32 on a CPU and the stored type on a GPU.
            **options: Passed on to the class.

        Raises:
            ConfigError: The model cannot be loaded from there, or is not one of this format.
            SeparatorError: The tokenizer does not keep the format's separator apart.
        """
        model, tokenizer = load_reward_model(repo_or_path, form, device, dtype)
        return cls(model, tokenizer, form, **{"name": f"hf/{repo_or_path}", **options})

    async def score(self, solutions: Sequence[Solution]) -> list[StepResult]:
        """Scores solutions together, and with those that other tasks bring at the same time."""
        return list(await asyncio.gather(*(self._one(solution) for solution in solutions)))

    def bound(self, solution: Solution) -> Usage:
        """The exact number of tokens, none of them cached."""
        try:
            tokens = len(self._layout(solution).ids)
        except PlannealError:  # it will not be run either
            return Usage()
        return Usage(prompt_tokens=tokens, calls=1, flops=2.0 * self._model.parameters * tokens)

    async def aclose(self) -> None:
        """Forgets the prefixes; the weights go with the object."""
        self.engine.prefixes.clear()

    def _layout(self, solution: Solution) -> Layout:
        layout = self.form.layout(self._tokenizer, solution)
        if self._context is not None and len(layout.ids) > self._context:
            raise ModelError(f"{len(layout.ids)} tokens do not fit the {self._context}-token context of {self.name}")
        return layout

    async def _one(self, solution: Solution) -> StepResult:
        try:
            layout = self._layout(solution)
            found = await self._batcher.submit(StepJob(layout))
            usage = self._usage(len(layout.ids), found)
            try:
                scores = tuple(self.form.probability(values) for values in found.values)
            except BadResponse as error:
                error.usage = usage
                return error
            return StepScores(scores, usage)
        except BatchFailed as exc:
            return ModelError(f"{self.name} failed: {type(exc.__cause__).__name__}: {exc}")
        except PlannealError as error:
            return error

    def _timed_run(self, jobs: Sequence[StepJob]) -> list[StepValues]:
        """The batch's answers, each with an equal share of the seconds it took."""
        started = self._clock()
        answers = self.engine.run(jobs)
        share = (self._clock() - started) / len(jobs)
        return [StepValues(values, reused, share) for values, reused in answers]

    def _usage(self, tokens: int, found: StepValues) -> Usage:
        return Usage(
            prompt_tokens=tokens,
            cached_prompt_tokens=found.reused,
            calls=1,
            seconds=found.seconds,
            flops=2.0 * self._model.parameters * (tokens - found.reused),
        )
