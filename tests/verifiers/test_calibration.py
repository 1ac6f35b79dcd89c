"""Calibration: held-out error falls where it should, nothing is harmed elsewhere, files are kept apart."""

import asyncio
import json
import sys

import numpy as np
import pytest
from planneal import Task, Verdict, Verifier, parse_plan
from planneal.planner.errors import CalibrationError, ConfigError, MissingExtra
from planneal.planner.verifier import Judgement
from planneal.testing import check_verifier
from planneal.verifiers.calibration import Calibrated, Calibration, Subject, fit
from planneal.verifiers.scoring import calibration_error

METHODS = ("isotonic", "platt")
TASK = Task(question="?")
PLAN = parse_plan("goal: g\nS1: a\nS2: b\nS3: c\nS4: d")


@pytest.fixture(autouse=True)
def learner():
    pytest.importorskip("sklearn", reason="scikit-learn, which calibrations are fitted with, is not installed")


class Judge(Verifier):
    """Scores written in a table; the rest is unknown."""

    name, trust, version, stage = "judge", "noisy", "3", 4

    def __init__(self, scores=None, variance=0.0):
        self.scores, self.variance = scores or {}, variance

    def scope(self, task, plan, item_id):
        return plan.by_id.get(item_id)

    async def judge(self, task, plan, item_ids, draw=0):
        return Judgement({i: self.said(i) for i in item_ids})

    def said(self, item_id):
        score = self.scores.get(item_id)
        if score is None:
            return Verdict.unknown("who knows")
        return Verdict(outcome="pass" if score >= 0.5 else "fail", score=score, variance=self.variance, reason="so")


def sample(rng, count, distort):
    """Scores that are ``distort`` of the true probability of being right, and labels."""
    true = rng.beta(1.2, 1.2, count)
    return distort(true), rng.random(count) < true


def overconfident(p):
    odds = (p / (1 - p)) ** 3
    return odds / (1 + odds)


def bent(p):
    return p**3


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("distort", [overconfident, bent], ids=["overconfident", "bent"])
def test_the_error_falls_on_held_out_data(method, distort):
    rng = np.random.default_rng(1)
    made = fit(Judge(), *sample(rng, 1_000, distort), method)
    scores, labels = sample(rng, 4_000, distort)
    before, after = calibration_error(scores, labels), calibration_error(made(scores), labels)
    assert before > 0.09
    assert after < 0.4 * before
    assert made.error_before > made.error_after


@pytest.mark.parametrize("method", METHODS)
def test_a_calibrated_score_is_not_harmed_beyond_noise(method):
    """Negative control: there is nothing to gain, and the error stays within what its own noise allows."""
    rng = np.random.default_rng(2)
    made = fit(Judge(), *sample(rng, 1_000, lambda p: p), method)
    scores, labels = sample(rng, 4_000, lambda p: p)
    resampled = [calibration_error(scores, rng.random(len(scores)) < scores) for _ in range(200)]
    assert calibration_error(scores, labels) < np.quantile(resampled, 0.999)
    # what the fit itself can be off by: 1,000 labels in ten bins, 0.016 a bin
    assert calibration_error(made(scores), labels) < np.quantile(resampled, 0.999) + 0.025


def test_labels_that_know_nothing_of_the_scores_teach_only_the_base_rate():
    """Negative control: no map is found where there is none."""
    rng = np.random.default_rng(3)
    scores, labels = rng.random(2_000), rng.random(2_000) < 0.3
    try:
        made = fit(Judge(), scores, labels, "platt")
    except CalibrationError:
        return  # the slope came out negative
    assert np.ptp(made(np.linspace(0.05, 0.95, 19))) < 0.1


def test_platt_is_the_identity_on_log_odds_with_slope_one():
    made = Calibration(
        subject=Subject.of(Judge()), method="platt", slope=1.0, count=1, right=1, error_before=0, error_after=0
    )
    scores = np.array([0.01, 0.3, 0.5, 0.99])
    assert made(scores) == pytest.approx(scores)
    assert np.isfinite(made([0.0, 1.0])).all()


def test_platt_finds_the_distortion():
    rng = np.random.default_rng(4)
    made = fit(Judge(), *sample(rng, 20_000, overconfident), "platt")
    assert (made.slope, made.intercept) == (pytest.approx(1 / 3, abs=0.02), pytest.approx(0, abs=0.05))


def test_labels_that_scores_separate_give_finite_numbers():
    made = fit(Judge(), [0.1] * 20 + [0.9] * 20, [False] * 20 + [True] * 20, "platt")
    assert 0.8 < float(made([0.9])[0]) < 1.0
    assert 0.0 < float(made([0.1])[0]) < 0.2


def test_what_cannot_be_fitted_is_told():
    with pytest.raises(CalibrationError, match="all labels are equal"):
        fit(Judge(), [0.1, 0.2], [True, True])
    with pytest.raises(CalibrationError, match="more often wrong"):
        fit(Judge(), [0.1] * 20 + [0.9] * 20, [True] * 20 + [False] * 20)
    with pytest.raises(ConfigError, match="isotonic and platt"):
        fit(Judge(), [0.1, 0.2], [True, False], "beta")
    with pytest.raises(ValueError, match="same length"):
        fit(Judge(), [0.1, 0.2], [True])
    with pytest.raises(ValueError, match="outside"):
        fit(Judge(), [0.1, 1.2], [True, False])


