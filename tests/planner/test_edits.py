"""Edits are pure, have inverses, keep ids and never touch what the task locked."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.edits import Compound, Delete, Insert, Move, Replace, SetNeeds, Tighten, apply, invert, touched
from planneal.planner.errors import EditError
from planneal.planner.graph import cyclic_groups
from planneal.planner.notation import parse_edit, parse_plan
from planneal.planner.plan import MAX_ITEMS, Item, Plan
from planner_strategies import PLAIN, edits, examples, fitting_edits, plans, try_apply


@given(st.data())
@examples(120)
def test_every_edit_that_fits_has_an_inverse(data):
    plan = data.draw(plans(least=2, acyclic=True, words=PLAIN))
    edit = data.draw(fitting_edits(plan))
    if edit is None:
        return
    after = apply(plan, edit)
    back = invert(plan, edit)
    assert apply(after, back) == plan
    assert apply(after, back).hash == plan.hash
    assert apply(plan, invert(after, back)) == after


@given(st.data())
@examples(80)
def test_edits_change_nothing_they_are_given(data):
    plan = data.draw(plans())
    edit = data.draw(edits(plan, locked=None))
    before, said = plan.model_dump_json(), edit.model_dump_json()
    try_apply(plan, edit)
    assert plan.model_dump_json() == before
    assert edit.model_dump_json() == said
    assert plan.hash == Plan.model_validate_json(before).hash


@given(st.data())
@examples(80)
def test_edits_touch_what_they_say_and_keep_all_other_ids(data):
    plan = data.draw(plans(least=2, words=PLAIN))
    edit = data.draw(fitting_edits(plan))
    if edit is None:
        return
    after = apply(plan, edit)
    for item_id in plan.by_id.keys() - set(touched(edit)):
        assert after[item_id] == plan[item_id]
    assert after.by_id.keys() - plan.by_id.keys() <= set(touched(edit))
    kept = [item.id for item in plan.items if item.id not in touched(edit)]
    assert [item.id for item in after.items if item.id in kept] == kept


@given(st.data())
@examples(50)
def test_locked_items_are_never_lost_and_nothing_is_ever_locked(data):
    plan = data.draw(plans(least=2, words=PLAIN))
    hard = {item.id: item for item in plan.locked}
    for _ in range(8):
        after = try_apply(plan, data.draw(edits(plan, locked=None, words=PLAIN)))
        plan = plan if after is None else after
        assert {item.id: item for item in plan.locked} == hard


@given(st.data())
@examples(50)
def test_no_edit_makes_a_circle_of_needs(data):
    plan = data.draw(plans(least=2, acyclic=True, words=PLAIN))
    for _ in range(6):
        after = try_apply(plan, data.draw(edits(plan, words=PLAIN)))
        plan = plan if after is None else after
    assert cyclic_groups(plan) == ()


@given(plans())
@examples(60)
def test_equal_plans_have_equal_hashes_and_others_do_not(plan):
    same = Plan.model_validate(plan.model_dump())
    assert same == plan
    assert hash(same) == hash(plan)
    assert same.hash == plan.hash
    if plan.items:
        assert plan.with_items(plan.items[1:]).hash != plan.hash
    assert plan.model_copy(update={"goal": plan.goal + "x"}).hash != plan.hash


def test_breaking_a_circle_cannot_be_undone():
    """The one exception to inverses, as the module says."""
    plan = parse_plan("goal: g\nS1: a <- S2\nS2: b <- S1")
    for line in ("needs S1:", "delete S2", "replace S1: c"):
        edit = parse_edit(line)
        after = apply(plan, edit)
        with pytest.raises(EditError, match="cycle"):
            apply(after, invert(plan, edit))
    moved = parse_edit("move S2 before S1")
    assert apply(apply(plan, moved), invert(plan, moved)) == plan


PLAN = parse_plan("goal: g\nC1!: [x > 0]\nC2: [x > 0]\nS1: a\nS2: b <- S1\nS3: c")


@pytest.mark.parametrize(
    ("line", "ids"),
    [
        ("move S3 before S1", "C1 C2 S3 S1 S2"),
        ("move C1 after S3", "C2 S1 S2 S3 C1"),
        ("move S1", "C1 C2 S2 S3 S1"),
        ("insert S4 after S1: d", "C1 C2 S1 S4 S2 S3"),
        ("insert S4 before C1: d", "S4 C1 C2 S1 S2 S3"),
        ("insert S4: d", "C1 C2 S1 S2 S3 S4"),
        ("delete S2", "C1 C2 S1 S3"),
        ("replace S2: [x = 1]", "C1 C2 S1 S2 S3"),
    ],
)
def test_places(line, ids):
    assert list(apply(PLAN, parse_edit(line)).by_id) == ids.split()


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ("replace C1: [x > 5]", "locked"),
        ("delete C1", "locked"),
        ("tighten C1: [x > 5]", "locked"),
        ("needs C1: S1", "locked"),
        ("delete S9", "not in the plan"),
        ("replace S9: a", "not in the plan"),
        ("needs S9: S1", "not in the plan"),
        ("move S9 before S1", "not in the plan"),
        ("move S1 before S9", "anchor S9"),
        ("move S1 before S1", "itself"),
        ("insert S9 after S8: a", "anchor S8"),
        ("insert S1: a", "already"),
        ("insert S9: a <- S9", "cycle"),
        ("needs S1: S2", "cycle"),
        ("replace S1: a <- S2", "cycle"),
        ("tighten S1: [x > 1]", "only constraints"),
        ("tighten C2: [x > -1]", "less"),
        (Insert(item=Item(id="C9", text="a", locked=True)), "cannot lock"),
        (Replace(item=Item(id="S1", text="a", locked=True)), "cannot lock"),
        (Tighten(item=Item(id="C2", check="x > 1", locked=True)), "cannot lock"),
        (SetNeeds(id="S1", needs=("nonsense",)), "no valid plan"),
        (Compound(edits=(Delete(id="S1"), Delete(id="S1"))), "not in the plan"),
    ],
)
def test_edits_that_do_not_fit_are_told_why(edit, why):
    with pytest.raises(EditError, match=why):
        apply(PLAN, parse_edit(edit) if isinstance(edit, str) else edit)


def test_a_plan_does_not_outgrow_its_limit():
    full = Plan(goal="g", items=[Item(id=f"S{n}", text="a") for n in range(1, MAX_ITEMS + 1)])
    with pytest.raises(EditError, match="no valid plan"):
        apply(full, Insert(item=Item(id="C1", text="b")))


def test_without_an_anchor_there_is_nothing_to_be_after():
    item = Item(id="S9", text="a")
    assert Insert(item=item, where="after") == Insert(item=item)
    assert Move(id="S1", where="after", anchor=None) == Move(id="S1")
    assert Move(id="S1", where="after", anchor="S2") != Move(id="S1", where="before", anchor="S2")


def test_tightening_by_bounds_agrees_with_sets_of_numbers():
    """Against brute force: a bound is stronger iff every number it admits was admitted before."""
    holds = {
        "<": lambda x, v: x < v,
        "<=": lambda x, v: x <= v,
        ">": lambda x, v: x > v,
        ">=": lambda x, v: x >= v,
        "=": lambda x, v: x == v,
        "!=": lambda x, v: x != v,
    }
    grid = [n / 2 for n in range(-8, 9)]
    for old, new in itertools.product(itertools.product(holds, (-1, 0, 2)), repeat=2):
        stronger = all(holds[old[0]](x, old[1]) for x in grid if holds[new[0]](x, new[1]))
        plan = Plan(goal="g", items=[Item(id="C1", check=f"x {old[0]} {old[1]}")])
        edit = Tighten(item=Item(id="C1", check=f"x {new[0]} {new[1]}"))
        assert (try_apply(plan, edit) is not None) == stronger, (old, new)


@pytest.mark.parametrize(
    ("old", "new", "fits"),
    [
        ("x + y > 0", "x + y > 5", True),
        ("x + y > 0", "x > 5", False),
        ("x > 0", "y > 0", False),
        ("x > 0", "x > y", True),
        ("x > 0", "x > > 1", False),
        ("test: f(1) == 1", "test: f(2) == 2", True),
        ("x = = 1", "x > 0", True),
    ],
)
def test_tightening_of_other_checks(old, new, fits):
    plan = Plan(goal="g", items=[Item(id="I1", check=old)])
    assert (try_apply(plan, Tighten(item=Item(id="I1", check=new))) is not None) == fits
    assert try_apply(plan, Tighten(item=Item(id="I1", text="just words"))) is None
