"""Game of 24 attempts as plans: an adapter for step-by-step text, and an exact verifier of what is used up.

An attempt is the format that Tree of Thoughts (Yao et al. 2023, arXiv 2305.10601) asks of a model::

    Steps:
    4 + 8 = 12 (left: 4 6 12)
    6 - 4 = 2 (left: 2 12)
    2 * 12 = 24 (left: 24)
    Answer: (6 - 4) * (4 + 8) = 24

Each step becomes an item with a relation (``4 + 8 = 12``) and, as its text, what the model says is left; the answer
becomes ``answer = (6 - 4) * (4 + 8)``, what it is said to be an invariant ``answer = 24``, under the locked demand
``answer = 24``. The relations verifier judges the arithmetic; :class:`HandVerifier` judges that every number used is at
hand, and used once. Text is read by the regular expressions below and planneal's own relation grammar, never evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Sequence
from fractions import Fraction
from typing import NamedTuple

from ...planner.checks import RelationCheck
from ...planner.evaluation import evaluate
from ...planner.expressions import Expression, Relation
from ...planner.plan import Item, Plan
from ...planner.task import Task
from ...planner.verdicts import Verdict
from ...planner.verifier import Judgement, Verifier
from ...planner.witnesses import GOAL, Violated
from .hands import Hand, hand_of, taken, told

TARGET = 24
ANSWER = "answer"
_ARITHMETIC = r"[0-9+\-*/(). ]+"
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:/[0-9]+)?"
_STEP = re.compile(rf"({_ARITHMETIC}(?:={_ARITHMETIC})+)(?: *\(left:((?: +{_NUMBER})+) *\))?\s*")
_ANSWER = re.compile(rf"(?:Answer:)? *({_ARITHMETIC})((?:={_ARITHMETIC})*)")
_LEFT = re.compile(rf"left:((?: {_NUMBER})+)")


class Attempt(NamedTuple):
    """An attempt that was read.

    Attributes:
        task: The puzzle, with the locked demand that the answer be 24.
        plan: The attempt as a plan; None where it cannot be read or gives up.
        trouble: ``""``, ``gave up``, or which line could not be read.
    """

    task: Task
    plan: Plan | None
    trouble: str = ""


def puzzle(numbers: Sequence[int]) -> Task:
    """The task of making 24 from these numbers."""
    given = " ".join(map(str, numbers))
    return Task(
        question=f"Use each of the numbers {given} once, with + - * / and parentheses, to make {TARGET}.",
        target=ANSWER,
        constraints=(f"{ANSWER} = {TARGET}",),
        family="game24",
    )


def read_attempt(numbers: Sequence[int], text: str) -> Attempt:
    """An attempt as a plan.

    Args:
        numbers: The numbers of the puzzle.
        text: What the model wrote, ``Steps:`` line included or not.
    """
    task = puzzle(numbers)
    lines = [line for line in text.strip().split("\n") if line.strip()]
    if lines and lines[0].strip() == "Steps:":
        lines = lines[1:]
    if lines and "=" not in lines[-1] and not _answer_items(lines[-1], 1):
        return Attempt(task, None, "gave up")  # its last line states nothing that could be an answer
    items = list(task.constraints)
    for number, line in enumerate(lines, start=1):
        last = number == len(lines)
        found = _answer_items(line, number) if last else _step_items(line, number)
        if not found:
            return Attempt(task, None, f"{'answer' if last else 'step'}: {line[:80]}")
        items += found
    if not lines:
        return Attempt(task, None, "answer: nothing written")
    return Attempt(task, Plan(goal=task.plan_goal, target=ANSWER, items=tuple(items)))


def _step_items(line: str, number: int) -> list[Item]:
    """The one item of a step, or none where the line cannot be read."""
    found = _STEP.fullmatch(line)
    if found is None:
        return []
    text = f"left: {' '.join(found[2].split())}" if found[2] else ""
    return _readable([Item(id=f"S{number}", text=text, check=RelationCheck(text=found[1].strip()))])


def _answer_items(line: str, number: int) -> list[Item]:
    """The answer's expression and what it is said to be, or none where the line cannot be read."""
    found = _ANSWER.fullmatch(line.strip())
    if found is None or not re.search(r"[0-9]", found[1]):
        return []
    items = [Item(id=f"S{number}", check=RelationCheck(text=f"{ANSWER} = {found[1].strip()}"))]
    if found[2]:
        items.append(Item(id="I1", text="stated", check=RelationCheck(text=f"{ANSWER} {found[2].strip()}")))
    return _readable(items)


