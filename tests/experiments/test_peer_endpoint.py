"""The endpoint that peers are run against: counted as the model counts, capped, and refusing as OpenAI does."""

from __future__ import annotations

import asyncio
import json
import math
from itertools import pairwise

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from peer_world import USER, counted, desk_of, served
from planneal.decoders.base import Completion, Samples, TokenLogprob
from planneal.experiments.families.registry import answer_text
from planneal.experiments.peers.chat import Refused, read_chat
from planneal.experiments.peers.desk import reward
from planneal.experiments.peers.endpoint import MODEL
from planneal.planner.errors import ModelError, TransientError, VerifierError
from planneal.planner.ledger import Usage
from planneal.testing import FunctionModel


def ask(desk, *bodies, together=False):
    """What an OpenAI client gets for each request: a completion, or the error that it raises."""

    async def go():
        async with served(desk) as (_, client):

            async def one(body):
                try:
                    return await client.chat.completions.create(model=MODEL, **{"messages": USER, **body})
                except openai.APIError as error:
                    return error

            if together:
                return await asyncio.gather(*(one(body) for body in bodies))
            return [await one(body) for body in bodies]

    return asyncio.run(go())


def texts(reply):
    return [choice.message.content for choice in reply.choices]


def test_a_client_gets_what_it_asked_for_and_the_ledger_what_it_cost():
    model = FunctionModel(lambda request, index: f"nuts = {4 + index}\nanswer: {4 + index}")
    desk = desk_of(model)
    (reply,) = ask(desk, {"n": 3, "temperature": 0.5, "max_tokens": 40, "stop": ["\nanswer"], "seed": 7})
    assert texts(reply) == ["nuts = 4", "nuts = 5", "nuts = 6"]
    assert [choice.finish_reason for choice in reply.choices] == ["stop"] * 3
    (request,) = model.requests
    assert (request.n, request.temperature, request.max_tokens) == (3, 0.5, 40)
    assert (request.stop, request.seed) == (("\nanswer",), 7)
    spent = desk._seat.ledger.by_role["baseline"]
    assert (spent.prompt_tokens, spent.calls) == counted(model)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (spent.prompt_tokens, spent.completion_tokens)
    assert desk.served.tokens == spent.tokens


def test_what_a_request_does_not_name_is_as_openai_defines_it():
    model = FunctionModel(lambda request, index: "ok")
    ask(desk_of(model), {}, {"max_completion_tokens": 9})
    assert [(r.temperature, r.n, r.max_tokens) for r in model.requests] == [(1.0, 1, 512), (1.0, 1, 9)]


@pytest.mark.parametrize("tokens", [0, 20, 60, 150, 400, 1000, 5000])
def test_no_cap_is_passed_whatever_is_asked_at_once(tokens):
    model = FunctionModel(lambda request, index: "a = 1\n" * (5 + (request.seed or 0) % 20), latency=0.001)
    desk = desk_of(model, tokens)
    replies = ask(desk, *({"n": 1 + i % 3, "max_tokens": 40} for i in range(12)), together=True)
    spent = desk._seat.ledger.spent
    assert spent.tokens <= tokens
    assert (spent.prompt_tokens, spent.calls) == counted(model)
    assert desk.served.tokens == spent.tokens
    refused = [reply for reply in replies if isinstance(reply, openai.BadRequestError)]
    assert len(refused) == desk.refused == sum(not hasattr(reply, "choices") for reply in replies)
    assert all(error.code == "insufficient_quota" for error in refused)
    assert spent.tokens > 0.75 * tokens or not refused or tokens <= 60
    assert desk._seat.stop == ("tokens" if refused else "")


def test_requests_that_do_not_fit_together_wait_for_each_other():
    model = FunctionModel(lambda request, index: "ok", latency=0.01)
    desk = desk_of(model, 130)  # one worst case is 112: two at once would pass the cap, one after the other do not
    replies = ask(desk, *({"max_tokens": 100} for _ in range(3)), together=True)
    assert [texts(reply) for reply in replies] == [["ok"]] * 3
    assert [request.max_tokens for request in model.requests] == [100, 100, 100]


