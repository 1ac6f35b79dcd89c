"""The relations of the arithmetic family: how they are written, read, compared and evaluated.

A relation defines one symbol by a number and at most three other symbols, for example `bolts = nuts + 3`. Seven kinds
are the basic ones; the others join where a difficulty asks for them. Texts that come from a language model are read
with regular expressions only; nothing is ever evaluated as code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from ...planner.units import UNITS

__all__ = [
    "BASIC",
    "BINARY",
    "MEASURE_WORDS",
    "MORE_BINARY",
    "MORE_UNARY",
    "UNARY",
    "Kind",
    "Relation",
    "parse_relation",
]


class Kind(StrEnum):
    """How a quantity is told."""

    GIVEN = "given"
    MORE = "more"
    FEWER = "fewer"
    TIMES = "times"
    SHARE = "share"
    SUM = "sum"
    DIFFERENCE = "difference"
    PERCENT = "percent"
    REMAINDER = "remainder"
    PRODUCT = "product"
    AVERAGE = "average"
    LARGER = "larger"
    SMALLER = "smaller"
    TOTAL = "total"


BASIC = (Kind.GIVEN, Kind.MORE, Kind.FEWER, Kind.TIMES, Kind.SHARE, Kind.SUM, Kind.DIFFERENCE)
"""The seven kinds of a problem that asks for no others."""
UNARY = (Kind.MORE, Kind.FEWER, Kind.TIMES, Kind.SHARE)
BINARY = (Kind.SUM, Kind.DIFFERENCE)
MORE_UNARY = (*UNARY, Kind.PERCENT, Kind.REMAINDER)
"""Every kind over one symbol, the basic ones first."""
MORE_BINARY = (*BINARY, Kind.PRODUCT, Kind.AVERAGE, Kind.LARGER, Kind.SMALLER)
"""Every kind over two symbols, the basic ones first."""

MEASURE_WORDS = ("cm", "m", "km", "g", "kg", "seconds", "minutes", "hours")
"""Units that the number of a `given`, `more` or `fewer` relation may have; each is one of planneal's own."""

_EITHER_ORDER = frozenset({Kind.SUM, Kind.PRODUCT, Kind.AVERAGE, Kind.LARGER, Kind.SMALLER, Kind.TOTAL})
_WRITTEN = {
    Kind.GIVEN: "{n}",
    Kind.MORE: "{a} + {n}",
    Kind.FEWER: "{a} - {n}",
    Kind.TIMES: "{n} * {a}",
    Kind.SHARE: "{a} / {n}",
    Kind.SUM: "{a} + {b}",
    Kind.DIFFERENCE: "{a} - {b}",
    Kind.PERCENT: "{n} * {a} / 100",
    Kind.REMAINDER: "{a} % {n}",
    Kind.PRODUCT: "{a} * {b}",
    Kind.AVERAGE: "({a} + {b}) / 2",
    Kind.LARGER: "max({a}, {b})",
    Kind.SMALLER: "min({a}, {b})",
    Kind.TOTAL: "{a} + {b} + {c}",
}
_MEANING: Mapping[Kind, Callable[[Sequence[Fraction], Fraction], Fraction]] = {
    Kind.GIVEN: lambda x, n: n,
    Kind.MORE: lambda x, n: x[0] + n,
    Kind.FEWER: lambda x, n: x[0] - n,
    Kind.TIMES: lambda x, n: x[0] * n,
    Kind.SHARE: lambda x, n: x[0] / n,
    Kind.SUM: lambda x, n: x[0] + x[1],
    Kind.DIFFERENCE: lambda x, n: x[0] - x[1],
    Kind.PERCENT: lambda x, n: x[0] * n / 100,
    Kind.REMAINDER: lambda x, n: x[0] % n,
    Kind.PRODUCT: lambda x, n: x[0] * x[1],
    Kind.AVERAGE: lambda x, n: (x[0] + x[1]) / 2,
    Kind.LARGER: lambda x, n: max(x),
    Kind.SMALLER: lambda x, n: min(x),
    Kind.TOTAL: lambda x, n: x[0] + x[1] + x[2],
}


