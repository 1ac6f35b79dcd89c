"""The tool-call verifier: is the sequence of calls well formed, before anything is executed? Exact, stage 1.

A call is reduced to its text, where its references lead, and the limits that it breaks; a ``calls:`` rule to how it
is broken. These facts *are* the scope, and the verdict is a function of them: a cached one cannot differ from a fresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from ...planner.call_parser import parse_call
from ...planner.calls import CallExpression, Object, Reference, Value, format_value
from ...planner.checks import CallCheck
from ...planner.errors import CallError
from ...planner.plan import Item, Plan
from ...planner.task import Task
from ...planner.verdicts import Verdict
from ...planner.verifier import Judgement, Verifier
from ...planner.witnesses import BadArgument, CallLimit, Malformed, UnknownTool, UnresolvedReference, Witness
from ..memo import PlanMemo
from .fit import Fit, fits
from .rules import CallLimits, CallsCheck
from .schemas import Schema, brief
from .steps import REASONS, CallSequence, Link
from .toolbox import Tool, Toolbox
from .value_types import ANYTHING, Lookup, TypeOf, constant, lookup, plain, type_of

OPEN_SCORE = 1.0
"""Score of what cannot be told here: it costs nothing, a dry run or the item it rests on has the say."""


class CallFacts(NamedTuple):
    """All that the verdict on a call depends on.

    Attributes:
        text: The call as written.
        links: Where its references lead.
        breaches: Limits that it breaks, as pairs (rule, detail).
    """

    text: str
    links: tuple[Link, ...]
    breaches: tuple[tuple[str, str], ...]


class RuleFacts(NamedTuple):
    """All that the verdict on a ``calls:`` rule depends on.

    Attributes:
        rule: The rule, or the text that is none.
        malformed: Why it is none, else empty.
        breaches: Pairs (call at fault or empty, detail).
        movable: Those of the calls at fault that are not locked.
        unreadable: Calls that cannot be read, where that matters.
    """

    rule: str
    malformed: str = ""
    breaches: tuple[tuple[str, str], ...] = ()
    movable: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()


class Problem(NamedTuple):
    """What one look at a call found.

    Attributes:
        witnesses: What is wrong for sure.
        doubts: What cannot be told, in words.
    """

    witnesses: tuple[Witness, ...] = ()
    doubts: tuple[str, ...] = ()


class CallReader:
    """Judges one call at a time against a toolbox; shared by the static check and the dry run.

    Args:
        toolbox: The tools.
    """

    def __init__(self, toolbox: Toolbox) -> None:
        self.toolbox = toolbox

    def problems(self, item: str, call: CallExpression, links: Sequence[Link]) -> Problem:
        """Everything that is wrong with a call, or cannot be told: its tool, its references, its arguments."""
        tool = self.toolbox.get(call.name)
        looked = {ref: self._look(ref, links) for ref in dict.fromkeys(call.references)}
        lost = tuple(
            UnresolvedReference(item=item, reference=str(ref), reason=why)
            for ref, found in looked.items()
            if not found.found and (why := found.missing)
        )
        if tool is None:
            return Problem((UnknownTool(item=item, tool=call.name, nearest=self.toolbox.nearest(call.name)), *lost))
        doubts = tuple(f"{ref}: {found.missing}" for ref, found in looked.items() if found.found and found.missing)
        checked = _arguments(item, tool, call, looked)
        return Problem((*lost, *checked.witnesses), (*doubts, *checked.doubts))

    def _look(self, reference: Reference, links: Sequence[Link]) -> Lookup:
        link = next(link for link in links if link.step == reference.step)
        if link.place == "unreadable":
            return Lookup((ANYTHING,), f"{link.step} {REASONS['unreadable']}")
        if link.place != "earlier":
            return Lookup((), f"{link.step} {REASONS[link.place]}")
        tool = self.toolbox.get(link.tool)
        if tool is None:
            return Lookup((ANYTHING,), f"{link.step} calls {link.tool}, which is no tool")
        if tool.gives is None:
            return Lookup((ANYTHING,), f"the result of {link.tool} is not declared" if reference.path else "")
        found = lookup(tool.gives, reference.path)
        return found._replace(missing=f"{found.missing} ({link.tool})") if found.missing else found


def _arguments(item: str, tool: Tool, call: CallExpression, looked: dict[Reference, Lookup]) -> Problem:
    """Names, then values one by one; the whole only where the schema says more than its arguments do."""

    def bad(argument: str, problem: str) -> BadArgument:
        return BadArgument(item=item, tool=tool.name, argument=argument, problem=problem)

    def of(reference: Reference) -> Schema:
        return looked[reference].schema

    witnesses: list[Witness] = []
    doubts: list[str] = []
    given = dict(call.arguments)
    for name in tool.required:
        if name not in given:
            witnesses.append(bad(name, "is missing"))
    for name, value in call.arguments:
        wanted = tool.argument(name)
        if wanted is None:
            known = ", ".join(tool.parameters.get("properties", {})) or "none"
            witnesses.append(bad(brief(name, 60), brief(f"is unknown; it takes {known}")))
            continue
        answer = fits(type_of(value, of), wanted)
        if answer is Fit.NO:
            witnesses.append(bad(name, _misfit(value, wanted, of)))
        elif answer is Fit.MAYBE:
            doubts.append(f"whether {brief(format_value(value), 60)} fits {name} of {tool.name} is not certain")
    if not tool.plain and not witnesses:
        answer = _whole(tool, call, of)
        if answer is Fit.NO:
            witnesses.append(bad("", "do not fit together"))
        elif answer is Fit.MAYBE:
            doubts.append(f"whether the arguments of {tool.name} fit together is not certain")
    return Problem(tuple(witnesses), tuple(doubts))


def _misfit(value: Value, wanted: Schema, of: TypeOf) -> str:
    if constant(value):
        return "is wrong: " + wanted.complaint(plain(value))
    kind = type_of(value, of).shown
    return brief(f"is wrong: {format_value(value)} is {kind}, not {wanted.shown}")


def _whole(tool: Tool, call: CallExpression, of: TypeOf) -> Fit:
    return fits(type_of(Object(call.arguments), of), tool.takes)


def _call_verdict(reader: CallReader, item: str, facts: CallFacts) -> Verdict:
    """The verdict on one call."""
    try:
        call = parse_call(facts.text)
    except CallError as error:
        reason = f"too large: {error}" if error.reason == "too large" else str(error)
        return Verdict.failed(Malformed(item=item, reason=reason))
    found = reader.problems(item, call, facts.links)
    broken = [CallLimit(item=item, rule=rule, detail=detail) for rule, detail in facts.breaches]
    if found.witnesses or broken:
        return Verdict.failed(*found.witnesses, *broken)
    return Verdict.unknown(brief("; ".join(found.doubts), 400), score=OPEN_SCORE) if found.doubts else Verdict.ok()


def _rule_verdict(item: str, facts: RuleFacts) -> Verdict:
    """The verdict on one ``calls:`` rule."""
    if facts.malformed:
        return Verdict.failed(Malformed(item=item, reason=facts.malformed))
    if facts.breaches:
        detail = brief("; ".join(f"{call}: {why}" if call else why for call, why in facts.breaches))
        return Verdict.failed(CallLimit(item=item, rule=facts.rule, detail=detail, culprits=facts.movable))
    if facts.unreadable:
        return Verdict.unknown(f"{', '.join(facts.unreadable)} cannot be read", score=OPEN_SCORE)
    return Verdict.ok()


class _Survey:
    """One pass over a plan: its calls, and the limits that each breaks."""

    def __init__(self, plan: Plan, limits: CallLimits) -> None:
        self.plan = plan
        self.sequence = CallSequence(plan)
        self._limits = limits
        self._breaches: dict[str, list[tuple[str, str]]] = {}
        for rule in limits.all_rules:
            for breach in rule.breaches(self.sequence, limits.holders):
                self._breaches.setdefault(breach.item, []).append((str(rule), breach.detail))

    def facts(self, item: Item) -> CallFacts | RuleFacts | None:
        if isinstance(item.check, CallCheck):
            links = self.sequence.links(item.id)
            return CallFacts(item.check.text, links, tuple(self._breaches.get(item.id, ())))
        if isinstance(item.check, CallsCheck):
            return self._rule(item.check)
        return None

    def _rule(self, check: CallsCheck) -> RuleFacts:
        rule = check.rule
        if isinstance(rule, str):
            return RuleFacts(check.text, rule)
        found = tuple(rule.breaches(self.sequence, self._limits.holders))
        at_fault = dict.fromkeys(breach.item for breach in found if breach.item)
        movable = tuple(item for item in at_fault if not self.plan[item].locked)
        unreadable = () if rule.counts_unreadable else self.sequence.unreadable
        return RuleFacts(str(rule), "", tuple((b.item, b.detail) for b in found), movable, unreadable)


class ToolCallVerifier(Verifier):
    """Judges ``call:`` and ``calls:`` checks without executing anything.

    Args:
        toolbox: The tools that exist.
        limits: What every sequence must keep to.
        executed: Whether a :class:`~.dry_run.DryRunVerifier` stands beside it. Then calls are for that one to decide:
            this verifier is silent where it cannot tell, and decides rules only.
    """

    name = "tool_calls"
    stage = 1
    trust = "exact"
    decides = frozenset({"call", "calls"})

    def __init__(self, toolbox: Toolbox, limits: CallLimits | None = None, *, executed: bool = False) -> None:
        self._limits = limits or CallLimits()
        self._executed = executed
        self._reader = CallReader(toolbox)
        self._surveys = PlanMemo(lambda task, plan: _Survey(plan, self._limits))
        self._calls = lru_cache(maxsize=8192)(lambda item, facts: _call_verdict(self._reader, item, facts))
        content = f"{toolbox.digest} {self._limits.text} {executed}"
        self.version = "1-" + hashlib.sha256(content.encode()).hexdigest()[:16]
        if executed:
            self.decides = frozenset({"calls"})

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The facts of the item: its text, where its references lead, what it breaks."""
        item = plan.by_id.get(item_id)
        facts = None if item is None else self._surveys(task, plan).facts(item)
        silent = self._executed and isinstance(facts, CallFacts) and self._calls(item_id, facts).outcome == "unknown"
        return None if silent else facts

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """One verdict for each id, from its facts."""
        return Judgement(dict(self._verdicts(self._surveys(task, plan), item_ids)))

    def _verdicts(self, survey: _Survey, item_ids: Sequence[str]) -> Iterator[tuple[str, Verdict]]:
        for item_id in item_ids:
            facts = survey.facts(survey.plan[item_id])
            if isinstance(facts, CallFacts):
                yield item_id, self._calls(item_id, facts)
            elif facts is not None:
                yield item_id, _rule_verdict(item_id, facts)


__all__ = ["OPEN_SCORE", "CallFacts", "CallReader", "Problem", "RuleFacts", "ToolCallVerifier"]
