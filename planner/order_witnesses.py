"""Witnesses against an order: items that stand where a predicate does not let them, and things that stand nowhere."""

from __future__ import annotations

from typing import ClassVar, Literal

from .witness import Operator, Witness


class Misplaced(Witness):
    """A predicate on places that the plan's order breaks.

    Attributes:
        item: The item that holds the predicate.
        detail: Where the items it names stand.
        culprits: These items, by place: moving one of them (or swapping it with another) can make it true.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("move",)
    structural: ClassVar[bool] = True
    quotes: ClassVar[bool] = True
    kind: Literal["misplaced"] = "misplaced"
    item: str
    detail: str
    culprits: tuple[str, ...] = ()

    @property
    def items(self) -> tuple[str, ...]:
        return (*self.culprits, self.item)

    @property
    def line(self) -> str:
        return f"{self.item} is violated: {self.detail}"


class Unplaced(Witness):
    """Something that must be put in order and stands nowhere in the plan.

    Attributes:
        text: The text of the subgoal that is missing.
    """

    operators: ClassVar[tuple[Operator, ...]] = ("insert",)
    structural: ClassVar[bool] = True
    kind: Literal["unplaced"] = "unplaced"
    text: str

    @property
    def line(self) -> str:
        return f"{self.text} has no place"


__all__ = ["Misplaced", "Unplaced"]
