"""The `hf` backend as a language model: loading, prompts, errors, cancellation."""

import asyncio
import copy
import importlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")
sys.path.append(str(Path(__file__).parent))
tiny = importlib.import_module("tiny")

from planneal.decoders.base import Message, SampleRequest  # noqa: E402
from planneal.decoders.hf_backend import HFModel  # noqa: E402
from planneal.planner.errors import ConfigError, MissingExtra, ModelError  # noqa: E402

START = "{% if add_generation_prompt %}<assistant>{% endif %}"
CHATML = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}" + START
NO_SYSTEM = "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}" + CHATML


def local(tokenizer=None, **options):
    return HFModel(tiny.llama(), tokenizer or tiny.tokenizer(), name="hf/tiny", **options)


def chat(template):
    tokenizer = copy.deepcopy(tiny.tokenizer())
    tokenizer.chat_template = template
    return tokenizer


def text_of(lm, *messages):
    ids = lm.encode_prompt([Message(role=role, content=content) for role, content in messages])
    return tiny.tokenizer().decode(ids)


def test_a_saved_folder_loads_and_answers_like_the_model_that_was_saved(tmp_path):
    model = tiny.llama()
    model.save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    lm = HFModel.load(str(tmp_path), device="cpu")
    request = SampleRequest.of("nuts = 4", temperature=0.9, seed=5, max_tokens=12)
    assert asyncio.run(lm.sample(request))[0] == asyncio.run(local().sample(request))[0]
    assert lm.name == f"hf/{tmp_path}"
    assert lm.capabilities.parameters == sum(p.numel() for p in model.parameters())
    assert lm.capabilities.context == 512
    assert lm.capabilities.score
    assert lm.capabilities.constrained_citations


def test_what_cannot_be_loaded_is_a_configuration_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot load the model"):
        HFModel.load(str(tmp_path / "nothing"))


def test_without_torch_the_pip_line_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match=r"pip install 'planneal\[local\]'"):
        HFModel.load("anything")


def test_the_backend_can_be_imported_without_torch():
    script = (
        "import sys; sys.modules['torch'] = sys.modules['transformers'] = None\n"
        "import planneal.decoders.hf_backend, planneal.decoders.embedded_backend\n"
        "import planneal.decoders.batching, planneal.decoders.citation_processor\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_prompts_go_through_the_chat_template_where_there_is_one():
    plain = [("system", "be brief. "), ("user", "nuts?")]
    assert text_of(local(), *plain) == "be brief. nuts?"
    assert text_of(local(chat(CHATML)), *plain) == "<system>be brief. \n<user>nuts?\n<assistant>"
    merged = text_of(local(chat(NO_SYSTEM)), *plain)
    assert merged == "<user>be brief. \n\nnuts?\n<assistant>"
    continued = text_of(local(chat(CHATML)), ("user", "nuts?"), ("assistant", "answer:"))
    assert continued == "<user>nuts?\n<assistant>answer:"
    with pytest.raises(ModelError, match="refuses these messages"):
        text_of(local(chat("{{ raise_exception('no') }}")), ("user", "nuts?"))


def test_counted_tokens_are_the_tokens_that_are_used():
    lm = local(chat(CHATML))
    request = SampleRequest.of("nuts = 4 [S1]", max_tokens=4)
    samples = asyncio.run(lm.sample(request))
    assert samples.usage.prompt_tokens == lm.count_tokens(request.messages) == lm.prompt_bound(request.messages)
    assert samples.usage.completion_tokens <= lm.worst_case(request).completion_tokens
    assert samples.usage.seconds > 0


def test_a_request_without_a_temperature_gets_the_default():
    greedy = local(default_temperature=0.0)
    unset = SampleRequest.of("nuts", max_tokens=8)
    zero = SampleRequest.of("nuts", max_tokens=8, temperature=0)
    assert asyncio.run(greedy.sample(unset))[0].text == asyncio.run(greedy.sample(zero))[0].text


def test_text_that_is_no_unicode_is_a_model_error():
    lm = local()
    with pytest.raises(ModelError, match="surrogate"):
        asyncio.run(lm.sample(SampleRequest.of("a\ud800")))
    assert asyncio.run(lm.sample(SampleRequest.of("a", stop=("\ud800",), max_tokens=2)))[0].tokens == 2


def test_an_empty_prompt_starts_from_the_end_token():
    assert len(local().encode_prompt([Message(role="user", content="")])) == 1


def test_a_failing_model_is_a_model_error_for_each_waiter_and_passes():
    lm = local()
    forward = lm.engine.forward.model.forward

    async def both():
        requests = [SampleRequest.of(text, max_tokens=2, temperature=0) for text in ("nuts", "wigs")]
        return await asyncio.gather(*(lm.sample(request) for request in requests), return_exceptions=True)

    def broken(*args, **kwargs):
        raise RuntimeError("out of memory")

    lm.engine.forward.model.forward = broken
    errors = asyncio.run(both())
    assert [str(error) for error in errors] == ["hf/tiny failed: RuntimeError: out of memory"] * 2
    assert all(isinstance(error, ModelError) for error in errors)
    lm.engine.forward.model.forward = forward
    assert [sample[0].tokens for sample in asyncio.run(both())] == [2, 2]


def test_a_cancelled_waiter_frees_its_row_and_leaves_the_others():
    lm = local()
    lm.engine.ends = frozenset()
    short = SampleRequest.of("nuts", max_tokens=40, temperature=0)
    expected = asyncio.run(lm.sample(short))[0]
    forward, steps, cancelled = lm.engine.forward.model.forward, [], threading.Event()

    def held(*args, **kwargs):
        steps.append(kwargs["input_ids"].shape[0])
        assert len(steps) < 5 or cancelled.wait(30)
        return forward(*args, **kwargs)

    async def main():
        endless = asyncio.create_task(lm.sample(SampleRequest.of("wigs", max_tokens=480, temperature=0)))
        other = asyncio.create_task(lm.sample(short))
        while len(steps) < 5:
            await asyncio.sleep(0.001)
        endless.cancel()
        await asyncio.sleep(0)
        cancelled.set()
        with pytest.raises(asyncio.CancelledError):
            await endless
        return await other

    before = threading.active_count()
    lm.engine.forward.model.forward = held
    assert asyncio.run(main())[0] == expected
    assert len(steps) < 50  # 480 of them had the cancelled row gone on
    assert steps[-1] == 1
    assert threading.active_count() == before
