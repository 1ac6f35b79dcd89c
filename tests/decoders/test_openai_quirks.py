"""What a refusal teaches, and what it must not teach."""

import pytest
from planneal.decoders.base import SampleRequest
from planneal.decoders.quirks import Quirks, Refusal, draw_seed, read_refusal

FULL = SampleRequest.of(
    "hello", n=3, temperature=0.7, max_tokens=20, stop=("END",), seed=5, logprobs=True, top_logprobs=2
)


def test_only_what_was_set_is_sent():
    assert Quirks().body("m", SampleRequest.of("hello", max_tokens=9), n=1, draw=0) == {
        "model": "m",
        "messages": [{"role": "user", "content": "hello"}],
        "max_tokens": 9,
    }


def test_everything_that_was_set_is_sent():
    body = Quirks().body("m", FULL, n=3, draw=0)
    fields = {
        "n": 3,
        "temperature": 0.7,
        "max_tokens": 20,
        "stop": ["END"],
        "seed": 5,
        "logprobs": True,
        "top_logprobs": 2,
    }
    assert {k: body[k] for k in fields} == fields
    assert SampleRequest.of("x", temperature=0.0).temperature == 0.0
    assert Quirks().body("m", SampleRequest.of("x", temperature=0.0), n=1, draw=0)["temperature"] == 0.0


OPENAI_TEMPERATURE = (
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported."
)
OPENAI_LIMIT = "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens' instead."


@pytest.mark.parametrize(
    ("refusal", "field"),
    [
        (Refusal(OPENAI_TEMPERATURE, "temperature", "unsupported_value"), "temperature"),
        (Refusal(OPENAI_TEMPERATURE), "temperature"),
        (Refusal("`temperature` must be strictly positive"), "temperature"),
        (Refusal("temperature: range: 0..1"), "temperature"),
        (Refusal("seed: Extra inputs are not permitted", "seed"), "seed"),
        (Refusal("Unrecognized request argument supplied: seed"), "seed"),
        (Refusal("Unsupported parameter: 'stop' is not supported with this model."), "stop"),
        (Refusal("logprobs is not supported"), "logprobs"),
        (Refusal("top_logprobs must be less than or equal to 1"), "top_logprobs"),
        (Refusal("Only one completion choice is allowed"), "n"),
        (Refusal("'n' must be 1"), "n"),
        (Refusal("bad value", "n"), "n"),
    ],
)
def test_a_named_field_is_left_out_from_then_on(refusal, field):
    quirks = Quirks()
    body = quirks.body("m", FULL, n=3, draw=0)
    learned = quirks.learn(refusal, body)
    assert learned is not None
    assert field in learned
    after = quirks.body("m", FULL, n=3, draw=0)
    assert field not in after
    assert set(body) - set(after) == {field, *(["top_logprobs"] if field == "logprobs" else [])}
    if field != "n":
        assert any(note.startswith(field) for note in quirks.notes(FULL))


def test_max_tokens_is_renamed_and_never_left_out():
    quirks = Quirks()
    body = quirks.body("m", FULL, n=1, draw=0)
    assert quirks.learn(Refusal(OPENAI_LIMIT, "max_tokens"), body)
    renamed = quirks.body("m", FULL, n=1, draw=0)
    assert "max_tokens" not in renamed
    assert renamed["max_completion_tokens"] == 20
    assert quirks.learn(Refusal(OPENAI_LIMIT, "max_tokens"), body)  # a request that was under way meanwhile
    assert quirks.limit_field == "max_completion_tokens"
    both = Refusal("Unknown field: max_completion_tokens", "max_completion_tokens")
    assert quirks.learn(both, renamed) is None


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(
            "This model's maximum context length is 8192 tokens, not 9000 (1000 in max_tokens)",
            None,
            "context_length_exceeded",
        ),
        Refusal("max_tokens is too large: 5000. This model supports at most 4096 completion tokens", "max_tokens"),
        Refusal("messages: roles must alternate between user and assistant"),
        Refusal("The model stopped responding. Try again and do not stop."),
        Refusal("invalid request"),
        Refusal(""),
    ],
)
def test_other_refusals_teach_nothing(refusal):
    quirks = Quirks()
    assert quirks.learn(refusal, quirks.body("m", FULL, n=3, draw=0)) is None
    assert quirks.dropped == set()


def test_a_field_that_was_not_sent_cannot_be_the_reason():
    quirks = Quirks()
    body = quirks.body("m", SampleRequest.of("x"), n=1, draw=0)
    assert quirks.learn(Refusal(OPENAI_TEMPERATURE, "temperature"), body) is None


def test_learning_ends():
    quirks = Quirks()
    names = "temperature seed logprobs top_logprobs 'stop' 'n' max_tokens max_completion_tokens"
    everything = Refusal(f"unsupported: {names}")
    rounds = 0
    while quirks.learn(everything, quirks.body("m", FULL, n=3, draw=0)):
        rounds += 1
        assert rounds < 10
    assert quirks.body("m", FULL, n=3, draw=0).keys() == {"model", "messages", quirks.limit_field}


def test_later_draws_have_seeds_of_their_own():
    assert draw_seed(None, 3) is None
    assert draw_seed(7, 0) == 7
    seeds = {draw_seed(seed, draw) for seed in range(50) for draw in range(8)}
    assert len(seeds) == 400  # neighbouring requests share no draw, as adding the index would make them
    assert all(0 <= seed < 2**31 for seed in seeds)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"message": "no", "param": "n", "code": "c"}}, Refusal("no", "n", "c")),
        ({"message": "no", "param": "n"}, Refusal("no", "n")),
        ({"error": "no"}, Refusal("no")),
        ({"detail": "no"}, Refusal("no")),
        ({"detail": [{"loc": ["body", "seed"], "msg": "extra"}]}, Refusal("seed: extra", "seed")),
        ("plain", Refusal("plain")),
        (None, Refusal("")),
    ],
)
def test_error_bodies_of_several_makers_are_read(body, expected):
    assert read_refusal(body) == expected
