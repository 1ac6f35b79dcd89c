"""Real OpenAI-compatible servers: llama.cpp, which does what it is asked, and transformers, which ignores half of it.

Both serve the same Llama: a small random one always, the shipped model where it is there.
"""

import asyncio
import contextlib
import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from importlib import resources
from pathlib import Path

import pytest
from planneal.decoders.base import SampleRequest
from planneal.decoders.doctor import probe
from planneal.decoders.openai_backend import OpenAIModel
from planneal.decoders.retries import RetryPolicy
from planneal.planner.errors import EndpointError

pytestmark = pytest.mark.server

PROMPTS = (
    "Tom has 4 nuts.",
    "Tom has 4 nuts. He has three more bolts than nuts. How many wigs?\nplan:\n",
    "How many wigs?\nplan:\nS1: [nuts = 4]\nS2: [bolts = nuts + 3] <- S1\nanswer:\n",
    "S3: [wigs = 2 * bolts] <- S2\nproblem: S3 uses nuts\nedit:\n",
)


def needs(*modules, install):
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: pip install {install}")


def random_folder(folder):
    """A random Llama whose greedy text is plain ASCII, with a tokenizer made as the shipped model's is."""
    import torch
    from planneal.experiments.training.tokenizer import END, PAD, PRETOKENIZER, save_tokenizer
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    bpe = Tokenizer(models.BPE())
    bytes_ = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(PRETOKENIZER), "isolated"), bytes_])
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=[END, PAD], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([prompt for prompt in PROMPTS for _ in range(20)], trainer)
    save_tokenizer(bpe, folder)
    end, pad = bpe.token_to_id(END), bpe.token_to_id(PAD)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=bpe.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(8.0)  # so that greedy choices are clear-cut
        for text, index in bpe.get_vocab().items():
            plain = bpe.decoder.decode([text])
            if not (plain.isascii() and plain.isprintable()):
                model.model.embed_tokens.weight[index] = 0.0  # a logit of 0, which is never the largest
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=pad, do_sample=False)
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def random_model(tmp_path_factory):
    needs("torch", "transformers", install="'planneal[local]'")
    return random_folder(tmp_path_factory.mktemp("served") / "random-llama")


@pytest.fixture(scope="module", params=["random", "shipped"])
def folder(request):
    if request.param == "random":
        return request.getfixturevalue("random_model")
    needs("torch", "transformers", install="'planneal[local]'")
    shipped = Path(str(resources.files("planneal.decoders") / "embedded"))
    if not (shipped / "model.safetensors").is_file():
        pytest.skip(f"the shipped model is not in {shipped}")
    return shipped


@pytest.fixture(scope="module")
def llama_server(folder, tmp_path_factory):
    needs("xllamacpp", "gguf", install="xllamacpp gguf")
    import xllamacpp
    from planneal.experiments.training.export_gguf import convert

    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    convert(folder, path)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel, params.port = 2048, 4, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    # As exact as transformers: half-precision attention moves log-probabilities by 0.006, enough to flip a near tie.
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.warmup, params.verbosity = False, 0
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


def connect(url, model="model"):
    return OpenAIModel(model, base_url=url, timeout=30.0, policy=RetryPolicy(attempts=2))


def draw(model, prompt=PROMPTS[1], **fields):
    fields.setdefault("max_tokens", 24)
    return asyncio.run(model.sample(SampleRequest.of(prompt, **fields)))


def longest(model):
    """The prompt with the longest greedy text, and that text."""
    found = [(prompt, draw(model, prompt, temperature=0.0)[0].text) for prompt in PROMPTS]
    return max(found, key=lambda pair: len(pair[1]))


def middle(text):
    """A piece from within the text, tokens after its start, that occurs nowhere before: a stop that will be met."""
    half = len(text) // 2
    return next(text[i : i + 3] for i in range(half, len(text) - 3) if text.find(text[i : i + 3]) == i)


