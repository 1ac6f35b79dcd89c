"""Plan state: frozen items with stable ids, in order, under a goal."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from .checks import AnyCheck, one_line
from .errors import PlanError
from .frozen import Frozen

Kind = Literal["C", "I", "S"]
Source = Literal["task", "draft", "edit"]
ID = re.compile(r"[CIS][1-9][0-9]{0,5}")
KINDS: Mapping[str, str] = {"C": "constraint", "I": "invariant", "S": "subgoal"}
MAX_TEXT_CHARS = 500
MAX_ITEMS = 256


class Item(BaseModel):
    """One plan item: a constraint ``C1``, an invariant ``I1`` or a subgoal ``S1``.

    Attributes:
        id: Kind letter and number; stable through reorders.
        text: Short statement, no prose; may be empty where a check says it all. White space is folded.
        check: The machine-checkable part, if there is one.
        needs: Ids of the items this one depends on, in the order given, without repetition.
        locked: Given by the caller: no edit may weaken, replace or delete it.
        source: Who wrote it: ``task``, ``draft`` or ``edit``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    text: str = ""
    check: AnyCheck | None = None
    needs: tuple[str, ...] = ()
    locked: bool = False
    source: Source = "draft"

    @field_validator("id")
    @classmethod
    def _id(cls, value: str) -> str:
        if not ID.fullmatch(value):
            raise ValueError(f"{value[:20]!r} is not an item id: C, I or S and a number from 1 to 999999")
        return value

    @field_validator("text")
    @classmethod
    def _text(cls, value: str) -> str:
        return one_line(" ".join(value.split()), "an item's text", MAX_TEXT_CHARS)

    @field_validator("needs")
    @classmethod
    def _needs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for need in value:
            if not ID.fullmatch(need):
                raise ValueError(f"needs {need[:20]!r}, which is not an item id")
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _says_something(self) -> Item:
        if not self.text and self.check is None:
            raise ValueError(f"{self.id} has neither text nor a check")
        return self

    @cached_property
    def _digest(self) -> int:
        return hash((self.id, self.text, self.check, self.needs, self.locked, self.source))

    def __hash__(self) -> int:  # plans and items are keys of many caches: hash their content once
        return self._digest

    @property
    def kind(self) -> Kind:
        """``C``, ``I`` or ``S``."""
        return self.id[0]  # type: ignore[return-value]

    @property
    def number(self) -> int:
        """The number in the id."""
        return int(self.id[1:])

    @property
    def defines(self) -> str | None:
        """The symbol that this item gives a value to; only subgoals define, constraints assert."""
        return self.check.defines if self.check is not None and self.kind == "S" else None

    @property
    def uses(self) -> frozenset[str]:
        """Symbols this item needs values for."""
        if self.check is None:
            return frozenset()
        if self.kind != "S" and self.check.defines:
            return self.check.uses | {self.check.defines}
        return self.check.uses


class Plan(Frozen):
    """A goal and items in order.

    Attributes:
        goal: What is to be found or done, one line.
        target: Expression that the goal asks the value of (for instance ``wigs``), where there is one.
        items: Items in order; ids are unique.
    """

    goal: str
    target: str | None = None
    items: tuple[Item, ...] = Field(default=(), max_length=MAX_ITEMS)

    @field_validator("goal")
    @classmethod
    def _goal(cls, value: str) -> str:
        value = one_line(" ".join(value.split()), "the goal", 2000)
        if not value:
            raise ValueError("the goal must not be empty")
        return value

    @field_validator("target")
    @classmethod
    def _target(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = one_line(value, "the target", MAX_TEXT_CHARS)
        return value or None

    @model_validator(mode="after")
    def _unique(self) -> Plan:
        if len(self.by_id) != len(self.items):
            seen: set[str] = set()
            twice = next(item.id for item in self.items if item.id in seen or seen.add(item.id))  # type: ignore[func-returns-value]
            raise ValueError(f"item id {twice} occurs twice")
        return self

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        """Items by id, in plan order."""
        return {item.id: item for item in self.items}

    @cached_property
    def positions(self) -> Mapping[str, int]:
        """Zero-based position of each id."""
        return {item.id: index for index, item in enumerate(self.items)}

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the canonical JSON: the content hash, the cache key. Equal plans, equal hashes."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()

    @cached_property
    def _digest(self) -> int:
        return hash((self.goal, self.target, self.items))

    def __hash__(self) -> int:
        return self._digest

    @property
    def locked(self) -> tuple[Item, ...]:
        """The items that came from the caller."""
        return tuple(item for item in self.items if item.locked)

    def __getitem__(self, item_id: str) -> Item:
        """The item with this id.

        Raises:
            PlanError: There is none.
        """
        try:
            return self.by_id[item_id]
        except KeyError:
            known = ", ".join(self.by_id) or "none"
            raise PlanError(f"{item_id} is not in the plan (items: {known})") from None

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.by_id

    def with_items(self, items: Iterable[Item]) -> Plan:
        """The same goal over other items (validated)."""
        return Plan(goal=self.goal, target=self.target, items=tuple(items))

    def fresh_id(self, kind: Kind, retired: Iterable[str] = ()) -> str:
        """The next free id of a kind: one past every number in the plan and among the retired ids."""
        taken = [item.number for item in self.items if item.kind == kind]
        taken += [int(item_id[1:]) for item_id in retired if item_id[0] == kind]
        return f"{kind}{max(taken, default=0) + 1}"

    def __str__(self) -> str:
        from .notation import format_plan

        return format_plan(self)