@pytest.mark.parametrize("method", METHODS)
def test_a_file_is_applied_without_scikit_learn(method, tmp_path, monkeypatch):
    made = fit(Judge(), *sample(np.random.default_rng(5), 500, bent), method)
    made.save(tmp_path / "judge.json")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    for module in [name for name in sys.modules if name.startswith("sklearn.")]:
        monkeypatch.delitem(sys.modules, module)
    read = Calibration.load(tmp_path / "judge.json")
    assert read == made
    grid = np.linspace(0, 1, 101)
    assert (read(grid) == made(grid)).all()
    assert (np.diff(read(grid)) >= 0).all()
    assert read.digest == made.digest
    with pytest.raises(MissingExtra, match=r"pip install 'planneal\[calibration\]'$"):
        fit(Judge(), [0.1, 0.9], [False, True], method)
    assert (tmp_path / "judge.json").stat().st_size < 20_000


def calibration(**changes):
    facts = {"subject": Subject.of(Judge()), "method": "isotonic", "x": (0.2, 0.8), "y": (0.4, 0.6), "count": 9}
    return Calibration(**{**facts, "right": 4, "error_before": 0.2, "error_after": 0.1, **changes})


def other(**changes):
    made = Judge()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


class Model:
    def __init__(self, name):
        self.name = name


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (other(name="umpire"), "fitted for verifier 'judge', not 'umpire'"),
        (other(version="4"), "fitted for version '3', not '4'"),
        (other(model=Model("small")), "fitted for model 'large', not 'small'"),
    ],
    ids=["name", "version", "model"],
)
def test_a_calibration_of_another_verifier_is_refused(part, told):
    fits = calibration(subject=Subject.of(other(model=Model("large"))))
    with pytest.raises(CalibrationError, match=told):
        Calibrated(part, fits)
    Calibrated(other(model=Model("large")), fits)
    Calibrated(Judge(), fits)  # not bound yet: the model is looked at when it is


def test_a_model_bound_later_is_looked_at():
    class Asks(Judge):
        def with_model(self, model):
            return other(model=model)

    made = Calibrated(Asks(), calibration(subject=Subject.of(other(model=Model("large")))))
    assert made.with_model(Model("large")).part.model.name == "large"
    with pytest.raises(CalibrationError, match="model"):
        made.with_model(Model("small"))


def test_calibrating_twice_is_refused():
    once = Calibrated(Judge(), calibration())
    with pytest.raises(CalibrationError, match="version"):
        Calibrated(once, calibration())


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"x": [0.8, 0.2]},
        {"y": [0.6, 0.4]},
        {"y": [0.4, 1.6]},
        {"x": [0.2]},
        {"slope": -1.0},
        {"method": "magic"},
        {"surprise": 1},
    ],
)
def test_files_that_make_no_sense_are_refused(change, tmp_path):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**json.loads(calibration().model_dump_json()), **change}))
    with pytest.raises(CalibrationError, match="cannot be read"):
        Calibration.load(path)
    path.write_text("{")
    with pytest.raises(CalibrationError, match="cannot be read"):
        Calibration.load(path)
    with pytest.raises(CalibrationError, match="cannot be read"):
        Calibration.load(tmp_path / "missing.json")


def judged(verifier):
    return asyncio.run(verifier.assess(TASK, PLAN)).verdicts


def test_scores_are_mapped_and_outcomes_stay():
    found = judged(Calibrated(Judge({"S1": 0.5, "S2": 0.9, "S3": 0.35}, variance=0.01), calibration()))
    assert [found[i].score for i in ("S1", "S2", "S3")] == pytest.approx([0.5, 0.6, 0.45])
    assert [found[i].outcome for i in ("S1", "S2", "S3", "S4")] == ["pass", "pass", "fail", "unknown"]
    assert found["S4"] == Verdict.unknown("who knows")
    assert found["S1"].variance == pytest.approx(0.01 / 9)  # the map has slope 1/3
    assert found["S2"].variance == pytest.approx(0.0)  # and is flat there
    assert found["S1"].reason == "so"


def test_a_threshold_decides_anew():
    found = judged(Calibrated(Judge({"S1": 0.55, "S2": 0.9, "S3": 0.35}), calibration(), threshold=0.55))
    assert [found[i].outcome for i in ("S1", "S2", "S3", "S4")] == ["fail", "pass", "fail", "unknown"]
    assert [w.line for w in found["S1"].witnesses] == ["S1 is doubtful"]
    assert found["S3"].reason == "so"  # it failed before
    with pytest.raises(ConfigError):
        Calibrated(Judge(), calibration(), threshold=1.5)


def test_the_version_tells_the_calibration_and_the_laws_hold():
    first, second = Calibrated(Judge(), calibration()), Calibrated(Judge(), calibration(y=(0.1, 0.9)))
    assert len({Judge.version, first.version, second.version, Calibrated(Judge(), calibration(), 0.5).version}) == 4
    assert (first.name, first.trust, first.stage) == ("judge", "noisy", 4)
    scores = {f"S{n}": n / 10 for n in range(1, 10)}
    check_verifier(
        Calibrated(Judge(scores), calibration()), variants=[Calibrated(Judge(scores), calibration(y=(0.1, 0.9)))]
    ).require()
