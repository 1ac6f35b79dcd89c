"""Money: what a run has spent (:class:`Ledger`) and what it may spend (:class:`Budget`).

One ledger counts everything, by role. A budget caps any of the counters and is never exceeded: before a call is
made its *worst case* is asked for with :meth:`Ledger.admit`, and what the answer needs is set aside before
refinement starts (:meth:`Ledger.reserve`). Units: tokens, calls, seconds, FLOPs (2 x parameters x tokens).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .errors import BudgetExhausted

Role = Literal["draft", "propose", "verify", "answer", "baseline", "probe"]


class Usage(BaseModel):
    """What something cost. Addition is field by field; ``estimated`` is sticky.

    Attributes:
        prompt_tokens: All prompt tokens, cached ones included.
        cached_prompt_tokens: Those of them that were served from a prefix cache.
        completion_tokens: Generated tokens.
        rejected_tokens: Completion tokens of proposals that were rejected (a part of ``completion_tokens``).
        calls: Requests that the model answered.
        retries: Requests that failed and were made again.
        verifier_calls: Assessments made (one verifier on one plan).
        verifier_seconds: Seconds spent inside verifiers, model time excluded.
        seconds: Wall seconds inside the model.
        flops: 2 x parameters x uncached tokens, 0 where the size is unknown.
        estimated: Whether some count was estimated because the endpoint did not report it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    completion_tokens: int = 0
    rejected_tokens: int = 0
    calls: int = 0
    retries: int = 0
    verifier_calls: int = 0
    verifier_seconds: float = 0.0
    seconds: float = 0.0
    flops: float = 0.0
    estimated: bool = False

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_prompt_tokens=self.cached_prompt_tokens + other.cached_prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            rejected_tokens=self.rejected_tokens + other.rejected_tokens,
            calls=self.calls + other.calls,
            retries=self.retries + other.retries,
            verifier_calls=self.verifier_calls + other.verifier_calls,
            verifier_seconds=self.verifier_seconds + other.verifier_seconds,
            seconds=self.seconds + other.seconds,
            flops=self.flops + other.flops,
            estimated=self.estimated or other.estimated,
        )


LIMITS = (
    "tokens",
    "prompt_tokens",
    "completion_tokens",
    "calls",
    "verifier_calls",
    "verifier_seconds",
    "seconds",
    "flops",
)


