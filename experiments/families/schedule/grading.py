"""Grading orders, however they are written, and plans. Untrusted text is taken apart by regular expressions only."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ....planner.checks import OrderCheck
from ....planner.errors import PlanError
from ....planner.notation import parse_plan
from ....planner.ordering import name_of
from ....planner.plan import Plan
from ..base import PlanGrade
from .problem import ScheduleProblem, order_of
from .rules import Rule, parse_rule

__all__ = ["grade", "grade_plan", "kept", "read_order", "rules_of"]

MAX_CHARS = 20_000
"""Longest answer that is read."""
_CITATION = re.compile(r"\[\s*[CIS][0-9]{1,6}(?:\s*[,;]\s*[CIS][0-9]{1,6})*\s*\]")
_MARK = re.compile(r"(?<!\w)answer\W*?[:=]", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z_]+|[0-9]+|<-|←|\S")
_FILLERS = frozenset({"the", "and", "then", "next", "first", "last", "lastly", "finally", "order", "is", "so", "row"})
_SEPARATORS = frozenset(",;.:>-=\u2192\u21d2\u2013\u2014|/()[]{}\"'`*#<+&\u2022")


def read_order(text: str, entries: Sequence[str]) -> tuple[str, ...] | None:
    """The order that an answer states, or None where it states none of all entries.

    After the last `answer:`, or in the whole text where there is none. Commas, arrows, brackets, quotes, line breaks
    and words such as `then` separate; numbers before (or after) every name count as places, in whatever order they
    come. Arrows to the left are not read, and neither is a text with a word that is neither a name nor such a
    separator.

    Args:
        text: Untrusted text.
        entries: The names.
    """
    if len(text) > MAX_CHARS:
        return None
    text = _CITATION.sub(" ", text)
    marks = list(_MARK.finditer(text))
    whole = text[marks[-1].end() :] if marks else text
    read = _sequence(whole, entries)
    if read is None and marks:  # something may follow the answer's line
        read = _sequence(whole.strip().split("\n")[0], entries)
    return read


def _sequence(text: str, entries: Sequence[str]) -> tuple[str, ...] | None:
    names: list[str] = []
    numbers: list[int] = []
    shape = ""
    for token in _TOKEN.findall(text):
        word = token.lower()
        if word in entries:
            names.append(word)
            shape += "a"
        elif token.isdecimal() and token.isascii():
            numbers.append(int(token[:9]))
            shape += "1"
        elif token in ("<-", "←") or (word not in _FILLERS and token not in _SEPARATORS):
            return None
    if sorted(names) != sorted(entries):
        return None
    if not numbers:
        return tuple(names)
    if shape not in ("1a" * len(names), "a1" * len(names)) or sorted(numbers) != list(range(1, len(names) + 1)):
        return None
    return tuple(name for _, name in sorted(zip(numbers, names, strict=True)))


def rules_of(problem: ScheduleProblem) -> tuple[Rule, ...]:
    """The rules of a problem."""
    return tuple(rule for check in problem.gold.checks if (rule := parse_rule(check)) is not None)


def kept(order: Sequence[str], rules: Sequence[Rule]) -> int:
    """How many rules an order keeps."""
    places = {name: place for place, name in enumerate(order, start=1)}
    return sum(rule.keeps(places) for rule in rules)


def grade(problem: ScheduleProblem, text: str) -> bool:
    """Whether an answer states an order of all things that keeps every rule: the gold one or any other."""
    order = read_order(text, problem.gold.order)
    return order is not None and kept(order, rules_of(problem)) == len(problem.gold.checks)


def grade_plan(problem: ScheduleProblem, plan: str) -> PlanGrade:
    """Grades a plan by the order of its subgoals and by the rules that it states.

    `missing` counts things without a place and rules that the plan leaves out, `false` things and checks that the
    question does not have, `extra` what is said twice. A plan is right where every thing has one place, all rules of
    the question are kept and nothing is false; whether it states every rule is for `missing` to say and for `exact` to
    ask.
    """
    try:
        read = parse_plan(plan)
    except PlanError:
        return PlanGrade(right=False, missing=len(problem.gold.order) + len(problem.gold.checks))
    entries, rules = problem.gold.order, rules_of(problem)
    order = tuple(name_of(text) for text in order_of(read))
    stated = _stated(read, len(entries))
    asked = {_settled(rule, len(entries)) for rule in rules}
    known = [rule for rule in stated if rule in asked]
    lost = sum(name not in order for name in entries) + len(asked.difference(known))
    false = sum(name not in entries for name in order) + len(stated) - len(known)
    placed = [name for name in order if name in entries]
    extra = len(placed) - len(set(placed)) + len(known) - len(set(known))
    right = not false and sorted(order) == sorted(entries) and kept(order, rules) == len(rules)
    return PlanGrade(right=right, exact=right and not lost and not extra, missing=lost, false=false, extra=extra)


def _settled(rule: Rule | None, size: int) -> Rule | None:
    """The rule in its one form, with the last place as a number."""
    if rule is None:
        return None
    same = rule.same
    return same._replace(number=size) if same.number < 0 else same


def _stated(plan: Plan, size: int) -> list[Rule | None]:
    """What the plan's checks state; None for what is no rule of these kinds."""
    checks = [item.check for item in plan.items if item.check is not None]
    return [_settled(parse_rule(check.text), size) if isinstance(check, OrderCheck) else None for check in checks]
