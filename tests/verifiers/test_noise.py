"""Noise on purpose: at the stated rates, the same for the same question, and told apart from what it disturbs."""

import asyncio
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from planneal import Pipeline, Settings, Task, Verdict, Verifier, parse_plan
from planneal.planner.errors import ConfigError
from planneal.planner.finals import FinalRule
from planneal.planner.verifier import Judgement
from planneal.planner.witnesses import GOAL
from planneal.replay import replay
from planneal.testing import ScriptedModel
from planneal.verifiers import NoisyVerifier, RelationsVerifier, StructureVerifier
from planneal.verifiers.noise import canonical

TASK = Task(question="?")
MANY = parse_plan("goal: g [a]\n" + "\n".join(f"S{n}: item {n}" for n in range(1, 61)))
DRAWS = 40


class Known(Verifier):
    """Says the same of every item."""

    name = "known"

    def __init__(self, verdict):
        self.verdict = verdict

    def scope(self, task, plan, item_id):
        return None if item_id == GOAL else plan[item_id]

    async def judge(self, task, plan, item_ids, draw=0):
        return Judgement(dict.fromkeys(item_ids, self.verdict))


def verdicts(noisy, draws=DRAWS, plan=MANY):
    return [v for draw in range(draws) for v in asyncio.run(noisy.assess(TASK, plan, draw=draw)).verdicts.values()]


@pytest.mark.parametrize("flip", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("said", [Verdict.ok(), Verdict.failed()])
def test_verdicts_flip_at_the_stated_rate(flip, said):
    found = verdicts(NoisyVerifier(Known(said), flip=flip))
    flipped = sum(v.outcome != said.outcome for v in found)
    assert abs(flipped - flip * len(found)) <= 4 * math.sqrt(len(found) * flip * (1 - flip))
    assert all((v.score == said.score) == (v.outcome == said.outcome) for v in found)
    assert all(v.variance == pytest.approx(flip * (1 - flip)) for v in found)


@pytest.mark.parametrize("sigma", [0.05, 0.1])
def test_scores_have_the_stated_spread(sigma):
    found = np.array([v.score for v in verdicts(NoisyVerifier(Known(Verdict.ok(0.6)), sigma=sigma))])
    assert found.mean() == pytest.approx(0.6, abs=4 * sigma / math.sqrt(len(found)))
    assert found.std() == pytest.approx(sigma, rel=0.1)
    assert verdicts(NoisyVerifier(Known(Verdict.ok(0.6)), sigma=sigma), 1)[0].variance == pytest.approx(sigma**2)


def test_without_noise_nothing_changes_and_scores_stay_in_bounds():
    part = Known(Verdict.ok(0.6))
    assert set(verdicts(NoisyVerifier(part), 1)) == {Verdict.ok(0.6)}
    wild = [v.score for v in verdicts(NoisyVerifier(part, sigma=2.0), 5)]
    assert (min(wild), max(wild)) == (0.0, 1.0)


def test_outcomes_follow_scores_across_one_half_and_unknown_stays():
    found = verdicts(NoisyVerifier(Known(Verdict.ok(0.6)), sigma=0.2))
    assert {v.outcome for v in found} == {"pass", "fail"}
    assert all((v.outcome == "pass") == (v.score >= 0.5) for v in found)
    assert all(w.kind == "doubtful" for v in found for w in v.witnesses)
    assert all(bool(v.witnesses) == (v.outcome == "fail") for v in found)
    unknown = Verdict.unknown("who knows")
    assert set(verdicts(NoisyVerifier(Known(unknown), flip=0.5, sigma=1.0), 2)) == {unknown}


def test_a_draw_is_a_question_asked_once():
    noisy = NoisyVerifier(Known(Verdict.ok()), flip=0.3, seed=4)
    ids = [item.id for item in MANY.items]
    whole = asyncio.run(noisy.judge(TASK, MANY, ids)).verdicts
    parts = [asyncio.run(noisy.judge(TASK, MANY, [item_id])).verdicts[item_id] for item_id in reversed(ids)]
    assert [whole[item_id] for item_id in reversed(ids)] == parts
    others = (asyncio.run(noisy.judge(TASK, MANY, ids, 1)), asyncio.run(again(noisy, seed=5).judge(TASK, MANY, ids)))
    for other in others:
        assert [v.outcome for v in other.verdicts.values()] != [v.outcome for v in whole.values()]


def again(noisy, **changes):
    return NoisyVerifier(noisy.part, **{"flip": noisy.flip, "sigma": noisy.sigma, "seed": noisy.seed, **changes})


def test_noise_makes_noisy_and_its_version_tells_how():
    noisy = NoisyVerifier(RelationsVerifier(), flip=0.1)
    assert (noisy.trust, noisy.decides, noisy.name) == ("noisy", frozenset(), "relations")
    versions = {noisy.version, again(noisy, flip=0.2).version, again(noisy, sigma=0.1).version}
    versions |= {again(noisy, seed=1).version, again(noisy, tells=False).version}
    assert len(versions) == 5
    assert {v.variance for v in verdicts(NoisyVerifier(Known(Verdict.ok()), flip=0.1, tells=False), 1)} == {0.0}


@pytest.mark.parametrize("options", [{"flip": 0.6}, {"flip": -0.1}, {"sigma": -1.0}, {"sigma": math.nan}])
def test_noise_out_of_range_is_refused(options):
    with pytest.raises(ConfigError):
        NoisyVerifier(RelationsVerifier(), **options)


def test_the_noise_is_the_same_in_every_process():
    """Sets have another order in another process; the seed of the noise must not depend on it."""
    program = (
        "from planneal.verifiers.noise import canonical\n"
        "from planneal import parse_plan\n"
        "plan = parse_plan('goal: g [a]\\nS1: [a = b + c] <- S2, S3')\n"
        "print(canonical((frozenset({'x', 'y', 'zz', 'w'}), plan['S1'], 1.5, None)))"
    )
    texts = set()
    for salt in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": salt}
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True)
        texts.add(done.stdout)
    assert len(texts) == 1
    assert canonical(frozenset({"b", "a"})) == canonical({"a", "b"}) != canonical(("a", "b"))


@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(delayed=(1,), final=FinalRule(shortlist=3, looks=2)), Settings(rule="penalty")],
    ids=["default", "delayed, second look", "penalty"],
)
def test_a_run_with_noise_replays(tmp_path, settings):
    draft = "goal: how many bolts? [bolts]\nS1: [nuts = 5]\nS2: [bolts = nuts + 3] <- S1"
    replies = [draft, "replace S1: [nuts = 4]", "replace S1: [nuts = 6]", "nuts = 4 [S1]\nanswer: 7 [S2]"]

    def made(model, settings, seed=3):
        noisy = NoisyVerifier(RelationsVerifier(), flip=0.3, sigma=0.1, seed=seed)
        return Pipeline(model, settings=settings, verifiers=[StructureVerifier(), noisy])

    trace = tmp_path / "trace.jsonl"
    pipeline = made(ScriptedModel(replies, repeat=True), settings)
    pipeline.solve("There are 4 nuts. Bolts outnumber nuts by 3. How many bolts?", trace=trace)
    assert replay(trace, pipeline=made).same
    assert not replay(trace, pipeline=lambda model, settings: made(model, settings, seed=4)).same  # negative control
