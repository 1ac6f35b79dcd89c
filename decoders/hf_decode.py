"""The decode loop of the local backends: many rows at once, every row on its own terms.

``generate`` of transformers takes one temperature, one stop criterion and one random stream for a whole batch; here
each row has its own, so that requests of different chains can share a pass of the model. Imports torch; only the
local backends import it, and only once a model is loaded.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .base import FinishReason
from .citation_processor import OUTSIDE, CitationConstraint, State, restrict
from .hf_cache import PrefixCache, TokenIds, padding_mask, row_of, stack_right_aligned
from .hf_forward import Forward
from .hf_memory import BufferPool
from .hf_prefill import Reading
from .hf_sampling import choose, chosen_logprobs
from .hf_tokens import TokenTable

ROOM = 96
"""Tokens that a batch has room for before its caches grow: rows seldom stay together for longer."""

PAUSE_STEPS = 8
"""Steps between two looks at whether to pause."""


@dataclass
class SampleJob:
    """What a sample request asks of the model, in tokens.

    Attributes:
        prompt: Prompt tokens.
        n: Completions wanted.
        max_tokens: Bound on the tokens of each.
        temperature: 0 is greedy.
        seed: Seed of the draws, None for fresh entropy.
        stop: Byte strings that end a completion.
        allowed: Ids that may be cited; None leaves citations unconstrained.
        top: How many alternatives to report per token; None reports no log-probabilities.
        abandoned: Set once nobody waits any more; its rows end at the next step.
        begun: Its completions once their writing has begun, in order.
        reused: Prompt tokens that did not have to be computed for it.
        seconds: Its share of the time of its batches so far.
    """

    prompt: TokenIds
    n: int = 1
    max_tokens: int = 256
    temperature: float = 1.0
    seed: int | None = None
    stop: tuple[bytes, ...] = ()
    allowed: tuple[str, ...] | None = None
    top: int | None = None
    abandoned: bool = False
    begun: list[Row] = field(default_factory=list)
    reused: int = 0
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows of a batch: one per completion that is not written yet."""
        return sum(row.finish is None for row in self.begun) if self.begun else self.n

    @property
    def done(self) -> bool:
        """Whether all completions are written."""
        return bool(self.begun) and all(row.finish is not None for row in self.begun)


@dataclass
class Row:
    """One completion while it is written.

    Attributes:
        job: What was asked.
        reading: The prompt as it was read, or prompt and text as far as they went when writing was interrupted.
        uniforms: Its random numbers, ``[max_tokens]``.
        first: Whether it is its request's first completion.
        constraint: What may be cited, None if free.
        tokens: What has been written, the end token included.
        data: Its bytes.
        finish: Why it ended, None while it has not.
        cut: Bytes of text before the stop string, None where there was none.
        logprobs: Nats per token under the untempered, unconstrained model; empty unless asked for.
        top: The likeliest tokens at each step: (id, nats).
        state: Where its text stands for the constraint.
    """

    job: SampleJob
    reading: Reading
    uniforms: Tensor
    first: bool = False
    constraint: CitationConstraint | None = None
    tokens: list[int] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    finish: FinishReason | None = None
    cut: int | None = None
    logprobs: list[float] = field(default_factory=list)
    top: list[list[tuple[int, float]]] = field(default_factory=list)
    state: State = OUTSIDE

    def add(self, token: int, piece: bytes) -> None:
        """Takes in the bytes of a token that is no end token, and ends the row where that is due."""
        searched = len(self.data)
        self.data += piece
        for stop in self.job.stop:
            found = self.data.find(stop, max(searched - len(stop) + 1, 0))
            if found >= 0 and (self.cut is None or found < self.cut):
                self.finish, self.cut = "stop", found
        if self.finish is None and len(self.tokens) >= self.job.max_tokens:
            self.finish = "length"
        if self.constraint is not None:
            self.state = self.constraint.advance(self.state, token)