def test_a_last_completion_is_cut_at_what_is_left_and_fewer_of_many_are_given():
    desk = desk_of(FunctionModel(lambda request, index: "a = 1\n" * 100), 60)
    cut, none = ask(desk, {"n": 4, "max_tokens": 40}, {})
    assert [choice.finish_reason for choice in cut.choices] == ["length"]
    assert isinstance(none, openai.BadRequestError)


def test_other_caps_hold_as_well():
    model = FunctionModel(lambda request, index: "ok")
    desk = desk_of(model, calls=2)
    replies = ask(desk, {}, {}, {})
    assert [hasattr(reply, "choices") for reply in replies] == [True, True, False]
    assert len(model.requests) == 2
    assert desk._seat.stop == "calls"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"top_p": 0.5}, "top_p"),
        ({"presence_penalty": 1.0}, "presence_penalty"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
        ({"n": 0}, "n"),
        ({"temperature": 3}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages"),
    ],
)
def test_what_is_not_done_is_refused_by_name_and_costs_nothing(body, param):
    model = FunctionModel(lambda request, index: "ok")
    (error,) = ask(desk_of(model), body)
    assert isinstance(error, openai.BadRequestError)
    assert error.param == param
    assert model.requests == []


def test_neutral_and_unknown_fields_pass():
    chat = read_chat({"messages": USER, "top_p": 1, "stream": False, "extra_body": {"x": 1}, "stop": "a", "n": None})
    assert (chat.stop, chat.n) == (("a",), 1)
    parts = read_chat({"messages": [{"role": "developer", "content": [{"type": "text", "text": "be brief"}]}]})
    assert (parts.messages[0].role, parts.messages[0].content) == ("system", "be brief")
    with pytest.raises(Refused, match="not a JSON object"):
        read_chat([])


def test_strangers_and_wrong_paths_are_turned_away():
    async def go():
        async with served(desk_of(FunctionModel(lambda r, i: "ok"))) as (endpoint, client):
            stranger = client.with_options(api_key="guess")
            with pytest.raises(openai.AuthenticationError):
                await stranger.models.list()
            assert [model.id async for model in client.models.list()] == [MODEL]
            with pytest.raises(openai.NotFoundError):
                await client.embeddings.create(model=MODEL, input="x")
            return endpoint.url

    assert asyncio.run(go()).startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"POST /v1/score HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST /v1/score HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n", b"413"),
        (b"POST /v1/score HTTP/1.1\r\nContent-Length: x\r\n\r\n", b"400"),
        (b"POST /v1/score HTTP/1.1\r\nAuthorization: Bearer KEY\r\nContent-Length: 2\r\n\r\n{x", b"400"),
        (b"POST /v1/score HTTP/1.1\r\nAuthorization: Bearer KEY\r\nContent-Length: 2\r\n\r\n{}", b"400"),
        (b"nonsense\r\n\r\n", b"401"),
        (b"cut sho", b""),
    ],
)
def test_broken_http_is_answered_or_dropped(raw, status):
    async def go():
        async with served(desk_of(FunctionModel(lambda r, i: "ok"))) as (endpoint, _):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(endpoint.url.split(":")[2][:-3]))
            writer.write(raw.replace(b"KEY", endpoint.key.encode()))
            writer.write_eof()
            reply = await reader.read()
            writer.close()
            await writer.wait_closed()
            return reply

    reply = asyncio.run(go())
    assert reply.split(b" ")[1] == status if status else reply == b""


def test_an_assistants_message_is_gone_on_with():
    said = [*USER, {"role": "assistant", "content": "nuts = 4\n"}]
    raw, chatty = (FunctionModel(lambda r, i: "answer: 4", dialect=dialect) for dialect in ("compact", "chat"))
    desk = desk_of(raw)
    ask(desk, {"messages": said})
    assert raw.requests[0].prompt == "Question: how many nuts?nuts = 4\n"
    assert desk.texts == ["nuts = 4\nanswer: 4"]
    ask(desk_of(chatty), {"messages": said})
    assert [message.role for message in chatty.requests[0].messages] == ["user", "assistant", "user"]


def seeds(desk, model, *bodies, **how):
    ask(desk, *bodies, **how)
    return {(request.prompt, request.seed) for request in model.requests}


