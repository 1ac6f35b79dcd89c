r"""Comparing two plans: the seam for judges that say which of two is better, and what their word does to a proposal.

Under the Bradley-Terry model (1952) every plan has a strength :math:`s`, in nats, and plan *a* beats plan *b* with
probability :math:`w = \sigma(s_a - s_b)`, :math:`\sigma(x) = 1 / (1 + e^{-x})`. Barker's rule (1965) accepts with
:math:`\sigma(-\Delta E / T)`: with :math:`E = -W s` these are the same, and at :math:`T = W` the win probability *is*
the acceptance. Sign convention: positive log-odds speak for the first plan of a comparison.

The comparison is the last stage of delayed acceptance (Christen and Fox 2005): what the energy lets through is
accepted with :math:`\sigma(W (s_{new} - s_{old}) / T)`. If the first stage leaves :math:`e^{-E/T}` stationary, both
together leave :math:`e^{-(E - W s)/T}` stationary. The energy's own draw and limit stay as they are, and nothing is
asked about a proposal that they reject.

An estimate of the log-odds with variance *v* would flatten this: it adds noise of variance :math:`u = (W/T)^2 v` to the
logistic draw that Barker's rule amounts to. The rule is right if noise and draw *together* are standard logistic (Seita
et al. 2017). Here the draw is taken as a logistic with the variance that is left, :math:`\pi^2/3 - u`, which matches
the second moment: log-odds are divided by :math:`\sqrt{1 - 3u/\pi^2}`.
"""

from __future__ import annotations

import asyncio
import math
from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from .acceptance import Barker
from .errors import BudgetExhausted, VerifierError
from .ledger import Usage
from .plan import Plan
from .task import Task
from .verifier import Judgement, Verifier

LOGISTIC_VARIANCE = math.pi**2 / 3
"""Variance of the standard logistic distribution, nats squared."""
LEAST_LEFT = 0.05
"""Share of the logistic's variance that is left to the correction at the least: more noise than that flattens."""


class Comparison(BaseModel):
    """What a judge says of two plans, ``first`` and ``second``.

    Attributes:
        log_odds: Estimated strength of the first minus that of the second, nats, positions corrected for.
        variance: Variance of the estimate, nats squared; 0 where it was read rather than estimated.
        position: Log-odds that a plan gains by being shown first, in this comparison; None where it was not measured.
        wins: Counted votes for the first plan, over both orders.
        votes: Counted votes, over both orders.
        first_slot: Votes for the plan that was shown first, whichever it was.
        unanimous: Whether the votes decide by themselves: a plan is taken only if *every* vote is for it.
        usage: What the comparison cost.
        detail: One line in words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    log_odds: float = Field(allow_inf_nan=False)
    variance: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    position: float | None = Field(default=None, allow_inf_nan=False)
    wins: int = Field(default=0, ge=0)
    votes: int = Field(default=0, ge=0)
    first_slot: int = Field(default=0, ge=0)
    unanimous: bool = False
    usage: Usage = Usage()
    detail: str = ""

    @property
    def win(self) -> float:
        """Probability that the first plan is the better one."""
        return sigmoid(self.log_odds)

    @property
    def win_variance(self) -> float:
        """Variance of :attr:`win` to first order (delta method): ``(w (1 - w))^2`` times that of the log-odds."""
        return (self.win * (1.0 - self.win)) ** 2 * self.variance

    def swapped(self) -> Comparison:
        """The same comparison told from the second plan's side; what a position gains stays."""
        return self.model_copy(update={"log_odds": -self.log_odds, "wins": self.votes - self.wins})

    def probability(self, weight: float, temperature: float) -> float:
        """Probability that the first plan takes the second one's place, under Barker's rule.

        Where the votes decide (:attr:`unanimous`) their chance has been drawn already: 1 or 0.

        Args:
            weight: Energy per nat of log-odds.
            temperature: In units of energy; at 0 the likelier winner is taken.
        """
        if self.unanimous:
            return 1.0 if self.votes and self.wins == self.votes else 0.0
        if weight <= 0:
            return 1.0  # the judge has no say
        scale = weight / temperature if temperature > 0 else math.inf
        if not math.isfinite(scale * scale):  # as good as no temperature
            return 1.0 if self.log_odds >= 0 else 0.0
        left = max(LEAST_LEFT, 1.0 - scale * scale * self.variance / LOGISTIC_VARIANCE)
        return Barker().probability(-self.log_odds, math.sqrt(left) / scale)


