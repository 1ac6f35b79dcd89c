"""Log-probabilities: what was drawn scores the same when read, with offsets that fit the text."""

import asyncio
import importlib
import math
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")
sys.path.append(str(Path(__file__).parent))
tiny = importlib.import_module("tiny")

from planneal.decoders.base import Message, SampleRequest  # noqa: E402
from planneal.decoders.hf_backend import HFModel  # noqa: E402
from planneal.decoders.hf_tokens import TokenTable  # noqa: E402

PROMPT = "Tom has 4 nuts. How many wigs?\nplan:\n"


def local(**options):
    return HFModel(tiny.llama(scale=2.0), tiny.tokenizer(), name="hf/tiny", **options)


def run(coroutine):
    return asyncio.run(coroutine)


def test_what_was_drawn_scores_the_same_when_it_is_read():
    lm, checked = local(), 0
    for seed in range(40):
        request = SampleRequest.of(PROMPT, temperature=3.0, max_tokens=4, seed=seed, logprobs=True, n=2)
        for completion in run(lm.sample(request)):
            labels = [entry.token for entry in completion.logprobs]
            again = [tiny.tokenizer().decode([i]) for i in lm.encode_text(completion.text)]
            if labels != again or "\ufffd" in completion.text:
                continue  # the tokenizer would write this text in other tokens, which have another probability
            score = run(lm.score(PROMPT, completion.text))
            assert score.total == pytest.approx(sum(entry.logprob for entry in completion.logprobs), abs=1e-4)
            assert score.logprobs == pytest.approx([entry.logprob for entry in completion.logprobs], abs=1e-4)
            checked += 1
    assert checked >= 10


def test_scores_are_those_of_one_plain_pass():
    lm, text = local(), "S1: [nuts = 4]\nS2: x"
    head, tail = lm.encode_prompt((Message(role="user", content=PROMPT),)), lm.encode_text(text)
    with torch.no_grad():
        logits = tiny.llama(scale=2.0)(torch.tensor([head + tail])).logits[0]
    expected = torch.log_softmax(logits[len(head) - 1 : -1], -1)[range(len(tail)), tail]
    for _ in range(2):  # the second time after a cached prefix
        score = run(lm.score(PROMPT, text))
        assert score.logprobs == pytest.approx(expected.tolist(), abs=1e-4)
    assert score.usage.cached_prompt_tokens == len(head) - 1
    assert (score.usage.prompt_tokens, score.usage.completion_tokens) == (len(head) + len(tail), 0)
    assert run(lm.score(PROMPT, "")).logprobs == ()


def test_scores_and_samples_share_a_batch():
    lm = local(cache_tokens=0)
    words = [" yes", " no", "S1: [nuts = 4]\n", " yes"]
    alone = [run(lm.score(PROMPT, word)) for word in words]

    async def main():
        request = SampleRequest.of(PROMPT, temperature=0, max_tokens=5)
        return await asyncio.gather(*(lm.score(PROMPT, word) for word in words), lm.sample(request))

    *scores, sample = run(main())
    for one, other in zip(alone, scores, strict=True):
        assert other.logprobs == pytest.approx(one.logprobs, abs=1e-4)
    assert sample[0].text == run(lm.sample(SampleRequest.of(PROMPT, temperature=0, max_tokens=5)))[0].text
    assert (
        sum(score.usage.cached_prompt_tokens for score in scores)
        > 2 * lm.count_tokens((Message(role="user", content=PROMPT),)) // 2
    )


def test_logprobs_are_untempered_and_come_with_alternatives():
    lm = local()
    for temperature in (0.0, 5.0):
        request = SampleRequest.of(PROMPT, temperature=temperature, seed=1, max_tokens=6, logprobs=True, top_logprobs=3)
        completion = run(lm.sample(request))[0]
        assert len(completion.logprobs) == 6
        for entry in completion.logprobs:
            assert 1 <= len(entry.top) <= 3
            assert max(entry.top.values()) >= entry.logprob - 1e-6
            assert sum(map(math.exp, entry.top.values())) <= 1 + 1e-5
            if temperature == 0:
                assert entry.logprob == pytest.approx(max(entry.top.values()))
    first = {}
    for temperature in (0.5, 5.0):
        request = SampleRequest.of(PROMPT, temperature=temperature, seed=1, max_tokens=1, logprobs=True, top_logprobs=3)
        first[temperature] = run(lm.sample(request))[0].logprobs[0].top
    assert first[0.5] == pytest.approx(first[5.0], abs=1e-6)
    assert run(lm.sample(SampleRequest.of(PROMPT, max_tokens=2)))[0].logprobs is None


def test_logprobs_stop_where_the_text_is_cut():
    lm = local()
    free = run(lm.sample(SampleRequest.of(PROMPT, temperature=0, max_tokens=12, logprobs=True)))[0]
    stop = free.logprobs[5].token
    cut = run(lm.sample(SampleRequest.of(PROMPT, temperature=0, max_tokens=12, logprobs=True, stop=(stop,))))[0]
    assert "".join(entry.token for entry in cut.logprobs) == cut.text
    assert len(cut.logprobs) < len(free.logprobs)


def test_offsets_point_at_the_tokens_of_ascii_text():
    lm, text = local(), "S1: [nuts = 4]\nbolts = 4 + 3 = 7 [S2]\n"
    offsets = run(lm.score(PROMPT, text)).offsets
    labels = [tiny.tokenizer().decode([i]) for i in lm.encode_text(text)]
    assert [text[a:b] for a, b in zip(offsets, [*offsets[1:], len(text)], strict=True)] == labels


def test_offsets_of_split_characters_name_the_character_they_belong_to():
    lm, text = local(), "a\u00e9\U0001f600b"
    score = run(lm.score(PROMPT, text))
    assert score.offsets == (0, 1, 1, 2, 2, 2, 2, 3)  # one byte per token in this vocabulary
    assert len(score.logprobs) == 8


def test_the_token_table_adds_up_to_what_the_tokenizer_decodes():
    tokenizer = tiny.tokenizer()
    table = TokenTable(tokenizer)
    for text in (*tiny.CORPUS[:3], "h\u00e9llo \U0001f600\n\n [S12]", "\t x"):
        ids = tokenizer(text)["input_ids"]
        assert table.text(ids) == text == tokenizer.decode(ids)
    assert table[tokenizer.eos_token_id] == b""
    assert table[10**6] == b""


@pytest.mark.parametrize("kind", ["sentencepiece", "wordpiece"])
def test_other_kinds_of_tokenizer_keep_their_spaces(kind):
    table, tokenizer = TokenTable(getattr(tiny, kind)()), getattr(tiny, kind)()
    ids = tokenizer("nuts wigs", add_special_tokens=False)["input_ids"]
    assert table.text(ids).strip() == "nuts wigs"
    assert table.label(ids[-1]) == " wigs"
    if kind == "sentencepiece":
        assert table.join(tokenizer.convert_tokens_to_ids(["<0xC3>", "<0xA9>"])) == "\u00e9".encode()
