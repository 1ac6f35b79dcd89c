"""The pairwise judge: asks a language model which of two plans is better, in both orders.

It is never told which plan is the incumbent, and cannot tell: the plans come in the order of their content hashes, are
numbered afresh (a gap in the ids, or a high one, would show an edit), and carry no score, lock or provenance. What the
position is worth is measured by asking in both orders, and taken out (see :mod:`~planneal.verifiers.bradley_terry`).

Three methods. ``read`` takes the probability of *A* off log-probabilities. ``votes`` draws words in both orders and
estimates the log-odds. ``unanimous`` draws votes in pairs of both orders and takes a plan only if *every* vote is for
it: with ``m`` votes per order and a position worth ``d`` nats the chances that one or the other wins all votes are as

    (sigma(s + d) sigma(s - d))^m  to  (sigma(-s + d) sigma(-s - d))^m  =  exp(2 m s) to 1,  s = s_a - s_b,

whatever ``d`` is. So it leaves ``exp(2 m strength)`` stationary without estimating anything: the temperature is
``weight / (2 m)``, set by the number of votes and not by the schedule.
"""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from typing import Literal

from ..decoders.base import LanguageModel
from ..decoders.prompts import PromptSet
from ..planner.comparison import Comparison, PairwiseVerifier, sigmoid
from ..planner.errors import ConfigError, VerifierError
from ..planner.ledger import Usage
from ..planner.notation import format_plan
from ..planner.plan import ID, Plan
from ..planner.task import Task
from .asking import Ballot, Question, read, seed_of, vote
from .bradley_terry import LogOdds, both_orders, counted_log_odds, log_odds
from .yes_no import Belief, Words

Method = Literal["auto", "read", "votes", "unanimous"]
METHODS = ("auto", "read", "votes", "unanimous")
A_OR_B = Words("A", "B")
_KEPT = 1024


class PairwiseJudge(PairwiseVerifier):
    """Asks a language model which of two plans is better.

    Args:
        model: The model; without one every comparison is refused until :meth:`with_model` binds it.
        method: ``read``, ``votes`` or ``unanimous``; ``auto`` reads where the model can and counts votes elsewhere.
        votes: Votes *per order* where votes are drawn, or a whole :class:`~planneal.verifiers.asking.Ballot`.
        prompts: Where the ``compare`` prompt comes from; None takes that of the model's dialect.

    Raises:
        ConfigError: No such method, or a number out of range.
    """

    name = "pairwise"
    stage = 4

    def __init__(
        self,
        model: LanguageModel | None = None,
        method: Method = "auto",
        votes: int | Ballot = 4,
        *,
        prompts: PromptSet | None = None,
    ) -> None:
        if method not in METHODS:
            raise ConfigError(f"no pairwise method {method!r}; there are {', '.join(METHODS)}")
        self.model = model
        self.method: Method = method
        self.ballot = votes if isinstance(votes, Ballot) else Ballot(votes)
        self.prompts = prompts
        # What is read off the same prompt is the same every time, so it is paid for once.
        self._read: OrderedDict[tuple[str, str, str, str], Comparison] = OrderedDict()

    def with_model(self, model: LanguageModel) -> PairwiseJudge:
        """The same judge bound to a model."""
        bound = copy.copy(self)
        bound.model = model
        bound._read = OrderedDict()
        return bound

    @property
    def effective(self) -> Literal["read", "votes", "unanimous"]:
        """The method in use with this model."""
        if self.method != "auto":
            return self.method
        if self.model is None:
            return "votes"
        can = self.model.capabilities
        return "read" if can.score or can.logprobs is not False else "votes"

    async def compare(self, task: Task, first: Plan, second: Plan, draw: int = 0) -> Comparison:
        """Which of two plans is better, asked in both orders.

        Plans that read the same are not asked about: their log-odds are 0.

        Raises:
            VerifierError: There is no model, or it said neither word.
            ModelError: The model could not answer.
            BudgetExhausted: The next call does not fit.
        """
        if self.model is None:
            raise VerifierError("no model is bound")
        texts = anonymous(first), anonymous(second)
        if texts[0] == texts[1]:
            return Comparison(log_odds=0.0, unanimous=self.effective == "unanimous", detail="the plans read the same")
        prompts = self.prompts or PromptSet.load(self.model.capabilities.dialect)
        seed = seed_of(self.name, *texts, draw)
        ahead = _question(prompts, task, texts[0], texts[1], seed_of(seed, 0))
        behind = _question(prompts, task, texts[1], texts[0], seed_of(seed, 1))
        if self.effective == "unanimous":
            return await self._unanimous(self.model, ahead, behind)
        if self.effective == "votes":
            found, cost = await vote(self.model, ahead, self.ballot)
            other, more = await vote(self.model, behind, self.ballot)
            return _compared(found, other, cost + more)
        key = (self.model.name, task.question, *texts)
        if key in self._read:
            self._read.move_to_end(key)
            return self._read[key].model_copy(update={"usage": Usage()})
        # Greedy answers have no draw: their seeds are those of draw 0.
        found, cost = await read(self.model, _still(ahead), self.ballot.prior)
        other, more = await read(self.model, _still(behind), self.ballot.prior)
        compared = self._read[key] = _compared(found, other, cost + more)
        while len(self._read) > _KEPT:
            self._read.popitem(last=False)
        return compared

    async def _unanimous(self, model: LanguageModel, ahead: Question, behind: Question) -> Comparison:
        """Pairs of votes, one in each order, until they disagree or all are drawn.

        Drawing ends after a *whole* pair only: then it depends on the orders in the same way, and the measured worth of
        the position stays fair.
        """
        one = Ballot(1, prior=self.ballot.prior, temperature=self.ballot.temperature)
        wins = pairs = slot = 0
        usage = Usage()
        while pairs < self.ballot.votes and wins in (0, 2 * pairs):
            cast: list[bool] = []
            for question in (ahead, behind):
                seeded = Question(question.messages, question.words, seed_of(question.seed, pairs))
                found, cost = await vote(model, seeded, one)
                usage += cost
                if found is None:
                    raise VerifierError("the model said neither A nor B")
                cast.append(bool(found.yes))
            pairs += 1
            wins += cast[0] + (not cast[1])
            slot += sum(cast)
        front = (wins + slot - pairs) // 2  # votes for the first plan where it was shown first
        odds = counted_log_odds(front, pairs), counted_log_odds(slot - front, pairs)
        return _told(*odds, wins, 2 * pairs, slot, usage, unanimous=True)


