"""The embedded model served by llama.cpp writes what transformers writes, token for token, in every role."""

# ruff: noqa: E402

import json
import re
import time
import urllib.request
from importlib import resources
from pathlib import Path

import pytest

xllamacpp = pytest.importorskip("xllamacpp", reason="llama.cpp's server is not installed")
pytest.importorskip("gguf", reason="the GGUF writer is not installed")
torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from planneal.experiments.families.arithmetic import Difficulty, generate
from planneal.experiments.training.export_gguf import convert

pytestmark = pytest.mark.server

MODEL = Path(str(resources.files("planneal.decoders") / "embedded"))
if not (MODEL / "model.safetensors").exists():
    pytest.skip("the embedded weights are not installed", allow_module_level=True)


def prompts():
    """A handful of prompts of each role, with the tokens that their completions may take."""
    for seed, quantities in ((1, 5), (2, 9), (3, 14)):
        problem = generate(seed, Difficulty(quantities=quantities))
        question, plan = problem.public.question, problem.gold.plan
        lacking = "\n".join(plan.split("\n")[:-1])
        yield f"{question}\nplan:\n", 200
        yield f"{question}\nplan:\n{plan}\nanswer:\n", 200
        yield f"{question}\nanswer:\n", 200
        yield f"{question}\nplan:\n{lacking}\nproblem: goal {problem.public.target} is defined nowhere\nedit:\n", 40
        yield f"{question}\nplan:\n{plan}\ncheck S1:", 1


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    path = tmp_path_factory.mktemp("gguf") / "embedded.gguf"
    convert(MODEL, path)
    options = xllamacpp.CommonParams()
    options.model.path = str(path)
    options.port = 0
    options.n_parallel = 1
    options.n_ctx = 2048
    options.cpuparams.n_threads = 1
    options.cpuparams_batch.n_threads = 1
    options.warmup = False
    running = xllamacpp.Server(options)
    yield running.listening_address
    del running


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    for _ in range(50):
        try:
            with urllib.request.urlopen(request, timeout=60) as reply:
                return json.load(reply)
        except urllib.error.HTTPError as error:  # 503 while the model is being loaded
            error.close()
            if error.code != 503:
                raise
            time.sleep(0.1)
    raise AssertionError("the server did not come up")


def test_greedy_text_equals_transformers_in_every_role(server):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert re.match(r"http://(127\.0\.0\.1|localhost)", server)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    for prompt, most in prompts():
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        assert post(f"{server}/tokenize", {"content": prompt})["tokens"] == ids[0].tolist()
        with torch.inference_mode():
            written = model.generate(ids, max_new_tokens=most, do_sample=False)[0, ids.shape[1] :]
        expected = tokenizer.decode(written, skip_special_tokens=True)
        raw = post(f"{server}/v1/completions", {"prompt": prompt, "max_tokens": most, "temperature": 0})
        assert raw["choices"][0]["text"] == expected
        messages = [{"role": "user", "content": prompt}]
        chat = post(f"{server}/v1/chat/completions", {"messages": messages, "max_tokens": most, "temperature": 0})
        assert chat["choices"][0]["message"]["content"] == expected
        # The server counts the end token where there is one, as transformers writes it.
        assert raw["usage"]["completion_tokens"] == len(written)


@pytest.mark.parametrize("text", ["  two  spaces\t\n\nlines ", "naïve 東京 😀", "it's 12345 <-> [x]!?\r\n"])
def test_both_tokenizers_agree_on_any_text(server, text):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    assert post(f"{server}/tokenize", {"content": text})["tokens"] == tokenizer(text)["input_ids"]
