"""Edits: pure functions from plan to plan, each with an inverse.

``apply(plan, edit)`` never changes its arguments; ``apply(apply(plan, edit), invert(plan, edit)) == plan``, with one
exception: an edit that makes the ``needs`` cyclic is invalid, so what breaks a circle that a draft came with cannot be
undone. Locked items can be moved but never weakened, replaced or deleted, or else the cheapest way to satisfy a
constraint would be to drop it; nor can an edit lock an item, for only the task says what is hard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, ValidationError, model_validator

from .errors import EditError, ExpressionError
from .expressions import Apply, Number, Relation
from .graph import cyclic_groups
from .plan import Item, Plan

Where = Literal["before", "after"]


class _Edit(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Placed(_Edit):
    where: Where = "before"
    anchor: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _end(cls, data: Any) -> Any:
        """Without an anchor there is nothing to be before or after: equal edits must be equal."""
        if isinstance(data, dict) and data.get("anchor") is None and data.get("where") == "after":
            return {**data, "where": "before"}
        return data


class Replace(_Edit):
    """Puts another item in the place of the one with the same id."""

    op: Literal["replace"] = "replace"
    item: Item


class Insert(_Placed):
    """Adds an item before or after an anchor, or at the end where there is none."""

    op: Literal["insert"] = "insert"
    item: Item


class Delete(_Edit):
    """Removes an item of the plan's own."""

    op: Literal["delete"] = "delete"
    id: str


class Move(_Placed):
    """Moves an item before or after an anchor, or to the end where there is none."""

    op: Literal["move"] = "move"
    id: str


class Tighten(_Edit):
    """Replaces a constraint or invariant by a stronger one."""

    op: Literal["tighten"] = "tighten"
    item: Item


class SetNeeds(_Edit):
    """Sets what an item depends on."""

    op: Literal["needs"] = "needs"
    id: str
    needs: tuple[str, ...] = ()
    source: Literal["task", "draft", "edit"] = "edit"


class Compound(_Edit):
    """Several edits judged as one (an ejection chain), applied in order."""

    op: Literal["compound"] = "compound"
    edits: tuple[SimpleEdit, ...] = Field(min_length=1)


SimpleEdit = Annotated[Replace | Insert | Delete | Move | Tighten | SetNeeds, Discriminator("op")]
Edit = Annotated[
    Replace | Insert | Delete | Move | Tighten | SetNeeds | Compound,
    Discriminator("op"),
]
Compound.model_rebuild()


def parts(edit: Edit) -> tuple[SimpleEdit, ...]:
    """The simple edits of an edit, in order."""
    return edit.edits if isinstance(edit, Compound) else (edit,)


def touched(edit: Edit) -> tuple[str, ...]:
    """Ids of the items that an edit changes, in order, without repetition."""
    ids = (part.item.id if isinstance(part, Replace | Insert | Tighten) else part.id for part in parts(edit))
    return tuple(dict.fromkeys(ids))


def _own(plan: Plan, item_id: str, verb: str) -> Item:
    if item_id not in plan:
        raise EditError(f"cannot {verb} {item_id}: it is not in the plan")
    item = plan[item_id]
    if item.locked:
        raise EditError(f"cannot {verb} {item_id}: it is locked by the task; add items of your own instead")
    return item


def _unlocked(item: Item) -> Item:
    if item.locked:
        raise EditError(f"an edit cannot lock {item.id}: only the task's own items are locked")
    return item


def _index(plan: Plan, where: Where, anchor: str | None, items: Sequence[Item]) -> int:
    if anchor is None:
        return len(items)
    for index, item in enumerate(items):
        if item.id == anchor:
            return index + (where == "after")
    raise EditError(f"the anchor {anchor} is not in the plan")


def _bound(relation: Relation) -> tuple[str, str, Number] | None:
    """``symbol op number`` as a triple, with the symbol on the left, or None for anything else."""
    if len(relation.ops) != 1 or isinstance(relation.terms[0], Apply | Number):
        return None
    value = relation.terms[1]
    if isinstance(value, Apply) and value.op == "neg" and isinstance(value.args[0], Number):
        value = Number(-value.args[0].value)
    return (relation.terms[0].name, relation.ops[0], value) if isinstance(value, Number) else None


