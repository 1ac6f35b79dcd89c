"""Plans as the training data sees them: numbered lines, each with a relation, and what is structurally wrong.

This is a small stand-in for the full notation and the structure verifier: it knows the relations of the arithmetic
family only, is fast enough to run inside the data loader, and writes the very lines that refinement will show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ..families.arithmetic import evaluated
from ..families.relations import Relation, parse_relation

__all__ = [
    "Line",
    "Witness",
    "arrow",
    "draft_text",
    "find_witnesses",
    "goal_first",
    "needs_of",
    "parse_plan",
    "plan_text",
    "tidy",
]


@dataclass(frozen=True, slots=True)
class Line:
    """One item of a plan.

    Attributes:
        number: The item's id is `S{number}`.
        relation: What it defines; None when `raw` cannot be read.
        needs: Numbers of the items it points to, as written.
        raw: The check as written, when it is malformed.
        symbol: The defined symbol; for a malformed line the one it is about.
    """

    number: int
    relation: Relation | None
    needs: tuple[int, ...] = ()
    raw: str | None = None
    symbol: str = ""

    @staticmethod
    def of(number: int, relation: Relation, needs: tuple[int, ...] = ()) -> Line:
        """A well-formed line."""
        return Line(number, relation, needs, None, relation.symbol)

    @property
    def text(self) -> str:
        """The line in plan notation."""
        return f"S{self.number}:{self.quoted}{arrow(self.needs)}"

    @property
    def quoted(self) -> str:
        """The check in its brackets, after a space."""
        check = self.relation.check if self.relation is not None else self.raw or ""
        return f" [ {check}]"


@dataclass(frozen=True, slots=True)
class Witness:
    """Something wrong with a plan.

    Attributes:
        kind: `undefined`, `goal`, `contradiction`, `duplicate`, `cycle`, `unused`, `doubtful`, `false`, `malformed`
            or `unresolved`.
        text: The line that is shown to the model.
        lines: Numbers of the items it names, in order.
        symbol: The symbol it is about.
    """

    kind: str
    text: str
    lines: tuple[int, ...]
    symbol: str


def arrow(needs: Sequence[int]) -> str:
    """The needs part of a line, empty when there are none."""
    return " <- " + ", ".join(f"S{n}" for n in needs) if needs else ""


def plan_text(target: str, lines: Sequence[Line]) -> str:
    """The plan in notation, each line ended by a newline."""
    return f"goal: how many {target}? [ {target}]\n" + "".join(line.text + "\n" for line in lines)


def definitions(lines: Sequence[Line]) -> dict[str, Line]:
    """The first line that defines each symbol."""
    found: dict[str, Line] = {}
    for line in lines:
        if line.relation is not None:
            found.setdefault(line.symbol, line)
    return found


def needs_of(relation: Relation, lines: Sequence[Line]) -> tuple[int, ...]:
    """Numbers of the lines that define what a relation uses, in the order of its operands."""
    known = definitions(lines)
    return tuple(dict.fromkeys(known[s].number for s in relation.operands if s in known))


def goal_first(target: str, relations: Mapping[str, Relation]) -> tuple[str, ...]:
    """The symbols that `target` depends on, itself first, then every symbol in the order in which it is mentioned.

    This is the order of a draft: each line is found by one look at the question, whereas an order that starts from what
    is given asks for the whole way back from the goal before the first line.
    """
    order = [target]
    for symbol in order:
        relation = relations.get(symbol)
        order += [o for o in (relation.operands if relation else ()) if o in relations and o not in order]
    return tuple(order)


def draft_text(target: str, relations: Mapping[str, Relation]) -> str:
    """The draft that is learnt: goal first, without needs; structural edits order and link it."""
    lines = [Line.of(i, relations[symbol]) for i, symbol in enumerate(goal_first(target, relations), start=1)]
    return plan_text(target, lines)


def tidy(lines: Sequence[Line]) -> list[Line]:
    """Lines as structural edits leave them: what is used stands before its users, and needs are filled in."""
    known = definitions(lines)
    ordered: list[Line] = []
    seen: set[int] = set()

    def visit(line: Line) -> None:
        if line.number in seen:
            return
        seen.add(line.number)
        for operand in line.relation.operands if line.relation is not None else ():
            if operand in known:
                visit(known[operand])
        ordered.append(line)

    for line in lines:
        visit(line)
    return [
        line if line.relation is None else Line.of(line.number, line.relation, _others(line, lines)) for line in ordered
    ]


def _others(line: Line, lines: Sequence[Line]) -> tuple[int, ...]:
    assert line.relation is not None
    return tuple(n for n in needs_of(line.relation, lines) if n != line.number)


_LINE = re.compile(r"S([0-9]{1,3}): \[ ?([^\[\]\n]{0,80})\](?: <- (S[0-9]{1,3}(?:, S[0-9]{1,3})*))?")


def parse_plan(text: str, target: str) -> list[Line] | None:
    """Read a sampled plan; None when it is not one (wrong goal line, unreadable line, ids used twice)."""
    rows = text.removesuffix("\n").split("\n")
    if rows[0] not in (f"goal: how many {target}? [ {target}]", f"goal: how many {target}? [{target}]"):
        return None
    lines: list[Line] = []
    for row in rows[1:]:
        found = _LINE.fullmatch(row)
        if found is None:
            return None
        needs = tuple(int(n[1:]) for n in found.group(3).split(", ")) if found.group(3) else ()
        relation = parse_relation(found.group(2))
        if relation is None:
            return None
        lines.append(Line.of(int(found.group(1)), relation, needs))
    return lines if len({line.number for line in lines}) == len(lines) else None


def _values(known: Mapping[str, Line]) -> dict[str, Fraction]:
    """What a plan implies for the symbols that it determines."""
    return evaluated({symbol: line.relation for symbol, line in known.items() if line.relation is not None})


def _clashes(lines: Sequence[Line], known: Mapping[str, Line]) -> list[Witness]:
    """Symbols defined twice: the same way (duplicate) or differently (contradiction)."""
    found: list[Witness] = []
    values = _values(known)
    for line in lines:
        first = known.get(line.symbol)
        if line.relation is None or first is None or first is line or first.relation is None:
            continue
        pair = (first.number, line.number)
        if line.relation.same_as(first.relation):
            found.append(Witness("duplicate", f"S{pair[1]} repeats S{pair[0]}", pair, line.symbol))
            continue
        tail = f" on {line.symbol}"
        if line.symbol in values and all(o in values for o in line.relation.operands):
            other = line.relation.evaluate(values)
            if other != values[line.symbol]:
                tail = f": {line.symbol} is {values[line.symbol]} and {other}"
        found.append(Witness("contradiction", f"S{pair[0]} and S{pair[1]} contradict{tail}", pair, line.symbol))
    return found


def _cycle(known: Mapping[str, Line]) -> tuple[str, ...]:
    """The symbols of one cycle, or none."""
    state: dict[str, int] = {}
    path: list[str] = []

    def visit(symbol: str) -> tuple[str, ...]:
        state[symbol] = 1
        path.append(symbol)
        relation = known[symbol].relation
        for operand in relation.operands if relation is not None else ():
            if state.get(operand) == 1:
                return tuple(path[path.index(operand) :])
            if operand in known and operand not in state:
                inner = visit(operand)
                if inner:
                    return inner
        path.pop()
        state[symbol] = 2
        return ()

    for symbol in known:
        if symbol not in state:
            found = visit(symbol)
            if found:
                return found
    return ()


def find_witnesses(lines: Sequence[Line], target: str) -> list[Witness]:
    """All structural witnesses of a plan, in the plan's order.

    Unused items are named only where nothing is missing: before that, what is missing may need them.
    """
    known = definitions(lines)
    found: list[Witness] = []
    used: set[str] = {target}
    for line in lines:
        for operand in line.relation.operands if line.relation is not None else ():
            if operand != line.symbol:
                used.add(operand)
            if operand not in known:
                text = f"S{line.number} uses {operand}, defined nowhere"
                found.append(Witness("undefined", text, (line.number,), operand))
    if target not in known:
        found.append(Witness("goal", f"goal {target} is defined nowhere", (), target))
    if not found:
        found += [
            Witness("unused", f"S{line.number} is not used", (line.number,), line.symbol)
            for line in lines
            if line.relation is not None and line.symbol not in used
        ]
    found += _clashes(lines, known)
    cycle = _cycle(known)
    if cycle:
        numbers = tuple(line.number for line in lines if line.symbol in cycle and known.get(line.symbol) is line)
        text = ", ".join(f"S{n}" for n in numbers) + " form a cycle"
        found.append(Witness("cycle", text, numbers, cycle[0]))
    return found
