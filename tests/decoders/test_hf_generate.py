"""The decode loop: the same text as `generate`, each row on its own terms, whatever shares the batch."""

import asyncio
import importlib
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")
sys.path.append(str(Path(__file__).parent))
tiny = importlib.import_module("tiny")

from planneal.decoders import hf_decode, hf_generate  # noqa: E402
from planneal.decoders.base import Message, SampleRequest  # noqa: E402
from planneal.decoders.hf_backend import HFModel  # noqa: E402
from planneal.decoders.hf_sampling import choose, row_uniforms  # noqa: E402

PROMPTS = [
    "Tom has 4 nuts.",
    "He has three more bolts than nuts. How many wigs?\nplan:\n",
    "He has three more bolts than nuts. How many wigs?\nplan:\nS1: [nuts = 4]\n",
    "q",
]


def local(model=None, **options):
    return HFModel(model or tiny.llama(), tiny.tokenizer(), name="hf/tiny", **options)


def ask(lm, *requests):
    async def main():
        return await asyncio.gather(*(lm.sample(request) for request in requests))

    return asyncio.run(main())


def generated(model, prompt, tokens):
    """Greedy text of plain `model.generate`, one row alone."""
    encoded = tiny.tokenizer()(prompt, return_tensors="pt")
    ids = encoded["input_ids"]
    output = model.generate(
        input_ids=ids, attention_mask=encoded["attention_mask"], do_sample=False, max_new_tokens=tokens, pad_token_id=0
    )
    return tiny.tokenizer().decode(output[0, ids.shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2, tiny.mistral, tiny.lfm2], ids=lambda make: make.__name__)
def test_greedy_text_is_that_of_generate_row_by_row_cached_or_not(make):
    model = make(scale=4.0)
    expected = [generated(model, prompt, 16) for prompt in PROMPTS]
    assert len(set(expected)) == len(PROMPTS)
    lm = local(model)
    requests = [SampleRequest.of(prompt, temperature=0, max_tokens=16) for prompt in PROMPTS]
    for round_ in range(2):  # the second round starts from the cached prefixes
        samples = ask(lm, *requests)
        assert [sample[0].text for sample in samples] == expected
        cached = sum(sample.usage.cached_prompt_tokens for sample in samples)
        assert (cached > 20) == (round_ == 1 and lm.engine.forward.batchable)


def test_the_same_seed_gives_the_same_text_whatever_shares_the_batch():
    def requests(seed):
        return [SampleRequest.of(p, temperature=1.3, seed=seed + i, max_tokens=20, n=2) for i, p in enumerate(PROMPTS)]

    model = tiny.llama()
    alone = [ask(local(model), request)[0] for request in requests(7)]
    others = [SampleRequest.of(p, temperature=0.7, max_tokens=9, n=3) for p in PROMPTS]
    together = ask(local(model), *others[:2], *requests(7), *others[2:])[2:6]
    texts = [[completion.text for completion in sample] for sample in alone]
    assert [[completion.text for completion in sample] for sample in together] == texts
    # Completions of one request differ, and so do seeds: otherwise the equality above would prove nothing.
    assert all(one != two for one, two in texts)
    assert all(a[0].text != b[0].text for a, b in zip(alone, ask(local(model), *requests(70)), strict=True))


def test_without_a_seed_draws_are_fresh():
    lm = local()
    request = SampleRequest.of(PROMPTS[0], temperature=2.0, max_tokens=20)
    assert ask(lm, request)[0][0].text != ask(lm, request)[0][0].text


def test_rows_have_their_own_temperature_length_and_stop():
    lm = local(tiny.llama(scale=4.0))
    free = ask(lm, SampleRequest.of(PROMPTS[1], temperature=0, max_tokens=24))[0][0]
    stop = ": ["
    assert stop in free.text[4:]
    plain, short, stopped, hot = ask(
        lm,
        SampleRequest.of(PROMPTS[1], temperature=0, max_tokens=24),
        SampleRequest.of(PROMPTS[1], temperature=0, max_tokens=3),
        SampleRequest.of(PROMPTS[1], temperature=0, max_tokens=24, stop=("never there", stop)),
        SampleRequest.of(PROMPTS[1], temperature=5.0, max_tokens=24, seed=1),
    )
    assert plain[0] == free
    assert (short[0].tokens, short[0].finish_reason) == (3, "length")
    assert free.text.startswith(short[0].text.rstrip("\ufffd"))
    assert stopped[0].text == free.text[: free.text.index(stop)]
    assert stopped[0].finish_reason == "stop"
    assert stopped[0].tokens < free.tokens
    assert hot[0].text != free.text


def test_the_end_token_stops_a_row_and_leaves_no_text():
    model = tiny.llama()
    with torch.no_grad():  # tie-break towards the end: every other row of the head is made unlikely
        model.lm_head.weight[1:] = 0
        model.lm_head.weight[0] = 0.0
    end = ask(local(model), SampleRequest.of("q", temperature=0, max_tokens=5, logprobs=True))[0][0]
    assert (end.text, end.finish_reason, end.tokens, end.logprobs) == ("", "stop", 1, ())


