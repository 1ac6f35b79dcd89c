"""Joint solving: what forward evaluation leaves open, as systems of equations over the open symbols."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from itertools import chain

from .evaluation import check_statement
from .expressions import Apply, Expression, Number, Symbol, symbols_of
from .linear import Row, components, linear_form, solve
from .valuation import Clash, Equation, Points, RootFinder, Solvers, State, relation_of

MAX_ROUNDS = 8
"""Most passes of solving and evaluating forwards."""
MAX_EQUATIONS = 300
"""Most equations with open symbols that are looked at."""
MAX_NODES = 60
"""Most nodes of an equation that is solved for one unknown, definitions written into it."""
MAX_TOGETHER = 4
"""Most unknowns of a cluster that is solved as a whole though it is not linear."""


def solve_jointly(state: State, solvers: Solvers) -> None:
    """Solves clusters of equations that share open symbols, until nothing new comes of it."""
    for _ in range(MAX_ROUNDS):
        implicit = _open_equations(state)
        if not implicit and not state.circles() and not state.open_rivals():
            return
        equations = [*_open_definitions(state), *implicit]
        if len(equations) > MAX_EQUATIONS:
            return
        progress = False
        for symbols, indices in components(e.symbols - state.values.keys() for e in equations):
            if symbols.isdisjoint(state.closed) and symbols.isdisjoint(state.values):
                progress |= _solve_cluster(state, [equations[i] for i in indices], solvers)
        if not progress:
            return


def _open_equations(state: State) -> list[Equation]:
    """Equations with an open symbol, leaving out those that touch a symbol without hope."""
    return [
        equation
        for equation in state.equations
        if not equation.symbols <= state.values.keys() and equation.symbols.isdisjoint(state.closed)
    ]


def _open_definitions(state: State) -> list[Equation]:
    """Definitions of open symbols, by subgoals, as equations."""
    return [
        Equation(item_id, Symbol(symbol), body, uses | {symbol})
        for symbol in state.stuck()
        if symbol in state.links.definers
        for item_id, _, body, uses in state.definitions[symbol]
        if state.closed.isdisjoint(uses) and item_id not in state.result.gaps
    ]


def _solve_cluster(state: State, cluster: list[Equation], solvers: Solvers) -> bool:
    rows: list[Row] = []
    owners: list[str] = []
    curved: list[Equation] = []
    for equation in cluster:
        left, right = linear_form(equation.left, state.values), linear_form(equation.right, state.values)
        if left is None or right is None:
            curved.append(equation)
        else:
            rows.append(Row.of(left, right))
            owners.append(equation.item)
    solution = solve(rows)
    if solution is not None and solution.clash:
        _clash(state, [owners[index] for index in solution.clash], cluster)
        return False
    if solution is not None and state.add(solution.values):
        return True
    if solvers.roots is not None:
        for equation in curved:
            if _solve_curved(state, equation, cluster, solvers.roots):
                return True
    return bool(curved) and solvers.points is not None and _solve_together(state, cluster, solvers)


def _clash(state: State, members: list[str], cluster: list[Equation]) -> None:
    state.result.clashes.append(Clash(state.in_order(members)))
    state.closed.update(*(equation.symbols - state.values.keys() for equation in cluster))


class _TooLong(Exception):  # noqa: N818 - never leaves this module
    pass


class _Writer:
    """Writes values and single definitions into an expression, remembering whose they were."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._nodes = 0
        self._path: list[str] = []
        self.items: set[str] = set()

    def __call__(self, node: Expression) -> Expression:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _TooLong
        if isinstance(node, Number):
            return node
        if isinstance(node, Apply):
            return Apply(node.op, tuple(self(argument) for argument in node.args))
        known = self._state.values.get(node.name)
        if known is not None:
            return Number(known)
        told = self._state.definitions.get(node.name, [])
        if len(told) != 1 or node.name in self._path or node.name not in self._state.links.definers:
            return node
        self.items.add(told[0].item)
        self._path.append(node.name)
        body = self(told[0].body)
        self._path.pop()
        return body


def _solve_curved(state: State, equation: Equation, cluster: list[Equation], roots: RootFinder) -> bool:
    """One equation that is not linear, solved where writing the definitions into it leaves a single unknown."""
    write = _Writer(state)
    try:
        left, right = write(equation.left), write(equation.right)
    except _TooLong:
        return False
    unknowns = {*symbols_of(left), *symbols_of(right)}
    if len(unknowns) != 1:
        return False
    unknown = unknowns.pop()
    found = roots(left, right, unknown)
    if found is None or not found.complete:
        return False
    barred = {root: _barred(state, {unknown: root}) for root in found.rational}
    kept = [root for root, bars in barred.items() if not bars]
    if not kept:
        _clash(state, [equation.item, *write.items, *chain(*barred.values())], cluster)
        return False
    return len(kept) == 1 and state.add({unknown: kept[0]})


def _solve_together(state: State, cluster: list[Equation], solvers: Solvers) -> bool:
    """A whole cluster with equations that are not linear, where there are as many equations as unknowns."""
    assert solvers.points is not None, "the caller asked"
    unknowns = tuple(sorted(frozenset().union(*(e.symbols for e in cluster)) - state.values.keys()))
    distinct = {(e.left, e.right): e.item for e in cluster}
    if all(state.plan[item_id].defines for item_id in distinct.values()):
        return False  # definitions in a circle are told as one
    if not state.closed.isdisjoint(unknowns) or not 2 <= len(unknowns) <= min(len(distinct), MAX_TOGETHER):
        return False
    pairs = tuple((_put(left, state.values), _put(right, state.values)) for left, right in distinct)
    found = solvers.points(pairs, unknowns)
    if isinstance(found, str):
        state.result.gave_up.update(dict.fromkeys(unknowns, found))
    if not isinstance(found, Points) or not found.complete:
        return False
    trials = [dict(zip(unknowns, point, strict=True)) for point in found.rational]
    barred = [_barred(state, trial) for trial in trials]
    kept = [trial for trial, bars in zip(trials, barred, strict=True) if not bars]
    if not kept:
        _clash(state, [*(equation.item for equation in cluster), *chain(*barred)], cluster)
        return False
    agreed = {name: kept[0][name] for name in unknowns if len({trial[name] for trial in kept}) == 1}
    return state.add(agreed)


def _put(node: Expression, values: Mapping[str, Fraction]) -> Expression:
    if isinstance(node, Apply):
        return Apply(node.op, tuple(_put(argument, values) for argument in node.args))
    known = values.get(node.name) if isinstance(node, Symbol) else None
    if known is not None:
        return Number(known)
    return Number(node.value) if isinstance(node, Number) else node


def _barred(state: State, trial: Mapping[str, Fraction]) -> tuple[str, ...]:
    """Items that are false at a trial value, for instance ``x > 0`` at -3."""
    values = {**state.values, **trial}
    return tuple(
        item.id
        for item in state.plan.items
        if (relation := relation_of(item)) is not None
        and not relation.symbols.isdisjoint(trial)
        and relation.symbols <= values.keys()
        and check_statement(relation, values).outcome == "fail"
    )


__all__ = ["MAX_EQUATIONS", "MAX_NODES", "MAX_ROUNDS", "solve_jointly"]
