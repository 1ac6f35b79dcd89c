"""Draws what a store holds: amounts of a kind are all different, so that there is one largest and one smallest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from ..base import pick
from .records import CITIES, CURRENCIES, NAMES, STATUSES, Currency, Customer, Invoice, Order, Records, Shipment, Status

__all__ = ["draw_records"]

T = TypeVar("T")
_CITIES = 3
_CURRENCIES = 3
_ORDERS = (2, 3, 3, 4)


def _some(rng: np.random.Generator, choices: Sequence[T], count: int) -> list[T]:
    return [choices[int(place)] for place in rng.permutation(len(choices))[:count]]


def _statuses(rng: np.random.Generator, rows: str, count: int) -> list[Status]:
    """The statuses of a kind, each about as often as the other."""
    both = STATUSES[rows]
    return _some(rng, [both[place % 2] for place in range(count)], count)


def draw_records(rng: np.random.Generator, customers: int) -> Records:
    """A store of so many customers, each with two to four orders, an invoice and a shipment for each order.

    Sponsors go round in a circle, so that the sponsor of a sponsor is somebody else.
    """
    names = _some(rng, NAMES, customers)
    cities, currencies = _some(rng, CITIES, _CITIES), _some(rng, CURRENCIES, _CURRENCIES)
    owners = [name for name in names for _ in range(pick(rng, _ORDERS))]
    statuses = [status for name in names for status in _statuses(rng, "orders", owners.count(name))]
    count = len(owners)
    ids = [_some(rng, range(low, low + 30), count) for low in (10, 40, 70)]
    amounts, dues = (_some(rng, range(12, 12 + 3 * count), count) for _ in range(2))
    weights, costs = _some(rng, range(2, 2 + 2 * count), count), _some(rng, range(2, 2 + 2 * count), count)
    due, ready = _statuses(rng, "invoices", count), _statuses(rng, "shipments", count)
    to = [cities[int(i)] for i in rng.integers(_CITIES, size=count)]
    rates = _some(rng, range(2, 10), _CURRENCIES)
    return Records.model_construct(
        customers=tuple(
            Customer.model_construct(
                name=name,
                city=cities[int(rng.integers(_CITIES))],
                sponsor=names[(place + 1) % customers],
                currency=currencies[int(rng.integers(_CURRENCIES))],
            )
            for place, name in enumerate(names)
        ),
        orders=tuple(
            Order.model_construct(id=ids[0][i], customer=owners[i], amount=amounts[i], status=statuses[i])
            for i in range(count)
        ),
        invoices=tuple(
            Invoice.model_construct(id=ids[1][i], order=ids[0][i], amount=dues[i], status=due[i]) for i in range(count)
        ),
        shipments=tuple(
            Shipment.model_construct(
                id=ids[2][i], order=ids[0][i], city=to[i], weight=weights[i], cost=costs[i], status=ready[i]
            )
            for i in range(count)
        ),
        currencies=tuple(Currency(name=name, rate=rate) for name, rate in zip(currencies, rates, strict=True)),
    )
