"""Trying again: when, how often, how long to wait, and within which bound on what it may cost.

Only what can pass is tried again. Waits grow exponentially with jitter up to a cap; an endpoint that says how long
to wait is believed, unless that is longer than the patience left, and then giving up at once is the honest answer.

**Lost answers.** A refused request (429, 5xx, no connection) costs nothing. A timeout, a dropped connection or a
body cut short may have been generated and billed, so it is charged its worst case, marked as estimated. Such a
charge must not pass a budget unseen; therefore a sample with ``max_attempts`` has a bound, :func:`spending_bound`,
and a request whose worst case no longer fits it is not made.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from ..planner.ledger import Usage
from .faults import Failure

ReplyT = TypeVar("ReplyT")


@dataclass(frozen=True)
class RetryPolicy:
    """How persistent to be.

    Attributes:
        attempts: Requests for one answer, the first included.
        bad_attempts: Of these, how many may end in a body that is not a completion before giving up.
        base: Seconds of the first wait; each later one doubles.
        cap: Longest wait in seconds that the backoff asks for by itself.
        patience: Seconds that may be spent waiting between the attempts for one answer, all waits together.
        sleep: Waits; injected by tests.
        clock: Monotonic seconds.
        wall: Seconds since the epoch, for ``Retry-After`` dates.
        jitter: Uniform draws from [0, 1).
    """

    attempts: int = 4
    bad_attempts: int = 2
    base: float = 0.5
    cap: float = 20.0
    patience: float = 120.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    jitter: Callable[[], float] = field(default_factory=lambda: random.Random().random)

    def delay(self, failure: Failure, failures: int) -> float:
        """Seconds to wait after the ``failures``-th failure (from 1).

        ``min(cap, base 2^(failures - 1))`` times a draw from [0.5, 1); what the endpoint asked for plus up to a
        tenth of it, so that chains which were turned away together do not come back together.
        """
        if failure.learned is not None:
            return 0.0
        if failure.retry_after is not None:
            return failure.retry_after * (1 + 0.1 * self.jitter())
        grown = min(self.cap, self.base * 2.0 ** min(failures - 1, 60))
        return grown * (0.5 + 0.5 * self.jitter())


def spending_bound(clean: Usage, whole: Usage, max_attempts: int) -> Usage:
    """The most that a sample with ``max_attempts`` may cost: each attempt beyond the clean ones may be lost.

    Args:
        clean: Cost when every request succeeds at once.
        whole: Worst case of one request for all choices, which is what a lost one is charged.
        max_attempts: Requests that may be made.
    """
    spare = max(0, max_attempts - clean.calls)
    return Usage(
        prompt_tokens=clean.prompt_tokens + spare * whole.prompt_tokens,
        completion_tokens=clean.completion_tokens + spare * whole.completion_tokens,
        calls=max(clean.calls, max_attempts),
        flops=clean.flops + spare * whole.flops,
    )


class Effort:
    """What one sample has spent and may still do; lives for that sample only.

    Requests in flight are held at their worst case, so that top-ups side by side keep within the bound too.
    """

    def __init__(self, *, max_attempts: int | None, bound: Usage | None) -> None:
        self.usage = Usage()
        self.made = 0
        self._max_attempts = max_attempts
        self._bound = bound
        self._held = Usage()

    def veto(self, worst: Usage) -> str | None:
        """Why a request with this worst case may not be made, None where it may."""
        if self._max_attempts is not None and self.made >= self._max_attempts:
            return f"max_attempts={self._max_attempts} allows no more"
        if self._bound is not None:
            then = self.usage + self._held + worst
            over = (
                then.prompt_tokens > self._bound.prompt_tokens or then.completion_tokens > self._bound.completion_tokens
            )
            if over:
                return f"another request could pass what max_attempts={self._max_attempts} may cost"
        return None

    def begin(self, worst: Usage) -> None:
        """Counts a request that is about to be made."""
        self.made += 1
        self._held = self._held + worst

    def end(self, worst: Usage, cost: Usage) -> None:
        """Takes in what the request really cost."""
        self._held = Usage(
            prompt_tokens=self._held.prompt_tokens - worst.prompt_tokens,
            completion_tokens=self._held.completion_tokens - worst.completion_tokens,
        )
        self.usage = self.usage + cost


async def persist(
    attempt: Callable[[], Awaitable[ReplyT | Failure]],
    policy: RetryPolicy,
    veto: Callable[[], str | None] = lambda: None,
) -> ReplyT | Failure:
    """Makes an attempt until it brings a reply (anything but a failure), a failure that cannot pass, or reason to stop.

    Args:
        attempt: One request.
        policy: How persistent to be.
        veto: Why no other request may be made just now, None where it may.

    Returns:
        The reply, or the last failure; its message says why no further attempt was made.
    """
    failed = {"counted": 0, "bad": 0}
    given_up: list[str] = []

    def outcome(state: RetryCallState) -> Failure:
        assert state.outcome is not None
        result = state.outcome.result()
        assert isinstance(result, Failure)
        return result

    def passes(result: ReplyT | Failure) -> bool:
        if not isinstance(result, Failure) or result.final:
            return False
        if result.learned is not None:
            return True
        failed["counted"] += 1
        failed["bad"] += result.kind == "bad"
        return result.kind != "refused"

    def wait(state: RetryCallState) -> float:
        return policy.delay(outcome(state), failed["counted"])

    def stop(state: RetryCallState) -> bool:
        reason = _give_up(outcome(state), state.upcoming_sleep, state.idle_for, failed, policy) or veto()
        if reason is not None:
            given_up.append(reason)
        return reason is not None

    def last(state: RetryCallState) -> Failure:
        failure = outcome(state)
        tries = f"{state.attempt_number} request" + "s" * (state.attempt_number > 1)
        return replace(failure, message=f"{failure.message}; gave up after {tries}: {given_up[-1]}")

    retrying = AsyncRetrying(
        retry=retry_if_result(passes), wait=wait, stop=stop, sleep=policy.sleep, retry_error_callback=last
    )
    return await retrying(attempt)


def _give_up(
    failure: Failure, upcoming: float, waited: float, failed: dict[str, int], policy: RetryPolicy
) -> str | None:
    if failure.learned is not None:
        return None
    if failed["counted"] >= policy.attempts:
        return f"the limit is {policy.attempts} attempts"
    if failure.kind == "bad" and failed["bad"] >= policy.bad_attempts:
        return f"the limit is {policy.bad_attempts} answers of this kind"
    if waited + upcoming > policy.patience:
        left = max(0.0, policy.patience - waited)
        asked = "the endpoint asks to wait" if failure.retry_after is not None else "the next wait is"
        return f"{asked} {upcoming:.0f} s, longer than the {left:.0f} s of patience left"
    return None
