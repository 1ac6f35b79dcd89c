"""What a plan's relations say of its symbols: definitions evaluated forwards, the rest solved jointly.

:func:`valuate` gives every symbol that the plan determines its exact value, and names what stands in the way of the
others: definitions without a value, rival definitions, circles, and equations that cannot all hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple

from .checks import RelationCheck
from .dimensions import Dimensions, declared, infer_dimensions
from .evaluation import Gap, shown, value_of
from .expressions import Expression, Relation, Symbol, symbols_of
from .graph import circles, links
from .linear import linear_form
from .plan import Item, Plan


class Definition(NamedTuple):
    """``symbol = body``, as one item says it."""

    item: str
    symbol: str
    body: Expression
    uses: frozenset[str]


class Equation(NamedTuple):
    """``left = right``, as one item says it without defining a symbol."""

    item: str
    left: Expression
    right: Expression
    symbols: frozenset[str]


class Dispute(NamedTuple):
    """Rival definitions of one symbol.

    Attributes:
        symbol: The symbol.
        members: The items, in plan order.
        values: What each gives, in the order of the members; empty where they cannot all be evaluated.
        given: Items that the members take their values from.
    """

    symbol: str
    members: tuple[str, ...]
    values: tuple[str, ...]
    given: tuple[str, ...] = ()


class Clash(NamedTuple):
    """Items that cannot all hold.

    Attributes:
        members: The items, in plan order.
        given: Items whose values the members are read at.
    """

    members: tuple[str, ...]
    given: tuple[str, ...] = ()


class Roots(NamedTuple):
    """Real solutions of one equation in one unknown.

    Attributes:
        rational: The rational ones, ascending.
        complete: Whether there are no others.
    """

    rational: tuple[Fraction, ...]
    complete: bool


class Points(NamedTuple):
    """Real solutions of several equations.

    Attributes:
        rational: The rational ones: values of the unknowns, in the order in which they were asked for.
        complete: Whether there are no others.
    """

    rational: tuple[tuple[Fraction, ...], ...]
    complete: bool


RootFinder = Callable[[Expression, Expression, str], Roots | None]
"""Solves ``left = right`` for the one symbol in it, or says None where it does not."""
PointFinder = Callable[[tuple[tuple[Expression, Expression], ...], tuple[str, ...]], Points | str | None]
"""Solves several equations for the symbols in them; text is why it broke off, None that it was not attempted."""


class Solvers(NamedTuple):
    """What solves equations that are not linear; None where nothing does."""

    roots: RootFinder | None = None
    points: PointFinder | None = None


NO_SOLVERS = Solvers()
"""Linear algebra only."""


@dataclass
class Valuation:
    """What a plan determines, and what stands in the way of the rest.

    Attributes:
        values: The value of every determined symbol.
        gaps: By item id, why a definition has no value although everything it uses has one.
        disputes: Rival definitions.
        clashes: Groups of items that cannot all hold.
        loops: Definitions that rest on each other in a circle and leave their symbols open.
        dimensions: What is known of units; None where no unit is written.
        gave_up: By symbol, why solving for it was broken off.
    """

    values: dict[str, Fraction] = field(default_factory=dict)
    gaps: dict[str, Gap] = field(default_factory=dict)
    disputes: list[Dispute] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    loops: list[tuple[str, ...]] = field(default_factory=list)
    dimensions: Dimensions | None = None
    gave_up: dict[str, str] = field(default_factory=dict)

    def include(self, other: Valuation) -> None:
        """Takes in what is known of other symbols and items."""
        self.values.update(other.values)
        self.gaps.update(other.gaps)
        self.disputes += other.disputes
        self.clashes += other.clashes
        self.loops += other.loops
        self.gave_up.update(other.gave_up)
        if other.dimensions is not None:
            self.dimensions = self.dimensions or Dimensions()
            self.dimensions.include(other.dimensions)


def relation_of(item: Item) -> Relation | None:
    """The item's relation, or None where it has none that can be read."""
    if isinstance(item.check, RelationCheck) and isinstance(item.check.relation, Relation):
        return item.check.relation
    return None


