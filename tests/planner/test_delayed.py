"""Delayed acceptance on a space that can be listed: the same distribution, fewer dear calls, and controls that fail."""

import asyncio
from collections import Counter

import numpy as np
import pytest
from planneal import Settings
from planneal.planner import kernel as module
from planneal.planner.cascade import factors
from planneal.planner.energy import difference
from planneal.planner.errors import ConfigError
from planner_enumerated import Landscape, Words, boltzmann, energies, total_variation
from planner_fakes import Scores, Scripted, edit, kernel, plan_of, run, written

SKEWED = (0.6, 0.2, 0.15, 0.05)
EVEN = (0.25, 0.25, 0.25, 0.25)
TEMPERATURE = 0.3
CLOSE, FAR = 0.03, 0.1
STEPS = 40_000


def on(space, delayed, rule="metropolis"):
    """Three verifiers of very different landscapes; the dearest counts as much as the others."""
    shape = (("cheap", 0, 0.6), ("middle", 2, 0.3), ("dear", 4, 0.5))
    verifiers = [Landscape(space.key, name, stage=stage, scale=scale) for name, stage, scale in shape]
    return kernel(space, verifiers, rule=rule, temperature=TEMPERATURE, delayed=delayed)


def walk(step, space, steps, seed=1):
    """Share of visits to each state, and how often each verifier was asked."""

    async def go():
        rng, chain = np.random.default_rng(seed), await step.init(0, space.states()[0])
        seen, asked = Counter(), Counter()
        for _ in range(steps):
            chain, info = await step.step(rng, chain)
            seen[space.key(chain.current.plan)] += 1
            asked.update(info.stages)
        return {state: count / steps for state, count in seen.items()}, asked

    return run(go())