class Budget(BaseModel):
    """Caps on what a run may spend; None means uncapped.

    Attributes:
        tokens: Prompt plus completion tokens, all roles.
        prompt_tokens: Prompt tokens, cached ones included.
        completion_tokens: Completion tokens.
        calls: Language-model requests, retries included.
        verifier_calls: Assessments (one verifier on one plan).
        verifier_seconds: Seconds inside verifiers.
        seconds: Wall seconds of the whole run.
        flops: FLOPs, where the model's size is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    tokens: int | None = Field(default=None, ge=0)
    prompt_tokens: int | None = Field(default=None, ge=0)
    completion_tokens: int | None = Field(default=None, ge=0)
    calls: int | None = Field(default=None, ge=0)
    verifier_calls: int | None = Field(default=None, ge=0)
    verifier_seconds: float | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, ge=0)
    flops: float | None = Field(default=None, ge=0)

    def exceeded_by(self, spent: Usage, elapsed: float = 0.0) -> tuple[str, float, float] | None:
        """The first cap that ``spent`` passes, as (limit, wanted, cap), or None where all hold."""
        for limit in LIMITS:
            cap = getattr(self, limit)
            if cap is None:
                continue
            wanted = _measure(spent, limit, elapsed)
            if wanted > cap:
                return limit, wanted, cap
        return None


def _measure(usage: Usage, limit: str, elapsed: float) -> float:
    if limit == "seconds":
        return elapsed
    if limit == "calls":
        return usage.calls + usage.retries
    return float(getattr(usage, limit))


class Ledger:
    """Counts what a run spends and refuses what its budget cannot pay.

    Args:
        budget: The caps.
        clock: Seconds since some fixed point; injected so that tests and replays control time.
        parent: The ledger that this one is a share of; what is charged here is charged there too.

    The ledger is the run's single mutable account. ``admit`` and ``charge`` bracket every call: an admitted
    worst case is held until it is charged (or released), so calls in flight at once cannot overspend. That holds across
    shares too: what a share admits must also fit the ledger that it is a share of, and is seen by it while in flight.
    """

    def __init__(
        self,
        budget: Budget | None = None,
        *,
        clock: Callable[[], float] = lambda: 0.0,
        parent: Ledger | None = None,
    ) -> None:
        self.budget = budget or Budget()
        self._parent = parent
        self._clock = clock
        self._started = clock()
        self._by_role: dict[Role, Usage] = {}
        self._held: dict[int, Usage] = {}
        self._reserved = Usage()
        self._tickets = 0
        self._shares: list[Ledger] = []

    @property
    def spent(self) -> Usage:
        """Everything charged so far, all roles together."""
        return sum(self._by_role.values(), Usage())

    @property
    def by_role(self) -> Mapping[Role, Usage]:
        """What each role has been charged so far."""
        return dict(self._by_role)

    @property
    def elapsed(self) -> float:
        """Wall seconds since the ledger was opened."""
        return self._clock() - self._started

    @property
    def reserved(self) -> Usage:
        """What is set aside for the answer."""
        return self._reserved

    @property
    def held(self) -> Usage:
        """Worst cases of calls in flight, those of the shares included."""
        return sum((share.held for share in self._shares), sum(self._held.values(), Usage()))

    def shortfall(self, worst: Usage, *, use_reserve: bool = False) -> tuple[str, float, float] | None:
        """The cap that ``worst`` would pass if it were spent now, as (limit, wanted, cap), else None."""
        base = self.spent + self.held + worst
        if not use_reserve:
            base = base + self._reserved
        kept = 0.0 if use_reserve else self._reserved.seconds
        short = self.budget.exceeded_by(base, self.elapsed + kept)
        return short if short is not None or self._parent is None else self._parent.shortfall(worst)

    def fits(self, worst: Usage, *, use_reserve: bool = False) -> bool:
        """Whether a call with this worst case may be made."""
        return self.shortfall(worst, use_reserve=use_reserve) is None

    def reserve(self, worst: Usage) -> bool:
        """Sets ``worst`` aside in place of the present reservation; False (nothing changed) if it cannot."""
        if not self.fits(worst, use_reserve=True):
            return False
        self._reserved = worst
        return True

    def admit(self, worst: Usage, *, use_reserve: bool = False) -> int:
        """Holds the worst case of a call that is about to be made.

        Returns:
            A ticket for :meth:`charge` or :meth:`release`.

        Raises:
            BudgetExhausted: The worst case does not fit; the call must not be made.
        """
        short = self.shortfall(worst, use_reserve=use_reserve)
        if short is not None:
            limit, wanted, cap = short
            raise BudgetExhausted(
                f"the next call could bring {limit} to {wanted:g}, over the budget's {cap:g}", limit=limit
            )
        self._tickets += 1
        self._held[self._tickets] = worst
        return self._tickets

    def charge(self, role: Role, usage: Usage, *, ticket: int | None = None) -> None:
        """Adds what was really spent and frees what was held for it."""
        if ticket is not None:
            self._held.pop(ticket, None)
        self._by_role[role] = self._by_role.get(role, Usage()) + usage
        if self._parent is not None:
            self._parent.charge(role, usage)

    def share(self, parts: int) -> list[Ledger]:
        """Splits what is left, the reservation aside, into equal shares for chains that run side by side.

        Each chain decides within its own share, so that what it may do does not depend on how fast its neighbours are
        (as long as nothing else is spent from this ledger meanwhile). Wall seconds are not divided: they pass for all
        at once. New shares take the place of earlier ones: nothing may be in flight in those, and what they did not
        spend is back here.
        """
        used = self.spent + sum(self._held.values(), Usage()) + self._reserved
        caps: dict[str, float | None] = {}
        for limit in LIMITS:
            cap = getattr(self.budget, limit)
            if cap is None:
                continue
            if limit == "seconds":
                caps[limit] = max(0.0, cap - self.elapsed - self._reserved.seconds)
                continue
            left = max(0.0, cap - _measure(used, limit, 0.0)) / parts
            caps[limit] = int(left) if isinstance(cap, int) else left
        self._shares = [Ledger(Budget(**caps), clock=self._clock, parent=self) for _ in range(parts)]
        return list(self._shares)

    def check(self, worst: Usage, *, use_reserve: bool = False) -> None:
        """Raises if ``worst`` does not fit, holding nothing.

        Raises:
            BudgetExhausted: It does not fit.
        """
        self.release(self.admit(worst, use_reserve=use_reserve))

    def release(self, ticket: int) -> None:
        """Frees what was held for a call that was not made or cost nothing."""
        self._held.pop(ticket, None)
