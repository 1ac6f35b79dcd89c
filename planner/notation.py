r"""Notation: plans and edits as lines of text, and back. The grammar is in ``notation.lark``.

::

    goal: how many wigs are there? [wigs]
    C1!: every count is a positive integer [wigs > 0]
    S2: bolts are three more than nuts [bolts = nuts + 3] <- S1 @edit

``parse_plan(format_plan(plan)) == plan`` for every plan. ``!`` marks a locked item and ``@source`` its provenance; both
are left out of prompts (``bare=True``). In texts ``[``, ``]``, ``\`` and ``<-`` are escaped with a
backslash. A check runs from the first free ``[`` to the last ``]`` of the line, so it may hold brackets of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources
from typing import Any, NamedTuple

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken
from pydantic import ValidationError

from .edits import (
    Delete,
    Edit,
    Insert,
    Move,
    Replace,
    SetNeeds,
    SimpleEdit,
    Tighten,
    Where,
    parts,
)
from .errors import NotationError
from .plan import MAX_ITEMS, Item, Plan, Source

_EXAMPLES = {"plan_line": "S2: short text [bolts = nuts + 3] <- S1", "edit_line": "replace S2: [bolts = nuts + 3]"}
_SPECIAL = re.compile(r"\\|\[|\]|<(?=-)|@(?=(?:task|draft|edit)$)")


@lru_cache(maxsize=2)
def _parser(start: str) -> Lark:
    grammar = resources.files(__package__).joinpath("notation.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", start=start, maybe_placeholders=True)


def _tree(line: str, number: int, start: str) -> Tree[Token]:
    try:
        return _parser(start).parse(line)
    except UnexpectedInput as error:
        ended = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        column = len(line) + 1 if ended else max(1, int(error.column))
        example = _EXAMPLES[start]
        message = f"not plan notation; expected e.g. `{example}`"
        raise NotationError(message, line=number, column=column, source=line) from None


def _escape(text: str) -> str:
    return _SPECIAL.sub(lambda match: "\\" + match.group(), text)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


class _Body(NamedTuple):
    text: str
    check: str | None
    needs: tuple[str, ...]
    source: Source | None
    columns: dict[str, int]


def _tokens(tree: Tree[Token]) -> dict[str, str]:
    return {child.type: str(child) for child in tree.children if isinstance(child, Token)}


def _ids(tree: Tree[Token]) -> tuple[str, ...]:
    for child in tree.children:
        if isinstance(child, Tree) and child.data == "ids":
            return tuple(str(token) for token in child.children)
    return ()


def _source(tokens: dict[str, str]) -> Source | None:
    return tokens["SOURCE"].strip()[1:] if "SOURCE" in tokens else None  # type: ignore[return-value]


def _columns(tree: Tree[Token]) -> dict[str, int]:
    """One-based columns of the text and the check, under the names of the fields that they become."""
    fields = {"TEXT": "text", "CHECK": "check"}
    return {fields[c.type]: c.column or 1 for c in tree.children if isinstance(c, Token) and c.type in fields}


def _body(tree: Tree[Token]) -> _Body:
    body = next(child for child in tree.children if isinstance(child, Tree) and child.data == "body")
    tokens = _tokens(body)
    check = tokens["CHECK"][1:-1] if "CHECK" in tokens else None
    return _Body(_unescape(tokens.get("TEXT", "")), check, _ids(body), _source(tokens), _columns(body))


def _item(item_id: str, body: _Body, *, locked: bool, default: Source, line: str, number: int) -> Item:
    try:
        return Item(
            id=item_id,
            text=body.text,
            check=body.check,  # the validator reads the one-line form
            needs=body.needs,
            locked=locked,
            source=body.source or default,
        )
    except ValidationError as error:
        raise _invalid(error, line, number, body.columns) from None


def _invalid(error: ValidationError, line: str, number: int, columns: dict[str, int]) -> NotationError:
    first = error.errors(include_url=False)[0]
    column = columns.get(str(first["loc"][0]), 1) if first["loc"] else 1
    return NotationError(str(first["msg"]).removeprefix("Value error, "), line=number, column=column, source=line)


def _goal(tree: Tree[Token], line: str, number: int) -> tuple[str, str | None]:
    tokens, columns = _tokens(tree), _columns(tree)
    text = _unescape(tokens.get("TEXT", "")).strip()
    target = tokens["CHECK"][1:-1] if "CHECK" in tokens else None
    try:
        stated = Plan(goal=text or "unstated", target=target)
    except ValidationError as error:
        columns = {"goal": columns.get("text", 1), "target": columns.get("check", 1)}
        raise _invalid(error, line, number, columns) from None
    return stated.goal if text else "", stated.target


def _item_of(tree: Tree[Token], source: Source, line: str, number: int) -> Item:
    tokens = _tokens(tree)
    locked = "BANG" in tokens
    default: Source = "task" if locked else source
    return _item(tokens["ID"], _body(tree), locked=locked, default=default, line=line, number=number)


def parse_item(line: str, *, source: Source = "draft", number: int = 1) -> Item:
    """Reads one item line.

    Raises:
        NotationError: The line is not an item.
    """
    tree = _tree(line, number, "plan_line")
    if tree.data != "item":
        raise NotationError("a goal line where an item was expected", line=number, source=line)
    return _item_of(tree, source, line, number)


class Draft(NamedTuple):
    """What could be read of a drafted plan.

    Attributes:
        plan: The plan of all lines that parse.
        skipped: One error per line that does not, so that nothing is dropped in silence.
    """

    plan: Plan
    skipped: tuple[NotationError, ...]


class _Read(NamedTuple):
    goal: str
    target: str | None
    items: dict[str, tuple[int, str, Item]]
    errors: list[NotationError]


def _read(text: str, *, strict: bool) -> _Read:
    """Every line on its own: what it says, or its error (which is raised where ``strict``)."""
    goal: tuple[str, str | None] | None = None
    items: dict[str, tuple[int, str, Item]] = {}
    errors: list[NotationError] = []
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.rstrip("\r")
        if not line.strip(" \t\r"):
            continue
        try:
            tree = _tree(line, number, "plan_line")
            if tree.data == "goal":
                if goal is not None:
                    raise NotationError("a second goal line", line=number, source=line)
                goal = _goal(tree, line, number)
                continue
            item = _item_of(tree, "draft", line, number)
            if item.id in items:
                raise NotationError(f"{item.id} occurs twice", line=number, source=line)
            items[item.id] = number, line, item
        except NotationError as error:
            if strict:
                raise
            errors.append(error)
    read_goal, read_target = goal or ("", None)
    return _Read(read_goal, read_target, items, errors)


def _too_many(number: int, line: str) -> NotationError:
    return NotationError(f"a plan has at most {MAX_ITEMS} items", line=number, source=line)


def parse_plan(text: str) -> Plan:
    """Reads a whole plan, strictly: the inverse of :func:`format_plan`.

    Raises:
        NotationError: Some line does not parse (its number and column are named), or there is no goal.
    """
    read = _read(text, strict=True)
    if not read.goal:
        raise NotationError("no goal line; start with `goal: what is to be found`")
    for number, line, _ in list(read.items.values())[MAX_ITEMS:]:
        raise _too_many(number, line)
    return Plan(goal=read.goal, target=read.target, items=tuple(item for _, _, item in read.items.values()))


def parse_draft(
    text: str, *, fallback: str, goal: str | None = None, target: str | None = None, locked: Iterable[Item] = ()
) -> Draft:
    """Reads what a language model drafted: every line that parses, and an error for every line that does not.

    Args:
        text: The model's text.
        fallback: The goal where neither task nor draft states one.
        goal: The task's goal; it stands, whatever the draft says.
        target: The task's target; where the task has none, the draft's goal line may name one.
        locked: The task's own items. They come first; drafted lines with their ids are skipped with an error.
    """
    read = _read(text, strict=False)
    items, errors = {item.id: item for item in locked}, list(read.errors)
    taken = frozenset(items)
    for number, line, item in read.items.values():
        if item.locked or item.id in taken:
            errors.append(NotationError(f"{item.id} belongs to the task", line=number, source=line))
        elif len(items) >= MAX_ITEMS:
            errors.append(_too_many(number, line))
        else:
            items[item.id] = item
    errors.sort(key=lambda error: error.line)
    plan = Plan(goal=goal or read.goal or fallback, target=target or read.target, items=tuple(items.values()))
    return Draft(plan, tuple(errors))


def _format_body(item: Item, default: Source | None) -> str:
    pieces = [_escape(item.text)] if item.text else []
    if item.check is not None:
        pieces.append(format_check(item))
    if item.needs:
        pieces.append("<- " + ", ".join(item.needs))
    if default is not None and item.source != default:
        pieces.append(f"@{item.source}")
    return " ".join(pieces)


def format_check(item: Item) -> str:
    """An item's check in its brackets, or nothing."""
    return f"[{item.check}]" if item.check is not None else ""