def test_rows_that_end_early_leave_the_batch_and_the_rest_goes_on():
    model = tiny.llama(scale=4.0)
    lm = local(model)
    lengths = [1, 30, 2, 3, 17, 4, 5, 6]
    requests = [SampleRequest.of(PROMPTS[i % 4], temperature=0, max_tokens=length) for i, length in enumerate(lengths)]
    samples = ask(lm, *requests)
    for i, (sample, length) in enumerate(zip(samples, lengths, strict=True)):
        assert sample[0].text == generated(model, PROMPTS[i % 4], length)


def test_the_context_bounds_the_completion_and_says_so():
    lm = local(tiny.llama(context=24))
    room = 24 - lm.count_tokens((Message(role="user", content=PROMPTS[0]),))
    samples = ask(lm, SampleRequest.of(PROMPTS[0], temperature=0, max_tokens=100))[0]
    assert samples[0].tokens <= room
    assert samples.notes == (f"max_tokens 100 cut to {room}: the context ends there",)
    from planneal.planner.errors import ModelError

    with pytest.raises(ModelError, match="no room in the 24-token context"):
        ask(lm, SampleRequest.of(PROMPTS[0] * 9))


def test_more_completions_than_rows_are_worked_off_in_parts():
    model = tiny.llama()
    request = SampleRequest.of(PROMPTS[0], temperature=1.5, seed=3, max_tokens=8, n=7)
    few = ask(local(model, max_rows=2), request)[0]
    assert len(few) == 7
    assert [c.text for c in few] == [c.text for c in ask(local(model), request)[0]]
    assert few.usage.calls == 1


def test_draws_follow_the_tempered_distribution():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0, -torch.inf])
    count = 40_000
    uniform = row_uniforms(0, 0, (1, 2), count)

    def deviation(temperature, drawn_at):
        tokens = choose(logits.expand(count, -1), torch.full((count,), drawn_at), uniform)
        seen = torch.bincount(tokens, minlength=5).double()
        expected = torch.softmax(logits.double() / temperature, 0) * count
        assert seen[4] == 0
        return float(((seen - expected)[:4] ** 2 / expected[:4]).sum())

    assert deviation(0.7, 0.7) < 16.27  # chi-square with 3 degrees of freedom, p = 0.001
    assert deviation(0.7, 0.8) > 16.27  # negative control: another temperature is noticed


def test_greedy_rows_ignore_the_draw_and_tiny_temperatures_stay_finite():
    logits = torch.tensor([[0.0, 80.0, 80.5], [5.0, 1.0, 1.0]])
    uniform = torch.tensor([0.999, 0.999], dtype=torch.float64)
    assert choose(logits, torch.tensor([0.0, 0.0]), uniform).tolist() == [2, 0]
    assert choose(logits, torch.tensor([1e-30, 0.0]), uniform).tolist() == [2, 0]
    assert choose(logits, torch.tensor([0.0, 1.0]), uniform).tolist() == [2, 2]


def test_random_numbers_depend_on_seed_completion_and_prompt_only():
    base = row_uniforms(5, 0, (1, 2), 40)
    assert torch.equal(row_uniforms(5, 0, (1, 2), 7), base[:7])
    for other in (row_uniforms(6, 0, (1, 2), 40), row_uniforms(5, 1, (1, 2), 40), row_uniforms(5, 0, (1, 3), 40)):
        assert not torch.equal(other, base)
    assert not torch.equal(row_uniforms(None, 0, (1,), 40), row_uniforms(None, 0, (1,), 40))


def test_writing_that_pauses_for_others_gives_the_same_text_and_the_same_scores(monkeypatch):
    """Rows are parked as soon as one request of the batch is answered, and go on beside others."""
    lengths = (3, 40, 7, 25)
    requests = [
        SampleRequest.of(
            p, temperature=0.9, seed=i, max_tokens=n, n=2, logprobs=True, top_logprobs=2, allowed_citations=("S1",)
        )
        for i, (p, n) in enumerate(zip(PROMPTS, lengths, strict=True))
    ]

    def texts(lm):
        runs = []
        inner = lm.engine.run
        lm.engine.run = lambda jobs: runs.append(len(jobs)) or inner(jobs)
        return [list(samples) for samples in ask(lm, *requests)], runs

    monkeypatch.setattr(hf_generate, "FREED", 2.0)  # never
    whole, runs = texts(local())
    assert runs == [4]
    monkeypatch.setattr(hf_generate, "FREED", 0.01)
    monkeypatch.setattr(hf_decode, "PAUSE_STEPS", 1)
    paused, runs = texts(local())
    assert runs == [4, 3, 2, 1]
    for one, other in zip((c for s in whole for c in s), (c for s in paused for c in s), strict=True):
        assert (one.text, one.tokens, one.finish_reason) == (other.text, other.tokens, other.finish_reason)
        found = [token.logprob for token in other.logprobs]
        assert found == pytest.approx([token.logprob for token in one.logprobs], abs=1e-4)


def test_a_score_does_not_wait_for_the_longest_completion(monkeypatch):
    monkeypatch.setattr(hf_generate, "FREED", 0.0)
    lm = local()
    ended = []

    async def main():
        async def told(name, waiting):
            await waiting
            ended.append(name)

        long = lm.sample(SampleRequest.of(PROMPTS[0], temperature=1.5, seed=1, max_tokens=300))
        await asyncio.gather(told("long", long), told("score", lm.score(PROMPTS[1], "S1: [nuts = 4]")))

    asyncio.run(main())
    assert ended == ["score", "long"]