def _readable(items: list[Item]) -> list[Item]:
    """The items, or none where planneal's grammar does not read a relation."""
    return items if all(_relation(item) is not None for item in items) else []


def given_numbers(task: Task) -> Hand:
    """The numbers that a puzzle's question gives."""
    found = re.search(r"the numbers ((?:[0-9]+ )+)once", task.question)
    return hand_of(int(number) for number in found[1].split()) if found else ()


class Use(NamedTuple):
    """What one item does to the hand.

    Attributes:
        fault: What is wrong, empty where nothing is.
        after: What may be at hand afterwards; empty where that is unknown because of an earlier fault.
    """

    fault: str
    after: frozenset[Hand]


def hand_uses(task: Task, plan: Plan) -> dict[str, Use]:
    """What each step does to the hand, in order, and whether the answer uses exactly what was given.

    A step takes the numbers of its first side and puts its value there instead. Where a step is at fault the walk goes
    on from what the model says is left, so that one slip is not told again and again.
    """
    given = given_numbers(task)
    hands = frozenset({given})
    uses: dict[str, Use] = {}
    for item in plan.items:
        relation = _relation(item)
        if relation is None or item.kind != "S":
            continue
        if relation.defines == ANSWER:
            whole = any(not rest for rest in taken(relation.terms[1], given))
            fault = "" if whole else f"the answer does not use {told(given)} once each"
            uses[item.id] = Use(fault, hands)
            continue
        uses[item.id] = _step(relation.terms[0], item.text, hands)
        hands = uses[item.id].after
    return uses


def _relation(item: Item) -> Relation | None:
    found = item.check.relation if isinstance(item.check, RelationCheck) else None
    return found if isinstance(found, Relation) else None


def _step(first: Expression, text: str, hands: frozenset[Hand]) -> Use:
    written = _LEFT.fullmatch(text)
    said = frozenset({hand_of(map(Fraction, written[1].split()))}) if written else frozenset()
    value = evaluate(first, {})
    rests = {rest for hand in hands for rest in taken(first, hand)}
    if value is None or not rests:
        return Use("it uses a number that is not at hand", said or hands)
    after = frozenset(hand_of((*rest, value)) for rest in rests)
    if said and not said & after:
        return Use(f"left is {told(min(after))}, not {told(min(said))}", said)
    return Use("", said & after or after)


class HandVerifier(Verifier):
    """Judges that an attempt uses only the numbers at hand, each once, and ends with the target alone."""

    name = "hand"
    stage = 1
    trust = "exact"

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The fault of a step or of the answer; for the goal, what is left at the end."""
        uses = hand_uses(task, plan)
        if item_id != GOAL:
            return uses[item_id].fault if item_id in uses else None
        return tuple(sorted(list(uses.values())[-1].after)) if uses else None

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Fails what takes a number that is not there, or says that something else is left."""
        uses = hand_uses(task, plan)
        verdicts: dict[str, Verdict] = {}
        for item_id in item_ids:
            if item_id == GOAL:
                verdicts[item_id] = _end(list(uses.values())[-1].after)
            elif uses[item_id].fault:
                verdicts[item_id] = Verdict.failed(Violated(item=item_id, detail=uses[item_id].fault))
            else:
                verdicts[item_id] = Verdict.ok()
        return Judgement(verdicts)


def _end(hands: frozenset[Hand]) -> Verdict:
    if (Fraction(TARGET),) in hands:
        return Verdict.ok()
    return Verdict.failed(reason=f"the steps end with {told(min(hands))}" if hands else "the steps end with nothing")


__all__ = [
    "ANSWER",
    "TARGET",
    "Attempt",
    "HandVerifier",
    "Use",
    "hand_of",
    "hand_uses",
    "puzzle",
    "read_attempt",
    "taken",
]
