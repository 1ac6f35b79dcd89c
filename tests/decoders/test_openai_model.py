"""An endpoint that ignores what it is asked is made up for, and the model works in any event loop."""

import asyncio
import gc
import json
import logging
import threading

import httpx2
import pytest
from endpoint import Endpoint, Fault
from planneal.decoders.base import Capabilities, SampleRequest
from planneal.decoders.openai_backend import OpenAIModel
from planneal.decoders.retries import RetryPolicy
from planneal.planner.errors import BadResponse, ConfigError, EndpointError, TransientError


def build(endpoint, **options):
    return OpenAIModel("tiny", base_url=endpoint.url, policy=RetryPolicy(base=0.001), **options)


def draw(model, prompt="hello", **fields):
    return asyncio.run(model.sample(SampleRequest.of(prompt, **fields)))


def by_seed(body, index):
    return f"seed {body.get('seed')} choice {index}"


# --- what is asked for and what comes


def test_only_what_was_set_is_sent():
    with Endpoint() as endpoint:
        draw(build(endpoint), max_tokens=9)
        assert endpoint.served[0].body == {
            "model": "tiny",
            "messages": [{"role": "user", "content": "hello"}],
            "max_tokens": 9,
        }


def test_an_endpoint_that_honours_n_is_asked_once():
    with Endpoint(by_seed) as endpoint:
        model = build(endpoint)
        request = SampleRequest.of("hello", n=3, seed=5, temperature=1.0)
        assert model.worst_case(request).calls == 3  # nothing is known yet
        samples = asyncio.run(model.sample(request))
        assert [completion.text for completion in samples] == [f"seed 5 choice {i}" for i in range(3)]
        assert endpoint.requests == 1
        assert model.capabilities.n is True
        assert model.worst_case(request).calls == 1
        assert samples.notes == ()


def test_an_ignored_n_is_topped_up_with_seeds_of_their_own_and_remembered(caplog):
    with Endpoint(by_seed, n="ignore") as endpoint:
        model = build(endpoint)
        request = SampleRequest.of("hello", n=4, seed=5, temperature=1.0)
        samples = asyncio.run(model.sample(request))
        assert len(samples) == 4
        assert len({completion.text for completion in samples}) == 4
        assert samples[0].text == "seed 5 choice 0"
        assert "n ignored: 3 extra calls" in samples.notes
        assert samples.usage.calls == endpoint.requests == 4
        assert samples.usage.prompt_tokens == endpoint.prompt_tokens
        assert model.capabilities.n is False
        again = asyncio.run(model.sample(request))
        assert [c.text for c in again] == [c.text for c in samples]  # the same seed, the same draws in the same order
        assert all("n" not in served.body for served in endpoint.served[4:])
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1


