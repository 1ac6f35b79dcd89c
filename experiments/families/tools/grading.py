"""Reads answers and plans for the grader. Answers are text of unknown origin: they are read by patterns, never run."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from ....decoders.citations import last_final, read_answer
from ....planner.errors import PlannealError
from ....planner.notation import parse_plan
from ....planner.plan import Plan
from ....verifiers.tool_calls.rules import AtLeast, CallsCheck, Grants, Rule, parse_rule
from ....verifiers.tool_calls.steps import CallSequence
from ..base import PlanGrade
from .draw import ToolsGold, ToolsProblem, ToolsPublic
from .expanded import expanded
from .records import VERBS
from .run_plan import Executed, execute
from .store import GRANTS, Store
from .toolbox import toolbox

__all__ = ["fresh_store", "grade_text", "grade_tools_plan", "read_plan", "run"]

MAX_TEXT = 20_000
"""Longest answer that is read."""
_STEMS = {
    **{form: "cancel" for form in ("cancel", "cancels", "cancelled", "canceled", "cancelling", "canceling")},
    **{form: "refund" for form in ("refund", "refunds", "refunded", "refunding")},
    **{form: "pay" for form in ("pay", "pays", "paid", "payed", "paying")},
    **{form: "hold" for form in ("hold", "holds", "held", "holding")},
}
_NOUN = {"order": ("cancel", "refund"), "invoice": ("pay",), "shipment": ("hold",)}
_FORMS = "|".join(sorted(_STEMS, key=len, reverse=True))
_ACTIVE = re.compile(
    rf"\b({_FORMS})\b\s*[(:]?\s*(?:the\s+)?(?:(order|invoice|shipment)\b)?\s*(?:id|no\.?|number)?\s*[=:#]?\s*"
    r"([0-9]{1,6})\b\s*\)?",
    re.IGNORECASE,
)
_PASSIVE = re.compile(
    r"\b(?:the\s+)?(order|invoice|shipment)\s*#?\s*([0-9]{1,6})\s*(?:is|was|has been|now|got|:|=)?\s*(?:now\s+)?"
    rf"({_FORMS})\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]{1,9})?|[+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?")
_FILLER = frozenset(
    ("the", "value", "is", "amount", "total", "number", "and", "then", "with", "of", "a", "it", "its", "for")
)


class Final(NamedTuple):
    """What an answer says at its end.

    Attributes:
        changes: What it says was written, as pairs (tool, id).
        rest: What is left of the final value.
    """

    changes: frozenset[tuple[str, int]]
    rest: str


def _changes(text: str) -> tuple[frozenset[tuple[str, int]], str]:
    """The changes that a text tells, and the text without them."""
    found: set[tuple[str, int]] = set()

    def passive(match: re.Match[str]) -> str:
        stem = _STEMS[match[3].lower()]
        if stem not in _NOUN[match[1].lower()]:
            return match[0]
        found.add((stem, int(match[2])))
        return " , "

    def active(match: re.Match[str]) -> str:
        stem = _STEMS[match[1].lower()]
        if match[2] and stem not in _NOUN[match[2].lower()]:  # `the paid order 14` says what it was before
            return match[0]
        found.add((stem, int(match[3])))
        return " , "

    rest = _ACTIVE.sub(active, _PASSIVE.sub(passive, text))
    return frozenset(found), rest


def read_final(text: str) -> Final:
    """The final value of an answer's whole text, or of a final value alone, with the changes that it tells."""
    lines = read_answer(text[:MAX_TEXT])
    final = last_final(lines)
    last = " ".join(line.text for line in lines[-1:]) if final is None else final
    changes, rest = _changes(last)
    if not changes:
        for line in lines:
            if line.final is None:
                changes |= _changes(line.text)[0]
    return Final(changes, rest)


def _same_value(rest: str, gold: ToolsGold) -> bool:
    words = re.sub(r"[\"'`*_()]", " ", rest.lower())
    if isinstance(gold.value, str):
        kept = [word for word in re.findall(r"[^\s,;.:=]+", words) if word not in _FILLER]
        return kept == gold.value.lower().split()
    numbers = _NUMBER.findall(words)
    left = [word for word in re.findall(r"[^\s,;.:=]+", _NUMBER.sub(" ", words)) if word not in _FILLER]
    if len(numbers) != 1 or any(word not in gold.units for word in left):
        return False
    return Fraction(numbers[0].replace(",", "")) == gold.value


def grade_text(gold: ToolsGold, text: str) -> bool:
    """Whether an answer tells the right value and, where something was to be written, exactly the right changes."""
    final = read_final(text)
    return _same_value(final.rest, gold) and final.changes == frozenset(gold.changes)


def read_plan(text: str) -> Plan | None:
    """A plan in notation, or None where it cannot be read."""
    try:
        return parse_plan(text)
    except (PlannealError, ValueError):
        return None


def fresh_store(public: ToolsPublic) -> Store:
    """A store of this problem as it is before any call; it keeps to the problem's rules."""
    return Store(public.records, [parse_rule(rule) for rule in public.rules])


def run(public: ToolsPublic, plan: Plan) -> Executed:
    """Executes a plan on a fresh store."""
    return execute(plan, toolbox(public.tools), fresh_store(public))


def _kept(plan: Plan, rules: list[Rule]) -> bool:
    """Whether a plan keeps to rules, by reading alone."""
    sequence, holders = CallSequence(plan), Grants(frozenset(), GRANTS)
    return not any(list(rule.breaches(sequence, holders)) for rule in rules)


def grade_tools_plan(problem: ToolsProblem, text: str) -> PlanGrade:
    """Grades a plan by executing it: its answer, what it leaves in the store, and whether it keeps to the rules.

    A plan that does more calls than the gold one but nothing wrong is right and not exact. `missing` counts the gold's
    calls that the plan does not make, `extra` the plan's that the gold does not; a call is taken with all that its
    arguments refer to. `false` counts calls that break, rules that are broken, and changes that were not to be made.
    """
    public, gold = problem.public, problem.gold
    assert isinstance(public, ToolsPublic)
    plan, model = read_plan(text), read_plan(gold.plan)
    assert model is not None
    if plan is None:
        return PlanGrade(right=False, missing=gold.calls)
    ran = run(public, plan)
    rules = [parse_rule(rule) for rule in public.rules]
    own = [item.check.rule for item in plan.items if isinstance(item.check, CallsCheck)]
    kept = _kept(plan, rules) and _kept(plan, [r for r in own if isinstance(r, Rule) and not isinstance(r, AtLeast)])
    wrong = [change for change in ran.changes if change not in gold.changes]
    made, wanted = expanded(plan), expanded(model)
    same = ran.value == gold.value and isinstance(ran.value, str) == isinstance(gold.value, str)
    right = kept and not ran.at and same and ran.state == gold.state
    missing = sum(1 for call in set(wanted.values()) if call not in made.values())
    extra = [item for item, call in made.items() if call not in wanted.values()]
    return PlanGrade(
        right=right,
        exact=right and len(made) == gold.calls,
        missing=0 if right else missing,
        false=bool(ran.at) + len(wrong) + (not kept),
        extra=len([item for item in extra if item != ran.at]) + (len(made) - len(set(made.values()))),
    )


assert set(_STEMS.values()) == set(VERBS)
