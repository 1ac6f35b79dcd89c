"""What to do about a witness, when the truth is known: the gold edit of the repair role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..families.arithmetic import ArithmeticProblem
from ..families.relations import Relation
from .lines import Line, Witness, arrow, definitions, needs_of

__all__ = ["Repairer"]


@dataclass(frozen=True, slots=True)
class Repairer:
    """Writes gold edits for one problem.

    Attributes:
        target: The goal's symbol.
        truth: The true relations by symbol.
        needed: The symbols the goal depends on, in the gold plan's order.
    """

    target: str
    truth: Mapping[str, Relation]
    needed: tuple[str, ...]

    @staticmethod
    def of(problem: ArithmeticProblem) -> Repairer:
        """The repairer of a problem."""
        return Repairer(problem.public.target, problem.gold.relations, problem.gold.needed)

    def true(self, line: Line) -> bool:
        """Whether the question tells what a line says."""
        return line.relation is not None and line.relation.same_as(self.truth.get(line.symbol))

    def edit(self, witness: Witness, lines: Sequence[Line]) -> str:
        """The edit line, without newline, that answers one witness on this plan."""
        by_number = {line.number: line for line in lines}
        match witness.kind:
            case "undefined":
                return self._undefined(by_number[witness.lines[0]], witness.symbol, lines)
            case "goal":
                return self._insert(self.target, lines)
            case "duplicate":
                return f"delete S{witness.lines[1]}"
            case "contradiction":
                first, second = (by_number[n] for n in witness.lines)
                if self.true(first):
                    return f"delete S{second.number}"
                return f"delete S{first.number}" if self.true(second) else self._replace(first, lines)
            case "cycle":
                named = [by_number[n] for n in witness.lines]
                wrong = next((line for line in named if not self.true(line)), named[0])
                return self._replace(wrong, lines)
            case "unused":
                return self._unused(by_number[witness.lines[0]], lines)
            case _:
                return self._replace(by_number[witness.lines[0]], lines)

    def _replace(self, line: Line, lines: Sequence[Line]) -> str:
        """Put the truth in a line's place; delete what the question does not tell or another line has right."""
        relation = self.truth.get(line.symbol)
        others = [other for other in lines if other is not line]
        if relation is None or any(other.symbol == line.symbol and self.true(other) for other in others):
            return f"delete S{line.number}"
        return f"replace S{line.number}: [ {relation.check}]{arrow(needs_of(relation, others))}"

    def _insert(self, symbol: str, lines: Sequence[Line], before: Line | None = None) -> str:
        relation = self.truth[symbol]
        place = f" before S{before.number}" if before is not None else ""
        return f"insert S{place}: [ {relation.check}]{arrow(needs_of(relation, lines))}"

    def _undefined(self, user: Line, symbol: str, lines: Sequence[Line]) -> str:
        """A wrong user is put right, an unneeded one deleted, and otherwise the missing item is inserted before it."""
        if not self.true(user):
            return self._replace(user, lines)
        if user.symbol not in self.needed:
            return f"delete S{user.number}"
        return self._insert(symbol, lines, user)

    def _unused(self, line: Line, lines: Sequence[Line]) -> str:
        """Delete what the goal does not need; otherwise mend the item that should use it, or insert that item."""
        if line.symbol not in self.needed or line.symbol == self.target:
            return f"delete S{line.number}"
        known = definitions(lines)
        for symbol in self.needed:
            if line.symbol not in self.truth[symbol].operands:
                continue
            user = known.get(symbol)
            if user is not None:
                return self._replace(user, lines)
            place = next((o for o in lines if o.relation is not None and symbol in o.relation.operands), None)
            return self._insert(symbol, lines, place)
        return f"delete S{line.number}"