def generate(folder, prompt, max_tokens=24):
    """Greedy text, and the log-probability of each of its tokens, by transformers alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = tokenizer(prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=max_tokens,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
        )
    new = out.sequences[0, ids.shape[1] :]
    logprobs = [step[0].float().log_softmax(-1)[token].item() for step, token in zip(out.logits, new, strict=True)]
    return tokenizer.decode(new, skip_special_tokens=True), logprobs


# --- llama.cpp: the server that does as asked


def test_llama_cpp_gives_the_greedy_text_of_transformers(llama_server, folder):
    model = connect(llama_server)
    completions = [draw(model, prompt, temperature=0.0, logprobs=True)[0] for prompt in PROMPTS]
    expected = [generate(folder, prompt) for prompt in PROMPTS]
    assert [completion.text for completion in completions] == [text for text, _ in expected]
    assert len({text for text, _ in expected}) > 1
    for completion, (_, logprobs) in zip(completions, expected, strict=True):
        assert [entry.logprob for entry in completion.logprobs] == pytest.approx(logprobs, abs=1e-3)


def test_llama_cpp_refuses_more_choices_than_it_has_slots(llama_server):
    model = connect(llama_server)
    samples = draw(model, n=6, temperature=1.0, seed=5, max_tokens=12)
    assert len(samples) == 6
    assert (samples.usage.calls, samples.usage.retries) == (6, 1)
    assert model.capabilities.n is False


def test_llama_cpp_honours_n_and_counts_one_choice_only(llama_server):
    model = connect(llama_server)
    samples = draw(model, n=3, temperature=1.0, seed=5, max_tokens=12)
    assert samples.usage.calls == 1
    assert model.capabilities.n is True
    assert len(samples) == 3
    if all(completion.finish_reason == "length" for completion in samples):
        assert samples.usage.completion_tokens == 36  # the server says 12
        assert samples.usage.estimated
        assert any("one choice of several" in note for note in samples.notes)


def test_llama_cpp_honours_seed_stop_and_logprobs(llama_server):
    model = connect(llama_server)
    prompt, text = longest(model)
    seeded = [draw(model, prompt, temperature=1.0, seed=seed)[0].text for seed in (7, 7, 8, 9, 10)]
    assert seeded[0] == seeded[1]
    assert len(set(seeded)) > 1
    whole = draw(model, prompt, temperature=0.0, logprobs=True, top_logprobs=2)[0]
    assert whole.text == text
    assert "".join(entry.token for entry in whole.logprobs) == whole.text
    assert all(entry.logprob <= 0 and len(entry.top) <= 2 for entry in whole.logprobs)
    stop = middle(text)
    cut = draw(model, prompt, temperature=0.0, stop=(stop,), logprobs=True)
    assert cut[0].text == text[: text.index(stop)]
    assert cut[0].finish_reason == "stop"
    assert cut.notes == ()
    *before, last = cut[0].logprobs
    assert len("".join(entry.token for entry in before)) < len(cut[0].text)  # only the last may straddle the cut
    assert whole.text.startswith("".join(entry.token for entry in (*before, last)))


def test_llama_cpp_reports_usage(llama_server, folder):
    from transformers import AutoTokenizer

    model = connect(llama_server)
    samples = draw(model, temperature=0.0, max_tokens=8)
    assert not samples.usage.estimated
    assert samples.usage.prompt_tokens == len(AutoTokenizer.from_pretrained(folder)(PROMPTS[1]).input_ids)
    assert 1 <= samples.usage.completion_tokens <= 8
    assert samples[0].tokens == samples.usage.completion_tokens


def test_the_doctor_on_llama_cpp(llama_server):
    report = asyncio.run(probe(connect(llama_server)))
    works = {finding.name: finding.works for finding in report.findings}
    assert works["stop"] is not False  # a model that answers the probe with nothing leaves it unknown
    assert {name: works[name] for name in ("reachable", "usage", "n", "logprobs")} == {
        "reachable": True,
        "usage": True,
        "n": True,
        "logprobs": True,
    }
    assert works["seed"] is not False
    assert report.calls <= 8


# --- transformers: the server that ignores what it is asked


def free_port():
    with socket.socket() as probe_:
        probe_.bind(("127.0.0.1", 0))
        return probe_.getsockname()[1]


def wait_until_up(process, port, log, seconds=45.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert process.poll() is None, f"transformers serve ended: {log.read_text()[-2000:]}"
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
            return
        time.sleep(0.25)
    pytest.fail(f"transformers serve was not up after {seconds:.0f} s: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def transformers_server(random_model, tmp_path_factory):
    needs("fastapi", "uvicorn", "accelerate", install="'transformers[serving]'")
    home, port = tmp_path_factory.mktemp("home"), free_port()
    (home / "hub").mkdir()  # the server lists this folder and fails without it
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    code = "import sys; from transformers.cli.transformers import main; sys.exit(main())"
    # The name of a local folder is a path, and is served as it stands.
    where = ["serve", str(random_model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = home / "log.txt"
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-c", code, *where], stdout=out, stderr=out, env=environment)
    try:
        wait_until_up(process, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_transformers_ignores_n_and_is_topped_up(transformers_server, random_model):
    model = connect(transformers_server, str(random_model))
    samples = draw(model, n=3, temperature=1.0, seed=5)
    assert len(samples) == 3
    assert samples.usage.calls == 3
    assert not samples.usage.estimated
    assert "n ignored: 2 extra calls" in samples.notes
    # It ignores the temperature too, which only the texts can tell.
    assert "identical draws: 1 distinct of 3 at temperature 1" in samples.notes
    assert model.capabilities.n is False


@pytest.mark.slow
def test_transformers_keeps_the_stop_string_and_gives_no_logprobs(transformers_server, random_model):
    model = connect(transformers_server, str(random_model))
    prompt, whole = longest(model)
    assert whole == generate(random_model, prompt)[0]
    stop = middle(whole)
    samples = draw(model, prompt, temperature=0.0, stop=(stop,), logprobs=True)
    assert samples[0].text == whole[: whole.index(stop)]
    assert samples[0].finish_reason == "stop"
    assert samples[0].logprobs is None
    assert "stop kept in the text: text cut off here" in samples.notes
    assert "logprobs asked for, none came" in samples.notes


@pytest.mark.slow
def test_the_doctor_on_transformers_says_what_does_not_work(transformers_server, random_model):
    report = asyncio.run(probe(connect(transformers_server, str(random_model))))
    works = {finding.name: finding.works for finding in report.findings}
    assert works == {
        "reachable": True,
        "usage": True,
        "n": False,
        "draws differ": False,
        "seed": None,
        "stop": False,
        "logprobs": False,
    }
    assert report.calls <= 8


@pytest.mark.slow
def test_transformers_refuses_a_model_that_it_does_not_serve(transformers_server):
    with pytest.raises(EndpointError, match="pinned"):
        draw(connect(transformers_server, "another"))
