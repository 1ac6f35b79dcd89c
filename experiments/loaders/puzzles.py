"""Countdown and the game of 24 as published, graded by the family's own rules: any way to the target counts."""

from __future__ import annotations

import re

from ...planner.errors import PlanError
from ..families.base import Gold, Problem
from ..families.countdown import FAMILY, problem_of
from ..families.countdown_rules import Results, Rules
from .base import PublicSet
from .rows import Row

__all__ = ["CountdownSet", "Game24Set"]

_STEP = re.compile(r"([0-9]+)([-+*/])([0-9]+)=([0-9]+)")


class CountdownSet(PublicSet[Gold]):
    """Countdown with 3, 4 and 5 numbers (the evaluation sets of Dream, the task of arXiv 2410.14157). Deceptive."""

    name = "countdown"
    about = "reach a target from 3 to 5 numbers; deceptive: distance to the target misleads"
    form = "jsonl: input (numbers, the last is the target), output (steps)"
    grader = "any steps or expression that uses every number once, with whole results"

    def problem(self, row: Row) -> Problem[Gold]:
        """A row as a problem of the family, its steps as a plan."""
        *numbers, aim = _numbers(row, "input", r"[0-9]+(?:,[0-9]+)+", ",")
        rules = Rules(numbers=tuple(numbers), aim=aim, results=Results.WHOLE)
        try:
            plan = _plan(rules, row.text("output"))
        except (PlanError, KeyError) as error:
            raise row.error(f"'output' is no way from the numbers: {error}") from None
        return problem_of(rules, f"{self.name}-{len(numbers)}-{row.number}", plan)

    async def grade(self, problem: Problem[Gold], text: str) -> bool:
        """Whether an answer reaches the target by the rules."""
        return await FAMILY.grade(problem, text)

    def gold_answer(self, problem: Problem[Gold]) -> str:
        """The published way."""
        from ..families.countdown import answer_text

        return answer_text(problem)


class Game24Set(PublicSet[Gold]):
    """The game of 24 with human solving times (Tree of Thoughts, arXiv 2305.10601). Deceptive. It publishes no ways."""

    name = "game24"
    about = "make 24 from four numbers; deceptive: distance to the target misleads"
    form = "csv: Rank, Puzzles (four numbers)"
    grader = "any steps or expression that uses every number once; fractions and negative results allowed"
    pattern = "*.csv"

    def problem(self, row: Row) -> Problem[Gold]:
        """A row as a problem of the family."""
        numbers = _numbers(row, "Puzzles", r"[0-9]+(?: [0-9]+){3}", " ")
        rules = Rules(numbers=tuple(numbers), aim=24, results=Results.ANY)
        return problem_of(rules, f"{self.name}-{row.text('Rank')}")

    async def grade(self, problem: Problem[Gold], text: str) -> bool:
        """Whether an answer makes 24 by the rules."""
        return await FAMILY.grade(problem, text)


def _numbers(row: Row, name: str, form: str, between: str) -> list[int]:
    text = row.text(name).strip()
    if not re.fullmatch(form, text) or len(text) > 100:
        raise row.error(f"{name!r} is not numbers such as {form}: {text[:40]!r}")
    return [int(number) for number in text.split(between)]


def _plan(rules: Rules, output: str) -> str:
    """Steps such as ``86+28=114,31-13=18,114-18=96`` as a plan; results are named in place of their values.

    Raises:
        PlanError: A step cannot be read.
        KeyError: A step takes a number that is not at hand.
    """
    at_hand: list[tuple[int, str, int]] = [(number, str(number), 0) for number in rules.numbers]
    lines = [f"goal: make {rules.aim} [result]", f"C1!: [result = {rules.aim}]"]
    steps = output.strip().split(",")
    for index, written in enumerate(steps, start=1):
        found = _STEP.fullmatch(written.strip())
        if found is None:
            raise PlanError(f"{written[:40]!r} is no step")
        taken: list[tuple[int, str, int]] = []
        for side in (1, 3):
            entry = next((e for e in at_hand if e[0] == int(found[side]) and e[2]), None)
            entry = entry or next((e for e in at_hand if e[0] == int(found[side])), None)
            if entry is None:
                raise KeyError(int(found[side]))
            at_hand.remove(entry)
            taken.append(entry)
        name = "result" if index == len(steps) else "abcdefgh"[index - 1]
        needs = ", ".join(f"S{step}" for step in dict.fromkeys(entry[2] for entry in taken) if step)
        lines.append(f"S{index}: [{name} = {taken[0][1]} {found[2]} {taken[1][1]}]" + (f" <- {needs}" if needs else ""))
        at_hand.append((int(found[4]), name, index))
    return "\n".join(lines)
