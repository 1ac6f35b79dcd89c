"""A local model that computes each call once, however many attempts make it.

A ladder of budgets is nested: an attempt at 4,000 tokens begins with the very calls of the attempt at 2,000. Where a
model's text depends on the request alone, the second attempt is given what the first was told, and it is charged all
the same, as if it had asked alone (:mod:`.counted`). What is spared is the time of whoever runs the comparison.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar

from ...decoders.base import LanguageModel, Message, SampleRequest, Samples, TokenScores, as_messages
from ...decoders.hf_backend import HFModel
from ...decoders.wrapped import Wrapped

__all__ = ["RememberingModel", "remembering"]

CALLS = 4096
"""Calls remembered; those of one problem stand together in a run, so that few problems' calls are wanted at a time."""

ROOM = 64
"""Tokens to its bound from which a constrained citation may be cut short for it."""

T = TypeVar("T")


class _Told(NamedTuple, Generic[T]):
    """A call that was made, or is under way, and the bound on its tokens."""

    most: int
    result: asyncio.Future[T]


class RememberingModel(Wrapped):
    """A model that is asked nothing twice.

    Args:
        inner: A model whose answers depend on the request alone.
        calls: How many calls are remembered.

    Attributes:
        asked: Calls that were made.
        spared: Calls that were looked up instead.
    """

    def __init__(self, inner: LanguageModel, calls: int = CALLS) -> None:
        super().__init__(inner)
        self._calls = calls
        self._told: OrderedDict[Any, list[_Told[Any]]] = OrderedDict()
        self.asked = self.spared = 0

    async def sample(self, request: SampleRequest) -> Samples:
        """The completions, drawn now or when somebody asked the same.

        A call with another bound on its tokens is the same where neither bound was met.
        """
        if request.seed is None and request.temperature != 0:
            return await self._inner.sample(request)
        key = request.model_dump_json(exclude={"max_tokens", "max_attempts"})
        return await self._once(
            key, request.max_tokens, lambda: self._inner.sample(request), lambda told, most: _fits(request, told, most)
        )

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """The scores, computed now or when somebody asked the same."""
        key = (as_messages(prompt), continuation)
        return await self._once(key, 0, lambda: self._inner.score(prompt, continuation), lambda told, most: True)

    async def _once(self, key: Any, most: int, ask: Callable[[], Awaitable[T]], fits: Callable[[T, int], bool]) -> T:
        for told in tuple(self._told.get(key, ())):
            try:
                found: T = await asyncio.shield(told.result)
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if told.result.cancelled() and not (task and task.cancelling()):
                    continue  # who asked failed or was cancelled, not who waits: the call is made again
                raise
            if fits(found, told.most):
                self.spared += 1
                return found
        return await self._ask(key, most, ask)

    async def _ask(self, key: Any, most: int, ask: Callable[[], Awaitable[T]]) -> T:
        self.asked += 1
        told = _Told(most, asyncio.get_running_loop().create_future())
        self._told.setdefault(key, []).append(told)
        self._told.move_to_end(key)
        while len(self._told) > self._calls:
            self._told.popitem(last=False)
        try:
            found = await ask()
        except BaseException:
            told.result.cancel()
            with suppress(KeyError, ValueError):  # forgotten meanwhile
                self._told[key].remove(told)
            raise
        told.result.set_result(found)
        return found


def _fits(request: SampleRequest, told: Samples, most: int) -> bool:
    """Whether completions drawn under another bound are those that would be drawn under the request's own."""
    if most == request.max_tokens:
        return True
    least = min(most, request.max_tokens)
    if request.allowed_citations is not None:
        least -= ROOM
    return all(
        one.finish_reason == "stop" and one.tokens is not None and one.tokens <= least for one in told.completions
    )


def remembering(model: LanguageModel) -> LanguageModel:
    """A local model, asked nothing twice; any other as it is, since endpoints promise nothing of the kind."""
    return RememberingModel(model) if isinstance(model, HFModel) else model
