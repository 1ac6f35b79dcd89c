"""What the store of a tools problem holds, and the vocabulary of its requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..base import Frozen

__all__ = [
    "CITIES",
    "CURRENCIES",
    "NAMES",
    "STATUSES",
    "VERBS",
    "Currency",
    "CurrencyName",
    "Customer",
    "Invoice",
    "Order",
    "Records",
    "Shipment",
    "Status",
    "Verb",
]

_NAMES = "ann ben cleo dan eva finn gus hana ivan jane kai lena max nora omar pia rosa sam tina uma vera will yara zoe"
NAMES: tuple[str, ...] = tuple(_NAMES.split())
CITIES: tuple[str, ...] = tuple(["rome", "oslo", "paris", "lima", "cairo", "tokyo", "delhi", "bonn", "kyoto", "quito"])

CurrencyName = Literal["crown", "mark", "franc", "peso", "pound", "dinar"]
CURRENCIES: tuple[CurrencyName, ...] = ("crown", "mark", "franc", "peso", "pound", "dinar")

Status = Literal["open", "paid", "cancelled", "refunded", "due", "settled", "ready", "sent", "held"]
STATUSES: Mapping[str, tuple[Status, Status]] = {
    "orders": ("open", "paid"),
    "invoices": ("due", "settled"),
    "shipments": ("ready", "sent"),
}
"""What records of a kind may be at the start."""


class Verb(Frozen):
    """What a tool that writes does.

    Attributes:
        tool: Its name, which is also the verb.
        done: The verb's participle.
        rows: What it is done to.
        before: The status that the record must have.
        after: The status that it gets.
    """

    tool: str
    done: str
    rows: str
    before: Status
    after: Status

    @property
    def noun(self) -> str:
        """One of the records that it is done to; the name of the tool's argument, too."""
        return self.rows.removesuffix("s")


VERBS: Mapping[str, Verb] = {
    verb.tool: verb
    for verb in (
        Verb(tool="cancel", done="cancelled", rows="orders", before="open", after="cancelled"),
        Verb(tool="refund", done="refunded", rows="orders", before="paid", after="refunded"),
        Verb(tool="pay", done="paid", rows="invoices", before="due", after="settled"),
        Verb(tool="hold", done="held", rows="shipments", before="ready", after="held"),
    )
}
"""The tools that write, by name."""


class Customer(Frozen):
    """A customer; `sponsor` is another one."""

    name: str
    city: str
    sponsor: str
    currency: CurrencyName


class Order(Frozen):
    """An order; its amount is in the customer's currency."""

    id: int
    customer: str
    amount: int
    status: Status


class Invoice(Frozen):
    """The invoice of an order; its amount is in the customer's currency."""

    id: int
    order: int
    amount: int
    status: Status


class Shipment(Frozen):
    """The shipment of an order; its cost is in coins."""

    id: int
    order: int
    city: str
    weight: int
    cost: int
    status: Status


class Currency(Frozen):
    """A currency and how many coins one of it is."""

    name: CurrencyName
    rate: int


class Records(Frozen):
    """Everything that a store starts with."""

    customers: tuple[Customer, ...]
    orders: tuple[Order, ...]
    invoices: tuple[Invoice, ...]
    shipments: tuple[Shipment, ...]
    currencies: tuple[Currency, ...]
