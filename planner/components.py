"""A plan's relations in groups that share symbols: what happens in one group is nothing to the others."""

from __future__ import annotations

from .checks import RelationCheck, UnitCheck
from .expressions import Relation
from .plan import Item, Plan


def relation_components(plan: Plan) -> list[list[Item]]:
    """The items with a relation or a declaration of units, in groups that share symbols.

    Items without a symbol, without a readable relation, and declarations are groups of one. Items stand in plan order
    within each group, and groups in the order of their first items.
    """
    items = [item for item in plan.items if isinstance(item.check, RelationCheck | UnitCheck)]
    parents = list(range(len(items)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    first: dict[str, int] = {}
    for index, item in enumerate(items):
        relation = getattr(item.check, "relation", None)
        if not isinstance(relation, Relation):
            continue
        for symbol in relation.symbols:
            other = first.setdefault(symbol, index)
            if other != index:
                one, two = root(other), root(index)
                parents[max(one, two)] = min(one, two)
    groups: dict[int, list[Item]] = {}
    for index, item in enumerate(items):
        groups.setdefault(root(index), []).append(item)
    return list(groups.values())


__all__ = ["relation_components"]
