"""Every plan and every edit survives being written down and read again."""

from typing import ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner import checks
from planneal.planner.checks import Check, RelationCheck, register_check
from planneal.planner.edits import parts
from planneal.planner.errors import ConfigError
from planneal.planner.notation import (
    format_edit,
    format_item,
    format_plan,
    parse_draft,
    parse_edit,
    parse_edits,
    parse_item,
    parse_plan,
)
from planneal.planner.plan import Item, Plan
from planner_strategies import PLAIN, edits, examples, fitting_edits, ids, items, plans, said, small_ids


@given(plans(of=ids | small_ids))
@examples(120)
def test_any_plan_is_read_back_as_it_was(plan):
    again = parse_plan(format_plan(plan))
    assert again == plan
    assert again.hash == plan.hash
    assert [item.id for item in again.items] == [item.id for item in plan.items]


@given(items())
@examples(100)
def test_any_item_is_read_back_as_it_was(item):
    assert parse_item(format_item(item)) == item


@given(items(locked=False), st.sampled_from(["- ", "* ", "•  ", "  "]))
@examples(60)
def test_bullets_and_indents_do_not_matter(item, before):
    assert parse_item(before + format_item(item)) == item


@given(plans())
@examples(100)
def test_bare_lines_leave_out_lock_and_provenance_only(plan):
    again = parse_plan(format_plan(plan, bare=True))
    assert again == plan.with_items(i.model_copy(update={"locked": False, "source": "draft"}) for i in plan.items)


@given(plans())
@examples(60)
def test_windows_line_ends_and_empty_lines_do_not_matter(plan):
    assert parse_plan(format_plan(plan).replace("\n", "\r\n\r\n") + "\r\n") == plan


@given(st.data())
@examples(120)
def test_any_edit_is_read_back_as_it_was(data):
    plan = data.draw(plans())
    edit = data.draw(edits(plan))
    assert parse_edit(format_edit(edit)) == edit


@given(st.data())
@examples(80)
def test_a_compound_edit_is_one_line_per_part(data):
    plan = data.draw(plans(least=2, words=PLAIN))
    edit = data.draw(fitting_edits(plan))
    if edit is not None:
        assert tuple(parse_edits(format_edit(edit), plan=plan)) == parts(edit)


@given(plans(), said, st.none() | st.just("bolts"))
@examples(80)
def test_a_draft_keeps_every_line_and_the_tasks_own_items_first(plan, goal, target):
    own = [item for item in plan.items if not item.locked]
    draft = parse_draft(format_plan(plan), fallback="f", goal=goal, target=target, locked=plan.locked)
    assert draft.plan == Plan(goal=goal, target=target or plan.target, items=[*plan.locked, *own])
    assert len(draft.skipped) == len(plan.locked)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a [b] c", r"S1: a \[b\] c"),
        ("a\\", "S1: a\\\\"),
        ("x <- S1", r"S1: x \<- S1"),
        ("sent @edit", r"S1: sent \@edit"),
        ("a @edit b", "S1: a @edit b"),
        ("me@draft", r"S1: me\@draft"),
        ("a < b", "S1: a < b"),
    ],
)
def test_what_notation_means_is_escaped_in_texts(text, line):
    assert format_item(Item(id="S1", text=text)) == line
    assert parse_item(line).text == text


@pytest.mark.parametrize("check", ["x] <- S1 [y", "test: f([]) == [[1], ']']", "call: f(x=$S1.id, y=[2])", "|a] b["])
def test_a_check_may_hold_brackets(check):
    item = Item(id="S2", text="t", check=check, needs=("S1",), source="edit")
    assert str(item.check) == check
    assert parse_item(format_item(item)) == item


def test_provenance_and_lock_defaults():
    assert parse_item("C1!: a").source == "task"
    assert parse_item("C1: a").source == "draft"
    assert parse_item("C1!: a @edit").source == "edit"
    assert format_item(Item(id="C1", text="a", locked=True, source="task")) == "C1!: a"
    assert parse_edit("insert S9: a").item.source == "edit"


def test_an_insert_may_leave_its_number_out():
    plan = parse_plan("goal: g\nS4: a\nC7: b")
    assert parse_edit("insert S before S4: c", plan=plan).item.id == "S5"
    assert parse_edit("insert S: c", plan=plan, retired={"S11", "C20"}).item.id == "S12"
    both = parse_edits("insert S: c\ninsert S: d\ninsert C after C7: e", plan=plan)
    assert [edit.item.id for edit in both] == ["S5", "S6", "C8"]


@pytest.fixture
def _registry():
    kept = dict(checks._KINDS)
    yield
    checks._KINDS.clear()
    checks._KINDS.update(kept)


@pytest.mark.usefixtures("_registry")
def test_registered_check_kinds_are_read_back_too():
    @register_check
    class RegexCheck(Check):
        prefix: ClassVar[str] = "regex:"
        kind: Literal["regex"] = "regex"

    item = Item(id="I1", check="regex: ^[a-z]+$")
    assert isinstance(item.check, RegexCheck)
    assert parse_item(format_item(item)) == item
    with pytest.raises(ConfigError, match="already"):
        register_check(type("Other", (RegexCheck,), {}))
    with pytest.raises(ConfigError, match="prefix"):
        register_check(RelationCheck)
