"""How sure a model is of *yes*: from the probabilities of its first word, or from counting what it says."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from ..decoders.base import TokenLogprob

LEAST_MASS = 0.02
"""Less probability than this on both words together means that the model said something else."""
_WORD = re.compile(r"[^\w]*(yes|no)\b", re.IGNORECASE)


class Belief(NamedTuple):
    """How probable a yes is.

    Attributes:
        score: Probability of yes in [0, 1].
        variance: Its variance, 0 where the probability was read rather than estimated.
        detail: Where it comes from, in words.
    """

    score: float
    variance: float
    detail: str


def belief(yes: float, no: float) -> Belief | None:
    """The share of *yes* in the probability of both words, None where neither has any to speak of."""
    mass = yes + no
    if not mass >= LEAST_MASS:
        return None
    return Belief(yes / mass, 0.0, f"yes has {yes / mass:.2f} of the probability")


def _stands_for(token: str) -> str:
    """``yes``, ``no`` or nothing: the word that a token begins or is, whatever its case and the space before it."""
    word = token.replace("\u0120", " ").replace("\u2581", " ").strip().strip("\"'*`").lower()
    if not word:
        return ""
    return next((answer for answer in ("yes", "no") if answer.startswith(word)), "")


def _blank(token: str) -> bool:
    return not token.replace("\u0120", " ").replace("\u2581", " ").strip().strip("\"'*`")


def word_probability(tokens: Sequence[TokenLogprob]) -> Belief | None:
    """P(yes) from the first token that is not blank, over all its alternatives that begin either word.

    Alternatives that were not reported count as 0, so with few of them this is rough. None where the model says
    something else.
    """
    token = next((token for token in tokens if not _blank(token.token)), None)
    if token is None:
        return None
    mass = {"yes": 0.0, "no": 0.0, "": 0.0}
    for text, logprob in {token.token: token.logprob, **token.top}.items():
        mass[_stands_for(text)] += math.exp(min(0.0, logprob))
    return belief(mass["yes"], mass["no"])


def count_votes(texts: Sequence[str]) -> Belief | None:
    """Mean and variance of the Beta posterior (uniform prior) over the share of yes; None if no vote can be read.

    With ``y`` yes among ``k`` readable votes: ``(y + 1) / (k + 2)``, and the variance of ``Beta(y + 1, k - y + 1)``.
    """
    votes = [match.group(1).lower() for text in texts if (match := _WORD.match(text))]
    if not votes:
        return None
    yes = votes.count("yes")
    a, b = yes + 1, len(votes) - yes + 1
    mean, variance = a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1))
    return Belief(mean, variance, f"{yes} of {len(votes)} votes say yes")


__all__ = ["LEAST_MASS", "Belief", "belief", "count_votes", "word_probability"]
