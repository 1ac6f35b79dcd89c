"""An answer as a machine reads it: statements, the relations in them, and the values that they bind.

Only what planneal's own relation grammar reads counts; the rest is prose, and how much of an answer that is (parse
coverage) stands beside every rate that is built on this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from ...decoders.answer import read_value
from ...decoders.citations import read_answer, statements
from ...planner.errors import ExpressionError
from ...planner.evaluation import Gap, value_of
from ...planner.expressions import Expression, Quantity, Relation, Symbol, nodes_of, parse_expression, parse_relation


class Statement(NamedTuple):
    """One line of an answer.

    Attributes:
        text: The line without its citations.
        citations: Item ids that it cites.
        relations: The comparisons that could be read from it, in order.
        final: The value, where the line is the ``answer:`` line.
        code: Whether it is a line of a program, which states nothing.
    """

    text: str
    citations: tuple[str, ...]
    relations: tuple[Relation, ...] = ()
    final: str | None = None
    code: bool = False

    @property
    def parsed(self) -> bool:
        """Whether a machine can tell what it states."""
        return bool(self.relations) if self.final is None else read_value(self.final) is not None


class Binding(NamedTuple):
    """A value that an answer gives to a quantity.

    Attributes:
        value: The value, exact, in base units.
        line: Index of the statement.
        measured: Whether it was given with a unit, directly or through what it is computed from.
    """

    value: Fraction
    line: int
    measured: bool


def read(text: str) -> list[Statement]:
    """The statements of an answer, one per non-empty line."""
    found: list[Statement] = []
    for line in read_answer(text):
        relations: list[Relation] = []
        if line.final is None and not line.code:
            for candidate in statements(line.text):
                try:
                    relation = parse_relation(candidate)
                except ExpressionError:
                    continue
                if relation.ops:
                    relations.append(relation)
        found.append(Statement(line.text, line.citations, tuple(relations), line.final, line.code))
    return found


def values(bindings: Mapping[str, Binding]) -> dict[str, Fraction]:
    """The bare values of bindings."""
    return {name: binding.value for name, binding in bindings.items()}


def bound_by(relation: Relation, known: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """The values that an equation gives to the quantities that stand alone on a side.

    A side of plain numbers says the value (the last one, as in ``bolts = nuts + 3 = 4 + 3 = 7``); without one it is
    computed from what is known. Nothing is bound by a chain whose plain sides differ, or by what is no equation.
    """
    if not relation.is_equation:
        return {}
    alone = [term.name for term in relation.terms if isinstance(term, Symbol)]
    plain = [value for term in relation.terms if not isinstance(value := value_of(term, {}), Gap)]
    if not alone or len(set(plain)) > 1:
        return {}
    if plain:
        return dict.fromkeys(alone, plain[-1])
    found: dict[str, Fraction] = {}
    for name in alone:
        others = (value_of(term, known) for term in relation.terms if term != Symbol(name))
        computed = [value for value in others if not isinstance(value, Gap)]
        if computed:
            found[name] = computed[-1]
    return found


def bind(bindings: dict[str, Binding], relation: Relation, line: int) -> None:
    """Adds to bindings what a relation binds; what is bound already stays as it was first said."""
    measured = bool(relation.quantities) or any(name in bindings and bindings[name].measured for name in relation.uses)
    for name, value in bound_by(relation, values(bindings)).items():
        bindings.setdefault(name, Binding(value, line, measured))


def bindings_of(lines: Sequence[Statement]) -> dict[str, Binding]:
    """Every quantity's first value over the lines of an answer."""
    found: dict[str, Binding] = {}
    for index, line in enumerate(lines):
        for relation in line.relations:
            bind(found, relation, index)
    return found


def final_value(final: str, target: str | None, bindings: Mapping[str, Binding]) -> Fraction | None:
    """The number of an ``answer:`` line, where it can be held against what the answer said of the target.

    None where no number can be read, or where the target was measured in some unit and the final line names none: in
    which unit it is meant is then anybody's guess.
    """
    value = read_value(final)
    if value is None or target is None:
        return value
    symbols = _symbols(target)
    if any(name in bindings and bindings[name].measured for name in symbols) and not _has_unit(final):
        return None
    return value


def parsed_target(target: str | None) -> Expression | None:
    """A plan's target as an expression, None where there is none or it does not parse."""
    if target is None:
        return None
    try:
        return parse_expression(target)
    except ExpressionError:
        return None


def _symbols(target: str) -> set[str]:
    expression = parsed_target(target)
    return set() if expression is None else {node.name for node in nodes_of(expression) if isinstance(node, Symbol)}


def _has_unit(text: str) -> bool:
    expression = parsed_target(text.rpartition("=")[2])
    return expression is not None and any(isinstance(node, Quantity) for node in nodes_of(expression))


__all__ = [
    "Binding",
    "Statement",
    "bind",
    "bindings_of",
    "bound_by",
    "final_value",
    "parsed_target",
    "read",
    "values",
]
