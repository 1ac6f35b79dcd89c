"""Contradictions cut down to minimal sets: together the items cannot hold, and every proper subset of them can.

The test is the valuation itself, run on a subset of the items, so that "inconsistent" means one thing everywhere.
Parts are left out, large ones first, as long as what remains is refuted; the last pass leaves out single items, which
makes the set minimal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from .evaluation import check_statement
from .expressions import Relation
from .graph import closure, links
from .plan import Item, Plan
from .valuation import NO_SOLVERS, Clash, Dispute, Solvers, Valuation, relation_of, valuate

MAX_CANDIDATES = 48
"""Most items that a contradiction is cut down from; larger ones are told as they were found."""


def sub_plan(items: Sequence[Item]) -> Plan:
    """A plan of some items of a valid plan, not validated again."""
    return Plan.model_construct(goal="g", target=None, items=tuple(items))


def refuted(items: Sequence[Item], solvers: Solvers = NO_SOLVERS, own_units: Mapping[str, str] | None = None) -> bool:
    """Whether items are seen to contradict each other: the exact test that minimal sets are minimal for.

    Args:
        items: Items with relations; others say nothing.
        solvers: What solves equations that are not linear.
        own_units: Declared units of the plan's own.
    """
    known = valuate(sub_plan(items), solvers, own_units=own_units, minimal=False)
    if known.clashes or any(dispute.values for dispute in known.disputes):
        return True
    return any(_fails(item, known) for item in items)


def _fails(item: Item, known: Valuation) -> bool:
    relation = relation_of(item)
    return relation is not None and bool(relation.ops) and _false(relation, known)


def _false(relation: Relation, known: Valuation) -> bool:
    checked = check_statement(relation, known.values)
    return checked.outcome == "fail" and checked.gap is None


def shrink(candidates: Sequence[str], is_refuted: Callable[[Collection[str]], bool]) -> tuple[str, ...]:
    """A minimal subset that is still refuted, earlier candidates kept before later ones.

    Args:
        candidates: Ids that together are refuted.
        is_refuted: The test; a superset of what it refutes is refuted, too.
    """
    kept = list(candidates)
    size = max(1, len(kept) // 2)
    while True:
        start = len(kept)
        dropped = False
        while start > 0:
            start = max(0, start - size)
            rest = kept[:start] + kept[start + size :]
            if rest and is_refuted(rest):
                kept, dropped = rest, True
        if size == 1 and not dropped:
            return tuple(kept)
        size = max(1, size // 2)


class _Cutter:
    def __init__(self, plan: Plan, solvers: Solvers, own_units: Mapping[str, str] | None) -> None:
        # Without needs: what a contradiction is cut down to depends on what the relations say, and on nothing else.
        self._plan = sub_plan([Item.model_construct(id=item.id, check=item.check) for item in plan.items])
        self._solvers = solvers
        self._own = own_units

    def _refuted(self, ids: Collection[str]) -> bool:
        return refuted([item for item in self._plan.items if item.id in ids], self._solvers, self._own)

    def core(self, members: Sequence[str]) -> tuple[str, ...]:
        """A minimal contradiction among the members and what gives them their values; empty where none was found."""
        around = closure(self._plan, members)
        everything = tuple(item.id for item in self._plan.items)
        for candidates in (around, everything):
            ordered = [*members, *(item_id for item_id in candidates if item_id not in members)]
            if len(ordered) <= MAX_CANDIDATES and self._refuted(ordered):
                return self._in_order(shrink(ordered, self._refuted))
        return ()

    def _in_order(self, ids: Collection[str]) -> tuple[str, ...]:
        return tuple(item.id for item in self._plan.items if item.id in ids)

    def clash(self, clash: Clash) -> Clash:
        core = self.core(clash.members)
        members = tuple(item_id for item_id in core if item_id in clash.members)
        if not core:
            return clash
        return Clash(members, tuple(i for i in core if i not in members)) if members else Clash(core)

    def pairs(self, dispute: Dispute) -> list[Dispute]:
        """Each rival with the first that gives another value."""
        if not dispute.values:
            return [dispute]
        told = dict(zip(dispute.members, dispute.values, strict=True))
        found: list[Dispute] = []
        covered: set[str] = set()
        for member, value in told.items():
            if member not in covered:
                rival = next(other for other, theirs in told.items() if theirs != value)
                members = self._in_order({member, rival})
                core = self.core(members)
                given = tuple(i for i in core if i not in members) if set(members) <= set(core) else ()
                found.append(Dispute(dispute.symbol, members, tuple(told[i] for i in members), given))
                covered.update(members)
        return found

    def violations(self, known: Valuation) -> list[Clash]:
        """Constraints that are false at values which no definition gave: they clash with the equations behind them."""
        structure = links(self._plan)
        troubled = {i for clash in known.clashes for i in clash.members}
        troubled |= {i for dispute in known.disputes for i in dispute.members}
        found: list[Clash] = []
        for item in self._plan.items:
            relation = relation_of(item)
            if relation is None or item.id in troubled or structure.definers.keys() & relation.symbols:
                continue
            if relation.symbols and relation.symbols <= known.values.keys() and _false(relation, known):
                core = self.core((item.id,))
                if len(core) > 1:
                    found.append(Clash(core))
                    troubled.update(core)
        return found


def minimise(plan: Plan, known: Valuation, solvers: Solvers, own_units: Mapping[str, str] | None) -> Valuation:
    """The same valuation with every contradiction cut down; nothing is computed where there is none."""
    solved = not known.values.keys() <= links(plan).definers.keys()
    if not (known.clashes or known.disputes or solved):
        return known
    cutter = _Cutter(plan, solvers, own_units)
    known.clashes[:] = [cutter.clash(clash) for clash in known.clashes]
    known.disputes[:] = [pair for dispute in known.disputes for pair in cutter.pairs(dispute)]
    if solved:
        known.clashes += cutter.violations(known)
    return known


__all__ = ["MAX_CANDIDATES", "minimise", "refuted", "shrink", "sub_plan"]
