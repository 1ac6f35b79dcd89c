"""Where a run's problems come from: a family's generator, or a published set's file. Small, picklable descriptions.

The problems themselves hold gold answers, so only the process that grades (:mod:`.sealed`) asks a source for them;
everywhere else a source makes cases out of public problems.
"""

from __future__ import annotations

import hashlib
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from ...planner.errors import ConfigError
from ..families.base import Family, Problem, PublicProblem, Split, problem_seed
from ..families.grade import Grade, grade_of
from ..families.registry import difficulty_of, family
from ..loaders.base import PublicSet
from ..loaders.registry import public_set
from ..methods.base import Case, case_of
from .records import ProblemRow

__all__ = ["FamilySource", "SetSource", "Source", "ToldCase", "named"]

AnyProblem = Problem[Any]


@dataclass(frozen=True)
class ToldCase(Case):
    """A case for ceilings alone: methods whose attribute ``wants_gold`` is true are handed the gold plan as well.

    Attributes:
        gold_plan: A right plan in notation, empty where the problem has none.
    """

    gold_plan: str = ""

    @classmethod
    def of(cls, case: Case, gold_plan: str) -> ToldCase:
        """A case, with its gold plan."""
        return cls(**{part.name: getattr(case, part.name) for part in fields(case)}, gold_plan=gold_plan)


def named(reference: str, kind: type[Any], what: str) -> Any:
    """The object that ``module:NAME`` names, an instance of a kind; a class of that kind is called without arguments.

    Args:
        reference: Module and name; the current folder is searched too.
        kind: What it must be.
        what: What to call it in an error.

    Raises:
        ConfigError: It cannot be imported, or is something else.
    """
    module, _, name = reference.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        found = getattr(import_module(module), name)
        found = found() if isinstance(found, type) and issubclass(found, kind) else found
    except Exception as error:  # somebody else's module may raise anything
        raise ConfigError(f"{what} {reference}: cannot be imported ({type(error).__name__}: {error})") from error
    if not isinstance(found, kind):
        raise ConfigError(f"{what} {reference}: is a {type(found).__name__}, not a {kind.__name__}")
    return found


def opaque(identity: str) -> str:
    """An id that tells nothing: a problem's own id may hold the seed that it was drawn with."""
    return "p" + hashlib.sha256(identity.encode()).hexdigest()[:12]


class Source(ABC):
    """Problems by number, from 0."""

    @abstractmethod
    def problem(self, index: int) -> AnyProblem:
        """A problem with its gold."""

    @abstractmethod
    def row(self, index: int, public: PublicProblem) -> ProblemRow:
        """What the run's file keeps of it."""

    @abstractmethod
    def case(self, public: PublicProblem) -> Case:
        """What a method is handed."""

    @abstractmethod
    async def grade(self, problem: AnyProblem, said: str | None, plan: str | None, draft: str | None) -> Grade:
        """Grades an answer (the whole text where there is one, else the value) and the plans behind it."""

    @abstractmethod
    def check(self) -> None:
        """Makes sure that there are such problems, before anything is spent.

        Raises:
            ConfigError: There are none of this name or difficulty, or not so many.
        """


@lru_cache(maxsize=4)
def _family(name: str) -> Family[Any, Any]:
    return named(name, Family, "family") if ":" in name else family(name)


@dataclass(frozen=True)
class FamilySource(Source):
    """Problems of a generator: seeds ``seed * 1_000_000`` and up, of the split that is for measuring.

    Attributes:
        family: A family's name, or ``module:NAME`` of one's own.
        difficulty: A level's name or a size, or several with commas between: problems are of each in turn.
        seed: Seed of the run.
        n: How many problems of each.
    """

    family: str
    difficulty: str
    seed: int
    n: int

    def check(self) -> None:
        """See :meth:`Source.check`."""
        for level in self.difficulty.split(","):
            difficulty_of(_family(self.family), level)

    def problem(self, index: int) -> AnyProblem:
        """Draws it."""
        made = _family(self.family)
        drawn: AnyProblem = made.generate(self._seed(index), difficulty_of(made, self._level(index)), Split.EVAL)
        return drawn

    def row(self, index: int, public: PublicProblem) -> ProblemRow:
        """See :meth:`Source.row`."""
        level, shown = self._level(index), public.model_dump_json()
        return ProblemRow(public.id, public.family, level, public.size, self._seed(index), shown)

    def case(self, public: PublicProblem) -> Case:
        """The family's task, its verifiers and what carrying a plan out gives, under an id that tells nothing."""
        return case_of(public.model_copy(update={"id": opaque(public.id)}), _family(self.family))

    async def grade(self, problem: AnyProblem, said: str | None, plan: str | None, draft: str | None) -> Grade:
        """By the family's own grader."""
        return await grade_of(_family(self.family), problem, said, plan, draft)

    def _level(self, index: int) -> str:
        levels = self.difficulty.split(",")
        return levels[index % len(levels)]

    def _seed(self, index: int) -> int:
        return problem_seed(self.seed, index)


@dataclass(frozen=True)
class SetSource(Source):
    """The first problems of a published set, in the order of its file.

    Attributes:
        name: The set's name, or ``module:NAME`` of one's own.
        path: Its file or folder, as published.
        n: How many problems.
    """

    name: str
    path: str
    n: int

    @cached_property
    def _set(self) -> PublicSet[Any]:
        found: PublicSet[Any] = named(self.name, PublicSet, "set") if ":" in self.name else public_set(self.name)
        return found

    @cached_property
    def _problems(self) -> list[AnyProblem]:
        return self._set.read(self.path, limit=self.n)

    def check(self) -> None:
        """See :meth:`Source.check`."""
        found = len(self._problems)
        del self.__dict__["_problems"]  # they hold gold: whoever checks is not who grades
        if found < self.n:
            raise ConfigError(f"{self.path} has only {found} problems of {self.name}; give --n {found} or less")

    def problem(self, index: int) -> AnyProblem:
        """Its row."""
        return self._problems[index]

    def row(self, index: int, public: PublicProblem) -> ProblemRow:
        """See :meth:`Source.row`."""
        return ProblemRow(public.id, public.family, "", public.size, index, public.model_dump_json())

    def case(self, public: PublicProblem) -> Case:
        """The set's task under an id that tells nothing; it has no verifiers of its own."""
        public = public.model_copy(update={"id": opaque(public.id)})
        return Case(public.id, self._set.task(public), public=public)

    async def grade(self, problem: AnyProblem, said: str | None, plan: str | None, draft: str | None) -> Grade:
        """By the set's own grader; published sets have no gold plans."""
        return Grade(said is not None and await self._set.grade(problem, said))
