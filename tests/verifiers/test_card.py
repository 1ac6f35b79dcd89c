"""Cards: the measures against reference values, and a card of a verifier whose faults are known."""

import asyncio
import json
import math

import numpy as np
import pytest
from planneal import Task, Verdict, Verifier, parse_plan
from planneal.planner.ledger import Usage
from planneal.planner.verifier import Judgement
from planneal.planner.witnesses import GOAL
from planneal.verifiers.card import Card, Labelled, Rate, card, observe
from planneal.verifiers.scoring import auroc, bootstrap, calibration_error, wilson
from scipy import stats


def test_auroc_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(1)
    for digits in (8, 1):  # without ties and with many
        scores = np.round(rng.random(200), digits)
        labels = rng.random(200) < scores
        u = stats.mannwhitneyu(scores[labels], scores[~labels]).statistic
        assert auroc(scores, labels) == pytest.approx(u / (labels.sum() * (~labels).sum()))
    assert auroc([0.1, 0.9], [False, True]) == 1.0
    assert auroc([0.9, 0.1], [False, True]) == 0.0
    assert auroc([0.5, 0.5], [False, True]) == 0.5
    assert math.isnan(auroc([0.5], [True]))


def test_calibration_error_by_hand():
    assert calibration_error([0.25, 0.25, 0.25, 0.25], [True, False, False, False]) == 0.0
    assert calibration_error([0.9, 0.9, 1.0], [False, True, True]) == pytest.approx(0.8 / 3)
    assert calibration_error([0.05, 0.95], [True, False], bins=1) == 0.0  # one bin sees only the means
    assert calibration_error([0.05, 0.95], [True, False], bins=2) == pytest.approx(0.95)


def test_the_bootstrap_resamples_plans():
    """Items that stand or fall together make a wider interval than as many independent ones."""
    rng = np.random.default_rng(2)
    scores = np.repeat(rng.random(30), 10)
    labels = np.repeat(rng.random(30) < 0.5, 10)
    share = lambda s, y: float(y.mean())  # noqa: E731
    together = bootstrap(share, scores, labels, np.repeat(np.arange(30), 10).tolist(), rng=rng)
    alone = bootstrap(share, scores, labels, list(range(300)), rng=rng)
    assert together.low < labels.mean() < together.high
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert math.isnan(bootstrap(lambda s, y: math.nan, scores, labels, list(range(300)), rng=rng).low)


class Lenient(Verifier):
    """Passes what begins with p, fails what begins with f, breaks on plans that say so."""

    name, version, stage = "lenient", "7", 2

    def scope(self, task, plan, item_id):
        return None if item_id == GOAL else plan[item_id]

    async def judge(self, task, plan, item_ids, draw=0):
        if plan.goal == "break":
            raise ValueError("broken")
        usage = Usage(prompt_tokens=90, completion_tokens=10, calls=1, seconds=0.5)
        return Judgement({i: self.said(plan[i].text) for i in item_ids}, usage)

    def said(self, text):
        if text.startswith("p"):
            return Verdict.ok(0.8)
        return Verdict.failed(score=0.2) if text.startswith("f") else Verdict.unknown("?")


def labelled():
    task = Task(question="?")
    good = parse_plan("goal: g\nS1: pass\nS2: fail\nS3: who knows")
    whole = Labelled(task, good, {"S1": True, "S2": False, "S3": True})
    wrong = Labelled(task, good, {"S1": False, "S2": True, GOAL: True})
    return [whole] * 8 + [wrong] * 2 + [Labelled(task, parse_plan("goal: break\nS1: pass"), {"S1": True})]


def made(verifier=None, plans=None):
    verifier = verifier or Lenient()
    ticks = iter(range(10**6))
    seen = asyncio.run(observe(verifier, labelled() if plans is None else plans, clock=lambda: float(next(ticks))))
    return card(verifier, seen, rng=np.random.default_rng(0), draws=100), seen


def test_a_card_counts_what_is_there():
    found, seen = made()
    assert (len(seen.scores), seen.unknown, seen.silent, seen.abstained, seen.assessments) == (20, 8, 3, 1, 11)
    assert (found.verifier, found.version, found.trust, found.stage, found.plans) == ("lenient", "7", "exact", 2, 11)
    assert (found.false_pass.value, found.false_pass.of) == (0.2, 10)
    assert (found.false_pass.low, found.false_pass.high) == wilson(2, 10)
    assert (found.false_fail.value, found.false_fail.of) == (0.2, 10)
    assert (found.silent.value, found.silent.of) == (11 / 31, 31)
    assert (found.abstained.value, found.abstained.of) == (1 / 11, 11)
    assert found.auroc.value == pytest.approx(auroc(seen.scores, seen.labels)) == pytest.approx(0.8)
    assert found.auroc.low < 0.8 < found.auroc.high
    assert found.calibration_error.value == pytest.approx(0.0)
    assert (found.tokens, found.calls) == (1000 / 11, 10 / 11)
    assert found.seconds > 0


def test_a_card_is_json_and_text():
    found, _ = made()
    assert Card.model_validate_json(found.model_dump_json()) == found
    assert json.loads(found.model_dump_json())["false_pass"]["of"] == 10
    text = found.text()
    assert "lenient (version 7, exact, stage 2), on 11 plans" in text
    assert "false passes       0.200 [0.057, 0.510] of 10" in text
    assert "claims to be exact and passes what is wrong" in text


def test_a_verifier_that_never_passes_a_fault_is_not_accused():
    found, _ = made(plans=labelled()[:8])
    assert found.false_pass.value == 0.0
    assert "claims to be exact" not in found.text()
    assert found.auroc.value == 1.0


def test_nothing_known_is_said_so():
    found, _ = made(plans=[])
    assert found.auroc == Rate(value=None, low=None, high=None, of=0)
    assert "AUROC              not known (0)" in found.text()
    assert found.false_pass.value is None
    alike, _ = made(plans=[Labelled(Task(question="?"), parse_plan("goal: g\nS1: pass"), {"S1": True})])
    assert alike.auroc.value is None
    assert alike.calibration_error.value == pytest.approx(0.2)
