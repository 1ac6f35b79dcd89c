"""Answers from plans after a run, each paid for once: kept in a file beside the run, found again by what was asked.

The file is a run's (:class:`~planneal.experiments.runs.store.Store`): an answer is an attempt whose method is named for
the plan and for whether the question was shown, with its ledger and its grade. So whatever ends the work, what was paid
for is there, and other samples, seeds and methods find it too.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..._version import __version__
from ...decoders.answer import Answer
from ...decoders.answerer import AnswerOptions
from ...decoders.base import LanguageModel
from ...planner.errors import BadResponse, RunError
from ...planner.ledger import Role, Usage
from ...planner.notation import format_plan
from ...planner.plan import Plan
from ..families.base import PublicProblem
from ..methods.base import Case
from ..metrics.leakage import NEUTRAL
from ..metrics.probing import Probe
from ..runs.counted import CountedModel
from ..runs.engine import ModelFacts
from ..runs.records import Attempt, Cell, ProblemRow
from ..runs.sealed import Sealed
from ..runs.sources import Source
from ..runs.store import Store

__all__ = ["FOLDER", "Asker", "opened"]

FOLDER = "probes"
"""Its folder within that of the run."""


def opened(run: Path, meta: Mapping[str, str], problems: Sequence[ProblemRow], model: ModelFacts) -> Store:
    """The file of what was asked again of a run; a new one where there is none.

    Args:
        run: The run's folder.
        meta: What the run is.
        problems: Its problems.
        model: Who is asked.

    Raises:
        RunError: It holds answers of another model or version, or somebody else writes to it.
    """
    folder = run / FOLDER
    what = {
        "arguments": "{}",
        **model.meta,
        "problems": meta.get("problems", ""),
        "version": __version__,
    }
    if not Store.exists(folder):
        return Store.create(folder, what, problems)
    store = Store.open(folder, write=True)
    try:
        store.agree(what)
    except RunError as error:
        store.close()
        raise RunError(f"{error}; or take {folder} away, to ask everything anew") from None
    except BaseException:
        store.close()
        raise
    return store


class Asker:
    """Answers from plans, greedily and in one decode, as the last link of a run gives them.

    Args:
        store: Where answers are kept.
        sealed: Grades them; no gold is here.
        model: Who answers.
        source: Makes cases of public problems.
        problems: The run's problems, in order.
        options: How answers are decoded.

    Attributes:
        used: The attempts that were asked for so far, whoever paid for them when.
        paid: How many of them were paid for now.
    """

    def __init__(
        self,
        store: Store,
        sealed: Sealed,
        model: LanguageModel,
        source: Source,
        problems: Sequence[tuple[ProblemRow, PublicProblem]],
        options: AnswerOptions,
    ) -> None:
        self._store, self._sealed, self.model, self.source = store, sealed, model, source
        self.problems, self._options = problems, options
        self._kept = {attempt.cell: attempt for attempt in store.attempts(events=False)}
        self._locks: dict[Cell, asyncio.Lock] = {}
        self.used: dict[Cell, Attempt] = {}
        self.paid = 0

    def case(self, index: int) -> Case:
        """The case of a problem."""
        return self.source.case(self.problems[index][1])

    async def answer(self, index: int, case: Case, plan: Plan, *, blind: bool = False) -> Attempt:
        """The graded answer to a problem from a plan.

        What the model could not answer counts as an answer without a text.

        Args:
            index: Number of the problem.
            case: Its case.
            plan: The plan.
            blind: Whether the question is kept from the model.

        Raises:
            TransientError, EndpointError: The endpoint fails; all that was paid for is kept.
        """
        shown = format_plan(plan)
        told = hashlib.sha256(f"{shown}\0{self._options}".encode()).hexdigest()[:16]
        name = f"{'from the plan alone' if blind else 'from the plan'} {told}"
        cell = Cell(self.problems[index][0].id, name, 0, 0)

        async def ask() -> tuple[Answer | None, str, Usage]:
            model = CountedModel(self.model)
            probe = Probe(model, self._options, case.observe)
            task = case.task.model_copy(update={"question": NEUTRAL}) if blind else case.task
            try:
                return await probe.answer(task, plan), "done", model.counted
            except BadResponse as error:
                return None, type(error).__name__, model.counted

        async def made() -> Attempt:
            answer, stop, usage = await ask()
            text, value = (None, None) if answer is None else (answer.text, answer.value)
            return await self.graded(index, cell, text, value, shown, stop, {"probe": usage}, {"blind": blind})

        return await self.once(cell, made)

    async def once(self, cell: Cell, make: Callable[[], Any]) -> Attempt:
        """The attempt of a cell: as it is kept, or made now and kept."""
        async with self._locks.setdefault(cell, asyncio.Lock()):
            found = self._kept.get(cell)
            if found is None:
                found = await make()
                self._store.add(found)
                self._kept[cell] = found
                self.paid += 1
        self.used[cell] = found
        return found

    async def graded(
        self,
        index: int,
        cell: Cell,
        text: str | None,
        value: str | None,
        plan: str | None,
        stop: str,
        ledger: Mapping[Role, Usage],
        notes: Mapping[str, Any],
    ) -> Attempt:
        """An attempt, graded where the gold is; its plan is not, which is often no plan of the problem's at all."""
        row = self.problems[index][0]
        grade = await self._sealed.grade(index, value if text is None else text, None, None)
        return Attempt(
            **cell._asdict(),
            family=row.family,
            level=row.level,
            size=row.size,
            value=value,
            text=text,
            plan=plan,
            draft=None,
            stop=stop,
            notes=notes,
            right=grade.right,
            plan_right=None,
            draft_right=None,
            seconds=sum(used.seconds for used in ledger.values()),
            ledger=ledger,
        )
