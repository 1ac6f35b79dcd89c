"""The embedded model: shipped weights, compact prompts, and a sense of its own scope."""

import asyncio
import importlib
import json
import sys
from importlib import resources
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")
sys.path.append(str(Path(__file__).parent))
tiny = importlib.import_module("tiny")

from planneal.decoders.base import SampleRequest  # noqa: E402
from planneal.decoders.embedded_backend import EmbeddedModel, load_embedded  # noqa: E402
from planneal.planner.errors import ConfigError, MissingExtra  # noqa: E402

KNOWN = "Tom has 4 nuts. He has three more bolts than nuts. How many wigs?"
UNKNOWN = "Why did the Roman republic fall, and what would Cicero have said of it?"
SHIPPED = (resources.files("planneal.decoders") / "embedded" / "model.safetensors").is_file()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny model that was taught one question, in the shape of the shipped folder."""
    path = tmp_path_factory.mktemp("embedded")
    model = tiny.llama(scale=1.0)
    ids = torch.tensor([tiny.tokenizer()(KNOWN)["input_ids"]])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(40):
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(path)
    tiny.tokenizer().save_pretrained(path)
    (path / "planneal.json").write_text(json.dumps({"scope": 1.5}))
    return path


def test_it_is_a_local_model_of_the_compact_dialect_that_can_do_everything(folder, capfd):
    lm = EmbeddedModel.open(folder)
    assert capfd.readouterr() == ("", "")  # no progress bar for a second's work
    stated = lm.capabilities
    assert (lm.name, stated.dialect) == ("embedded", "compact")
    assert all((stated.n, stated.seed, stated.stop, stated.logprobs, stated.score, stated.usage))
    assert stated.constrained_citations
    assert asyncio.run(lm.sample(SampleRequest.of(KNOWN, max_tokens=3, seed=0)))[0].tokens <= 3


def test_it_knows_what_it_was_not_trained_on(folder):
    lm = EmbeddedModel.open(folder)
    assert lm.scope == 1.5
    assert lm.out_of_scope(KNOWN) is None
    assert lm.out_of_scope("\n " + KNOWN.replace(" He", "\n  He")) is None  # the prompt has it on one line
    refusal = lm.out_of_scope(UNKNOWN)
    assert "only knows the sentences and nouns of planneal's own problem families" in refusal
    assert "openai/NAME" in refusal
    assert "hf/PATH" in refusal
    assert EmbeddedModel.open(folder).question_nll(UNKNOWN) > 1.5 > lm.question_nll(KNOWN)


def test_the_question_is_scored_like_any_other_text(folder):
    lm = EmbeddedModel.open(folder)
    ids = lm.encode_text(KNOWN)
    first = tiny.tokenizer().decode(ids[:1])
    assert lm.encode_text(first) + lm.encode_text(KNOWN[len(first) :]) == ids
    total = asyncio.run(lm.score(first, KNOWN[len(first) :])).total
    assert lm.question_nll(KNOWN) == pytest.approx(-total / (len(ids) - 1), abs=1e-4)


def test_without_a_threshold_it_may_be_asked_anything(folder):
    lm = EmbeddedModel.open(folder)
    lm.scope = None
    assert lm.out_of_scope(UNKNOWN) is None


def test_hardly_any_question_is_no_question_of_its_kind(folder):
    lm = EmbeddedModel.open(folder)
    assert lm.question_nll("") == lm.question_nll("a") == float("inf")
    assert "only knows" in lm.out_of_scope("a")
    assert "only knows" in lm.out_of_scope("")


@pytest.mark.parametrize("text", ["{", '{"scope": "many"}', '{"scope": {"other": 1}}', "[1]"])
def test_a_broken_facts_file_is_a_configuration_error(tmp_path, text):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "planneal.json").write_text(text)
    with pytest.raises(ConfigError, match="scope threshold"):
        EmbeddedModel.open(tmp_path)


def test_missing_weights_and_a_missing_torch_say_what_to_do(folder, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="no embedded model in"):
        EmbeddedModel.open(tmp_path)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra, match="pip install"):
        EmbeddedModel.open(folder)


@pytest.mark.skipif(not SHIPPED, reason="the trained weights are not in decoders/embedded")
def test_the_shipped_model_is_loaded_once_and_refuses_what_it_does_not_know():
    lm = load_embedded()
    assert load_embedded() is lm
    assert lm.scope is not None
    assert lm.out_of_scope(UNKNOWN) is not None
