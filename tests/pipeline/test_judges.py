"""Judges in a whole run: paid for, recorded, replayed; and the one that reports never steered."""

from __future__ import annotations

import re

import pytest
import worlds
from planneal import Budget, Pipeline, Settings
from planneal.planner.errors import ConfigError, ModelError, TransientError
from planneal.planner.trace import read_trace
from planneal.replay import replay
from planneal.testing import FunctionModel
from planneal.verifiers import PairwiseJudge, RelationsVerifier, SelfCheckVerifier, StructureVerifier
from planneal.verifiers.asking import Ballot
from planneal.verifiers.bradley_terry import position_bias

EXACT = (StructureVerifier(), RelationsVerifier())
SETTINGS = Settings(self_check="off", chains=2)


def reply(request, index):
    """The world's good model, which also judges: it likes longer plans, and says no to nothing."""
    prompt = request.prompt
    if prompt.rstrip().endswith("Answer A or B:"):
        first, second = re.search(r"Plan A:\n(.*)\n\nPlan B:\n(.*)\n\nWhich", prompt, re.DOTALL).groups()
        return "A" if len(first) >= len(second) else "B"
    if "Is it right?" in prompt:
        return "yes"
    return worlds.respond(prompt)


def model(**options):
    return FunctionModel(reply, dialect="chat", **options)


def test_a_run_with_a_pairwise_judge_is_metered_recorded_and_replayed(tmp_path):
    def make(given, settings):
        judges = (*EXACT, PairwiseJudge(method="votes", votes=2))
        return Pipeline(given, settings=settings, verifiers=judges, clock=lambda: 0.0)

    trace = tmp_path / "run.jsonl"
    result = make(model(), SETTINGS).solve(worlds.QUESTION, seed=3, trace=trace)
    assert result.solved
    events = list(read_trace(trace))
    told = [event for event in events if event.kind == "plans_compared"]
    assert told
    calls = [event for event in events if event.kind == "model_called" and event.role == "verify"]
    assert len(calls) >= 2 * len(told)
    assert result.by_role["verify"].calls == len(calls)
    assert not any("incumbent" in str(event.request) for event in calls)
    found = replay(trace, pipeline=make)
    assert found.same, found.divergence


def test_another_draw_of_votes_would_not_replay(tmp_path):
    """Negative control: the replay notices a judge that asks otherwise."""

    def make(votes):
        def made(given, settings):
            judges = (*EXACT, PairwiseJudge(method="votes", votes=votes))
            return Pipeline(given, settings=settings, verifiers=judges, clock=lambda: 0.0)

        return made

    trace = tmp_path / "run.jsonl"
    make(2)(model(), SETTINGS).solve(worlds.QUESTION, seed=3, trace=trace)
    assert not replay(trace, pipeline=make(3)).same


@pytest.mark.parametrize("cap", [1500, 2500, 4000, 8000])
def test_judges_keep_within_the_budget(cap):
    doubting = SelfCheckVerifier(votes=Ballot(5, confidence=0.95), method="votes")
    judges = (*EXACT, doubting, PairwiseJudge(method="votes"))
    result = Pipeline(model(), settings=SETTINGS, verifiers=judges).solve(worlds.QUESTION, budget=Budget(tokens=cap))
    assert result.spent.tokens <= cap
    assert result.answer is not None


def test_a_judge_that_is_away_costs_the_run_its_word_alone():
    def away(request, index):
        return ModelError("away") if "Plan B" in request.prompt else reply(request, index)

    judges = (*EXACT, PairwiseJudge(method="votes"))
    result = Pipeline(FunctionModel(away, dialect="chat"), verifiers=judges).solve(worlds.QUESTION, seed=3)
    assert result.solved
    assert result.value == "9"


def test_the_judge_that_reports_is_asked_last_and_about_the_chosen_plan(tmp_path):
    def make(given, settings):
        reporter = SelfCheckVerifier(method="votes", votes=3)
        return Pipeline(given, settings=settings, verifiers=EXACT, report_with=reporter, clock=lambda: 0.0)

    trace = tmp_path / "run.jsonl"
    result = make(model(), SETTINGS).solve(worlds.QUESTION, seed=3, trace=trace)
    assert result.report.judge == "self_check"
    assert result.report.score == pytest.approx(3.5 / 4)
    assert set(result.report.assessment.verdicts) == set(result.plan.by_id)
    events = list(read_trace(trace))
    (told,) = (event for event in events if event.kind == "plan_reported")
    assert told.score == pytest.approx(3.5 / 4)
    assert all(verdict["variance"] > 0 for verdict in told.verdicts.values())
    asked = [i for i, e in enumerate(events) if e.kind == "model_called" and e.role == "verify"]
    assert asked[0] > next(i for i, e in enumerate(events) if e.kind == "plan_chosen")
    assert replay(trace, pipeline=make).same


def test_a_pairwise_report_sets_the_plan_against_the_draft():
    pipeline = Pipeline(model(), verifiers=EXACT, report_with=PairwiseJudge(method="votes"))
    result = pipeline.solve(worlds.QUESTION, seed=3)
    assert result.plan != result.draft
    assert result.report.comparison.log_odds > 0
    assert result.report.score > 0.5
    assert position_bias([result.report.comparison]).p_value == 1


def test_who_steers_may_not_report():
    judge = SelfCheckVerifier(method="votes")
    for reporter in (judge, SelfCheckVerifier(method="yes_no")):
        with pytest.raises(ConfigError, match="steers the run"):
            Pipeline(model(), verifiers=(*EXACT, judge), report_with=reporter)
    Pipeline(model(), verifiers=(*EXACT, judge), report_with=SelfCheckVerifier(model(), method="votes"))
    Pipeline(model(), verifiers=(*EXACT, judge), report_with=PairwiseJudge())


def test_a_judge_with_a_model_of_its_own_asks_that_one_metered():
    other = FunctionModel(lambda request, index: "no", dialect="chat", name="other")
    writer = model()
    result = Pipeline(
        writer, verifiers=EXACT, report_with=SelfCheckVerifier(other, method="votes", votes=1)
    ).solve(worlds.QUESTION, seed=3)
    assert result.report.score == pytest.approx(0.25)
    assert len(other.requests) == len(result.plan.items) == result.by_role["verify"].calls
    assert not any("Is it right?" in request.prompt for request in writer.requests)


def test_a_report_that_cannot_be_had_is_told():
    other = FunctionModel(lambda request, index: TransientError("gone"), dialect="chat")
    reporter = SelfCheckVerifier(other, method="votes")
    result = Pipeline(model(), verifiers=EXACT, report_with=reporter).solve(worlds.QUESTION, seed=3)
    assert (result.report.score, "gone" in result.report.abstained, result.value) == (None, True, "9")
    plain = Pipeline(model(), verifiers=EXACT).solve(worlds.QUESTION, seed=3)
    assert plain.report is None
    tight = Budget(calls=plain.spent.calls)
    poor = Pipeline(model(), verifiers=EXACT, report_with=SelfCheckVerifier(method="votes"))
    result = poor.solve(worlds.QUESTION, seed=3, budget=tight)
    assert result.report is None
    assert any("no report by self_check" in warning for warning in result.warnings)
