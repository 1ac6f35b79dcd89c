"""Inputs of a shape: those a question shows, those that grade, and the fixed ones that tell compositions apart."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .values import Shape

__all__ = ["draw_hidden", "draw_shown", "probes"]

_WORDS = """
ant apple bee bell bird boat cake card cat chair coin corn crane deer door eel fern fig fish flag frog goat grape hat
hen iris jar kite lamp leaf lemon lion map melon mint moon nest nut oak olive onion otter owl pan pear pen pine plum
pond rain ring rose rope sail seal snail spoon star stone sun tea tiger toast train tree vase wasp willow wind wolf
"""
WORDS: tuple[str, ...] = tuple(_WORDS.split())
_HIDDEN = 12


def _numbers(rng: np.random.Generator, size: int) -> list[int]:
    """Numbers from -9 to 20, about one in five of them repeated."""
    found = [int(x) for x in rng.integers(-9, 21, size=size)]
    for place in range(1, size):
        if rng.random() < 0.2:
            found[place] = found[int(rng.integers(place))]
    return found


def _words(rng: np.random.Generator, size: int) -> list[str]:
    found = [WORDS[int(i)] for i in rng.integers(len(WORDS), size=size)]
    for place in range(1, size):
        if rng.random() < 0.15:
            found[place] = found[int(rng.integers(place))]
    return found


def _drawn(rng: np.random.Generator, shape: Shape, size: int) -> Any:
    if shape is Shape.NUMBERS:
        return _numbers(rng, size)
    words = _words(rng, size)
    return words if shape is Shape.WORDS else " ".join(words)


def draw_shown(rng: np.random.Generator, shape: Shape, count: int) -> list[Any]:
    """Short inputs for a question."""
    return [_drawn(rng, shape, int(rng.integers(3, 6))) for _ in range(count)]


def draw_hidden(rng: np.random.Generator, shape: Shape) -> list[Any]:
    """Inputs to grade by: an empty list, one item, and longer ones.

    No text is empty or has two spaces in a row: what its words are then, the wordings leave open.
    """
    sizes = [1, 2, 3, 4, *(int(rng.integers(4, 10)) for _ in range(_HIDDEN - 5))]
    found = [_drawn(rng, shape, size) for size in sizes]
    return found if shape is Shape.TEXT else [[], *found]


@lru_cache(maxsize=8)
def probes(shape: Shape) -> tuple[Any, ...]:
    """Fixed inputs, the same for all problems, on which compositions are compared."""
    rng = np.random.default_rng(20_240_607)
    return tuple(_drawn(rng, shape, int(rng.integers(1, 12))) for _ in range(40))