@dataclass(frozen=True)
class Contest:
    """A comparison of a proposed plan (first) with the incumbent (second), and what it was worth.

    Attributes:
        judge: The judge's name.
        comparison: What it said, None where it gave no word.
        abstained: Why not.
        probability: Probability with which the proposal is taken; NaN without a comparison.
        u: The uniform draw against it.
    """

    judge: str
    comparison: Comparison | None
    abstained: str
    probability: float
    u: float

    @property
    def gain(self) -> float:
        """Strength of the proposal minus that of the incumbent, nats; 0 where nobody knows."""
        return self.comparison.log_odds if self.comparison is not None else 0.0


def sigmoid(x: float) -> float:
    """``1 / (1 + exp(-x))`` without overflow."""
    return 1.0 / (1.0 + math.exp(-x)) if x >= 0 else math.exp(x) / (1.0 + math.exp(x))


class PairwiseVerifier(Verifier):
    """A verifier that compares two plans instead of judging one; the last stage of the cascade.

    It has no verdicts and no term in the energy. Its name's weight in the energy is the energy per nat of log-odds.
    """

    stage = 5
    trust = "noisy"

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """Nothing: a plan by itself is not judged."""
        return None

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Nothing."""
        return Judgement({})

    @abstractmethod
    async def compare(self, task: Task, first: Plan, second: Plan, draw: int = 0) -> Comparison:
        """Says which of two plans is better.

        The caller puts the two into an order that has nothing to do with which of them is the incumbent, and tells
        neither that nor any score.

        Args:
            task: The task.
            first: A plan.
            second: Another one.
            draw: Number of the draw; seeds derive from it.

        Raises:
            VerifierError: The judge gave no readable word.
            ModelError: The model could not answer.
            BudgetExhausted: The next call does not fit.
        """


class Heard(NamedTuple):
    """What came of asking: a comparison, or why there is none, and the seconds it took (model time left out)."""

    comparison: Comparison | None
    abstained: str
    seconds: float


async def hear(
    judge: PairwiseVerifier, task: Task, plan: Plan, other: Plan, *, draw: int, clock: Callable[[], float]
) -> Heard:
    """:func:`impartial`, within the judge's timeout; whatever it raises, the run goes on without its word.

    Raises:
        BudgetExhausted: The next call does not fit.
    """
    started = clock()
    deadline: asyncio.Timeout | None = None
    try:
        async with asyncio.timeout(judge.timeout) as deadline:
            comparison = await impartial(judge, task, plan, other, draw)
    except BudgetExhausted:
        raise
    except Exception as error:
        late = isinstance(error, TimeoutError) and deadline is not None and deadline.expired()
        told = str(error) if isinstance(error, VerifierError) else f"{type(error).__name__}: {error}"
        reason = f"no comparison within {judge.timeout:g} s" if late else told
        return Heard(None, reason[:500] or "no reason given", max(0.0, clock() - started))
    return Heard(comparison, "", max(0.0, clock() - started - comparison.usage.seconds))


async def impartial(judge: PairwiseVerifier, task: Task, plan: Plan, other: Plan, draw: int = 0) -> Comparison:
    """A comparison told from ``plan``'s side, asked in the order of content hashes.

    Which of the two is the incumbent leaves no mark on what is asked: both ways round the same requests are made.

    Raises:
        VerifierError: What the judge said is no comparison.
    """
    ordered = plan.hash <= other.hash
    said = await judge.compare(task, *((plan, other) if ordered else (other, plan)), draw)
    if not isinstance(said, Comparison):
        raise VerifierError(f"{said!r:.50} is no comparison")
    return said if ordered else said.swapped()


__all__ = ["Comparison", "Contest", "Heard", "PairwiseVerifier", "hear", "impartial", "sigmoid"]
