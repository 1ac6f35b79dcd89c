"""The metered model: admitted, charged, recorded, and a bound that learns."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.decoders.base import SampleRequest
from planneal.decoders.metered import Account, MeteredModel
from planneal.decoders.replay import ReplayModel
from planneal.planner.errors import BudgetExhausted, EndpointError, TraceError
from planneal.planner.events import RunStarted
from planneal.planner.ledger import Budget, Ledger, Usage
from planneal.planner.task import Task
from planneal.testing import FunctionModel, ScriptedModel, count


def metered(model, budget=None, role="propose"):
    account = Account(Ledger(budget or Budget()), chain=2)
    return MeteredModel(model, account, role), account


def test_every_call_is_charged_to_its_role_and_recorded():
    model, account = metered(FunctionModel(lambda r, i: "hello there"))
    asyncio.run(model.sample(SampleRequest.of("question", n=2)))
    asyncio.run(model.for_role("answer").sample(SampleRequest.of("question")))
    spent = account.ledger.by_role
    assert spent["propose"].completion_tokens == 2 * count("hello there")
    assert spent["answer"].calls == 1
    events = [event for event in account.drain() if event.kind == "model_called"]
    assert [(event.role, event.chain) for event in events] == [("propose", 2), ("answer", 2)]
    assert account.drain() == []


def test_a_call_that_does_not_fit_is_not_made():
    inner = FunctionModel(lambda r, i: "x")
    model, _ = metered(inner, Budget(tokens=50))
    with pytest.raises(BudgetExhausted, match="tokens"):
        asyncio.run(model.sample(SampleRequest.of("question", max_tokens=60)))
    assert inner.requests == []


def test_errors_are_recorded_and_what_they_cost_is_charged():
    error = EndpointError("401", status=401)
    error.usage = Usage(retries=1)
    model, account = metered(ScriptedModel([error]))
    with pytest.raises(EndpointError):
        asyncio.run(model.sample(SampleRequest.of("q")))
    assert account.ledger.spent.retries == 1
    [event] = [event for event in account.drain() if event.kind == "model_called"]
    assert event.error_type == "EndpointError"


def test_a_cancelled_call_is_charged_its_worst_case():
    """The endpoint may have generated the answer that nobody waits for any more."""
    model, account = metered(FunctionModel(lambda r, i: "x", latency=5.0), Budget(tokens=1000))

    async def cut():
        task = asyncio.create_task(model.sample(SampleRequest.of("q", max_tokens=100)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut())
    assert account.ledger.spent.completion_tokens == 100
    assert account.ledger.spent.estimated


@given(st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_bounds_learnt_from_a_shared_beginning_stay_bounds(shared, a, b):
    """A known prompt tightens the bound on one that begins alike, and never below the true count."""
    model, _ = metered(FunctionModel(lambda r, i: "x", counts=False))
    first, second = SampleRequest.of(shared + a), SampleRequest.of(shared + b)
    before = model.prompt_bound(second.messages)
    asyncio.run(model.sample(first))
    after = model.prompt_bound(second.messages)
    assert count(second.prompt) <= after <= before


def test_a_long_shared_beginning_tightens_the_bound_a_lot():
    model, _ = metered(FunctionModel(lambda r, i: "x", counts=False))
    long = "the same question over and over " * 30
    asyncio.run(model.sample(SampleRequest.of(long + "first")))
    assert model.prompt_bound(SampleRequest.of(long + "second").messages) < len(long) // 2


def test_attempts_are_limited_by_a_cap_on_calls():
    inner = FunctionModel(lambda r, i: "x")
    model, _ = metered(inner, Budget(calls=3))
    asyncio.run(model.sample(SampleRequest.of("q")))
    assert inner.requests[0].max_attempts == 1 or inner.requests[0].max_attempts <= 3
    assert inner.requests[0].key() == SampleRequest.of("q").key(), "effort is no part of a request's content"


def header() -> RunStarted:
    return RunStarted(planneal="0", task=Task(question="q"), model="m", seed=0, budget=Budget())


def test_replay_serves_what_was_recorded_in_order_and_nothing_else():
    replies = iter(["one", "two"])
    model, account = metered(FunctionModel(lambda r, i: next(replies), scorer=lambda p, c: -1.5))
    request = SampleRequest.of("q", seed=1)
    for _ in range(2):
        asyncio.run(model.sample(request))
    asyncio.run(model.score("q", "abc"))
    again = ReplayModel([header(), *account.drain()])
    assert [asyncio.run(again.sample(request))[0].text for _ in range(2)] == ["one", "two"]
    assert asyncio.run(again.score("q", "abc")).total == pytest.approx(-1.5)
    assert again.left == 0
    with pytest.raises(TraceError, match="does not hold"):
        asyncio.run(again.sample(request))
    with pytest.raises(TraceError, match="does not hold"):
        asyncio.run(again.sample(SampleRequest.of("q", seed=2)))


def test_replay_raises_recorded_errors_and_needs_a_header():
    model, account = metered(ScriptedModel([EndpointError("401", status=401)]))
    with pytest.raises(EndpointError):
        asyncio.run(model.sample(SampleRequest.of("q")))
    events = account.drain()
    with pytest.raises(EndpointError, match="401"):
        asyncio.run(ReplayModel([header(), *events]).sample(SampleRequest.of("q")))
    with pytest.raises(TraceError):
        ReplayModel(events)
