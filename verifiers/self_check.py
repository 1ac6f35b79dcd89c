"""The self-check verifier: a language model's own doubt about each item. Noisy, stage 4.

Three methods. ``logprob`` scores the plan as a draft in one pass and takes each line's least likely token; ``yes_no``
asks about each item and reads the probability of *yes* off the first token; ``votes`` draws several words and counts,
as a Beta posterior. Every verdict has a variance: that of the posterior; what alternatives that were not reported could
change; 0 where every probability is known, since the same text always scores the same. To each is added the
*calibration variance*, if one is given: how far such scores were from the truth on labelled items, which no reading of
the same model can show. The verdicts are only as good as the model; they aim edits where nothing exact can.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

from ..decoders.base import LanguageModel, TokenScores
from ..decoders.prompts import PromptSet
from ..planner.errors import ConfigError, VerifierError
from ..planner.ledger import Usage
from ..planner.notation import format_check, format_item, format_plan
from ..planner.plan import Item, Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, VerdictCache, Verifier
from ..planner.witnesses import GOAL, Doubtful
from .asking import Ballot, Question, read, seed_of, vote
from .critique import write_critique
from .memo import PlanMemo
from .yes_no import Belief

Method = Literal["auto", "logprob", "yes_no", "votes"]
Statistic = Literal["min", "mean"]
THRESHOLDS: Mapping[str, float] = {"logprob": 0.2, "yes_no": 0.5, "votes": 0.5}
"""Scores below these are doubtful."""


class SelfCheckVerifier(Verifier):
    """Asks a language model what it thinks of the plan's own items.

    Args:
        model: The model; without one the verifier abstains until :meth:`with_model` binds it.
        method: ``logprob``, ``yes_no`` or ``votes``; ``auto`` takes the first of these that the model can serve.
        votes: Samples per item where votes are counted, or a whole :class:`~planneal.verifiers.asking.Ballot` (prior,
            early stop).
        threshold: Scores below it fail as doubtful; None takes the method's own of :data:`THRESHOLDS`.
        statistic: What of a line's token log-probabilities counts: the least (one wrong number is one unlikely token
            among many likely ones) or the mean.
        prompts: Where the ``draft``, ``self_check`` and ``critique`` prompts come from; None takes those of the model's
            dialect.
        calibration_variance: Mean squared error of such scores against labelled outcomes, added to every variance.
        critique: Whether the model writes a line about each doubtful item, at the price of one more request.

    Raises:
        ConfigError: No such method or statistic, or a number out of range.
    """

    name = "self_check"
    stage = 4
    trust = "noisy"
    version = "2"

    def __init__(
        self,
        model: LanguageModel | None = None,
        method: Method = "auto",
        votes: int | Ballot = 5,
        threshold: float | None = None,
        *,
        statistic: Statistic = "min",
        prompts: PromptSet | None = None,
        calibration_variance: float = 0.0,
        critique: bool = False,
    ) -> None:
        if method not in ("auto", *THRESHOLDS):
            raise ConfigError(f"no self-check method {method!r}; there are auto, {', '.join(THRESHOLDS)}")
        if statistic not in ("min", "mean"):
            raise ConfigError(f"no self-check statistic {statistic!r}; there are min and mean")
        if threshold is not None and not 0 <= threshold <= 1:
            raise ConfigError("a self-check's threshold lies between 0 and 1")
        if not 0 <= calibration_variance <= 1:
            raise ConfigError("a calibration variance lies between 0 and 1")
        self.model = model
        self.method: Method = method
        self.ballot = votes if isinstance(votes, Ballot) else Ballot(votes)
        self.threshold = threshold
        self.statistic: Statistic = statistic
        self.prompts = prompts
        self.calibration_variance = calibration_variance
        self.critique = critique
        # Scoring a text gives the same numbers every time, so a fresh draw need not pay for it again.
        self._scored = VerdictCache(4096)
        self._drafts = PlanMemo(_draft)

    def with_model(self, model: LanguageModel) -> SelfCheckVerifier:
        """The same verifier bound to a model."""
        bound = copy.copy(self)
        bound.model = model
        bound._scored = VerdictCache(4096)
        bound._drafts = PlanMemo(_draft)
        return bound

    @property
    def effective(self) -> Literal["logprob", "yes_no", "votes"]:
        """The method in use with this model."""
        if self.method != "auto":
            return self.method
        if self.model is not None and self.model.capabilities.score:
            return "logprob"
        return "yes_no" if self.model is not None and self.model.capabilities.logprobs is not False else "votes"

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """What was asked of which model, in content.

        A line's log-probability depends on the question and on the lines before it, an opinion on the whole plan.
        Locked items and the goal are not judged.
        """
        if item_id == GOAL or plan[item_id].locked:
            return None
        own = (self.ballot, self.threshold, self.statistic, self.calibration_variance, self.critique)
        how = (self.model.name if self.model else "", self.effective, *own)
        return (how, task.question, tuple(task.constraints), self._seen(task, plan, item_id))

    def _seen(self, task: Task, plan: Plan, item_id: str) -> str:
        """As much of the plan as the model sees for this item."""
        if self.effective != "logprob":
            return format_plan(plan, bare=True)
        lines, places = self._drafts(task, plan)
        return "\n".join(lines[: places[item_id] + 1])

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Doubts about the given items, at the price of one scoring pass or of one request (or several) per item.

        Raises:
            VerifierError: There is no model, or it cannot do what the method needs.
            ModelError: The model could not answer.
            BudgetExhausted: The next call does not fit.
        """
        if self.model is None:
            raise VerifierError("no model is bound")
        prompts = self.prompts or PromptSet.load(self.model.capabilities.dialect)
        if self.effective == "logprob":
            return await self._by_logprob(self.model, prompts, task, plan, item_ids)
        verdicts: dict[str, Verdict] = {}
        usage = Usage()
        # One after the other: the order of calls is part of what a trace repeats.
        for item_id in item_ids:
            seed = seed_of(self.name, item_id, draw)
            question = _question(prompts, task, plan, plan[item_id], seed)
            found, cost = await self._opinion(self.model, question)
            verdicts[item_id], more = await self._told(self.model, prompts, task, plan, item_id, found, draw)
            usage += cost + more
        return Judgement(verdicts, usage)

    async def _by_logprob(
        self, model: LanguageModel, prompts: PromptSet, task: Task, plan: Plan, item_ids: Sequence[str]
    ) -> Judgement:
        if not model.capabilities.score:
            raise VerifierError(f"{model.name} cannot score text; use the method yes_no or votes")
        scopes = {item_id: self.scope(task, plan, item_id) for item_id in item_ids}
        known = {i: verdict for i, scope in scopes.items() if (verdict := self._scored.get((i, scope))) is not None}
        if len(known) == len(item_ids):
            return Judgement(known)
        lines, places = self._drafts(task, plan)
        locked = "\n".join(format_item(item) for item in task.constraints)
        messages = prompts.render("draft", question=task.question, locked=locked)
        text = "".join(line + "\n" for line in lines)
        scores = await model.score(messages, text)
        by_line = line_logprobs(scores, text)
        usage = scores.usage
        verdicts = dict(known)
        for item_id in item_ids:
            if item_id in known:
                continue
            found = self._likelihood(by_line[places[item_id]])
            verdicts[item_id], more = await self._told(model, prompts, task, plan, item_id, found)
            usage += more
            self._scored.put((item_id, scopes[item_id]), verdicts[item_id])
        return Judgement(verdicts, usage)

    def _likelihood(self, logprobs: Sequence[float]) -> Belief | None:
        if not logprobs:
            return None
        least = min(logprobs)
        chosen = least if self.statistic == "min" else math.fsum(logprobs) / len(logprobs)
        score = min(1.0, math.exp(chosen))
        kind = "least token" if self.statistic == "min" else "mean per token"
        return Belief(score, 0.0, f"log-probability {chosen:.2f} nats ({kind})")

    async def _opinion(self, model: LanguageModel, question: Question) -> tuple[Belief | None, Usage]:
        if self.effective == "votes":
            return await vote(model, question, self.ballot, self._threshold)
        return await read(model, question, self.ballot.prior)

    @property
    def _threshold(self) -> float:
        return THRESHOLDS[self.effective] if self.threshold is None else self.threshold

    async def _told(
        self,
        model: LanguageModel,
        prompts: PromptSet,
        task: Task,
        plan: Plan,
        item_id: str,
        found: Belief | None,
        draw: int = 0,
    ) -> tuple[Verdict, Usage]:
        """The verdict that follows from a belief, with a critique where it is a doubt and one is wanted."""
        if found is None:
            if self.effective == "logprob":
                return Verdict.unknown("the model gave no log-probability for this line"), Usage()
            return Verdict.unknown("the model said neither yes nor no"), Usage()
        doubtful = found.score < self._threshold
        line, usage = "", Usage()
        if doubtful and self.critique:
            seed = seed_of(self.name, "critique", item_id, draw)
            seen = self._seen(task, plan, item_id)
            line, usage = await write_critique(model, prompts, task, seen, plan[item_id], seed)
        verdict = Verdict(
            outcome="fail" if doubtful else "pass",
            score=found.score,
            variance=found.variance + self.calibration_variance,
            reason=found.detail + (f"; {line}" if line else ""),
            witnesses=(Doubtful(item=item_id, detail=found.detail, critique=line),) if doubtful else (),
        )
        return verdict, usage


