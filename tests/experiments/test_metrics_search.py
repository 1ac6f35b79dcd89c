"""Metrics of the search: events, signal, acceptance, and whether the chain differs from a random walk."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from planneal import Pipeline, Settings
from planneal.experiments.comparison import problems
from planneal.experiments.metrics.events import StepEvent
from planneal.experiments.metrics.signal import Scored, acceptance, goal_score, signal, within
from planneal.experiments.metrics.walk import against, walk
from planneal.planner.chain import Judged, StepInfo
from planneal.planner.energy import Energy, Term
from planneal.planner.errors import ConfigError, TraceError
from planneal.planner.events import StepTaken
from planneal.planner.ledger import Usage
from planneal.planner.plan import Plan
from planneal.planner.proposal import Proposal
from planneal.planner.verdicts import Assessment, Verdict
from planneal.testing import FunctionModel


def rng(seed=0):
    return np.random.default_rng(seed)


def step(before=None, after=None, *, accepted=True, temperature=0.1, decision=None):
    said = decision or ("accepted" if accepted else "worse")
    return StepEvent(0, "lm.insert", accepted, said, before, after, temperature, 0, 10)


# Events


def info(total, delta, decision="accepted"):
    term = Term(weight=1, demands=total, own=0, value=total)
    new = Judged(Plan(goal="g"), (), Energy(terms={"v": term}, hard=10))
    return StepInfo(
        decision,
        Proposal(operator="lm.insert", depth=2),
        delta,
        0.0,
        0.5,
        0.2,
        new,
        usage=Usage(prompt_tokens=5, completion_tokens=2),
    )


def test_the_event_of_a_kernels_step():
    found = StepEvent.of(info(0.25, -0.5), step=3, chain=1)
    assert found == StepEvent(3, "lm.insert", True, "accepted", 0.75, 0.25, 0.2, 2, 7, 1)
    assert found.drop == 0.5
    partial = StepEvent.of(info(0.25, math.nan, "early"))
    assert (partial.energy_before, partial.energy_after, partial.drop) == (None, None, None)
    nothing = StepEvent.of(StepInfo("no_proposal", None, math.nan, 0.0, 0.5, 0.2))
    assert (nothing.operator, nothing.depth, nothing.accepted) == ("", 0, False)


def test_events_go_through_json_unchanged():
    for event in (step(0.5, 0.25), step(None, None, accepted=False), StepEvent.of(info(0.1, 0.1))):
        assert StepEvent.from_json(json.loads(json.dumps(event.to_json()))) == event
    old = step(1.0, 2.0).to_json()
    del old["chain"]
    assert StepEvent.from_json(old).chain == 0


@pytest.mark.parametrize(
    "fault", [{"step": "3"}, {"accepted": 1}, {"energy_after": "low"}, {"more": 1}, {"tokens": None}, {"step": True}]
)
def test_what_is_no_event_is_refused(fault):
    with pytest.raises(TraceError, match="this is no step event"):
        StepEvent.from_json({**step(0.5, 0.25).to_json(), **fault})
    with pytest.raises(TraceError, match="missing"):
        StepEvent.from_json({"step": 1})


def test_the_events_of_a_run_are_those_of_its_trace():
    problem = problems(1, seed=3)[0]
    lines = problem.gold.plan.splitlines()
    model = FunctionModel(
        lambda request, index: "\n".join(lines[:-1]) if request.prompt.endswith("plan:\n") else lines[-1]
    )

    async def taken():
        run = Pipeline(model, settings=Settings()).stream(problem.public.task(), seed=1)
        return [event async for event in run if isinstance(event, StepTaken)]

    steps = asyncio.run(taken())
    assert steps
    for event in steps:
        found = StepEvent.of(event)
        assert (found.step, found.decision, found.tokens) == (event.step, event.decision, event.usage.tokens)
        assert found.drop == pytest.approx(-event.delta) if event.delta is not None else found.drop is None


# Signal


def test_a_telling_energy_and_a_deaf_one():
    draw, plans, deaf = rng(1), [], []
    for problem in range(60):
        for _ in range(4):
            valid = bool(draw.random() < 0.5)
            plans.append(Scored(problem, float(draw.normal(0 if valid else 1.5, 1)), valid))
            deaf.append(Scored(problem, float(draw.normal()), valid))
    found, none = (signal(rows, rng=draw, draws=60) for rows in (plans, deaf))
    assert found.auroc.interval.low > 0.7
    assert found.correlation.interval.high < -0.3
    ranks = math.sqrt((240 + 1) / (12 * none.valid * (240 - none.valid)))  # standard error where there is no signal
    assert none.auroc.value == pytest.approx(0.5, abs=4 * ranks)
    assert none.auroc.interval.low < 0.5 + ranks
    assert within(plans)[0] == pytest.approx(found.auroc.value, abs=0.06)


def test_an_energy_that_only_tells_easy_problems_has_no_signal_within_them():
    plans = [
        Scored(p, float(p % 2), valid)
        for p in range(20)
        for valid in ([True, True, False] if p % 2 == 0 else [False, False, True])
    ]
    assert signal(plans, rng=rng(), draws=50).auroc.value > 0.6
    assert within(plans) == (0.5, 40)
    assert math.isnan(within(plans[:2])[0])


def test_the_goal_score_of_a_verifier():
    said = Assessment(verifier="v", plan_hash="", verdicts={"goal": Verdict.ok(0.75)})
    assert goal_score(said) == 0.75
    assert math.isnan(goal_score(Assessment(verifier="v", plan_hash="", abstained="late")))


def test_acceptance_by_temperature():
    hot = [step(0.5, 0.6, accepted=i % 2 == 0, temperature=1.0) for i in range(10)]
    cold = [step(0.5, 0.6, accepted=False, temperature=0.1) for _ in range(8)] + [step(0.5, 0.4, temperature=0.1)] * 2
    idle = [step(accepted=False, decision="malformed", temperature=0.5)] * 30
    low, high = acceptance([*hot, *idle, *cold], bins=2)
    assert (low.low, low.steps, low.accepted, low.worse, low.worse_accepted) == (0.1, 10, 0.2, 8, 0.0)
    assert (high.low, high.steps, high.accepted, high.worse_accepted) == (1.0, 10, 0.5, 0.5)
    assert acceptance([]) == []
    assert len(acceptance(hot, bins=5)) == 1, "one temperature is one bin"


# Random walk


def chain(draw, downhill, steps=30):
    """Proposals of random height, accepted blindly or by Metropolis."""
    energy, events = 1.0, []
    for _ in range(steps):
        new = energy + float(draw.normal(0, 0.2))
        taken = bool(draw.random() < (min(1.0, math.exp((energy - new) / 0.05)) if downhill else 0.5))
        events.append(step(energy, new, accepted=taken))
        energy = new if taken else energy
    return events


def test_a_search_is_told_from_a_walk():
    draw = rng(2)
    searches, walks = ([chain(draw, downhill) for _ in range(20)] for downhill in (True, False))
    found = walk(searches, rng=draw, draws=2000)
    assert found.p < 0.01
    assert found.interval.low > 0
    assert against(searches, walks, rng=draw, draws=2000).p < 0.01


def test_a_blind_walk_is_seldom_taken_for_a_search():
    """200 repeats at 5%: above 18 with a chance below 1% (Binomial(200, 0.05))."""
    draw, called = rng(3), 0
    for _ in range(200):
        called += walk([chain(draw, False, 6) for _ in range(8)], rng=draw, draws=400).p <= 0.05
    assert called <= 18


def test_a_walk_says_what_it_could_not_see():
    events = [step(1.0, 0.5), step(None, None), step(0.5, 0.9, accepted=False)]
    found = walk([events] * 6, rng=rng(), draws=200)
    assert (found.drop, found.steps, found.unknown) == (0.5, 6, 6)
    with pytest.raises(ConfigError, match="at least 5"):
        walk([events] * 4, rng=rng())
    with pytest.raises(ConfigError, match="one for one"):
        against([events] * 6, [events] * 5, rng=rng())
    assert replace(events[0], energy_before=None).drop is None
