"""Asking a language model a question with two possible answers.

Three ways: score both words after the prompt; read the probability of the first word off the log-probabilities of one
greedy sample; or draw votes and count. Votes may be drawn in batches until the posterior is decided.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from ..decoders.base import LanguageModel, Message, SampleRequest
from ..planner.errors import BudgetExhausted, ConfigError
from ..planner.ledger import Usage
from .posterior import JEFFREYS, Posterior, Prior
from .yes_no import YES_NO, Belief, Words, belief, count_votes, posterior_belief, read_votes, word_probability

WORD_TOKENS = 4
"""Completion tokens allowed for a word: some tokenizers spend one on the space before it."""
TIMED = ("seconds", "verifier_seconds", "")
"""Caps after which a judge must not go on with less: a replay has no clock, so it could not repeat that decision."""


@dataclass(frozen=True)
class Ballot:
    """How votes are drawn.

    Attributes:
        votes: Most votes per question.
        confidence: Stop as soon as the share of yes lies on one side of the threshold with this posterior probability;
            None draws all votes in one request.
        at_once: Votes per request where there is a confidence: a prompt is read again for every request.
        prior: What was believed before the first vote.
        temperature: Sampling temperature of a vote.

    Raises:
        ConfigError: A number out of range.
    """

    votes: int = 5
    confidence: float | None = None
    at_once: int = 1
    prior: Prior = JEFFREYS
    temperature: float = 1.0

    def __post_init__(self) -> None:
        if self.votes < 1 or self.at_once < 1:
            raise ConfigError("a ballot needs at least one vote, and at least one at once")
        if self.confidence is not None and not 0.5 < self.confidence < 1:
            raise ConfigError("a ballot's confidence lies between one half and 1")
        if not (0 < self.prior[0] < math.inf and 0 < self.prior[1] < math.inf):
            raise ConfigError("a prior has two positive numbers")
        if not self.temperature > 0:
            raise ConfigError("votes need a temperature above 0, or they are all the same")


@dataclass(frozen=True)
class Question:
    """One question with two possible answers.

    Attributes:
        messages: The prompt, which ends where the word is expected.
        words: The two answers.
        seed: Seed of the first request.
    """

    messages: tuple[Message, ...]
    words: Words = YES_NO
    seed: int = 0


def seed_of(*parts: object) -> int:
    """A seed in [0, 2^32) that depends on nothing but the parts."""
    return int.from_bytes(hashlib.sha256(":".join(map(str, parts)).encode()).digest()[:4])


async def read(model: LanguageModel, question: Question, prior: Prior = JEFFREYS) -> tuple[Belief | None, Usage]:
    """P(yes) from log-probabilities: both words scored where the model scores but reports none, else the first token's.

    Raises:
        ModelError: The model could not answer.
        BudgetExhausted: The call does not fit.
    """
    if model.capabilities.score and not model.capabilities.logprobs:
        # The compact dialect writes a space before its answer.
        space = " " if model.capabilities.dialect == "compact" else ""
        yes = await model.score(question.messages, space + question.words.yes)
        no = await model.score(question.messages, space + question.words.no)
        return belief(math.exp(yes.total), math.exp(no.total), words=question.words), yes.usage + no.usage
    request = SampleRequest(
        messages=question.messages,
        temperature=0.0,
        max_tokens=WORD_TOKENS,
        seed=question.seed,
        logprobs=True,
        top_logprobs=20,
    )
    samples = await model.sample(request)
    tokens = samples[0].logprobs
    if tokens is None:  # the endpoint ignored the wish: what is left is one vote
        return count_votes([samples[0].text], question.words, prior), samples.usage
    return word_probability(tokens, question.words), samples.usage


async def vote(
    model: LanguageModel, question: Question, ballot: Ballot, threshold: float = 0.5
) -> tuple[Belief | None, Usage]:
    """P(yes) from counted votes.

    With a :attr:`Ballot.confidence`, batches are drawn until the posterior is decided, all votes are drawn, or the next
    batch does not fit the budget; then what was counted so far stands, with the larger variance that it has.

    Raises:
        ModelError: The model could not answer.
        BudgetExhausted: Not even the first batch fits, or the time is over.
    """
    if ballot.confidence is None:
        samples = await model.sample(_request(question, ballot, ballot.votes, question.seed))
        return count_votes([c.text for c in samples], question.words, ballot.prior), samples.usage
    counted: list[bool] = []
    usage = Usage()
    for start in range(0, ballot.votes, ballot.at_once):
        number = min(ballot.at_once, ballot.votes - start)
        seed = question.seed if start == 0 else seed_of(question.seed, start)
        try:
            samples = await model.sample(_request(question, ballot, number, seed))
        except BudgetExhausted as error:
            if not counted or error.limit in TIMED:
                raise
            break
        usage += samples.usage
        counted += read_votes([c.text for c in samples], question.words)
        if Posterior.of(sum(counted), len(counted), ballot.prior).decided(threshold, ballot.confidence):
            break
    return posterior_belief(counted, question.words, ballot.prior), usage


def _request(question: Question, ballot: Ballot, number: int, seed: int) -> SampleRequest:
    return SampleRequest(
        messages=question.messages, n=number, temperature=ballot.temperature, max_tokens=WORD_TOKENS, seed=seed
    )


__all__ = ["TIMED", "WORD_TOKENS", "Ballot", "Question", "read", "seed_of", "vote"]
