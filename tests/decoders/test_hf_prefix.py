"""Prefixes: computed once within a batch and across calls, counted as such, and without changing any text."""

import asyncio
import importlib
import random
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")
sys.path.append(str(Path(__file__).parent))
tiny = importlib.import_module("tiny")

from planneal.decoders.base import Message, SampleRequest  # noqa: E402
from planneal.decoders.hf_backend import HFModel  # noqa: E402
from planneal.decoders.hf_cache import PrefixCache, common_prefix  # noqa: E402

QUESTION = "Tom has 4 nuts. He has three more bolts than nuts. How many wigs?\nplan:\nS1: [nuts = 4]\n"


def local(**options):
    return HFModel(tiny.llama(scale=4.0), tiny.tokenizer(), name="hf/tiny", **options)


def ask(lm, *requests):
    async def main():
        return await asyncio.gather(*(lm.sample(request) for request in requests))

    return asyncio.run(main())


def size(lm, text):
    return lm.count_tokens((Message(role="user", content=text),))


def greedy(text, **fields):
    return SampleRequest.of(text, **{"temperature": 0, "max_tokens": 16, **fields})


def test_several_completions_pay_for_their_prompt_once():
    lm = local(cache_tokens=0)
    usage = ask(lm, greedy(QUESTION, temperature=1, seed=1, n=5))[0].usage
    prompt, parameters = size(lm, QUESTION), lm.capabilities.parameters
    assert (usage.prompt_tokens, usage.cached_prompt_tokens, usage.calls) == (prompt, 0, 1)
    assert 5 < usage.completion_tokens <= 5 * 16
    assert usage.flops == 2 * parameters * (prompt + usage.completion_tokens)


def test_a_prefix_shared_within_a_batch_is_computed_once():
    prompts = [QUESTION + tail for tail in ("problem: a\nedit:\n", "answer:\n", "S2: x", "check S1:")]
    alone = [ask(local(cache_tokens=0), greedy(prompt))[0] for prompt in prompts]
    lm = local(cache_tokens=0)
    together = ask(lm, *(greedy(prompt) for prompt in [*prompts, prompts[0]]))
    assert [s[0].text for s in together] == [s[0].text for s in [*alone, alone[0]]]
    cached = sorted(s.usage.cached_prompt_tokens for s in together)
    shared = size(lm, QUESTION) - 2  # tokens may merge across the end of the question
    assert cached[0] == 0  # one of them pays for the question
    assert min(cached[1:4]) >= shared
    assert together[4].usage.cached_prompt_tokens == size(lm, prompts[0])  # an equal prompt is read once
    assert all(s.usage.cached_prompt_tokens == 0 for s in alone)


def test_unrelated_prompts_share_nothing():
    samples = ask(local(), greedy("nuts = 4"), greedy("answer: 14"))
    assert [s.usage.cached_prompt_tokens for s in samples] == [0, 0]


def test_prefixes_are_kept_between_calls_and_runs_and_change_no_text():
    lm, fresh = local(), local(cache_tokens=0)
    ask(lm, greedy(QUESTION))
    longer = greedy(QUESTION + "S2: [bolts = nuts + 3] <- S1\nedit:\n")
    first, second, plain = ask(lm, longer)[0], ask(lm, longer)[0], ask(fresh, longer)[0]
    assert first[0] == second[0] == plain[0]
    assert first.usage.cached_prompt_tokens >= size(lm, QUESTION) - 2
    assert second.usage.cached_prompt_tokens == second.usage.prompt_tokens - 1
    assert plain.usage.cached_prompt_tokens == 0
    assert second.usage.flops < first.usage.flops < plain.usage.flops


