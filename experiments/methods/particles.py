"""Particle filtering over plan items: plans grow line by line, and the better a beginning is judged the more go on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...allowance import Allowance
from ...decoders.base import LanguageModel, Message
from ...decoders.metered import Account
from ...planner.errors import BudgetTooSmall
from ...planner.ledger import Budget, Usage
from ...planner.notation import format_plan
from ...planner.plan import MAX_ITEMS, Plan
from ...proposers import read_draft
from ...proposers.structural import tidied
from ...settings import Settings
from .asking import Seat
from .base import Answered, Case, Method
from .direct import Direct
from .judging import Judge
from .plans import answer_from, judges, pipeline_of

__all__ = ["ParticleFilter", "systematic"]

_LINE = 72
"""Completion tokens of one line of a plan."""


@dataclass(frozen=True)
class _Particle:
    """A plan's beginning.

    Attributes:
        text: Its lines so far.
        weight: How good it is, relative to the others.
        done: Whether the model has ended it.
    """

    text: str = ""
    weight: float = 1.0
    done: bool = False


def systematic(rng: np.random.Generator, weights: Sequence[float]) -> list[int]:
    """Systematic resampling: as many places as there are weights, each on average in proportion to its weight.

    One uniform draw u gives the points (i + u) / n; the k-th place is taken as often as points fall on its share of the
    cumulated weights, so that its count differs from n times its share by less than one (Kitagawa 1996).

    Args:
        rng: Source of the one draw.
        weights: Not negative; all alike where they sum to nothing.
    """
    count = len(weights)
    share = np.asarray(weights, dtype=float)
    share = share / share.sum() if share.sum() > 0 and np.isfinite(share.sum()) else np.full(count, 1.0 / count)
    points = (np.arange(count) + rng.random()) / count
    return [int(i) for i in np.minimum(np.searchsorted(np.cumsum(share), points), count - 1)]


class ParticleFilter(Method):
    """Inference-time particle filtering (Puri et al. 2025, arXiv 2502.01618) with plan items as steps.

    Each particle is a plan's beginning; every round each unfinished one grows by a line, is weighted by
    ``exp(-energy / temperature)`` under planneal's verifiers, and all are resampled in proportion. The best finished
    plan under the same energy is answered from. The number of particles is what the budget can surely pay for.

    Args:
        most: Most particles.
        weighting: Temperature of the weights, in units of energy.
        temperature: Sampling temperature of lines.
        settings: As for planneal.
    """

    name = "particle-filter"
    about = "plans grown item by item, resampled by the same verifiers"

    def __init__(
        self, most: int = 16, weighting: float = 0.5, temperature: float = 0.8, settings: Settings | None = None
    ) -> None:
        self.most, self.weighting, self.temperature = most, weighting, temperature
        self.settings = settings or Settings()

    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Grows, weighs and resamples until every particle has ended or the budget is spent."""
        seat = Seat(model, budget)
        try:
            allowed = Allowance(pipeline_of(seat, case, self.settings), case.task, seat.ledger, Account(seat.ledger))
        except BudgetTooSmall:
            return await Direct().answer(case, model, budget, rng)
        allowed.affordable(1)
        judge = Judge(seat, case, judges(seat, case, self.settings), self.settings)
        particles = [_Particle() for _ in range(self._affordable(seat, case))]
        rounds = 0
        while rounds < MAX_ITEMS and any(not particle.done for particle in particles):
            grown = await self._grown(seat, case, rng, particles)
            if grown is None:
                break
            particles = [await self._weighed(judge, case, particle) for particle in grown]
            chosen = systematic(rng, [particle.weight for particle in particles])
            particles = [particles[i] for i in chosen]
            rounds += 1
        seat.ledger.reserve(Usage())
        best = await self._best(seat, case, particles)
        value, text = await answer_from(seat, case, best, self.settings, rng, allowed.answer_tokens)
        notes = {"particles": len(particles), "rounds": rounds, "ended": sum(p.done for p in particles)}
        return Answered(value, seat.ledger, text=text, plan=format_plan(best), stop=seat.stop or "done", notes=notes)

    def _affordable(self, seat: Seat, case: Case) -> int:
        """Particles whose whole growth surely fits, each round paying for the prompt again; at least one."""
        left = seat.ledger.budget.tokens
        if left is None:
            return self.most
        prompt = seat.model.prompt_bound(self._prompt(seat, case, ""))
        left -= seat.ledger.spent.tokens + seat.ledger.reserved.tokens
        rounds = 12
        return max(1, min(self.most, left // (rounds * (prompt + rounds * _LINE // 4 + _LINE // 2))))

    def _prompt(self, seat: Seat, case: Case, text: str) -> tuple[Message, ...]:
        """The prompt of the next line."""
        messages = tuple(seat.prompts.render("draft", question=case.task.question, locked=""))
        if seat.model.capabilities.dialect == "compact":
            return (*messages[:-1], Message(role=messages[-1].role, content=messages[-1].content + text))
        if not text:
            return messages
        go_on = "Go on with the next line of this plan, or write nothing if it is complete."
        return (*messages, Message(role="assistant", content=text), Message(role="user", content=go_on))

    async def _grown(
        self, seat: Seat, case: Case, rng: np.random.Generator, particles: Sequence[_Particle]
    ) -> list[_Particle] | None:
        """Every unfinished particle with one more line; None where the budget does not pay for all of them.

        Particles with the same text share one request.
        """
        alike: dict[str, list[int]] = {}
        for place, particle in enumerate(particles):
            if not particle.done:
                alike.setdefault(particle.text, []).append(place)
        grown = list(particles)
        for text, places in alike.items():
            made = await seat.ask(
                self._prompt(seat, case, text),
                int(rng.integers(2**31)),
                most=_LINE,
                least=_LINE,
                n=len(places),
                temperature=self.temperature,
                stop=("\n",),
                role="draft",
            )
            if len(made) < len(places):
                seat.stop = seat.stop or "tokens"
                return None
            for place, completion in zip(places, made, strict=True):
                line = completion.text.strip("\n")
                over = not line.strip()
                grown[place] = replace(particles[place], text=text + ("" if over else f"{line}\n"), done=over)
        return grown

    async def _weighed(self, judge: Judge, case: Case, particle: _Particle) -> _Particle:
        judged = await judge.judge(self._plan(case, particle.text))
        if judged is None:
            return particle
        energy = judged.energy.total
        weight = math.exp(-min(energy, 700.0 * self.weighting) / self.weighting) if math.isfinite(energy) else 0.0
        return replace(particle, weight=weight)

    def _plan(self, case: Case, text: str) -> Plan:
        return tidied(read_draft(case.task, text).plan)

    async def _best(self, seat: Seat, case: Case, particles: Sequence[_Particle]) -> Plan:
        """The best plan among those that have ended, or among all where none has."""
        ended = [particle for particle in particles if particle.done] or list(particles)
        final = Judge(seat, case, judges(seat, case, self.settings), self.settings)
        plans = [self._plan(case, text) for text in dict.fromkeys(particle.text for particle in ended)]
        for plan in plans:
            await final.judge(plan)
        return final.best.plan if final.best is not None else plans[0]
