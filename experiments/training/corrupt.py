"""Plans as refinement meets them: gold plans with items dropped, spoilt, doubled, added and renumbered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..families.arithmetic import ArithmeticProblem
from ..families.relations import BASIC, BINARY, MORE_BINARY, MORE_UNARY, UNARY, Kind, Relation
from ..families.wording import NAMES
from .lines import Line, goal_first, needs_of

__all__ = ["corrupt", "gold_lines", "in_turn", "renumber", "spoil", "tolerable"]


def gold_lines(problem: ArithmeticProblem) -> list[Line]:
    """The gold plan as structural edits leave a gold draft: numbered goal first, in order of dependence, linked."""
    numbers = {s: i for i, s in enumerate(goal_first(problem.public.target, problem.gold.relations), start=1)}
    return relink([Line.of(numbers[s], problem.gold.relations[s]) for s in problem.gold.needed])


def relink(lines: Sequence[Line], forget: frozenset[int] = frozenset()) -> list[Line]:
    """Fill in every line's needs; needs that point to a number in `forget` are left out."""
    linked = []
    for line in lines:
        if line.relation is not None:
            needs = tuple(n for n in needs_of(line.relation, lines) if n not in forget and n != line.number)
            linked.append(replace(line, needs=needs))
        else:
            linked.append(line)
    return linked


def in_turn(lines: Sequence[Line]) -> list[Line]:
    """The lines numbered as they stand, as plans are that nobody has put in order."""
    return relink([replace(line, number=number) for number, line in enumerate(lines, start=1)])


def renumber(rng: np.random.Generator, lines: Sequence[Line], problem: ArithmeticProblem) -> list[Line]:
    """Number the lines as a plan with a history does.

    Half of the plans are fresh drafts, numbered 1, 2, 3, ... from the goal backwards. In the others one to three lines
    were inserted later and carry the next free numbers, and some numbers are gone for good; now and then nobody points
    to an inserted line yet.
    """
    count = len(lines)
    late = set() if rng.random() < 0.5 else {int(i) for i in rng.integers(count, size=int(rng.integers(1, 4)))}
    number = 0
    numbers: dict[int, int] = {}
    gaps = 0.15 if rng.random() < 0.3 else 0.0
    rank = {s: i for i, s in enumerate(goal_first(problem.public.target, problem.gold.relations))}
    keys = [float(rank[line.symbol]) if line.symbol in rank else rng.uniform(0, count) for line in lines]
    for i in sorted(range(count), key=keys.__getitem__):
        if i not in late:
            number += 2 if rng.random() < gaps else 1
            numbers[i] = number
    for i in sorted(late, key=lambda _: rng.random()):
        number += 1
        numbers[i] = number
    named = [replace(line, number=numbers[i]) for i, line in enumerate(lines)]
    forget = frozenset(numbers[i] for i in late if rng.random() < 0.3)
    return relink(named, forget)


def spoil(rng: np.random.Generator, relation: Relation, symbols: Sequence[str]) -> Relation:
    """A relation that differs from the given one in its number, its kind or an operand."""
    for _ in range(20):
        draw = rng.random()
        changed = relation
        if draw < 0.4 and relation.number is not None:
            low, high = (2, 7) if relation.kind in (Kind.TIMES, Kind.SHARE) else (2, 41)
            changed = replace(relation, number=int(rng.integers(low, high)))
        elif draw < 0.65 and relation.operands and relation.kind is not Kind.TOTAL:
            basic = relation.kind in BASIC
            unary, binary = (UNARY, BINARY) if basic else (MORE_UNARY, MORE_BINARY)
            pool = unary if len(relation.operands) == 1 else binary
            changed = replace(relation, kind=pool[int(rng.integers(len(pool)))])
        elif draw < 0.75 and relation.kind is Kind.DIFFERENCE:
            changed = replace(relation, operands=relation.operands[::-1])
        elif relation.operands:
            pool_names = symbols if rng.random() < 0.9 else NAMES
            other = pool_names[int(rng.integers(len(pool_names)))]
            where = int(rng.integers(len(relation.operands)))
            operands = tuple(other if i == where else o for i, o in enumerate(relation.operands))
            changed = replace(relation, operands=operands)
        proper = relation.symbol not in changed.operands and len(set(changed.operands)) == len(changed.operands)
        if proper and not changed.same_as(relation):
            return changed
    return replace(relation, kind=Kind.GIVEN, operands=(), number=(relation.number or 1) + 1)


def _malformed(rng: np.random.Generator, line: Line) -> Line:
    """The line with its check broken in one of the ways that small models break it."""
    check = line.relation.check if line.relation is not None else ""
    left, _, right = check.partition(" = ")
    broken = (f"{left} {right}", f"{left} =", f"{check} +", f"{left} = = {right}", f"{left}", f"{left} = ({right}")
    return Line(line.number, None, line.needs, broken[int(rng.integers(len(broken)))], line.symbol)


