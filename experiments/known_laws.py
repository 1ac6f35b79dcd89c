r"""What each method achieves in a :class:`~planneal.experiments.known_world.World`, computed and not measured.

Nothing here calls a method, a search, an acceptance rule or a resampler: chances are sums over what can be drawn, from
the descriptions alone. What a budget pays for follows from one rule, *a request is made if its worst case fits*, and
the world's flat price; :mod:`~planneal.experiments.known_answers` checks it against what the model was asked.

Notation: :math:`v` is the chance that all parts of a draft are right, :math:`q` that a direct answer is.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
from numpy.polynomial import polynomial

from .known_world import COMPLETION, PROMPT, World

__all__ = [
    "allowed",
    "answered",
    "asks",
    "best_answer",
    "best_plan",
    "drafts",
    "filtered",
    "followed",
    "particles",
    "rewritten",
    "sampled",
    "sharpened",
    "shuffled",
    "thought",
    "voted",
]

EACH = PROMPT + COMPLETION
"""Tokens of a request for one completion."""
LONGEST, LEAST, LINE = 512, 16, 72
"""Completion tokens: the most of an answer or a draft, the least worth asking for, the most of a line."""


# --- what a budget pays for


def asks(budget: int) -> int:
    """Requests for one completion, made one after the other as long as 16 tokens of it fit."""
    return max(0, (budget - PROMPT - LEAST) // EACH + 1)


def sampled(budget: int, most: int, spent: int = 0) -> int:
    """Answers to one prompt: as many at once as surely fit, then more, taken to be at most twice as long as those."""
    count, longest, least = 0, LONGEST, LEAST
    while count < most:
        room = budget - spent - PROMPT
        together = min(most - count, room // longest) or 1
        if min(room, longest) < least:
            break
        count, spent = count + together, spent + PROMPT + together * COMPLETION
        longest = least = 2 * COMPLETION
    return count


def allowed(budget: int) -> int | None:
    """Completion tokens of a draft, and of an answer, that leave the other affordable; None where there are none."""
    for share in (1.0, 0.75, 0.5, 0.35, 0.25, 0.15, 0.1):
        most = int(LONGEST * share)
        if 2 * (PROMPT + most) + most <= budget:
            return most
    return None


def drafts(budget: int, together: int = 64, most: int = 64) -> int:
    """Drafts that are paid for while an answer is kept affordable: one, then as many at once as surely fit."""
    longest = allowed(budget)
    if longest is None:
        return 0
    count, left = 1, budget - (PROMPT + longest) - EACH
    while count < most and left >= PROMPT + longest:
        more = min(together, most - count, (left - PROMPT) // longest)
        count, left = count + more, left - PROMPT - more * COMPLETION
    return count


def particles(budget: int, most: int = 16) -> int:
    """Particles whose growth of twelve lines, each asked for with the prompt again, is surely paid for."""
    longest = allowed(budget)
    if longest is None:
        return 0
    left, rounds = budget - (PROMPT + 2 * longest), 12
    return max(1, min(most, left // (rounds * (PROMPT + rounds * LINE // 4 + LINE // 2))))


# --- answers without a plan


def answered(world: World, *, told: bool = False) -> float:
    """q: the chance that one answer is right."""
    right = world.told if told else world.right
    return world.sound * right[0] + (1 - world.sound) * right[1]


def thought(world: World, rounds: int) -> float:
    r"""Longer thought: the first line stands, values are drawn anew, and the last that there is counts.

    .. math:: \sum_k P(k) \frac{r_k}{1 - n_k} (1 - n_k^{R + 1})

    over first lines k, with chances :math:`r_k` of the right value and :math:`n_k` of none.
    """
    kinds = zip((world.sound, 1 - world.sound), world.right, world.none, strict=True)
    return sum(share * right / (1 - none) * (1 - none ** (rounds + 1)) for share, right, none in kinds)


def voted(world: World, count: int, *, silent_votes: bool = False) -> float:
    r"""Majority of N answers: right if it has the most votes; of t values with as many each is first as often.

    A multinomial sum in the form :math:`N! [x^N] \frac{(qx)^c}{c!} \binom mt \big(\frac{(wx)^c}{c!}\big)^t
    \big(\sum_{j<c} \frac{(wx)^j}{j!}\big)^{m-t} e^{ux} / (t + 1)` over c and t, with m wrong values of chance w
    each and answers without a value (u), which do not vote.

    Args:
        world: The laws.
        count: N.
        silent_votes: Lets answers without a value vote as one more wrong value; what must not be.
    """
    q = answered(world)
    u = world.sound * world.none[0] + (1 - world.sound) * world.none[1]
    w, m = (1 - q - u) / world.wrongs, world.wrongs
    rivals = [w] * m + ([u] if silent_votes else [])
    silent = _powers(0.0 if silent_votes else u, count)
    total = 0.0
    for c in range(1, count + 1):
        chosen = _powers(q, count) * (np.arange(count + 1) == c)
        ways = {0: _cut(polynomial.polymul(chosen, silent), count)}  # by the number of rivals with as many votes
        for rival in rivals:
            less = _powers(rival, count) * (np.arange(count + 1) < c)
            same = _powers(rival, count) * (np.arange(count + 1) == c)
            more: dict[int, np.ndarray] = defaultdict(lambda: np.zeros(count + 1))
            for ties, way in ways.items():
                more[ties] = more[ties] + _cut(polynomial.polymul(way, less), count)
                more[ties + 1] = more[ties + 1] + _cut(polynomial.polymul(way, same), count)
            ways = more
        total += sum(way[count] / (ties + 1) for ties, way in ways.items())
    return float(total * math.factorial(count))


def _powers(chance: float, most: int) -> np.ndarray:
    """Coefficients of exp(chance x), up to x^most."""
    return np.asarray([chance**j / math.factorial(j) for j in range(most + 1)])


def _cut(series: np.ndarray, most: int) -> np.ndarray:
    return np.pad(series, (0, max(0, most + 1 - series.size)))[: most + 1]


def best_answer(world: World, count: int) -> float:
    """Best of N answers: the first that is sound, else the first."""
    none = (1 - world.sound) ** count
    return (1 - none) * world.right[0] + none * world.right[1]


def rewritten(world: World, rounds: int) -> float:
    """Self-refinement: a chain of two states, right or not, that ends where the model hears nothing wrong."""
    right, none = world.rewrites
    step = np.zeros((4, 4))  # going on and right, going on and not, ended and right, ended and not
    step[2, 2] = step[3, 3] = 1.0
    for state, heard in enumerate(world.hears):
        step[state, 2 + state] = heard
        step[state, 0] += (1 - heard) * right
        step[state, state] += (1 - heard) * none
        step[state, 1] += (1 - heard) * (1 - right - none)
    q = answered(world)
    found = np.asarray([q, 1 - q, 0, 0]) @ np.linalg.matrix_power(step, rounds)
    return float(found[0] + found[2])


def sharpened(world: World, proposals: int, alpha: float = 4.0, *, lines: bool = True) -> float:
    r"""Metropolis on :math:`p^\alpha` over all texts by powers of its matrix.

    A text has one line (no value) or two. The cut is even over its lines. From cut 0 all is drawn anew and taken with
    :math:`\min(1, (p(y)/p(x))^{\alpha - 1} n_x / n_y)`; from cut 1 the value alone; drawing none there is no proposal.

    Args:
        world: The laws.
        proposals: Steps of the chain.
        alpha: Exponent.
        lines: Whether the ratio :math:`n_x / n_y` of lines is part of it; without it the chain would be another.
    """
    texts = [(kind, value) for kind in (0, 1) for value in range(world.wrongs + 2)]  # 0 none, 1 right, then wrong ones
    first = (world.sound, 1 - world.sound)

    def value(kind: int, said: int) -> float:
        wrong = (1 - world.right[kind] - world.none[kind]) / world.wrongs
        return world.none[kind] if said == 0 else world.right[kind] if said == 1 else wrong

    chance = np.asarray([first[kind] * value(kind, said) for kind, said in texts])
    count = np.asarray([1 if said == 0 else 2 for _, said in texts])
    move = np.zeros((len(texts), len(texts)))
    for (i, (kind, said)), (j, (other, new)) in itertools.product(enumerate(texts), enumerate(texts)):
        if i == j:
            continue
        ratio = count[i] / count[j] if lines else 1.0
        move[i, j] += chance[j] / count[i] * min(1.0, (chance[j] / chance[i]) ** (alpha - 1) * ratio)
        if said and new and kind == other:
            better = value(kind, new) / value(kind, said)
            move[i, j] += value(kind, new) / 2 * min(1.0, better ** (alpha - 1))
    move += np.diag(1 - move.sum(axis=1))
    found = chance @ np.linalg.matrix_power(move, proposals)
    return float(sum(share for share, (_, said) in zip(found, texts, strict=True) if said == 1))


# --- answers from plans


def followed(world: World) -> float:
    """The chance of a right answer from a plan whose parts are all right: its deep item is, and nothing slips."""
    return world.deep * (1 - world.slip)


def best_plan(world: World, count: int) -> float:
    """The best of N drafts, or drafts until one is verified: one of them has all parts right."""
    return float((1 - (1 - world.part**world.parts) ** count) * followed(world))


def shuffled(world: World) -> float:
    """An answer from a draft whose items were exchanged: parts are alike, the deep item must be in its place."""
    return float(world.part**world.parts * followed(world) / (world.parts + 1))


def filtered(world: World, count: int, *, weighting: float = 0.5) -> float:
    r"""Particles, each clean or not, in order: grown by a line, resampled systematically, enumerated exactly.

    A beginning with a wrong part has energy 0.45 and so weight :math:`e^{-0.45 / 0.5}`, one without 1. After the parts
    comes the deep item, then the end, each with a resampling. The first clean one is answered from.

    Args:
        world: The laws.
        count: Particles.
        weighting: Temperature of the weights; infinity would resample evenly.
    """
    dirty = math.exp(-0.45 / weighting)
    beginnings: Mapping[tuple[bool, ...], float] = {(True,) * count: 1.0}
    for _ in range(world.parts):
        beginnings = _resampled(_grown(beginnings, world.part), lambda clean: 1.0 if clean else dirty)
    total = 0.0
    # The deep item cannot be seen: of a plan that is resampled with or without it, it is right with its chance.
    for _ in range(2):
        beginnings = _resampled(beginnings, lambda clean: 1.0 if clean else dirty)
    total = sum(share for state, share in beginnings.items() if any(state))
    return total * followed(world)


def _grown(states: Mapping[tuple[bool, ...], float], part: float) -> dict[tuple[bool, ...], float]:
    found: dict[tuple[bool, ...], float] = defaultdict(float)
    for state, share in states.items():
        options = [((True, part), (False, 1 - part)) if clean else ((False, 1.0),) for clean in state]
        for grown in itertools.product(*options):
            found[tuple(clean for clean, _ in grown)] += share * math.prod(chance for _, chance in grown)
    return found


def _resampled(
    states: Mapping[tuple[bool, ...], float], weight: Callable[[bool], float]
) -> dict[tuple[bool, ...], float]:
    """Systematic resampling over every value of its one draw: between two breakpoints the outcome is the same."""
    found: dict[tuple[bool, ...], float] = defaultdict(float)
    for state, share in states.items():
        ends = np.cumsum([weight(clean) for clean in state])
        ends = ends / ends[-1] * len(state)
        cuts = sorted({0.0, 1.0, *(float(end % 1.0) for end in ends[:-1])})
        for low, high in itertools.pairwise(cuts):
            points = np.arange(len(state)) + (low + high) / 2
            kept = tuple(state[int(np.sum(ends < point))] for point in points)
            found[kept] += share * (high - low)
    return found
