"""The typed functions over the store, as a toolbox."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from ....verifiers.tool_calls import Tool, Toolbox, from_function
from .records import VERBS, CurrencyName, Customer, Invoice, Order, Shipment, Status
from .store import Store

__all__ = ["ANSWER", "GIVES", "OPENERS", "READERS", "TAKES", "all_tools", "toolbox"]

ANSWER = "answer"
"""The tool that ends every plan: its argument is the answer's value."""
OPENERS: Mapping[str, str] = {"orders": "open_orders", "money": "open_money", "shipping": "open_shipping"}
"""The tool that grants a permission."""


class Entry(BaseModel):
    """A line of a list: a record of any kind, its order and its amount (of a shipment the cost)."""

    id: int
    order: int
    amount: int
    status: Status


def get_customer(state: Store, name: str) -> Customer:
    """A customer: city, sponsor and currency."""
    return Customer(**state.one("customers", "name", name))


def get_order(state: Store, id: int) -> Order:  # noqa: A002 - the word of the toolbox
    """An order: customer, amount in the customer's currency, status."""
    return Order(**state.one("orders", "id", id))


def get_invoice(state: Store, order: int) -> Invoice:
    """The invoice of an order: amount in the customer's currency, status."""
    return Invoice(**state.one("invoices", "order", order))


def get_shipment(state: Store, order: int) -> Shipment:
    """The shipment of an order: city, weight, cost in coins, status."""
    return Shipment(**state.one("shipments", "order", order))


def list_orders(state: Store, customer: str) -> list[Entry]:
    """The orders of a customer."""
    state.expect("customers", "name", customer)
    return [Entry(order=row["id"], **_without(row, "customer")) for row in state.rows("orders", "customer", customer)]


def list_invoices(state: Store, customer: str) -> list[Entry]:
    """The invoices for the orders of a customer."""
    state.expect("customers", "name", customer)
    orders = [row["id"] for row in state.rows("orders", "customer", customer)]
    return [Entry(**row) for order in orders for row in state.rows("invoices", "order", order)]


def list_shipments(state: Store, city: str) -> list[Entry]:
    """The shipments to a city; their amount is the cost."""
    found = state.rows("shipments", "city", city)
    return [Entry(amount=row["cost"], **_without(row, "city", "weight", "cost")) for row in found]


