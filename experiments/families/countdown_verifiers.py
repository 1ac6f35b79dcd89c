"""Countdown's own exact verifiers: the numbers at hand, and the distance to the target.

The distance is what makes the family deceptive: it is exact, cheap and informative to look at, and says next to nothing
about how many edits away a solution is. It judges the goal alone, and never passes what does not reach the target.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from fractions import Fraction

from ...planner.checks import RelationCheck
from ...planner.expressions import Relation
from ...planner.plan import Plan
from ...planner.task import Task
from ...planner.verdicts import Verdict
from ...planner.verifier import Judgement, Verifier
from ...planner.witnesses import GOAL, Violated
from ...verifiers.memo import PlanMemo
from .countdown_rules import RESULT, Rules, Step, Walk, step_of, walk
from .hands import hand_of, told

__all__ = ["DistanceVerifier", "RulesVerifier", "closeness", "plan_walk"]


def plan_steps(plan: Plan) -> dict[str, Step]:
    """The steps of a plan by id: its subgoals that are equations."""
    found: dict[str, Step] = {}
    for item in plan.items:
        relation = item.check.relation if isinstance(item.check, RelationCheck) else None
        step = step_of(relation) if item.kind == "S" and isinstance(relation, Relation) else None
        if step is not None:
            found[item.id] = step
    return found


def plan_walk(rules: Rules, plan: Plan) -> tuple[dict[str, str], Walk]:
    """The fault of each step of a plan by id, and the whole walk."""
    steps = plan_steps(plan)
    walked = walk(rules, list(steps.values()))
    return dict(zip(steps, walked.faults, strict=True)), walked


class RulesVerifier(Verifier):
    """Judges that each step takes only what is at hand and keeps to the rules, and that the end is the target alone.

    Args:
        rules: The rules of the problem.
    """

    name = "hand"
    stage = 1
    trust = "exact"

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._walk = PlanMemo(lambda _, plan: plan_walk(rules, plan))

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The fault of a step; for the goal, what is left at the end."""
        faults, walked = self._walk(task, plan)
        if item_id == GOAL:
            return (self._rules, self._end(faults, walked)) if faults else None
        return (self._rules, faults[item_id]) if item_id in faults else None

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Fails what takes a number that is not there, what the rules forbid, and what is left over."""
        faults, walked = self._walk(task, plan)
        verdicts: dict[str, Verdict] = {}
        for item_id in item_ids:
            if item_id == GOAL:
                end = self._end(faults, walked)
                verdicts[item_id] = Verdict.failed(reason=end) if end else Verdict.ok()
            elif faults[item_id]:
                verdicts[item_id] = Verdict.failed(Violated(item=item_id, detail=faults[item_id]))
            else:
                verdicts[item_id] = Verdict.ok()
        return Judgement(verdicts)

    def _end(self, faults: dict[str, str], walked: Walk) -> str:
        """What is wrong with the end, empty where nothing is."""
        if RESULT not in walked.values:
            return f"no step gives {RESULT}"
        value = walked.values[RESULT]
        hands = walked.hands
        if self._rules.every:
            if hand_of([value]) in hands:
                return ""
            return f"the steps end with {told(min(hands))}, not with {RESULT} alone"
        return "" if any(value in hand for hand in hands) else f"{RESULT} is used up"


def closeness(value: Fraction | None, aim: int) -> float:
    """A score in [0, 1) for a value that misses the target, by the logarithm of the distance; 0 where there is none.

    One off is 0.5, and every fourfold distance costs about as much as the one before it.
    """
    if value is None:
        return 0.0
    return 1.0 / (1.0 + math.log2(1.0 + float(min(abs(value - aim), Fraction(10**9)))))


class DistanceVerifier(Verifier):
    """Judges the goal by how far the result is from the target: deceptive on purpose.

    Args:
        rules: The rules of the problem.
    """

    name = "distance"
    stage = 1
    trust = "exact"

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._value = PlanMemo(lambda _, plan: plan_walk(rules, plan)[1].values.get(RESULT))

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The value of the result, for the goal alone."""
        return (self._rules.aim, self._value(task, plan)) if item_id == GOAL else None

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Passes the target, and fails the rest by degrees."""
        value = self._value(task, plan)
        if value == self._rules.aim:
            return Judgement({item_id: Verdict.ok() for item_id in item_ids})
        reason = f"no step gives {RESULT}" if value is None else f"{RESULT} is {value}, not {self._rules.aim}"
        failed = Verdict.failed(score=closeness(value, self._rules.aim), reason=reason[:200])
        return Judgement({item_id: failed for item_id in item_ids})
