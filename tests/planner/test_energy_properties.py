"""What the energy promises: no reward for asking less, no price on progress; each with its stated exceptions."""

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from planneal.planner.edits import Delete, Insert, apply
from planneal.planner.energy import Anchor, EnergyModel
from planneal.planner.graph import cyclic_groups, links
from planneal.planner.plan import Item
from planneal.planner.verdicts import Verdict
from planneal.verifiers.structure import StructureVerifier
from planner_fakes import TASK, Scores, chance, plan_of, run
from planner_strategies import BOUNDS, SYMBOLS, connected_plans, examples

SLACK = 1e-9


class Facts(Scores):
    """An exact judge of each item by its content alone: some fail, hard ones too."""

    def verdict(self, plan, item_id, draw):
        if item_id in plan and chance("fails", plan[item_id]) < 0.3:
            return Verdict(outcome="fail", score=self.score(plan[item_id], draw))
        return super().verdict(plan, item_id, draw)


def judges(seed=0):
    """The structure verifier and three synthetic ones whose verdict on an item depends on nothing but that item."""
    return (
        StructureVerifier(),
        Facts(lambda item, draw: chance("a", seed, item.id, item.check), "facts"),
        Scores(lambda item, draw: float(chance("b", seed, item.id, item.check) < 0.8), "all_or_nothing"),
        Scores(lambda item, draw: 1.0, "content"),
    )


def energy_of(plan, anchor=None, verifiers=None, model=None):
    verifiers = judges() if verifiers is None else verifiers
    found = [run(verifier.assess(TASK, plan)) for verifier in verifiers]
    return (model or EnergyModel())(plan, found, anchor or Anchor.of(plan), frozenset({"structure", "facts"}))


def is_rival(plan, item_id):
    """Whether what this item determines, another one determines too."""
    structure = links(plan)
    for symbol in structure.definers.keys() | structure.equations.keys():
        definers, equations = structure.definers.get(symbol, ()), structure.equations.get(symbol, ())
        givers = {*definers, *equations}
        if item_id in givers and len(givers) > 1 and (item_id in definers or not definers):
            return True
    return False


def deletable(plan):
    """Own items of which the deletion must never pay."""
    circles = {member for group in cyclic_groups(plan) for member in group}
    own = [item.id for item in plan.items if not item.locked]
    return [item_id for item_id in own if item_id not in circles and not is_rival(plan, item_id)]


@given(connected_plans(), st.integers(0, 9), st.integers(0, 2), st.integers(0, 2), st.sampled_from([0.5, 0.9, 0.99]))
@examples(120)
def test_deleting_an_own_item_never_lowers_the_energy(plan, seed, more, further, discount):
    """Unless it is a rival, in a circle of needs, or in excess of the draft (see the tests below)."""
    verifiers, model = judges(seed), EnergyModel(discount=discount)
    own = Anchor.of(plan)
    anchor = Anchor(own.subgoals + more, own.constraints + further)
    before = energy_of(plan, anchor, verifiers, model).total
    for item_id in deletable(plan):
        after = energy_of(apply(plan, Delete(id=item_id)), anchor, verifiers, model).total
        assert after >= before - SLACK, (item_id, str(plan))


def test_deleting_what_the_goal_rests_on_costs():
    """The property above is not empty: along the way to the goal every deletion raises the energy."""
    plan = plan_of("C1!: [wigs > 0]", "S1: [nuts = 4]", "S2: [wigs = nuts + 3] <- S1")
    assert deletable(plan) == ["S1", "S2"]
    before = energy_of(plan, verifiers=(StructureVerifier(),)).total
    for item_id in ("S1", "S2"):
        after = energy_of(apply(plan, Delete(id=item_id)), Anchor.of(plan), (StructureVerifier(),)).total
        assert after > before + 0.1


