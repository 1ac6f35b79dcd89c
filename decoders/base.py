"""The language-model seam: what planneal asks of a model, and what a model says of itself.

A backend implements two methods, :meth:`LanguageModel.sample` and (where it can) :meth:`LanguageModel.score`;
all accounting, budgeting and recording happens outside, in :mod:`planneal.decoders.metered`.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

from pydantic import BaseModel, ConfigDict, Field

from ..planner.ledger import Usage

FinishReason = Literal["stop", "length", "other"]


class Message(BaseModel):
    """One chat message: a role (``system``, ``user``, ``assistant``) and its text."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    role: Literal["system", "user", "assistant"]
    content: str


def as_messages(prompt: str | Sequence[Message]) -> tuple[Message, ...]:
    """A prompt as messages: a string is a single user message."""
    return (Message(role="user", content=prompt),) if isinstance(prompt, str) else tuple(prompt)


class SampleRequest(BaseModel):
    """One request for completions. Only fields that are set are sent to an endpoint.

    Attributes:
        messages: The chat messages; backends without a chat template join their contents.
        n: How many completions are wanted, all from the same prompt.
        temperature: Sampling temperature; 0 is greedy; None leaves the backend's default.
        max_tokens: Upper bound on completion tokens, per completion.
        stop: Strings that end a completion; they are never part of the returned text.
        seed: Seed of the draw. Backends that cannot honour it still carry it, so that records stay unique.
        logprobs: Whether per-token log-probabilities (nats) are wanted.
        top_logprobs: How many alternatives per token are wanted beside the chosen one.
        allowed_citations: Item ids that a constrained decoder may cite; None means unconstrained.
        max_attempts: Requests that may be made for this, retries and top-ups included; None leaves the
            backend's own bound. It limits effort, not content, so it is no part of :meth:`key`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    messages: tuple[Message, ...] = Field(min_length=1)
    n: int = Field(default=1, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    max_tokens: int = Field(default=256, ge=1)
    stop: tuple[str, ...] = ()
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int = Field(default=0, ge=0, le=20)
    allowed_citations: tuple[str, ...] | None = None
    max_attempts: int | None = Field(default=None, ge=1)

    @classmethod
    def of(cls, prompt: str | Sequence[Message], **fields: Any) -> SampleRequest:
        """Builds a request from one prompt string (a single user message) or from messages."""
        return cls(messages=as_messages(prompt), **fields)

    @property
    def prompt(self) -> str:
        """The message contents joined without separators: the prompt of a plain (template-free) model."""
        return "".join(message.content for message in self.messages)

    def key(self) -> str:
        """SHA-256 of the canonical JSON: equal requests, equal keys (the seed is part of it)."""
        content = self.model_dump(mode="json", exclude={"max_attempts"})
        canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class TokenLogprob(BaseModel):
    """A generated token with its log-probability in nats and, where asked for, the alternatives."""

    model_config = ConfigDict(frozen=True)
    token: str
    logprob: float
    top: dict[str, float] = Field(default_factory=dict)


class Completion(BaseModel):
    """One completion.

    Attributes:
        text: The text, without the stop string.
        finish_reason: ``stop`` (end token or stop string), ``length`` (max_tokens reached), ``other``.
        tokens: Completion tokens of this completion, None where the endpoint does not say per choice.
        logprobs: Per-token log-probabilities in nats, None where not asked for or not available.
    """

    model_config = ConfigDict(frozen=True)
    text: str
    finish_reason: FinishReason = "stop"
    tokens: int | None = None
    logprobs: tuple[TokenLogprob, ...] | None = None


class TokenScores(BaseModel):
    """Log-probabilities of a given continuation.

    Attributes:
        logprobs: One entry per continuation token, nats.
        offsets: Character offset in the continuation at which each token starts.
        usage: What the scoring pass cost.
    """

    model_config = ConfigDict(frozen=True)
    logprobs: tuple[float, ...]
    offsets: tuple[int, ...]
    usage: Usage = Usage()

    @property
    def total(self) -> float:
        """Sum of the log-probabilities, nats (0 for an empty continuation)."""
        return float(sum(self.logprobs))


@dataclass(frozen=True)
class Samples(Sequence[Completion]):
    """The completions of one request, with what they cost together.

    Attributes:
        completions: The completions, exactly ``request.n`` of them.
        usage: Tokens, calls and retries that the request cost in all.
        notes: What the backend had to make up for, for instance ``n ignored: 3 extra calls``.
    """

    completions: tuple[Completion, ...]
    usage: Usage
    notes: tuple[str, ...] = field(default=())

    @overload
    def __getitem__(self, index: int) -> Completion: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Completion]: ...
    def __getitem__(self, index: int | slice) -> Completion | Sequence[Completion]:
        return self.completions[index]

    def __len__(self) -> int:
        return len(self.completions)

    def __iter__(self) -> Iterator[Completion]:
        return iter(self.completions)


class Capabilities(BaseModel):
    """What a backend states about itself; ``None`` means unknown until probed.

    Attributes:
        n: Several completions from one request.
        seed: The same seed gives the same draw.
        stop: Stop strings end a completion and are left out of it.
        logprobs: Per-token log-probabilities of sampled tokens.
        score: :meth:`LanguageModel.score` works.
        usage: The endpoint reports token usage.
        constrained_citations: ``allowed_citations`` is enforced while decoding.
        dialect: Which prompts suit the model: ``chat`` or ``compact``.
        parameters: Number of parameters where known, for FLOPs.
        context: Context window in tokens where known.
    """

    model_config = ConfigDict(frozen=True)
    n: bool | None = None
    seed: bool | None = None
    stop: bool | None = None
    logprobs: bool | None = None
    score: bool = False
    usage: bool | None = None
    constrained_citations: bool = False
    dialect: Literal["chat", "compact"] = "chat"
    parameters: int | None = None
    context: int | None = None


class LanguageModel(ABC):
    """An existing language model behind two methods; the rest is derived.

    Implementations must be safe to call from several chains at once on one event loop, must return exactly
    ``request.n`` completions (making up for endpoints that return fewer), must strip stop strings, and must
    raise only :class:`~planneal.planner.errors.ModelError` (or let ``CancelledError`` through).
    """

    name: str
    capabilities: Capabilities

    @abstractmethod
    async def sample(self, request: SampleRequest) -> Samples:
        """Draws ``request.n`` completions.

        Raises:
            ModelError: The model could not answer (see the error tree).
        """

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """Log-probability of each token of ``continuation`` after ``prompt``, nats.

        Raises:
            ModelError: The backend cannot score (check ``capabilities.score`` first).
        """
        from ..planner.errors import ModelError

        raise ModelError(f"{self.name} cannot score text; use a local model (hf/..., embedded) for that")

    def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """Exact prompt tokens of the messages, template included; None where no tokenizer is at hand."""
        return None

    def prompt_bound(self, messages: Sequence[Message]) -> int:
        """An upper bound on prompt tokens: the exact count, else UTF-8 bytes plus 16 per message.

        A byte-level tokenizer never makes more tokens than there are bytes, and chat templates add a few
        tokens per message; so the bound is safe where the count is unknown.
        """
        exact = self.count_tokens(messages)
        if exact is not None:
            return exact
        return sum(len(message.content.encode()) + 16 for message in messages) + 16

    def worst_case(self, request: SampleRequest) -> Usage:
        """The most that one :meth:`sample` of this request can cost when every call succeeds at once."""
        prompt = self.prompt_bound(request.messages)
        calls = 1 if self.capabilities.n else request.n
        completion = request.n * request.max_tokens
        flops = 2.0 * (self.capabilities.parameters or 0) * (prompt * calls + completion)
        return Usage(prompt_tokens=prompt * calls, completion_tokens=completion, calls=calls, flops=flops)

    def bound(self, request: SampleRequest) -> Usage:
        """The most that one :meth:`sample` can cost, lost answers and retries within ``max_attempts`` included."""
        return self.worst_case(request)

    def out_of_scope(self, question: str) -> str | None:
        """Why this model should not be asked this question, or None where it may be asked anything."""
        return None

    async def aclose(self) -> None:  # noqa: B027 - most backends hold nothing open
        """Releases connections or memory."""
