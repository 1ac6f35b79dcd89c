"""Compositions by their structure, the tuple of their operations' names: which are for training, and drawing one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal

import numpy as np

from ....planner.errors import ConfigError
from ..base import pick
from .operations import OPERATIONS, Operation, Step, compose
from .values import Shape

__all__ = ["MAX_STEPS", "Structures", "draw_structure", "held_out", "matters", "structure_of", "walk", "with_constants"]

Structures = Literal["seen", "held_out", "all"]
MAX_STEPS = 6
_HELD_OUT = 64
"""Of 256 structures about so many are held out."""
_STARTS = ((Shape.NUMBERS, 0.6), (Shape.WORDS, 0.25), (Shape.TEXT, 0.15))
_LISTS = (Shape.NUMBERS, Shape.WORDS)


def structure_of(steps: Sequence[Step]) -> tuple[str, ...]:
    """The names of the operations in order: what is held out, whatever the constants."""
    return tuple(step.name for step in steps)


def held_out(structure: Sequence[str]) -> bool:
    """Whether problems of this structure are kept from training. By a hash of the names, the same everywhere."""
    return hashlib.sha256(" ".join(structure).encode()).digest()[0] < _HELD_OUT


def _ends(operation: Operation) -> bool:
    return operation.gives not in (None, *_LISTS)


def _start(rng: np.random.Generator) -> Shape:
    draw = rng.random()
    for shape, share in _STARTS:
        if draw < share:
            return shape
        draw -= share
    return Shape.NUMBERS


def walk(rng: np.random.Generator, start: Shape, count: int) -> list[Operation] | None:
    """A composition whose shapes fit, no operation twice; None where the walk came to a dead end."""
    shape, found = start, list[Operation]()
    ending = rng.random() < 0.35
    for place in range(count):
        last = place == count - 1
        pool = [o for o in OPERATIONS.values() if shape in o.takes and o not in found and (last or not _ends(o))]
        if last and any(_ends(o) == ending for o in pool):
            pool = [o for o in pool if _ends(o) == ending]
        if not pool:
            return None
        found.append(pick(rng, pool))
        shape = found[-1].gives or shape
    return found


def draw_structure(rng: np.random.Generator, count: int, which: Structures) -> tuple[Shape, list[Operation]]:
    """A composition of so many operations, from the seen ones, the held-out ones or all; and what it starts from.

    Raises:
        ConfigError: None was found in many draws.
    """
    for _ in range(2000):
        start = _start(rng)
        found = walk(rng, start, count)
        if found is None:
            continue
        kept = held_out([operation.name for operation in found])
        if which == "all" or kept == (which == "held_out"):
            return start, found
    raise ConfigError(f"no {which} composition of {count} operations found")


def with_constants(rng: np.random.Generator, operations: Sequence[Operation]) -> tuple[Step, ...]:
    """The operations with their constants drawn."""
    return tuple(Step(o, tuple(pick(rng, draws) for draws in o.constants)) for o in operations)


def matters(steps: Sequence[Step], inputs: Sequence[object]) -> bool:
    """Whether every step changes some result, so that none can be left out unseen, and the results differ at all."""
    whole = [compose(steps, value) for value in inputs]
    if len({repr(value) for value in whole}) < min(4, len(inputs)):
        return False
    befores: list[object] = list(inputs)
    for place, step in enumerate(steps):
        rest = steps[place + 1 :]
        if not _seen(befores, rest, whole):
            return False
        befores = [step(value) for value in befores]
    return True


def _seen(befores: Sequence[object], rest: Sequence[Step], whole: Sequence[object]) -> bool:
    """Whether the results differ where the values go on to the rest without the step between."""
    for before, wanted in zip(befores, whole, strict=True):
        try:
            if compose(rest, before) != wanted:
                return True
        except (TypeError, AttributeError, ValueError):
            return True  # without the step the next one does not fit
    return False
