"""The whole pipeline on scripted models: what comes back, what it says of itself, and that nothing is lost."""

from __future__ import annotations

import asyncio
import json
import signal

import planneal
import pytest
import worlds
from planneal import Budget, Pipeline, Settings, Task
from planneal.planner.errors import BudgetTooSmall, EndpointError, ModelError, TransientError
from planneal.planner.notation import format_plan
from planneal.planner.trace import masked, read_trace
from planneal.replay import replay
from planneal.testing import FunctionModel, ScriptedModel


def model(**options):
    return FunctionModel(worlds.model_reply, **options)


def test_a_broken_draft_is_repaired_and_answered_with_citations():
    result = planneal.solve(worlds.QUESTION, model=model(), seed=3)
    assert result.solved
    assert result.stop_reason == "solved"
    assert result.value == "9"
    assert result.answer.faithful
    assert result.answer.uncited == ()
    assert "nuts = 4" not in format_plan(result.draft)
    assert "nuts = 4" in format_plan(result.plan)
    assert [claim.outcome for claim in result.answer.claims] == ["pass"] * 5
    assert result.accepted >= 1


def test_the_chat_dialect_reaches_the_same_answer():
    result = planneal.solve(worlds.QUESTION, model=model(dialect="chat"), seed=3)
    assert result.value == "9"
    assert result.solved


def test_locked_constraints_stay_and_are_judged():
    kept = planneal.solve(Task(question=worlds.QUESTION, constraints=["saws > 0"]), model=model())
    assert kept.solved
    assert kept.plan["C1"].locked
    broken = planneal.solve(Task(question=worlds.QUESTION, constraints=["saws > 100"]), model=model())
    assert not broken.solved
    assert str(broken.plan["C1"].check) == "saws > 100"


def test_sync_and_async_agree_and_both_work_inside_a_running_loop():
    async def inside():
        awaited = await planneal.asolve(worlds.QUESTION, model=model(), seed=5)
        blocking = planneal.solve(worlds.QUESTION, model=model(), seed=5)
        return awaited, blocking

    awaited, blocking = asyncio.run(inside())
    outside = planneal.solve(worlds.QUESTION, model=model(), seed=5)
    plans = {format_plan(result.plan) for result in (awaited, blocking, outside)}
    assert len(plans) == 1
    assert {result.text for result in (awaited, blocking, outside)} == {outside.text}


@pytest.mark.parametrize("chains", [1, 3])
def test_equal_runs_give_equal_traces_and_replay_takes_the_same_decisions(tmp_path, chains):
    settings = Settings(chains=chains)
    paths = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    for path, latency in zip(paths, (0.0, 0.002), strict=True):
        Pipeline(model(latency=latency), settings=settings).solve(worlds.QUESTION, seed=11, trace=path)
    first, second = ([masked(event) for event in read_trace(path)] for path in paths)
    assert first == second
    other = tmp_path / "other.jsonl"
    Pipeline(model(), settings=settings).solve(worlds.QUESTION, seed=12, trace=other)
    assert [masked(event) for event in read_trace(other)] != first
    report = replay(paths[0])
    assert report.same, report.divergence
    assert report.result.value == "9"


def test_replay_tells_where_a_doctored_trace_departs(tmp_path):
    path = tmp_path / "trace.jsonl"
    planneal.solve(worlds.QUESTION, model=model(), seed=2, trace=path)
    path.write_text(path.read_text().replace("insert S before S1: [bolts = nuts + 3]", "delete S1"))
    report = replay(path)
    assert not report.same
    assert report.divergence


def test_nonsense_of_every_kind_never_crashes_a_run():
    for seed in range(40):
        babble = FunctionModel(worlds.garbage(seed))
        task = Task(question=worlds.QUESTION, constraints=["saws > 0"])
        result = Pipeline(babble, settings=Settings(chains=2)).solve(task, seed=seed)
        assert result.plan["C1"].locked
        assert result.answer is None or not result.answer.faithful


def test_a_budget_too_small_for_anything_is_told_before_the_first_call():
    asked = model()
    with pytest.raises(BudgetTooSmall, match=r"raise the cap on tokens to at least \d+"):
        planneal.solve(worlds.QUESTION, model=asked, budget=Budget(tokens=60))
    assert asked.requests == []


