"""How the items of a plan hang together: needs, definitions, uses, cycles, closures. No judgement here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from .errors import ExpressionError
from .expressions import Relation, parse_expression, symbols_of
from .plan import Item, Plan


@lru_cache(maxsize=2048)
def target_symbols(target: str | None) -> tuple[str, ...]:
    """Symbols in a goal's target, in order of appearance; empty where there is none or it does not parse."""
    if target is None:
        return ()
    try:
        return tuple(dict.fromkeys(symbols_of(parse_expression(target))))
    except ExpressionError:
        return ()


@dataclass(frozen=True)
class Links:
    """The dependency structure of one plan.

    Attributes:
        definers: For each defined symbol, the ids of the subgoals that define it, in plan order.
        equations: For each symbol, ids of items with an implicit equation that could determine it.
        users: For each symbol, ids of the items that use it.
    """

    definers: Mapping[str, tuple[str, ...]]
    equations: Mapping[str, tuple[str, ...]]
    users: Mapping[str, tuple[str, ...]]

    def sources(self, symbol: str, reader: str | None = None) -> tuple[str, ...]:
        """The items that can give ``symbol`` its value to ``reader``: its definers, else equations with it."""
        found = self.definers.get(symbol) or self.equations.get(symbol, ())
        return tuple(item_id for item_id in found if item_id != reader)


def _equation_symbols(item: Item) -> frozenset[str]:
    if item.check is None:
        return frozenset()
    if item.kind != "S" and item.check.defines:
        return item.check.uses | {item.check.defines}
    return item.check.determines


@lru_cache(maxsize=512)
def links(plan: Plan) -> Links:
    """Definers, equations and users of every symbol in the plan (remembered for recent plans)."""
    definers: dict[str, list[str]] = {}
    equations: dict[str, list[str]] = {}
    users: dict[str, list[str]] = {}
    for item in plan.items:
        if item.defines is not None:
            definers.setdefault(item.defines, []).append(item.id)
        for symbol in sorted(_equation_symbols(item)):
            equations.setdefault(symbol, []).append(item.id)
        for symbol in sorted(item.uses):
            users.setdefault(symbol, []).append(item.id)
    return Links(
        {name: tuple(ids) for name, ids in definers.items()},
        {name: tuple(ids) for name, ids in equations.items()},
        {name: tuple(ids) for name, ids in users.items()},
    )


def mentioned(item: Item) -> tuple[str, ...]:
    """The symbols that an item uses, in the order in which its relation mentions them."""
    relation = getattr(item.check, "relation", None)
    if not isinstance(relation, Relation):
        return tuple(sorted(item.uses))
    order = dict.fromkeys(name for term in relation.terms for name in symbols_of(term))
    return tuple(name for name in order if name in item.uses)


def supports(plan: Plan, item_id: str, structure: Links | None = None) -> tuple[str, ...]:
    """Ids that an item rests on directly: its needs, what its text refers to, and the sources of its symbols.

    Args:
        plan: The plan.
        item_id: The item.
        structure: The plan's links, where the caller holds them already.
    """
    item = plan[item_id]
    found: dict[str, None] = dict.fromkeys(need for need in item.needs if need in plan)
    if item.check is not None:
        found.update(dict.fromkeys(sorted(ref for ref in item.check.refers if ref in plan)))
    structure = structure or links(plan)
    for symbol in sorted(item.uses):
        found.update(dict.fromkeys(structure.sources(symbol, item_id)))
    found.pop(item_id, None)
    return tuple(found)


def closure(plan: Plan, roots: Iterable[str]) -> tuple[str, ...]:
    """Every id reachable from the roots through :func:`supports`, roots included, in plan order."""
    seen: set[str] = set()
    stack = [root for root in roots if root in plan]
    structure = links(plan)
    while stack:
        current = stack.pop()
        if current not in seen:
            seen.add(current)
            stack.extend(supports(plan, current, structure))
    return tuple(item.id for item in plan.items if item.id in seen)


def goal_roots(plan: Plan) -> tuple[str, ...]:
    """Ids that give the goal's target its value: the sources of each target symbol."""
    structure = links(plan)
    found: dict[str, None] = {}
    for symbol in target_symbols(plan.target):
        found.update(dict.fromkeys(structure.sources(symbol)))
    return tuple(found)


@lru_cache(maxsize=512)
def cyclic_groups(plan: Plan) -> tuple[frozenset[str], ...]:
    """Groups of two or more items that need each other in a circle, and items that need themselves.

    Remembered for recent plans: every edit asks before and after.
    """
    if not any(item.needs for item in plan.items):
        return ()
    return circles({item.id: item.needs for item in plan.items})


def circles(edges: Mapping[str, Collection[str]]) -> tuple[frozenset[str], ...]:
    """Groups of nodes that reach each other, and nodes with an edge to themselves.

    Args:
        edges: For each node the nodes it points to; those that are no keys are passed over.
    """
    groups = (frozenset(group) for group in strong_components(edges))
    return tuple(group for group in groups if len(group) > 1 or any(node in edges[node] for node in group))


def strong_components(edges: Mapping[str, Collection[str]]) -> tuple[tuple[str, ...], ...]:
    """All groups of nodes that reach each other (most have one member), each after the groups it points to.

    Tarjan's strongly connected components, iterative so that depth is no limit.

    Args:
        edges: For each node the nodes it points to; those that are no keys are passed over.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    on_stack: dict[str, None] = {}
    groups: list[tuple[str, ...]] = []
    for root in edges:
        if root in index:
            continue
        work = [(root, iter(edges[root]))]
        index[root] = low[root] = len(index)
        on_stack[root] = None
        while work:
            node, following = work[-1]
            for target in following:
                if target not in edges:
                    continue
                if target not in index:
                    index[target] = low[target] = len(index)
                    on_stack[target] = None
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    groups.append(_pop_group(on_stack, node))
    return tuple(groups)


def _pop_group(on_stack: dict[str, None], node: str) -> tuple[str, ...]:
    group: list[str] = []
    while True:
        last, _ = on_stack.popitem()
        group.append(last)
        if last == node:
            return tuple(reversed(group))
