"""Models for tests: no network, no weights, everything counted.

:class:`ScriptedModel` answers from a list, :class:`FunctionModel` from a function of the request. Both count tokens by
a simple, stated rule (one per four bytes, at least one), so that budgets and ledgers can be tested exactly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from ..decoders.base import (
    Capabilities,
    Completion,
    LanguageModel,
    Message,
    SampleRequest,
    Samples,
    TokenScores,
)
from ..planner.errors import ModelError
from ..planner.ledger import Usage

Reply = str | ModelError


def count(text: str) -> int:
    """Tokens of a text under the test rule: one per four UTF-8 bytes, rounded up, at least one."""
    return max(1, -(-len(text.encode()) // 4))


class FunctionModel(LanguageModel):
    """A model whose text is a function of the request.

    Args:
        reply: Gets the request and the number of the completion, returns the text, or an error to raise.
        latency: Seconds that every call waits.
        scorer: Log-probability (nats) of a continuation after a prompt, spread over its tokens; None: cannot score.
        dialect: Which prompts it is given.
        counts: Whether it states exact token counts (a local tokenizer) or leaves the prompt bound to bytes.

    Attributes:
        requests: Every request it was asked, in order.
        scored: Every prompt and continuation it was asked to score, in order.
    """

    def __init__(
        self,
        reply: Callable[[SampleRequest, int], Reply],
        *,
        latency: float = 0.0,
        scorer: Callable[[str, str], float] | None = None,
        dialect: str = "compact",
        counts: bool = True,
        name: str = "scripted",
    ) -> None:
        self.name = name
        self.capabilities = Capabilities.model_validate(
            {"n": True, "seed": True, "stop": True, "usage": True, "score": scorer is not None, "dialect": dialect}
        )
        self.requests: list[SampleRequest] = []
        self.scored: list[tuple[str, str]] = []
        self._reply = reply
        self._latency = latency
        self._scorer = scorer
        self._counts = counts

    def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """The test rule over the joined contents, or None."""
        return count("".join(message.content for message in messages)) if self._counts else None

    async def sample(self, request: SampleRequest) -> Samples:
        """The function's texts, cut at ``max_tokens`` and at stop strings."""
        self.requests.append(request)
        if self._latency:
            await asyncio.sleep(self._latency)
        completions = tuple(self._completion(request, index) for index in range(request.n))
        usage = Usage(
            prompt_tokens=count(request.prompt),
            completion_tokens=sum(completion.tokens or 0 for completion in completions),
            calls=1,
        )
        return Samples(completions, usage)

    def _completion(self, request: SampleRequest, index: int) -> Completion:
        reply = self._reply(request, index)
        if isinstance(reply, ModelError):
            raise reply
        for stop in request.stop:
            reply = reply.split(stop)[0]
        if count(reply) > request.max_tokens:
            cut = reply.encode()[: 4 * request.max_tokens].decode(errors="ignore")
            return Completion(text=cut, finish_reason="length", tokens=request.max_tokens)
        return Completion(text=reply, tokens=count(reply))

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """The scorer's log-probability, one token per four bytes.

        Raises:
            ModelError: There is no scorer.
        """
        if self._scorer is None:
            return await super().score(prompt, continuation)
        text = prompt if isinstance(prompt, str) else "".join(message.content for message in prompt)
        self.scored.append((text, continuation))
        tokens = count(continuation)
        total = self._scorer(text, continuation)
        usage = Usage(prompt_tokens=count(text) + tokens, calls=1)
        offsets = tuple(min(4 * i, max(0, len(continuation) - 1)) for i in range(tokens))
        return TokenScores(logprobs=(total / tokens,) * tokens, offsets=offsets, usage=usage)


class ScriptedModel(FunctionModel):
    """A model that answers from a list, in order.

    Args:
        replies: Texts or errors, one per completion.
        repeat: Whether the last reply is given for ever; otherwise running out is an error.
        **options: As for :class:`FunctionModel`.
    """

    def __init__(self, replies: Iterable[Reply], *, repeat: bool = False, **options: object) -> None:
        self._replies = list(replies)
        self._given = 0
        self._repeat = repeat
        super().__init__(self._take, **options)  # type: ignore[arg-type]

    def _take(self, request: SampleRequest, index: int) -> Reply:
        if self._given >= len(self._replies):
            if not (self._repeat and self._replies):
                return ModelError(f"the script of {len(self._replies)} replies ran out at: {request.prompt[-200:]!r}")
            return self._replies[-1]
        self._given += 1
        return self._replies[self._given - 1]


__all__ = ["FunctionModel", "ScriptedModel", "count"]