def _weakens(old: Item, new: Item) -> bool:
    """Whether a replacement visibly asks less: no readable check any more, fewer symbols, or a looser numeric bound."""
    if old.check is None:
        return False
    if new.check is None:
        return True
    was, now = getattr(old.check, "relation", None), getattr(new.check, "relation", None)
    if isinstance(was, Relation) and isinstance(now, ExpressionError):
        return True
    if not (isinstance(was, Relation) and isinstance(now, Relation)):
        return False
    a, b = _bound(was), _bound(now)
    if a is None or b is None or a[0] != b[0]:
        return not was.symbols <= now.symbols
    up, down = {">", ">="}, {"<", "<="}
    strict_loss = a[1] in ("<", ">") and b[1] in ("<=", ">=") and a[2] == b[2]
    if b[1] == "=":
        return not _admits(a[1], b[2], a[2])
    if a[1] == "!=":
        return _admits(b[1], a[2], b[2])
    if a[1] in up and b[1] in up:
        return b[2].value < a[2].value or strict_loss
    if a[1] in down and b[1] in down:
        return b[2].value > a[2].value or strict_loss
    return True


def _admits(op: str, value: Number, bound: Number) -> bool:
    tests = {
        "<": value.value < bound.value,
        "<=": value.value <= bound.value,
        ">": value.value > bound.value,
        ">=": value.value >= bound.value,
        "=": value.value == bound.value,
        "!=": value.value != bound.value,
    }
    return tests[op]


def _tightened(plan: Plan, edit: Tighten) -> list[Item]:
    old = _own(plan, edit.item.id, "tighten")
    if old.kind == "S":
        raise EditError(f"cannot tighten {old.id}: only constraints and invariants are tightened; use replace")
    if _weakens(old, edit.item):
        raise EditError(f"{edit.item.id} would ask for less than before; use replace to change it")
    return [_unlocked(edit.item) if item.id == old.id else item for item in plan.items]


def _changed(plan: Plan, edit: SimpleEdit) -> list[Item]:
    items = list(plan.items)
    if isinstance(edit, Replace):
        old = _own(plan, edit.item.id, "replace")
        items[plan.positions[old.id]] = _unlocked(edit.item)
    elif isinstance(edit, Insert):
        if edit.item.id in plan:
            raise EditError(f"cannot insert {edit.item.id}: the plan already has it")
        items.insert(_index(plan, edit.where, edit.anchor, items), _unlocked(edit.item))
    elif isinstance(edit, Delete):
        items.remove(_own(plan, edit.id, "delete"))
    elif isinstance(edit, Move):
        if edit.id not in plan:
            raise EditError(f"cannot move {edit.id}: it is not in the plan")
        if edit.anchor == edit.id:
            raise EditError(f"cannot move {edit.id} relative to itself")
        item = plan[edit.id]
        items.remove(item)
        items.insert(_index(plan, edit.where, edit.anchor, items), item)
    elif isinstance(edit, Tighten):
        items = _tightened(plan, edit)
    else:
        old = _own(plan, edit.id, "change the needs of")
        fresh = Item(**{**dict(old), "needs": edit.needs, "source": edit.source})
        items[plan.positions[old.id]] = fresh
    return items


def _apply_one(plan: Plan, edit: SimpleEdit) -> Plan:
    try:
        changed = plan.with_items(_changed(plan, edit))
    except ValidationError as error:
        raise EditError(f"the edit makes no valid plan: {error.errors()[0]['msg']}") from error
    if not isinstance(edit, Delete | Move):
        old = cyclic_groups(plan)
        for group in cyclic_groups(changed):
            if not any(group <= known for known in old):
                raise EditError(f"the edit makes a cycle of needs: {', '.join(sorted(group))}")
    return changed


def apply(plan: Plan, edit: Edit) -> Plan:
    """The plan after the edit.

    Raises:
        EditError: The edit does not fit the plan (unknown id or anchor, locked item, cycle of needs, ...).
    """
    for part in parts(edit):
        plan = _apply_one(plan, part)
    return plan


def _place(plan: Plan, item_id: str) -> str | None:
    """The id that follows an item, which is the anchor that puts it back."""
    index = plan.positions[item_id] + 1
    return plan.items[index].id if index < len(plan.items) else None


def _invert_one(plan: Plan, edit: SimpleEdit) -> SimpleEdit:
    if isinstance(edit, Replace | Tighten):
        return Replace(item=plan[edit.item.id])
    if isinstance(edit, Insert):
        return Delete(id=edit.item.id)
    if isinstance(edit, Delete):
        return Insert(item=plan[edit.id], anchor=_place(plan, edit.id))
    if isinstance(edit, Move):
        return Move(id=edit.id, anchor=_place(plan, edit.id))
    old = plan[edit.id]
    return SetNeeds(id=edit.id, needs=old.needs, source=old.source)


def invert(plan: Plan, edit: Edit) -> Edit:
    """The edit that takes ``apply(plan, edit)`` back to ``plan``.

    Raises:
        EditError: The edit does not fit the plan.
    """
    back: list[SimpleEdit] = []
    for part in parts(edit):
        after = _apply_one(plan, part)
        back.append(_invert_one(plan, part))
        plan = after
    return back[0] if len(back) == 1 else Compound(edits=tuple(reversed(back)))
