"""Every fault an endpoint can have, in the middle of a whole run."""

from __future__ import annotations

import pytest
import worlds
from endpoint import Endpoint, Fault
from planneal import Pipeline
from planneal.decoders.openai_backend import OpenAIModel
from planneal.decoders.retries import RetryPolicy
from planneal.planner.errors import EndpointError, ModelError

FAST = RetryPolicy(base=0.0)


def solve(endpoint: Endpoint, **options):
    model = OpenAIModel("tiny", base_url=endpoint.url, policy=FAST, **options)
    return Pipeline(model).solve(worlds.QUESTION, seed=4)


PASSING = {
    "429 with Retry-After": Fault.rate_limit("0"),
    "500": Fault.server_error(),
    "timeout": Fault.slow(4.0),
    "dropped connection": Fault.dropped(),
}


@pytest.mark.parametrize("name", list(PASSING))
@pytest.mark.parametrize("at", [1, 2, 3])
def test_faults_that_pass_are_retried_and_the_run_ends_as_if_nothing_had_been(name, at):
    with Endpoint(worlds.endpoint_reply, script=[None] * (at - 1) + [PASSING[name]]) as endpoint:
        result = solve(endpoint, timeout=2.0)
        requests = endpoint.requests
    assert result.solved
    assert result.value == "9"
    assert result.spent.retries == 1
    assert requests == result.spent.calls + 1


@pytest.mark.parametrize("name", [name for name in PASSING if name != "timeout"])
def test_faults_that_stay_are_retried_within_a_bound_and_the_plan_survives(name):
    fault = PASSING[name]
    with Endpoint(worlds.endpoint_reply, script=lambda number, body: fault if number >= 1 else None) as endpoint:
        result = solve(endpoint)
        requests = endpoint.requests
    assert result.stop_reason == "endpoint"
    assert result.answer is None
    assert result.plan.items, "the drafted plan was lost"
    assert requests <= 1 + 2 * 4, "at most four attempts each for the edit and for the answer"


@pytest.mark.parametrize("status", [401, 404])
def test_refusals_are_told_at_once(status):
    with Endpoint(worlds.endpoint_reply, script=lambda number, body: Fault.refusal(status, "no")) as endpoint:
        with pytest.raises(EndpointError) as told:
            solve(endpoint)
        assert endpoint.requests == 1
    assert told.value.status == status


@pytest.mark.parametrize("status", [401, 404])
def test_a_refusal_in_the_middle_leaves_the_plan_and_is_not_retried(status):
    refusal = Fault.refusal(status, "no")
    with Endpoint(worlds.endpoint_reply, script=lambda number, body: refusal if number >= 1 else None) as endpoint:
        result = solve(endpoint)
        requests = endpoint.requests
    assert result.stop_reason == "endpoint"
    assert str(status) in result.detail
    assert result.plan.items
    assert requests <= 3, "one for the draft, one for the edit, one for the answer"


def test_truncated_json_is_survived():
    with Endpoint(worlds.endpoint_reply, script=[None, Fault.truncated()]) as endpoint:
        result = solve(endpoint)
    assert result.plan.items
    assert result.stop_reason in ("solved", "endpoint")


def test_always_truncated_json_before_any_plan_is_an_error():
    with Endpoint(worlds.endpoint_reply, script=lambda number, body: Fault.truncated()) as endpoint:
        with pytest.raises(ModelError):
            solve(endpoint)
        assert endpoint.requests <= 4


def test_empty_completions_are_malformed_proposals_not_crashes():
    def empty_edits(body, index):
        text = "".join(message["content"] for message in body["messages"])
        return "" if text.rstrip().endswith("Edits:") else worlds.respond(text)

    with Endpoint(empty_edits) as endpoint:
        result = solve(endpoint)
    assert not result.solved
    assert result.answer is not None
    assert result.spent.rejected_tokens >= 0


def test_an_empty_draft_still_becomes_a_plan_by_edits():
    def no_draft(body, index):
        text = "".join(message["content"] for message in body["messages"])
        if text.rstrip().endswith("Plan:"):
            return ""
        if "goal is not reached" in text and text.rstrip().endswith("Edits:"):
            return "insert S: [saws = wigs - 5]"
        return worlds.respond(text)

    with Endpoint(no_draft) as endpoint:
        result = solve(endpoint)
    assert any(item.id.startswith("S") for item in result.plan.items)


def test_missing_usage_is_estimated_and_marked():
    with Endpoint(worlds.endpoint_reply, usage="missing") as endpoint:
        result = solve(endpoint)
    assert result.value == "9"
    assert result.spent.estimated
    assert result.spent.tokens > 0
