"""Key-value caches of a transformer: one that grows in place, and an LRU of prompt prefixes.

Imports torch and transformers; only the local backends import it, and only once a model is loaded.

Shapes: the keys and values of one sequence are one pair of tensors per layer, each ``[heads, tokens, head_dim]``
(:data:`KeyValues`); those of a batch have a leading batch dimension.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from .hf_memory import BufferPool, bytes_of

KeyValues = list[tuple[Tensor, Tensor]]
TokenIds = tuple[int, ...]


class GrowingLayer(DynamicLayer):  # type: ignore[misc]
    """One layer's keys and values in buffers with room to spare.

    transformers' own dynamic layer concatenates at every step, which copies the whole cache once per token; for
    small models on a CPU that copying costs more than the model. This one writes in place and grows by chunks.
    """

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[Tensor, Tensor] | None = None
        self._length = 0

    @classmethod
    def holding(cls, keys: Tensor, values: Tensor, length: int) -> GrowingLayer:
        """A layer over these buffers ``[batch, heads, capacity, head_dim]``, the first ``length`` tokens filled."""
        layer = cls()
        layer._adopt(keys, values, length)
        return layer

    def _adopt(self, keys: Tensor, values: Tensor, length: int) -> None:
        self._buffers, self._length = (keys, values), length
        self.dtype, self.device = keys.dtype, keys.device
        self.keys, self.values = keys.narrow(2, 0, length), values.narrow(2, 0, length)
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Appends ``[batch, heads, new, head_dim]`` and returns everything held so far."""
        if self._buffers is None:
            self._adopt(key_states, value_states, key_states.shape[2])
            return key_states, value_states
        start, end = self._length, self._length + key_states.shape[2]
        keys, values = self._buffers
        if end > keys.shape[2]:
            extra = max(end - keys.shape[2], 64, keys.shape[2] // 4)
            keys, values = _widen(keys, extra), _widen(values, extra)
        keys[:, :, start:end].copy_(key_states)
        values[:, :, start:end].copy_(value_states)
        self._adopt(keys, values, end)
        return self.keys, self.values

    def get_seq_length(self) -> int:
        """Tokens held, padding included."""
        return self._length

    def keep(self, moves: Sequence[tuple[int, int]], rows: int, start: int) -> None:
        """Keeps the first ``rows`` rows after moving some, and drops the first ``start`` tokens (all padding).

        Nothing is allocated: rows are copied over ended ones, and what is dropped is left out of the view.

        Args:
            moves: Pairs (from, to) of row numbers.
            rows: How many rows stay.
            start: How many leading tokens go.
        """
        assert self._buffers is not None
        for buffer in self._buffers:
            filled = buffer[:, :, start : self._length]
            for source, target in moves:
                filled[target].copy_(filled[source])
        keys, values = self._buffers
        self._adopt(keys[:rows, :, start:], values[:rows, :, start:], self._length - start)


def _widen(buffer: Tensor, extra: int) -> Tensor:
    batch, heads, capacity, dim = buffer.shape
    wider = buffer.new_empty(batch, heads, capacity + extra, dim)
    wider[:, :, :capacity].copy_(buffer)
    return wider


def stack_right_aligned(
    rows: Sequence[KeyValues | None],
    lengths: Sequence[int],
    room: int = 0,
    pool: BufferPool | None = None,
) -> Cache | None:
    """One batch cache from single sequences, each pushed against the right edge and padded.

    Args:
        rows: One entry per batch row; None for a row without any past. An entry may be longer than wanted.
        lengths: How many leading tokens of each entry to take.
        room: Spare capacity in tokens for what will be generated.
        pool: Where memory on a CPU comes from; the cache's ``lease`` must then be kept as long as any part of it.

    Returns:
        The cache, or None where no row has a past.
    """
    width = max(lengths)
    first = next((row for row, length in zip(rows, lengths, strict=True) if row is not None and length), None)
    if width == 0 or first is None:
        return None
    shapes = [[(len(rows), part.shape[0], width + room, part.shape[2]) for part in pair] for pair in first]
    lease = None
    if pool is not None and first[0][0].device.type == "cpu":
        sizes = (bytes_of(*one) for pair in zip(shapes, first, strict=True) for one in zip(*pair, strict=True))
        lease = pool.lease(sum(sizes))
    layers = []
    for index, pair in enumerate(first):
        parts = zip(shapes[index], pair, strict=True)
        buffers = [part.new_empty(shape) if lease is None else lease.tensor(shape, part) for shape, part in parts]
        for batch, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            for side, buffer in enumerate(buffers):
                # Padding is masked, but a stray NaN in it would survive a weight of zero.
                buffer[batch, :, : width - length].zero_()
                if row is not None and length:
                    buffer[batch, :, width - length : width].copy_(row[index][side][:, :length])
        layers.append(GrowingLayer.holding(buffers[0], buffers[1], width))
    cache = Cache(layers=layers)
    cache.lease = lease
    return cache


def row_of(cache: Any, batch: int, length: int) -> KeyValues:
    """The last ``length`` tokens of one row of a batch cache, as views."""
    return [(layer.keys[batch, :, -length:], layer.values[batch, :, -length:]) for layer in cache.layers]


def head_of(sequence: KeyValues, length: int) -> KeyValues:
    """The first ``length`` tokens of a sequence, as views."""
    return [(keys[:, :length], values[:, :length]) for keys, values in sequence]


class PrefixCache:
    """An LRU of prompt prefixes with their keys and values.

    A lookup finds the entry that shares the longest beginning with a prompt: in lexicographic order that is a
    neighbour of the place where the prompt would stand, so no entry but two is ever compared.

    Args:
        max_tokens: Bound on the tokens held, all entries together; 0 holds nothing.
    """

    def __init__(self, max_tokens: int) -> None:
        self.max_tokens = max_tokens
        self._sorted: list[TokenIds] = []
        self._entries: OrderedDict[TokenIds, KeyValues] = OrderedDict()
        self._tokens = 0

    @property
    def tokens(self) -> int:
        """Tokens held at present."""
        return self._tokens

    def __len__(self) -> int:
        return len(self._sorted)

    def longest(self, ids: TokenIds) -> tuple[int, KeyValues | None]:
        """The longest stored beginning of ``ids``: its length and the entry that holds it (0, None if none)."""
        place = bisect_left(self._sorted, ids)
        best, found = 0, None
        for neighbour in self._sorted[max(place - 1, 0) : place + 1]:
            shared = common_prefix(ids, neighbour)
            if shared > best:
                best, found = shared, neighbour
        if found is None:
            return 0, None
        self._entries.move_to_end(found)
        return best, self._entries[found]

    def insert(self, ids: TokenIds, sequence: KeyValues) -> None:
        """Stores a copy of the keys and values of ``ids`` (all its tokens), evicting what was used least lately."""
        if not 0 < len(ids) <= self.max_tokens:
            return
        place = bisect_left(self._sorted, ids)
        after = self._sorted[place] if place < len(self._sorted) else ()
        if after[: len(ids)] == ids:
            self._entries.move_to_end(after)
            return
        before = self._sorted[place - 1] if place else ()
        if before and ids[: len(before)] == before:
            self._drop(before)
        insort(self._sorted, ids)
        self._entries[ids] = [(_copy(keys), _copy(values)) for keys, values in sequence]
        self._tokens += len(ids)
        while self._tokens > self.max_tokens:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forgets everything."""
        self._sorted.clear()
        self._entries.clear()
        self._tokens = 0

    def _drop(self, ids: TokenIds) -> None:
        del self._entries[ids]
        del self._sorted[bisect_left(self._sorted, ids)]
        self._tokens -= len(ids)


def _copy(part: Tensor) -> Tensor:
    # A compact copy even where nothing would force one: a view would keep its whole batch in memory.
    return part.clone(memory_format=torch.contiguous_format)


def common_prefix(one: TokenIds, other: TokenIds) -> int:
    """How many leading tokens two sequences share (by bisection over C-speed slice comparisons)."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def padding_mask(lengths: Sequence[int], width: int, room: int, device: torch.device) -> Tensor:
    """Boolean ``[rows, width + room]``: False left of a row of that length that is right-aligned at ``width``."""
    columns = torch.arange(width + room, device=device)
    starts = width - torch.tensor(lengths, device=device)
    return columns[None, :] >= starts[:, None]