def test_a_circle_of_definitions_is_not_worth_breaking_by_deletion():
    """Longer circles than random plans come upon: whichever member goes, the goal is no better off."""
    ring = plan_of("S1: [wigs = nuts + 1]", "S2: [nuts = bolts + 1]", "S3: [bolts = pegs + 1]", "S4: [pegs = wigs + 1]")
    before = energy_of(ring).total
    for item_id in deletable(ring):
        assert energy_of(apply(ring, Delete(id=item_id)), Anchor.of(ring)).total >= before - SLACK
    assert deletable(ring) == list(ring.by_id)


EXCEPTIONS = {
    "one of two definitions, the wrong one": (
        plan_of("S1: good [wigs = 4]", "S2: score 0 [wigs = 5]"),
        "S2",
        None,
    ),
    "a definition of what an equation determines": (
        plan_of("S1: [wigs + nuts = 4]", "S2: [nuts = 1]", "S3: score 0 [wigs = 5]"),
        "S3",
        None,
    ),
    "one of two equations": (
        plan_of("S1: [2 * wigs = 4]", "S2: score 0 [3 * wigs = 6]"),
        "S2",
        None,
    ),
    "a member of a circle of needs": (plan_of("S1: [wigs = nuts] <- S2", "S2: [nuts = 4] <- S1"), "S2", None),
    "a failing constraint in excess of the draft": (
        plan_of("S1: [wigs = 4]", "C1: score 0 [wigs > 0]"),
        "C1",
        Anchor(1, 0),
    ),
    "a failing subgoal in excess of the draft, without a target": (
        plan_of("S1: a", "S2: score 0 b", goal="be wise"),
        "S2",
        Anchor(1, 0),
    ),
}


def written_first(item, draw):
    return 0.0 if item.text.startswith("score 0") else 1.0


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_the_exceptions_are_what_the_module_says(name):
    plan, item_id, anchor = EXCEPTIONS[name]
    verifiers = (StructureVerifier(), Scores(written_first))
    anchor = anchor or Anchor.of(plan)
    before = energy_of(plan, anchor, verifiers).total
    assert energy_of(apply(plan, Delete(id=item_id)), anchor, verifiers).total < before
    if anchor == Anchor.of(plan):
        assert item_id not in deletable(plan)


@st.composite
def definitions(draw, plan):
    """A subgoal that defines a symbol which the plan uses and nothing determines, and a place for it."""
    structure = links(plan)
    used = {symbol for item in plan.items for symbol in item.uses} | set(("a", "b")[: 1 + ("b" in (plan.target or ""))])
    open_symbols = sorted(used - structure.definers.keys() - structure.equations.keys())
    assume(open_symbols)
    symbol = draw(st.sampled_from(open_symbols))
    others = st.sampled_from([*SYMBOLS, "new", "newer"])
    body = draw(st.sampled_from(["7", "{0} + 1", "{0} * {1}", "{0} + {1} + {2} + {3} + {4} + 2"]))
    check = f"{symbol} = " + body.format(*(draw(others) for _ in range(5)))
    assume(symbol not in check.split("=", 1)[1])
    item = Item(id=plan.fresh_id("S"), check=check)
    return Insert(item=item, anchor=draw(st.none() | st.sampled_from([None, *plan.by_id])))


@given(st.data(), st.integers(0, 9), st.sampled_from([0.5, 0.9, 0.99]))
@examples(150)
def test_defining_what_is_missing_never_raises_the_energy(data, seed, discount):
    """Even where the definition fails, lacks symbols of its own, or stands in the wrong place."""
    plan = data.draw(connected_plans(targets=("a", "a + b")))
    edit = data.draw(definitions(plan))
    verifiers, model, anchor = judges(seed), EnergyModel(discount=discount), Anchor.of(plan)
    before = energy_of(plan, anchor, verifiers, model).total
    assert energy_of(apply(plan, edit), anchor, verifiers, model).total <= before + SLACK


