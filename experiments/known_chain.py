r"""What a search under an acceptance rule achieves in a :class:`~planneal.experiments.known_world.World`, exactly.

The state is the number w of wrong parts of k, and whether the deep item is right. The energy is :math:`0.45 w / (k +
1)`: half of it is the constraint's, and the goal's is discounted by 0.9. Each step flips an item that is drawn evenly,
by the world's chances, and what is worse is taken with :math:`e^{-\Delta / T}`; ten steps without a change lead to a
new draft, once. It ends when all parts are right, or when the next step's worst case does not fit beside the answer's.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable
from typing import NamedTuple

from .known_laws import EACH, allowed
from .known_world import PROMPT, World

__all__ = ["PATIENCE", "STEPS", "geometric", "refined"]

STEPS, PATIENCE = 48, 10
"""Most steps of a search, and steps without a change after which it starts again, once."""
EDIT = 64
"""Completion tokens that an edit may take."""


def geometric(progress: float) -> float:
    """Planneal's cooling: from 0.15 to 0.005 in equal factors."""
    return 0.15 * math.exp(progress * math.log(0.005 / 0.15))


class _State(NamedTuple):
    """Wrong parts, whether the deep item is right, steps without a change, new drafts, steps, and the temperature."""

    wrong: int
    deep: bool
    stalled: int
    restarts: int
    step: int
    heat: float

    @property
    def spent(self) -> int:
        """Tokens so far."""
        return EACH * (1 + self.step + self.restarts)


def refined(world: World, budget: int, temperature: Callable[[float], float], *, start: float) -> float:
    """Chance of a right answer, by propagating the whole distribution step by step.

    Args:
        world: The laws.
        budget: Cap on tokens.
        temperature: Of the share of the run that is over: the larger of the shares of steps and of tokens, the answer's
            among them.
        start: Temperature of the first step; 0 accepts nothing worse.
    """
    return _Chain(world, budget, temperature).right(start)


class _Chain:
    def __init__(self, world: World, budget: int, temperature: Callable[[float], float]) -> None:
        longest = allowed(budget)
        assert longest is not None, "below that the answer is a direct one"
        self._world, self._budget, self._temperature = world, budget, temperature
        self._draft, self._answer = PROMPT + longest, PROMPT + longest  # at worst
        self._states: dict[_State, float] = defaultdict(float)
        self._solved = 0.0

    def right(self, start: float) -> float:
        self._drafted(1.0, 0, 0, start)
        while self._states:
            before, self._states = self._states, defaultdict(float)
            for state, share in before.items():
                self._go_on(state, share)
        return self._solved * (1 - self._world.slip)

    def _arrived(self, state: _State, share: float) -> None:
        if state.wrong:
            self._states[state] += share
        elif state.deep:
            self._solved += share

    def _drafted(self, share: float, restarts: int, step: int, heat: float) -> None:
        world = self._world
        for wrong, deep in itertools.product(range(world.parts + 1), (True, False)):
            ways = math.comb(world.parts, wrong) * (1 - world.part) ** wrong * world.part ** (world.parts - wrong)
            chance = ways * (world.deep if deep else 1 - world.deep)
            self._arrived(_State(wrong, deep, 0, restarts, step, heat), share * chance)

    def _go_on(self, state: _State, share: float) -> None:
        left = self._budget - self._answer - state.spent
        if state.stalled >= PATIENCE and state.restarts == 0:
            if self._draft <= left:
                self._drafted(share, 1, state.step, state.heat)
        elif left >= PROMPT + EDIT and state.step < STEPS:
            self._stepped(state, share)

    def _stepped(self, state: _State, share: float) -> None:
        world, wrong, deep = self._world, state.wrong, state.deep
        over = max((state.step + 1) / STEPS, (state.spent + EACH + self._answer) / self._budget)
        moved = state._replace(stalled=0, step=state.step + 1, heat=self._temperature(min(1.0, over)))
        worse = math.exp(-0.45 / (world.parts + 1) / state.heat) if state.heat > 0 else 0.0
        moves = {
            moved._replace(wrong=wrong - 1): wrong * world.mends,
            moved._replace(wrong=wrong + 1): (world.parts - wrong) * world.breaks * worse,
            moved._replace(deep=not deep): world.breaks if deep else world.mends,
        }
        for new, weight in moves.items():
            self._arrived(new, share * weight / (world.parts + 1))
        stayed = 1 - sum(moves.values()) / (world.parts + 1)
        self._arrived(moved._replace(stalled=state.stalled + 1), share * stayed)
