"""Sudoku of 4 by 4: any completion that keeps the clues counts."""

from __future__ import annotations

import re

from ..families.base import Problem
from .base import PublicSet, SealedGold
from .rows import Row

__all__ = ["Grid", "Sudoku4", "SudokuGold", "complete", "read_grid"]

Grid = tuple[str, ...]
"""Four rows of four digits; 0 is a blank."""
_NO_CELL = re.compile(r"[\s|,;\[\]]+")
_ANSWER = re.compile(r"^\W*(?:final\s+)?answer\W*?:", re.IGNORECASE | re.MULTILINE)


class SudokuGold(SealedGold):
    """What is known of a Sudoku.

    Attributes:
        clues: The rows as given.
        grid: The published completion; others may be right too.
    """

    clues: Grid
    grid: Grid


class Sudoku4(PublicSet[SudokuGold]):
    """4 by 4 Sudoku, as in the evaluation sets of Dream."""

    name = "sudoku4"
    about = "4 by 4 Sudoku"
    form = "jsonl: input, output (four lines of digits, 0 is a blank)"
    grader = "any completion that keeps the clues; rows, columns and boxes hold 1 to 4"

    def problem(self, row: Row) -> Problem[SudokuGold]:
        """A row as a problem."""
        clues, grid = (_grid(row, name) for name in ("input", "output"))
        if not complete(clues, grid):
            raise row.error("'output' does not complete 'input'")
        shown = "\n".join(clues)
        question = (
            "Fill in the blanks (0) of this 4 by 4 Sudoku, so that every row, every column and every 2 by 2 box holds "
            f"each of 1 2 3 4 once. Answer with the four rows.\n{shown}"
        )
        return Problem[SudokuGold](
            public=self.public(row, question, goal="complete the Sudoku", size=shown.count("0")),
            gold=SudokuGold(clues=clues, grid=grid),
        )

    async def grade(self, problem: Problem[SudokuGold], text: str) -> bool:
        """Whether the last grid of the text completes the Sudoku."""
        grid = read_grid(text)
        return grid is not None and complete(problem.gold.clues, grid)

    def gold_answer(self, problem: Problem[SudokuGold]) -> str:
        """The published completion."""
        return "answer:\n" + "\n".join(problem.gold.grid)


def _grid(row: Row, name: str) -> Grid:
    lines = tuple(row.text(name).split("\n"))
    if len(lines) != 4 or not all(re.fullmatch(r"[0-4]{4}", line) for line in lines):
        raise row.error(f"{name!r} is not four lines of four digits from 0 to 4")
    return lines


def read_grid(text: str) -> Grid | None:
    """The grid a text answers with: after its ``answer:`` if it has one, the last four rows together, or 16 digits."""
    marks = list(_ANSWER.finditer(text))
    if marks:
        text = text[marks[-1].end() :]
    rows: list[str] = []
    found: Grid | None = None
    for line in text.split("\n"):
        cells = _NO_CELL.sub("", line)
        if re.fullmatch(r"[1-4]{16}", cells):
            found = tuple(cells[start : start + 4] for start in range(0, 16, 4))
        if re.fullmatch(r"[1-4]{4}", cells):
            rows.append(cells)
            found = tuple(rows[-4:]) if len(rows) >= 4 else found
        elif cells.strip("-+=_`"):
            rows = []  # prose between rows ends a grid; a rule or a blank line does not
    return found


def complete(clues: Grid, grid: Grid) -> bool:
    """Whether a grid keeps the clues and every row, column and box holds 1 to 4."""
    kept = all(
        clue in ("0", cell)
        for above, below in zip(clues, grid, strict=True)
        for clue, cell in zip(above, below, strict=True)
    )
    columns = ("".join(column) for column in zip(*grid, strict=True))
    boxes = (grid[r][c : c + 2] + grid[r + 1][c : c + 2] for r in (0, 2) for c in (0, 2))
    return kept and all(set(group) == set("1234") for group in (*grid, *columns, *boxes))