class State:
    """A valuation in the making.

    Attributes:
        plan: The plan.
        result: What is known so far.
        definitions: For each symbol the definitions it can get its value from.
        equations: Everything else that is said to be equal.
        closed: Symbols that will get no value: disputed, undefined, or part of a clash.
        relations: Items with a relation that can be read.
    """

    def __init__(self, plan: Plan, own_units: Mapping[str, str] | None = None) -> None:
        self.plan = plan
        self.result = Valuation()
        self.values = self.result.values
        self.links = links(plan)
        self.definitions: dict[str, list[Definition]] = {}
        self.equations: list[Equation] = []
        self.closed: set[str] = set()
        self._readers: dict[str, list[str]] = {}
        self.relations = [(item, relation) for item in plan.items if (relation := relation_of(item)) is not None]
        if any(relation.quantities for _, relation in self.relations):
            self.result.dimensions = infer_dimensions(
                self.relations, declared(plan.items) if own_units is None else own_units
            )
        for item, relation in self.relations:
            if not relation.ops or self.mixes_units(item.id):
                continue
            if item.kind == "S" and relation.defines is not None:
                self._define(Definition(item.id, relation.defines, relation.terms[1], relation.uses))
            elif relation.is_equation and relation.symbols:
                self._equate(item.id, relation)

    def _define(self, definition: Definition) -> None:
        self.definitions.setdefault(definition.symbol, []).append(definition)
        for symbol in definition.uses:
            self._readers.setdefault(symbol, []).append(definition.symbol)

    def _equate(self, item_id: str, relation: Relation) -> None:
        """Takes an equation in; where it says outright what a symbol is, and no subgoal defines it, it counts so."""
        told: set[str] = set()
        for left, right in zip(relation.terms, relation.terms[1:], strict=False):
            uses = frozenset(symbols_of(left)), frozenset(symbols_of(right))
            if not uses[0] | uses[1]:
                continue
            self.equations.append(Equation(item_id, left, right, uses[0] | uses[1]))
            for term, body, needed in ((left, right, uses[1]), (right, left, uses[0])):
                if not isinstance(term, Symbol) or term.name in needed or term.name in told:
                    continue
                if term.name not in self.links.definers:
                    told.add(term.name)
                    self._define(Definition(item_id, term.name, body, needed))

    def mixes_units(self, item_id: str) -> bool:
        """Whether an item says nothing of values, since its units do not fit or are not known."""
        found = self.result.dimensions
        return found is not None and (item_id in found.mismatches or item_id in found.undeclared)

    def settle(self, symbols: Iterable[str]) -> None:
        """Evaluates the definitions of these symbols and, whenever one gets a value, of those that use it."""
        todo = list(symbols)
        while todo:
            symbol = todo.pop()
            if symbol in self.values or symbol in self.closed:
                continue
            if self._settle(symbol):
                todo.extend(self._readers.get(symbol, ()))

    def _settle(self, symbol: str) -> bool:
        found: list[tuple[str, Fraction]] = []
        for definition in self.definitions[symbol]:
            if not definition.uses <= self.values.keys():
                return False
            value = value_of(definition.body, self.values)
            if not isinstance(value, Gap):
                found.append((definition.item, value))
            else:
                self.result.gaps[definition.item] = value
                if value.kind == "inexact":
                    return False
        distinct = {value for _, value in found}
        if len(distinct) == 1:
            self.values[symbol] = found[0][1]
            return True
        self.closed.add(symbol)
        if distinct:
            members = tuple(item_id for item_id, _ in found)
            self.result.disputes.append(Dispute(symbol, members, tuple(shown(value) for _, value in found)))
        return False

    def settle_all(self) -> None:
        """Evaluates whatever can be evaluated forwards."""
        for symbol in self.definitions:
            self.settle((symbol,))

    def add(self, values: Mapping[str, Fraction]) -> bool:
        """Takes in solved values of symbols that the plan has a source for; says whether any was new.

        Rivals of which one is still open stay rivals: a system that one of them leaves undecided settles nothing.
        """
        new = [name for name in values if name not in self.values and name not in self.closed and self.sourced(name)]
        known = self.values.keys() | new
        if any(len(told := self.definitions.get(n, ())) > 1 and any(not d.uses <= known for d in told) for n in new):
            return False
        for name in new:
            self.values[name] = values[name]
        for name in new:
            self.settle(self._readers.get(name, ()))
        return bool(new)

    def sourced(self, symbol: str) -> bool:
        """Whether anything in the plan can give the symbol a value."""
        return bool(self.links.sources(symbol))

    def stuck(self) -> list[str]:
        """Symbols with definitions that have no value yet, nor any reason to have none."""
        return [s for s in self.definitions if s not in self.values and s not in self.closed]

    def bounds(self, thorough: bool = False) -> list[tuple[str, Relation]]:
        """Relations with open symbols that might have a value, if any of them is more than a plain equation.

        Args:
            thorough: Also where all of them are plain equations, of which linear algebra has said all but signs.
        """
        found = [
            (item.id, relation)
            for item, relation in self.relations
            if not relation.symbols <= self.values.keys()
            and relation.symbols.isdisjoint(self.closed)
            and item.id not in self.result.gaps
            and not self.mixes_units(item.id)
        ]
        return found if thorough or any(r.bent or not r.is_equation for _, r in found) else []

    def in_order(self, item_ids: Iterable[str]) -> tuple[str, ...]:
        """Ids in plan order, each once."""
        return tuple(sorted(set(item_ids), key=self.plan.positions.__getitem__))

    def circles(self) -> tuple[frozenset[str], ...]:
        """Groups of stuck symbols whose definitions, by subgoals, rest on each other."""
        stuck = [symbol for symbol in self.stuck() if symbol in self.links.definers]
        if not stuck:
            return ()
        return circles({s: frozenset().union(*(d.uses for d in self.definitions[s])) for s in stuck})

    def open_rivals(self) -> list[str]:
        """Stuck symbols that subgoals define differently."""
        return [
            symbol
            for symbol in self.stuck()
            if symbol in self.links.definers and len(self.definitions[symbol]) > 1 and self._differ(symbol)
        ]

    def _differ(self, symbol: str) -> bool:
        bodies = {definition.body for definition in self.definitions[symbol]}
        if len(bodies) == 1:
            return False
        forms = [linear_form(body, self.values) for body in bodies]
        return any(form is None or form != forms[0] for form in forms)

    def finish(self) -> Valuation:
        """Names what is left open: circles, and rivals that cannot be told apart by value."""
        clashing = {item_id for clash in self.result.clashes for item_id in clash.members}
        for group in self.circles():
            members = [d.item for s in group for d in self.definitions[s] if not d.uses.isdisjoint(group)]
            if clashing.isdisjoint(members):
                self.result.loops.append(self.in_order(members))
        for symbol in self.open_rivals():
            members = [definition.item for definition in self.definitions[symbol]]
            if clashing.isdisjoint(members):
                self.result.disputes.append(Dispute(symbol, self.in_order(members), ()))
        return self.result


def valuate(
    plan: Plan, solvers: Solvers = NO_SOLVERS, *, own_units: Mapping[str, str] | None = None, minimal: bool = True
) -> Valuation:
    """Everything that a plan's relations determine.

    Args:
        plan: The plan.
        solvers: What solves equations that are not linear; without them only linear systems are solved.
        own_units: Units of the plan's own, as :func:`~planneal.planner.dimensions.declared` gives them; None reads them
            off the plan.
        minimal: Whether contradictions are cut down to sets of which every proper subset is consistent; the test for
            that calls without it, and then every group of equations is tested for signs, too.
    """
    from .cores import minimise
    from .joint import refute_jointly
    from .systems import solve_jointly

    state = State(plan, own_units)
    state.settle_all()
    if state.stuck() or state.equations:
        solve_jointly(state, solvers)
    if not minimal or state.bounds():
        refute_jointly(state, solvers, thorough=not minimal)
    found = state.finish()
    return minimise(plan, found, solvers, own_units) if minimal else found


__all__ = [
    "Clash",
    "Definition",
    "Dispute",
    "Equation",
    "PointFinder",
    "Points",
    "RootFinder",
    "Roots",
    "Solvers",
    "State",
    "Valuation",
    "relation_of",
    "valuate",
]
