"""The self-check verifier: a language model's own doubt about each item. Noisy, stage 4.

Three methods. ``logprob`` scores the plan as a draft in one pass and takes each line's least likely token; ``yes_no``
asks about each item and reads the probability of *yes* off the first token; ``votes`` draws several words and counts.
The verdicts are only as good as the model; they aim edits where nothing exact can.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Literal

from ..decoders.base import LanguageModel, Message, SampleRequest, TokenScores
from ..decoders.prompts import PromptSet
from ..planner.errors import ConfigError, VerifierError
from ..planner.ledger import Usage
from ..planner.notation import format_item, format_plan
from ..planner.plan import Item, Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, VerdictCache, Verifier
from ..planner.witnesses import GOAL, Doubtful
from .memo import PlanMemo
from .yes_no import Belief, belief, count_votes, word_probability

Method = Literal["auto", "logprob", "yes_no", "votes"]
Statistic = Literal["min", "mean"]
THRESHOLDS: Mapping[str, float] = {"logprob": 0.2, "yes_no": 0.5, "votes": 0.5}
"""Scores below these are doubtful."""
WORD_TOKENS = 4
"""Completion tokens allowed for a yes or a no: some tokenizers spend one on the space before it."""


class SelfCheckVerifier(Verifier):
    """Asks a language model what it thinks of the plan's own items.

    Args:
        model: The model; without one the verifier abstains until :meth:`with_model` binds it.
        method: ``logprob``, ``yes_no`` or ``votes``; ``auto`` takes the first of these that the model can serve.
        votes: Samples per item where votes are counted.
        threshold: Scores below it fail as doubtful; None takes the method's own of :data:`THRESHOLDS`.
        statistic: What of a line's token log-probabilities counts: the least (one wrong number is one unlikely token
            among many likely ones) or the mean.
        prompts: Where the ``draft`` and ``self_check`` prompts come from; None takes those of the model's dialect.

    Raises:
        ConfigError: No such method or statistic, or a number out of range.
    """

    name = "self_check"
    stage = 4
    trust = "noisy"

    def __init__(
        self,
        model: LanguageModel | None = None,
        method: Method = "auto",
        votes: int = 5,
        threshold: float | None = None,
        *,
        statistic: Statistic = "min",
        prompts: PromptSet | None = None,
    ) -> None:
        if method not in ("auto", *THRESHOLDS):
            raise ConfigError(f"no self-check method {method!r}; there are auto, {', '.join(THRESHOLDS)}")
        if statistic not in ("min", "mean"):
            raise ConfigError(f"no self-check statistic {statistic!r}; there are min and mean")
        if votes < 1 or (threshold is not None and not 0 <= threshold <= 1):
            raise ConfigError("a self-check needs at least one vote and a threshold between 0 and 1")
        self.model = model
        self.method: Method = method
        self.votes = votes
        self.threshold = threshold
        self.statistic: Statistic = statistic
        self.prompts = prompts
        # Scoring a text gives the same numbers every time, so a fresh draw need not pay for it again.
        self._scored = VerdictCache(4096)
        self._drafts = PlanMemo(_draft)

    def with_model(self, model: LanguageModel) -> SelfCheckVerifier:
        """The same verifier bound to a model."""
        return SelfCheckVerifier(
            model, self.method, self.votes, self.threshold, statistic=self.statistic, prompts=self.prompts
        )

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
        how = (self.model.name if self.model else "", self.effective, self.votes, self.threshold, self.statistic)
        given = tuple(task.constraints)
        if self.effective == "logprob":
            lines, places = self._drafts(task, plan)
            return (how, task.question, given, tuple(lines[: places[item_id] + 1]))
        return (how, task.question, given, format_plan(plan, bare=True))

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Doubts about the given items, at the price of one scoring pass or of one request per item.

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
            messages = _question(prompts, task, plan, plan[item_id])
            found, cost = await self._opinion(self.model, messages, _seed(self.name, item_id, draw))
            verdicts[item_id] = self._doubt(item_id, found)
            usage += cost
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
        verdicts = {item_id: self._line_verdict(item_id, by_line[places[item_id]]) for item_id in item_ids}
        for item_id, verdict in verdicts.items():
            self._scored.put((item_id, scopes[item_id]), verdict)
        return Judgement(verdicts, scores.usage)

    def _line_verdict(self, item_id: str, logprobs: Sequence[float]) -> Verdict:
        if not logprobs:
            return Verdict.unknown("the model gave no log-probability for this line")
        least = min(logprobs)
        chosen = least if self.statistic == "min" else math.fsum(logprobs) / len(logprobs)
        score = min(1.0, math.exp(chosen))
        detail = f"log-probability {chosen:.2f} nats ({'least token' if self.statistic == 'min' else 'mean per token'})"
        return self._doubt(item_id, Belief(score, 0.0, detail))

    async def _opinion(
        self, model: LanguageModel, messages: tuple[Message, ...], seed: int
    ) -> tuple[Belief | None, Usage]:
        if self.effective == "votes":
            request = SampleRequest(messages=messages, n=self.votes, temperature=1.0, max_tokens=WORD_TOKENS, seed=seed)
            samples = await model.sample(request)
            return count_votes([completion.text for completion in samples]), samples.usage
        if model.capabilities.score and not model.capabilities.logprobs:
            return await self._compared(model, messages)
        request = SampleRequest(
            messages=messages, temperature=0.0, max_tokens=WORD_TOKENS, seed=seed, logprobs=True, top_logprobs=20
        )
        samples = await model.sample(request)
        tokens = samples[0].logprobs
        if tokens is None:  # the endpoint ignored the wish: what is left is one vote
            return count_votes([samples[0].text]), samples.usage
        return word_probability(tokens), samples.usage

    async def _compared(self, model: LanguageModel, messages: tuple[Message, ...]) -> tuple[Belief | None, Usage]:
        """P(yes) from scoring both words, in the form that the dialect uses."""
        space = " " if model.capabilities.dialect == "compact" else ""
        yes = await model.score(messages, space + "yes")
        no = await model.score(messages, space + "no")
        return belief(math.exp(yes.total), math.exp(no.total)), yes.usage + no.usage

    def _doubt(self, item_id: str, found: Belief | None) -> Verdict:
        if found is None:
            return Verdict.unknown("the model said neither yes nor no")
        threshold = THRESHOLDS[self.effective] if self.threshold is None else self.threshold
        doubtful = found.score < threshold
        return Verdict(
            outcome="fail" if doubtful else "pass",
            score=found.score,
            variance=found.variance,
            reason=found.detail,
            witnesses=(Doubtful(item=item_id, detail=found.detail),) if doubtful else (),
        )


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


def _question(prompts: PromptSet, task: Task, plan: Plan, item: Item) -> tuple[Message, ...]:
    shown = {"id": item.id, "line": format_item(item, bare=True)}
    return prompts.render("self_check", question=task.question, plan=format_plan(plan, bare=True), item=shown)


def _seed(name: str, item_id: str, draw: int) -> int:
    """A seed of its own for each item and draw."""
    return int.from_bytes(hashlib.sha256(f"{name}:{item_id}:{draw}".encode()).digest()[:4])


__all__ = ["THRESHOLDS", "SelfCheckVerifier", "line_logprobs"]
