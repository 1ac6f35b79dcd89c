"""The model as one attempt sees it: everything that is asked of it is counted a second time, beside the ledger.

Which prompt tokens of a local model come out of a cache depends on what else is asked of it at the time. An attempt is
accounted as if it had the model to itself: what its prompt shares with an earlier prompt of the same attempt, its last
token apart, is cached, and nothing else is. So the account does not depend on how many attempts run side by side.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import Any

from ...decoders.base import LanguageModel, Message, SampleRequest, Samples, TokenScores, as_messages
from ...decoders.wrapped import Wrapped
from ...planner.errors import ModelError
from ...planner.ledger import Usage

__all__ = ["CountedModel"]

Ids = tuple[int, ...]


class CountedModel(Wrapped):
    """A model whose use by one attempt is counted.

    Args:
        inner: The model that all attempts share.

    Attributes:
        counted: What was used so far.
        under_way: Calls that were not answered yet.
    """

    def __init__(self, inner: LanguageModel) -> None:
        super().__init__(inner)
        self._encode: Callable[[Sequence[Message]], Ids] | None = getattr(inner, "encode_prompt", None)
        self._encode_text: Callable[[str], Ids] | None = getattr(inner, "encode_text", None)
        self._seen: list[Ids] = []
        self.counted = Usage()
        self.under_way = 0

    async def sample(self, request: SampleRequest) -> Samples:
        """The backend's completions, with what they cost this attempt."""
        cached = self._cached(request.messages)
        samples: Samples = await self._counting(self._inner.sample(request))
        usage = self._own(samples.usage, cached)
        self.counted += usage
        return Samples(samples.completions, usage, samples.notes)

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """The backend's scores, with what they cost this attempt."""
        cached = self._cached(as_messages(prompt), continuation)
        scores: TokenScores = await self._counting(self._inner.score(prompt, continuation))
        usage = self._own(scores.usage, cached)
        self.counted += usage
        return scores.model_copy(update={"usage": usage})

    async def _counting(self, call: Any) -> Any:
        self.under_way += 1
        try:
            return await call
        except ModelError as error:
            if isinstance(error.usage, Usage):
                self.counted += error.usage
            raise
        finally:
            self.under_way -= 1

    def _cached(self, messages: Sequence[Message], continuation: str = "") -> int | None:
        """Prompt tokens shared with an earlier prompt; None where the backend has no tokenizer to tell."""
        if self._encode is None or self._encode_text is None:
            return None
        try:
            ids = self._encode(messages)
            reusable = len(ids) - 1
            if continuation:
                tail = self._encode_text(continuation)
                ids, reusable = ids + tail, len(ids) - 1
        except ModelError:
            return 0  # the backend will refuse the request and say why
        place = bisect_left(self._seen, ids)  # in sorted order the longest shared beginning is a neighbour's
        shared = max((_common(ids, near) for near in self._seen[max(0, place - 1) : place + 1]), default=0)
        insort(self._seen, ids)
        return max(0, min(shared, reusable))

    def _own(self, usage: Usage, cached: int | None) -> Usage:
        if cached is None:
            return usage
        cached = min(cached, usage.prompt_tokens)
        fresh = usage.prompt_tokens - cached + usage.completion_tokens
        size = self.capabilities.parameters or 0
        return usage.model_copy(update={"cached_prompt_tokens": cached, "flops": 2.0 * size * fresh})


def _common(one: Ids, two: Ids) -> int:
    for place, (a, b) in enumerate(zip(one, two, strict=False)):
        if a != b:
            return place
    return min(len(one), len(two))
