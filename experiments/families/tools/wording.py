"""Sentences of the tools family: records, rules, the tools at hand, and the request, each in at least three wordings.

As everywhere, no sentence begins with a name, and a sentence ends with what it defines or relates last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ....verifiers.tool_calls.rules import AtMost, Before, NoRepeat, Requires, Rule
from ..base import pick
from .compose import Composition
from .records import Currency, Customer, Invoice, Order, Shipment

__all__ = ["FACTS", "RULES", "fact", "request", "rule_sentence", "tools_sentence"]

FACTS: Mapping[type, tuple[str, ...]] = {
    Customer: (
        "Customer {name} has city {city}, sponsor {sponsor}, currency {currency}.",
        "For {name} the city is {city}, the sponsor {sponsor}, the currency {currency}.",
        "We know {name}, city {city}, sponsor {sponsor}, currency {currency}.",
    ),
    Order: (
        "Order {id} of {customer} is {status}, amount {amount}.",
        "For {customer} order {id} is {status}, amount {amount}.",
        "We have order {id} of {customer}, {status}, amount {amount}.",
    ),
    Invoice: (
        "Invoice {id} of order {order} is {status}, amount {amount}.",
        "For order {order} invoice {id} is {status}, amount {amount}.",
        "We have invoice {id} of order {order}, {status}, amount {amount}.",
    ),
    Shipment: (
        "Shipment {id} of order {order} to {city} is {status}, weight {weight}, cost {cost}.",
        "For order {order} shipment {id} to {city} is {status}, weight {weight}, cost {cost}.",
        "We have shipment {id} of order {order} to {city}, {status}, weight {weight}, cost {cost}.",
    ),
    Currency: (
        "One {name} is {rate} coins.",
        "Each {name} is worth {rate} coins.",
        "For a {name} we count {rate} coins.",
    ),
}

RULES: Mapping[type, tuple[str, ...]] = {
    AtMost: (
        "In all make at most {count} calls.",
        "The plan has no more than {count} calls.",
        "There is room for {count} calls.",
    ),
    Requires: (
        "The tool {tool} requires permission {permission}.",
        "For {tool} one needs permission {permission}.",
        "Nobody may call {tool} without permission {permission}.",
    ),
    Before: (
        "Call {first} before {then}.",
        "There must be a {first} before {then}.",
        "Only after a {first} may one call {then}.",
    ),
    NoRepeat: (
        "Do not repeat {tool}.",
        "The same id must not be given twice to {tool}.",
        "There is no second try of {tool}.",
    ),
}

_TOOLS = ("The tools are {names}.", "At hand are {names}.", "You may call {names}.")
_NESTED = ("What is {asked}?", "Tell {asked}.", "Please find {asked}.", "We want to know {asked}.")
_FORWARD = ("Please {steps}.", "Now {steps}.", "Do this: {steps}.")
_DEED = ("Please {deeds}.", "Now {deeds}.", "Do this: {deeds}.")
_AFTERWARDS = (
    "Then give the change with its id, and {asked}.",
    "Name the change with its id, then {asked}.",
    "What was changed, with its id, and what is {asked}?",
)


def _one(rng: np.random.Generator, wordings: Sequence[str]) -> str:
    return pick(rng, wordings)


def fact(rng: np.random.Generator, row: Customer | Order | Invoice | Shipment | Currency) -> str:
    """One record in words."""
    return _one(rng, FACTS[type(row)]).format(**vars(row))


def rule_sentence(rng: np.random.Generator, rule: Rule) -> str:
    """One rule in words."""
    values = {"tool": ", ".join(rule.tools)} if isinstance(rule, NoRepeat) else vars(rule)
    return _one(rng, RULES[type(rule)]).format(**values)


def tools_sentence(rng: np.random.Generator, names: Sequence[str]) -> str:
    """The tools at hand."""
    return _one(rng, _TOOLS).format(names=f"{', '.join(names[:-1])} and {names[-1]}")


def request(rng: np.random.Generator, made: Composition) -> str:
    """What is to be done and what is asked."""
    if made.deeds and not made.steps:
        deeds = " and ".join(made.deeds)
        asked = _one(rng, _AFTERWARDS)
        if len(made.deeds) > 1:
            asked = asked.replace("the change with its id", "the changes with their ids")
            asked = asked.replace("What was changed, with its id", "What was changed, with the ids")
        return f"{_one(rng, _DEED).format(deeds=deeds)} {asked.format(asked=made.asked)}"
    if made.deeds:
        if rng.random() < 0.5:
            *steps, last = made.steps
            shown = f"{', '.join(steps)} and {last}"
            return f"{_one(rng, _FORWARD).format(steps=shown)} Name the change with its id, too."
        return (
            f"{_one(rng, _DEED).format(deeds=made.deeds[0])} {_one(rng, _AFTERWARDS).format(asked=made.asked)}"
        )
    if made.steps and rng.random() < 0.4:
        *steps, last = made.steps
        return _one(rng, _FORWARD).format(steps=f"{', '.join(steps)} and {last}")
    return _one(rng, _NESTED).format(asked=made.asked)
