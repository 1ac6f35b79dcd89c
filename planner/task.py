"""What a caller asks for: a question, perhaps a goal with a target, perhaps constraints that must hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from .checks import one_line
from .errors import NotationError
from .notation import parse_item
from .plan import Item, Plan

MAX_QUESTION_CHARS = 200_000


class Task(BaseModel):
    """A task. It never holds a gold answer: graders keep that on their own side.

    Attributes:
        question: The text that is to be answered.
        goal: What is to be found, one line; the question itself (cut) where it is not given.
        target: Expression the answer is the value of, where the caller knows it (for instance ``wigs``).
        constraints: Items that must hold. They are locked: no edit may weaken, replace or delete them.
        family: Name of the problem family, where there is one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    question: str = Field(min_length=1, max_length=MAX_QUESTION_CHARS)
    goal: str = ""
    target: str | None = None
    constraints: tuple[Item, ...] = ()
    family: str | None = None

    @field_validator("constraints", mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, Iterable):
            return value
        return tuple(_locked(entry, index) for index, entry in enumerate(value, start=1))

    @field_validator("constraints")
    @classmethod
    def _distinct(cls, value: tuple[Item, ...]) -> tuple[Item, ...]:
        for index, item in enumerate(value):
            if any(item.id == other.id for other in value[:index]):
                raise ValueError(f"two constraints are called {item.id}; write the id first, as in `C7: [wigs > 0]`")
        return value

    @field_validator("question")
    @classmethod
    def _question(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the question must not be empty")
        return value.strip()

    @field_validator("goal")
    @classmethod
    def _goal(cls, value: str) -> str:
        return one_line(" ".join(value.split()), "the goal", 2000)

    @classmethod
    def of(cls, task: Task | str) -> Task:
        """A task from a question, or the task itself."""
        return task if isinstance(task, Task) else cls(question=task)

    @property
    def plan_goal(self) -> str:
        """The goal, or the last sentence of the question cut to 300 characters."""
        if self.goal:
            return self.goal
        printable = "".join(c if c.isprintable() else " " for c in self.question)
        sentences = [part for part in printable.replace("? ", "?\n").replace(". ", ".\n").split("\n") if part.strip()]
        return " ".join(sentences[-1].split())[-300:] or "answer the question"

    def seed_plan(self) -> Plan:
        """The plan before any draft: the goal and the locked items."""
        return Plan(goal=self.plan_goal, target=self.target, items=self.constraints)


def _locked(entry: Any, index: int) -> Any:
    """A constraint given as an item, a notation line, or just a check such as ``wigs > 0``."""
    if isinstance(entry, Item):
        return entry if entry.locked else entry.model_copy(update={"locked": True, "source": "task"})
    if not isinstance(entry, str):
        return entry
    try:
        item = parse_item(entry.strip(), source="task", number=index)
    except NotationError:
        item = Item.model_validate({"id": f"C{index}", "check": entry, "source": "task"})
    return item.model_copy(update={"locked": True, "source": "task"})
