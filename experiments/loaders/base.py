"""The face of a published set: rows become problems with a public part and a sealed gold, and answers are graded.

Problems of published sets are for measuring, never for training: what is trained here is trained on the project's own
families.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from itertools import islice
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

from ...planner.errors import ConfigError
from ...planner.task import Task
from ..families.base import Gold, Problem, PublicProblem
from .rows import Hub, Row, read_hub, read_rows

__all__ = ["PublicSet", "SealedGold"]


class SealedGold(Gold):
    """A gold without a plan in notation, as most published sets have it."""

    plan: str = ""


GoldT = TypeVar("GoldT", bound=Gold)


class PublicSet(ABC, Generic[GoldT]):
    """A published data set.

    Attributes:
        name: As in the registry and in ids.
        about: One line about it.
        form: Which files are read, and the fields of a row.
        grader: What counts as right, in one line.
        pattern: Which files of a folder are read.
        hubs: Where the `datasets` library finds it, empty where it is read from files only.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    form: ClassVar[str]
    grader: ClassVar[str]
    pattern: ClassVar[str] = "*.jsonl"
    hubs: ClassVar[tuple[Hub, ...]] = ()

    @abstractmethod
    def problem(self, row: Row) -> Problem[GoldT]:
        """A row as a problem.

        Raises:
            DatasetError: The row is not of the published form.
        """

    @abstractmethod
    async def grade(self, problem: Problem[GoldT], text: str) -> bool:
        """Whether an answer is right, exactly and whoever gave it. Never raises because of the text."""

    def gold_answer(self, problem: Problem[GoldT]) -> str | None:
        """A text that answers with the gold, None where the set has none: for tests and ceilings alone."""
        return None

    def read(self, path: str | Path, *, limit: int | None = None) -> list[Problem[GoldT]]:
        """The problems of a file or a folder.

        Args:
            path: Where they are, as published.
            limit: Most problems, the first ones; all if None.

        Raises:
            DatasetError: A file or a row is not of the published form; it names both.
        """
        return [self.problem(row) for row in islice(read_rows(Path(path), self.pattern), limit)]

    def fetch(self, *, limit: int | None = None) -> list[Problem[GoldT]]:
        """The problems as the `datasets` library has them.

        Raises:
            ConfigError: This set is read from files only.
            MissingExtra: The library is not installed; the message holds the pip line.
            DatasetError: It cannot be had, or a row is not of the published form.
        """
        if not self.hubs:
            raise ConfigError(f"{self.name} is read from files only: give a path")
        rows = (row for hub in self.hubs for row in read_hub(hub))
        return [self.problem(row) for row in islice(rows, limit)]

    def task(self, public: PublicProblem) -> Task:
        """What a method is handed; no field of it holds the gold."""
        return public.task()

    def public(self, row: Row, question: str, *, goal: str = "", size: int = 0, key: str = "") -> PublicProblem:
        """The public part of a row, without anything special; ``size`` 0 says that the set tells of none."""
        return PublicProblem(
            id=f"{self.name}-{key or f'{row.stem}-{row.number}'}",
            family=self.name,
            question=question,
            goal=goal,
            size=size,
        )
