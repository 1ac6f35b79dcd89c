r"""What random edits achieve in a :class:`~planneal.experiments.known_world.World`: every edit's chance, enumerated.

A step replaces, inserts, deletes or moves, each with chance 1/4, an item that is drawn evenly among the plan's own;
what is said comes from an item of the plan (of the same kind for a replacement), drawn evenly too. So a part is mended
only by another part that is right, and a deleted one is gone for good. Places count, because a move in front of the
next item changes nothing and is not judged. The budget is in verifier calls: one for the draft, one for each plan that
an edit changes.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from .known_chain import PATIENCE, STEPS, geometric
from .known_world import FAILS, HOLDS, RESTS, SLIPS, World

__all__ = ["at_random"]


class Said(NamedTuple):
    """An item.

    Attributes:
        role: Its number, 0 for the task's constraint and -1 for what was inserted.
        kind: ``S``, or ``C`` for constraints.
        text: What it says.
        edited: Whether an edit wrote it, which makes it another item though it say the same.
    """

    role: int
    kind: str
    text: str
    edited: bool = False


State = tuple[Said, ...]
CONSTRAINT = Said(0, "C", "every part is right")


def at_random(
    world: World, judged: int, temperature: Callable[[float], float] = geometric, start: float = 0.15
) -> tuple[float, float]:
    """Chance of a right answer, and the share of all courses that was not followed to the end (it adds at most that).

    Args:
        world: The laws.
        judged: Cap on verifier calls, a few.
        temperature: Of the share of the run that is over.
        start: Temperature of the first step.
    """
    solved = lost = 0.0
    states: dict[tuple[State, int, int, float], float] = {}
    for state, share in _drafts(world):
        if _whole(state, world.parts):
            solved += share * _deep(state, world.parts)
        elif judged > 1:
            states[state, 1, 0, start] = share
    for step in range(1, STEPS + 1):
        before, states = states, defaultdict(float)
        for (state, used, stalled, heat), share in before.items():
            if share < 1e-9 or stalled >= PATIENCE:  # a new draft: too rare in so few steps to be followed
                lost += share
                continue
            for new, chance in _edited(state).items():
                after = used + (new is not None)
                cooler = temperature(min(1.0, max(step / STEPS, after / judged)))
                if new is None:
                    states[state, after, stalled + 1, cooler] += share * chance
                    continue
                worse = _energy(new, world.parts) - _energy(state, world.parts)
                taken = 1.0 if worse <= 1e-12 else math.exp(-worse / heat)
                if _whole(new, world.parts):
                    solved += share * chance * taken * _deep(new, world.parts)
                elif after < judged and _open(new, world.parts):  # else the budget is spent and a part is wrong
                    states[new, after, 0, cooler] += share * chance * taken
                if taken < 1 and after < judged:
                    states[state, after, stalled + 1, cooler] += share * chance * (1 - taken)
    return solved * (1 - world.slip), lost + sum(states.values())


def _drafts(world: World) -> Iterator[tuple[State, float]]:
    for rights in itertools.product((True, False), repeat=world.parts + 1):
        share, items = 1.0, [CONSTRAINT]
        for role, right in enumerate(rights, start=1):
            deep = role > world.parts
            chance = world.deep if deep else world.part
            share *= chance if right else 1 - chance
            items.append(Said(role, "S", (RESTS if right else SLIPS) if deep else (HOLDS if right else FAILS)))
        yield tuple(items), share


@lru_cache(maxsize=200_000)
def _edited(state: State) -> Mapping[State | None, float]:
    """Every plan that one random edit leads to, with its chance; None where it changes nothing."""
    found: dict[State | None, float] = defaultdict(float)
    own = [place for place, item in enumerate(state) if item.role]
    if not own:
        return {None: 1.0}
    for place in own:
        item, share = state[place], 1 / (4 * len(own))
        rest = state[:place] + state[place + 1 :]
        pool = [other for other in state if other.kind == item.kind]
        for other in pool:
            new = Said(item.role, item.kind, other.text, edited=True)
            found[None if new == item else (*state[:place], new, *state[place + 1 :])] += share / len(pool)
        for other in state:
            new = Said(-1, other.kind, other.text, edited=True)
            found[(*state[:place], new, *state[place:])] += share / len(state)
        found[rest] += share
        for anchor in range(len(rest)):
            moved = (*rest[:anchor], item, *rest[anchor:])
            found[None if anchor == place else moved] += share / len(rest)
    return found


def _energy(state: State, parts: int) -> float:
    """Half of the discounted cost of the goal: the wrong parts and those that lack, of as many as were drafted."""
    said = [item for item in state if item.kind == "S"]
    cost = sum(item.text == FAILS for item in said) + max(0, parts + 1 - len(said))
    return 0.45 * min(1.0, cost / (parts + 1))


def _texts(state: State) -> dict[int, str]:
    return {item.role: item.text for item in state if item.role > 0}


def _whole(state: State, parts: int) -> bool:
    texts = _texts(state)
    return all(texts.get(role) == HOLDS for role in range(1, parts + 1))


def _deep(state: State, parts: int) -> bool:
    return _texts(state).get(parts + 1) == RESTS


def _open(state: State, parts: int) -> bool:
    """Whether all that the answer needs is still there."""
    texts = _texts(state)
    return all(role in texts for role in range(1, parts + 2))
