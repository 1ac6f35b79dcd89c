"""Noise that is paid for: the penalty rule keeps the distribution that naive acceptance of noisy energies loses."""

import math
from collections import Counter

import numpy as np
import pytest
from planneal.planner.acceptance import RULES, Metropolis, Penalty
from planneal.planner.energy import Anchor, EnergyModel
from planneal.planner.errors import ConfigError
from planneal.planner.kernel import Judged
from planneal.planner.uncertainty import slopes, variance_of_difference
from planneal.planner.verdicts import Assessment, Verdict
from planneal.planner.verifier import Judgement, Verifier
from planneal.planner.witnesses import GOAL
from planner_enumerated import Words, boltzmann, total_variation
from planner_fakes import Noisy, Scores, Scripted, chance, edit, kernel, plan_of, run, written
from scipy import integrate, stats


def test_the_surcharge_is_half_the_variance_over_the_temperature():
    assert Penalty().surcharge(0.02, 0.1) == pytest.approx(0.1)
    assert Penalty().surcharge(0.0, 0.1) == Penalty().surcharge(0.0, 0.0) == 0.0
    for cold in (0.0, 5e-324, 1e-170):
        assert 1e300 < Penalty(samples=5).surcharge(0.02, cold) < math.inf  # a trace can hold it
    assert Penalty(samples=5).surcharge(0.01, 0.1) == pytest.approx(0.1 * (0.5 + 1 / 24 + 1 / 144))
    assert all(RULES[name]().surcharge(1.0, 0.1) == 0.0 for name in RULES if name != "penalty")
    with pytest.raises(ConfigError):
        Penalty(samples=1)


@pytest.mark.parametrize("samples", [20, 60])
@pytest.mark.parametrize("true", [0.3, 1.0])
def test_the_correction_for_few_samples_is_unbiased(samples, true):
    """``E[exp(-u)]`` over the estimated variance is ``exp(-s^2 / 2)``, as balance asks; without it is not."""
    law = stats.chi2(samples - 1)

    def mean(rule):
        def weighted(q):
            return math.exp(-rule.surcharge(true * q / (samples - 1), 1.0)) * law.pdf(q)

        return integrate.quad(weighted, 0, law.ppf(1 - 1e-12), limit=200)[0]

    wanted = math.exp(-true / 2)
    assert abs(mean(Penalty(samples=samples)) - wanted) < 0.15 * abs(mean(Penalty()) - wanted)


# -- the variance of a difference

PLANS = [
    plan_of("S1: score 0.5 [nuts = 4]", "S2: score 0.5 [wigs = nuts + 1] <- S1"),
    plan_of("S1: score 0.5 [nuts = 5]", "S2: score 0.5 [wigs = nuts + 1] <- S1"),
]
ANCHOR = Anchor.of(PLANS[0])
MODEL = EnergyModel(weights={"judge": 0.7})


def judged(plan, verdicts):
    said = Assessment(verifier="judge", plan_hash=plan.hash, verdicts=verdicts)
    return Judged(plan, (said,), MODEL(plan, [said], ANCHOR, frozenset()))


def drawn(rng, spread=0.05):
    """Verdicts around 0.6 with their true spread stated."""
    scores = {"S1": 0.6 + spread * rng.standard_normal(), "S2": 0.7 + spread * rng.standard_normal()}
    return {i: Verdict(outcome="pass", score=float(s), variance=spread**2) for i, s in scores.items()}


def shared(first, second):
    """The second plan's verdicts, that on S2 being the very one of the first."""
    return {"S1": second["S1"], "S2": first["S2"]}


@pytest.mark.parametrize("same", [False, True], ids=["independent", "one verdict in common"])
def test_the_stated_variance_is_that_of_the_difference(same):
    rng = np.random.default_rng(2)
    deltas, stated = [], []
    for _ in range(1_500):
        old, new = drawn(rng), drawn(rng)
        pair = judged(PLANS[1], shared(old, new) if same else new), judged(PLANS[0], old)
        deltas.append(pair[0].energy.total - pair[1].energy.total)
        if len(stated) < 50:
            stated.append(variance_of_difference(MODEL, *pair, ["judge"], ANCHOR))
    assert np.mean(stated) == pytest.approx(np.var(deltas), rel=0.12)


def test_what_both_plans_share_cancels():
    """Control of the test above: the two cases differ, and nothing is left where all verdicts are shared."""
    rng = np.random.default_rng(3)
    old, new = drawn(rng), drawn(rng)
    before = judged(PLANS[0], old)
    apart = variance_of_difference(MODEL, judged(PLANS[1], new), before, ["judge"], ANCHOR)
    partly = variance_of_difference(MODEL, judged(PLANS[1], shared(old, new)), before, ["judge"], ANCHOR)
    assert partly < 0.8 * apart
    wholly = variance_of_difference(MODEL, judged(PLANS[1], old), before, ["judge"], ANCHOR)
    assert wholly == pytest.approx(0, abs=1e-12)
    assert variance_of_difference(MODEL, judged(PLANS[1], new), before, [], ANCHOR) == 0.0


