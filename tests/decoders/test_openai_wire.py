"""Reading what comes back: tolerant of what is left out, strict about what is not a completion."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.decoders.base import SampleRequest
from planneal.decoders.tokens import estimate_prompt, estimate_tokens
from planneal.decoders.wire import Malformed, cut_at_stop, read_reply

JSON = "application/json"


def body(*texts, finish="stop", usage=None, **message):
    choices = [{"message": {"content": text, **message}, "finish_reason": finish} for text in texts]
    return json.dumps({"choices": choices, **({"usage": usage} if usage is not None else {})})


def ask(**fields):
    return SampleRequest.of("how many nuts?", **fields)


def entries(text, size=2):
    return {"content": [{"token": text[i : i + size], "logprob": -0.1} for i in range(0, len(text), size)]}


def test_a_full_reply_keeps_the_endpoints_own_counts():
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    reply = read_reply(body("nuts = 4", usage=usage), JSON, ask())
    assert reply.completions[0].text == "nuts = 4"
    assert reply.completions[0].tokens == 3
    counted = reply.usage
    assert (counted.prompt_tokens, counted.cached_prompt_tokens, counted.completion_tokens) == (9, 4, 3)
    assert (counted.calls, counted.estimated, reply.reported) == (1, False, True)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": "9", "completion_tokens": "3"},
        {"prompt_tokens": -9, "completion_tokens": True},
    ],
)
def test_counts_that_are_absent_or_absurd_are_estimated_and_marked(usage):
    request = ask()
    reply = read_reply(body("nuts = 4", usage=usage), JSON, request)
    assert reply.usage.estimated
    assert not reply.reported
    assert reply.usage.prompt_tokens == estimate_prompt(request.messages)
    assert reply.usage.completion_tokens == estimate_tokens("nuts = 4")


def test_one_absent_count_leaves_the_other_as_reported():
    reply = read_reply(body("nuts", usage={"prompt_tokens": 9, "completion_tokens": None}), JSON, ask())
    assert reply.usage.estimated
    assert reply.usage.prompt_tokens == 9


def test_an_answer_cut_at_max_tokens_is_estimated_at_max_tokens():
    reply = read_reply(body("ab", finish="length"), JSON, ask(max_tokens=50))
    assert reply.usage.completion_tokens == 50


def test_what_was_generated_behind_a_stop_string_is_still_paid_for():
    text = "nuts = 4\nEND " + "and so on " * 20
    reply = read_reply(body(text), JSON, ask(stop=("END",), max_tokens=500))
    assert reply.completions[0].text == "nuts = 4\n"
    assert reply.usage.completion_tokens == estimate_tokens(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not valid JSON"),
        ('{"choices": [{"mess', "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "not a JSON object"),
        ('{"object": "error"}', "no choices"),
        ('{"choices": []}', "no choices"),
        ('{"choices": null}', "no choices"),
        ('{"choices": ["text"]}', "no choices"),
    ],
)
def test_what_is_no_completion_is_malformed(content, said):
    with pytest.raises(Malformed, match=said) as caught:
        read_reply(content, JSON, ask())
    assert not caught.value.html
    assert len(str(caught.value)) < 300


def test_a_web_page_is_told_apart():
    page = "<!doctype html><html>" + "welcome " * 100
    for kind in ("text/html; charset=utf-8", JSON, ""):
        with pytest.raises(Malformed, match="welcome") as caught:
            read_reply(page, kind, ask())
        assert caught.value.html
        assert len(str(caught.value)) < 320


def test_a_body_without_choices_may_still_tell_its_cost():
    with pytest.raises(Malformed) as caught:
        read_reply('{"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}', JSON, ask())
    assert caught.value.usage.tokens == 12


@pytest.mark.parametrize("content", [None, "", [], 7, {"text": "x"}])
def test_empty_and_null_content_is_an_empty_completion(content):
    reply = read_reply(body(content), JSON, ask())
    assert reply.completions[0].text == ""
    assert reply.notes == ()


def test_content_in_parts_is_joined():
    parts = [{"type": "thinking", "text": "hm"}, {"type": "text", "text": "nuts "}, {"type": "text", "text": "= 4"}]
    assert read_reply(body(parts), JSON, ask()).completions[0].text == "nuts = 4"


def test_reasoning_alone_is_no_answer_and_is_noted():
    reply = read_reply(body(None, reasoning_content="let me see"), JSON, ask())
    assert reply.completions[0].text == ""
    assert "only reasoning" in reply.notes[0]
    assert read_reply(body("4", reasoning_content="let me see"), JSON, ask()).notes == ()


def test_half_a_surrogate_pair_does_not_get_through():
    reply = read_reply('{"choices": [{"message": {"content": "a\\ud83d b \\ud83d\\ude00"}}]}', JSON, ask())
    assert reply.completions[0].text == "a\ufffd b \U0001f600"


@pytest.mark.parametrize(
    ("given_", "mapped"),
    [("stop", "stop"), ("length", "length"), ("max_tokens", "length"), ("content_filter", "other"), (None, "other")],
)
def test_finish_reasons_are_mapped(given_, mapped):
    assert read_reply(body("x", finish=given_), JSON, ask()).completions[0].finish_reason == mapped


def test_a_kept_stop_string_is_cut_and_noted_and_so_are_its_logprobs():
    text = "nuts = 4\nEND"
    raw = json.loads(body(text))
    raw["choices"][0]["logprobs"] = entries(text)
    reply = read_reply(json.dumps(raw), JSON, ask(stop=("END", "\n\n"), logprobs=True))
    completion = reply.completions[0]
    assert completion.text == "nuts = 4\n"
    assert completion.finish_reason == "stop"
    assert "".join(entry.token for entry in completion.logprobs) == "nuts = 4\nE"  # the last token straddles the cut
    assert completion.tokens == 6
    assert reply.stop is False
    assert reply.notes == ("stop kept in the text: text cut off here",)


def test_tokens_that_are_parts_of_characters_do_not_mislead_the_cut():
    raw = json.loads(body("\u20ac4", finish="stop"))
    parts = [("\ufffd", [0xE2]), ("\ufffd", [0x82]), ("\ufffd", [0xAC]), ("4", [52]), ("END", [69, 78, 68])]
    raw["choices"][0]["logprobs"] = {"content": [{"token": t, "bytes": b, "logprob": -1} for t, b in parts]}
    completion = read_reply(json.dumps(raw), JSON, ask(stop=("END",), logprobs=True)).completions[0]
    assert [entry.token for entry in completion.logprobs] == ["\ufffd", "\ufffd", "\ufffd", "4"]


def test_logprobs_absent_or_broken_are_none():
    for logprobs in (None, {"content": None}, {"content": []}, {"content": [{"token": "n", "logprob": None}]}):
        raw = json.loads(body("nuts"))
        raw["choices"][0]["logprobs"] = logprobs
        reply = read_reply(json.dumps(raw), JSON, ask(logprobs=True))
        assert reply.completions[0].logprobs is None
        assert reply.logprobs is False
    assert read_reply(body("nuts"), JSON, ask()).logprobs is None


def test_only_the_alternatives_asked_for_are_kept():
    raw = json.loads(body("nuts"))
    top = [{"token": t, "logprob": value} for t, value in (("nuts", -0.1), ("bolts", -2.0), ("wigs", float("-inf")))]
    raw["choices"][0]["logprobs"] = {"content": [{"token": "nuts", "logprob": -0.1, "top_logprobs": top}]}
    kept = [
        read_reply(json.dumps(raw), JSON, ask(logprobs=True, top_logprobs=k)).completions[0].logprobs[0].top
        for k in (0, 2, 3)
    ]
    assert kept == [{}, {"nuts": -0.1, "bolts": -2.0}, {"nuts": -0.1, "bolts": -2.0, "wigs": -1e4}]


def test_a_count_of_one_choice_only_is_not_believed():
    counts = {"prompt_tokens": 9, "completion_tokens": 12}
    reply = read_reply(body("a" * 40, "b" * 40, "c" * 40, finish="length", usage=counts), JSON, ask(n=3, max_tokens=12))
    assert reply.partial == "certain"
    assert reply.usage.completion_tokens == 36
    assert reply.usage.estimated
    text = "nuts = 4 and bolts = 7"
    likely = read_reply(body(text, text, text, usage={"prompt_tokens": 9, "completion_tokens": 8}), JSON, ask(n=3))
    assert likely.partial == "likely"
    assert likely.usage.completion_tokens > 20


def test_a_count_of_all_choices_is_believed():
    text = "nuts = 4 and bolts = 7"
    counts = {"prompt_tokens": 9, "completion_tokens": 24}
    reply = read_reply(body(text, text, text, usage=counts), JSON, ask(n=3))
    assert (reply.partial, reply.usage.completion_tokens, reply.usage.estimated) == ("no", 24, False)
    single = read_reply(body("x" * 400, usage={"prompt_tokens": 9, "completion_tokens": 5}), JSON, ask())
    assert single.usage.completion_tokens == 5


@given(st.text(max_size=60), st.lists(st.text(min_size=1, max_size=3), max_size=3))
def test_no_stop_string_survives(text, stops):
    clean = text.encode("utf-8", "ignore").decode()
    request = ask(stop=tuple(stop.encode("utf-8", "ignore").decode() for stop in stops))
    kept = read_reply(body(clean), JSON, request).completions[0].text
    assert clean.startswith(kept)
    assert not any(stop and stop in kept for stop in request.stop)
    if cut_at_stop(clean, request.stop) is None:
        assert kept == clean


NAMES = (
    "choices message content usage logprobs prompt_tokens token logprob top_logprobs finish_reason completion_tokens"
)
SCALARS = st.none() | st.booleans() | st.floats() | st.text(max_size=5)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES.split()), inner, max_size=4),
    max_leaves=20,
)


@given(ANY_JSON)
def test_any_json_is_a_reply_or_malformed(value):
    content = json.dumps({"choices": [value, {"message": value, "logprobs": {"content": value}}], "usage": value})
    reply = read_reply(content, JSON, ask(logprobs=True, top_logprobs=2, stop=("a",)))
    assert reply.usage.calls == 1
    with contextlib.suppress(Malformed):
        read_reply(json.dumps(value), JSON, ask())


def test_estimates_are_at_least_one_and_grow_with_the_text():
    assert estimate_tokens("") == 1
    assert estimate_tokens("a" * 40) >= 5
    assert estimate_tokens("\u20ac" * 40) >= 30
    notation = "S2: [bolts = nuts + 3] <- S1"
    assert 12 <= estimate_tokens(notation) <= 18
    prose = "The quick brown fox jumps over the lazy dog, and then it sleeps until the morning comes."
    assert 18 <= estimate_tokens(prose) <= 26