def test_a_prompt_that_quotes_a_completion_starts_from_it():
    lm, fresh = local(), local(cache_tokens=0)
    prompt = lm.encode_prompt((Message(role="user", content=QUESTION),))
    completion = ask(lm, greedy(QUESTION, max_tokens=40, n=2))[0][0]
    quoting = QUESTION + completion.text + "\nanswer:\n"
    ids = lm.encode_prompt((Message(role="user", content=quoting),))
    shared = common_prefix(ids, lm.engine.prefixes._sorted[0])
    assert shared > len(prompt) + 1  # some of the text is read back in the tokens that it was written in
    again, plain = ask(lm, greedy(quoting))[0], ask(fresh, greedy(quoting))[0]
    assert again.usage.cached_prompt_tokens == shared
    assert again[0] == plain[0]
    assert len(lm.engine.prefixes) <= 3  # one entry per request, not one per completion


def test_the_cache_is_bounded_and_forgets_the_oldest():
    lm = local(cache_tokens=90)
    for i in range(12):
        ask(lm, greedy(f"{i} {QUESTION}", max_tokens=1))
        assert lm.engine.prefixes.tokens <= 90
    assert len(lm.engine.prefixes) >= 1
    latest = ask(lm, greedy(f"11 {QUESTION}", max_tokens=1))[0].usage
    oldest = ask(lm, greedy(f"0 {QUESTION}", max_tokens=1))[0].usage
    assert latest.cached_prompt_tokens == latest.prompt_tokens - 1
    assert oldest.cached_prompt_tokens < oldest.prompt_tokens // 2
    asyncio.run(lm.aclose())
    assert lm.engine.prefixes.tokens == 0


def test_many_overlapping_prompts_in_any_order_give_the_text_of_each_alone():
    rng = random.Random(0)
    lines = ["S1: [nuts = 4]\n", "S2: [bolts = 7]\n", "problem: S3 uses nuts\n", "edit:\n"]
    prompts = [QUESTION[: rng.choice([4, 30, 90])] + "".join(rng.choices(lines, k=rng.randrange(6))) for _ in range(24)]
    plain = local(cache_tokens=0, max_rows=1)
    expected = {prompt: ask(plain, greedy(prompt, max_tokens=6))[0][0].text for prompt in set(prompts)}
    lm = local(cache_tokens=300)
    for _ in range(3):
        rng.shuffle(prompts)
        samples = ask(lm, *(greedy(prompt, max_tokens=6) for prompt in prompts))
        assert [s[0].text for s in samples] == [expected[prompt] for prompt in prompts]


def keys_of(ids):
    return [(torch.tensor(ids, dtype=torch.float)[None, :, None], torch.zeros(1, len(ids), 1))]


def test_a_lookup_finds_the_longest_common_beginning():
    rng = random.Random(1)
    cache, stored = PrefixCache(10_000), []
    for _ in range(300):
        ids = tuple(rng.choices([0, 1, 2], k=rng.randrange(1, 9)))
        length, found = cache.longest(ids)
        best = max((common_prefix(ids, other) for other in stored), default=0)
        assert length == best
        if found is not None:
            assert tuple(found[0][0][0, :length, 0].int().tolist()) == ids[:length]
        cache.insert(ids, keys_of(ids))
        stored.append(ids)
    assert cache.tokens == sum(len(ids) for ids in cache._sorted)


def test_a_longer_entry_takes_the_place_of_its_beginning():
    cache = PrefixCache(10)
    cache.insert((1, 2), keys_of((1, 2)))
    cache.insert((1, 2, 3), keys_of((1, 2, 3)))
    cache.insert((1,), keys_of((1,)))
    assert (len(cache), cache.tokens) == (1, 3)
    cache.insert(tuple(range(11)), keys_of(range(11)))  # larger than the whole cache: left out
    assert (len(cache), cache.tokens) == (1, 3)


def test_common_prefix_counts_equal_leading_tokens():
    rng = random.Random(2)
    for _ in range(300):
        one, other = (tuple(rng.choices([0, 1], k=rng.randrange(7))) for _ in range(2))
        expected = next(
            (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
        )
        assert common_prefix(one, other) == expected
