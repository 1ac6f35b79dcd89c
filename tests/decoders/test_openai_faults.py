"""Faults of a real local endpoint: what is tried again, what is told at once, and that every token is counted."""

import asyncio
import random

import pytest
from endpoint import Endpoint, Fault
from planneal.decoders.base import SampleRequest
from planneal.decoders.openai_backend import OpenAIModel
from planneal.decoders.retries import RetryPolicy
from planneal.planner.errors import BadResponse, EndpointError, ModelError, TransientError

KEY = "sk-very-secret-0123456789"


async def no_sleep(seconds):
    await asyncio.sleep(0)


def build(endpoint, *, policy=None, **options):
    options.setdefault("api_key", KEY)
    return OpenAIModel("tiny", base_url=endpoint.url, policy=policy or RetryPolicy(sleep=no_sleep), **options)


def draw(model, prompt="hello", **fields):
    return asyncio.run(model.sample(SampleRequest.of(prompt, **fields)))


FAULTS = {
    "rate limit": Fault.rate_limit("1"),
    "server error": Fault.server_error(500),
    "bad gateway": Fault.server_error(502),
    "timeout": Fault.slow(5.0),
    "dropped": Fault.dropped(),
    "truncated": Fault.truncated(),
    "no choices": Fault.raw('{"choices": []}'),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_what_can_pass_is_tried_again_and_counted(fault):
    with Endpoint(lambda body, index: "nuts = 4", script=[fault]) as endpoint:
        samples = draw(build(endpoint, timeout=0.3), max_tokens=50)
        assert samples[0].text == "nuts = 4"
        assert (samples.usage.calls, samples.usage.retries, endpoint.requests) == (1, 1, 2)


@pytest.mark.parametrize("name", ["rate limit", "server error", "timeout", "dropped", "truncated"])
def test_what_does_not_pass_is_given_up_within_the_bound(name):
    with Endpoint(script=lambda number, body: FAULTS[name]) as endpoint:
        model = build(endpoint, timeout=0.1)
        expected, bound = (BadResponse, 2) if name == "truncated" else (TransientError, 4)
        with pytest.raises(expected, match="gave up after") as caught:
            draw(model, max_tokens=50)
        assert endpoint.requests == bound
        assert (caught.value.usage.calls, caught.value.usage.retries) == (0, bound)
        if expected is TransientError:
            assert caught.value.attempts == bound
            assert caught.value.status == {"rate limit": 429, "server error": 500}.get(name)


@pytest.mark.parametrize("max_attempts", [1, 2, 3])
def test_a_request_bounds_its_own_attempts(max_attempts):
    with Endpoint(script=lambda number, body: Fault.server_error()) as endpoint:
        with pytest.raises(TransientError, match=f"max_attempts={max_attempts}"):
            draw(build(endpoint), max_attempts=max_attempts)
        assert endpoint.requests == max_attempts


REFUSALS = {
    400: "refused the request",
    401: "does not accept the key",
    403: "check the key's rights",
    404: "check the model and the base URL",
    413: "refused the request",
    422: "refused the request",
}


@pytest.mark.parametrize("status", REFUSALS)
def test_what_cannot_pass_is_told_at_once(status):
    with Endpoint(script=lambda number, body: Fault.refusal(status, "no such luck")) as endpoint:
        with pytest.raises(EndpointError, match=REFUSALS[status]) as caught:
            draw(build(endpoint))
        assert endpoint.requests == 1
        assert caught.value.status == status
        assert "no such luck" in str(caught.value)
        assert endpoint.url in str(caught.value)


def test_a_spent_quota_does_not_pass():
    spent = Fault.refusal(429, "You exceeded your current quota", code="insufficient_quota")
    with Endpoint(script=lambda number, body: spent) as endpoint:
        with pytest.raises(EndpointError, match="exceeded your current quota"):
            draw(build(endpoint))
        assert endpoint.requests == 1


def test_a_web_page_is_told_at_once_with_its_beginning():
    page = Fault.raw("<html><body>Welcome to the proxy" + "x" * 1000, "text/html")
    with Endpoint(script=lambda number, body: page) as endpoint:
        with pytest.raises(BadResponse, match="Welcome to the proxy") as caught:
            draw(build(endpoint))
        assert endpoint.requests == 1
        assert "base URL" in str(caught.value)
        assert len(str(caught.value)) < 600


def test_nobody_listens():
    with Endpoint() as endpoint:
        model = build(endpoint)
    with pytest.raises(TransientError, match="is the server running") as caught:
        draw(model)
    assert caught.value.usage.tokens == 0  # nothing was sent, so nothing can have been generated
    assert not caught.value.usage.estimated


def test_retry_after_is_slept_and_a_long_one_is_not():
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    policy = RetryPolicy(sleep=sleep, jitter=lambda: 0.0)
    with Endpoint(script=[Fault.rate_limit("17")]) as endpoint:
        draw(build(endpoint, policy=policy))
        assert slept == [17.0]
    with Endpoint(script=[Fault.rate_limit("7200")]) as endpoint:
        with pytest.raises(TransientError, match="asks to wait 7200 s"):
            draw(build(endpoint, policy=policy))
        assert endpoint.requests == 1
        assert slept == [17.0]


@pytest.mark.parametrize("fault", [Fault.slow(2.0), Fault.dropped(), Fault.truncated()], ids=lambda fault: fault.name)
def test_lost_answers_are_charged_their_worst_case(fault):
    with Endpoint(lambda body, index: "nuts = 4", script=[fault]) as endpoint:
        model = build(endpoint, timeout=0.2)
        request = SampleRequest.of("hello", max_tokens=50)
        usage = asyncio.run(model.sample(request)).usage
        assert usage.estimated
        assert usage.prompt_tokens == model.prompt_bound(request.messages) + endpoint.served[1].prompt_tokens
        assert usage.completion_tokens == 50 + endpoint.served[1].completion_tokens
        assert usage.tokens > endpoint.prompt_tokens + endpoint.completion_tokens


def test_a_lost_answer_is_not_asked_for_again_where_it_could_pass_the_bound():
    # max_attempts=1 is what a budget with no headroom asks for: the worst case of one request, and no more.
    with Endpoint(script=[Fault.dropped()]) as endpoint:
        model = build(endpoint)
        request = SampleRequest.of("hello", max_tokens=50, max_attempts=1)
        with pytest.raises(TransientError) as caught:
            asyncio.run(model.sample(request))
        worst = model.worst_case(request)
        assert model.bound(request).tokens == worst.tokens
        assert caught.value.usage.tokens == worst.tokens
        assert endpoint.requests == 1


def random_fault(rng):
    return rng.choice(
        [None] * 6
        + [
            Fault.rate_limit(),
            Fault.server_error(503),
            Fault.dropped(),
            Fault.dropped(generates=False),
            Fault.truncated(),
            Fault.raw('{"choices": null}'),
        ]
    )


@pytest.mark.parametrize("seed", range(3))
def test_what_is_counted_here_is_what_the_endpoint_served(seed):
    """A random mix of requests and faults: equal where nothing was lost, never less where something was."""
    rng = random.Random(seed)
    exact = lost = 0
    with Endpoint(
        lambda body, index: "nuts = 4 " * (1 + (body.get("seed") or 0) % 7),
        script=lambda number, body: random_fault(rng),
        n="ignore" if seed == 1 else "honour",
        stop=("strip", "keep", "ignore")[seed],
    ) as endpoint:
        model = build(endpoint)

        async def run():
            nonlocal exact, lost
            for _ in range(60):
                before = (endpoint.requests, endpoint.prompt_tokens, endpoint.completion_tokens)
                request = SampleRequest.of(
                    "x" * rng.randint(1, 300),
                    n=rng.randint(1, 4),
                    max_tokens=rng.randint(1, 30),
                    temperature=rng.choice([None, 0.0, 1.0]),
                    seed=rng.choice([None, rng.randint(0, 99)]),
                    stop=rng.choice([(), ("4 n",)]),
                    max_attempts=rng.choice([None, 1, 2, 5, 8]),
                )
                bound = model.bound(request)
                try:
                    samples = await model.sample(request)
                    assert len(samples) == request.n
                    usage = samples.usage
                except ModelError as error:
                    usage = error.usage
                served = (
                    endpoint.requests - before[0],
                    endpoint.prompt_tokens - before[1],
                    endpoint.completion_tokens - before[2],
                )
                assert usage.calls + usage.retries == served[0]
                if usage.estimated:
                    lost += 1
                    assert usage.prompt_tokens >= served[1]
                    assert usage.completion_tokens >= served[2]
                else:
                    exact += 1
                    assert (usage.prompt_tokens, usage.completion_tokens) == served[1:]
                if request.max_attempts is not None:
                    assert served[0] <= request.max_attempts
                    assert usage.prompt_tokens <= bound.prompt_tokens
                    assert usage.completion_tokens <= bound.completion_tokens

        asyncio.run(run())
    assert exact >= 10
    assert lost >= 5


def test_usage_missing_or_null_is_estimated_and_marked():
    for usage in ("missing", "null"):
        with Endpoint(lambda body, index: "nuts = 4", usage=usage) as endpoint:
            model = build(endpoint)
            counted = draw(model).usage
            assert counted.estimated
            assert counted.prompt_tokens >= 1
            assert counted.completion_tokens >= 1
            assert model.capabilities.usage is False
    with Endpoint() as endpoint:
        model = build(endpoint)
        assert not draw(model).usage.estimated
        assert model.capabilities.usage is True


def test_an_empty_completion_is_one():
    with Endpoint(lambda body, index: "") as endpoint:
        samples = draw(build(endpoint))
        assert samples[0].text == ""
        assert endpoint.requests == 1


def test_a_cancelled_sample_lets_go():
    async def run(model):
        task = asyncio.create_task(model.sample(SampleRequest.of("hello")))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await model.sample(SampleRequest.of("hello"))

    with Endpoint(script=[Fault.slow(5.0)]) as endpoint:
        assert asyncio.run(run(build(endpoint)))[0].text == "ok"


@pytest.mark.parametrize("name", ["401", "403 echo", "429", "html", "truncated", "dropped"])
def test_the_key_is_never_told(name, caplog):
    caplog.set_level("DEBUG")
    fault = {
        "401": None,
        "403 echo": Fault.refusal(403, "x" * 290 + KEY),  # cut in the middle of the key, were it not taken out first
        "429": Fault.refusal(429, f"slow down, {KEY}"),
        "html": Fault.raw(f"<html>{KEY}", "text/html"),
        "truncated": Fault.raw(f'{{"choices": [ "{KEY}'),
        "dropped": Fault.dropped(),
    }[name]
    with Endpoint(script=lambda number, body: fault, key="sk-another") as endpoint:
        model = build(endpoint)
        with pytest.raises(ModelError) as caught:
            draw(model)
    assert endpoint.served[0].authorization == f"Bearer {KEY}"  # it was sent
    seen, error = [repr(model), str(vars(caught.value)), caplog.text], caught.value
    while error is not None:
        seen += [str(error), repr(error)]
        error = error.__cause__ or error.__context__
    for text in seen:
        assert KEY not in text
        assert KEY[:12] not in text
