"""Reading prompts: every prefix that several prompts share, or that was read before, is computed once.

Imports torch; only the local backends import it, and only once a model is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from .hf_cache import (
    KeyValues,
    PrefixCache,
    TokenIds,
    common_prefix,
    head_of,
    padding_mask,
    row_of,
    stack_right_aligned,
)
from .hf_forward import Forward

MIN_SAVING = 24
"""Tokens that computing a shared prefix first must save, for it to be worth an extra pass of the model."""

MAX_PASS_TOKENS = 16384
"""Tokens (padding included) in one pass, so that a large batch of long prompts does not exhaust memory."""

CPU_PASS_TOKENS = 4096
"""The same on a CPU, whose caches larger passes overflow."""

PASS_WORTH = {"cpu": 96}
"""Tokens that take about as long as one more pass takes to start, by kind of device."""

GPU_PASS_WORTH = 2048
"""The same where a device is not listed: an estimate for GPUs, where a pass of any size takes milliseconds to start."""


@dataclass
class Reading:
    """One sequence to be read.

    Attributes:
        ids: The tokens to feed.
        keep: For how many of the last positions the logits are wanted (at least 1).
        store: Whether the prompt is to be remembered; not needed where what is written after it will be.
        reused: Leading tokens that did not have to be computed for this reading (set by reading).
        logits: ``[keep, vocabulary]`` in float32 (set by reading).
        past: Keys and values of ``ids`` (set by reading).
        state: In place of ``past``, the cache of a model whose memory is more than keys and values.
        lease: What ``past`` lies in, where that is memory to be used again.
    """

    ids: TokenIds
    keep: int = 1
    store: bool = True
    reused: int = 0
    logits: Tensor = field(default_factory=lambda: torch.empty(0))
    past: KeyValues = field(default_factory=list)
    state: Any = None
    lease: Any = None

    @property
    def reusable(self) -> TokenIds:
        """The tokens whose logits are not wanted: only these may come out of a cache."""
        return self.ids[: len(self.ids) - self.keep]


@dataclass
class _Row:
    """A reading with what is already known of it."""

    reading: Reading
    known: int
    past: KeyValues | None

    @property
    def fresh(self) -> int:
        return len(self.reading.ids) - self.known


def read(forward: Forward, readings: Sequence[Reading], prefixes: PrefixCache) -> None:
    """Reads distinct sequences together and fills in their ``logits``, ``past`` and ``reused``.

    Args:
        forward: The model.
        readings: Distinct sequences.
        prefixes: Prefixes known from earlier calls; what is read here is added to it.
    """
    rows = [_Row(reading, *prefixes.longest(reading.reusable)) for reading in readings]
    for row in rows:
        row.reading.reused = row.known
    _read_shared(forward, rows)
    for bucket in _buckets(rows, _most(forward)):
        _read_bucket(forward, bucket)
    for row in rows:
        if not row.reading.store:
            continue
        # Only the part before the wanted logits and one token more: the prompt, not a scored continuation.
        length = len(row.reading.reusable) + 1
        prefixes.insert(row.reading.ids[:length], head_of(row.reading.past, length))


def _read_shared(forward: Forward, rows: Sequence[_Row]) -> None:
    """Computes each prefix that enough rows of this batch share, and lets them start from it.

    Shared beginnings nest (all plans share a question, some of them their first items), so what is shared beyond them
    is looked for again as long as it saves more than the passes cost.
    """
    worth = PASS_WORTH.get(forward.device.type, GPU_PASS_WORTH)
    shared = _groups(rows)
    while shared:
        heads = [_Row(Reading(first.reading.ids[:length]), first.known, first.past) for length, (first, *_) in shared]
        for bucket in _buckets(heads):
            _read_bucket(forward, bucket)
        for head, (length, members) in zip(heads, shared, strict=True):
            for index, member in enumerate(members):
                if index:  # the first of them is the one that pays
                    member.reading.reused += length - member.known
                member.known, member.past = length, head.reading.past
        shared = _groups(rows)
        saved = sum(sum(length - member.known for member in members[1:]) for length, members in shared)
        if saved < worth * len(_buckets([_Row(Reading(m[0].reading.ids[:n]), m[0].known, None) for n, m in shared])):
            return


def _groups(rows: Sequence[_Row]) -> list[tuple[int, list[_Row]]]:
    """Rows that share a beginning worth computing first: (shared length, rows with the best-informed first).

    In sorted order the rows that share a beginning stand together, and what a stretch of them shares is the least
    that any two neighbours in it share; of the stretches from each row on, the one that saves most is taken.
    """
    ordered = sorted(rows, key=lambda row: row.reading.reusable)
    shared = [common_prefix(one.reading.reusable, two.reading.reusable) for one, two in pairwise(ordered)]
    groups: list[tuple[int, list[_Row]]] = []
    start = 0
    while start < len(ordered):
        saving, length, end = MIN_SAVING - 1, len(ordered[start].reading.reusable), start + 1
        known, common = ordered[start].known, length
        for other in range(start + 1, len(ordered)):
            common, known = min(common, shared[other - 1]), max(known, ordered[other].known)
            if common <= known:
                break
            if (common - known) * (other - start) > saving:
                saving, length, end = (common - known) * (other - start), common, other + 1
        if end > start + 1:
            groups.append((length, sorted(ordered[start:end], key=lambda row: -row.known)))
        start = end
    return groups


def _most(forward: Forward) -> int:
    return CPU_PASS_TOKENS if forward.device.type == "cpu" else MAX_PASS_TOKENS


def _buckets(rows: Sequence[_Row], most: int = MAX_PASS_TOKENS) -> list[list[_Row]]:
    """Rows of similar length to compute together, so that little of a pass is padding."""
    buckets: list[list[_Row]] = []
    for row in sorted(rows, key=lambda row: (row.reading.keep > 1, row.fresh)):
        last = buckets[-1] if buckets else None
        if (
            last is not None
            and row.fresh <= 2 * last[0].fresh + 16
            and row.fresh * (len(last) + 1) <= most
            and (row.reading.keep > 1) == (last[0].reading.keep > 1)
        ):
            last.append(row)
        else:
            buckets.append([row])
    return buckets


def _read_bucket(forward: Forward, rows: Sequence[_Row]) -> None:
    """One pass of the model over right-aligned rows.

    Every row feeds the same number of tokens. A row that knows more than it must feeds some known tokens again in
    the place of padding, so that no gap stands between its past and its new tokens: all padding is on the left,
    which is what position ids, sliding windows and ALiBi of every architecture agree with.
    """
    width = max(row.fresh for row in rows)
    totals = [len(row.reading.ids) for row in rows]
    pasts = [max(total - width, 0) for total in totals]
    cache = stack_right_aligned([row.past for row in rows], pasts, room=width)
    longest = max(totals)
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    for index, row in enumerate(rows):
        fed = row.reading.ids[pasts[index] :]
        tokens[index, width - len(fed) :] = torch.tensor(fed)
    mask = padding_mask(totals, longest, 0, forward.device)
    starts = torch.tensor([total - width for total in totals], device=forward.device)
    positions = (starts[:, None] + torch.arange(width, device=forward.device)).clamp_(min=0)
    keep = max(row.reading.keep for row in rows)
    logits, cache = forward(tokens.to(forward.device), mask, positions, cache, keep)
    for index, row in enumerate(rows):
        row.reading.logits = logits[index, -row.reading.keep :]
        row.reading.past = row_of(cache, index, totals[index])