def test_top_ups_run_side_by_side_within_the_limit():
    inside, most = 0, 0
    lock = threading.Lock()

    async def handle(request):
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        await asyncio.sleep(0.02)
        inside -= 1
        return httpx2.Response(200, json={"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]})

    model = OpenAIModel(
        "tiny",
        base_url="http://localhost/v1",
        parallel=3,
        transport=httpx2.MockTransport(handle),
        capabilities=Capabilities(n=False),
    )
    assert len(draw(model, n=10)) == 10
    assert most == 3


def test_a_failing_top_up_is_told_with_what_all_of_them_cost():
    script = [None, None, Fault.refusal(403, "enough"), None]
    with Endpoint(n="ignore", script=script) as endpoint:
        with pytest.raises(EndpointError, match=r"of 4 choices came, then: .*enough") as caught:
            draw(build(endpoint), n=4)
        usage = caught.value.usage
        assert usage.calls + usage.retries == endpoint.requests
        assert (usage.prompt_tokens, usage.completion_tokens) == (endpoint.prompt_tokens, endpoint.completion_tokens)


def test_too_few_attempts_for_the_choices_is_told():
    with Endpoint(n="ignore") as endpoint:
        with pytest.raises(BadResponse, match=r"2 of 3 choices came, then: .*max_attempts=2"):
            draw(build(endpoint), n=3, max_attempts=2)
        assert endpoint.requests == 2


def test_more_choices_than_asked_for_are_cut():
    async def handle(request):
        return httpx2.Response(200, json={"choices": [{"message": {"content": str(i)}} for i in range(5)]})

    model = OpenAIModel("tiny", base_url="http://localhost/v1", transport=httpx2.MockTransport(handle))
    assert [c.text for c in draw(model, n=2)] == ["0", "1"]


@pytest.mark.parametrize(("stop", "note"), [("keep", "stop kept"), ("ignore", "stop ignored"), ("strip", None)])
def test_stop_strings_never_come_through(stop, note):
    with Endpoint(lambda body, index: "nuts = 4\nEND and on it goes for a good while", stop=stop) as endpoint:
        model = build(endpoint)
        samples = draw(model, stop=("END",))
        assert samples[0].text == "nuts = 4\n"
        assert samples[0].finish_reason == "stop"
        assert any(found.startswith(note) for found in samples.notes) if note else samples.notes == ()
        assert model.capabilities.stop is (False if note else None)  # not to see one does not prove anything
        assert samples.usage.completion_tokens == endpoint.completion_tokens


def test_logprobs_come_or_are_none():
    with Endpoint(lambda body, index: "nuts = 4") as endpoint:
        model = build(endpoint)
        assert [entry.token for entry in draw(model, logprobs=True)[0].logprobs] == ["nuts", " = 4"]
        assert model.capabilities.logprobs is True
        assert draw(model)[0].logprobs is None
    with Endpoint(logprobs=False) as endpoint:
        model = build(endpoint)
        samples = draw(model, logprobs=True)
        assert samples[0].logprobs is None
        assert "logprobs asked for, none came" in samples.notes
        assert model.capabilities.logprobs is False


def test_refused_fields_are_left_out_told_once_and_noted_every_time(caplog):
    refuse = {
        "temperature": "Unsupported value: 'temperature' does not support 0 with this model.",
        "max_tokens": "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
        "stop": "Unsupported parameter: 'stop' is not supported with this model.",
        "logprobs": "Unsupported parameter: 'logprobs'",
        "seed": "Unrecognized request argument supplied: seed",
    }
    with Endpoint(lambda body, index: "4 END 5", refuse=refuse) as endpoint:
        model = build(endpoint)
        fields = {"temperature": 0.0, "max_tokens": 20, "stop": ("END",), "logprobs": True, "seed": 3}
        first = draw(model, **fields)
        assert endpoint.requests == 6
        assert (first.usage.calls, first.usage.retries) == (1, 5)
        second = draw(model, **fields)
        assert endpoint.requests == 7
        assert endpoint.served[-1].body.keys() == {"model", "messages", "max_completion_tokens"}
        for samples in (first, second):
            assert samples[0].text == "4 "
            for field in ("temperature", "stop", "logprobs", "seed"):
                assert f"{field} not sent: the endpoint refuses it" in samples.notes
        assert [record.message for record in caplog.records if "temperature" in record.message] == [
            f"openai/tiny at {endpoint.url}: temperature refused: not sent to this endpoint"
        ]


def test_a_refused_n_becomes_single_requests():
    with Endpoint(by_seed, refuse={"n": "Only one completion choice is allowed"}) as endpoint:
        model = build(endpoint)
        samples = draw(model, n=3, seed=1)
        assert len({completion.text for completion in samples}) == 3
        assert endpoint.requests == 4
        assert model.capabilities.n is False


def test_a_refusal_with_no_attempt_left_says_that_the_next_one_may_pass():
    with Endpoint(refuse={"temperature": "temperature is not supported"}) as endpoint:
        model = build(endpoint)
        with pytest.raises(TransientError, match="max_attempts=1"):
            draw(model, temperature=0.0, max_attempts=1)
        assert draw(model, temperature=0.0, max_attempts=1)[0].text == "ok"


def test_identical_draws_are_noted_only_where_they_were_meant_to_differ():
    with Endpoint(lambda body, index: "4") as endpoint:
        model = build(endpoint)
        assert draw(model, n=3, temperature=1.0).notes == ("identical draws: 1 distinct of 3 at temperature 1",)
        assert draw(model, n=3, temperature=0.0).notes == ()
        assert draw(model, n=1, temperature=1.0).notes == ()


def test_counts_beyond_the_bound_are_noted_and_widen_it():
    async def handle(request):
        usage = {"prompt_tokens": 900, "completion_tokens": 70}
        return httpx2.Response(200, json={"choices": [{"message": {"content": "x"}}], "usage": usage})

    model = OpenAIModel("tiny", base_url="http://localhost/v1", transport=httpx2.MockTransport(handle))
    request = SampleRequest.of("hello", max_tokens=50)
    assert model.worst_case(request).prompt_tokens < 900
    samples = asyncio.run(model.sample(request))
    assert any("900 prompt tokens counted" in note for note in samples.notes)
    assert any("70 completion tokens counted, 50 were allowed" in note for note in samples.notes)
    assert model.worst_case(request).prompt_tokens == 900


def test_wall_seconds_come_from_the_clock():
    ticks = iter([10.0, 13.5])
    with Endpoint() as endpoint:
        model = OpenAIModel("tiny", base_url=endpoint.url, policy=RetryPolicy(clock=lambda: next(ticks)))
        assert draw(model).usage.seconds == 3.5


# --- configuration


def test_the_environment_says_where_and_with_which_key(monkeypatch):
    with Endpoint(key="sk-env") as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-env\n")
        assert draw(OpenAIModel("tiny"))[0].text == "ok"
        with pytest.raises(EndpointError):
            draw(OpenAIModel("tiny", api_key="sk-argument"))
        monkeypatch.setenv("OPENAI_BASE_URL", "https://elsewhere.example/v1")
        assert draw(OpenAIModel("tiny", base_url=endpoint.url))[0].text == "ok"


@pytest.fixture
def bare(monkeypatch):
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.mark.usefixtures("bare")
def test_a_remote_endpoint_needs_a_key_before_any_call():
    with pytest.raises(ConfigError, match=r"https://api\.openai\.com/v1 needs a key: set OPENAI_API_KEY"):
        OpenAIModel("gpt")
    for url in ("http://127.0.0.1:8000/v1", "http://localhost:8000/v1", "http://[::1]:8000/v1"):
        assert OpenAIModel("tiny", base_url=url).base_url == url
    with pytest.raises(ConfigError, match="needs a key"):
        OpenAIModel("tiny", base_url="http://192.168.0.7:8000/v1")


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host/v1", "http://", "http://host:port/v1", "nonsense"])
def test_a_malformed_url_is_told(url):
    with pytest.raises(ConfigError, match="must look like"):
        OpenAIModel("tiny", base_url=url, api_key="sk")


@pytest.mark.parametrize("url", ["https://u:sk-p@host/v1", "https://sk-p@host/v1", "https://host/v1?key=sk-p"])
def test_a_key_does_not_belong_in_a_url(url):
    with pytest.raises(ConfigError) as caught:
        OpenAIModel("tiny", base_url=url, api_key="sk")
    assert "sk-p" not in str(caught.value)


def test_a_key_that_no_header_can_carry_is_told_without_being_told():
    for key in ("sk-ke\u0301y", "sk-a\nb", "sk-\x00"):
        with pytest.raises(ConfigError) as caught:
            OpenAIModel("tiny", base_url="http://localhost/v1", api_key=key)
        assert key not in str(caught.value)


def test_an_empty_model_name_is_told():
    with pytest.raises(ConfigError, match="name is empty"):
        OpenAIModel(" ", base_url="http://localhost/v1")


# --- event loops (warnings are errors here, so an unclosed connection fails a test)


def test_several_runs_one_after_another_share_a_model():
    with Endpoint() as endpoint:
        model = build(endpoint)
        for _ in range(3):
            assert draw(model)[0].text == "ok"
            gc.collect()
        assert len(model._clients._held) <= 1  # closed loops are let go of


def test_a_running_loop_as_a_notebook_has_it():
    async def cell(model):
        return (await model.sample(SampleRequest.of("hello")))[0].text

    with Endpoint() as endpoint:
        model = build(endpoint)
        loop = asyncio.new_event_loop()  # one loop that lives on between the cells
        try:
            assert [loop.run_until_complete(cell(model)) for _ in range(3)] == ["ok"] * 3
            assert len(endpoint._connections) == 1  # one connection, kept open between them
            loop.run_until_complete(model.aclose())
        finally:
            loop.close()
        gc.collect()


def test_closing_is_repeatable_and_the_model_stays_usable():
    async def main(model):
        await model.aclose()
        await model.sample(SampleRequest.of("hello"))
        await model.aclose()
        await model.aclose()
        return await model.sample(SampleRequest.of("hello"))

    with Endpoint() as endpoint:
        assert asyncio.run(main(build(endpoint)))[0].text == "ok"


def test_a_model_that_is_forgotten_closes_its_connections():
    async def main(endpoint):
        await build(endpoint).sample(SampleRequest.of("hello"))
        gc.collect()
        await asyncio.sleep(0.05)
        return len(endpoint._connections)

    with Endpoint() as endpoint:
        assert asyncio.run(main(endpoint)) == 0


def test_many_tasks_at_once():
    async def main(model):
        requests = [SampleRequest.of(f"prompt {i}", n=2, seed=i) for i in range(20)]
        return await asyncio.gather(*(model.sample(request) for request in requests))

    with Endpoint(by_seed, n="ignore") as endpoint:
        results = asyncio.run(main(build(endpoint)))
        assert [samples[0].text for samples in results] == [f"seed {i} choice 0" for i in range(20)]
        assert sum(samples.usage.calls for samples in results) == endpoint.requests
        assert sum(samples.usage.prompt_tokens for samples in results) == endpoint.prompt_tokens


def test_loops_in_two_threads_at_once():
    texts = []
    with Endpoint() as endpoint:
        model = build(endpoint)
        threads = [threading.Thread(target=lambda: texts.append(draw(model)[0].text)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == ["ok"] * 4


def test_a_transport_replaces_the_network():
    seen = []

    def handle(request):
        seen.append(json.loads(request.content))
        return httpx2.Response(200, json={"choices": [{"message": {"content": "hi"}}]})

    model = OpenAIModel("gpt", api_key="sk", transport=httpx2.MockTransport(handle))
    assert draw(model)[0].text == "hi"
    assert seen[0]["model"] == "gpt"
