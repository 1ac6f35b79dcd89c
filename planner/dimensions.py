"""Which dimension every symbol has, and where relations mix units: inference over the rationals.

Multiplication adds dimensions, a power scales them, and a sum or a comparison says that two of them are equal: a linear
system over the dimensions of the symbols, solved by elimination. Definitions come first, what they rest on before
them, so that the item that departs from what the others say is the one that is told. A literal 0 fits every dimension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from .checks import UnitCheck
from .evaluation import shown
from .expressions import CONDITIONS, Apply, Expression, Number, Quantity, Relation, Symbol
from .graph import strong_components
from .plan import Item
from .units import (
    DIVISIBLE,
    Dimension,
    Unit,
    dimension_of,
    factor_of,
    format_dimension,
    format_unit,
    read_declaration,
)

_Form = dict[tuple[str, str], Fraction]
"""Powers of base words, keyed ``("", word)``, and of unknown dimensions, keyed ``("of", symbol)``."""


class Mismatch(NamedTuple):
    """Two dimensions that one relation sets beside each other, as text."""

    left: str
    right: str


@dataclass
class Dimensions:
    """What a set of relations says of dimensions.

    Attributes:
        symbols: The dimension of every symbol for which it is known.
        mismatches: By item id, the first place where it mixes units.
        undeclared: By item id, a unit word that is neither in the table nor declared.
        own: For each declared word the first of its synonyms.
        preferred: Units to show values in, the first that was written for each dimension.
    """

    symbols: dict[str, Dimension] = field(default_factory=dict)
    mismatches: dict[str, Mismatch] = field(default_factory=dict)
    undeclared: dict[str, str] = field(default_factory=dict)
    own: Mapping[str, str] = field(default_factory=dict)
    preferred: dict[tuple[tuple[str, Fraction], ...], Unit] = field(default_factory=dict)

    def shown(self, value: Fraction, dimension: Dimension | None) -> str:
        """A value in base units as text, in the plan's own choice of unit where it made one."""
        if not dimension:
            return shown(value)
        unit = self.preferred.get(_key(dimension))
        if unit is None:
            return f"{shown(value)} {format_unit(sorted(dimension.items()))}"
        return f"{shown(value / factor_of(unit))} {format_unit(unit)}"

    def include(self, other: Dimensions) -> None:
        """Takes in what is known of other symbols and items."""
        self.symbols.update(other.symbols)
        self.mismatches.update(other.mismatches)
        self.undeclared.update(other.undeclared)
        self.own = {**self.own, **other.own}
        for dimension, unit in other.preferred.items():
            self.preferred.setdefault(dimension, unit)

    def of(self, expression: Expression) -> Dimension | Mismatch | None:
        """The dimension of an expression over these symbols, where it has one that is known, or what it mixes."""
        solver = _Solver(self.own)
        solver.known = {name: {("", b): w for b, w in dim.items()} for name, dim in self.symbols.items()}
        form = solver.form(expression)
        if solver.mismatch is not None or form is None:
            return solver.mismatch
        form = solver.reduced(form)
        return None if any(kind for kind, _ in form) else {base: weight for (_, base), weight in form.items()}


def _key(dimension: Dimension) -> tuple[tuple[str, Fraction], ...]:
    return tuple(sorted(dimension.items()))


