"""A model that answers from a trace: what was recorded, in the order in which each request was made."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Sequence

from ..planner import errors
from ..planner.errors import ModelError, TraceError
from ..planner.events import Bounded, Event, ModelCalled, RunStarted
from .base import Capabilities, Completion, LanguageModel, Message, SampleRequest, Samples, TokenScores, as_messages
from .metered import prompt_key, score_key


class ReplayModel(LanguageModel):
    """Serves the completions, scores, errors and token counts of a recorded run; never calls anything.

    Args:
        events: The events of the trace, header included.

    Raises:
        TraceError: The events do not start with a header.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self._calls: dict[tuple[str, str], deque[ModelCalled]] = defaultdict(deque)
        self._bounds: dict[str, int] = {}
        head: RunStarted | None = None
        for event in events:
            if isinstance(event, RunStarted):
                head = head or event
            elif isinstance(event, ModelCalled):
                self._calls[event.method, event.key].append(event)
            elif isinstance(event, Bounded):
                self._bounds.update(event.bounds)
        if head is None:
            raise TraceError("the trace does not start with a run_started event")
        self.name = head.model
        self.capabilities = Capabilities.model_validate(dict(head.capabilities))

    def _next(self, method: str, key: str) -> ModelCalled:
        waiting = self._calls.get((method, key))
        if not waiting:
            raise TraceError(f"the replay asks for a {method} call that the trace does not hold (key {key[:16]})")
        call = waiting.popleft()
        if call.response is None:
            kind = getattr(errors, call.error_type or "", ModelError)
            error: ModelError = kind(call.error or "recorded failure")
            error.usage = call.usage
            raise error
        return call

    async def sample(self, request: SampleRequest) -> Samples:
        """The recorded completions of this very request.

        Raises:
            TraceError: The trace holds no such call (left).
            ModelError: The call failed when it was recorded.
        """
        call = self._next("sample", request.key())
        response = call.response or {}
        completions = tuple(Completion.model_validate(entry) for entry in response["completions"])
        return Samples(completions, call.usage, tuple(response.get("notes", ())))

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """The recorded scores of this very prompt and continuation."""
        call = self._next("score", score_key(as_messages(prompt), continuation))
        response = call.response or {}
        return TokenScores(
            logprobs=tuple(response["logprobs"]), offsets=tuple(response["offsets"]), usage=call.usage
        )

    def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """The count that was noted when the trace was made."""
        return self._bounds.get(prompt_key(messages))

    @property
    def left(self) -> int:
        """Recorded calls that were not asked for."""
        return sum(len(waiting) for waiting in self._calls.values())
