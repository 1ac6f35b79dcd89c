"""What a plan says, step by step, and what somebody who follows it to the letter comes to. Nothing is run for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ....planner.checks import TestCheck
from ....planner.errors import PlanError
from ....planner.plan import Plan
from ....verifiers.assertions import Assertion, Finding, call_text
from ....verifiers.code_checks import CodeCheck, Constraint
from ....verifiers.comparing import Comparison, shown
from ....verifiers.programs import ProgramCheck
from ....verifiers.sandbox.base import Call, CallResult
from ....verifiers.unit_tests import read_test
from .operations import Step, compose, first_misfit
from .phrases import read_step
from .problem import CodePublic, Example
from .values import Shape, fits

__all__ = ["COMPARISON", "Reading", "judge_example", "judge_test", "misfit_of", "read_plan", "states_signature"]

COMPARISON = Comparison(types="python", sequences="alike")
"""When a result counts as the expected one: a question does not tell a tuple from a list."""


class Reading(NamedTuple):
    """A plan as far as it can be followed.

    Attributes:
        steps: The subgoals that are steps, by id, in plan order; None where a line tells none that is known.
        rules: Constraints on the program's text, by id; None where one cannot be read.
        tests: Texts of the ``test:`` checks, by id.
        carries: Whether the plan carries a program of its own.
    """

    steps: dict[str, Step | None]
    rules: dict[str, Constraint | None]
    tests: dict[str, str]
    carries: bool

    @property
    def composition(self) -> tuple[Step, ...] | None:
        """The steps in order; None where there is none, or one that cannot be read."""
        found = tuple(step for step in self.steps.values() if step is not None)
        return found if found and len(found) == len(self.steps) else None


def read_plan(plan: Plan) -> Reading:
    """Reads steps, rules and tests off a plan."""
    steps: dict[str, Step | None] = {}
    for item in plan.items:
        step = read_step(item.text) if item.kind == "S" else None
        if step is not None or (item.kind == "S" and not isinstance(item.check, CodeCheck | TestCheck | ProgramCheck)):
            steps[item.id] = step
    return Reading(
        steps,
        {item.id: item.check.constraint for item in plan.items if isinstance(item.check, CodeCheck)},
        {item.id: item.check.text for item in plan.items if isinstance(item.check, TestCheck)},
        any(isinstance(item.check, ProgramCheck) for item in plan.items),
    )


def states_signature(constraint: Constraint, public: CodePublic) -> bool | None:
    """Whether a constraint names the function of the question with its parameter; None where it names none."""
    if constraint.form != "defines":
        return None
    return constraint.word == public.function and constraint.parameters in (None, (public.parameter,))


def misfit_of(steps: dict[str, Step | None], takes: Shape) -> tuple[str, str] | None:
    """The first step that does not take what comes to it, and why; None where all fit or one cannot be read."""
    known = [step for step in steps.values() if step is not None]
    if len(known) < len(steps) or (place := first_misfit(known, takes)) is None:
        return None
    shape = takes
    for step in known[:place]:
        shape = step.gives(shape)
    wanted = " or ".join(known[place].operation.takes)
    return list(steps)[place], f"it takes {wanted} and gets {shape}"


def judge_example(example: Example, steps: Sequence[Step], public: CodePublic) -> Finding:
    """What the steps, which fit each other, make of a case."""
    argument, wanted = example.values
    call = call_text(Call(public.function, (argument,)))
    try:
        got = compose(steps, argument)
    except PlanError as error:
        return Finding("fail", call, example.gives, str(error))
    same = COMPARISON.same(got, wanted)
    return Finding("pass" if same else "fail", call, example.gives, shown(got))


def judge_test(text: str, steps: Sequence[Step], public: CodePublic) -> Finding | None:
    """What the steps, which fit each other, say of a ``test:``; None where it is none that they could answer."""
    test = read_test(text)
    if not isinstance(test, Assertion):
        return None
    results: list[CallResult] = []
    for call in test.calls:
        if call.function != public.function:
            return Finding("fail", call_text(call), f"a call of {public.function}", "another function")
        if len(call.args) != 1 or call.kwargs or not fits(call.args[0], public.takes):
            return None
        try:
            results.append(CallResult("value", compose(steps, call.args[0])))
        except PlanError:
            return None
    return test.judge(results, COMPARISON)