class _Solver:
    """Elimination over dimension forms."""

    def __init__(self, own: Mapping[str, str]) -> None:
        self.own = own
        self.known: dict[str, _Form] = {}
        self.mismatch: Mismatch | None = None
        self._whole: list[tuple[str, _Form]] = []
        self._item = ""

    def read(self, item_id: str, relation: Relation) -> Mismatch | None:
        """Takes a relation in and says where it mixes units with itself or with what came before."""
        self.mismatch = None
        self._item = item_id
        forms = [self.form(term) for term in relation.terms]
        for left, right in pairwise(forms):
            self._equate(left, right)
        return self.mismatch

    def partial(self) -> Iterable[tuple[str, Mismatch]]:
        """Items that ask for a whole number of something that comes in several sizes."""
        for item_id, form in self._whole:
            if any(not kind and base in DIVISIBLE for kind, base in self.reduced(form)):
                yield item_id, Mismatch(_text(self.reduced(form)), "a whole number")

    def reduced(self, form: _Form) -> _Form:
        total: _Form = {}
        for key, weight in form.items():
            parts = self.known.get(key[1]) if key[0] else None
            for other, share in ({key: Fraction(1)} if parts is None else parts).items():
                total[other] = total.get(other, Fraction(0)) + weight * share
        return {key: weight for key, weight in total.items() if weight}

    def _equate(self, left: _Form | None, right: _Form | None) -> None:
        if left is None or right is None or self.mismatch is not None:
            return
        left, right = self.reduced(left), self.reduced(right)
        rest = _plus(left, right, Fraction(-1))
        unknown = min((name for kind, name in rest if kind), default=None)
        if unknown is None:
            if rest:
                self.mismatch = Mismatch(_text(left), _text(right))
            return
        weight = rest.pop(("of", unknown))
        solved = {key: -share / weight for key, share in rest.items()}
        for name, form in self.known.items():
            if ("of", unknown) in form:
                share = form[("of", unknown)]
                without = {key: w for key, w in form.items() if key != ("of", unknown)}
                self.known[name] = _plus(without, solved, share)
        self.known[unknown] = solved

    def form(self, node: Expression) -> _Form | None:
        """The dimension of an expression, None for what fits any; sums inside it are taken in on the way."""
        if isinstance(node, Quantity):
            return {("", base): weight for base, weight in dimension_of(node.unit, self.own).items()}
        if isinstance(node, Number):
            return {} if node.value else None
        if isinstance(node, Symbol):
            return {("of", node.name): Fraction(1)}
        forms = [self.form(argument) for argument in node.args]
        return self._applied(node, forms)

    def _applied(self, node: Apply, forms: list[_Form | None]) -> _Form | None:
        first = forms[0]
        if node.op in ("*", "/"):
            sign = Fraction(1 if node.op == "*" else -1)
            return None if first is None or forms[1] is None else _plus(first, forms[1], sign)
        if node.op in ("**", "sqrt"):
            exponent = node.args[1] if node.op == "**" else None
            power = exponent.value if isinstance(exponent, Number) else Fraction(1, 2)
            return None if first is None else {key: weight * power for key, weight in first.items() if power}
        if node.op in ("floor", "ceil") or (node.op == "%" and node.args[1] == Number(Fraction(1))):
            if first is not None:
                self._whole.append((self._item, first))
            return first
        if node.op in CONDITIONS:
            if node.op != "and":
                self._equate(forms[0], forms[1])
            return {}
        same = forms[1:] if node.op == "if" else forms
        told = [form for form in same if form is not None]
        for form in told[1:]:
            self._equate(told[0], form)
        return told[0] if told else None


def _plus(left: _Form, right: _Form, factor: Fraction) -> _Form:
    total = dict(left)
    for key, weight in right.items():
        total[key] = total.get(key, Fraction(0)) + factor * weight
    return {key: weight for key, weight in total.items() if weight}


def _text(form: _Form) -> str:
    bases = {base: weight for (kind, base), weight in form.items() if not kind}
    unknown = sorted(name for kind, name in form if kind)
    text = format_dimension(bases) if bases or not unknown else ""
    return " ".join([*([text] if text else []), *(f"the unit of {name}" for name in unknown)])


def _in_order(relations: Sequence[tuple[Item, Relation]]) -> list[tuple[Item, Relation]]:
    """Definitions by subgoals, what they rest on first; then other equations; then the rest."""
    definitions: dict[str, list[tuple[Item, Relation]]] = {}
    equations: list[tuple[Item, Relation]] = []
    others: list[tuple[Item, Relation]] = []
    for item, relation in relations:
        if item.defines is not None:
            definitions.setdefault(item.defines, []).append((item, relation))
        else:
            (equations if relation.is_equation else others).append((item, relation))
    edges = {s: frozenset().union(*(r.uses for _, r in told)) for s, told in definitions.items()}
    ranked = [pair for group in strong_components(edges) for symbol in group for pair in definitions[symbol]]
    return [*ranked, *equations, *others]


def declared(items: Iterable[Item]) -> dict[str, str]:
    """The units of their own that items declare: for each word the first of its synonyms."""
    own: dict[str, str] = {}
    for item in items:
        if isinstance(item.check, UnitCheck):
            try:
                groups = read_declaration(item.check.text)
            except ValueError:
                continue
            own.update({word: own.get(group[0], group[0]) for group in groups for word in group})
    return own


def infer_dimensions(relations: Sequence[tuple[Item, Relation]], own: Mapping[str, str]) -> Dimensions:
    """What relations say of dimensions.

    Args:
        relations: Items with their relations, in plan order.
        own: The declared units, as :func:`declared` gives them.
    """
    found = Dimensions(own=own)
    solver = _Solver(own)
    for item, relation in _in_order(relations):
        foreign = next((word for word in relation.own_units if word not in own), None)
        if foreign is not None:
            found.undeclared[item.id] = foreign
            continue
        mismatch = solver.read(item.id, relation)
        if mismatch is not None:
            found.mismatches[item.id] = mismatch
    for item_id, mismatch in solver.partial():
        found.mismatches.setdefault(item_id, mismatch)
    for name, form in solver.known.items():
        if not any(kind for kind, _ in form):
            found.symbols[name] = {base: weight for (_, base), weight in form.items()}
    for _, relation in relations:
        for quantity in relation.quantities:
            found.preferred.setdefault(_key(dimension_of(quantity.unit, own)), quantity.unit)
    return found


__all__ = ["Dimensions", "Mismatch", "declared", "infer_dimensions"]