@pytest.fixture(scope="module")
def without():
    """A walk without a cascade of draws."""
    return walk(on(Words(EVEN), ()), Words(EVEN), STEPS, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("delayed", [(4,), (2, 4)], ids=["two factors", "three factors"])
def test_the_distribution_is_that_of_one_draw_at_fewer_dear_calls(delayed, without):
    space = Words(EVEN)
    found, asked = walk(on(space, delayed), space, STEPS)
    alone, early = without
    target = boltzmann(energies(space, on(space, ())), TEMPERATURE)
    assert total_variation(found, target) < CLOSE
    assert total_variation(alone, target) < CLOSE
    assert total_variation(found, alone) < CLOSE
    assert asked["cheap"] == STEPS  # without any cascade the dear one would be asked as often
    assert asked["dear"] < 0.7 * STEPS
    assert asked["dear"] < 0.9 * early["dear"]


@pytest.mark.slow
def test_so_it_is_with_barkers_rule_and_proposals_that_are_not_symmetric():
    space = Words(SKEWED)
    found, asked = walk(on(space, (4,), "barker"), space, STEPS)
    assert total_variation(found, boltzmann(energies(space, on(space, ())), TEMPERATURE)) < CLOSE
    assert asked["dear"] < 0.7 * STEPS


def balance(space, step, rates):
    """Largest imbalance of the flow under Boltzmann, from each pair's probability of acceptance."""

    async def judged():
        anchor = (await step.init(0, space.states()[0])).anchor
        return [await step.judge(plan, anchor) for plan in space.states()]

    states = run(judged())
    target = boltzmann(energies(space, step), TEMPERATURE)
    place = {space.key(judged.plan): judged for judged in states}
    flow = {}
    for judged in states:
        for operation, odds, log_q in space.moves(judged.plan):
            other = place[space.key(module.apply(judged.plan, operation))]
            key = (space.key(judged.plan), space.key(other.plan))
            flow[key] = target[key[0]] * odds * rates(judged, other, log_q)
    return max(abs(flow[a, b] - flow[b, a]) for a, b in flow)


@pytest.mark.parametrize("rule", ["metropolis", "barker"])
def test_detailed_balance_of_the_factors_is_exact(rule):
    space = Words(SKEWED)
    step = on(space, (4,), rule)

    def parts(old, new):
        partial = module.Judged(new.plan, new.assessments[:2], step.energy(new.plan, new.assessments[:2], ANCHOR, ALL))
        first = difference(partial.energy, old.energy)
        return first, difference(new.energy, old.energy) - first

    def delayed(old, new, log_q):
        first, rest = parts(old, new)
        return step.rule.probability(first, TEMPERATURE, log_q) * step.rule.probability(rest, TEMPERATURE)

    def counted_twice(old, new, log_q):
        first, rest = parts(old, new)
        return step.rule.probability(first, TEMPERATURE, log_q) * step.rule.probability(first + rest, TEMPERATURE)

    assert balance(space, step, delayed) < 1e-12
    assert balance(space, step, counted_twice) > 1e-3  # negative control: the second stage must not see the first again


ANCHOR = run(kernel().init(0, Words().states()[0])).anchor
ALL = frozenset({"cheap", "middle", "dear"})


@pytest.mark.slow
def test_a_second_stage_that_counts_the_first_again_goes_astray(monkeypatch):
    """Negative control of the walk: with ``E(new) - E(old)`` in place of what the first stage left of it."""
    space = Words(SKEWED)
    target = boltzmann(energies(space, on(space, ())), TEMPERATURE)
    step = on(space, (4,))

    class Unabated(float):
        def __sub__(self, other):
            return float(self)

    right, _ = walk(step, space, 8_000)
    monkeypatch.setattr(module, "difference", lambda new, old: Unabated(difference(new, old)))
    wrong, _ = walk(step, space, 8_000)
    assert total_variation(right, target) < 0.06
    assert total_variation(wrong, target) > FAR


def test_factors_split_at_the_named_stages():
    verifiers = [Scores(written, name, stage=stage) for name, stage in (("a", 0), ("b", 1), ("c", 3), ("d", 4))]

    def names(*delayed):
        return ["".join(verifier.name for verifier in group) for group in factors(verifiers, delayed)]

    assert names() == ["abcd"]
    assert names(4) == ["abc", "d"]
    assert names(2) == ["ab", "cd"]
    assert names(4, 1) == ["a", "bc", "d"]
    assert names(0, 9) == ["abcd"]


def test_rules_without_a_distribution_are_refused():
    for rule in ("greedy", "threshold"):
        with pytest.raises(ConfigError, match="delayed acceptance"):
            kernel(rule=rule, delayed=(4,))
        with pytest.raises(ConfigError, match="delayed acceptance"):
            Settings(rule=rule, delayed=(4,)).make_rule()
    assert Settings(delayed=(4,)).make_rule().name == "metropolis"


def test_the_limit_that_is_told_is_one_on_the_whole_difference():
    """In every step that was judged to its end: taken where and only where the difference is within the limit."""
    space = Words()
    step = on(space, (2, 4))

    async def go():
        rng, chain = np.random.default_rng(3), await step.init(0, space.states()[0])
        infos = []
        for _ in range(600):
            chain, info = await step.step(rng, chain)
            infos.append(info)
        return infos

    infos = run(go())
    whole = [info for info in infos if len(info.stages) == 3]
    assert all(info.accepted == (info.delta <= info.limit) for info in whole)
    assert {len(info.stages) for info in infos} == {1, 2, 3}
    assert all(info.decision == "early" for info in infos if len(info.stages) < 3)
    assert {info.decision for info in whole} == {"accepted", "worse"}


def test_a_verifier_that_abstains_takes_part_in_no_factor():
    from planner_fakes import Broken

    better = edit("replace S1: score 0.75 [wigs = 2]")
    judges = (Scores(written, stage=0), Broken(ValueError("x"), stage=2), Scores(written, "late", stage=4))
    step = kernel(Scripted(better), judges, rule="metropolis", temperature=0.01, delayed=(2, 4))

    async def go():
        chain = await step.init(0, plan_of("S1: score 0.5 [wigs = 2]"))
        return await step.step(np.random.default_rng(0), chain)

    _, info = asyncio.run(go())
    assert info.accepted
    assert info.delta == pytest.approx(2 * 0.9 * -0.25)
