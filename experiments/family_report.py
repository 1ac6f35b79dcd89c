"""Every family at its three levels: direct answers, drafts, refined plans, and what answers make of other plans.

On held-out problems (the evaluation split) one model is measured with every method, each charged all that it asks. At
the links' levels planneal runs again with gold in place of one link at a time, which says which link loses how much.
Families that are deceptive are marked: there refinement by a verifier is not expected to help, and they are the
negative control.

A finished cell is a line on the screen and an entry in the file, and a report that was interrupted goes on from its
file when it is started again with the same model, seed and number of problems. Nothing is tuned on these problems.

Run: ``python -m planneal.experiments.family_report --model embedded --families arithmetic schedule --levels easy middle
hard --problems 300 --seed 1 --out report.json``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._version import __version__
from ..decoders.base import LanguageModel
from ..planner.errors import ConfigError, PlannealError
from .families.base import LEVELS
from .families.registry import family, names
from .family_cells import Asked, Cell, cell
from .family_tables import LEGEND, count_line, head, level_line, links_table, methods_table
from .in_scope import add_model_arguments, dtype_said, fingerprint, open_model
from .whole_files import written_whole

LINK_FAMILIES = ("arithmetic", "schedule", "tools")
LINK_LEVELS = ("middle", "hard")
Say = Callable[[str], None]


class Report:
    """Cells by family and level, kept in a file.

    Args:
        path: The file, None to keep nothing.
        identity: What all cells have in common: model, weights, seed, number of problems.

    Raises:
        ConfigError: The file holds another report, or none.
    """

    def __init__(self, path: Path | None, identity: dict[str, Any]) -> None:
        self._path = path
        self.identity = identity
        self.cells: dict[str, Cell] = {}
        if path is not None and path.exists():
            self.cells = self._read(path)

    def _read(self, path: Path) -> dict[str, Cell]:
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            known, cells = kept["identity"], dict(kept["cells"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{path} is no report ({error}); give another --out") from None
        other = {key: known.get(key) for key, value in self.identity.items() if known.get(key) != value}
        if other:
            theirs = ", ".join(f"{key} {value!r}" for key, value in other.items())
            raise ConfigError(f"{path} holds a report of {theirs}; give another --out, or the same arguments")
        return cells

    def cell(self, asked: Asked) -> Cell | None:
        """The finished cell, None where there is none, or none with the links that are asked for."""
        found = self.cells.get(f"{asked.family}/{asked.level}")
        if found is None or "skipped" in found or (asked.links and "links" not in found):
            return None  # what was skipped is tried again: it costs nothing, and the reason may be gone
        return found

    def put(self, found: Cell, command: str) -> None:
        """Keeps a cell; the file is replaced whole, so that an interruption leaves the one before."""
        self.cells[f"{found['family']}/{found['level']}"] = found
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"identity": self.identity, "command": command, "cells": self.cells}, indent=1)
        with written_whole(self._path) as part:
            part.write_text(text + "\n", encoding="utf-8")


async def family_tables(
    model: LanguageModel, asked: Sequence[Asked], report: Report, command: str, say: Say, told: Say
) -> None:
    """Measures the cells of one family and prints its tables, each level's line as soon as it is there.

    Args:
        model: The language model.
        asked: The family's cells.
        report: Where finished cells are and go.
        command: The command, as it stands above every table.
        say: Prints tables.
        told: Gets a line for each method that is done.
    """
    made = family(asked[0].family)
    deceptive = "; deceptive: a plan that looks better may lead away, so it is the negative control"
    say(f"\n### {made.name}: {made.about}{deceptive if made.deceptive else ''}\n")
    say(f"{heading(report.identity)}\n{command}\n\n{LEGEND}\n\n{head()}")
    done: list[Cell] = []
    for one in asked:
        found = report.cell(one)
        if found is None:
            found = await cell(model, one, lambda line, one=one: told(f"{one.family} {one.level}: {line}"))  # type: ignore[misc]
            report.put(found, command)
        say(level_line(found))
        done.append(found)
    notes = "\n\n".join(filter(None, (count_line(found) for found in done)))
    for part in (notes, methods_table(done) if notes else "", links_table(done)):
        if part:
            say(f"\n{part}")


def heading(identity: dict[str, Any]) -> str:
    """Model, weights, seed and number of problems on one line."""
    weights = f" (weights {identity['weights']})" if identity["weights"] else ""
    return (
        f"Model {identity['model']}{weights}, {identity['dtype']}, seed {identity['seed']}, "
        f"{identity['problems']} problems of each level, planneal {identity['planneal']}"
    )


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_model_arguments(parser)
    parser.add_argument("--families", nargs="+", default=list(names()), choices=names(), metavar="NAME")
    parser.add_argument("--levels", nargs="+", default=list(LEVELS), choices=LEVELS, metavar="LEVEL")
    parser.add_argument("--problems", type=int, default=300, help="problems of each level")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--link-families", nargs="*", default=list(LINK_FAMILIES), choices=names(), metavar="NAME")
    parser.add_argument("--link-levels", nargs="*", default=list(LINK_LEVELS), choices=LEVELS, metavar="LEVEL")
    parser.add_argument("--beyond-scope", action="store_true", help="ask the model even what it says it does not know")
    parser.add_argument("--parallel", type=int, default=16, help="problems under way at once")
    parser.add_argument("--out", type=Path, help="keeps all figures as JSON, and goes on from it")
    return parser.parse_args(arguments)


async def run(options: argparse.Namespace, say: Say, told: Say) -> Report:
    """The whole report.

    Raises:
        ConfigError: The model string is wrong, or the file holds another report.
    """
    if options.problems < 1:
        raise ConfigError(f"--problems is {options.problems}; give at least 1")
    identity = {
        "planneal": __version__,
        "model": options.model,
        "weights": fingerprint(options.model, options.weights),
        "dtype": options.dtype,
        "seed": options.seed,
        "problems": options.problems,
    }
    report = Report(options.out, identity)
    model = open_model(options.model, options.weights, options.dtype)
    command = f"`{_command(options)}`"
    for name in options.families:
        asked = [
            Asked(
                family=name,
                level=level,
                problems=options.problems,
                seed=options.seed,
                links=name in options.link_families and level in options.link_levels,
                beyond=options.beyond_scope,
                parallel=options.parallel,
            )
            for level in options.levels
        ]
        await family_tables(model, asked, report, command, say, told)
    await model.aclose()
    return report


def _command(options: argparse.Namespace) -> str:
    """The command that brings the tables back; where they are kept is no part of it."""
    said = ["python", "-m", "planneal.experiments.family_report", "--model", options.model]
    said += ["--weights", str(options.weights)] if options.weights else []
    said += dtype_said(options.dtype)
    said += ["--families", *options.families, "--levels", *options.levels]
    said += ["--problems", str(options.problems), "--seed", str(options.seed)]
    for flag, chosen, usual in (
        ("--link-families", options.link_families, LINK_FAMILIES),
        ("--link-levels", options.link_levels, LINK_LEVELS),
    ):
        said += [] if tuple(chosen) == usual else [flag, *chosen]
    return shlex.join([*said, *(["--beyond-scope"] if options.beyond_scope else [])])


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the report: tables to standard output, progress to standard error."""
    options = _options(arguments)
    try:
        asyncio.run(run(options, lambda text: print(text, flush=True), lambda line: print(line, file=sys.stderr)))
    except PlannealError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None


if __name__ == "__main__":
    main()
