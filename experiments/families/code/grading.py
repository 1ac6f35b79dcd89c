"""Grading: an answer by its program's results and the rules on its text, a plan by what its steps come to."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from ....planner.checks import TestCheck
from ....planner.errors import PlanError, SandboxUnavailable
from ....planner.notation import parse_plan
from ....verifiers.assertions import Case
from ....verifiers.code_checks import CodeCheck
from ....verifiers.program_runs import run_tests
from ....verifiers.programs import ProgramCheck, fenced
from ....verifiers.sandbox.base import Call, Sandbox
from ....verifiers.syntax import NotPython, TooLarge, parse_program
from ..base import PlanGrade
from .following import COMPARISON, Reading, judge_test, read_plan, states_signature
from .inputs import probes
from .operations import Step, compose, first_misfit
from .phrases import phrase
from .problem import CodeProblem, Example, public_of
from .rules import broken, constraint_of

__all__ = ["cases_of", "computes", "grade", "grade_plan", "program_of"]

_CITED = re.compile(r"[ \t]+\[\s*[CIS][1-9][0-9]*(?:\s*[,;]\s*[CIS][1-9][0-9]*)*\s*\][ \t]*$", re.MULTILINE)
_FINAL = re.compile(r"^[*_>#-]* ?(?:final +)?answer[*_]* ?:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_TRIMMED = 30
"""Most lines after a bare program that are taken for prose."""


def cases_of(function: str, examples: tuple[Example, ...]) -> tuple[Case, ...]:
    """Cases as the verifier of programs takes them."""
    return tuple(Case(Call(function, (one.values[0],)), one.values[1]) for one in examples)


def _texts(text: str, function: str) -> Iterator[str]:
    """What may be the program of an answer, the likeliest first."""
    text = text.replace("\r\n", "\n")
    if (last := fenced(text)) is not None:
        yield last
        yield fenced(text, "all") or ""
        return
    bare = _CITED.sub("", _FINAL.sub("", text))
    yield bare
    begins = re.search(rf"^(?:(?:async +def|def|import|from|@)\b|{function} *=)", bare, re.MULTILINE)
    if begins is not None:
        lines = bare[begins.start() :].rstrip().split("\n")
        for end in range(len(lines), max(0, len(lines) - _TRIMMED), -1):
            yield "\n".join(lines[:end])
    yield from (_CITED.sub("", final).strip(" `") for final in reversed(_FINAL.findall(text)))


def _binds(tree: ast.Module, function: str) -> bool:
    """Whether a program gives the function's name a meaning, as far as its text shows."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function:
            return True
        if isinstance(node, ast.Name) and node.id == function and isinstance(node.ctx, ast.Store):
            return True
        if isinstance(node, ast.alias) and (node.asname or node.name) in (function, "*"):
            return True
    return False


def program_of(text: str, function: str) -> str | None:
    """The program in an answer that defines the function, or None.

    It may stand in a code fence, among prose, alone, or after ``answer:``; citations at the ends of lines are dropped.
    """
    for found in _texts(text, function):
        source = _CITED.sub("", found)
        for candidate in dict.fromkeys((found, source)):
            try:
                if _binds(parse_program(candidate), function):
                    return source if _parses(source) else candidate
            except (NotPython, TooLarge):
                continue
    return None


def _parses(source: str) -> bool:
    try:
        parse_program(source)
    except (NotPython, TooLarge):
        return False
    return True


async def grade(problem: CodeProblem, text: str, sandbox: Sandbox) -> bool:
    """Whether an answer's program keeps the rules and is right on every hidden and visible case.

    Raises:
        SandboxUnavailable: The program could not be run here, so nothing can be said about it.
    """
    public = public_of(problem)
    source = program_of(text, public.function)
    if source is None or broken(public.rules, source):
        return False
    cases = cases_of(public.function, (*problem.gold.hidden, *public.examples))
    report = await run_tests(sandbox, source, cases, comparison=COMPARISON)
    if report.outcome == "unsupported":
        raise SandboxUnavailable(f"the program needs more of Python than any sandbox here has: {report.reason}")
    return report.outcome == "pass"


def computes(problem: CodeProblem, steps: tuple[Step, ...]) -> bool:
    """Whether steps come to the described function: the same results on hidden, visible and fixed inputs."""
    public, gold = public_of(problem), problem.gold
    if first_misfit(steps, public.takes) is not None:
        return False
    inputs = [one.values for one in (*gold.hidden, *public.examples)]
    inputs += [(value, compose(gold.composition, value)) for value in probes(public.takes)]
    try:
        return all(COMPARISON.same(compose(steps, value), wanted) for value, wanted in inputs)
    except PlanError:
        return False


def grade_plan(problem: CodeProblem, plan: str) -> PlanGrade:
    """Grades a plan by what its steps come to, whatever their wording; extra steps that change nothing do no harm.

    It is right where its steps come to the described function, it states every rule of the question, and nothing else
    that it states is untrue. A program that it carries is not run.
    """
    public, gold = public_of(problem), problem.gold
    try:
        parsed = parse_plan(plan)
    except PlanError:
        return PlanGrade(right=False, missing=len(gold.steps) + len(public.rules))
    reading = read_plan(parsed)
    wanted = {constraint_of(rule) for rule in public.rules}
    untrue = _untrue(reading, problem)
    untrue += sum(
        item.check is not None and not isinstance(item.check, CodeCheck | TestCheck | ProgramCheck)
        for item in parsed.items
    )
    lacking = len(wanted - set(reading.rules.values()))
    has = Counter(phrase(step) for step in reading.steps.values() if step is not None)
    needed = Counter(gold.steps)
    composition = reading.composition
    reached = composition is not None and computes(problem, composition)
    if not reached:
        missing = (needed - has).total() + lacking
        strange = sum(step is None for step in reading.steps.values())
        return PlanGrade(right=False, missing=missing, false=untrue + strange + (has - needed).total())
    right = not lacking and not untrue
    said = [constraint for constraint in reading.rules.values() if constraint is not None]
    extra = max(0, len(reading.steps) - len(needed)) + len(said) - len(set(said))
    exact = right and not extra and tuple(map(phrase, composition or ())) == gold.steps
    return PlanGrade(right=right, exact=exact, missing=lacking, false=untrue, extra=extra)


def _untrue(reading: Reading, problem: CodeProblem) -> int:
    """How many rules, signatures and tests of a plan are not the problem's own or do not hold of the function."""
    public, found = public_of(problem), 0
    wanted = {constraint_of(rule) for rule in public.rules}
    for constraint in reading.rules.values():
        signature = None if constraint is None else states_signature(constraint, public)
        found += not signature if signature is not None else constraint not in wanted
    for text in reading.tests.values():
        finding = judge_test(text, problem.gold.composition, public)
        found += finding is None or finding.outcome != "pass"
    return found
