"""Problems of the family `code`: what is public, what is sealed, and how both are drawn."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ....planner.errors import ConfigError
from ..base import Frozen, Gold, Problem, PublicProblem, Split, pick
from .inputs import draw_hidden, draw_shown
from .invariants import INVARIANTS, holding
from .operations import OPERATIONS, Step, compose
from .phrases import phrase, read_step
from .rules import draw_rules
from .structures import MAX_STEPS, Structures, draw_structure, matters, with_constants
from .telling import tell
from .values import Shape

__all__ = [
    "NAME",
    "CodeGold",
    "CodeProblem",
    "CodePublic",
    "Difficulty",
    "Example",
    "generate",
    "gold_plan",
    "public_of",
]

NAME = "code"
FUNCTIONS = ("f", "g", "h", "solve", "tidy", "change", "build", "convert")
PARAMETERS = {
    Shape.NUMBERS: ("xs", "nums", "values"),
    Shape.WORDS: ("words", "names", "labels"),
    Shape.TEXT: ("text", "line", "s"),
}


class Difficulty(Frozen):
    """How hard a problem is.

    Attributes:
        operations: Steps that the function is made of.
        examples: Cases that the question shows.
        rules: Constraints on the program's text.
        invariants: Properties of the result that are told, where the function has so many.
        distractors: Sentences that tell of operations the function does not do.
        shuffled: Whether the steps are told by number, in any order; else in their own order.
        structures: Which compositions: ``seen`` (those of training), ``held_out``, or ``all``. Whatever it says, no
            training problem has a held-out one.
        locked: Whether the rules come with the task as locked items too.
    """

    operations: Annotated[int, Field(ge=1, le=MAX_STEPS)] = 3
    examples: Annotated[int, Field(ge=1, le=6)] = 2
    rules: Annotated[int, Field(ge=0, le=3)] = 1
    invariants: Annotated[int, Field(ge=0, le=3)] = 1
    distractors: Annotated[int, Field(ge=0, le=5)] = 1
    shuffled: bool = False
    structures: Structures = "all"
    locked: bool = False


class Example(Frozen):
    """A case as it is written: both are literals of Python.

    Attributes:
        argument: The one argument.
        gives: What must come out.
    """

    argument: str
    gives: str

    @classmethod
    def of(cls, argument: Any, gives: Any) -> Example:
        """The case of two plain values."""
        return cls(argument=repr(argument), gives=repr(gives))

    @cached_property
    def values(self) -> tuple[Any, Any]:
        """The argument and the result as values."""
        return ast.literal_eval(self.argument), ast.literal_eval(self.gives)


class CodePublic(PublicProblem):
    """What a method may see; all of it is in the question too.

    Attributes:
        function: Name of the function.
        parameter: Name of its parameter.
        takes: What it takes.
        examples: The visible cases.
        rules: The constraints on the program's text, as ``code:`` checks say them.
    """

    function: str
    parameter: str
    takes: Shape
    examples: tuple[Example, ...]
    rules: tuple[str, ...] = ()


class CodeGold(Gold):
    """What the grader knows.

    Attributes:
        steps: The steps in their normal form.
        hidden: The cases that grade.
        structure: Names of the operations in order.
    """

    steps: tuple[str, ...]
    hidden: tuple[Example, ...]
    structure: tuple[str, ...]

    @cached_property
    def composition(self) -> tuple[Step, ...]:
        """The steps, ready to be computed."""
        read = [read_step(text) for text in self.steps]
        return tuple(step for step in read if step is not None)


CodeProblem = Problem[CodeGold]


def public_of(problem: CodeProblem) -> CodePublic:
    """What a method sees of a problem of this family."""
    assert isinstance(problem.public, CodePublic)
    return problem.public


def generate(seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> CodeProblem:
    """Draws one problem; the same arguments give the same problem. No program is run for it.

    Args:
        seed: Any non-negative integer.
        difficulty: How hard; the middle level if None.
        split: Which half of the seed space. Training problems have training structures only.

    Raises:
        ConfigError: Training problems of held-out structures are asked for, or there is no such structure.
    """
    difficulty = difficulty or Difficulty()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=split.spawn_key))
    shape, steps = _composition(rng, difficulty, split)
    function = pick(rng, FUNCTIONS)
    parameter = PARAMETERS[shape][int(rng.integers(3))]
    inputs = draw_hidden(rng, shape)
    while not matters(steps, inputs):
        shape, steps = _composition(rng, difficulty, split)
        parameter = PARAMETERS[shape][int(rng.integers(3))]
        inputs = draw_hidden(rng, shape)
    examples = _examples(rng, shape, steps, difficulty.examples)
    rules = draw_rules(rng, steps, difficulty.rules)
    invariants = _invariants(rng, steps, shape, examples, difficulty.invariants)
    idle = _distractors(rng, steps, shape, difficulty.distractors)
    public = CodePublic(
        id=f"{NAME}-{split}-{difficulty.operations}-{seed}",
        family=NAME,
        question=tell(
            rng, f"{function}({parameter})", function, shape, steps, idle, rules, invariants,
            [(example.argument, example.gives) for example in examples], shuffled=difficulty.shuffled,
        ),
        goal=f"write {function}({parameter})",
        constraints=tuple(f"C{i}: [code: {rule}]" for i, rule in enumerate(rules, 1)) if difficulty.locked else (),
        size=difficulty.operations + difficulty.distractors,
        function=function,
        parameter=parameter,
        takes=shape,
        examples=examples,
        rules=rules,
    )  # fmt: skip
    gold = CodeGold(
        plan=gold_plan(public, steps, invariants),
        steps=tuple(map(phrase, steps)),
        hidden=tuple(Example.of(value, compose(steps, value)) for value in inputs),
        structure=tuple(step.name for step in steps),
    )
    return CodeProblem(public=public, gold=gold)


def _composition(rng: np.random.Generator, difficulty: Difficulty, split: Split) -> tuple[Shape, tuple[Step, ...]]:
    which: Structures = difficulty.structures
    if split is Split.TRAIN:
        if which == "held_out":
            raise ConfigError("training problems never have held-out structures")
        which = "seen"
    shape, operations = draw_structure(rng, difficulty.operations, which)
    return shape, with_constants(rng, operations)


def _examples(rng: np.random.Generator, shape: Shape, steps: Sequence[Step], count: int) -> tuple[Example, ...]:
    """Cases to show, drawn so that most results are not empty."""
    found: list[Example] = []
    for attempt in range(20 * count):
        (value,) = draw_shown(rng, shape, 1)
        result = compose(steps, value)
        if result or attempt > 10 * count:
            found.append(Example.of(value, result))
        if len(found) == count:
            break
    return tuple(found)


def _invariants(
    rng: np.random.Generator, steps: Sequence[Step], shape: Shape, examples: Sequence[Example], count: int
) -> tuple[str, ...]:
    """Invariants that the steps have and an example can test."""
    if not any(example.values[1] for example in examples):
        return ()
    names = holding(steps, shape)
    order = rng.permutation(len(names))
    return tuple(names[int(i)] for i in order[:count])


def _distractors(rng: np.random.Generator, steps: Sequence[Step], shape: Shape, count: int) -> tuple[Step, ...]:
    """Steps that the function does not do, of kinds that it could."""
    shapes = {shape}
    for step in steps:
        shape = step.gives(shape)
        shapes.add(shape)
    used = {step.name for step in steps}
    pool = [o for o in OPERATIONS.values() if shapes & set(o.takes) and o.name not in used]
    order = rng.permutation(len(pool))[:count]
    return with_constants(rng, [pool[int(i)] for i in order])


def gold_plan(public: CodePublic, steps: Sequence[Step], invariants: Sequence[str]) -> str:
    """The plan that holds signature, rules, invariants and steps, in plan notation, without a final newline."""
    lines = [f"goal: {public.goal}"]
    if public.constraints:
        lines += [line.replace(":", "!:", 1) for line in public.constraints]
    stated = [f"[code: defines {public.function}({public.parameter})]"]
    stated += [] if public.constraints else [f"[code: {rule}]" for rule in public.rules]
    shown = next((example for example in public.examples if example.values[1]), public.examples[0])
    for name in invariants:
        check = INVARIANTS[name].check(public.function, shown.argument, shown.values[1])
        stated.append(f"{INVARIANTS[name].label} [test: {check}]")
    lines += [f"I{number}: {text}" for number, text in enumerate(stated, 1)]
    for number, step in enumerate(steps, 1):
        lines.append(f"S{number}: {phrase(step)}" + (f" <- S{number - 1}" if number > 1 else ""))
    return "\n".join(lines)