def _compared(ahead: Belief | None, behind: Belief | None, usage: Usage) -> Comparison:
    if ahead is None or behind is None:
        raise VerifierError("the model said neither A nor B")
    wins, votes, slot = ahead.yes + behind.votes - behind.yes, ahead.votes + behind.votes, ahead.yes + behind.yes
    return _told(_odds(ahead), _odds(behind), wins, votes, slot, usage)


def _odds(found: Belief) -> LogOdds:
    return counted_log_odds(found.yes, found.votes) if found.votes else log_odds(found.score, found.variance)


def _told(
    ahead: LogOdds, behind: LogOdds, wins: int, votes: int, slot: int, usage: Usage, *, unanimous: bool = False
) -> Comparison:
    both = both_orders(ahead, behind)
    counted = f", {wins} of {votes} votes" if votes else ""
    return Comparison(
        log_odds=both.strength,
        variance=both.variance,
        position=both.position,
        wins=wins,
        votes=votes,
        first_slot=slot,
        unanimous=unanimous,
        usage=usage,
        detail=f"wins with probability {sigmoid(both.strength):.2f}{counted}",
    )


def _question(prompts: PromptSet, task: Task, first: str, second: str, seed: int) -> Question:
    return Question(prompts.render("compare", question=task.question, first=first, second=second), A_OR_B, seed)


def _still(question: Question) -> Question:
    return Question(question.messages, question.words, 0)


def anonymous(plan: Plan) -> str:
    """A plan as text that does not show its history: items numbered in order, without locks and provenance.

    References in needs, checks and texts follow their items; what an item needs and the plan lacks comes after them.
    """
    named: dict[str, str] = {}
    counts: dict[str, int] = {}
    for item_id in [*plan.by_id, *(need for item in plan.items for need in item.needs)]:
        if item_id not in named:
            counts[item_id[0]] = counts.get(item_id[0], 0) + 1
            named[item_id] = f"{item_id[0]}{counts[item_id[0]]}"
    pattern = re.compile(rf"(?<!\w){ID.pattern}(?!\w)")
    return pattern.sub(lambda match: named.get(match.group(), match.group()), format_plan(plan, bare=True))


__all__ = ["METHODS", "PairwiseJudge", "anonymous"]