@dataclass(frozen=True, slots=True)
class Relation:
    """A definition of one symbol.

    Attributes:
        symbol: The symbol that is defined.
        kind: Which relation.
        operands: The symbols it depends on: none to three, in written order.
        number: The number in it; None where it has none.
        unit: The unit of the number, empty for a plain one.
    """

    symbol: str
    kind: Kind
    operands: tuple[str, ...] = ()
    number: int | None = None
    unit: str = ""

    @property
    def amount(self) -> str:
        """The number as it is written, with its unit."""
        return f"{self.number} {self.unit}" if self.unit else str(self.number)

    @property
    def exact(self) -> Fraction:
        """The number in base units, 0 where there is none."""
        number = Fraction(self.number or 0)
        return number * UNITS[self.unit].factor if self.unit else number

    def written(self, values: Mapping[str, object]) -> str:
        """The right-hand side with each operand replaced by `values[operand]`."""
        shown = [values[name] for name in self.operands]
        first, second, third = [*shown, None, None, None][:3]
        return _WRITTEN[self.kind].format(a=first, b=second, c=third, n=self.amount)

    @property
    def expression(self) -> str:
        """The right-hand side in symbols, such as `nuts + 3`."""
        return self.written({name: name for name in self.operands})

    @property
    def check(self) -> str:
        """The whole relation, such as `bolts = nuts + 3`."""
        return f"{self.symbol} = {self.expression}"

    def evaluate(self, values: Mapping[str, Fraction]) -> Fraction:
        """The symbol's exact value, in base units, given the operands' values.

        Raises:
            KeyError: An operand has no value.
        """
        return _MEANING[self.kind]([values[name] for name in self.operands], self.exact)

    def canonical(self) -> Relation:
        """The same relation with operands that may change places in alphabetical order, for comparison."""
        return replace(self, operands=tuple(sorted(self.operands))) if self.kind in _EITHER_ORDER else self

    def same_as(self, other: Relation | None) -> bool:
        """Whether both say the same, up to the order of a sum and to how a number is written (`2 m`, `200 cm`)."""
        return other is not None and self._meaning() == other._meaning()

    def _meaning(self) -> tuple[object, ...]:
        """What is compared: half, 50 percent and one of two shares are the same factor."""
        factor = {Kind.TIMES: self.exact, Kind.PERCENT: self.exact / 100}.get(self.kind)
        if self.kind is Kind.SHARE and self.number:
            factor = 1 / self.exact
        if factor is not None:
            return (self.symbol, "factor", self.operands, factor, False)
        return (self.symbol, self.kind, self.canonical().operands, self.exact, bool(self.unit))


_NAME = r"[a-z][a-z0-9_]*"
_A, _B, _C = (rf"(?P<{letter}>{_NAME})" for letter in "abc")
_NUMBER = r"(?P<n>[0-9]{1,9})"
_AMOUNT = rf"{_NUMBER}(?:\s*(?P<u>{'|'.join(MEASURE_WORDS)}))?"
_FORMS: tuple[tuple[Kind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(rf"\s*(?P<s>{_NAME})\s*={{1,2}}\s*{body}\s*"))
    for kind, body in (
        (Kind.GIVEN, _AMOUNT),
        (Kind.MORE, rf"{_A}\s*\+\s*{_AMOUNT}"),
        (Kind.MORE, rf"{_AMOUNT}\s*\+\s*{_A}"),
        (Kind.FEWER, rf"{_A}\s*-\s*{_AMOUNT}"),
        (Kind.TIMES, rf"{_NUMBER}\s*\*\s*{_A}"),
        (Kind.TIMES, rf"{_A}\s*\*\s*{_NUMBER}"),
        (Kind.SHARE, rf"{_A}\s*/\s*{_NUMBER}"),
        (Kind.SUM, rf"{_A}\s*\+\s*{_B}"),
        (Kind.DIFFERENCE, rf"{_A}\s*-\s*{_B}"),
        (Kind.PERCENT, rf"{_NUMBER}\s*\*\s*{_A}\s*/\s*100"),
        (Kind.PERCENT, rf"{_A}\s*\*\s*{_NUMBER}\s*/\s*100"),
        (Kind.REMAINDER, rf"{_A}\s*%\s*{_NUMBER}"),
        (Kind.PRODUCT, rf"{_A}\s*\*\s*{_B}"),
        (Kind.AVERAGE, rf"\(\s*{_A}\s*\+\s*{_B}\s*\)\s*/\s*2"),
        (Kind.LARGER, rf"max\(\s*{_A}\s*,\s*{_B}\s*\)"),
        (Kind.SMALLER, rf"min\(\s*{_A}\s*,\s*{_B}\s*\)"),
        (Kind.TOTAL, rf"{_A}\s*\+\s*{_B}\s*\+\s*{_C}"),
    )
)


def parse_relation(text: str) -> Relation | None:
    """Read one relation, or None when the text is none of these kinds (or divides by zero)."""
    for kind, pattern in _FORMS:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        parts = found.groupdict()
        number = int(parts["n"]) if "n" in parts else None
        if kind in (Kind.SHARE, Kind.REMAINDER) and number == 0:
            return None
        operands = tuple(parts[letter] for letter in "abc" if letter in parts)
        return Relation(parts["s"], kind, operands, number, parts.get("u") or "")
    return None
