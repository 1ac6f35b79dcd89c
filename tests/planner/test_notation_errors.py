"""What is not notation is told with line and column, and nothing else is ever raised."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.errors import NotationError
from planneal.planner.notation import format_plan, parse_draft, parse_edit, parse_edits, parse_item, parse_plan
from planneal.planner.plan import MAX_ITEMS, Item, Plan
from planner_strategies import PIECES, examples, plans

LINES = (*PIECES, "\n", "\t", "\r", "\x00", "S1:", "goal:", "delete", "insert S", "needs S1:", "C1!:")
noise = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(exclude_categories=()), max_size=30),  # control characters and surrogates too
    st.lists(st.sampled_from(LINES), max_size=12).map("".join),
)


@given(noise)
@examples(250)
def test_arbitrary_text_raises_nothing_but_notation_errors(text):
    plan = Plan(goal="g", items=[Item(id="S1", text="a")])
    told = []
    for read in (parse_item, parse_plan, parse_edit, lambda line: parse_edit(line, plan=plan, retired={"S3"})):
        try:
            read(text)
        except NotationError as error:
            told.append(error)
    told += [found for found in parse_edits(text, plan=plan) if isinstance(found, NotationError)]
    assert all(1 <= error.line <= text.count("\n") + 1 and error.column >= 1 for error in told)


@given(noise, plans())
@examples(120)
def test_a_draft_is_read_whatever_it_says(text, plan):
    mixed = text + "\n" + format_plan(plan) + "\n" + text
    draft = parse_draft(mixed, fallback="what to find", locked=plan.locked)
    assert draft.plan.items[: len(plan.locked)] == plan.locked
    assert draft.plan.goal
    assert all(1 <= error.line <= mixed.count("\n") + 1 for error in draft.skipped)
    assert [error.line for error in draft.skipped] == sorted(error.line for error in draft.skipped)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("", 1),
        ("nonsense", 1),
        ("S0: a", 1),
        ("S1 a", 4),
        ("S1: a [b", 7),
        ("S1: a ] b", 7),
        ("S1: a <- x", 10),
        ("S1: a <-", 9),
        ("S1: a <- S1 S2", 13),
        ("S1: [a] b", 9),
        ("S1!!: a", 4),
        ("S1: a\\", 6),
        ("S1: ", 1),
        ("S1: [foo: bar]", 5),
        ("S1: a\x00b", 5),
        (f"S12: {'a' * 501}", 6),
        ("S1: text [  ]", 10),
        ("S1234567: a", 8),
    ],
)
def test_item_errors_name_the_column(line, column):
    with pytest.raises(NotationError) as caught:
        parse_item(line, number=7)
    assert (caught.value.line, caught.value.column) == (7, column)
    assert f"line 7, column {column}" in str(caught.value)


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("", 1),
        ("remove S1", 1),
        ("replace S2", 11),
        ("replace S2: ", 1),
        ("delete", 7),
        ("delete S4: a", 10),
        ("move S4 behind S2", 9),
        ("move S4 before", 15),
        ("insert S2 after: a", 16),
        ("insert Sx: a", 8),
        ("insert S: a", 1),
        ("needs S3 S1", 10),
        ("needs S3: S1,", 14),
        ("tighten C1!: a", 11),
        ("insert S9: [: ]", 12),
    ],
)
def test_edit_errors_name_the_column(line, column):
    if line == "insert S9: [: ]":
        assert parse_edit(line).item.check.text == ":"  # kept, so that a verifier can say it is malformed
        return
    with pytest.raises(NotationError) as caught:
        parse_edit(line, number=3)
    assert (caught.value.line, caught.value.column) == (3, column)


def test_a_plan_names_the_line_that_does_not_parse():
    for text, line in [
        ("goal: g\nS1: a\nS1: b", 3),
        ("goal: g\n\ngoal: h", 3),
        ("S1: a\nS2", 2),
        ("goal: g\nS1: a\n\nS2: [x: y]", 4),
        ("goal: [" + "x" * 501 + "]", 1),
        ("S1: a", 1),
    ]:
        with pytest.raises(NotationError) as caught:
            parse_plan(text)
        assert caught.value.line == line


def test_a_bad_goal_line_costs_the_draft_nothing_else():
    draft = parse_draft(f"goal: h [{'x' * 501}]\nS1: a\nS1: b\nwell\nC1!: c", fallback="f", goal="g", target="wigs")
    assert draft.plan == Plan(goal="g", target="wigs", items=[Item(id="S1", text="a")])
    assert [error.line for error in draft.skipped] == [1, 3, 4, 5]
    assert parse_draft("S1: a", fallback="f").plan.goal == "f"
    assert parse_draft("goal: h [x]\nS1: a", fallback="f").plan == parse_plan("goal: h [x]\nS1: a")


def test_a_draft_that_is_too_long_is_cut_not_lost():
    lines = "\n".join(f"S{n}: a" for n in range(1, MAX_ITEMS + 5))
    locked = (Item(id="C1", text="c", locked=True, source="task"),)
    draft = parse_draft(lines, fallback="f", locked=locked)
    assert len(draft.plan.items) == MAX_ITEMS
    assert [error.line for error in draft.skipped] == list(range(MAX_ITEMS, MAX_ITEMS + 5))
    with pytest.raises(NotationError, match="at most") as caught:
        parse_plan("goal: g\n" + lines)
    assert caught.value.line == MAX_ITEMS + 2


def test_numbers_run_out_in_an_orderly_way():
    plan = Plan(goal="g", items=[Item(id="S999999", text="a")])
    with pytest.raises(NotationError):
        parse_edit("insert S: b", plan=plan)