def _drop(rng: np.random.Generator, lines: list[Line]) -> list[Line]:
    """Drop none to four lines; one in eight times the goal's, one in eight a run of neighbours."""
    count = int(rng.choice(5, p=(0.15, 0.40, 0.25, 0.12, 0.08)))
    count = min(count, len(lines) - 1)
    draw = rng.random()
    if draw < 0.125:
        gone = {len(lines) - 1}
    elif draw < 0.25:
        start = int(rng.integers(len(lines) - count + 1))
        gone = set(range(start, start + count))
    else:
        gone = {int(i) for i in rng.choice(len(lines), size=count, replace=False)}
    return [line for i, line in enumerate(lines) if i not in gone] if len(gone) < len(lines) else lines


def _place(rng: np.random.Generator, lines: list[Line], line: Line, after: int = 0) -> None:
    lines.insert(int(rng.integers(after, len(lines) + 1)), line)


def corrupt(rng: np.random.Generator, problem: ArithmeticProblem) -> list[Line]:
    """A plan for the problem that has something wrong with it, most often a missing item."""
    truth = problem.gold.relations
    symbols = tuple(truth)
    lines = _drop(rng, gold_lines(problem))
    if rng.random() < 0.5:
        for _ in range(1 if rng.random() < 0.7 else 2):
            i = int(rng.integers(len(lines)))
            relation = lines[i].relation
            if relation is not None:
                lines[i] = Line.of(0, spoil(rng, relation, symbols))
    extras = [s for s in symbols if s not in problem.gold.needed]
    if extras and rng.random() < 0.3:
        for _ in range(1 if rng.random() < 0.7 else 2):
            symbol = extras[int(rng.integers(len(extras)))]
            if symbol not in {line.symbol for line in lines}:
                _place(rng, lines, Line.of(0, truth[symbol]))
    if rng.random() < 0.2:
        i = int(rng.integers(len(lines)))
        relation = lines[i].relation
        if relation is not None:
            again = relation if rng.random() < 0.5 else spoil(rng, relation, symbols)
            _place(rng, lines, Line.of(0, again), after=i + 1 if rng.random() < 0.8 else 0)
    if rng.random() < 0.06:
        _place(rng, lines, lines.pop(int(rng.integers(len(lines)))))
    lines = renumber(rng, lines, problem)
    if rng.random() < 0.05:
        i = int(rng.integers(len(lines)))
        lines[i] = _malformed(rng, lines[i])
    return lines


def tolerable(rng: np.random.Generator, problem: ArithmeticProblem) -> list[Line]:
    """A plan to answer from that is not the gold plan's text: renumbered, out of order, with extras, or not true.

    One in five is a draft as it was written, goal first and without needs.

    Half have one to three relations that the question does not tell, because an answer must follow the plan it cites
    and not the question; one in eight lacks an item, which the answer then supplies uncited.
    """
    truth = problem.gold.relations
    lines = gold_lines(problem)
    draw = rng.random()
    if draw < 0.5:
        known = [line.symbol for line in lines]
        for i in rng.permutation(len(lines))[: int(rng.integers(1, 4))]:
            lines[i] = _otherwise(rng, lines[i], known)
    elif draw < 0.625 and len(lines) > 1:
        lines.pop(int(rng.integers(len(lines))))
    extras = [s for s in truth if s not in problem.gold.needed]
    if extras and rng.random() < 0.5:
        for i in rng.permutation(len(extras))[: int(rng.integers(1, 3))]:
            _place(rng, lines, Line.of(0, truth[extras[int(i)]]))
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 3))):
            _place(rng, lines, lines.pop(int(rng.integers(len(lines)))))
    draw = rng.random()
    if draw < 0.2:
        return _as_drafted(problem, lines)
    return in_turn(lines) if draw < 0.45 else renumber(rng, lines, problem)


def _otherwise(rng: np.random.Generator, line: Line, known: Sequence[str]) -> Line:
    """A line that says something else in its number, its kind or an operand."""
    assert line.relation is not None
    relation = line.relation
    if rng.random() < 0.4 and relation.number is not None:
        number = int(rng.integers(2, 7 if relation.kind in (Kind.TIMES, Kind.SHARE) else 41))
        return Line.of(0, replace(relation, number=number))
    return Line.of(0, spoil(rng, relation, known))


def _as_drafted(problem: ArithmeticProblem, lines: Sequence[Line]) -> list[Line]:
    """Goal first and without needs, as a draft that nobody has put in order."""
    rank = {symbol: i for i, symbol in enumerate(goal_first(problem.public.target, problem.gold.relations))}
    ordered = sorted(lines, key=lambda line: rank.get(line.symbol, len(rank)))
    return [replace(line, number=i, needs=()) for i, line in enumerate(ordered, start=1)]