def format_item(item: Item, *, bare: bool = False) -> str:
    """One item as a line; ``bare`` leaves out lock and provenance, as prompts do."""
    default: Source | None = None if bare else ("task" if item.locked else "draft")
    bang = "!" if item.locked and not bare else ""
    return f"{item.id}{bang}: {_format_body(item, default)}"


def format_plan(plan: Plan, *, bare: bool = False) -> str:
    """The whole plan, goal first, without a trailing newline."""
    goal = f"goal: {_escape(plan.goal)}" + (f" [{plan.target}]" if plan.target else "")
    return "\n".join([goal, *(format_item(item, bare=bare) for item in plan.items)])


def parse_edit(
    line: str, *, plan: Plan | None = None, retired: Iterable[str] = (), number: int = 1
) -> SimpleEdit:
    """Reads one edit line.

    Args:
        line: The line, for instance ``insert S before S3: [nuts = 4]``.
        plan: Needed where an insert leaves the number of its id out: the next free one is taken.
        retired: Ids that were deleted and must not be used again.
        number: Line number for error messages.

    Raises:
        NotationError: The line is not an edit.
    """
    tree = _tree(line, number, "edit_line")
    ids = [str(child) for child in tree.children if isinstance(child, Token) and child.type in ("ID", "KIND")]
    tokens = _tokens(tree)
    where: Where = "after" if tokens.get("WHERE") == "after" else "before"
    anchor = ids[1] if len(ids) > 1 else None
    if tree.data == "delete":
        return Delete(id=ids[0])
    if tree.data == "move":
        return Move(id=ids[0], where=where, anchor=anchor)
    if tree.data == "needs":
        return SetNeeds(id=ids[0], needs=_ids(tree), source=_source(tokens) or "edit")
    item_id = ids[0]
    if len(item_id) == 1:
        if plan is None:
            raise NotationError("an insert without a number needs the plan it is for", line=number, source=line)
        item_id = plan.fresh_id(item_id, retired)  # type: ignore[arg-type]
    item = _item(item_id, _body(tree), locked=False, default="edit", line=line, number=number)
    makers: dict[str, Any] = {"replace": Replace, "tighten": Tighten}
    if tree.data in makers:
        edit: SimpleEdit = makers[tree.data](item=item)
        return edit
    return Insert(item=item, where=where, anchor=anchor)


