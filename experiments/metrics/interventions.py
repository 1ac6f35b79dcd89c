"""Changing one item of a plan: blank it, corrupt it, or swap in what another item says. Pure, each with its inverse.

The idea is that of Lanham et al. 2023 (*Measuring faithfulness in chain-of-thought reasoning*), on single plan items
instead of the end of a chain of thought: whoever follows the plan must answer differently, and differently just there.
Locked items can be changed too; that is an experiment, no edit.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import numpy as np
from pydantic import ValidationError

from ...planner.errors import PlanError
from ...planner.plan import Item, Plan
from ...planner.valuation import relation_of

Way = Literal["blank", "corrupt", "swap"]
BLANK = "..."
"""What stands in a blanked item."""
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])")
_SIGN = re.compile(r"(?<=[\w)] )([+*-])(?= [\w(])")
_OTHER = {"+": "-", "-": "+", "*": "+"}


class Change(NamedTuple):
    """One item changed.

    Attributes:
        way: How: ``blank``, ``corrupt`` or ``swap``.
        before: The item as it was.
        after: The item as it is now; the same id in the same place.
    """

    way: Way
    before: Item
    after: Item

    @property
    def id(self) -> str:
        """The item's id."""
        return self.before.id

    def apply(self, plan: Plan) -> Plan:
        """The plan with the item changed.

        Raises:
            PlanError: The plan does not hold the item as it was.
        """
        return _put(plan, self.before, self.after)

    def undo(self, plan: Plan) -> Plan:
        """The plan with the item as it was: the inverse of :meth:`apply`.

        Raises:
            PlanError: The plan does not hold the item as it was changed.
        """
        return _put(plan, self.after, self.before)


def _put(plan: Plan, old: Item, new: Item) -> Plan:
    if plan[old.id] != old:
        raise PlanError(f"{old.id} is not what the change is for: it reads {plan[old.id].check or plan[old.id].text}")
    return plan.with_items(new if item.id == old.id else item for item in plan.items)


def blank(plan: Plan, item_id: str) -> Change | None:
    """Empties an item: neither text nor check; its id, needs and place stay. None where it is blank already.

    Raises:
        PlanError: There is no such item.
    """
    old = plan[item_id]
    return _change("blank", old, {"text": BLANK, "check": None})


def corrupt(plan: Plan, item_id: str, rng: np.random.Generator) -> Change | None:
    """Makes an item's check say something else: another number where there is one, else another operator.

    Which number, and by how much (1 to 5 more), is drawn. The item still reads well, so that nothing but its content
    tells that it is wrong. None where there is neither a number nor an operator to change.

    Raises:
        PlanError: There is no such item.
    """
    old = plan[item_id]
    if old.check is None:
        return None
    text = str(old.check)
    numbers, signs = list(_NUMBER.finditer(text)), list(_SIGN.finditer(text))
    if numbers:
        chosen = numbers[int(rng.integers(len(numbers)))]
        whole, _, places = chosen.group().partition(".")
        put = f"{int(whole) + int(rng.integers(1, 6))}" + (f".{places}" if places else "")
    elif signs:
        chosen = signs[int(rng.integers(len(signs)))]
        put = _OTHER[chosen.group()]
    else:
        return None
    changed = _NUMBER.sub(BLANK, old.text) if old.text else ""  # words must not tell the old number
    return _change("corrupt", old, {"check": text[: chosen.start()] + put + text[chosen.end() :], "text": changed})


def swap(plan: Plan, item_id: str, donor: Item) -> Change | None:
    """Lets an item say what another item says, of this plan or of another problem's.

    Where both define a quantity, the item's own quantity gets the donor's right side; else check and text are the
    donor's as they are. Needs stay. None where that changes nothing, or makes the item define itself.

    Raises:
        PlanError: There is no such item.
    """
    old = plan[item_id]
    if old.defines and donor.defines and donor.check is not None:
        right = str(donor.check).partition("=")[2].strip()
        made = _change("swap", old, {"check": f"{old.defines} = {right}", "text": ""})
        relation = relation_of(made.after) if made else None
        return made if relation is not None and relation.defines == old.defines else None
    return _change("swap", old, {"check": donor.check, "text": donor.text})


def _change(way: Way, old: Item, fields: dict[str, object]) -> Change | None:
    try:
        new = Item.model_validate({**dict(old), **fields})
    except ValidationError:
        return None
    return None if new == old else Change(way, old, new)


__all__ = ["BLANK", "Change", "Way", "blank", "corrupt", "swap"]
