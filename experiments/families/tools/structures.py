"""Structures: the compositions of calls that requests ask for, each with an id, some of them held out from training.

A structure is put together from parts (whose records, which records, which of them, what about it), so that the text
and the calls of every structure follow from those of its parts. Each part occurs in structures that are seen in
training; a held-out structure is a *combination* that is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from .records import VERBS

__all__ = ["HELD_OUT", "MEASURES", "Source", "Structure", "by_id", "held_out", "structures"]

HELD_OUT = 5
"""One structure in so many is held out."""
WHO = ("named", "sponsor", "grand")
"""A customer by name, the sponsor of one, the sponsor of the sponsor of one."""
ROWS = ("orders", "invoices", "shipments")
"""What is listed: a customer's orders or invoices, or the shipments to a customer's city."""

MEASURES: Mapping[str, tuple[str, ...]] = {
    "person": ("city", "currency"),
    "order": (
        *("amount", "coins", "invoice", "invoice_coins", "invoice_status", "weight", "cost", "shipment_city", "gap"),
        *("buyer", "buyer_city", "buyer_currency", "buyer_sponsor"),
    ),
    "orders": (
        *("amount", "coins", "invoice", "invoice_coins", "invoice_status", "weight", "cost", "shipment_city", "gap"),
    ),
    "invoices": ("amount", "coins", "order_status", "weight", "cost", "shipment_city"),
    "shipments": ("amount", "invoice", "invoice_status", "buyer", "buyer_city", "buyer_sponsor", "order_status"),
}
"""What may be asked about a customer, about an order given by its id, and about a row of each kind."""
AFTER = ("left_total", "left_count")
"""What may be asked about the rows that are left after a write."""


@dataclass(frozen=True)
class Source:
    """Rows, and what becomes of them.

    Attributes:
        who: Whose rows, one of :data:`WHO`.
        rows: Which rows, one of :data:`ROWS`.
        keep: Whether only those with a status are kept.
        pick: `largest`, `smallest`, `total` or `count`.
        slot: Which of the request's statuses is meant, `a` or `b`.
        whose: Which of the request's customers is meant, `a` or `b`.
    """

    who: str
    rows: str
    keep: bool
    pick: str
    slot: str = "a"
    whose: str = "a"

    @property
    def id(self) -> str:
        """The parts, with dots between them."""
        return ".".join([self.who, self.rows, *(["keep"] if self.keep else []), self.pick])


@dataclass(frozen=True)
class Structure:
    """A composition.

    Attributes:
        kind: `person`, `order`, `thing`, `sum`, `pair`, `write` or `double`.
        ask: What is asked about it.
        who: For a person, one of :data:`WHO`.
        source: Where the rows come from.
        second: The other source of a pair, or of a second write.
        verb: The write, where there is one.
        other: The second write.
    """

    kind: str
    ask: str
    who: str = ""
    source: Source | None = None
    second: Source | None = None
    verb: str = ""
    other: str = ""

    @property
    def id(self) -> str:
        """Unique, readable, stable."""
        parts = [self.who, self.source.id if self.source else "", self.verb]
        parts += [self.second.id if self.second else "", self.other, self.ask]
        return "/".join([self.kind, *(part for part in parts if part)])


def _lookups() -> list[Structure]:
    found = [Structure("person", ask, who=who) for who in WHO for ask in MEASURES["person"]]
    return found + [Structure("order", ask) for ask in MEASURES["order"]]


def _things() -> list[Structure]:
    return [
        Structure("thing", ask, source=Source(who, rows, keep, pick))
        for who in WHO
        for rows in ROWS
        for keep in (False, True)
        for pick in ("largest", "smallest")
        for ask in MEASURES[rows]
    ]


def _sums() -> list[Structure]:
    return [
        Structure("sum", ask, source=Source(who, rows, keep, pick))
        for who in WHO
        for rows in ROWS
        for keep in (False, True)
        for pick, asks in (("count", ("plain",)), ("total", ("plain", "coins")))
        for ask in asks
        if not (ask == "coins" and rows == "shipments")
    ]


def _pairs() -> list[Structure]:
    found = []
    for op in ("add", "minus", "larger"):
        for rows in ROWS[:2]:
            for who in WHO[:2]:
                for keep in (False, True):
                    first = Source(who, rows, keep, "count")
                    second = replace(first, who="named", slot="b", whose="b")
                    found.append(Structure("pair", op, source=first, second=second))
        for keep in (False, True):
            for pick in ("total", "largest", "smallest", *(["count"] if keep else [])):  # each order has one invoice
                first = Source("named", "orders", keep, pick)
                # Of the same customer, so that the amounts are in the same currency.
                found.append(Structure("pair", op, source=first, second=replace(first, rows="invoices", slot="b")))
        for pick in ("largest", "smallest"):
            first = Source("named", "orders", False, pick)
            second = replace(first, slot="b", whose="b")
            found.append(Structure("pair", f"{op}_weight", source=first, second=second))
    return found


def _writes() -> list[Structure]:
    found = [
        Structure("write", ask, verb=verb)
        for verb in ("cancel", "refund")
        for ask in ("amount", "coins", "buyer", "weight", "invoice", *AFTER)
    ]
    for verb in VERBS.values():
        asks = [ask for ask in MEASURES[verb.rows] if ask in ("amount", "coins", "weight", "invoice", "buyer")]
        found += [
            Structure("write", ask, source=Source(who, verb.rows, True, pick), verb=verb.tool)
            for who in WHO[:2]
            for pick in ("largest", "smallest")
            for ask in (*asks, *AFTER)
        ]
    return found


def _doubles() -> list[Structure]:
    pairs = [("cancel", "refund"), ("refund", "pay"), ("cancel", "pay"), ("pay", "cancel")]
    return [
        Structure(
            *("double", op, ""),
            source=Source("named", VERBS[one].rows, True, first),
            second=Source("named", VERBS[two].rows, True, second, "b"),
            verb=one,
            other=two,
        )
        for one, two in pairs
        for first, second in (("largest", "smallest"), ("smallest", "largest"), ("largest", "largest"))
        for op in ("add", "minus", "larger")
    ]


@cache
def structures() -> tuple[Structure, ...]:
    """Every structure, in a fixed order."""
    return (*_lookups(), *_things(), *_sums(), *_pairs(), *_writes(), *_doubles())


@cache
def by_id() -> Mapping[str, Structure]:
    """Every structure by its id."""
    return {structure.id: structure for structure in structures()}


@cache
def held_out(structure: Structure) -> bool:
    """Whether a structure is held out from training: by a hash of its id, so that it stays so whatever is added."""
    if structure.kind in ("person", "order"):  # the parts themselves: too few to be told apart by anything else
        return False
    digest = hashlib.sha256(structure.id.encode()).digest()
    return int.from_bytes(digest[:4], "big") % HELD_OUT == 0
