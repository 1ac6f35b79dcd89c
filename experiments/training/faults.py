"""Gold plans spoilt as models spoil them, in any family: lines dropped, doubled, moved, told wrongly or of elsewhere.

A wrong word comes from where such a word stands in other plans of the family (between the same two characters), so that
most spoilt lines can still be read; those that cannot are part of what refinement meets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ...planner.errors import NotationError
from ...planner.notation import parse_plan
from ...planner.plan import Plan
from ..families.base import Problem, pick
from ..families.tools.family import near_plans
from .draws import draw_problem

__all__ = ["reworded", "spoilt"]

_HEAD = re.compile(r"^([CIS])([0-9]+)!?: (\[ ?(?:order|call|code|test|calls): |\[)?")
_WORD = re.compile(r"[A-Za-z_]+|[0-9]+")
_SIGN = re.compile(r"(?<= )[-+*/<](?= )")
_EXAMPLES = 150
"""Plans of a family that words and lines are taken from."""


@cache
def _elsewhere(name: str) -> tuple[dict[tuple[str, str, bool], list[str]], dict[str, list[str]]]:
    """Words by where they stand, and whole lines by kind, of other plans of the family."""
    rng = np.random.default_rng(np.random.SeedSequence((17, sum(map(ord, name)))))
    words: dict[tuple[str, str, bool], list[str]] = defaultdict(list)
    lines: dict[str, list[str]] = defaultdict(list)
    for _ in range(_EXAMPLES):
        problem, _ = draw_problem(rng, name)
        for line in problem.gold.plan.split("\n")[1:]:
            body = _body(line)
            lines[line[0]].append(body)
            for found in _WORD.finditer(body):
                words[_place(body, found)].append(found[0])
    return dict(words), dict(lines)


def _body(line: str) -> str:
    """A line without its id and its needs."""
    return line.split(": ", 1)[1].split(" <- ")[0]


def _place(body: str, found: re.Match[str]) -> tuple[str, str, bool]:
    before, after = body[: found.start()][-1:], body[found.end() :][:1]
    return before, after, len(found[0]) == 1 and found[0].isalpha()


def _reworded(rng: np.random.Generator, line: str, problem: Problem[Any], others: Sequence[str]) -> str:
    """A line that says something else: one word, number or sign, two words changed about, or all of another line."""
    head = _HEAD.match(line)
    assert head is not None
    start, tail = head.end(), line[len(line.split(" <- ")[0]) :]
    body = line[start : len(line) - len(tail)]
    words, lines = _elsewhere(problem.public.family)
    plain = head[3] is None
    if plain and rng.random() < 0.6:
        told = lines[head[1]] if rng.random() < 0.5 or not others else [_body(other) for other in others]
        return f"{line[:start]}{pick(rng, told)}{tail}"
    found = list(_WORD.finditer(body))
    signs = list(_SIGN.finditer(body))
    if not found:
        return line
    draw = rng.random()
    if signs and draw < 0.2:
        sign = pick(rng, signs)
        return f"{line[:start]}{body[: sign.start()]}{pick(rng, '+-*/')}{body[sign.end() :]}{tail}"
    names = [word for word in found if word[0].isalpha() and len(word[0]) > 2]
    if len(names) > 1 and draw < 0.35:
        one, two = sorted(rng.choice(len(names), size=2, replace=False))
        first, second = names[one], names[two]
        middle = body[first.end() : second.start()]
        body = body[: first.start()] + second[0] + middle + first[0] + body[second.end() :]
        return f"{line[:start]}{body}{tail}"
    word = pick(rng, found)
    if word[0].isdigit() and rng.random() < 0.5:
        new = str(max(1, int(word[0]) + int(rng.integers(-3, 4))))
    else:
        pool = words.get(_place(body, word)) or [word[0]]
        asked = [w for w in dict.fromkeys(pool) if w in problem.public.question]
        new = pick(rng, asked if asked and rng.random() < 0.85 else pool)
    return f"{line[:start]}{body[: word.start()]}{new}{body[word.end() :]}{tail}"


def reworded(rng: np.random.Generator, problem: Problem[Any], count: int = 1) -> Plan | None:
    """The gold plan with some lines that say something else, or its things in another order; None if it came out alike.

    Args:
        rng: Source of the choices.
        problem: The problem.
        count: Lines that change.
    """
    lines = problem.gold.plan.split("\n")
    own = [i for i, line in enumerate(lines) if line.startswith("S")]
    if problem.public.family == "tools":
        lines = _other_calls(rng, problem).split("\n")
    elif problem.public.family == "schedule":
        order = rng.permutation(len(own))
        bodies = [_body(lines[i]) for i in own]
        for n, i in enumerate(own):
            lines[i] = f"S{n + 1}: {bodies[int(order[n])]}"
    else:
        for i in rng.choice(own, size=min(count, len(own)), replace=False):
            lines[int(i)] = _reworded(rng, lines[int(i)], problem, [lines[j] for j in own if j != i])
    text = "\n".join(lines)
    try:
        return None if text == problem.gold.plan else parse_plan(text)
    except NotationError:
        return None


def _other_calls(rng: np.random.Generator, problem: Problem[Any]) -> str:
    """The gold plan of a request with other tools, fields or constants, which mostly runs through all the same."""
    plan = problem.gold.plan
    found = near_plans(plan)
    words = _elsewhere("tools")[0]
    for constant in re.finditer(r'(?<=")[a-z]+(?=")|(?<==)[0-9]+(?=[,)])', plan):
        pool = words.get((plan[constant.start() - 1], plan[constant.end()], False), [])
        asked = [w for w in dict.fromkeys(pool) if re.search(rf"\b{w}\b", problem.public.question) and w != constant[0]]
        found += [f"{plan[: constant.start()]}{w}{plan[constant.end() :]}" for w in asked[:6]]
    return pick(rng, found) if found else plan


def spoilt(rng: np.random.Generator, problem: Problem[Any]) -> Plan | None:
    """The gold plan with one to three faults; what the task gives stays as it is. None if it is no plan any more."""
    lines = problem.gold.plan.split("\n")
    for _ in range(int(rng.choice((1, 2, 3), p=(0.5, 0.3, 0.2)))):
        own = [i for i, line in enumerate(lines) if i and "!:" not in line.split(" ")[0]]
        if len(own) < 2:
            break
        i = pick(rng, own)
        draw = rng.random()
        if draw < 0.3:
            lines.pop(i)
        elif draw < 0.75:
            lines[i] = _reworded(rng, lines[i], problem, [lines[j] for j in own if j != i])
        elif draw < 0.87:
            lines.insert(pick(rng, own), lines.pop(i))
        else:
            number = 1 + max(int(re.sub(r"\D", "", line.split(":")[0])) for line in lines[1:])
            kind = lines[i][0]
            bodies = _elsewhere(problem.public.family)[1][kind] if rng.random() < 0.5 else [_body(lines[i])]
            lines.insert(i + 1, f"{kind}{number}: {pick(rng, bodies)}")
    if problem.public.family == "schedule" and rng.random() < 0.5:
        own = [i for i, line in enumerate(lines) if line.startswith("S")]
        moved = [lines[i] for i in own]
        for i, line in zip(own, (moved[int(k)] for k in rng.permutation(len(moved))), strict=True):
            lines[i] = line
    try:
        return parse_plan("\n".join(lines))
    except NotationError:
        return None
