"""Verifiers made of verifiers: exact semantics of sums and wrappers, abstention, and the laws of verifiers."""

import asyncio

import numpy as np
import pytest
from planneal import Verdict, Verifier, parse_plan
from planneal.planner.energy import Anchor, EnergyModel
from planneal.planner.errors import BudgetExhausted, ConfigError, ModelError
from planneal.planner.ledger import Usage
from planneal.planner.task import Task
from planneal.planner.verifier import Judgement, VerdictCache
from planneal.planner.witnesses import GOAL, Doubtful
from planneal.testing import check_verifier
from planneal.verifiers import NoisyVerifier, OrderVerifier, RelationsVerifier, StructureVerifier

TASK = Task(question="How many wigs?")
PLAN = parse_plan("goal: how many wigs? [wigs]\nC1: be quick\nS1: [nuts = 4]\nS2: [wigs = nuts + 3] <- S1")


class Says(Verifier):
    """Says one verdict of every item in question; counts what it is asked."""

    def __init__(
        self, name="says", verdict=None, *, trust="exact", stage=0, about=None, error=None, usage=None, wait=0
    ):
        self.name, self.trust, self.stage, self.about, self.error = name, trust, stage, about, error
        self.said, self.cost, self.wait = verdict or Verdict.ok(), usage or Usage(), wait
        self.asked, self.model, self.closed = [], None, False

    def scope(self, task, plan, item_id):
        if self.about is not None and item_id not in self.about:
            return None
        return plan.goal if item_id == GOAL else plan[item_id]

    async def judge(self, task, plan, item_ids, draw=0):
        self.asked.append((tuple(item_ids), draw))
        if self.wait:
            await asyncio.sleep(self.wait)
        if self.error is not None:
            raise self.error
        return Judgement(dict.fromkeys(item_ids, self.said), self.cost)

    def with_model(self, model):
        made = Says(self.name, self.said, trust=self.trust, stage=self.stage, about=self.about)
        made.model = model
        return made

    async def aclose(self):
        self.closed = True


def score(value, outcome="unknown", variance=0.0, *witnesses):
    return Verdict(outcome=outcome, score=value, variance=variance, reason="because", witnesses=witnesses)


def assess(verifier, plan=PLAN, **options):
    return asyncio.run(verifier.assess(TASK, plan, **options))


def one(verifier, item="S1"):
    found = assess(verifier)
    assert found.abstained is None, found.abstained
    return found.verdicts[item]


def test_a_sum_is_the_weighted_mean():
    a, b = Says("a", score(0.2, variance=0.04), trust="noisy"), Says("b", score(0.8, variance=0.01), trust="noisy")
    found = one(0.5 * a + b)
    assert found.score == pytest.approx((0.5 * 0.2 + 0.8) / 1.5)
    assert found.variance == pytest.approx((0.5 / 1.5) ** 2 * 0.04 + (1 / 1.5) ** 2 * 0.01)
    assert found.reason == "a 0.20 (because), b 0.80 (because)"


def test_the_algebra_of_weights():
    a, b, c = (Says(name, score(value)) for name, value in (("a", 0.1), ("b", 0.5), ("c", 0.9)))
    known = one(2 * a + b + 3 * c).score
    assert known == pytest.approx((0.2 + 0.5 + 2.7) / 6)
    for same in ((2 * a + b) + 3 * c, 2 * a + (b + 3 * c), 2 * (a + 0.5 * b + 1.5 * c), 3 * c + b + a.scaled(2)):
        assert one(same).score == pytest.approx(known)
    assert one(sum([a, b, c])).score == pytest.approx(0.5)
    assert one(0.3 * a) == one(a).model_copy(update={"reason": "a 0.10 (because)"})
    assert one(a + b).score != pytest.approx(one(a + 2 * b).score)  # weights are not ignored
    assert (2 * a + b + 3 * c).name == "2*a+b+3*c"


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_weights_are_over_zero(weight):
    with pytest.raises(ConfigError, match="over 0"):
        weight * Says()


