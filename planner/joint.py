"""Relations that stand together although their symbols have no value: refuted, or a value that is the only one.

What equations alone leave open is put, with inequalities, assumptions, congruences and cases, to the exact test of
:mod:`planneal.planner.feasibility`, one group of relations that share open symbols at a time.
"""

from __future__ import annotations

from fractions import Fraction

from .constraints import Reading, TooMany, stated_integer
from .expressions import Relation
from .feasibility import Point, System, only_value, solve_system
from .linear import components
from .simplex import Effort, Exhausted
from .systems import solve_jointly
from .valuation import Clash, Solvers, State

EFFORT = 3_000
"""Operations on rationals that one test may take, about ten milliseconds."""
SEEKING_EFFORT = 1_500
"""Operations that looking for only values in one group may take."""
MAX_SYMBOLS = 24
"""Most open symbols of one group."""
MAX_SOUGHT = 8
"""Most symbols of one group that are tried for an only value."""
MAX_ROUNDS = 4
"""Most passes of testing and evaluating forwards."""


def refute_jointly(state: State, solvers: Solvers, thorough: bool = False) -> None:
    """Tests groups of relations with open symbols; a refuted group is a clash, an only value is taken in.

    Args:
        state: What is known so far; added to.
        solvers: What solves equations that are not linear.
        thorough: Whether groups of plain equations are tested, too.
    """
    settled: set[frozenset[str]] = set()
    for _ in range(MAX_ROUNDS):
        relations = state.bounds(thorough)
        progress = False
        for symbols, indices in components(r.symbols - state.values.keys() for _, r in relations):
            group = [relations[index] for index in indices]
            if symbols in settled or not (thorough or any(r.bent or not r.is_equation for _, r in group)):
                continue
            settled.add(symbols)
            progress |= _test(state, symbols, group)
        if not progress:
            return
        solve_jointly(state, solvers)


def _test(state: State, symbols: frozenset[str], group: list[tuple[str, Relation]]) -> bool:
    """Says whether a value was found."""
    system = read_system(state, symbols, [relation for _, relation in group])
    if system is None:
        state.result.gave_up.update(dict.fromkeys(symbols, "too large to be tested as a whole"))
        return False
    try:
        point = solve_system(system, Effort(EFFORT))
    except Exhausted:
        state.result.gave_up.update(dict.fromkeys(symbols, "the exact test was broken off at its limit"))
        return False
    if point is None:
        state.result.clashes.append(Clash(state.in_order(item_id for item_id, _ in group)))
        state.closed.update(symbols)
        return False
    return state.add(_only(state, symbols, system, point))


def read_system(state: State, symbols: frozenset[str], relations: list[Relation]) -> System | None:
    """Relations over open symbols as constraints; None where they are too many."""
    if len(symbols) > MAX_SYMBOLS:
        return None
    integers = {
        name
        for relation in relations
        for term in relation.terms
        if not relation.is_equation and (name := stated_integer(term)) is not None
    }
    reading = Reading(state.values, integers & symbols)
    try:
        for relation in relations:
            reading.add(relation)
    except TooMany:
        return None
    return reading.system


def _only(state: State, symbols: frozenset[str], system: System, point: Point) -> dict[str, Fraction]:
    """Symbols with one possible value, as far as the effort goes."""
    effort = Effort(SEEKING_EFFORT)
    found: dict[str, Fraction] = {}
    for name in [name for name in sorted(symbols) if state.sourced(name)][:MAX_SOUGHT]:
        try:
            if only_value(system, name, point, effort):
                found[name] = point[name]
        except Exhausted:
            state.result.gave_up.update(dict.fromkeys(symbols, "the exact test was broken off at its limit"))
            break
    return found


__all__ = ["EFFORT", "MAX_ROUNDS", "MAX_SOUGHT", "MAX_SYMBOLS", "SEEKING_EFFORT", "read_system", "refute_jointly"]
