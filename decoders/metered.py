"""The metered model: every call is admitted by the ledger, charged to a role and recorded.

Nothing in planneal calls a backend directly. A :class:`MeteredModel` is a language model like any other, bound to an
:class:`Account` (which ledger pays, which chain it is, where events go) and to a role.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from ..planner.errors import BudgetExhausted, ModelError
from ..planner.events import Bounded, Event, ModelCalled
from ..planner.ledger import Budget, Ledger, Role, Usage
from .base import LanguageModel, Message, SampleRequest, Samples, TokenScores, as_messages

_MOST_ATTEMPTS = 8
"""Requests that one call may make where nothing else limits it."""


class Account:
    """Who pays and who records, for one chain.

    Attributes:
        chain: Number of the chain, -1 for the run as a whole.
        ledger: The ledger that pays now; the loop replaces it by the chain's share every round.
    """

    def __init__(self, ledger: Ledger, chain: int = -1) -> None:
        self.chain = chain
        self.ledger = ledger
        self._events: list[Event] = []
        self._bounds: dict[str, int] = {}
        self._told: set[str] = set()
        self._seen: deque[tuple[str, int]] = deque(maxlen=32)

    def share_memory(self, other: Account) -> None:
        """Lets two accounts of one run learn token counts together."""
        self._seen = other._seen

    def learn(self, prompt: str, tokens: int) -> None:
        """Remembers how many tokens an endpoint counted for a prompt."""
        self._seen.append((prompt, tokens))

    def tighter(self, prompt: str, bound: int) -> int:
        """A tighter bound on a prompt's tokens from prompts seen before.

        If a known prompt of T tokens shares its beginning with this one, this one has at most T tokens for the shared
        part, one per byte for the rest (byte-level tokenizers merge, they never split), and a few for the seam.
        """
        for known, tokens in self._seen:
            shared = _shared(known, prompt)
            if 2 * shared > len(known):
                bound = min(bound, tokens + len(prompt[shared:].encode()) + 16)
        return bound

    def use(self, ledger: Ledger) -> None:
        """Lets another ledger (a share of the run's) pay from now on."""
        self.ledger = ledger

    def record(self, event: Event) -> None:
        """Keeps an event until the loop asks for it."""
        self._events.append(event)

    def bound(self, key: str, tokens: int) -> None:
        """Notes a token count that a decision may rest on, so that a replay can repeat it without a tokenizer."""
        if key not in self._told:
            self._told.add(key)
            self._bounds[key] = tokens

    def drain(self) -> list[Event]:
        """Hands over what piled up since the last time."""
        events, self._events = self._events, []
        if self._bounds:
            events.insert(0, Bounded(chain=self.chain, bounds=dict(sorted(self._bounds.items()))))
            self._bounds = {}
        return events


def prompt_key(messages: Sequence[Message]) -> str:
    """Sixteen hex digits that identify the messages."""
    canonical = json.dumps([[m.role, m.content] for m in messages], ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def score_key(messages: Sequence[Message], continuation: str) -> str:
    """What a scoring request is recorded, and served again in a replay, under."""
    both = (*messages, Message(role="assistant", content=continuation))
    return f"{prompt_key(messages)}:{prompt_key(both)}"


class MeteredModel(LanguageModel):
    """A model whose calls are admitted, charged and recorded.

    Args:
        inner: The backend.
        account: Who pays and who records.
        role: What the calls are for.
    """

    def __init__(self, inner: LanguageModel, account: Account, role: Role) -> None:
        self._inner = inner
        self._account = account
        self._role = role
        self.name = inner.name

    @property
    def capabilities(self) -> Any:  # type: ignore[override]  # what the backend has learnt by now
        """The backend's capabilities."""
        return self._inner.capabilities

    def for_role(self, role: Role) -> MeteredModel:
        """The same model on the same account in another role."""
        return MeteredModel(self._inner, self._account, role)

    def count_tokens(self, messages: Sequence[Message]) -> int | None:
        """The backend's exact count, noted for replays."""
        exact = self._inner.count_tokens(messages)
        if exact is not None:
            self._account.bound(prompt_key(messages), exact)
        return exact

    def prompt_bound(self, messages: Sequence[Message]) -> int:
        """The backend's bound; exact ones are noted for replays."""
        exact = self.count_tokens(messages)
        if exact is not None:
            return exact
        return self._account.tighter(_joined(messages), self._inner.prompt_bound(messages))

    def fits(self, request: SampleRequest) -> bool:
        """Whether the request's worst case fits what is left."""
        return self._account.ledger.fits(self.worst_case(request))

    async def sample(self, request: SampleRequest) -> Samples:
        """Draws completions within the budget.

        Raises:
            BudgetExhausted: The worst case does not fit; no call was made.
            ModelError: The model could not answer; what that cost is charged.
        """
        request = self._bounded(request)
        worst = self.bound(request)
        async with self._admitted(worst, "sample", request.key(), _shown(request)) as pay:
            samples = await self._inner.sample(request)
            spent = _within(samples.usage, worst)
            response = {
                "completions": [c.model_dump(mode="json", exclude_defaults=True) for c in samples],
                "notes": list(samples.notes),
            }
            pay(spent, response)
        if samples.usage.calls == 1 and not samples.usage.retries and not samples.usage.estimated:
            self._account.learn(_joined(request.messages), samples.usage.prompt_tokens)
        return Samples(samples.completions, spent, samples.notes)

    async def score(self, prompt: str | Sequence[Message], continuation: str) -> TokenScores:
        """Scores a continuation within the budget.

        Raises:
            BudgetExhausted: The worst case does not fit; no call was made.
            ModelError: The model could not answer.
        """
        messages = as_messages(prompt)
        key = score_key(messages, continuation)
        size = self.capabilities.parameters or 0
        tokens = self.prompt_bound(messages) + len(continuation.encode())
        worst = Usage(prompt_tokens=tokens, calls=1, flops=2.0 * size * tokens)
        request = {"messages": [m.model_dump() for m in messages], "continuation": continuation}
        async with self._admitted(worst, "score", key, request) as pay:
            scores = await self._inner.score(messages, continuation)
            pay(scores.usage, {"logprobs": list(scores.logprobs), "offsets": list(scores.offsets)})
        return scores

    @asynccontextmanager
    async def _admitted(
        self, worst: Usage, method: Literal["sample", "score"], key: str, request: dict[str, Any]
    ) -> AsyncIterator[Callable[[Usage, dict[str, Any]], None]]:
        """Holds a call's worst case while it is made; hands out what books and records its real cost.

        A failure is booked at what it may have cost: a call that was cut off (by a cap on seconds or a cancellation) at
        its worst case, since it may have been answered all the same.
        """
        ledger = self._account.ledger
        ticket = ledger.admit(worst)

        def pay(usage: Usage, response: dict[str, Any]) -> None:
            ledger.charge(self._role, usage, ticket=ticket)
            self._record(method, key, request, response, usage)

        try:
            async with asyncio.timeout(self._seconds_left()):
                yield pay
        except ModelError as error:
            usage = _within(error.usage, worst) if isinstance(error.usage, Usage) else Usage()
            ledger.charge(self._role, usage, ticket=ticket)
            self._record(method, key, request, None, usage, error)
            raise
        except TimeoutError:
            ledger.charge(self._role, _lost(worst), ticket=ticket)
            raise BudgetExhausted("the budget's seconds ran out during a call", limit="seconds") from None
        except asyncio.CancelledError:
            ledger.charge(self._role, _lost(worst), ticket=ticket)
            raise
        except BaseException:
            ledger.release(ticket)
            raise

    def out_of_scope(self, question: str) -> str | None:
        """The backend's word."""
        return self._inner.out_of_scope(question)

    def _bounded(self, request: SampleRequest) -> SampleRequest:
        """Allows as many attempts (retries, top-ups) as the budget could pay if every answer were lost."""
        ledger = self._account.ledger
        if ledger.budget == Budget():
            return request
        most = request.max_attempts or _MOST_ATTEMPTS
        if ledger.budget.calls is not None:
            used = ledger.spent.calls + ledger.spent.retries + ledger.reserved.calls
            most = min(most, max(1, ledger.budget.calls - used))
        clean = self._inner.worst_case(request).calls
        for attempts in range(max(most, clean), clean, -1):
            tried = request.model_copy(update={"max_attempts": attempts})
            if ledger.fits(self.bound(tried)):
                return tried
        return request.model_copy(update={"max_attempts": clean})

    def bound(self, request: SampleRequest) -> Usage:
        """The backend's bound, lost answers included, no looser than what was learnt of prompts allows."""
        worst, outer, clean = self.worst_case(request), self._inner.bound(request), self._inner.worst_case(request)
        spare = max(0, outer.prompt_tokens - clean.prompt_tokens)
        return outer.model_copy(update={"prompt_tokens": worst.prompt_tokens + spare})

    def _seconds_left(self) -> float | None:
        ledger = self._account.ledger
        return None if ledger.budget.seconds is None else max(0.0, ledger.budget.seconds - ledger.elapsed)

    def _record(
        self,
        method: Literal["sample", "score"],
        key: str,
        request: dict[str, Any],
        response: dict[str, Any] | None,
        usage: Usage,
        error: ModelError | None = None,
    ) -> None:
        self._account.record(
            ModelCalled(
                role=self._role,
                chain=self._account.chain,
                method=method,
                key=key,
                request=request,
                response=response,
                error=str(error) if error is not None else None,
                error_type=type(error).__name__ if error is not None else None,
                usage=usage,
            )
        )


def _lost(worst: Usage) -> Usage:
    """What a call is charged whose answer never came: it may have been generated all the same."""
    return worst.model_copy(update={"calls": 0, "retries": max(1, worst.calls), "estimated": True})


def _within(usage: Usage, worst: Usage) -> Usage:
    """Estimates (of lost answers) are no higher than what was admitted, which knew the prompt better."""
    if not usage.estimated:
        return usage
    return usage.model_copy(
        update={
            "prompt_tokens": min(usage.prompt_tokens, worst.prompt_tokens),
            "completion_tokens": min(usage.completion_tokens, worst.completion_tokens),
        }
    )


def _shared(a: str, b: str) -> int:
    """Length of the common beginning of two texts, by bisection over slices."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if a[:middle] == b[:middle] else (low, middle - 1)
    return low


def _joined(messages: Sequence[Message]) -> str:
    return "\x00".join(f"{message.role}\x01{message.content}" for message in messages)


def _shown(request: SampleRequest) -> dict[str, Any]:
    return request.model_dump(mode="json", exclude_defaults=True, exclude={"max_attempts"})
