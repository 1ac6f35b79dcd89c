"""The study: every method on every family at one level each, probed and reported, by the very commands that users have.

    python -m planneal.experiments.study --runs runs/study --out docs/results/study

Each step is a ``planneal`` command, written down in ``commands.txt`` beside the report before it is run. What was
finished is not run again, so the study can be ended and taken up at any time.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import NamedTuple

from ..decoders.embedded_backend import EMBEDDED
from ..planner.errors import RunError
from .in_scope import add_dtype, dtype_said

__all__ = ["TASKS", "Study", "Task", "commands", "main"]


class Task(NamedTuple):
    """What one run of the study is about.

    Attributes:
        family: The family.
        difficulty: A level, a size, or several with commas between.
    """

    family: str
    difficulty: str

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.family}_{self.difficulty.replace(',', '_')}"


TASKS = (
    *(Task(family, "hard") for family in ("schedule", "arithmetic", "tools", "code")),
    Task("countdown", "middle"),
)
"""The five families, each as far as the embedded model reaches; `countdown` is the negative control."""


class Study(NamedTuple):
    """How large the study is.

    Attributes:
        runs: Folder of the runs.
        out: Folder of the report.
        tasks: What is run.
        problems: Problems of each task.
        seeds: Seeds of methods that draw.
        budgets: Caps on the tokens of an attempt, named before the first run.
        probes: Most problems whose plans are asked about again.
        dtype: What the model computes with.
        model: The model.
    """

    runs: Path
    out: Path
    tasks: tuple[Task, ...] = TASKS
    problems: int = 300
    seeds: int = 3
    budgets: tuple[int, ...] = (500, 1000, 2000, 4000)
    probes: int = 100
    dtype: str = "float32"
    model: str = "embedded"


Command = tuple[str, ...]


def methods_of(model: str) -> str:
    """All methods; with the embedded model also planneal with the reward model that knows its plans."""
    return "all,planneal+embedded_prm" if model == EMBEDDED else "all"


def commands(study: Study) -> tuple[list[tuple[Command, Command]], Command]:
    """The commands of a study: for each task a comparison and its probes, and one report of all."""
    budgets = ",".join(map(str, study.budgets))
    dtype = dtype_said(study.dtype)
    each: list[tuple[Command, Command]] = []
    for task in study.tasks:
        folder = str(study.runs / task.name)
        compared = (
            *("compare", "--family", task.family, "--difficulty", task.difficulty, "--n", str(study.problems)),
            *("--methods", methods_of(study.model), "--model", study.model, *dtype, "--budgets", budgets),
            *("--seeds", str(study.seeds), "--parallel", "256", "--out", folder),
        )
        each.append((compared, ("probe", folder, "--problems", str(study.probes), "--links")))
    folders = (str(study.runs / task.name) for task in study.tasks)
    return each, ("report", *folders, "--out", str(study.out))


def _run(command: Command, log: Path) -> None:
    """Runs a command with one thread of its own; what it says goes to a file."""
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}
    with log.open("a", encoding="utf-8") as file:
        called = [sys.executable, "-m", "planneal.apps", *command, *(() if command[0] == "report" else ("--quiet",))]
        ended = subprocess.run(called, stdout=file, stderr=subprocess.STDOUT, env=quiet, check=False)
    if ended.returncode:
        raise RunError(f"planneal {' '.join(command)} ended with {ended.returncode}; {log} says why")


def run(study: Study, jobs: int = 2) -> None:
    """Runs a study, or what is missing of it.

    Args:
        study: What is run.
        jobs: Tasks side by side, each in a process of its own.

    Raises:
        RunError: A command failed; what was finished is kept.
    """
    each, report = commands(study)
    study.runs.mkdir(parents=True, exist_ok=True)
    study.out.mkdir(parents=True, exist_ok=True)
    told = [command for pair in each for command in pair] + [report]
    text = "".join(f"planneal {' '.join(command)}\n" for command in told)
    (study.out / "commands.txt").write_text(text, encoding="utf-8")

    stopped = Event()

    def task(named: tuple[Task, tuple[Command, Command]]) -> None:
        try:
            for command in named[1]:
                if not stopped.is_set():
                    _run(command, study.runs / f"{named[0].name}.log")
        except BaseException:
            stopped.set()  # what others have begun goes on, and nothing else is begun
            raise

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(task, zip(study.tasks, each, strict=True)))
    _run(report, study.runs / "report.log")


def _tasks(texts: Sequence[str] | None) -> tuple[Task, ...]:
    if not texts:
        return TASKS
    return tuple(Task(*(text.split(":", 1) if ":" in text else (text, "middle"))) for text in texts)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Study(Path("runs/study"), Path("docs/results/study"))
    parser.add_argument("--runs", type=Path, default=usual.runs)
    parser.add_argument("--out", type=Path, default=usual.out)
    parser.add_argument("--tasks", nargs="+", metavar="FAMILY[:DIFFICULTY]")
    parser.add_argument("--problems", type=int, default=usual.problems)
    parser.add_argument("--seeds", type=int, default=usual.seeds)
    parser.add_argument("--budgets", type=int, nargs="+", default=usual.budgets)
    parser.add_argument("--probes", type=int, default=usual.probes)
    add_dtype(parser)
    parser.add_argument("--model", default=usual.model)
    parser.add_argument("--jobs", type=int, default=2)
    given = vars(parser.parse_args())
    jobs, tasks, budgets = given.pop("jobs"), _tasks(given.pop("tasks")), tuple(given.pop("budgets"))
    run(Study(**given, tasks=tasks, budgets=budgets), jobs)


if __name__ == "__main__":
    main()