def test_what_is_no_number_or_no_verifier_is_refused():
    for wrong in (lambda: Says() + 1, lambda: "x" * Says(), lambda: 1 + Says(), lambda: Says() * Says()):
        with pytest.raises(TypeError):
            wrong()


def test_what_the_parts_are_adds_up():
    exact = Says("a", stage=1)
    exact.decides = frozenset({"relation"})
    other = Says("b", stage=3, trust="noisy")
    assert ((exact + exact).trust, (exact + exact).decides) == ("exact", {"relation"})
    assert ((exact + other).trust, (exact + other).decides, (exact + other).stage) == ("noisy", frozenset(), 3)
    priced = Says("c", usage=Usage(prompt_tokens=5, seconds=1.0)), Says("d", usage=Usage(calls=2, seconds=0.5))
    found = assess(priced[0] + priced[1])
    assert (found.usage.prompt_tokens, found.usage.calls, found.usage.seconds) == (5, 2, 1.5)


def test_each_part_is_asked_about_its_own_items_only():
    a, b = Says("a", score(0.0), about={"S1"}), Says("b", score(1.0), about={"S1", "S2"})
    found = assess(a + b)
    assert set(found.verdicts) == {"S1", "S2"}
    assert (found.verdicts["S1"].score, found.verdicts["S2"].score) == (0.5, 1.0)
    assert (a.asked, b.asked) == ([(("S1",), 0)], [(("S1", "S2"), 0)])
    assert (a + b).scope(TASK, PLAN, "S2") == (None, PLAN["S2"])
    assert (a + b).scope(TASK, PLAN, GOAL) is None


OUTCOMES = [
    # exact parts, noisy parts with weights -> outcome
    (["pass", "pass"], [], "pass"),
    (["pass", "unknown"], [], "unknown"),
    (["unknown", "fail"], [], "fail"),
    (["pass"], [("fail", 1)], "fail"),
    (["fail"], [("pass", 9)], "fail"),
    (["unknown"], [("pass", 9)], "unknown"),
    ([], [("pass", 2), ("fail", 1)], "pass"),
    ([], [("pass", 1), ("fail", 1)], "fail"),
    ([], [("pass", 1), ("unknown", 1)], "unknown"),
    ([], [("pass", 2), ("fail", 1.5), ("unknown", 1)], "pass"),
]


@pytest.mark.parametrize(("exact", "noisy", "outcome"), OUTCOMES)
def test_the_outcome_is_the_worse_of_facts_and_votes(exact, noisy, outcome):
    parts = [Says(f"e{n}", score(0.5, said)) for n, said in enumerate(exact)]
    parts += [weight * Says(f"n{n}", score(0.5, said), trust="noisy") for n, (said, weight) in enumerate(noisy)]
    assert one(sum(parts)).outcome == outcome


def test_a_part_that_abstains_is_left_out_and_named():
    good, bad = Says("a", score(0.75, "pass"), trust="noisy"), Says("b", error=ValueError("away"), trust="noisy")
    found = one(good + 5 * bad)
    assert (found.score, found.outcome) == (0.75, "pass")
    assert found.reason == "a 0.75 (because); b abstained: ValueError: away"
    exact = Says("c", error=ValueError("away"))
    assert one(good + exact).outcome == "unknown"  # what should have been established was not
    limited = Says("d", score(0.0, "fail"), about={"S1"}) + Says("e", error=ValueError("x"), about={"S2"})
    mixed = assess(limited)
    assert mixed.verdicts["S1"].outcome == "fail"
    assert (mixed.verdicts["S2"].outcome, mixed.verdicts["S2"].reason) == ("unknown", "e abstained: ValueError: x")


def test_where_all_abstain_so_does_the_sum():
    found = assess(Says("a", error=ValueError("x")) + Says("b", error=ModelError("y")))
    assert found.abstained == "a abstained: ValueError: x; b abstained: ModelError: y"
    assert not found.verdicts


