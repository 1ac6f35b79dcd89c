"""``planneal families`` and ``planneal generate``, and the problem that ``planneal solve --family`` puts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from ..decoders.answerer import Observe
from ..decoders.base import LanguageModel
from ..planner.errors import ConfigError, SandboxUnavailable
from ..planner.task import Task
from ..planner.verifier import Verifier
from ..settings import Settings
from .exits import guard
from .options import Json, Seed
from .screen import Screen, console, put_table, row, table, write_json, write_out

if TYPE_CHECKING:
    from ..experiments.comparison import AnyProblem

Difficulty = Annotated[
    str | None,
    typer.Option("--difficulty", metavar="LEVEL", help="easy, middle (default), hard, or a size such as 12."),
]
MAX_PROBLEMS = 1_000_000
"""Most problems of one seed: the next seed's begin there."""


def families(json_: Json = False) -> None:
    """Lists the problem families, each a generator of problems with an exact grader.

    In a deceptive family a plan that looks better may lead away from the answer; it is there as a negative control.
    """
    from ..experiments.families.registry import families as every

    with guard():
        found = every()
        if json_:
            for made in found:
                write_json(
                    {
                        "name": made.name,
                        "about": made.about,
                        "deceptive": made.deceptive,
                        "levels": {level: hard.model_dump(mode="json") for level, hard in made.levels.items()},
                    }
                )
            return
        out = console()
        listed = table(out, "family", "about", "levels", "deceptive")
        for made in found:
            row(listed, made.name, made.about, ", ".join(made.levels), "deceptive" if made.deceptive else "")
        put_table(out, listed)


def generate(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="A name that planneal families lists.")],
    n: Annotated[int, typer.Option("--n", min=1, max=MAX_PROBLEMS, metavar="N", help="How many problems.")] = 10,
    seed: Seed = 0,
    difficulty: Difficulty = None,
    split: Annotated[
        str, typer.Option("--split", metavar="NAME", help="eval, or train: they never share a problem.")
    ] = "eval",
    gold: Annotated[
        Path | None,
        typer.Option("--gold", metavar="FILE", help="Writes what they are graded by, to a new file."),
    ] = None,
) -> None:
    """Writes fresh problems to standard output, one JSON object a line, without their gold.

    The same arguments give the same problems. The gold goes to a file of its own, line by line with the same ids.
    """
    with guard():
        made = _problems(family, n, seed, difficulty, split)
        with _new_file(gold) as sealed:
            for problem in made:
                if sealed is not None:
                    known = {"id": problem.public.id, "gold": problem.gold.model_dump(mode="json")}
                    sealed.write(json.dumps(known, ensure_ascii=True) + "\n")
                write_out(json.dumps(problem.public.model_dump(mode="json"), ensure_ascii=True))


def _problems(name: str, count: int, seed: int, difficulty: str | None, split: str) -> Iterator[AnyProblem]:
    """The problems one by one; whatever is wrong with the arguments is told at once.

    Raises:
        ConfigError: No such family, difficulty or split.
    """
    from ..experiments.comparison import problem_stream
    from ..experiments.families.base import Split

    if split not in tuple(Split):
        raise ConfigError(f"no split {split!r}; there are {', '.join(Split)}")
    return problem_stream(count, seed, difficulty, name, Split(split))


@contextmanager
def _new_file(path: Path | None) -> Iterator[TextIO | None]:
    """A file that did not exist, or None where there is no path.

    Raises:
        ConfigError: It exists, or cannot be written.
    """
    if path is None:
        yield None
        return
    try:
        file = path.open("x", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from None
    with file:
        yield file


class Put:
    """A problem that was put to a model, to be graded when the run is over.

    Attributes:
        task: What the model is handed; it cannot hold the gold.
        id: The problem's id.
    """

    def __init__(self, name: str, seed: int, difficulty: str | None) -> None:
        from ..experiments.comparison import task_of

        self._problem = next(_problems(name, 1, seed, difficulty, "eval"))
        self.id = self._problem.public.id
        self.task: Task = task_of(self._problem)

    def judges(self, model: LanguageModel, settings: Settings) -> Sequence[Verifier] | None:
        """The family's verifiers, None where the settings name others."""
        from ..experiments.families.registry import family
        from ..experiments.methods import verifiers_of

        own = family(self._problem.public.family).verifiers(self._problem.public)
        return verifiers_of(model, settings, own)

    def observe(self) -> Observe | None:
        """What carrying a plan of the problem out gives, None where its items do nothing."""
        from ..experiments.families.registry import family

        return family(self._problem.public.family).observe(self._problem.public)

    async def right(self, text: str, screen: Screen) -> bool | None:
        """Whether an answer is right, None where nothing here can run it, which the screen is told."""
        from ..experiments.families.registry import family

        try:
            return bool(text) and await family(self._problem.public.family).grade(self._problem, text)
        except SandboxUnavailable as error:
            screen.say(f"not graded: {error}", style="yellow")
            return None


def put_again(task: Task, seed: int) -> Put | None:
    """The problem that a recorded task was, None where it was none that a level of its family gives.

    Args:
        task: The task of a trace.
        seed: The run's seed, which is the problem's as well.
    """
    from ..experiments.families.registry import MODULES, family

    name = task.family
    if name is None or name not in MODULES:
        return None
    puts = (Put(name, seed, level) for level in family(name).levels)
    return next((put for put in puts if put.task == task), None)


__all__ = ["Difficulty", "Put", "families", "generate", "put_again"]