def _without(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def keep(rows: list[Entry], status: Status) -> list[Entry]:
    """The rows with a status."""
    return [row for row in rows if row.status == status]


def largest(rows: list[Entry]) -> Entry:
    """The row with the largest amount."""
    return _some(rows)[-1]


def smallest(rows: list[Entry]) -> Entry:
    """The row with the smallest amount."""
    return _some(rows)[0]


def _some(rows: list[Entry]) -> list[Entry]:
    if not rows:
        raise LookupError("no rows")
    return sorted(rows, key=lambda row: (row.amount, row.id))


def total(rows: list[Entry]) -> int:
    """The sum of the amounts."""
    return sum(row.amount for row in rows)


def count(rows: list[Entry]) -> int:
    """How many rows."""
    return len(rows)


def convert(state: Store, amount: int, currency: CurrencyName) -> int:
    """An amount of a currency in coins."""
    return amount * int(state.one("currencies", "name", currency)["rate"])


def add(a: int, b: int) -> int:
    """The sum of two numbers."""
    return a + b


def minus(a: int, b: int) -> int:
    """The first number less the second."""
    return a - b


def larger(a: int, b: int) -> int:
    """The larger of two numbers."""
    return max(a, b)


class Changed(BaseModel):
    """A record that was written: its id, its amount (of a shipment the cost), its new status."""

    id: int
    amount: int
    status: Status


def _changed(row: Mapping[str, Any]) -> Changed:
    return Changed(id=row["id"], amount=row.get("cost", row.get("amount")), status=row["status"])


def cancel(state: Store, order: int) -> Changed:
    """Cancels an open order."""
    return _changed(state.change("cancel", order))


def refund(state: Store, order: int) -> Changed:
    """Refunds a paid order."""
    return _changed(state.change("refund", order))


def pay(state: Store, invoice: int) -> Changed:
    """Settles a due invoice."""
    return _changed(state.change("pay", invoice))


def hold(state: Store, shipment: int) -> Changed:
    """Holds a ready shipment back."""
    return _changed(state.change("hold", shipment))


def open_orders(state: Store) -> str:
    """Grants permission orders to the calls after it."""
    return "orders granted"


def open_money(state: Store) -> str:
    """Grants permission money to the calls after it."""
    return "money granted"


def open_shipping(state: Store) -> str:
    """Grants permission shipping to the calls after it."""
    return "shipping granted"


def answer(value: int | str) -> int | str:
    """Ends the plan: says what the answer's value is."""
    return value


_FUNCTIONS = (
    *(get_customer, get_order, get_invoice, get_shipment, list_orders, list_invoices, list_shipments),
    *(keep, largest, smallest, total, count, convert, add, minus, larger),
    *(cancel, refund, pay, hold, open_orders, open_money, open_shipping, answer),
)
READERS: tuple[str, ...] = tuple(f.__name__ for f in _FUNCTIONS[:16])
"""The tools that read or reckon; of the others a call may matter although nobody refers to it."""

TAKES: Mapping[str, Mapping[str, str]] = {
    "get_customer": {"name": "name"},
    "get_order": {"id": "order"},
    "get_invoice": {"order": "order"},
    "get_shipment": {"order": "order"},
    "list_orders": {"customer": "name"},
    "list_invoices": {"customer": "name"},
    "list_shipments": {"city": "city"},
    "keep": {"rows": "rows", "status": "status"},
    **{tool: {"rows": "rows"} for tool in ("largest", "smallest", "total", "count")},
    "convert": {"amount": "number", "currency": "currency"},
    **{tool: {"a": "number", "b": "number"} for tool in ("add", "minus", "larger")},
    **{verb.tool: {verb.noun: verb.noun} for verb in VERBS.values()},
    **{tool: {} for tool in OPENERS.values()},
    ANSWER: {"value": "value"},
}
"""What kind of thing each argument is; `id` is an order, an invoice or a shipment."""

GIVES: Mapping[str, Mapping[str, str]] = {
    "get_customer": {"city": "city", "sponsor": "name", "currency": "currency"},
    "get_order": {"customer": "name", "amount": "number", "status": "status"},
    "get_invoice": {"id": "invoice", "amount": "number", "status": "status"},
    "get_shipment": {"id": "shipment", "city": "city", "weight": "number", "cost": "number", "status": "status"},
    **{tool: {"": "rows"} for tool in ("list_orders", "list_invoices", "list_shipments", "keep")},
    **{tool: {"id": "id", "order": "order", "amount": "number"} for tool in ("largest", "smallest")},
    **{tool: {"": "number"} for tool in ("total", "count", "convert", "add", "minus", "larger")},
    **{tool: {"amount": "number", "status": "status"} for tool in VERBS},
}
"""What kind of thing each field of a result is; the empty name is the result itself."""


def _guarded(tool: Tool) -> Tool:
    """The tool, of a store that admits its calls."""
    run = tool.run
    assert run is not None

    def admitted(state: Store, arguments: Mapping[str, Any]) -> Any:
        state.admit(tool.name)
        return run(state, arguments)

    return dataclasses.replace(tool, run=admitted)


@cache
def all_tools() -> Toolbox:
    """Every tool there is; made when it is first asked for, since schemas take a while."""
    return Toolbox(_guarded(from_function(function)) for function in _FUNCTIONS)


def toolbox(names: Iterable[str]) -> Toolbox:
    """The tools of these names."""
    known = all_tools()
    return Toolbox(known[name] for name in names)
