"""Draws problems: a structure, a store, rules, and the text that tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from ....planner.errors import ConfigError
from ..base import Frozen, Gold, Problem, PublicProblem, Split, pick
from .calls import Call, Ref, written
from .compose import Composition, Slots, compose
from .draw_records import draw_records
from .records import STATUSES, VERBS, Records
from .ruling import Ruled
from .store import CallRefusedError, Store
from .structures import Structure, held_out, structures
from .toolbox import ANSWER, OPENERS, READERS, all_tools
from .wording import fact, request, rule_sentence, tools_sentence

__all__ = ["Difficulty", "ToolsGold", "ToolsProblem", "ToolsPublic", "generate", "pool", "size_of"]

NAME = "tools"
DRAWS = 300
"""Stores that are tried for one structure before another is taken."""
SLOTS = 4
"""Requests that are tried on one store."""


class Difficulty(Frozen):
    """How hard a problem is.

    Attributes:
        calls: Fewest and most calls of the composition, the answer's included; calls that only a rule asks for (one
            that grants a permission, say) come on top.
        writes: Share of the problems that change something.
        constraints: Rules that the calls must keep to.
        locked: Share of the problems that give their rules as locked items, too.
        spare_facts: Records told that are not needed.
        spare_tools: Tools named that are not needed.
        customers: Customers in the store, with three or four orders each.
        structures: Whether compositions are drawn from those that training sees, from those that are held out, or
            from all. The training split never draws a held-out one.
        told: Whether the text tells the records that are needed. Without them only the tools know the answer.
    """

    calls: tuple[Annotated[int, Field(ge=2, le=10)], Annotated[int, Field(ge=2, le=10)]] = (4, 6)
    writes: Annotated[float, Field(ge=0, le=1)] = 0.3
    constraints: Annotated[int, Field(ge=0, le=4)] = 1
    locked: Annotated[float, Field(ge=0, le=1)] = 0.5
    spare_facts: Annotated[int, Field(ge=0, le=40)] = 3
    spare_tools: Annotated[int, Field(ge=0, le=12)] = 3
    customers: Annotated[int, Field(ge=3, le=6)] = 3
    structures: Literal["seen", "held_out", "all"] = "all"
    told: bool = True

    @model_validator(mode="after")
    def _possible(self) -> Difficulty:
        if self.calls[0] > self.calls[1]:
            raise ValueError("the fewest calls exceed the most")
        return self


class ToolsPublic(PublicProblem):
    """A tools problem as a method sees it.

    Attributes:
        records: What a fresh store holds; the answer is what calls make of it.
        tools: Names of the tools at hand.
        rules: What the store keeps to, as the text of `calls:` checks; told in the question.
    """

    records: Records
    tools: tuple[str, ...]
    rules: tuple[str, ...] = ()


class ToolsGold(Gold):
    """What the grader knows.

    Attributes:
        structure: Id of the composition.
        value: The answer's value, from executing the plan.
        units: Words that may stand beside the value.
        changes: What is to be written, as pairs (tool, id).
        state: Everything that the store holds after the right writes and no other.
        calls: Calls of the plan.
    """

    structure: str
    value: int | str
    units: tuple[str, ...] = ()
    changes: tuple[tuple[str, int], ...] = ()
    state: str
    calls: int


ToolsProblem = Problem[ToolsGold]
_DUMMY = Slots({"a": "ann", "b": "ben"}, {"a": "open", "b": "due"}, 10)


_Pool = Mapping[int, Mapping[str, list[Structure]]]


@cache
def size_of(structure: Structure) -> int:
    """Calls of a structure, the answer's included."""
    return len(compose(structure, _DUMMY).chain.calls)


@cache
def pool(split: Split, which: str, calls: tuple[int, int], writes: bool) -> _Pool:
    """The structures to draw from, by size and kind.

    Raises:
        ConfigError: Held-out structures are asked for in training.
    """
    if split is Split.TRAIN and which == "held_out":
        raise ConfigError("training draws no held-out structures")
    found: dict[int, dict[str, list[Structure]]] = {}
    for structure in structures():
        out = held_out(structure)
        if (out and (split is Split.TRAIN or which == "seen")) or (not out and which == "held_out"):
            continue
        size = size_of(structure)
        if bool(structure.verb) is writes and calls[0] <= size <= calls[1]:
            found.setdefault(size, {}).setdefault(structure.kind, []).append(structure)
    return found