def test_seeds_depend_on_what_was_asked_and_how_often_but_not_on_when():
    one = [{"temperature": 1.0}] * 3
    other = [{"messages": [{"role": "user", "content": "other"}]}] * 2
    found = []
    for seed, bodies in ((0, [*one, *other]), (0, [*other, *one]), (1, [*one, *other])):
        model = FunctionModel(lambda request, index: "ok")
        found.append(seeds(desk_of(model, seed=seed), model, *bodies))
    assert found[0] == found[1] != found[2]
    assert len(found[0]) == 5


def test_a_failing_model_is_told_and_remembered():
    script = iter([ModelError("too long"), "ok", TransientError("503")])
    desk = desk_of(FunctionModel(lambda request, index: next(script)))
    failed, fine, gone = ask(desk, {}, {}, {})
    assert (failed.code, texts(fine), gone.code) == ("model_error", ["ok"], "model_error")
    assert isinstance(desk.failure, TransientError)


def test_what_a_client_no_longer_waits_for_is_counted_all_the_same():
    model = FunctionModel(lambda request, index: "ok", latency=0.05)
    desk = desk_of(model, 1000)

    async def go():
        async with served(desk) as (_, client):
            with pytest.raises(openai.APITimeoutError):
                await client.with_options(timeout=0.02).chat.completions.create(model=MODEL, messages=USER)

    asyncio.run(go())
    assert desk.under_way == 0
    assert desk._seat.ledger.spent.calls == len(model.requests) == 1
    assert desk._seat.ledger.held == Usage()


def test_logprobs_come_through():
    class Scored(FunctionModel):
        async def sample(self, request):
            token = TokenLogprob(token="ok", logprob=-0.5, top={"ok": -0.5, "no": -1.5})
            completion = Completion(text="ok", tokens=1, logprobs=(token,))
            return Samples((completion,), Usage(prompt_tokens=6, completion_tokens=1, calls=1))

    with_, without = ask(desk_of(Scored(lambda r, i: "")), {"logprobs": True, "top_logprobs": 2}, {})
    (entry,) = with_.choices[0].logprobs.content
    assert (entry.token, entry.logprob) == ("ok", -0.5)
    assert [(top.token, top.logprob) for top in entry.top_logprobs] == [("ok", -0.5), ("no", -1.5)]
    assert without.choices[0].logprobs is None


def test_scores_are_those_of_the_verifiers_and_cost_what_they_cost():
    from peer_world import PROBLEM

    right = answer_text(PROBLEM)
    wrong = right.replace("= 35", "= 36")
    desk = desk_of(FunctionModel(lambda r, i: "", scorer=lambda prompt, text: -1.0), 4000)
    first, second, again = asyncio.run(desk.score([right, wrong, right]))
    assert first.reward > second.reward > 0
    assert again == first
    spent = desk._seat.ledger.by_role
    assert set(spent) == {"verify"}
    poor = desk_of(FunctionModel(lambda r, i: "", scorer=lambda prompt, text: -1.0), 0)
    asyncio.run(poor.score([right]))
    assert poor._seat.ledger.spent.tokens == 0


def test_a_broken_judge_is_told_to_whoever_asks_for_scores():
    desk = desk_of(FunctionModel(lambda r, i: ""))

    async def breaks(texts):
        raise VerifierError("no word")

    desk.score = breaks

    async def go():
        async with served(desk) as (_, client):
            with pytest.raises(openai.BadRequestError, match="no word"):
                await client.post("/score", cast_to=object, body={"texts": ["x"]})

    asyncio.run(go())


@given(st.lists(st.floats(0, 1e12), min_size=2, max_size=6, unique=True))
def test_a_lower_energy_is_a_higher_reward(energies):
    rewards = [reward(energy) for energy in sorted(energies)]
    assert all(0 < one <= 1 for one in rewards)
    assert all(one >= two for one, two in pairwise(rewards))


def test_rewards_at_known_energies_and_as_a_particle_filter_weighs_them():
    assert (reward(0.0), reward(1.0), reward(math.inf), reward(-1.0)) == (1.0, 0.5, 0.0, 1.0)
    for energy in (0.01, 0.5, 3.0, 2000.0):
        odds = reward(energy) / (1 - reward(energy))
        assert math.log(odds) == pytest.approx(-math.log(energy))


def test_replies_are_plain_json():
    (reply,) = ask(desk_of(FunctionModel(lambda r, i: "ä\n\x00")), {})
    assert json.loads(reply.model_dump_json())["choices"][0]["message"]["content"] == "ä\n\x00"
