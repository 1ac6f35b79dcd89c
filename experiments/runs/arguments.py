"""What a run is: the arguments that its results depend on, and nothing that they do not depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..._version import __version__
from ...planner.errors import ConfigError, RunError
from .engine import ModelFacts
from .records import ProblemRow, canonical
from .registry import make, wants_gold
from .sources import FamilySource, SetSource, Source
from .work import Job, work_list

__all__ = ["Arguments", "kept_arguments"]


def kept_arguments(meta: Mapping[str, str], run: str | Path) -> dict[str, Any]:
    """The arguments that a run's file keeps, as they were given.

    Args:
        meta: The file's table of facts.
        run: The run, for the error.

    Raises:
        RunError: There are none.
    """
    try:
        found = json.loads(meta.get("arguments", ""))
    except json.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise RunError(f"the run {run} does not say what it is: its meta table has no arguments; run it anew")
    return found


class Arguments(BaseModel):
    """The arguments of a comparison. The engine and the concurrency are not among them: results do not depend on them.

    Attributes:
        family: A problem family; not with ``data``.
        difficulty: A level or a size, for families; several with commas between give problems of each in turn.
        data: A published set; not with ``family``.
        path: The set's file or folder. It may move between runs: the problems in it are what is compared.
        n: How many problems, of each difficulty.
        methods: Names of the methods.
        model: The model's name.
        budgets: Caps on total tokens.
        seeds: How many seeds for methods that have any.
        seed: Seed of the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    family: str | None = None
    difficulty: str | None = None
    data: str | None = None
    path: str = Field(default="", exclude=True)
    n: int = Field(ge=1, le=1_000_000)
    methods: tuple[str, ...] = Field(min_length=1)
    model: str = "embedded"
    budgets: tuple[int, ...] = Field(min_length=1)
    seeds: int = Field(default=1, ge=1, le=10_000)
    seed: int = Field(default=0, ge=0)

    @classmethod
    def checked(cls, **given: object) -> Arguments:
        """Validated arguments.

        Raises:
            ConfigError: What is wrong with the first one that is, and what to give.
        """
        try:
            made = cls.model_validate(given)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise ConfigError(f"--{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        if (made.family is None) == (made.data is None):
            raise ConfigError("give one source of problems: --family NAME, or --data NAME=PATH")
        if made.data is not None and made.difficulty is not None:
            raise ConfigError("--difficulty is for families; a published set has none")
        if min(made.budgets) < 1:
            raise ConfigError(f"--budgets: {min(made.budgets)} tokens pay for nothing; give numbers above 0")
        for name, several in (("budgets", made.budgets), ("methods", made.methods)):
            twice = sorted({str(value) for value in several if several.count(value) > 1})
            if twice:
                raise ConfigError(f"--{name}: {', '.join(twice)} is given twice")
        levels = (made.difficulty or "middle").split(",")
        if len(set(levels)) < len(levels):
            raise ConfigError(f"--difficulty {made.difficulty}: one is given twice")
        if made.problems > 1_000_000:
            raise ConfigError(f"--n {made.n} of {len(levels)} difficulties is more than 1,000,000 problems; give less")
        ceilings = [name for name in made.methods if wants_gold(name)]
        if ceilings and made.data is not None:
            raise ConfigError(f"--methods: {', '.join(ceilings)} need gold plans, which published sets do not have")
        made.source().check()
        return made

    @property
    def problems(self) -> int:
        """How many problems in all."""
        return self.n * len((self.difficulty or "").split(","))

    def source(self) -> Source:
        """Where the problems come from."""
        if self.data is not None:
            return SetSource(self.data, self.path, self.n)
        assert self.family is not None
        return FamilySource(self.family, self.difficulty or "middle", self.seed, self.n)

    def jobs(self, problems: Sequence[ProblemRow]) -> list[Job]:
        """All cells in order."""
        seeded = [(name, make(name).seeded) for name in self.methods]
        return list(work_list([row.id for row in problems], seeded, self.budgets, self.seeds, self.seed))

    def meta(self, problems: Sequence[ProblemRow], model: ModelFacts) -> dict[str, str]:
        """What the run's file keeps of the whole: a run that is resumed must agree in every entry."""
        rows = canonical([list(row) for row in problems])
        return {
            "arguments": canonical(self.model_dump(mode="json")),
            **model.meta,
            "problems": hashlib.sha256(rows.encode()).hexdigest()[:16],
            "version": __version__,
        }
