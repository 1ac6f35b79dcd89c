"""How sure a model is of one of two words: from the probabilities of its first word, or from counting what it says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..decoders.base import TokenLogprob
from .posterior import JEFFREYS, Posterior, Prior

LEAST_MASS = 0.02
"""Less probability than this on both words together means that the model said something else."""


class Words(NamedTuple):
    """Two words to choose from, compared without regard to case; neither begins the other."""

    yes: str
    no: str


YES_NO = Words("yes", "no")


class Belief(NamedTuple):
    """How probable a yes (the first of two words) is.

    Attributes:
        score: Probability of yes in [0, 1].
        variance: Its variance: of the posterior where votes were counted; where it was read, that of what the
            alternatives that were not reported could change; 0 where every probability is known.
        detail: Where it comes from, in words.
        yes: Votes for yes, 0 where the probability was read.
        votes: Votes that could be read.
    """

    score: float
    variance: float
    detail: str
    yes: int = 0
    votes: int = 0


def belief(yes: float, no: float, missing: float = 0.0, words: Words = YES_NO) -> Belief | None:
    """The share of *yes* in the probability of both words, None where neither has any to speak of.

    Args:
        yes: Probability of the first word.
        no: Probability of the second word.
        missing: Probability of alternatives that nobody told. Were it all yes or all no, the share would lie in an
            interval of width ``missing / (yes + no + missing)``; the variance is that of a uniform draw from it.
        words: What the two are called.
    """
    mass = yes + no
    if not mass >= LEAST_MASS:
        return None
    width = missing / (mass + missing)
    return Belief(yes / mass, width * width / 12.0, f"{words.yes} has {yes / mass:.2f} of the probability")


def _bare(token: str) -> str:
    return token.replace("\u0120", " ").replace("\u2581", " ").strip().strip("\"'*`")


def _stands_for(token: str, words: Words) -> str:
    """One of the words or nothing: the word that a token begins or is, whatever its case and the space before it."""
    word = _bare(token).lower()
    if not word:
        return ""
    return next((answer for answer in words if answer.lower().startswith(word)), "")


def word_probability(tokens: Sequence[TokenLogprob], words: Words = YES_NO) -> Belief | None:
    """P(yes) from the first token that is not blank, over all its alternatives that begin either word.

    Alternatives that were not reported count as 0 in the mean; what they could change is the variance. None where the
    model says something else.
    """
    token = next((token for token in tokens if _bare(token.token)), None)
    if token is None:
        return None
    mass = {words.yes: 0.0, words.no: 0.0, "": 0.0}
    for text, logprob in {token.token: token.logprob, **token.top}.items():
        mass[_stands_for(text, words)] += math.exp(min(0.0, logprob))
    missing = max(0.0, 1.0 - math.fsum(mass.values()))
    return belief(mass[words.yes], mass[words.no], missing, words)


def read_votes(texts: Sequence[str], words: Words = YES_NO) -> list[bool]:
    """What can be read as a vote at the beginning of each text, True for yes; other texts are left out."""
    pattern = re.compile(rf"\W*({re.escape(words.yes)}|{re.escape(words.no)})\b", re.IGNORECASE)
    found = (pattern.match(text) for text in texts)
    return [match.group(1).lower() == words.yes.lower() for match in found if match]


def posterior_belief(votes: Sequence[bool], words: Words = YES_NO, prior: Prior = JEFFREYS) -> Belief | None:
    """Mean and variance of the Beta posterior over the share of yes; None without a vote."""
    if not votes:
        return None
    yes = sum(votes)
    found = Posterior.of(yes, len(votes), prior)
    return Belief(found.mean, found.variance, f"{yes} of {len(votes)} votes say {words.yes}", yes, len(votes))


def count_votes(texts: Sequence[str], words: Words = YES_NO, prior: Prior = JEFFREYS) -> Belief | None:
    """The posterior after the votes that can be read in these texts; None if none can."""
    return posterior_belief(read_votes(texts, words), words, prior)


__all__ = [
    "LEAST_MASS",
    "YES_NO",
    "Belief",
    "Words",
    "belief",
    "count_votes",
    "posterior_belief",
    "read_votes",
    "word_probability",
]
