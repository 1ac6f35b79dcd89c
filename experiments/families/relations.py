"""The seven relations of the arithmetic family: how they are written, read, compared and evaluated.

A relation defines one symbol by a number and at most two other symbols, for example `bolts = nuts + 3`. Texts that
come from a language model are read with regular expressions only; nothing is ever evaluated as code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

__all__ = ["BINARY", "UNARY", "Kind", "Relation", "parse_relation"]


class Kind(StrEnum):
    """How a quantity is told."""

    GIVEN = "given"
    MORE = "more"
    FEWER = "fewer"
    TIMES = "times"
    SHARE = "share"
    SUM = "sum"
    DIFFERENCE = "difference"


UNARY = (Kind.MORE, Kind.FEWER, Kind.TIMES, Kind.SHARE)
BINARY = (Kind.SUM, Kind.DIFFERENCE)

_WRITTEN = {
    Kind.GIVEN: "{n}",
    Kind.MORE: "{a} + {n}",
    Kind.FEWER: "{a} - {n}",
    Kind.TIMES: "{n} * {a}",
    Kind.SHARE: "{a} / {n}",
    Kind.SUM: "{a} + {b}",
    Kind.DIFFERENCE: "{a} - {b}",
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A definition of one symbol.

    Attributes:
        symbol: The symbol that is defined.
        kind: Which of the seven relations.
        operands: The symbols it depends on: none, one or two, in written order.
        number: The number in it; None for sums and differences.
    """

    symbol: str
    kind: Kind
    operands: tuple[str, ...] = ()
    number: int | None = None

    def written(self, values: Mapping[str, object]) -> str:
        """The right-hand side with each operand replaced by `values[operand]`."""
        shown = [values[name] for name in self.operands]
        first, second = [*shown, None, None][:2]
        return _WRITTEN[self.kind].format(a=first, b=second, n=self.number)

    @property
    def expression(self) -> str:
        """The right-hand side in symbols, such as `nuts + 3`."""
        return self.written({name: name for name in self.operands})

    @property
    def check(self) -> str:
        """The whole relation, such as `bolts = nuts + 3`."""
        return f"{self.symbol} = {self.expression}"

    def evaluate(self, values: Mapping[str, Fraction]) -> Fraction:
        """The symbol's exact value given the operands' values.

        Raises:
            KeyError: An operand has no value.
        """
        shown = [values[name] for name in self.operands]
        number = Fraction(self.number or 0)
        match self.kind:
            case Kind.GIVEN:
                return number
            case Kind.MORE:
                return shown[0] + number
            case Kind.FEWER:
                return shown[0] - number
            case Kind.TIMES:
                return shown[0] * number
            case Kind.SHARE:
                return shown[0] / number
            case Kind.SUM:
                return shown[0] + shown[1]
            case Kind.DIFFERENCE:
                return shown[0] - shown[1]

    def canonical(self) -> Relation:
        """The same relation with the operands of a sum in alphabetical order, for comparison."""
        return replace(self, operands=tuple(sorted(self.operands))) if self.kind is Kind.SUM else self

    def same_as(self, other: Relation | None) -> bool:
        """Whether both say the same, up to the order of a sum."""
        return other is not None and self.canonical() == other.canonical()


_NAME = r"([a-z][a-z0-9_]*)"
_NUMBER = r"([0-9]{1,9})"
_FORMS: tuple[tuple[Kind, re.Pattern[str], tuple[int, ...], int | None], ...] = tuple(
    (kind, re.compile(rf"\s*{_NAME}\s*={{1,2}}\s*{body}\s*"), operands, number)
    for kind, body, operands, number in (
        (Kind.GIVEN, _NUMBER, (), 2),
        (Kind.MORE, rf"{_NAME}\s*\+\s*{_NUMBER}", (2,), 3),
        (Kind.MORE, rf"{_NUMBER}\s*\+\s*{_NAME}", (3,), 2),
        (Kind.FEWER, rf"{_NAME}\s*-\s*{_NUMBER}", (2,), 3),
        (Kind.TIMES, rf"{_NUMBER}\s*\*\s*{_NAME}", (3,), 2),
        (Kind.TIMES, rf"{_NAME}\s*\*\s*{_NUMBER}", (2,), 3),
        (Kind.SHARE, rf"{_NAME}\s*/\s*{_NUMBER}", (2,), 3),
        (Kind.SUM, rf"{_NAME}\s*\+\s*{_NAME}", (2, 3), None),
        (Kind.DIFFERENCE, rf"{_NAME}\s*-\s*{_NAME}", (2, 3), None),
    )
)


def parse_relation(text: str) -> Relation | None:
    """Read one relation, or None when the text is none of the seven (or divides by zero)."""
    for kind, pattern, operands, number in _FORMS:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        value = None if number is None else int(found.group(number))
        if kind is Kind.SHARE and value == 0:
            return None
        return Relation(found.group(1), kind, tuple(found.group(i) for i in operands), value)
    return None
