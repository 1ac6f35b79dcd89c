"""The last stage of a step: a judge compares the proposed plan with the incumbent, not knowing which is which."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .chain import Chain, Judged, StepInfo
from .comparison import Contest, PairwiseVerifier, hear
from .energy import difference
from .errors import ConfigError
from .ledger import Usage
from .plan import Plan
from .task import Task
from .verifier import Verifier


def only(verifiers: Sequence[Verifier]) -> PairwiseVerifier | None:
    """The one verifier that compares plans, None where there is none.

    Raises:
        ConfigError: There are several; their words would have to be weighed against each other.
    """
    found = [verifier for verifier in verifiers if isinstance(verifier, PairwiseVerifier)]
    if len(found) > 1:
        raise ConfigError(f"only one judge may compare plans, not {', '.join(v.name for v in found)}")
    return found[0] if found else None


@dataclass(frozen=True)
class Umpire:
    """Asks the judge, pays for it and applies its word.

    Attributes:
        judge: The judge.
        task: The task.
        weight: Energy per nat of log-odds.
        clock: Seconds, injected.
        admit: Raises ``BudgetExhausted`` where a comparison does not fit.
        charge: Books what it cost.
    """

    judge: PairwiseVerifier
    task: Task
    weight: float
    clock: Callable[[], float]
    admit: Callable[[Usage], None]
    charge: Callable[[Usage], None]

    async def compare(
        self, plan: Plan, other: Plan, *, temperature: float = 0.0, draw: int = 0, u: float = 0.5
    ) -> Contest:
        """The judge's word on two plans, told from the first one's side.

        Args:
            plan: The plan that the comparison speaks for where its log-odds are positive.
            other: The plan it is compared with.
            temperature: In units of energy.
            draw: Number of the draw.
            u: Uniform draw that the probability of acceptance is compared with.

        Raises:
            BudgetExhausted: Asking does not fit.
        """
        self.admit(Usage(verifier_calls=1))
        heard = await hear(self.judge, self.task, plan, other, draw=draw, clock=self.clock)
        self.charge(Usage(verifier_seconds=heard.seconds, verifier_calls=1))
        said = heard.comparison
        chance = math.nan if said is None else said.probability(self.weight, temperature)
        return Contest(self.judge.name, said, heard.abstained, chance, u)

    async def decide(self, rng: np.random.Generator, info: StepInfo, incumbent: Plan) -> StepInfo:
        """Lets the judge confirm or refuse an acceptance, on a draw of its own.

        Where it gives no word it is left out, like any verifier that abstains: the energy alone decides, but only for
        what it prefers. Taking what it merely does not mind would be a random walk for as long as the judge is away.

        Raises:
            BudgetExhausted: Asking does not fit.
        """
        if not info.accepted or info.new is None:
            return info
        u, draw = float(rng.uniform(np.finfo(float).tiny, 1.0)), int(rng.integers(2**32))
        contest = await self.compare(info.new.plan, incumbent, temperature=info.temperature, draw=draw, u=u)
        info = replace(info, contest=contest)
        if contest.comparison is None:
            if info.delta < 0:
                return info
            reason = f"{contest.judge} gave no word ({contest.abstained}) and the energy does not prefer it"
            return replace(info, decision="undecided", reason=reason)
        if u < contest.probability:
            return info
        reason = f"taken with probability {contest.probability:.2f}: {contest.comparison.detail}"
        return replace(info, decision="lost", reason=reason)

    def better(self, new: Judged, gain: float, old: Judged) -> bool:
        """Whether a plan that is stronger by ``gain`` nats is the better one, its energy counted in."""
        return difference(new.energy, old.energy) - self.weight * gain < 0

    async def prefers(self, new: Judged, old: Judged) -> bool:
        """Whether a plan is better than one that it was never compared with, such as one of another chain.

        Raises:
            BudgetExhausted: Asking does not fit.
        """
        contest = await self.compare(new.plan, old.plan)
        return self.better(new, contest.gain, old)


def advanced(chain: Chain, info: StepInfo, umpire: Umpire | None) -> tuple[bool, float]:
    """Whether an accepted plan is the chain's best, and its standing: strength relative to the chain's draft, nats."""
    assert info.new is not None
    if umpire is None:
        return difference(info.new.energy, chain.best.energy) < 0, 0.0
    standing = chain.standing + (info.contest.gain if info.contest is not None else 0.0)
    return umpire.better(info.new, standing - chain.best_standing, chain.best), standing


__all__ = ["Umpire", "advanced", "only"]