class Decoder:
    """Writes the completions of some rows.

    Args:
        forward: The model.
        table: Bytes of its tokens.
        ends: Token ids that end a text.
        rows: The rows, their prompts read; they are filled in.
        prefixes: Where each request's first completion is remembered together with its prompt, because the next
            prompt of a chain often quotes it (an answer prompt quotes the plan that was drafted).
        pool: Where memory comes from; None for the system.
    """

    def __init__(
        self,
        forward: Forward,
        table: TokenTable,
        ends: frozenset[int],
        rows: Sequence[Row],
        prefixes: PrefixCache,
        pool: BufferPool | None = None,
    ) -> None:
        self._forward, self._pieces, self._ends = forward, table.pieces, ends
        self._prefixes = prefixes
        device = forward.device
        self._live = list(rows)
        lengths = [len(row.reading.ids) for row in rows]
        self._width = max(lengths)  # tokens in the cache, padding included
        self._pads = [self._width - length for length in lengths]
        longest = max(row.job.max_tokens - len(row.tokens) for row in rows)
        self._mask = padding_mask(lengths, self._width, longest, device)
        self._positions = torch.tensor(lengths, device=device)[:, None]
        self._temperature = torch.tensor([row.job.temperature for row in rows], device=device)
        self._uniforms = torch.zeros(len(rows), longest, dtype=torch.float64)
        for index, row in enumerate(rows):
            left = row.uniforms[len(row.tokens) :]  # some rows go on with what they began
            self._uniforms[index, : len(left)] = left
        self._uniforms = self._uniforms.to(device)
        self._cache: Any
        if forward.batchable:
            self._cache = stack_right_aligned([row.reading.past for row in rows], lengths, min(longest, ROOM), pool)
        else:
            self._cache = copy.deepcopy(rows[0].reading.state)
        self._logits = torch.stack([row.reading.logits[-1] for row in rows])
        for row in rows:
            if row.reading.lease is not None:  # all of it was copied: the memory may serve the next batch
                row.reading = Reading(row.reading.ids)

    def run(self, pause: Callable[[], bool] | None = None) -> None:
        """Decodes until every row has ended, or there is reason to pause.

        Rows that have not ended then keep what they wrote and where they stand; another decoder can go on with them,
        beside others.

        Args:
            pause: Asked every few steps.
        """
        step = 0
        while True:
            tokens = self._pick(step)
            self._record(tokens.tolist())
            kept = [index for index, row in enumerate(self._live) if row.finish is None]
            self._remember()
            if not kept:
                return
            if len(kept) < len(self._live):
                tokens = self._drop(kept, tokens)
            self._width += 1
            mask = self._mask[:, : self._width] if any(self._pads) else None
            logits, self._cache = self._forward(tokens[:, None], mask, self._positions, self._cache)
            self._logits = logits[:, 0]
            self._positions = self._positions + 1
            step += 1
            if pause is not None and step % PAUSE_STEPS == 0 and pause():
                self._park()
                return

    def _park(self) -> None:
        """Leaves every row with the keys and values of all that it has read and written so far."""
        for index, row in enumerate(self._live):
            ids = row.job.prompt + tuple(row.tokens)
            past, logits = row_of(self._cache, index, len(ids)), self._logits[index : index + 1]
            row.reading = Reading(ids, past=past, logits=logits, lease=self._cache.lease)

    def _pick(self, step: int) -> Tensor:
        """The next token of every row, within what each may write; log-probabilities on the way."""
        logits = self._logits
        if any(row.constraint is not None for row in self._live):
            logits = logits.clone()
            for index, row in enumerate(self._live):
                if row.constraint is not None and row.finish is None:
                    remaining = row.job.max_tokens - len(row.tokens)
                    restrict(logits[index], row.constraint.restriction(row.state, remaining))
        tokens = choose(logits, self._temperature, self._uniforms[:, step])
        top = max((row.job.top for row in self._live if row.job.top is not None), default=None)
        if top is not None:
            self._note_logprobs(tokens, top)
        return tokens

    def _note_logprobs(self, tokens: Tensor, top: int) -> None:
        chosen, ids, values = chosen_logprobs(self._logits, tokens, top)
        for index, row in enumerate(self._live):
            if row.job.top is not None and row.finish is None:
                row.logprobs.append(chosen[index])
                alternatives = zip(ids[index], values[index], strict=True)
                row.top.append(list(alternatives)[: row.job.top])

    def _record(self, tokens: Sequence[int]) -> None:
        """Appends a token to every row that is still being written, and ends the rows that are done."""
        for row, token in zip(self._live, tokens, strict=True):
            if row.finish is not None:
                continue
            row.tokens.append(token)
            if row.job.abandoned:
                row.finish = "other"
            elif token in self._ends:
                row.finish = "stop"
            else:
                row.add(token, self._pieces[token] if token < len(self._pieces) else b"")

    def _remember(self) -> None:
        for index, row in enumerate(self._live):
            if row.first and row.finish is not None and self._forward.batchable:
                # The last token was chosen but never fed, so the cache does not hold it.
                ids = row.job.prompt + tuple(row.tokens[:-1])
                self._prefixes.insert(ids, row_of(self._cache, index, len(ids)))

    def _drop(self, kept: Sequence[int], tokens: Tensor) -> Tensor:
        """Leaves the ended rows, and the padding that only they needed, out of the batch.

        Rows from the end take the places of ended ones, so that as few as possible are copied.
        """
        count = len(kept)
        staying = set(kept)
        holes = [row for row in range(count) if row not in staying]
        moves = list(zip([row for row in kept if row >= count], holes, strict=True))
        order = list(range(count))
        for source, target in moves:
            order[target] = source
        start = min(self._pads[row] for row in kept)
        for layer in self._cache.layers:
            layer.keep(moves, count, start)
        self._live = [self._live[row] for row in order]
        self._pads = [self._pads[row] - start for row in order]
        self._width -= start
        index = torch.tensor(order, device=tokens.device)
        self._mask = self._mask[index, start:]
        self._positions, self._temperature = self._positions[index], self._temperature[index]
        self._uniforms = self._uniforms[index]
        return tokens[index]