def test_the_least_budget_that_is_named_suffices():
    with pytest.raises(BudgetTooSmall) as told:
        planneal.solve(worlds.QUESTION, model=model(), budget=Budget(tokens=60))
    least = int(str(told.value).split("at least ")[1].split(".")[0])
    result = planneal.solve(worlds.QUESTION, model=model(), budget=Budget(tokens=least))
    assert result.spent.tokens <= least
    assert result.plan is not None


@pytest.mark.parametrize("error", [EndpointError("401: no key", status=401), TransientError("still 503")])
def test_an_endpoint_that_breaks_midway_leaves_the_best_plan(error):
    script = [worlds.draft(), error]
    result = planneal.solve(worlds.QUESTION, model=ScriptedModel(script, repeat=True))
    assert result.stop_reason == "endpoint"
    assert str(error) in result.detail
    assert format_plan(result.plan, bare=True) == worlds.draft()
    assert result.answer is None
    assert any("no answer" in warning for warning in result.warnings)


def test_an_endpoint_that_never_answered_raises():
    with pytest.raises(ModelError, match="401"):
        planneal.solve(worlds.QUESTION, model=ScriptedModel([EndpointError("401: no key", status=401)]))


def test_an_unfaithful_answer_is_decoded_again_and_the_faithful_one_kept():
    answers = iter(["answer: 99 [S1]", "saws = 9 [S77]\nanswer: 9 [S1]"])

    def reply(request, index):
        if request.prompt.endswith("answer:\n"):
            return next(answers, None) or worlds.respond(request.prompt)
        return worlds.respond(request.prompt)

    result = planneal.solve(worlds.QUESTION, model=FunctionModel(reply))
    assert result.answer.attempts == 3
    assert result.answer.faithful


def test_an_answer_that_stays_unfaithful_is_returned_and_marked():
    def reply(request, index):
        return "answer: 99 [S1]" if request.prompt.endswith("answer:\n") else worlds.respond(request.prompt)

    result = planneal.solve(worlds.QUESTION, model=FunctionModel(reply))
    assert not result.answer.faithful
    assert "the plan implies 9" in result.answer.problems[0]


def test_interruption_ends_the_run_with_the_best_plan_so_far():
    pipeline = Pipeline(model(latency=0.01))
    run = pipeline.stream(worlds.QUESTION, seed=1)

    async def drive():
        async for event in run:
            if event.kind == "plan_drafted":
                run.interrupt()

    asyncio.run(drive())
    assert run.result.stop_reason == "interrupted"
    assert run.result.answer is None
    assert format_plan(run.result.plan, bare=True) == worlds.draft()


def test_ctrl_c_gives_the_best_plan_and_restores_the_handler():
    before = signal.getsignal(signal.SIGINT)
    pressed = []

    def reply(request, index):
        if request.prompt.endswith("edit:\n") and not pressed:
            pressed.append(True)
            signal.raise_signal(signal.SIGINT)
        return worlds.respond(request.prompt)

    result = planneal.solve(worlds.QUESTION, model=FunctionModel(reply))
    assert signal.getsignal(signal.SIGINT) is before
    assert result.answer is None or result.answer.faithful
    assert any("stopped" in warning for warning in result.warnings)


def test_cancelling_the_task_leaves_a_readable_trace_and_the_best_plan(tmp_path):
    path = tmp_path / "cut.jsonl"
    run = Pipeline(model(latency=0.05)).stream(worlds.QUESTION, trace=path)

    async def drive():
        async for _ in run:
            pass

    async def cut():
        task = asyncio.create_task(drive())
        while not run.refinement.chains:
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut())
    kinds = [event.kind for event in read_trace(path)]
    assert kinds[0] == "run_started"
    assert "plan_drafted" in kinds
    assert format_plan(run.result.plan, bare=True) == worlds.draft()


def test_every_part_can_be_replaced():
    from planneal.proposers import Mixture

    only_structural = Pipeline(model(), proposer=lambda lm, prompts, settings: Mixture(None))
    result = only_structural.solve(worlds.QUESTION)
    assert not result.solved
    assert result.stop_reason in ("no_proposals", "no_hope")
    assert "propose" not in result.by_role


def test_the_trace_holds_no_gold_and_no_key(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123")
    path = tmp_path / "trace.jsonl"
    planneal.solve(worlds.QUESTION, model=model(), trace=path)
    text = path.read_text()
    assert "sk-secret-123" not in text
    head = json.loads(text.split("\n")[0])
    assert set(head["task"]) == {"question", "goal", "target", "constraints", "family"}