def _format_simple(edit: SimpleEdit) -> str:
    if isinstance(edit, Delete):
        return f"delete {edit.id}"
    anchor = f" {edit.where} {edit.anchor}" if isinstance(edit, Insert | Move) and edit.anchor else ""
    if isinstance(edit, Move):
        return f"move {edit.id}{anchor}"
    if isinstance(edit, SetNeeds):
        needs = (" " + ", ".join(edit.needs)) if edit.needs else ""
        return f"needs {edit.id}:{needs}" + ("" if edit.source == "edit" else f" @{edit.source}")
    return f"{edit.op} {edit.item.id}{anchor}: {_format_body(edit.item, 'edit')}"


def format_edit(edit: Edit) -> str:
    """An edit as one line; a compound edit as one line per part."""
    return "\n".join(_format_simple(part) for part in parts(edit))


def parse_edits(text: str, *, plan: Plan, retired: Iterable[str] = ()) -> list[SimpleEdit | NotationError]:
    """Reads edit lines as a language model wrote them: for every non-empty line an edit or the error in its place."""
    found: list[SimpleEdit | NotationError] = []
    taken = set(retired)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            edit = parse_edit(line.strip(" \t\r"), plan=plan, retired=taken, number=number)
        except NotationError as error:
            found.append(error)
            continue
        if isinstance(edit, Insert):
            taken.add(edit.item.id)
        found.append(edit)
    return found


__all__ = [
    "Draft",
    "format_edit",
    "format_item",
    "format_plan",
    "parse_draft",
    "parse_edit",
    "parse_edits",
    "parse_item",
    "parse_plan",
]