def test_defining_makes_strict_progress():
    """Step by step towards a goal, each definition bringing the next hole."""
    lines = ["S4: [nuts = 3]", "S3: [pegs = nuts + 1]", "S2: [bolts = 2 * pegs]", "S1: [wigs = bolts - 1]"]
    plans = [plan_of(*lines[i:]) for i in range(len(lines), -1, -1)]
    totals = [energy_of(plan, Anchor(1, 0), (StructureVerifier(),)).total for plan in plans]
    assert all(later < earlier - 0.01 for earlier, later in itertools.pairwise(totals))
    # Even written behind its reader, and with needs not listed, the last one is progress, but less of it.
    behind = energy_of(plan_of(*lines[1:], lines[0]), Anchor(1, 0), (StructureVerifier(),)).total
    assert totals[-1] < behind < totals[-2]


def test_without_a_target_a_definition_adds_what_it_costs():
    """The stated exception of the property above."""
    plan = plan_of("S1: [wigs = nuts + 1]", goal="be wise")
    verifiers = (StructureVerifier(), Scores(written_first))
    before = energy_of(plan, verifiers=verifiers).total
    nuts = [Item(id="S2", text=text, check="nuts = 4") for text in ("score 0", "fine")]
    costs = [energy_of(apply(plan, Insert(item=item, anchor="S1")), None, verifiers) for item in nuts]
    assert costs[0].terms["scores"].value > costs[1].terms["scores"].value == 0.0
    assert costs[0].total > before


@given(connected_plans(), st.integers(0, 9), st.lists(st.sampled_from(BOUNDS[:3]), min_size=1, max_size=4))
@examples(80)
def test_constraints_that_pass_do_not_dilute_one_that_fails(plan, seed, shapes):
    verifiers = (Facts(lambda item, draw: chance("a", seed, item.id, item.check) if item.id in plan else 1.0, "facts"),)
    before = energy_of(plan, None, verifiers)
    fuller = plan
    for number, shape in enumerate(shapes, start=90):  # far from the ids that plans may need without having them
        item = Item(id=f"C{number}", text="easy", check=shape.format("a", "a"))
        fuller = apply(fuller, Insert(item=item))
    after = energy_of(fuller, Anchor.of(plan), verifiers)
    assert after.terms["facts"].own >= before.terms["facts"].own - SLACK
    assert after.total >= before.total - SLACK
    if Anchor.of(plan).constraints:
        assert after.terms["facts"].own == pytest.approx(before.terms["facts"].own)


def test_an_empty_slot_of_the_draft_costs_as_much_as_a_failing_constraint():
    plan = plan_of("S1: [wigs = 4]", "C1: score 0 [wigs > 0]", "C2: fine [wigs < 9]")
    verifiers = (Scores(written_first),)
    own = [
        energy_of(p, Anchor.of(plan), verifiers).terms["scores"].own
        for p in (plan, apply(plan, Delete(id="C1")), apply(plan, Delete(id="C2")))
    ]
    assert own == [0.5, 0.5, 1.0]


@given(connected_plans(), st.randoms(use_true_random=False), st.integers(0, 9))
@examples(100)
def test_the_order_of_items_is_a_matter_for_verifiers_alone(plan, random, seed):
    """Circles included: where the walk through the dependencies starts makes no difference."""
    shuffled = list(plan.items)
    random.shuffle(shuffled)
    verifiers = judges(seed)[1:]
    assert energy_of(plan.with_items(shuffled), None, verifiers) == energy_of(plan, None, verifiers)


@given(connected_plans(), st.integers(0, 9))
@examples(60)
def test_a_worse_score_never_helps(plan, seed):
    base = Scores(lambda item, draw: chance("a", seed, item.id, item.check), "s")
    before = energy_of(plan, None, (base,)).total
    for victim in plan.by_id:
        worse = Scores(lambda item, draw, v=victim: base.score(item, draw) * (item.id != v), "s")
        assert energy_of(plan, None, (worse,)).total >= before - SLACK
