"""Witnesses against a plan's structure: what is missing, doubled, unused, out of order or in a circle."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .witness import ItemWitness, Operator, Witness


class UndefinedSymbol(ItemWitness):
    """An item uses a symbol that no item defines."""

    operators: ClassVar[tuple[Operator, ...]] = ("insert",)
    kind: Literal["undefined_symbol"] = "undefined_symbol"
    symbol: str

    @property
    def line(self) -> str:
        return f"{self.item} uses {self.symbol}, defined nowhere"


class GoalNotReached(Witness):
    """Nothing in the plan gives the goal's symbol a value (or, without a target, nothing concludes)."""

    operators: ClassVar[tuple[Operator, ...]] = ("insert",)
    kind: Literal["goal_not_reached"] = "goal_not_reached"
    symbol: str = ""
    reason: str = ""

    @property
    def line(self) -> str:
        if self.reason:
            return f"goal is not reached: {self.reason}"
        return f"goal {self.symbol} is defined nowhere" if self.symbol else "goal is not reached"


class UnresolvedNeed(ItemWitness):
    """An item needs, or refers to, an id that is not in the plan."""

    operators: ClassVar[tuple[Operator, ...]] = ("needs", "insert")
    structural: ClassVar[bool] = True
    kind: Literal["unresolved_need"] = "unresolved_need"
    need: str

    @property
    def line(self) -> str:
        return f"{self.item} needs {self.need}, not in the plan"


class CircularNeed(Witness):
    """A subgoal lists a need that it does not use and that rests on the subgoal itself."""

    operators: ClassVar[tuple[Operator, ...]] = ("needs",)
    structural: ClassVar[bool] = True
    kind: Literal["circular_need"] = "circular_need"
    item: str
    need: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item, self.need)

    @property
    def line(self) -> str:
        return f"{self.item} needs {self.need}, which rests on {self.item}"


class MissingNeed(Witness):
    """An item uses a symbol of another item without needing that item."""

    operators: ClassVar[tuple[Operator, ...]] = ("needs",)
    structural: ClassVar[bool] = True
    kind: Literal["missing_need"] = "missing_need"
    item: str
    symbol: str
    definer: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item, self.definer)

    @property
    def line(self) -> str:
        return f"{self.item} uses {self.symbol} of {self.definer} without needing it"


class OutOfOrder(Witness):
    """An item stands before one that it depends on."""

    operators: ClassVar[tuple[Operator, ...]] = ("move",)
    structural: ClassVar[bool] = True
    kind: Literal["out_of_order"] = "out_of_order"
    item: str
    needed: str
    symbol: str = ""

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item, self.needed)

    @property
    def line(self) -> str:
        if self.symbol:
            return f"{self.item} uses {self.symbol} before {self.needed} defines it"
        return f"{self.item} needs {self.needed}, which comes later"


class Cycle(Witness):
    """Items depend on each other in a circle."""

    operators: ClassVar[tuple[Operator, ...]] = ("replace", "delete")
    kind: Literal["cycle"] = "cycle"
    members: tuple[str, ...] = Field(min_length=1)

    @property
    def items(self) -> tuple[str, ...]:
        return self.members

    @property
    def line(self) -> str:
        return f"{', '.join(self.members)} form a cycle"


class Duplicate(Witness):
    """An item says again what another one says."""

    operators: ClassVar[tuple[Operator, ...]] = ("delete",)
    structural: ClassVar[bool] = True
    kind: Literal["duplicate"] = "duplicate"
    item: str
    original: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item, self.original)

    @property
    def line(self) -> str:
        return f"{self.item} repeats {self.original}"


class Unused(ItemWitness):
    """An item of the plan's own that nothing rests on."""

    operators: ClassVar[tuple[Operator, ...]] = ("delete",)
    structural: ClassVar[bool] = True
    kind: Literal["unused"] = "unused"

    @property
    def line(self) -> str:
        return f"{self.item} is not used"


class LockedChanged(Witness):
    """A locked item is missing or differs from what the task gave."""

    operators: ClassVar[tuple[Operator, ...]] = ("insert", "replace")
    kind: Literal["locked_changed"] = "locked_changed"
    item: str
    missing: bool = False

    @property
    def items(self) -> tuple[str, ...]:
        return () if self.missing else (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item} of the task is " + ("missing" if self.missing else "changed")


__all__ = [
    "CircularNeed",
    "Cycle",
    "Duplicate",
    "GoalNotReached",
    "LockedChanged",
    "MissingNeed",
    "OutOfOrder",
    "UndefinedSymbol",
    "UnresolvedNeed",
    "Unused",
]
