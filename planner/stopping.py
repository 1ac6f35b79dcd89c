"""When to stop: solved, converged, or too little hope. Pure functions of a chain's state.

The budget, an interruption and a broken endpoint are told by what raises; here is what the verdicts themselves say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .chain import Chain, Judged, outcomes
from .graph import closure, goal_roots
from .witnesses import GOAL, Doubtful

StopReason = Literal[
    "solved", "budget", "max_steps", "converged", "no_hope", "no_proposals", "endpoint", "interrupted"
]


class StopRule(BaseModel):
    """Thresholds of the stopping rules.

    Attributes:
        max_steps: Most steps per chain.
        when_solved: Stop all chains as soon as one is solved.
        kl: Threshold in nats on the mean Kullback-Leibler divergence between verdict distributions ``window`` steps
            apart; None switches the rule off.
        window: Steps between the compared distributions.
        least_chance: Stop when the 95% upper bound on the chance that a step improves, 3/m after m steps without
            improvement (rule of three, Hanley and Lippman-Hand 1983), falls below this; 0 switches it off.
        idle: Stop after this many steps in a row without any proposal.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    max_steps: int = Field(default=48, ge=0)
    when_solved: bool = True
    kl: float | None = Field(default=None, ge=0)
    window: int = Field(default=8, ge=1)
    least_chance: float = Field(default=0.1, ge=0, le=1)
    idle: int = Field(default=3, ge=1)


def solved(judged: Judged, exact: frozenset[str]) -> bool:
    """Whether every demand is verified: the goal passes, nothing hard is violated, nothing it rests on fails.

    At least one exact verifier must have passed the goal, and for every locked item one that decides its kind must
    have passed it; ``unknown`` and abstentions are not passes. Where the goal names no target, those that read targets
    have nothing to say of it, and their ``unknown`` leaves the word to others (unit tests, say). What the goal rests on
    must not be doubted by a noisy verifier either.
    """
    plan = judged.plan
    if judged.energy.violated or not exact:  # nothing is established without an exact verifier
        return False
    hard = {GOAL, *(item.id for item in plan.locked)}
    resting = set(closure(plan, [*goal_roots(plan), *(item.id for item in plan.locked)]))
    reached = False
    unverified = {item.id for item in plan.locked}
    for assessment in judged.assessments:
        for item_id, verdict in assessment.verdicts.items():
            if assessment.verifier in exact:
                if item_id == GOAL and verdict.outcome == "unknown" and plan.target is None:
                    continue
                if item_id in hard and verdict.outcome != "pass":
                    return False
                if item_id in resting and verdict.outcome == "fail":
                    return False
                reached = reached or (item_id == GOAL and verdict.outcome == "pass")
                if item_id in unverified and verdict.outcome == "pass" and assessment.decided(plan[item_id]):
                    unverified.discard(item_id)
            elif item_id in resting | {GOAL} and any(isinstance(w, Doubtful) for w in verdict.witnesses):
                return False
    return reached and not unverified


def divergence(new: Mapping[str, Mapping[str, float]], old: Mapping[str, Mapping[str, float]]) -> float:
    r"""Mean KL(new || old) in nats over verdicts, each a Bernoulli with the score as probability of a pass.

    .. math:: D = \frac1n \sum_i \Big[ p_i \ln \frac{p_i}{q_i} + (1 - p_i) \ln \frac{1 - p_i}{1 - q_i} \Big]

    Probabilities are kept within [0.001, 0.999]; a verdict that only one side has stands at 0.5 on the other.
    """
    pairs: list[tuple[float, float]] = []
    for verifier in new.keys() | old.keys():
        a, b = new.get(verifier, {}), old.get(verifier, {})
        pairs += [(a.get(i, 0.5), b.get(i, 0.5)) for i in a.keys() | b.keys()]
    if not pairs:
        return 0.0
    return math.fsum(_bernoulli_kl(p, q) for p, q in pairs) / len(pairs)


def _bernoulli_kl(p: float, q: float) -> float:
    p, q = min(max(p, 1e-3), 1 - 1e-3), min(max(q, 1e-3), 1 - 1e-3)
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


class Watch:
    """Follows one chain and says when to stop it."""

    def __init__(self, rule: StopRule, exact: frozenset[str]) -> None:
        self._rule = rule
        self._exact = exact
        self._snapshot: tuple[int, Mapping[str, Mapping[str, float]]] | None = None
        self._idle = 0

    def look(self, chain: Chain, *, proposed: bool = True) -> tuple[StopReason, str] | None:
        """Why to stop now, with a detail in words, or None to go on.

        Args:
            chain: The chain after its last step.
            proposed: Whether that step had a proposal at all.
        """
        rule = self._rule
        if solved(chain.best, self._exact):
            return "solved", "every hard item is verified and the goal is reached"
        if chain.step >= rule.max_steps:
            return "max_steps", f"{rule.max_steps} steps"
        self._idle = 0 if proposed else self._idle + 1
        if self._idle >= rule.idle:
            return "no_proposals", f"no proposal in {rule.idle} steps"
        quiet = chain.since_best
        if rule.least_chance and quiet and 3.0 / quiet < rule.least_chance:
            return "no_hope", f"no improvement in {quiet} steps: chance per step at most {3.0 / quiet:.2f}"
        return self._converged(chain)

    def _converged(self, chain: Chain) -> tuple[StopReason, str] | None:
        rule = self._rule
        if rule.kl is None:
            return None
        now = outcomes(chain.current)
        if self._snapshot is None:
            self._snapshot = (chain.step, now)
            return None
        at, before = self._snapshot
        if chain.step - at < rule.window:
            return None
        self._snapshot = (chain.step, now)
        distance = divergence(now, before)
        if distance < rule.kl:
            return "converged", f"verdicts moved by {distance:.4f} nats in {rule.window} steps"
        return None
