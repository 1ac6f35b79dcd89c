"""The energy's arithmetic: terms, penalties, abstentions, numbers that are none, circles and depth."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.energy import (
    MISSING_NEED_PRICE,
    OUT_OF_ORDER_PRICE,
    Anchor,
    EnergyModel,
    difference,
    least_difference,
)
from planneal.planner.graph import links
from planneal.planner.plan import MAX_ITEMS, Item, Plan
from planneal.planner.verdicts import Assessment, Verdict
from planneal.planner.witnesses import GOAL, LockedChanged, MissingNeed, OutOfOrder
from planneal.verifiers.structure import StructureVerifier
from planner_fakes import TASK, plan_of, run
from planner_strategies import connected_plans, examples
from pydantic import ValidationError

FIVE = ("v0", "v1", "v2", "v3", "v4")


def assessed(plan, costs, name="v", fails=(), abstained=None):
    """An assessment with the given costs by id; 0 for all others."""
    verdicts = {
        i: Verdict(outcome="fail" if i in fails else "pass", score=1 - costs.get(i, 0.0)) for i in (*plan.by_id, GOAL)
    }
    return Assessment(verifier=name, plan_hash=plan.hash, verdicts=verdicts, abstained=abstained)


def total(plan, costs, anchor=None, **parts):
    return EnergyModel(**parts)(plan, [assessed(plan, costs)], anchor or Anchor.of(plan), frozenset()).total


CHAIN = plan_of("S1: [nuts = 4]", "S2: [wigs = nuts + 3] <- S1")


@pytest.mark.parametrize(
    ("costs", "expected"),
    [
        ({}, 0.0),
        ({"S2": 1.0}, 0.9),
        ({"S1": 1.0}, 0.81),
        ({"S1": 0.5}, 0.405),
        ({"S1": 0.5, "S2": 0.5}, 0.9 * (1 - 0.5 * (1 - 0.45))),
        ({GOAL: 0.25}, 0.25),
        ({GOAL: 1.0, "S1": 1.0}, 1.0),
    ],
)
def test_costs_flow_up_to_the_goal(costs, expected):
    assert total(CHAIN, costs) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((), 0.9),  # nothing defines the goal
        (("S1: [wigs = 2]",), 0.0),
        (("S1: [wigs = nuts]",), 0.81),
        (("S1: [wigs = nuts + bolts]", "S2: [nuts = 1]"), 0.405),
        (("S1: [wigs = 2] <- S7",), 0.81),
        (("S1: call it [call: get(id=$S4.id)]", "S2: [wigs = 1] <- S1"), 0.729),
        (("S1: [wigs + 1 = 4]",), 0.0),  # an equation determines its only unknown
        (("S1: [wigs + nuts = 4]",), 0.81),  # but not two
        (("S1: [wigs + nuts = 4]", "S2: [wigs - nuts = 2]"), 0.0),  # two equations do
        (("S1: [wigs = nuts]", "S2: [nuts = wigs]"), 0.729),  # a circle is unrolled once per member, then it is a hole
        (("S1: [wigs = nuts]", "S2: [nuts = bolts]", "S3: [bolts = wigs]"), 0.9**4),
    ],
)
def test_holes_cost_as_much_as_failing_items(lines, expected):
    assert total(plan_of(*lines), {}, Anchor(1, 0)) == pytest.approx(expected, abs=1e-12)


def test_the_worst_definition_counts_and_the_best_equation():
    rivals = plan_of("S1: [wigs = 2]", "S2: [wigs = 3]")
    assert total(rivals, {"S1": 0.5}) == pytest.approx(0.45)
    equations = plan_of("S1: [wigs + 1 = 2]", "S2: [wigs + 2 = 3]", "S3: [bolts = wigs]", goal="how many? [bolts]")
    assert total(equations, {"S1": 0.5}) < 0.9 * 0.9 * 0.5


def test_locked_items_and_the_goal_are_demands_of_equal_weight():
    plan = plan_of("C1!: [wigs > 0]", "C2!: [wigs < 9]", "S1: [wigs = 4]")
    assert total(plan, {"C1": 1.0}) == pytest.approx(1 / 3)
    assert total(plan, {"S1": 1.0}) == pytest.approx(0.9)


def reference(plan, costs, anchor, discount, omega):
    """The formula of the module, written down again for plans without circles, rivals and equations."""
    definers = links(plan).definers

    def cost(item_id):
        item = plan[item_id]
        slots = [cost(definers[s][0]) if s in definers else 1.0 for s in item.uses]
        covered = {definers[s][0] for s in item.uses if s in definers}
        slots += [cost(n) if n in plan else 1.0 for n in item.needs if n not in covered and n != item_id]
        return lift(costs.get(item_id, 0.0), slots)

    def lift(own, slots):
        return 1 - (1 - own) * (1 - discount * (sum(slots) / len(slots) if slots else 0))

    targets = [s for s in ("a", "b") if s in (plan.target or "")]
    goal = lift(costs.get(GOAL, 0.0), [cost(definers[s][0]) if s in definers else 1.0 for s in targets])
    demands = [*(cost(item.id) for item in plan.locked), goal]
    own = [costs.get(i.id, 0.0) for i in plan.items if i.kind != "S" and not i.locked]
    slots = max(anchor.constraints, 1)
    surplus = (sum(own) + max(0, anchor.constraints - len(own))) / slots if own or anchor.constraints else 0
    return sum(demands) / len(demands) + omega * surplus


@given(connected_plans(targets=("a", "a + b")), st.data())
@examples(150)
def test_the_energy_is_what_the_formula_says(plan, data):
    order = {item.id: index for index, item in enumerate(plan.items)}
    kept, defined = [], set()
    for item in plan.items:  # drop what is circular, rival or implicit; the formula alone says nothing of it
        if item.check.determines or (item.kind != "S" and item.check.defines):
            continue
        if item.defines in defined or (item.kind == "S" and any(s not in defined and s < "d" for s in item.uses)):
            continue
        defined.add(item.defines)
        needs = tuple(n for n in item.needs if order.get(n, -1) < order[item.id])
        kept.append(item.model_copy(update={"needs": needs}))
    kept = [i for i in kept if i.kind != "S" or not any(i.defines in k.uses for k in kept if order[k.id] < order[i.id])]
    plan = plan.with_items(kept)
    costs = {i: data.draw(st.sampled_from([0.0, 0.25, 0.5, 1.0])) for i in (*plan.by_id, GOAL)}
    anchor = Anchor(0, data.draw(st.integers(0, 3)))
    discount, omega = data.draw(st.sampled_from([(0.9, 0.25), (0.5, 0.0), (0.99, 1.0)]))
    expected = reference(plan, costs, anchor, discount, omega)
    assert total(plan, costs, anchor, discount=discount, own_weight=omega) == pytest.approx(expected, abs=1e-9)


def test_terms_add_up_and_are_visible():
    plan = plan_of("C1!: [wigs > 0]", "S1: [wigs = 4]", "C2: [wigs < 9]")
    model = EnergyModel(weights={"a": 2.0, "b": 0.0}, hard=7.0, own_weight=0.5)
    found = [
        assessed(plan, {"S1": 0.5, "C2": 0.5}, "a"),
        assessed(plan, {"S1": 1.0}, "b", fails=("S1",)),
        assessed(plan, {"C1": 1.0}, "c", fails=("C1", GOAL)),
        assessed(plan, {"C1": 1.0}, "d", fails=("C1",)),
        assessed(plan, {"C1": 1.0}, "e", fails=("C1",), abstained="late"),
    ]
    energy = model(plan, found, Anchor.of(plan), frozenset("abce"))
    for term in energy.terms.values():
        assert term.abstained or term.value == pytest.approx(term.weight * (term.demands + 0.5 * term.own))
    assert energy.violated == ("C1", GOAL)  # each once, however many say so; a noisy judge's fail is no violation
    assert energy.penalty == 14.0
    assert energy.total == pytest.approx(sum(t.value for t in energy.terms.values()) + 14.0)
    assert energy.terms["b"].value == 0.0
    assert energy.terms["e"].abstained


def test_a_locked_item_that_was_changed_or_lost_is_violated_too():
    plan = plan_of("S1: [wigs = 4]")
    lost = Verdict.failed(LockedChanged(item="C9", missing=True))
    found = Assessment(verifier="v", plan_hash=plan.hash, verdicts={GOAL: lost})
    assert EnergyModel()(plan, [found], Anchor(0, 0), frozenset("v")).violated == ("C9", GOAL)
    assert EnergyModel()(plan, [found], Anchor(0, 0), frozenset()).violated == ()


def test_one_violation_outweighs_everything_soft():
    plan = plan_of("C1!: [wigs > 0]", "S1: [wigs = 4]", "C2: [wigs < 9]")
    exact = frozenset({"v"})
    worst = EnergyModel()(plan, [assessed(plan, dict.fromkeys([*plan.by_id, GOAL], 1.0))], Anchor(1, 1), exact)
    hard = EnergyModel()(plan, [assessed(plan, {}, fails=("C1",))], Anchor(1, 1), exact)
    assert worst.total < hard.total
    assert difference(hard, worst) > 0


def test_faulty_links_are_priced_on_the_link():
    plan = plan_of("S1: [wigs = nuts + bolts + 1]", "S2: [nuts = 1]", "S3: [bolts = 1]")
    missing = MissingNeed(item="S1", symbol="nuts", definer="S2")
    late = OutOfOrder(item="S1", needed="S3", symbol="bolts")
    for witnesses, slots in [
        ((missing,), [MISSING_NEED_PRICE, 0.0]),
        ((late,), [0.0, OUT_OF_ORDER_PRICE]),
        ((missing, late), [MISSING_NEED_PRICE, OUT_OF_ORDER_PRICE]),
    ]:
        verdict = Verdict.failed(*witnesses, score=0.0)
        found = Assessment(verifier="v", plan_hash=plan.hash, verdicts={"S1": verdict})
        energy = EnergyModel()(plan, [found], Anchor.of(plan), frozenset())
        assert energy.total == pytest.approx(0.9 * 0.9 * sum(slots) / 2)


def test_an_abstention_leaves_the_term_and_its_violations_out():
    model, plan, exact = EnergyModel(), CHAIN, frozenset({"a", "b"})

    def energy(*found):
        return model(plan, found, Anchor.of(plan), exact)

    good = energy(assessed(plan, {}, "a"), assessed(plan, {"S2": 0.5}, "b"))
    bad = energy(assessed(plan, {GOAL: 1.0}, "a", fails=(GOAL,)), assessed(plan, {"S2": 0.25}, "b"))
    mute = energy(assessed(plan, {}, "a", abstained="timeout"), assessed(plan, {"S2": 0.75}, "b"))
    assert difference(bad, good) == pytest.approx(10 + 1 - 0.225)
    assert difference(mute, good) == difference(mute, bad) - 0.225 * 2 + 0.225 == pytest.approx(0.225)
    assert difference(mute, bad) == pytest.approx(0.45)  # not rewarded with the violation nobody looked at
    assert difference(mute, mute) == 0.0
    assert difference(energy(), good) == 0.0  # nothing in common
    assert mute.total == pytest.approx(0.675)


def test_a_score_that_is_no_number_makes_the_difference_none():
    nan = Verdict.model_construct(outcome="pass", score=math.nan, variance=0.0, reason="", witnesses=())
    found = Assessment(verifier="v", plan_hash=CHAIN.hash, verdicts={"S1": nan})
    energy = EnergyModel()(CHAIN, [found], Anchor.of(CHAIN), frozenset())
    assert math.isnan(energy.total)
    assert math.isnan(difference(energy, EnergyModel()(CHAIN, [assessed(CHAIN, {})], Anchor.of(CHAIN), frozenset())))


@pytest.mark.parametrize(
    "options",
    [
        {"weights": {"a": -1.0}},
        {"weights": {"a": math.nan}},
        {"weights": {"a": math.inf}},
        {"hard": math.inf},
        {"hard": -1.0},
        {"hard": math.nan},
        {"own_weight": math.inf},
        {"discount": 1.0},
        {"discount": 0.0},
        {"discount": math.nan},
    ],
)
def test_senseless_weights_are_refused(options):
    with pytest.raises(ValidationError):
        EnergyModel(**options)


def test_depth_is_no_limit():
    chain = [Item(id=f"S{n}", check=f"x{n} = x{n + 1} + 1") for n in range(1, MAX_ITEMS + 1)]
    straight = Plan(goal="g", target="x1", items=chain)
    assert total(straight, {}) == pytest.approx(0.9 ** (MAX_ITEMS + 1))
    ring = straight.with_items([*chain[:-1], Item(id=f"S{MAX_ITEMS}", check=f"x{MAX_ITEMS} = x1 + 1")])
    assert total(ring, {}) == pytest.approx(0.9 ** (MAX_ITEMS + 1))
    energy = EnergyModel()(ring, [run(StructureVerifier().assess(TASK, ring))], Anchor.of(ring), frozenset())
    assert math.isfinite(energy.total)


@st.composite
def opinions(draw, plan):
    """What five verifiers say of a plan: costs, fails and abstentions at random."""
    found = []
    for name in FIVE:
        ids = (*plan.by_id, GOAL)
        costs = {i: draw(st.sampled_from([0.0, 0.1, 0.2, 0.7, 1.0])) for i in ids}
        fails = draw(st.lists(st.sampled_from(ids), max_size=2))
        found.append(assessed(plan, costs, name, fails, draw(st.sampled_from([None, None, None, "late"]))))
    return found


@given(st.data())
@examples(100)
def test_the_lower_bound_for_early_rejection_is_one(data):
    plan = plan_of("C1!: [wigs > 0]", "S1: [wigs = nuts]", "S2: [nuts = 2]", "C2: [nuts < 9]")
    model, anchor, exact = EnergyModel(weights={"v1": 0.5}), Anchor.of(plan), frozenset(FIVE[:3])
    old = model(plan, data.draw(opinions(plan)), anchor, exact)
    new = data.draw(opinions(plan))
    final = difference(model(plan, new, anchor, exact), old)
    bounds = [least_difference(model(plan, new[:k], anchor, exact), old) for k in range(len(FIVE) + 1)]
    assert all(bound <= final + 1e-12 for bound in bounds)
    assert bounds[-1] == final


def test_rounding_does_not_spoil_the_bound():
    """Sums of tenths: what is exactly as good as before must not look worse by a last binary digit."""
    plan = plan_of("S1: [wigs = 1]")
    model = EnergyModel()

    def energy(*costs):
        found = [assessed(plan, {GOAL: cost}, name) for name, cost in zip(FIVE, costs, strict=False)]
        return model(plan, found, Anchor.of(plan), frozenset())

    assert 0.7 + 0.1 < 0.8  # why this needs a test
    assert least_difference(energy(0.8), energy(0.0, 0.7, 0.1)) == 0.0
    assert difference(energy(0.8, 0.0, 0.0), energy(0.0, 0.7, 0.1)) == 0.0
