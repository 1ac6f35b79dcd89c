"""Memory of batch caches that is used again.

On a CPU, getting new pages from the system for every batch took five times longer than filling them. Imports torch;
only the local backends import it, and only once a model is loaded.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

ALIGNED = 64
"""Bytes: where a tensor begins."""


class Lease:
    """Memory that goes back to its pool once nobody refers to this object any more.

    Whoever keeps a tensor that lies in it must keep the lease as well.

    Args:
        memory: Bytes, ``[size]``.
        returned: Where it goes back to.
    """

    def __init__(self, memory: Tensor, returned: deque[Tensor]) -> None:
        self._memory, self._returned = memory, returned
        self._used = 0

    def __del__(self) -> None:
        self._returned.append(self._memory)  # from whichever thread: appending is atomic

    def tensor(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """The next part of it, not initialised, with the element type of another tensor."""
        part = self._memory.narrow(0, self._used, prod(shape) * like.element_size())
        self._used += bytes_of(shape, like)
        return part.view(like.dtype).view(*shape)


def bytes_of(shape: Sequence[int], like: Tensor) -> int:
    """Bytes that a tensor takes, rounded up so that the next one is aligned."""
    return -(-prod(shape) * like.element_size() // ALIGNED) * ALIGNED


class BufferPool:
    """Memory by the batch. One thread at a time may lease; leases may end anywhere.

    Args:
        most: Bytes that lie ready at most.
    """

    def __init__(self, most: int = 1 << 30) -> None:
        self._most = most
        self._ready: list[Tensor] = []
        self._returned: deque[Tensor] = deque()

    @property
    def ready(self) -> int:
        """Bytes that lie ready."""
        return sum(map(len, (*self._ready, *self._returned)))

    def lease(self, size: int) -> Lease:
        """So many bytes: the smallest that lie ready and suffice, or new ones with some to spare."""
        while self._returned:
            self._ready.append(self._returned.popleft())
        self._ready.sort(key=len)
        while self._ready and sum(map(len, self._ready)) > self._most:
            self._ready.pop(0)
        for place, memory in enumerate(self._ready):
            if len(memory) >= size:
                return Lease(self._ready.pop(place), self._returned)
        return Lease(torch.empty(size + size // 4, dtype=torch.uint8), self._returned)
