"""The probe tells what an endpoint does from what it says it does, cheaply, and never raises."""

import asyncio
import random

import pytest
from endpoint import Endpoint, Fault
from planneal.decoders.base import Capabilities, Completion, LanguageModel, Samples
from planneal.decoders.doctor import MAX_CALLS, PROBE_TOKENS, probe
from planneal.decoders.openai_backend import OpenAIModel
from planneal.decoders.retries import RetryPolicy
from planneal.planner.ledger import Usage

SENTENCE = "The river runs slowly to the sea."


def look(endpoint, **options):
    model = OpenAIModel("tiny", base_url=endpoint.url, policy=RetryPolicy(base=0.001, jitter=lambda: 0.0), **options)
    return asyncio.run(probe(model))


def seeded(body, index):
    """Greedy at 0; else drawn from the seed and the choice, or anew each time where there is no seed."""
    if not body.get("temperature"):
        return SENTENCE
    seed = body.get("seed")
    rng = random.Random(f"{seed} {index}") if seed is not None else random.SystemRandom()
    return " ".join(rng.choice(["blue", "slow", "wide", "deep"]) for _ in range(20))


def test_an_endpoint_that_does_as_asked():
    with Endpoint(seeded) as endpoint:
        report = look(endpoint)
        assert {finding.name: finding.works for finding in report.findings} == {
            "reachable": True,
            "usage": True,
            "n": True,
            "draws differ": True,
            "seed": True,
            "stop": True,
            "logprobs": True,
        }
        assert not any(finding.consequence for finding in report.findings)
        assert report.capabilities == Capabilities(n=True, seed=True, stop=True, logprobs=True, usage=True)
        assert report.calls == endpoint.requests == 5
        assert report.usage.tokens == endpoint.prompt_tokens + endpoint.completion_tokens
        assert endpoint.completion_tokens <= 6 * PROBE_TOKENS


def test_an_endpoint_that_ignores_everything():
    rng = random.Random(0)

    def unseeded(body, index):
        return SENTENCE if not body.get("temperature") else str(rng.random())

    with Endpoint(unseeded, n="ignore", stop="keep", logprobs=False, usage="missing") as endpoint:
        report = look(endpoint)
        works = {finding.name: finding.works for finding in report.findings}
        assert works == {
            "reachable": True,
            "usage": False,
            "n": False,
            "draws differ": True,
            "seed": False,
            "stop": False,
            "logprobs": False,
        }
        assert all(finding.consequence for finding in report.findings if finding.works is False)
        assert report.capabilities == Capabilities(n=False, seed=False, stop=False, logprobs=False, usage=False)
        assert report.calls == endpoint.requests <= MAX_CALLS
        assert report.usage.estimated


def test_an_endpoint_that_never_varies():
    with Endpoint(lambda body, index: SENTENCE) as endpoint:
        report = look(endpoint)
        assert report["draws differ"].works is False
        assert "variety must come from the prompts" in report["draws differ"].consequence
        assert report["seed"].works is None  # equal draws prove nothing
        assert report.capabilities.seed is None


def test_a_stop_that_is_overrun():
    with Endpoint(seeded, stop="ignore") as endpoint:
        report = look(endpoint)
        assert report["stop"].works is False
        assert "ignored" in report["stop"].detail


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.refusal(401, "bad key"), "does not accept the key"),
        (Fault.refusal(404, "no such model"), "knows no model"),
        (Fault.server_error(), "answered 500"),
        (Fault.dropped(), "dropped the connection"),
        (Fault.raw("<html>", "text/html"), "did not answer with a completion"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_an_endpoint_that_fails_is_a_finding(fault, said):
    with Endpoint(script=lambda number, body: fault) as endpoint:
        report = look(endpoint)
        assert not report.reachable
        assert len(report.findings) == 1
        assert said in report["reachable"].detail
        assert report["reachable"].consequence
        assert report.calls == endpoint.requests <= MAX_CALLS


def test_an_endpoint_that_dies_midway():
    with Endpoint(seeded, script=lambda number, body: Fault.server_error() if number >= 2 else None) as endpoint:
        report = look(endpoint)
        assert report.reachable
        assert report["n"].works is True
        assert report["seed"].works is None
        assert "500" in report["seed"].detail
        assert report.calls == endpoint.requests <= MAX_CALLS


def test_refusals_use_up_the_calls_but_never_more_than_allowed():
    refuse = {name: f"Unsupported parameter: '{name}'" for name in ("temperature", "seed", "stop", "logprobs", "n")}
    refuse["max_tokens"] = "Use 'max_completion_tokens' instead of 'max_tokens'"
    with Endpoint(seeded, refuse=refuse) as endpoint:
        report = look(endpoint)
        assert report.reachable
        assert report["n"].works is False
        assert endpoint.requests <= MAX_CALLS
        assert report.calls == endpoint.requests
        unknown = [finding for finding in report.findings if finding.works is None]
        assert all("calls are spent" in finding.detail or "max_attempts" in finding.detail for finding in unknown)


def test_an_empty_answer_is_reached_and_minded():
    with Endpoint(lambda body, index: "") as endpoint:
        report = look(endpoint)
        assert report.reachable
        assert "empty" in report["reachable"].consequence
        assert report["stop"].works is None


def test_a_model_that_is_no_endpoint():
    class Local(LanguageModel):
        name = "local"
        capabilities = Capabilities(n=True, parameters=7)

        async def sample(self, request):
            text = SENTENCE if not request.temperature else f"seed {request.seed} drawn"
            at = min((text.find(stop) for stop in request.stop if stop in text), default=len(text))
            one = Completion(text=text[:at])
            return Samples((one,) * request.n, Usage(prompt_tokens=5, completion_tokens=5 * request.n, calls=1))

    report = asyncio.run(probe(Local()))
    assert report.reachable
    assert report["stop"].works is True
    assert report["logprobs"].works is False
    assert report.capabilities.parameters == 7
