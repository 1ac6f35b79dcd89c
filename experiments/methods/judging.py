"""Judging plans and answers outside a search: the same verifiers and the same energy as planneal's, no proposer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median_low

from ...decoders.citations import read_answer, statements
from ...planner.chain import Judged
from ...planner.energy import Anchor, difference
from ...planner.errors import BudgetExhausted, NotationError
from ...planner.notation import parse_item
from ...planner.plan import MAX_ITEMS, Item, Plan
from ...planner.stopping import solved
from ...planner.verifier import Verifier
from ...settings import Settings
from ...verifiers.programs import ProgramCheck, fenced
from ..judging_kernel import judging_kernel
from .asking import Seat
from .base import Case

__all__ = ["Judge", "plan_of_answer"]


class Judge:
    """Judges plans of one case one after the other, and keeps the best.

    Args:
        seat: Who pays.
        case: The case.
        verifiers: Who judges.
        settings: The energy's weights.

    Attributes:
        best: The first of the best so far, None before anything was judged.
        place: Its number among what was judged.
    """

    def __init__(self, seat: Seat, case: Case, verifiers: Sequence[Verifier], settings: Settings) -> None:
        judge = seat.role("verify")
        bound = [bind(judge) if (bind := getattr(v, "with_model", None)) is not None else v for v in verifiers]
        self._kernel = judging_kernel(
            case.task,
            bound,
            settings.energy,
            admit=lambda worst: seat.ledger.check(worst, use_reserve=True),
            charge=lambda usage: seat.ledger.charge("verify", usage),
        )
        self._anchor: Anchor | None = None
        self.best: Judged | None = None
        self.place = -1
        self._count = 0

    def anchor_on(self, plans: Sequence[Plan]) -> None:
        """Measures all that is judged from now on by what most of these plans ask of themselves.

        Plans that are judged as they come are measured by the first. Where all are known beforehand, the median keeps
        one that says next to nothing from setting the measure, and then winning by it.
        """
        anchors = [Anchor.of(plan) for plan in plans]
        if anchors:
            self._anchor = Anchor(*(median_low(counts) for counts in zip(*anchors, strict=True)))

    async def judge(self, plan: Plan) -> Judged | None:
        """Judges a plan; None where the budget does not pay for it."""
        self._anchor = self._anchor or Anchor.of(plan)
        try:
            judged = await self._kernel.judge(plan, self._anchor)
        except BudgetExhausted:
            return None
        if self.best is None or difference(judged.energy, self.best.energy) < 0:
            self.best, self.place = judged, self._count
        self._count += 1
        return judged

    @property
    def solved(self) -> bool:
        """Whether every demand of the task was verified on the best plan."""
        return self.best is not None and self.solves(self.best)

    def solves(self, judged: Judged) -> bool:
        """Whether every demand of the task was verified on a plan that was judged here."""
        return solved(judged, self._kernel.exact)


def plan_of_answer(case: Case, text: str) -> Plan:
    """An answer as a plan, so that the verifiers of plans can judge it: every claim an item with what it states.

    A relation becomes an item's check, a program stands with one item, any other claim is an item's text. What the task
    gives comes first. What an answer does not tell (the calls that gave it, say) is not there to be judged.
    """
    seed = case.task.seed_plan()
    taken = {item.id for item in seed.items}
    numbers = (n for n in range(1, 10_000) if f"S{n}" not in taken)
    items: list[Item] = []
    for body in _claims(text):
        if len(items) + len(seed.items) >= MAX_ITEMS:
            break
        try:
            items.append(parse_item(f"S{next(numbers)}: {body}"))
        except NotationError:
            continue
    return Plan(goal=seed.goal, target=seed.target, items=(*seed.items, *items))


def _claims(text: str) -> list[str]:
    """What an answer states, as bodies of items."""
    source = fenced(text)
    if source is not None:
        return [f"[program: {ProgramCheck.of(source).text}]"]
    found = []
    for line in read_answer(text):
        if line.final is None and not line.code:
            told = statements(line.text)
            found += [f"[{relation}]" for relation in told] or [re.sub(r"[\[\]<@\\]", " ", line.text).strip()]
    return [body for body in found if body]