def test_a_budget_is_no_abstention():
    with pytest.raises(BudgetExhausted):
        assess(Says("a") + Says("b", error=BudgetExhausted("nothing left")))


def test_an_abstention_is_not_remembered():
    shaky = Says("b", score(0.0, "fail"), error=ValueError("away"))
    both, cache = Says("a", score(1.0, "pass")) + shaky, VerdictCache()
    assert assess(both, cache=cache).verdicts["S1"].score == 1.0
    shaky.error = None
    assert assess(both, cache=cache).verdicts["S1"].score == 0.5
    asked = len(shaky.asked)
    assert assess(both, cache=cache).verdicts["S1"].score == 0.5
    assert len(shaky.asked) == asked  # what everybody spoke of is


def test_a_part_that_hangs_or_talks_nonsense_costs_only_its_own_word():
    slow = Says("slow", wait=30).within(0.01)
    nonsense = Says("nonsense", Verdict.model_construct(outcome="pass", score=float("nan"), variance=0.0))
    found = one(Says("a", score(0.5, "pass")) + slow + nonsense)
    assert found.score == 0.5
    assert "slow abstained: no verdict within 0.01 s" in found.reason
    assert "nonsense abstained: the score of" in found.reason


def test_witnesses_are_joined_without_repetition():
    doubt = Doubtful(item="S1")
    a, b = Says("a", score(0, "fail", 0, doubt)), Says("b", score(0, "fail", 0, doubt, Doubtful(item="S2")))
    assert [w.line for w in one(a + b).witnesses] == ["S1 is doubtful", "S2 is doubtful"]


def test_exact_parts_are_not_drawn_again():
    exact, noisy = Says("a"), Says("b", trust="noisy")
    both = exact.cached() + noisy
    for draw in (0, 1, 1, 2):
        assess(both, draw=draw)
    assert [draw for _, draw in exact.asked] == [0]  # and its memory serves every draw
    assert [draw for _, draw in noisy.asked] == [0, 1, 1, 2]


def test_cached_asks_again_only_what_changed():
    part = Says("a", score(0.5), trust="noisy")
    kept = part.cached()
    other = parse_plan("goal: how many wigs? [wigs]\nC1: be quick\nS1: [nuts = 5]\nS2: [wigs = nuts + 3] <- S1")
    fresh = [assess(kept, plan).verdicts for plan in (PLAN, other, PLAN)]
    assert [ids for ids, _ in part.asked] == [("C1", "S1", "S2", "goal"), ("S1",)]
    assert fresh == [assess(part, plan).verdicts for plan in (PLAN, other, PLAN)]
    assess(kept, draw=1)
    assert part.asked[-1] == (("C1", "S1", "S2", "goal"), 1)
    part.error = ValueError("away")
    assert assess(kept, draw=2).abstained == "ValueError: away"
    part.error = None
    assert assess(kept, draw=2).abstained is None  # a failure is not remembered
    with pytest.raises(ConfigError):
        part.cached(0)


def test_within_takes_the_shorter_timeout():
    slow = Says(wait=30)
    assert assess(slow.within(0.01)).abstained == "no verdict within 0.01 s"
    assert slow.within(5).within(0.01).timeout == slow.within(0.01).within(5).timeout == 0.01
    assert assess(Says().within(5)).abstained is None
    for wrong in (0, -1, float("nan"), float("inf")):
        with pytest.raises(ConfigError):
            slow.within(wrong)


def test_only_judges_what_is_meant_and_decides_nothing():
    part = Says()
    part.decides = frozenset({"relation"})
    assert set(assess(part.only("S")).verdicts) == {"S1", "S2"}
    assert set(assess(part.only("C1", "goal")).verdicts) == {"C1", GOAL}
    assert part.only("S").decides == frozenset()
    with pytest.raises(ConfigError):
        part.only()


