"""The final choice among the best plans, made on fresh scores where verifiers are noisy.

The best of several noisy scores is better than the plan that it belongs to. So the finalists are judged anew, with
draws that nothing was selected on, and what the fresh draws say decides. Their price is set aside while the chains
refine: otherwise a run that its budget ends could never pay for the second look.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from .chain import Chain, Judged
from .energy import difference
from .kernel import Kernel
from .ledger import Ledger, Usage


class FinalRule(BaseModel):
    """How the plan is chosen where verifiers are noisy; without noise the best energy decides.

    Attributes:
        shortlist: Plans per chain that are in question, the best by first impression.
        looks: Fresh judgements of each, added up; 0 lets the first impression decide.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    shortlist: int = Field(default=1, ge=1)
    looks: int = Field(default=1, ge=0)


def noisy(kernels: Sequence[Kernel]) -> bool:
    """Whether any verifier is noisy."""
    return any(len(kernel.exact) < len(kernel.verifiers) for kernel in kernels)


def finalists(chains: Sequence[Chain]) -> dict[int, list[Judged]]:
    """The plans in question by index of the chain, each plan once, by the first chain that holds it."""
    seen: set[str] = set()
    found: dict[int, list[Judged]] = {}
    for chain in sorted(chains, key=lambda chain: chain.index):
        for judged in (chain.best, *chain.finalists):
            if judged.plan.hash not in seen:
                seen.add(judged.plan.hash)
                found.setdefault(chain.index, []).append(judged)
    return found


def price(rule: FinalRule, kernels: Sequence[Kernel], chains: Sequence[Chain]) -> Usage:
    """What the second look is expected to cost at most: every finalist like the dearest of the drafts.

    Exact verdicts come from the cache, but each asking counts as a call. Nothing, where there will be only one plan in
    question or only the first impression counts.
    """
    most = len(chains) * rule.shortlist
    if not noisy(kernels) or rule.looks == 0 or most < 2:
        return Usage()
    dearest = Usage()
    for chain in chains:
        spent = sum((a.usage for a in chain.current.assessments), Usage())
        dearest = max(dearest, spent, key=lambda usage: usage.tokens)
    one = Usage(
        prompt_tokens=dearest.prompt_tokens,
        completion_tokens=dearest.completion_tokens,
        calls=dearest.calls,
        flops=dearest.flops,
        verifier_calls=max(len(kernel.verifiers) for kernel in kernels),
    )
    return sum((one for _ in range(most * rule.looks)), Usage())


def set_aside(ledger: Ledger, wanted: Usage) -> bool:
    """Adds to the ledger's reservation; False, and nothing changed, where it does not fit."""
    return wanted != Usage() and ledger.reserve(ledger.reserved + wanted)


def free(ledger: Ledger, held: Usage) -> None:
    """Takes back what :func:`set_aside` added, whatever was reserved besides."""
    kept = ledger.reserved
    names = ("prompt_tokens", "completion_tokens", "calls", "verifier_calls", "flops")
    ledger.reserve(kept.model_copy(update={n: max(0, getattr(kept, n) - getattr(held, n)) for n in names}))


async def second_look(
    rule: FinalRule, kernel: Kernel, chain: Chain, plans: Sequence[Judged], draw: int
) -> list[list[Judged]]:
    """Each plan judged anew, ``rule.looks`` times, by draws ``draw`` and up.

    Raises:
        BudgetExhausted: The next look does not fit.
        ModelError: A model could not answer.
    """
    return [
        [await kernel.judge(judged.plan, chain.anchor, draw + look) for look in range(rule.looks)] for judged in plans
    ]


def better(new: Sequence[Judged], old: Sequence[Judged]) -> bool:
    """Whether the looks at one plan add up to less energy than those at another."""
    return sum(difference(a.energy, b.energy) for a, b in zip(new, old, strict=True)) < 0


__all__ = ["FinalRule", "better", "finalists", "free", "noisy", "price", "second_look", "set_aside"]
