"""A judge that compares, as the last stage: the chain settles where Bradley-Terry says, and would not without care.

Chains are seeded, so a failure is no accident; what is exact is tested exactly.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from planneal.experiments.judge_votes import distance, stationary
from planneal.planner.chain import StepInfo
from planneal.planner.comparison import Comparison, PairwiseVerifier, impartial, sigmoid
from planneal.planner.errors import BudgetExhausted, ConfigError, VerifierError
from planneal.planner.ledger import Budget, Ledger, Usage
from planneal.planner.plan import Item, Plan
from planneal.planner.refine import Refinement, RestartRule, Worker, refine_events
from planneal.planner.stopping import StopRule
from planneal.verifiers.bradley_terry import both_orders, counted_log_odds, log_odds
from planner_enumerated import Landscape, Words, boltzmann, energies, kernel_on, total_variation, visits
from planner_fakes import TASK, Scripted, chance, edit, kernel, plan_of, run

WEIGHT = 0.35
CLOSE, FAR = 0.03, 0.06
SKEWED = (0.6, 0.2, 0.15, 0.05)


def strength(text, spread=3.0):
    """The strength (nats) that the simulated judge sees in a plan."""
    return spread * chance("strength", text)


class Simulated(PairwiseVerifier):
    """A Bradley-Terry judge: strength by a function of the plan, a gain for the position, and a way of answering.

    ``way``: ``odds`` (exact log-odds of both orders), ``one order``, ``votes`` or ``unanimous`` (``votes`` per order).
    """

    name = "pairwise"

    def __init__(self, key, way="odds", *, position=0.0, votes=1, rule=None):
        self.key, self.way, self.position, self.votes, self.rule = key, way, position, votes, rule
        self.asked = []

    async def compare(self, task, first, second, draw=0):
        self.asked.append((self.key(first), self.key(second), draw))
        gap = strength(self.key(first)) - strength(self.key(second))
        chances = sigmoid(gap + self.position), sigmoid(-gap + self.position)
        if self.way == "one order":
            return Comparison(log_odds=log_odds(chances[0]).value)
        if self.way == "odds":
            both = both_orders(*(log_odds(p) for p in chances))
            return Comparison(log_odds=both.strength, position=both.position)
        rng = np.random.default_rng(draw)
        ahead, behind = (int(rng.binomial(self.votes, p)) for p in chances)
        both = both_orders(counted_log_odds(ahead, self.votes), counted_log_odds(behind, self.votes))
        return (self.rule or Comparison)(
            log_odds=both.strength,
            variance=both.variance,
            wins=ahead + self.votes - behind,
            votes=2 * self.votes,
            unanimous=self.way == "unanimous",
        )


class MetropolisOnVotes(Comparison):
    """The wrong rule for a judge that votes: Metropolis, as if the estimate were the truth."""

    def probability(self, weight, temperature):
        return math.exp(min(0.0, self.log_odds * weight / temperature))


def settled(judge, steps, *, space=None, landscape=False, temperature=WEIGHT, sharpness=1.0, rule="barker", seed=1):
    """Total variation between the visits of a chain and ``exp(-E / T + sharpness * strength)``."""
    space = space or Word()
    judge = judge(space.key)
    verifiers = (Landscape(space.key),) if landscape else ()
    step = kernel(space, (*verifiers, judge), rule=rule, temperature=temperature, weights={"pairwise": WEIGHT})
    levels = energies(space, kernel_on(space, rule, temperature, verifiers)) if verifiers else {}
    levels = {space.key(p): levels.get(space.key(p), 0.0) for p in space.states()}
    target = {s: level - sharpness * temperature * strength(s) for s, level in levels.items()}
    return total_variation(visits(step, space, steps, seed), boltzmann(target, temperature))


def make(way="odds", **options):
    return lambda key: Simulated(key, way, **options)


class Word(Words):
    """One item of four possible words: four states, so that a short chain is enough."""

    def states(self):
        return [Plan(goal="g", target="1", items=[Item(id="S1", text=word)]) for word in self.odds]

    def moves(self, plan):
        return ((move, 2 * probability, log_q) for move, probability, log_q in super().moves(plan))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("judge", "options"),
    [
        (make(position=1.5), {"temperature": WEIGHT / 2, "sharpness": 2.0}),
        (make("unanimous", position=1.0), {"sharpness": 2.0, "temperature": 0.1}),
        (make("votes", position=0.5, votes=16), {}),
        (make(position=1.0), {"space": Word(SKEWED)}),
        (make(position=1.0), {"landscape": True, "rule": "metropolis"}),
    ],
    ids=["cooler", "unanimous", "votes", "skewed proposals", "with an energy, metropolis"],
)
def test_a_simulated_judge_gives_the_right_distribution(judge, options):
    assert settled(judge, 12_000, **options) < CLOSE


@pytest.mark.parametrize(
    ("judge", "options"),
    [
        (make("one order", position=1.5), {}),
        (make("votes", votes=1, rule=MetropolisOnVotes), {}),
        (make(), {"temperature": WEIGHT / 2, "sharpness": 1.0}),
        (make("unanimous"), {"sharpness": 1.0}),
    ],
    ids=["position not taken out", "Metropolis on votes", "another temperature", "unanimity is not one vote"],
)
def test_a_wrong_way_does_not(judge, options):
    """Negative controls of the test above, at a fraction of its length."""
    assert settled(judge, 2_000, **options) > FAR


@pytest.mark.parametrize("temperature", [WEIGHT, WEIGHT / 3])
@pytest.mark.parametrize("position", [0.0, 1.5])
def test_detailed_balance_is_exact_for_a_judge_that_is_read(temperature, position):
    space = Words()
    judge, plans = Simulated(space.key, position=position), space.states()
    for one_plan, other in itertools.combinations(plans[:6], 2):
        there = run(impartial(judge, TASK, one_plan, other)).probability(WEIGHT, temperature)
        back = run(impartial(judge, TASK, other, one_plan)).probability(WEIGHT, temperature)
        gap = strength(space.key(one_plan)) - strength(space.key(other))
        assert there / back == pytest.approx(math.exp(gap * WEIGHT / temperature))
        wrong = Simulated(space.key, "one order", position=1.5)
        biased = run(impartial(wrong, TASK, one_plan, other)).probability(WEIGHT, temperature)
        assert biased / (1 - biased) != pytest.approx(math.exp(gap * WEIGHT / temperature), rel=0.1)


STRENGTHS = [3.0 * chance("exact", str(n)) for n in range(6)]


@pytest.mark.parametrize("position", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("votes", [1, 2, 3])
def test_unanimity_is_exact_whatever_the_position_is_worth(votes, position):
    assert distance("unanimous", STRENGTHS, votes, 1.0, position) < 1e-9
    assert math.fsum(stationary("unanimous", STRENGTHS, votes, 1.0, position)) == pytest.approx(1)


def test_counting_the_noise_in_always_helps_and_metropolis_on_votes_is_worst():
    for temperature, position, votes in ((1.0, 0.0, 1), (1.0, 1.0, 4), (0.5, 1.0, 8)):
        found = {rule: distance(rule, STRENGTHS, votes, temperature, position) for rule in
                 ("corrected", "uncorrected", "metropolis")}
        assert found["corrected"] < found["uncorrected"] < found["metropolis"]
    assert distance("corrected", STRENGTHS, 8, 1.0, 1.0) < CLOSE
    falling = [distance("corrected", STRENGTHS, votes, 1.0, 0.5) for votes in (1, 2, 4, 8, 16)]
    assert all(more > less for more, less in itertools.pairwise(falling))
    assert distance("one order", STRENGTHS, 16, 1.0, 1.0) > FAR  # more votes do not cure a bias


# -- the kernel ---------------------------------------------------------------------------------------------------

START = plan_of("S1: one", "S2: two", goal="g [1]")


def text_of(plan):
    return " ".join(item.text for item in plan.items)


class Says(PairwiseVerifier):
    """Prefers plans that hold a word by fixed log-odds; raises what it is given; remembers whom it was asked about."""

    name = "pairwise"

    def __init__(self, word="better", odds=50.0, error=None):
        self.word, self.odds, self.error, self.asked = word, odds, error, []

    async def compare(self, task, first, second, draw=0):
        self.asked.append((text_of(first), text_of(second)))
        if self.error is not None:
            raise self.error
        return Comparison(log_odds=self.odds * ((self.word in text_of(first)) - (self.word in text_of(second))))


def one(judge, line, *others, rule="greedy", temperature=0.0, start=START, **parts):
    step = kernel(Scripted(edit(line)), (*others, judge), rule=rule, temperature=temperature, **parts)

    async def go():
        chain = await step.init(0, start)
        return await step.step(np.random.default_rng(0), chain)

    return run(go())


def test_the_judge_decides_where_the_energy_is_indifferent():
    chain, info = one(Says(), "replace S1: better")
    assert (info.decision, chain.current.plan["S1"].text, chain.best) == ("accepted", "better", chain.current)
    assert chain.standing == chain.best_standing == 50
    chain, info = one(Says("one"), "replace S1: worse")
    assert (info.decision, chain.current.plan, chain.standing) == ("lost", START, 0)
    assert info.contest.comparison.log_odds == -50
    assert chain.rejected == {"replace S1: worse"}


def test_it_is_not_asked_about_what_the_energy_rejects():
    judge = Says()
    _, info = one(judge, "replace S1: score 0.5", *kernel().verifiers, start=plan_of("S1: one", goal="g"))
    assert (info.decision, judge.asked) == ("worse", [])


def test_without_its_word_only_what_the_energy_prefers_is_taken():
    away = Says(error=VerifierError("away"))
    chain, info = one(away, "replace S1: something else")
    assert (info.decision, chain.current.plan) == ("undecided", START)
    assert "away" in info.reason

    async def improve():
        step = kernel(Scripted(edit("replace S1: score 1.0")), (*kernel().verifiers, away), rule="greedy")
        chain = await step.init(0, plan_of("S1: score 0.5", "S2: two", goal="g"))
        return await step.step(np.random.default_rng(0), chain)

    chain, info = run(improve())
    assert info.decision == "accepted"
    assert chain.best.plan["S1"].text == "score 1.0"


def test_what_is_asked_does_not_tell_the_incumbent_from_the_proposal():
    there, back = Says(), Says()
    one(there, "replace S1: better")

    async def reverse():
        step = kernel(Scripted(edit("replace S1: one @draft")), (back,), rule="greedy")
        better = plan_of("S1: better @edit", "S2: two", goal="g [1]")
        return await step.step(np.random.default_rng(0), await step.init(0, better))

    run(reverse())
    assert there.asked
    assert [set(pair) for pair in there.asked] == [set(pair) for pair in back.asked]
    assert there.asked == back.asked


def test_the_best_plan_follows_the_standing_and_not_the_last_step():
    judge = Simulated(text_of)
    words = ["red", "green", "blue", "grey", "brown", "black", "white", "pink"] * 8
    lines = [f"replace S1: {word}" for word in words]
    step = kernel(
        Scripted(*[edit(line) for line in lines]),
        (judge,),
        rule="barker",
        temperature=10.0,
        weights={"pairwise": 1.0},
    )

    async def go():
        rng, chain = np.random.default_rng(3), await step.init(0, START)
        seen = [chain.current.plan]
        for _ in lines:
            chain, _ = await step.step(rng, chain)
            seen.append(chain.current.plan)
        return chain, seen

    chain, seen = run(go())
    strongest = max(seen, key=lambda plan: strength(text_of(plan)))
    assert len({plan.hash for plan in seen}) > 4
    assert text_of(chain.best.plan) == text_of(strongest)
    assert chain.best_standing == pytest.approx(strength(text_of(strongest)) - strength(text_of(START)))
    assert text_of(chain.current.plan) != text_of(strongest)  # the control: it did wander off


def test_comparisons_are_paid_for_and_refused_where_they_do_not_fit():
    paid = []
    one(Says(), "replace S1: better", charge=paid.append)
    assert sum(usage.verifier_calls for usage in paid) == 1

    def admit(worst):
        raise BudgetExhausted("no calls left")

    with pytest.raises(BudgetExhausted):
        one(Says(), "replace S1: better", admit=admit)


def test_one_judge_may_compare_and_no_more():
    with pytest.raises(ConfigError, match="only one judge"):
        kernel(Scripted(), (Says(), Says()))


def test_a_kernel_without_such_a_judge_draws_nothing_more():
    """Runs without a judge that compares stay what they were, draw for draw."""
    step = kernel(Scripted(edit("replace S1: other")), rule="greedy")

    async def go():
        rng = np.random.default_rng(0)
        await step.step(rng, await step.init(0, START))
        return rng.random()

    plain = np.random.default_rng(0)
    plain.uniform()
    assert run(go()) == plain.random()


def events_of(judge, drafts, *batches, budget=None):
    state, ledger = Refinement(), Ledger(budget or Budget())

    def worker(index):
        step = kernel(
            Scripted(*batches),
            (judge,),
            rule="greedy",
            temperature=0.0,
            admit=ledger.check,
            charge=lambda usage: ledger.charge("verify", usage),
        )
        return Worker(step, np.random.default_rng(index))

    async def go():
        stream = refine_events(
            state,
            [worker(i) for i in range(len(drafts))],
            drafts,
            ledger=ledger,
            stop=StopRule(max_steps=len(batches), least_chance=0),
            restart=RestartRule(patience=2, restarts=1),
        )
        return [event async for event in stream]

    return state, run(go())


def test_comparisons_stand_in_the_trace_before_their_steps():
    _, events = events_of(Says("one"), [START], edit("replace S1: worse"), edit("replace S2: also one"))
    told = [event for event in events if event.kind in ("plans_compared", "step_taken")]
    assert [event.kind for event in told] == ["plans_compared", "step_taken"] * 2
    lost, won = told[0], told[2]
    assert (lost.judge, lost.probability, lost.comparison["log_odds"]) == ("pairwise", 0.0, -50)
    assert (told[1].decision, told[1].delta) == ("lost", 0)
    assert (won.comparison["log_odds"], told[3].decision) == (0, "accepted")
    _, events = events_of(Says(error=VerifierError("away")), [START], edit("replace S1: worse"))
    (told,) = (event for event in events if event.kind == "plans_compared")
    assert (told.comparison, told.abstained, told.probability) == (None, "away", None)


def test_the_best_plans_of_several_chains_are_set_against_each_other():
    other = plan_of("S1: a better one", "S2: two", goal="g [1]")
    state, _ = events_of(Says(), [START, other])
    assert text_of(state.chosen.plan) == text_of(other)
    state, _ = events_of(Says("nowhere"), [START, other])
    assert state.chosen.plan == START  # the control: indifferent, the first


def test_a_restart_is_set_against_the_best_plan():
    judge = Says()
    batches = [edit("replace S1: better"), *[edit("replace S1: worse")] * 4]
    state, events = events_of(judge, [START], *batches)
    assert [event.restart for event in events if event.kind == "plan_drafted"] == [0, 1]
    assert state.chosen.plan["S1"].text == "better"


def test_step_info_without_a_contest_says_so():
    assert StepInfo("no_proposal", None, math.nan, 0.0, 0.5, 0.1).contest is None
    assert Usage() == Comparison(log_odds=0.0).usage
