"""A model around a model: the base of those that count, remember or watch what is asked of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..planner.ledger import Usage
from .base import LanguageModel, Message, SampleRequest, Samples, TokenScores

__all__ = ["Wrapped"]


class Wrapped(LanguageModel):
    """Hands on all that is asked of it, of its tokenizer too where the inner model has one; closing it does nothing.

    What it does besides is for a subclass to say. Whoever opened the inner model closes it.

    Args:
        inner: The model.
    """

    def __init__(self, inner: LanguageModel) -> None:
        self._inner = inner
        self.name = inner.name
        for method in ("encode_prompt", "encode_text"):
            if hasattr(inner, method):
                setattr(self, method, getattr(inner, method))

    @property
    def capabilities(self) -> Any:  # type: ignore[override]  # what the backend has learnt by now
        """The inner model's capabilities."""
        return self._inner.capabilities

    async def sample(self, request: SampleRequest) -> Samples:
        """The inner model's completions."""
        return await self._inner.sample(request)

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """The inner model's scores."""
        return await self._inner.score(prompt, continuation)

    def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """The inner model's word."""
        return self._inner.count_tokens(messages)

    def prompt_bound(self, messages: Sequence[Message]) -> int:
        """The inner model's word."""
        return self._inner.prompt_bound(messages)

    def worst_case(self, request: SampleRequest) -> Usage:
        """The inner model's word."""
        return self._inner.worst_case(request)

    def bound(self, request: SampleRequest) -> Usage:
        """The inner model's word."""
        return self._inner.bound(request)

    def out_of_scope(self, question: str) -> str | None:
        """The inner model's word."""
        return self._inner.out_of_scope(question)