def test_a_restricted_exact_verifier_violates_nothing_that_it_leaves_out():
    task = Task(question="?", constraints=("wigs > 0",))
    plan = task.seed_plan().with_items([*task.seed_plan().items, *PLAN.items[1:]])
    whole, part = RelationsVerifier(), RelationsVerifier().only("S", "goal")
    found = asyncio.run(part.assess(task, plan))
    energy = EnergyModel()(plan, [found], Anchor.of(plan), frozenset({whole.name}))
    assert energy.violated == ()


def test_named_renames_and_keeps_the_rest():
    a = Says("a", score(0.5), stage=2)
    assert (a.named("b").name, a.named("b").stage, one(a.named("b"))) == ("b", 2, one(a))
    assert assess(a.named("b")).verifier == "b"
    assert (a.named("b") + a).name == "b+a"
    for wrong in ("", "two words", " x"):
        with pytest.raises(ConfigError):
            a.named(wrong)


def test_models_and_closing_reach_the_parts():
    a, b = Says("a", score(0.1)), Says("b", score(0.9))
    whole = 0.5 * a.cached().within(5) + b.named("c").only("S")
    bound = whole.with_model("model")
    assert bound is not whole
    inner = [bound.parts[0].verifier.part.part, bound.parts[1].verifier.part.part]
    assert [part.model for part in inner] == ["model", "model"]
    assert (bound.name, bound.parts[0].weight, bound.parts[0].verifier.timeout) == (whole.name, 0.5, 5)
    asyncio.run(whole.aclose())
    assert a.closed
    assert b.closed
    plain = OrderVerifier() + StructureVerifier().cached()
    assert plain.with_model("model") is plain  # nobody asks a model
    asyncio.run(plain.aclose())


def test_bounds_of_own_models_add_up_and_metered_ones_are_not_charged_twice():
    class Own(Says):
        def own_bound(self, task, plan):
            return Usage(prompt_tokens=100, calls=1)

    own = Own("own", usage=Usage(prompt_tokens=60, calls=1))
    metered = Says("metered", usage=Usage(prompt_tokens=7, calls=1, seconds=0.5))
    assert (own.cached().within(5) + own).own_bound(TASK, PLAN) == Usage(prompt_tokens=200, calls=2)
    assert (metered + metered).own_bound(TASK, PLAN) is None
    assert assess(own + metered).usage == Usage(prompt_tokens=60, calls=1, seconds=0.5)
    assert assess(metered + metered).usage.prompt_tokens == 14


@pytest.mark.parametrize(
    "made",
    [
        lambda: 0.5 * StructureVerifier() + RelationsVerifier(),
        lambda: (StructureVerifier() + OrderVerifier()).named("form"),
        lambda: RelationsVerifier().cached().within(30),
        lambda: RelationsVerifier().only("S", "goal") + OrderVerifier().cached(),
        lambda: NoisyVerifier(RelationsVerifier(), flip=0.2, sigma=0.1, seed=3) + StructureVerifier(),
    ],
    ids=["sum", "named", "cached", "only", "noisy"],
)
def test_the_laws_of_verifiers_hold(made):
    check_verifier(made()).require()


def test_a_sum_runs_in_a_kernel():
    """As one verifier: one term, its own weight, the cache of the kernel around it."""
    from planneal.planner.acceptance import Greedy
    from planneal.planner.kernel import Kernel
    from planneal.planner.notation import parse_edit
    from planneal.planner.proposal import Proposal, Proposer
    from planneal.planner.schedules import Constant

    class Once(Proposer):
        async def propose(self, rng, view, state):
            return [Proposal(operator="x", edit=parse_edit("replace S1: [nuts = 5]"))]

    both = (StructureVerifier() + RelationsVerifier()).named("both")
    kernel = Kernel(TASK, Once(), [both], EnergyModel(weights={"both": 0.5}), Greedy(), Constant())

    async def go():
        return await kernel.step(np.random.default_rng(0), await kernel.init(0, PLAN))

    _, info = asyncio.run(go())
    assert info.accepted
    assert info.new.assessments[0].judged == ("S1", "S2", GOAL)
    assert info.new.energy.terms["both"].weight == 0.5
