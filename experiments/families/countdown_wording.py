"""Sentences of the Countdown family. The numbers stand last in their sentence, the target last in its own."""

from __future__ import annotations

import numpy as np

from .countdown_rules import Results, Rules

__all__ = ["question"]

_WHO = """
baker farmer teacher sailor doctor driver painter singer dancer writer hunter miner keeper builder potter weaver tailor
cook guard judge nurse pilot priest king queen boy girl man woman child son brother sister cousin friend guest
"""
WHO = tuple(_WHO.split())
WHAT = ("cards", "tiles", "stones", "cubes", "chips", "tags", "signs", "labels", "balls", "tokens")
GIVEN = (
    "A {who} has the {what} {numbers}.",
    "A {who} holds the {what} {numbers}.",
    "A {who} was given the {what} {numbers}.",
    "On the table of a {who} lie the {what} {numbers}.",
)
ONCE = {
    True: (
        "Use each number exactly once with + - * / to make {aim}.",
        "With + - * / and each number used exactly once make {aim}.",
        "Every number must be used exactly once, with + - * /, to reach {aim}.",
    ),
    False: (
        "Use each number at most once with + - * / to make {aim}.",
        "With + - * / and each number used at most once make {aim}.",
        "No number may be used more than once, with + - * /, to reach {aim}.",
    ),
}
RESULTS = {
    Results.POSITIVE: "Every result on the way must be a positive whole number.",
    Results.WHOLE: "Every result on the way must be a whole number, zero or more.",
    Results.ANY: "Results on the way may be fractions or negative.",
}


def question(rng: np.random.Generator | None, rules: Rules) -> str:
    """A problem in words, one line.

    Args:
        rng: Draws the wording; None takes the plainest, for published puzzles.
        rules: The rules.
    """
    numbers = " ".join(map(str, rules.numbers))
    if rng is None:
        given = f"Given are the numbers {numbers}."
        asked = ONCE[rules.every][0]
    else:
        who, what, told, how = (int(n) for n in rng.integers((len(WHO), len(WHAT), len(GIVEN), 3)))
        given = GIVEN[told].format(who=WHO[who], what=WHAT[what], numbers=numbers)
        asked = ONCE[rules.every][how]
    return f"{given} {RESULTS[rules.results]} {asked.format(aim=rules.aim)}"
