"""What can be held against a plan for a request by reading both: no gold is known here.

A constant that a call gives must stand in the request, the answer must come from a call, and something must be
answered. These are facts in this family, since its requests name every customer, order and status that is needed.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from ....planner.calls import Array, CallExpression, Join, Object, Reference, Scalar, Value
from ....planner.checks import CallCheck
from ....planner.plan import Plan
from ....planner.task import Task
from ....planner.verdicts import Verdict
from ....planner.verifier import Judgement, Verifier
from ....planner.witnesses import GOAL, BadArgument, GoalNotReached, Unused, Witness
from ....verifiers.memo import PlanMemo
from ....verifiers.tool_calls.rules import Before, parse_rule
from .draw import ToolsPublic
from .grading import run
from .toolbox import ANSWER, READERS

__all__ = ["RequestVerifier"]


class _Facts(NamedTuple):
    """All that the verdict on one call depends on.

    Attributes:
        tool: The tool.
        strange: Pairs (argument, value) of constants that the request does not name.
        invented: Whether it answers with a value that comes from no call.
        unused: Whether nothing refers to what it reads.
    """

    tool: str
    strange: tuple[tuple[str, str], ...] = ()
    invented: bool = False
    unused: bool = False


class RequestVerifier(Verifier):
    """Judges calls by the request's own words, and the goal by whether the calls run through to an answer.

    Args:
        public: The problem.
    """

    name = "request"
    stage = 1
    trust = "exact"

    def __init__(self, public: ToolsPublic) -> None:
        self._public = public
        self._words = frozenset(re.findall(r"[a-z_]+|[0-9]+", public.question.lower()))
        rules = [parse_rule(rule) for rule in public.rules]
        self._wanted = frozenset(rule.first for rule in rules if isinstance(rule, Before))
        self._runs = PlanMemo(lambda task, plan: run(public, plan))
        self.version = f"1-{public.id}"

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """A call's text and whether its result is used; for the goal, every call."""
        if item_id == GOAL:
            return tuple((item.id, str(item.check)) for item in plan.items if isinstance(item.check, CallCheck))
        return self._facts(plan, item_id)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """One verdict for each id."""
        verdicts = {}
        for item_id in item_ids:
            if item_id == GOAL:
                verdicts[item_id] = self._goal(task, plan)
            else:
                facts = self._facts(plan, item_id)
                assert facts is not None
                verdicts[item_id] = _verdict(item_id, facts)
        return Judgement(verdicts)

    def _facts(self, plan: Plan, item_id: str) -> _Facts | None:
        check = plan[item_id].check
        if not isinstance(check, CallCheck) or not isinstance(check.call, CallExpression):
            return None
        call = check.call
        strange = tuple(
            (name, str(constant))
            for name, value in call.arguments
            for constant in _constants(value)
            if call.name != ANSWER and not self._named(constant)
        )
        idle = call.name in READERS and call.name not in self._wanted
        used = any(item_id in item.check.refers for item in plan.items if isinstance(item.check, CallCheck))
        invented = call.name == ANSWER and not call.references
        return _Facts(call.name, strange, invented, idle and not used)

    def _named(self, constant: str | int | float | bool | None) -> bool:
        if isinstance(constant, str):
            return bool(constant) and all(word in self._words for word in constant.lower().split())
        return str(constant) in self._words

    def _goal(self, task: Task, plan: Plan) -> Verdict:
        checks = [item.check.call for item in plan.items if isinstance(item.check, CallCheck)]
        answers = [call for call in checks if isinstance(call, CallExpression) and call.name == ANSWER]
        if not answers:
            return Verdict.failed(GoalNotReached(reason=f"no call of {ANSWER}"))
        ran = self._runs(task, plan)
        if ran.at:
            return Verdict.unknown(f"the calls stop at {ran.at}")
        invented = any(not call.references for call in answers)
        return Verdict.unknown("the answer comes from no call") if invented else Verdict.ok()


def _constants(value: Value) -> Iterator[str | int | float | bool | None]:
    if isinstance(value, Scalar):
        yield value.value
    elif isinstance(value, Array):
        for inner in value.items:
            yield from _constants(inner)
    elif isinstance(value, Object):
        for _, inner in value.fields:
            yield from _constants(inner)
    elif isinstance(value, Join):
        yield from (part for part in value.parts if not isinstance(part, Reference))


def _verdict(item: str, facts: _Facts) -> Verdict:
    found: list[Witness] = [
        BadArgument(item=item, tool=facts.tool, argument=name, problem=f"is {value[:60]}, not in the request")
        for name, value in facts.strange
    ]
    if facts.invented:
        found.append(BadArgument(item=item, tool=ANSWER, argument="value", problem="must come from a call"))
    if found:
        return Verdict.failed(*found)
    if facts.unused:
        advice = Unused(item=item)
        return Verdict(outcome="pass", score=1.0, reason=advice.line, witnesses=(advice,))
    return Verdict.ok()
