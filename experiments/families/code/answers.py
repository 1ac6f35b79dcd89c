"""The answer that a plan implies: a program whose comments cite the items it follows."""

from __future__ import annotations

from ....planner.checks import TestCheck
from ....planner.errors import PlanError
from ....planner.notation import parse_plan
from ....verifiers.code_checks import CodeCheck
from .following import read_plan
from .problem import CodeProblem, public_of
from .rendering import program
from .rules import style_for

__all__ = ["answer_text", "fence"]


def fence(source: str, final: str) -> str:
    """A program as an answer shows it, the final line last."""
    return f"```python\n{source}```\nanswer: {final}"


def answer_text(problem: CodeProblem, plan: str | None = None) -> str:
    """The answer of somebody who follows the plan to the letter, right or wrong as the plan is.

    The signature and the rules are the plan's where it has them: the program is written in the first style that keeps
    them all, or the plain one where none does.

    Args:
        problem: The problem.
        plan: The plan in notation; the gold one if None.

    Raises:
        PlanError: The plan does not parse, or has a step that nobody could follow to the letter.
    """
    public = public_of(problem)
    parsed = parse_plan(problem.gold.plan if plan is None else plan)
    reading = read_plan(parsed)
    steps = {item_id: step for item_id, step in reading.steps.items() if step is not None}
    if len(steps) < len(reading.steps):
        unknown = next(item_id for item_id, step in reading.steps.items() if step is None)
        raise PlanError(f"{unknown} is no step that can be followed to the letter")
    function, parameter = public.function, public.parameter
    for constraint in reading.rules.values():
        if constraint is not None and constraint.form == "defines":
            function = constraint.word
            parameter = constraint.parameters[0] if constraint.parameters else parameter
    rules = [item.check.text for item in parsed.items if isinstance(item.check, CodeCheck)]
    told = [item.id for item in parsed.items if item.kind != "S" and isinstance(item.check, CodeCheck | TestCheck)]
    style = style_for(rules, list(steps.values()), function, parameter) or "comprehension"
    source = program(list(steps.values()), function, parameter, style, cites=list(steps), head=told)
    last = [*told[:1], *steps][-1:]
    return fence(source, f"{function} [{last[0]}]" if last else function)
