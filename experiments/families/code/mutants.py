"""Answers that are nearly right: programs with one step changed, or one rule broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ....planner.errors import PlanError
from .answers import fence
from .following import COMPARISON
from .operations import OPERATIONS, Step, compose, first_misfit
from .problem import CodeProblem, public_of
from .rendering import STYLES, program
from .rules import broken, style_for
from .structures import with_constants
from .values import Shape

__all__ = ["differs", "mutants", "wrong_answers"]

_SIBLINGS = {
    "even": "odd", "odd": "even", "above": "below", "below": "above", "sort_up": "sort_down", "sort_down": "sort_up",
    "first": "last", "last": "first", "longer": "shorter", "shorter": "longer", "containing": "lacking",
    "lacking": "containing", "largest": "smallest", "smallest": "largest", "alphabet": "sort_length",
    "sort_length": "alphabet", "running_total": "running_largest", "running_largest": "running_total",
    "add": "subtract", "subtract": "add", "sum": "count", "count": "sum", "times": "add", "reverse": "rotate",
    "rotate": "reverse", "skip": "first", "negate": "absolute", "absolute": "negate",
}  # fmt: skip
_MOST = 6


def mutants(rng: np.random.Generator, steps: Sequence[Step], takes: Shape) -> Iterator[tuple[Step, ...]]:
    """Compositions one change away, in random order, and at last with a step added.

    The change is another constant, or a step dropped, swapped with the next or replaced.
    """
    found: list[tuple[Step, ...]] = []
    for place, step in enumerate(steps):
        before, after = tuple(steps[:place]), tuple(steps[place + 1 :])
        found.append((*before, *after))
        if after:
            found.append((*before, after[0], step, *after[1:]))
        if step.operation.constants:
            found += [(*before, drawn, *after) for drawn in with_constants(rng, [step.operation] * 3) if drawn != step]
        if (sibling := OPERATIONS.get(_SIBLINGS.get(step.name, ""))) is not None:
            fits = bool(sibling.constants) == bool(step.constants) and sibling.name != "alphabet"
            found += [(*before, Step(sibling, step.constants) if fits else with_constants(rng, [sibling])[0], *after)]
    added = [
        (*steps[:place], *with_constants(rng, [OPERATIONS[name]]), *steps[place:])
        for name in ("reverse", "distinct", "skip", "sort_up", "alphabet", "capitals", "negate")
        for place in range(len(steps) + 1)
    ]
    for group in (found, added):
        for index in rng.permutation(len(group)):
            mutant = group[int(index)]
            if mutant != tuple(steps) and first_misfit(mutant, takes) is None:
                yield mutant


def differs(steps: Sequence[Step], cases: Sequence[tuple[Any, Any]]) -> bool:
    """Whether steps that fit each other come to another result on some case."""
    try:
        return any(not COMPARISON.same(compose(steps, argument), wanted) for argument, wanted in cases)
    except PlanError:
        return True


def wrong_answers(rng: np.random.Generator, problem: CodeProblem) -> tuple[str, ...]:
    """Programs that differ from the gold one on the hidden cases, one that breaks a rule, one under another name."""
    public, gold = public_of(problem), problem.gold
    cases = [case.values for case in gold.hidden]
    style = style_for(public.rules, gold.composition, public.function, public.parameter) or STYLES[0]
    made: dict[str, None] = {}
    for mutant in mutants(rng, gold.composition, public.takes):
        if len(made) == _MOST:
            break
        if differs(mutant, cases):
            source = program(mutant, public.function, public.parameter, style)
            made[fence(source, public.function)] = None
    for other in STYLES:
        source = program(gold.composition, public.function, public.parameter, other)
        if broken(public.rules, source):
            made[fence(source, public.function)] = None
            break
    renamed = f"{public.function}_{public.parameter}"
    made[fence(program(gold.composition, renamed, public.parameter, style), renamed)] = None
    return tuple(made)
