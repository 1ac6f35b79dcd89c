"""From a structure and the things it is about to the calls that answer it and the words that ask it.

Every part adds its calls to a chain, and says itself in two ways: as a phrase (`the open orders of ann`) and as a step
(`keep the open ones`), so that a request may be told from the outside in or from the inside out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .calls import Chain, Ref, Value
from .records import VERBS
from .structures import AFTER, Source, Structure

__all__ = ["Composition", "Slots", "compose"]


class Slots(NamedTuple):
    """What a request is about.

    Attributes:
        names: The customers, `a` and `b`.
        statuses: The statuses that are kept, by source.
        order: The order that is given by its id.
    """

    names: Mapping[str, str]
    statuses: Mapping[str, str]
    order: int


@dataclass(frozen=True)
class Told:
    """A value and the words for it.

    Attributes:
        value: The value.
        phrase: What it is, as part of a sentence.
        steps: How one gets there.
        unit: What it counts: `coins`, `currency` for the customer's own, or nothing.
    """

    value: Value
    phrase: str
    steps: tuple[str, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Thing:
    """A record that measures can be taken of.

    Attributes:
        noun: `order`, `invoice` or `shipment`.
        phrase: Which one.
        steps: How one gets there.
        order: The id of its order.
        amount: Gives its amount.
        customer: Gives its customer's name.
        id: Its own id.
    """

    noun: str
    phrase: str
    steps: tuple[str, ...]
    order: Value
    amount: Callable[[], Ref]
    customer: Callable[[], Value]
    id: Value


@dataclass
class Composition:
    """A structure that has been put together.

    Attributes:
        chain: The calls, the answer among them.
        asked: What is asked, as a phrase.
        steps: The same as steps; empty where it is told in phrases only.
        deeds: What is to be done first, as phrases such as `cancel the order 14`.
        unit: What the answer's value counts: `coins`, `currency`, or nothing.
    """

    chain: Chain = field(default_factory=Chain)
    asked: str = ""
    steps: tuple[str, ...] = ()
    deeds: tuple[str, ...] = ()
    unit: str = ""


def compose(structure: Structure, slots: Slots) -> Composition:
    """The calls and the words of a structure."""
    made = Composition()
    builder = _Builder(made.chain, slots)
    match structure.kind:
        case "person":
            told = builder.person(structure.who, structure.ask)
        case "order":
            told = builder.measure(builder.given_order(), structure.ask)
        case "thing":
            assert structure.source is not None
            told = builder.measure(builder.picked(structure.source), structure.ask)
        case "sum":
            assert structure.source is not None
            told = builder.reduced(structure.source, coins=structure.ask == "coins")
        case "pair":
            told = builder.pair(structure)
        case _:
            told, made.deeds = builder.writes(structure)
    assert isinstance(told.value, Ref)
    made.chain.give(told.value)
    made.asked, made.steps, made.unit = told.phrase, told.steps, told.unit
    return made


_OPERATIONS = {"add": "the sum of {a} and {b}", "minus": "{a} minus {b}", "larger": "the larger of {a} and {b}"}


class _Builder:
    """Adds the calls of parts to a chain and puts their words together."""

    def __init__(self, chain: Chain, slots: Slots) -> None:
        self.chain = chain
        self.slots = slots

    def ref(self, tool: str, field: str = "", **arguments: Value) -> Ref:
        return Ref(self.chain.call(tool, **arguments), field)

    def who(self, who: str, slot: str = "a") -> Told:
        told = Told(self.slots.names[slot], self.slots.names[slot], (f"start from {self.slots.names[slot]}",))
        for _ in range({"named": 0, "sponsor": 1, "grand": 2}[who]):
            sponsor = self.ref("get_customer", "sponsor", name=told.value)
            told = Told(sponsor, f"the sponsor of {told.phrase}", (*told.steps, "go to the sponsor"))
        return told

    def person(self, who: str, ask: str) -> Told:
        person = self.who(who)
        value = self.ref("get_customer", ask, name=person.value)
        return Told(value, f"the {ask} of {person.phrase}", (*person.steps, f"give the {ask}"))

    def rows(self, source: Source, still: bool = False) -> tuple[Told, Told]:
        """The rows of a source, and whose they are."""
        owner = self.who(source.who, source.whose)
        adverb = "still " if still else ""
        if source.rows == "shipments":
            city = self.ref("get_customer", "city", name=owner.value)
            listed = self.ref("list_shipments", city=city)
            phrase = f"shipments to the city of {owner.phrase}"
            steps = (*owner.steps, "go to the city", "list the shipments to it")
        else:
            listed = self.ref(f"list_{source.rows}", customer=owner.value)
            phrase, steps = f"{source.rows} of {owner.phrase}", (*owner.steps, f"list the {source.rows}")
        if source.keep:
            status = self.slots.statuses[source.slot]
            listed = self.ref("keep", rows=listed, status=status)
            phrase, steps = f"{adverb}{status} {phrase}", (*steps, f"keep the {adverb}{status} ones")
        return Told(listed, f"the {phrase}", steps), owner

    def picked(self, source: Source) -> Thing:
        rows, owner = self.rows(source)
        place = self.chain.call(source.pick, rows=rows.value)
        order = Ref(place, "order")
        by = " by cost" if source.rows == "shipments" else ""

        def customer() -> Value:
            return self.ref("get_order", "customer", id=order) if source.rows == "shipments" else owner.value

        return Thing(
            noun=source.rows[:-1],
            phrase=f"the {source.pick}{by} of {rows.phrase}",
            steps=(*rows.steps, f"take the {source.pick}{by}"),
            order=order,
            amount=lambda: Ref(place, "amount"),
            customer=customer,
            id=Ref(place, "id"),
        )

    def given_order(self) -> Thing:
        number = self.slots.order

        def of(name: str) -> Ref:
            return self.ref("get_order", name, id=number)

        start = (f"start from order {number}",)
        return Thing("order", f"order {number}", start, number, lambda: of("amount"), lambda: of("customer"), number)

    def measure(self, thing: Thing, ask: str, its: bool = False) -> Told:
        """What is asked about a thing; `its` where the thing has just been named."""

        def told(value: Value, parts: tuple[str, ...], unit: str = "", *, extra: str = "") -> Told:
            """Parts from the outside in: `amount`, `invoice` is the amount of the invoice."""
            whole = " of ".join([*(f"the {part}" for part in parts), thing.phrase]) + extra
            if its:
                whole = " of ".join([*(f"the {part}" for part in parts[:-1]), f"its {parts[-1]}"]) + extra
            steps = [f"go to the {part}" for part in parts[:0:-1]] + [f"give the {parts[0]}{extra}"]
            return Told(value, whole, (*thing.steps, *steps), unit)

        if ask in ("amount", "coins"):
            word = "cost" if thing.noun == "shipment" else "amount"
            if ask == "amount":
                return told(thing.amount(), (word,), "coins" if thing.noun == "shipment" else "currency")
            return told(self.coins(thing.amount(), thing.customer()), (word,), "coins", extra=" in coins")
        if ask == "gap":
            value = self.ref("minus", a=thing.amount(), b=self.ref("get_invoice", "amount", order=thing.order))
            return told(value, ("amount",), "currency", extra=" minus the amount of its invoice")
        if ask.startswith("buyer"):
            return self.buyer(thing, ask, told)
        if ask == "order_status":
            return told(self.ref("get_order", "status", id=thing.order), ("status", "order"))
        if ask in ("weight", "cost", "shipment_city"):
            part = ask.rpartition("_")[2]
            shipment = () if thing.noun == "shipment" else ("shipment",)
            value = self.ref("get_shipment", part, order=thing.order)
            return told(value, (part, *shipment), "coins" if ask == "cost" else "")
        invoice = self.ref("get_invoice", "status" if ask == "invoice_status" else "amount", order=thing.order)
        of = ("invoice",) if thing.noun == "order" else ("invoice", "order")
        if ask == "invoice_status":
            return told(invoice, ("status", *of))
        if ask == "invoice_coins":
            return told(self.coins(invoice, thing.customer()), ("amount", *of), "coins", extra=" in coins")
        return told(invoice, ("amount", *of), "currency")

    def buyer(self, thing: Thing, ask: str, told: Callable[..., Told]) -> Told:
        """The customer of a thing, or something about that one."""
        of = ("customer",) if thing.noun == "order" else ("customer", "order")
        if ask == "buyer":
            return told(self.ref("get_order", "customer", id=thing.order), of)
        part = ask.removeprefix("buyer_")
        return told(self.ref("get_customer", part, name=thing.customer()), (part, *of))

    def coins(self, amount: Value, customer: Value) -> Ref:
        """An amount in a customer's currency, in coins."""
        return self.ref("convert", amount=amount, currency=self.ref("get_customer", "currency", name=customer))

    def reduced(self, source: Source, *, coins: bool = False, still: bool = False) -> Told:
        """The total or the number of rows, or the amount of the largest or smallest."""
        if source.pick in ("largest", "smallest"):
            return self.measure(self.picked(source), "amount")
        rows, owner = self.rows(source, still)
        word = "number" if source.pick == "count" else "total cost" if source.rows == "shipments" else "total"
        unit = "" if source.pick == "count" else "coins" if source.rows == "shipments" else "currency"
        value, extra = self.ref(source.pick, rows=rows.value), ""
        if coins:
            value, extra, unit = self.coins(value, owner.value), " in coins", "coins"
        shown = f"the {word} of {rows.phrase}{extra}"
        return Told(value, shown, (*rows.steps, f"give the {word}{extra}"), unit)

    def pair(self, structure: Structure) -> Told:
        """Two values and what is made of them."""
        assert structure.source is not None
        assert structure.second is not None
        op, _, weight = structure.ask.partition("_")
        sources = (structure.source, structure.second)
        a, b = (self.measure(self.picked(s), "weight") if weight else self.reduced(s) for s in sources)
        return self.combined(op, a, b)

    def combined(self, op: str, a: Told, b: Told) -> Told:
        value = self.ref(op, a=a.value, b=b.value)
        return Told(value, _OPERATIONS[op].format(a=a.phrase, b=b.phrase), (), a.unit)

    def writes(self, structure: Structure) -> tuple[Told, tuple[str, ...]]:
        """One or two writes, and what is asked afterwards."""
        verb = VERBS[structure.verb]
        thing = self.picked(structure.source) if structure.source else self.given_order()
        if structure.kind == "double":
            assert structure.second is not None
            second = VERBS[structure.other]
            another = self.picked(structure.second)
            amounts = [
                Told(self.ref(v.tool, "amount", **{v.noun: t.id}), "", (), "currency")
                for v, t in ((verb, thing), (second, another))
            ]
            told = self.combined(structure.ask, *amounts)
            shown = _OPERATIONS[structure.ask].format(a="the first amount", b="the second")
            return replace(told, phrase=shown), (f"{verb.tool} {thing.phrase}", f"{second.tool} {another.phrase}")
        deed = f"{verb.tool} {thing.phrase}"
        if structure.ask in AFTER:
            told = self.left(structure, thing)
            return told, (deed,)
        changed = self.chain.call(verb.tool, **{verb.noun: thing.id})
        thing = replace(thing, amount=lambda: Ref(changed, "amount"), steps=(*thing.steps, f"{verb.tool} it"))
        return self.measure(thing, structure.ask, its=True), (deed,)

    def left(self, structure: Structure, thing: Thing) -> Told:
        """The total or the number of the rows that still have the status that the write took away."""
        verb = VERBS[structure.verb]
        pick = structure.ask.removeprefix("left_")
        if structure.source is None:
            customer = thing.customer()
            self.chain.call(verb.tool, **{verb.noun: thing.id})
            listed = self.ref("list_orders", customer=customer)
            kept = self.ref("keep", rows=listed, status=verb.before)
            word = "number" if pick == "count" else "total"
            shown = f"the {word} of the still {verb.before} orders of its customer"
            return Told(self.ref(pick, rows=kept), shown, (), "" if pick == "count" else "currency")
        self.chain.call(verb.tool, **{verb.noun: thing.id})
        return replace(self.reduced(replace(structure.source, pick=pick), still=True), steps=())