def test_slopes_are_those_of_the_term():
    verdicts = drawn(np.random.default_rng(4))
    before = judged(PLANS[0], verdicts)
    for item_id, slope in slopes(MODEL, PLANS[0], before.assessments[0], ANCHOR).items():
        nudged = verdicts[item_id].model_copy(update={"score": verdicts[item_id].score + 1e-4})
        after = judged(PLANS[0], {**verdicts, item_id: nudged})
        assert (after.energy.total - before.energy.total) / 1e-4 == pytest.approx(slope, rel=1e-6)
        assert slope < 0  # a better score is less energy
    sure = {i: verdict.model_copy(update={"variance": 0.0}) for i, verdict in verdicts.items()}
    assert slopes(MODEL, PLANS[0], judged(PLANS[0], sure).assessments[0], ANCHOR) == {}


# -- the distribution

TEMPERATURE, SIGMA = 0.08, 0.07


class Measured(Verifier):
    """The cost of a state in the middle of [0, 1], measured with Gaussian noise afresh for every draw."""

    name, trust, stage = "measured", "noisy", 3

    def __init__(self, key):
        self.key = key

    def scope(self, task, plan, item_id):
        return self.key(plan) if item_id == GOAL else None

    def cost(self, state):
        return 0.35 + 0.3 * chance("measured", state)

    async def judge(self, task, plan, item_ids, draw=0):
        state = self.key(plan)
        noise = SIGMA * np.random.default_rng([draw, *state.encode()]).standard_normal()
        score = min(1.0, max(0.0, 1 - self.cost(state) + float(noise)))
        return Judgement({GOAL: Verdict(outcome="unknown", score=score, variance=SIGMA**2)})


class Naive(Metropolis):
    """Judges the incumbent afresh before every step, and takes the noisy difference at its word."""

    fresh = True


def visits(rule, steps):
    space = Words()
    verifier = Measured(space.key)
    step = kernel(space, [verifier], rule=rule, temperature=TEMPERATURE)
    target = boltzmann({space.key(p): verifier.cost(space.key(p)) for p in space.states()}, TEMPERATURE)

    async def walk():
        rng, chain = np.random.default_rng(1), await step.init(0, space.states()[0])
        seen, accepted = Counter(), 0
        for _ in range(steps):
            chain, info = await step.step(rng, chain)
            seen[space.key(chain.current.plan)] += 1
            accepted += info.accepted
        return {state: count / steps for state, count in seen.items()}, accepted / steps

    found, rate = run(walk())
    return total_variation(found, target), rate


@pytest.mark.slow
def test_the_penalty_keeps_boltzmann_and_naive_acceptance_does_not():
    distance, rate = visits(Penalty(), 40_000)
    naive, often = visits(Naive(), 10_000)
    assert distance < 0.03
    assert naive > 0.08  # negative control: noise heats the chain up
    assert rate < often  # and this is what the correction costs


# -- when the incumbent is judged again


def steps(step, plan, count):
    async def go():
        rng, chain = np.random.default_rng(0), await step.init(0, plan)
        for _ in range(count):
            chain, _ = await step.step(rng, chain)
        return chain

    return run(go())


DRAFT = plan_of("S1: score 0.5 [wigs = 2]", "S2: score 1.0")
REJECTED = edit("delete S9")


def test_only_noisy_verifiers_are_asked_again_about_the_incumbent():
    charged = []
    exact, noisy = Scores(written), Noisy()
    step = kernel(Scripted(forever=REJECTED), (exact, noisy), refresh_after=2, charge=charged.append)
    chain = steps(step, DRAFT, 5)
    assert [draw for _, _, draw in noisy.calls] == [0, 1, 2]
    assert sum(usage.verifier_calls for usage in charged) == 2 + 1 + 1  # two on the draft, then one per refresh
    assert chain.draw == 2


def test_a_rule_that_counts_noise_has_the_incumbent_judged_before_every_step():
    noisy = Noisy()
    better = [edit(f"replace S1: score 0.{n} [wigs = 2]") for n in (6, 7, 8)]
    steps(kernel(Scripted(*better), (noisy,), rule="penalty", temperature=50.0), DRAFT, 3)
    draws = [draw for _, _, draw in noisy.calls]
    assert draws == [0, 0, 1, 1, 2, 2]  # the incumbent and the proposal of each step share a draw; the first is fresh
    again = Noisy()
    steps(kernel(Scripted(*better), (again,), rule="metropolis", temperature=50.0), DRAFT, 3)
    assert {draw for _, _, draw in again.calls} == {0}


def test_the_limit_that_is_told_has_the_surcharge_taken_off():
    class Sure(Noisy):
        def verdict(self, plan, item_id, draw):
            return super().verdict(plan, item_id, draw).model_copy(update={"variance": 0.01})

    async def one(rule):
        step = kernel(Scripted(edit("replace S1: score 0.75 [wigs = 2]")), (Sure(),), rule=rule, temperature=0.5)
        return (await step.step(np.random.default_rng(0), await step.init(0, DRAFT)))[1]

    plain, paid = run(one("metropolis")), run(one("penalty"))
    assert (plain.u, plain.delta) == (paid.u, paid.delta)
    assert paid.limit < plain.limit
    assert paid.accepted == (paid.delta <= paid.limit)