def _structure(rng: np.random.Generator, difficulty: Difficulty, split: Split) -> Structure:
    """Size first, then kind, then one of them, so that no size, and hardly a kind, is drowned by others."""
    wanted = bool(rng.random() < difficulty.writes)
    for writes in (wanted, not wanted):
        by_size = pool(split, difficulty.structures, difficulty.calls, writes)
        if by_size:
            by_kind = by_size[pick(rng, sorted(by_size))]
            kinds = sorted(by_kind)
            weights = np.sqrt([len(by_kind[kind]) for kind in kinds])
            kind = kinds[int(rng.choice(len(kinds), p=weights / weights.sum()))]
            found: Structure = pick(rng, by_kind[kind])
            return found
    raise ConfigError(f"no structure has {difficulty.calls[0]} to {difficulty.calls[1]} calls")


def _slots(rng: np.random.Generator, structure: Structure, records: Records) -> Slots:
    names = [customer.name for customer in records.customers]
    a, b = (names[int(i)] for i in rng.permutation(len(names))[:2])
    statuses: dict[str, str] = {}
    for source, verb in ((structure.source, structure.verb), (structure.second, structure.other)):
        if source is not None:
            statuses[source.slot] = VERBS[verb].before if verb else pick(rng, STATUSES[source.rows])
    wanted = VERBS[structure.verb].before if structure.verb else ""
    orders = [order.id for order in records.orders if wanted in ("", order.status)]
    if not orders or structure.source is not None:  # it is no order's id that the request is about
        orders = [records.orders[0].id]
    return Slots({"a": a, "b": b}, statuses, pick(rng, orders))


_FEWEST = {"largest": 2, "smallest": 2, "total": 2, "keep": 2, "count": 1}


class _Ran:
    """The calls of a composition, made on a fresh store.

    Attributes:
        results: The results, in order.
        store: The store afterwards.
    """

    def __init__(self, calls: Sequence[Call], store: Store) -> None:
        self.store = store
        self.results: list[Any] = []
        for call in calls:
            given = {name: self._value(value) for name, value in call.arguments}
            run = all_tools()[call.tool].run
            assert run is not None
            self.results.append(run(self.store, given))

    def _value(self, value: Any) -> Any:
        if not isinstance(value, Ref):
            return value
        return self.results[value.step][value.field] if value.field else self.results[value.step]

    def telling(self, calls: Sequence[Call]) -> bool:
        """Whether every step matters: lists have several rows, filters leave some out, numbers are above zero."""
        written = False
        for call, result in zip(calls, self.results, strict=True):
            written = written or call.tool in VERBS
            given = dict(call.arguments)
            fewest = _FEWEST.get(call.tool, 0)
            if fewest and len(self._value(given["rows"])) < (1 if written else fewest):
                return False
            if call.tool == "keep" and len(result) == len(self._value(given["rows"])):
                return False
            if call.tool in ("minus", "larger") and self._value(given["a"]) == self._value(given["b"]):
                return False
        value = self.results[-1]
        return not isinstance(value, int) or value > 0


def _told(
    rng: np.random.Generator, difficulty: Difficulty, records: Records, read: set[tuple[str, str | int]]
) -> list[str]:
    """The records that are needed and some that are not, in words and in any order."""
    rows = [
        (getattr(row, "id", None) or getattr(row, "name", ""), table, row)
        for table in Records.model_fields
        for row in getattr(records, table)
    ]
    needed = [row for key, table, row in rows if (table, key) in read]
    tables = {table for table, _ in read}
    near = [row for key, table, row in rows if (table, key) not in read and table in tables]
    far = [row for _, table, row in rows if table not in tables]
    spare = []
    for _ in range(min(difficulty.spare_facts, len(near) + len(far))):
        choices = near if near and (rng.random() < 0.8 or not far) else far
        spare.append(choices.pop(int(rng.integers(len(choices)))))
    told = [*needed, *spare]
    return [fact(rng, told[int(place)]) for place in rng.permutation(len(told))]


