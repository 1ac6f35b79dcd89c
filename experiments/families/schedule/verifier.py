"""The verifier of schedules: does every thing stand in the plan once, and are as many rules stated as there are?"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from ....planner.checks import OrderCheck
from ....planner.errors import ExpressionError
from ....planner.ordering import name_of, parse_ordering, standing
from ....planner.plan import Item, Plan
from ....planner.task import Task
from ....planner.verdicts import Verdict
from ....planner.verifier import Judgement, Verifier
from ....planner.witnesses import GOAL, Duplicate, GoalNotReached, Malformed, Unplaced, Witness

__all__ = ["EntriesVerifier"]


class EntriesVerifier(Verifier):
    """Judges that the subgoals are the things to be ordered, each once, and whether the whole is an answer.

    The goal passes where every thing has its place, the plan states as many different order checks as the question has
    rules, and all of them hold. While a check fails the goal is `unknown`, at no cost: the check itself is priced, and
    must not be cheaper to drop than to keep. Whether the checks are those of the question is not seen here: a rule that
    the plan does not state, or states wrongly, no exact verifier can miss.

    Args:
        entries: The things, as the question lists them.
        rules: How many rules it states.
    """

    name = "entries"
    stage = 0
    trust = "exact"

    def __init__(self, entries: Sequence[str], rules: int) -> None:
        self._entries = tuple(entries)
        self._rules = rules

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """For a subgoal its name and the one it repeats; for the goal all names in order and all order checks."""
        if item_id != GOAL:
            item = plan[item_id]
            return (name_of(item.text), self._original(plan, item)) if item.kind == "S" else None
        return tuple(name for _, name in _row(plan)), tuple(_checks(plan)), _broken(plan)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Names what is missing, doubled or foreign."""
        return Judgement(
            {i: self._goal(plan) if i == GOAL else self._place(plan, plan[i]) for i in item_ids}
        )

    def _original(self, plan: Plan, item: Item) -> str:
        """The id of the subgoal that holds the same thing and stands before it, empty if none."""
        name = name_of(item.text)
        first = next(other.id for other, said in _row(plan) if said == name)
        return first if first != item.id else ""

    def _place(self, plan: Plan, item: Item) -> Verdict:
        original = self._original(plan, item)
        if name_of(item.text) not in self._entries:
            return Verdict.failed(Malformed(item=item.id, reason=f"{item.text or 'nothing'} is not to be put in order"))
        return Verdict.failed(Duplicate(item=item.id, original=original)) if original else Verdict.ok()

    def _goal(self, plan: Plan) -> Verdict:
        names = [name for _, name in _row(plan)]
        faults: list[Witness] = [Unplaced(text=entry) for entry in self._entries if entry not in names]
        stated = len(set(_checks(plan)))
        if stated < self._rules:
            faults.append(GoalNotReached(reason=f"the plan states {stated} of {self._rules} rules"))
        if faults:
            return Verdict.failed(*faults)
        if len(names) > len(self._entries):
            return Verdict.failed(reason="something stands there twice, or does not belong there")
        if _broken(plan):
            return Verdict.unknown("the order breaks a rule that the plan states", score=1.0)
        return Verdict.ok()


def _row(plan: Plan) -> Iterator[tuple[Item, str]]:
    return ((item, name_of(item.text)) for item in plan.items if item.kind == "S")


def _checks(plan: Plan) -> Iterator[str]:
    return (item.check.text for item in plan.items if item.kind != "S" and isinstance(item.check, OrderCheck))


def _broken(plan: Plan) -> bool:
    """Whether some order check does not hold, or cannot be read."""
    for text in _checks(plan):
        try:
            ordering = parse_ordering(text)
        except ExpressionError:
            return True
        found = standing(plan, ordering)
        if found.unknown or found.absent or not ordering.holds(found.places()):
            return True
    return False