def _draft(task: Task, plan: Plan) -> tuple[list[str], dict[str, int]]:
    """The lines that a draft of this plan would have, and the line of each item. Given items are not drafted."""
    goal = format_plan(Plan(goal=plan.goal, target=plan.target), bare=True)
    own = [item for item in plan.items if not item.locked]
    return [goal, *(format_item(item, bare=True) for item in own)], {item.id: n for n, item in enumerate(own, 1)}


def line_logprobs(scores: TokenScores, text: str) -> list[list[float]]:
    """Token log-probabilities (nats) by line of the scored text, line ends left out.

    A token belongs to the line of its first character that is no line end; tokens of line ends alone are dropped.

    Args:
        scores: Log-probabilities and character offsets of the tokens of ``text``.
        text: What was scored.
    """
    found: list[list[float]] = [[] for _ in range(text.count("\n") + 1)]
    line = position = 0
    ends = [*scores.offsets, len(text)][1:]
    for logprob, start, end in zip(scores.logprobs, scores.offsets, ends, strict=True):
        first = start
        while first < end and text[first] == "\n":
            first += 1
        if first < end or (start == end and start < len(text) and text[start] != "\n"):
            line += text.count("\n", position, first)
            position = first
            found[line].append(logprob)
    return found


def _question(prompts: PromptSet, task: Task, plan: Plan, item: Item, seed: int) -> Question:
    shown = {"id": item.id, "line": format_item(item, bare=True), "check": format_check(item)}
    messages = prompts.render("self_check", question=task.question, plan=format_plan(plan, bare=True), item=shown)
    return Question(messages, seed=seed)


__all__ = ["THRESHOLDS", "SelfCheckVerifier", "line_logprobs"]