def _units(made: Composition, structure: Structure, slots: Slots, records: Records) -> tuple[str, ...]:
    if made.unit != "currency":
        return ("coin", "coins") if made.unit == "coins" else ()
    customers = {customer.name: customer for customer in records.customers}
    if structure.source is None:
        owner = next(order.customer for order in records.orders if order.id == slots.order)
    elif structure.source.rows == "shipments":
        return ()
    else:
        owner = slots.names[structure.source.whose]
        for _ in range({"named": 0, "sponsor": 1, "grand": 2}[structure.source.who]):
            owner = customers[owner].sponsor
    currency = customers[owner].currency
    return currency, f"{currency}s"


def _drawn(
    rng: np.random.Generator, difficulty: Difficulty, split: Split
) -> tuple[Structure, Slots, Records, Composition]:
    """A structure, and a store where every step of it matters."""
    for _ in range(20):
        structure = _structure(rng, difficulty, split)
        for _ in range(DRAWS):
            records = draw_records(rng, difficulty.customers)
            store = Store(records)
            for _ in range(1 if structure.verb else SLOTS):  # a write leaves the store another one
                slots = _slots(rng, structure, records)
                made = compose(structure, slots)
                try:
                    ran = _Ran(made.chain.calls, store)
                except (CallRefusedError, LookupError):
                    continue
                if ran.telling(made.chain.calls):
                    return structure, slots, records, made
    raise RuntimeError(f"no problem found for {difficulty}")


def generate(seed: int, difficulty: Difficulty | None = None, split: Split = Split.EVAL) -> ToolsProblem:
    """Draws one problem; the same arguments give the same problem.

    Args:
        seed: Any non-negative integer.
        difficulty: How hard; the middle level if None.
        split: Which half of the seed space.

    Raises:
        ConfigError: No structure has so many calls, or held-out ones are asked for in training.
    """
    difficulty = difficulty or Difficulty()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=split.spawn_key))
    structure, slots, records, made = _drawn(rng, difficulty, split)
    composed = made.chain.calls
    ruled = Ruled(rng, composed, slots.names["a"], difficulty.constraints)
    calls = made.chain.led_by(ruled.first)
    needs = {place: ruled.leads.get(call.tool, ()) for place, call in enumerate(calls) if place >= len(ruled.first)}
    whole = _Ran(calls, Store(records))
    tools = _tools(rng, calls, difficulty.spare_tools)
    told = _told(rng, difficulty, records, whole.store.read) if difficulty.told else [f"This is request {seed}."]
    rules = [rule_sentence(rng, rule) for rule in ruled.rules]
    locked = bool(rng.random() < difficulty.locked)
    size = len(composed)
    public = ToolsPublic(
        id=f"{NAME}-{split}-{size}-{seed}",
        family=NAME,
        question=" ".join([*told, tools_sentence(rng, tools), *rules, request(rng, made)]),
        goal=("the change and " if made.deeds else "") + made.asked.split(" of ")[0],
        constraints=tuple(f"C{i}!: [calls: {rule}]" for i, rule in enumerate(ruled.rules, 1)) if locked else (),
        size=size,
        records=records,
        tools=tuple(tools),
        rules=tuple(map(str, ruled.rules)),
    )
    gold = ToolsGold(
        plan="\n".join([f"goal: {public.goal}", *public.constraints, *written(calls, needs)]),
        structure=structure.id,
        value=whole.results[-1],
        units=_units(made, structure, slots, records),
        changes=tuple(whole.store.changes),
        state=whole.store.dump(),
        calls=len(calls),
    )
    return ToolsProblem(public=public, gold=gold)


def _tools(rng: np.random.Generator, calls: Sequence[Call], spare: int) -> list[str]:
    """The tools that are needed and some that are not, in any order; the answer's comes last."""
    needed = [tool for tool in dict.fromkeys(call.tool for call in calls) if tool != ANSWER]
    others = [tool for tool in (*READERS, *OPENERS.values(), *VERBS) if tool not in needed]
    names = [*needed, *(others[int(i)] for i in rng.permutation(len(others))[:spare])]
    return [*(names[int(i)] for i in rng.permutation(len(names))), ANSWER]
