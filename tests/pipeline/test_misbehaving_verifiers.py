"""A verifier that misbehaves costs the run its own verdict and nothing else: the rest is as if it were not there."""

from __future__ import annotations

import asyncio

import pytest
import worlds
from naughty import Naughty
from planneal import Pipeline
from planneal.testing import FunctionModel
from planneal.verifiers.isolated import IsolatedVerifier


def run(*more):
    model = FunctionModel(worlds.model_reply, dialect="chat")
    pipeline = Pipeline(model, verifiers=["structure", "order", "relations", *more])
    events = []

    async def go():
        run = pipeline.stream(worlds.QUESTION, seed=3)
        async for event in run:
            events.append(event)
        return run.result

    result = asyncio.run(go())
    steps = [event for event in events if event.kind == "step_taken"]
    told = [reason for step in steps for name, reason in step.abstained.items() if name == "naughty"]
    return result, [(step.edit, step.decision == "accepted") for step in steps], told


def essence(result):
    spent = result.spent.model_dump(exclude={"verifier_calls", "verifier_seconds", "seconds"})
    return (
        str(result.plan),
        result.answer.text,
        result.solved,
        result.energy,
        result.steps,
        result.accepted,
        result.stop_reason,
        spent,
    )


IN_PROCESS = ["awaits", "raises", "leaves", "returns nan", "judges strangers", "returns words"]
ISOLATED = ["awaits", "blocks", "spins", "hangs in scope", "leaves", "vanishes", "crashes", "swells", "floods"]
QUICK = ("blocks", "swells")


@pytest.mark.parametrize("how", IN_PROCESS)
def test_in_the_runs_own_process(how):
    expected, decisions, _ = run()
    found, steps, told = run(Naughty(how, timeout=0.02))
    assert essence(found) == essence(expected)
    assert steps == decisions
    assert decisions, "the run has something to decide"
    assert told, "it was asked and abstained"


@pytest.mark.parametrize("how", [pytest.param(how, marks=() if how in QUICK else pytest.mark.slow) for how in ISOLATED])
def test_in_a_process_of_its_own(how):
    expected, decisions, _ = run()
    found, steps, told = run(IsolatedVerifier(Naughty(how), seconds=0.5, memory=256 << 20, strikes=1))
    assert essence(found) == essence(expected)
    assert steps == decisions
    assert told, "it was asked and abstained"


def test_a_verifier_that_does_judge_is_heard():
    """Negative control: the runs are equal above because the verifier abstained, not because nobody listens."""
    expected, _, _ = run()
    found, _, told = run(Naughty("fails"))
    assert told == []
    assert essence(found) != essence(expected)
    assert not found.solved
