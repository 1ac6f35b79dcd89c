"""Global constraints on the program's text: how they are told, drawn and kept.

A rule is the text of a ``code:`` check, such as ``no loop`` or ``at most 5 lines``. Every set that is drawn leaves at
least one of the styles of :mod:`.rendering`; the first that is left is how the gold program is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from ....verifiers.code_checks import Constraint, Finding, check_code, read_constraint
from ....verifiers.code_facts import CodeFacts
from ....verifiers.syntax import parse_program
from ..base import pick
from .operations import OPERATIONS, Step
from .rendering import STYLES, Style, program

__all__ = ["RULES", "broken", "constraint_of", "draw_rules", "kept_by", "rule_sentence", "style_for"]

RULES: Mapping[str, tuple[str, str, str]] = {
    "no loop": (
        "Use no loop and no comprehension.",
        "There must be no loop and no comprehension.",
        "Do it without a loop or a comprehension.",
    ),
    "no comprehension": (
        "Use no comprehension or generator.",
        "There must be no comprehension or generator.",
        "Do it without a comprehension or generator.",
    ),
    "no lambda": ("Use no lambda.", "There must be no lambda.", "Do it without a lambda."),
    "no import": ("Use no import.", "There must be no import.", "Do it without an import."),
    "no recursion": ("Use no recursion.", "There must be no recursion.", "Do it without recursion."),
    "at most {n} lines": ("Use at most {n} lines.", "There must be at most {n} lines.", "Do it in at most {n} lines."),
    "calls {n}": ("Use a call of {n}.", "There must be a call of {n}.", "Do it with a call of {n}."),
    "no call {n}": ("Use no call of {n}.", "There must be no call of {n}.", "Do it without a call of {n}."),
}
"""Three wordings of each rule, ``n`` standing for its number or name."""
_AVOIDED = ("sorted", "sum", "len", "max", "min", "map", "filter", "range", "enumerate", ".append", ".sort", "reversed")
_IMPLIES = {"no loop": "no comprehension"}


def rule_sentence(rule: str, wording: int) -> str:
    """A rule in a sentence."""
    for form, wordings in RULES.items():
        pattern = re.escape(form).replace(re.escape("{n}"), r"(\S+)")
        if (found := re.fullmatch(pattern, rule)) is not None:
            return wordings[wording % len(wordings)].format(n=found[1] if found.groups() else "")
    raise ValueError(f"no wording for the rule {rule!r}")


def constraint_of(rule: str) -> Constraint:
    """The rule as it is checked."""
    constraint = read_constraint(rule)
    assert constraint is not None, rule
    return constraint


def _finding(constraint: Constraint, facts: CodeFacts) -> Finding:
    found = check_code(constraint, facts)
    if found.outcome == "unknown" and constraint.sign == "calls":
        return Finding("pass", found.detail)  # it is mentioned: handed on as a function, for instance
    return found


def broken(rules: Iterable[str], source: str) -> tuple[str, ...]:
    """The rules that a program does not visibly keep. What its text leaves open (``eval``) is not granted.

    Raises:
        NotPython: It does not parse.
        TooLarge: It is too large to be looked at.
    """
    facts = CodeFacts(source, parse_program(source))
    return tuple(rule for rule in rules if _finding(constraint_of(rule), facts).outcome != "pass")


def kept_by(constraints: Sequence[Constraint], facts: CodeFacts) -> bool:
    """Whether a program keeps all constraints."""
    return all(_finding(constraint, facts).outcome == "pass" for constraint in constraints)


def style_for(rules: Sequence[str], steps: Sequence[Step], function: str, parameter: str) -> Style | None:
    """The first style in which the steps keep the rules; None where there is none. Unreadable rules do not count."""
    constraints = [constraint for rule in rules if (constraint := read_constraint(rule)) is not None]
    for style in STYLES:
        source = program(steps, function, parameter, style)
        if kept_by(constraints, CodeFacts(source, parse_program(source))):
            return style
    return None


@lru_cache(maxsize=1024)
def _facts(name: str, style: Style) -> CodeFacts:
    """The program of one operation alone: constants do not matter to any rule."""
    operation = OPERATIONS[name]
    source = program([Step(operation, tuple(draws[0] for draws in operation.constants))], "f", "xs", style)
    return CodeFacts(source, parse_program(source))


@lru_cache(maxsize=16_384)
def _keeps(name: str, style: Style, rule: str) -> bool:
    return _finding(constraint_of(rule), _facts(name, style)).outcome == "pass"


def _allowed(rules: Sequence[str], names: Sequence[str], style: Style) -> bool:
    """Whether a program of these operations keeps the rules, from what the programs of each one alone do."""
    for rule in rules:
        if rule.startswith("at most"):
            if 1 + sum(_facts(name, style).code_lines - 1 for name in names) > int(rule.split()[2]):
                return False
        elif not (any if rule.startswith("calls") else all)(_keeps(name, style, rule) for name in names):
            return False
    return True


def draw_rules(rng: np.random.Generator, steps: Sequence[Step], count: int) -> tuple[str, ...]:
    """Draws rules that some style keeps all of, none of which says what another says already."""
    if not count:
        return ()
    names = [step.name for step in steps]
    called = sorted({n for style in STYLES for name in names for n in _facts(name, style).calls if n.isidentifier()})
    pool = ["no loop", "no comprehension", "no lambda", "no import", "no recursion"]
    pool += [f"at most {len(steps) + 1 + int(rng.integers(3))} lines"]
    pool += [f"calls {pick(rng, called)}"] if called else []
    pool += [f"no call {pick(rng, _AVOIDED)}"]
    drawn: list[str] = []
    for index in rng.permutation(len(pool)):
        rules = (*drawn, pool[int(index)])
        if len(drawn) == count or any(_IMPLIES.get(a) == b for a in rules for b in rules) or _clash(rules):
            continue
        if any(_allowed(rules, names, style) for style in STYLES):
            drawn.append(rules[-1])
    return tuple(drawn)


def _clash(rules: Sequence[str]) -> bool:
    """Whether a rule about calls makes another one about the same name idle."""
    names = [rule.split()[-1] for rule in rules if "call" in rule]
    return len(names) != len(set(names))
