"""The face of every method that is compared: a public problem, a model, a budget and a generator in; an answer out.

What a method is handed is a :class:`Case`. It holds the task, the verifiers that judge plans without the gold and what
carrying a plan out gives; nothing that it refers to knows the gold. Whatever a method asks of the model is counted by
the ledger that it returns, and by the endpoint, and the two must agree.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...decoders.answerer import Observe
from ...decoders.base import LanguageModel
from ...planner.ledger import Budget, Ledger, Usage
from ...planner.task import Task
from ...planner.verifier import Verifier
from ..families.base import Family, PublicProblem
from ..families.registry import family

__all__ = ["Answered", "Case", "Method", "Outcome", "case_of"]


@dataclass(frozen=True)
class Case:
    """What a method sees of a problem.

    Attributes:
        id: The problem's id.
        task: Question, goal, constraints.
        verifiers: What judges plans for it without its gold; none where the usual ones do.
        observe: What carrying a plan out gives, None where a plan's items do nothing.
        public: The family's public problem, for controls that need more than text (a random plan, say).
    """

    id: str
    task: Task
    verifiers: tuple[Verifier, ...] = ()
    observe: Observe | None = None
    public: PublicProblem | None = None


def case_of(public: PublicProblem, made: Family[Any, Any] | None = None) -> Case:
    """The case of a family's public problem.

    Args:
        public: The problem.
        made: Its family; the registered one of that name if None.
    """
    made = made or family(public.family)
    return Case(public.id, made.task(public), tuple(made.verifiers(public)), made.observe(public), public)


@dataclass(frozen=True)
class Answered:
    """What a method made of a case.

    Attributes:
        value: The final value as written, None where there is none.
        text: The whole answer, None where there is none.
        plan: The plan behind it in notation, None for methods without plans.
        draft: The first plan, where there was one.
        ledger: All that it cost, by role.
        stop: Why it ended: ``done``, or the budget's counter that was full, or an error's name.
        notes: Whatever else is worth keeping, plain JSON values only.
        events: What happened on the way (one plain JSON object a step), for the metrics of the search.
    """

    value: str | None
    ledger: Ledger
    text: str | None = None
    plan: str | None = None
    draft: str | None = None
    stop: str = "done"
    notes: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What is kept of an answered case once it is paid for.

    Attributes:
        value: The final value as written, None where there is none.
        usage: What it cost in all.
        plan: The plan behind the answer in notation, where there is one.
        notes: Whatever else is worth keeping: ``draft``, ``stop``, and what the method noted.
        text: The whole answer, for families whose answer is more than a value; None where there is none.
    """

    value: str | None
    usage: Usage
    plan: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    text: str | None = None

    @classmethod
    def of(cls, answered: Answered) -> Outcome:
        """The outcome of an answer."""
        notes = dict(answered.notes) | {"stop": answered.stop}
        if answered.draft is not None:
            notes["draft"] = answered.draft
        return cls(answered.value, answered.ledger.spent, answered.plan, notes, answered.text)


class Method(ABC):
    """A way of answering that can be given any budget.

    Attributes:
        name: As in tables, unique within a comparison.
        about: One line about it.
        seeded: Whether its answer depends on the generator; others are run once, whatever the number of seeds.
    """

    name: str
    about: str = ""
    seeded: bool = True

    @abstractmethod
    async def answer(self, case: Case, model: LanguageModel, budget: Budget, rng: np.random.Generator) -> Answered:
        """Answers one case within a budget.

        Methods are anytime: whatever the budget, they return the best that it pays for, and an empty answer where it
        pays for nothing. They never spend more than the budget's caps.

        Args:
            case: What may be seen of the problem.
            model: The language model; everything that is asked of it is counted.
            budget: What may be spent.
            rng: All randomness comes from it.
        """
