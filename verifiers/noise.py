"""Noise on purpose: a wrapper for experiments that makes any verifier wrong at a known rate."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel

from ..planner.combine import Wrapper
from ..planner.errors import ConfigError
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Outcome, Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import GOAL, Doubtful


class NoisyVerifier(Wrapper):
    r"""Another verifier's verdicts with noise; noisy whatever the other was.

    With probability ``flip`` pass and fail change places and the score *s* becomes 1 - *s*; then Gaussian noise of
    standard deviation ``sigma`` is added to the score, cut at 0 and 1. A score that the Gaussian carries across one
    half changes the outcome with it. ``unknown`` stays. The stated variance is that of the noise put in,
    :math:`f (1 - f)(2 s - 1)^2 + \sigma^2`, cutting not counted.

    Everything random is a function of (seed, draw, item, scope): the same question has the same answer within a draw,
    in any order and in any process, so that traces replay; another draw asks anew.

    Args:
        part: The verifier.
        flip: Probability of a flipped verdict, in [0, 0.5].
        sigma: Standard deviation of the noise on scores.
        seed: Seed of the noise.
        tells: Whether verdicts state the noise's variance.

    Raises:
        ConfigError: A number out of range.
    """

    def __init__(
        self, part: Verifier, *, flip: float = 0.0, sigma: float = 0.0, seed: int = 0, tells: bool = True
    ) -> None:
        if not 0 <= flip <= 0.5 or not (math.isfinite(sigma) and sigma >= 0):
            raise ConfigError(f"noise needs a flip rate in [0, 0.5] and a sigma of at least 0, not {flip}, {sigma}")
        super().__init__(part)
        self.flip, self.sigma, self.seed, self.tells = flip, sigma, seed, tells
        self.trust, self.decides = "noisy", frozenset()
        self.version = f"{part.version}~flip{flip:g},sigma{sigma:g},seed{seed}" + ("" if tells else ",untold")

    def around(self, part: Verifier) -> Verifier:
        """The same noise for another verifier."""
        return NoisyVerifier(part, flip=self.flip, sigma=self.sigma, seed=self.seed, tells=self.tells)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """The part's judgement, disturbed."""
        found = await self.part.ask(task, plan, item_ids, draw if self.part.trust != "exact" else 0)
        verdicts: dict[str, Verdict] = {}
        for item_id, verdict in found.verdicts.items():
            scope = self.part.scope(task, plan, item_id)
            verdicts[item_id] = self._disturbed(item_id, verdict, self.rng(draw, item_id, scope))
        return Judgement(verdicts, found.usage, found.fleeting)

    def rng(self, draw: int, item_id: str, scope: object) -> np.random.Generator:
        """The generator of one verdict."""
        content = canonical((self.seed, draw, item_id, scope))
        return np.random.default_rng(int.from_bytes(hashlib.sha256(content.encode()).digest()[:16]))

    def _disturbed(self, item_id: str, verdict: Verdict, rng: np.random.Generator) -> Verdict:
        if verdict.outcome == "unknown":
            return verdict
        flipped = bool(rng.random() < self.flip)
        true = 1.0 - verdict.score if flipped else verdict.score
        score = min(1.0, max(0.0, true + self.sigma * float(rng.standard_normal())))
        crossed = flipped != ((score >= 0.5) != (true >= 0.5))
        noise = self.flip * (1 - self.flip) * (2 * verdict.score - 1) ** 2 + self.sigma**2
        said: dict[str, Any] = {"score": score, "variance": verdict.variance + (noise if self.tells else 0.0)}
        if crossed:
            outcome: Outcome = "fail" if verdict.outcome == "pass" else "pass"
            doubts = outcome == "fail" and item_id != GOAL
            said |= {"outcome": outcome, "reason": "noise", "witnesses": ()}
            said["witnesses"] = (Doubtful(item=item_id, detail="noise"),) if doubts else ()
        return verdict.model_copy(update=said)


def canonical(value: object) -> str:
    """A text that is the same for equal content in every process: sets are sorted, models written field by field."""
    if isinstance(value, BaseModel):
        fields = ((name, getattr(value, name)) for name in type(value).model_fields)
        return f"{type(value).__name__}({','.join(f'{name}={canonical(field)}' for name, field in fields)})"
    if isinstance(value, frozenset | set):
        return "{" + ",".join(sorted(map(canonical, value))) + "}"
    if isinstance(value, tuple | list):
        return "(" + ",".join(map(canonical, value)) + ")"
    return repr(value)


__all__ = ["NoisyVerifier", "canonical"]
