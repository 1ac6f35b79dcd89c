"""The training run on a tiny model: branch masks, Muon, and a run that a kill does not change."""

# ruff: noqa: E402

import copy
import json
import math
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from planneal.experiments.families.arithmetic import Difficulty, generate
from planneal.experiments.families.base import Split
from planneal.experiments.families.wording import NAMES
from planneal.experiments.training.batches import PoolFiles, load_tokenizer, make_batch
from planneal.experiments.training.config import RunConfig, load_config
from planneal.experiments.training.corpus import draft_tree
from planneal.experiments.training.export import export, load_exported
from planneal.experiments.training.model import Llama, ModelShape
from planneal.experiments.training.muon import orthogonalise
from planneal.experiments.training.packing import flatten, pack
from planneal.experiments.training.running import learning_rate, tensors
from planneal.experiments.training.sampling import decode
from planneal.experiments.training.tokenizer import special_ids
from planneal.experiments.training.train import Run

TINY = RunConfig(
    name="tiny",
    seed=3,
    minutes=1e6,
    steps=6,
    threads=1,
    compile=False,
    prefetch=0,
    checkpoint_minutes=0.0,
    tokenizer_problems=60,
    model={"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2},
    data={"rows": 1, "length": 640, "quantities": (3, 6)},
    optim={"warmup": 2},
    onpolicy={"at": (0.5,), "problems": 4, "batch": 2},
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """An uninterrupted run."""
    run = Run(TINY, tmp_path_factory.mktemp("whole"))
    run.train()
    return run


def test_a_killed_run_goes_on_to_the_same_weights(finished, tmp_path):
    class KilledError(Exception):
        pass

    class Mortal(Run):
        dies = 0

        def _update(self, forward, batch):
            if self.step == self.dies:
                raise KilledError
            return super()._update(forward, batch)

    for dies in (2, 4):
        run = Mortal(TINY, tmp_path)
        run.dies = dies
        with pytest.raises(KilledError):
            run.train()
    resumed = Run(TINY, tmp_path)
    assert resumed.step == 4
    assert resumed.sampled == 1
    resumed.train()
    assert resumed.step == finished.step == TINY.steps
    for name, weight in finished.model.state_dict().items():
        assert torch.equal(weight, resumed.model.state_dict()[name]), name
    other = Run(TINY.model_copy(update={"seed": 4, "name": "other"}), tmp_path)
    other.train()
    assert not torch.equal(other.model.model.embed_tokens.weight, finished.model.model.embed_tokens.weight)


def test_a_command_that_ends_early_goes_on_in_the_next_one(finished, tmp_path):
    for call in range(TINY.steps):
        run = Run(TINY, tmp_path)
        assert run.step == call, "one step a call, since any takes longer"
        run.train(stop_after=1e-9)
    assert run.progress == 1.0
    for name, weight in finished.model.state_dict().items():
        assert torch.equal(weight, run.model.state_dict()[name]), name


def test_one_file_serves_other_sizes_and_budgets(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('name = "a"\nseed = 1\n[model]\nnum_hidden_layers = 4\n[data]\nrows = 3\n')
    plain = load_config(file)
    changed = load_config(file, ["model.hidden_size=384", "prefetch=8", "minutes=2.5", 'name="b"'])
    assert (plain.model.hidden_size, plain.model.num_hidden_layers, plain.data.rows) == (256, 4, 3)
    assert (changed.model.hidden_size, changed.model.num_hidden_layers, changed.data.rows) == (384, 4, 3)
    assert (changed.prefetch, changed.minutes, changed.name, changed.seed) == (8, 2.5, "b", 1)
    with pytest.raises(ValidationError):
        load_config(file, ["model.depth=3"])


def test_batches_go_where_the_model_is(finished):
    batch = make_batch(TINY.data, 3, 1, str(finished.folder), PoolFiles())
    assert {tensor.device.type for tensor in tensors(batch, "meta")} == {"meta"}
    assert {tensor.device.type for tensor in tensors(batch)} == {"cpu"}
    assert finished.device.type == "cpu"


def test_a_complete_run_is_left_alone(finished):
    again = Run(TINY, finished.folder.parent)
    before = copy.deepcopy(again.model.state_dict())
    again.train()
    assert all(torch.equal(before[name], weight) for name, weight in again.model.state_dict().items())


def test_batches_depend_on_seed_and_step_alone(finished):
    folder = str(finished.folder)
    first, same, later = (make_batch(TINY.data, 3, step, folder, PoolFiles()) for step in (7, 7, 8))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert not np.array_equal(first.ids, later.ids)


def test_metrics_are_logged(finished):
    records = [json.loads(row) for row in (finished.folder / "metrics.jsonl").read_text().splitlines()]
    assert any("onpolicy" in record for record in records)


def losses_of(model, batch, mask):
    blocked = torch.zeros(mask.shape).masked_fill_(~torch.from_numpy(mask), float("-inf"))[:, None]
    ids, positions, labels = (torch.from_numpy(a).long() for a in (batch.ids, batch.positions, batch.labels))
    with torch.inference_mode():
        return model(ids, positions, blocked, labels)


def test_a_branch_in_a_tree_has_the_loss_that_it_has_alone(finished):
    torch.manual_seed(0)
    model = Llama(ModelShape(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2))
    tokenizer = load_tokenizer(str(finished.folder))
    end, pad = special_ids(tokenizer)
    tree = draft_tree(np.random.default_rng(0), generate(1, Difficulty(quantities=5), Split.TRAIN))

    def packed(root):
        flat = flatten(root, lambda text: tokenizer.encode(text).ids, end, 0.0)
        return pack([flat], 1, 512, pad), len(flat.ids)

    whole, length = packed(tree)
    direct = copy.copy(tree)
    direct.children = [tree.children[-1]]
    alone, shorter = packed(direct)
    size = int((alone.weights > 0).sum())
    in_tree = losses_of(model, whole, whole.mask)[0, :length][-size:]
    by_itself = losses_of(model, alone, np.tril(np.ones((1, 512, 512), bool)))[0, :shorter][-size:]
    assert torch.allclose(in_tree, by_itself, atol=1e-5)
    leaking = losses_of(model, whole, np.tril(np.ones((1, 512, 512), bool)))[0, :length][-size:]
    assert not torch.allclose(leaking, by_itself, atol=1e-3)


def test_mimetic_heads_begin_with_queries_that_equal_keys():
    shape = ModelShape(vocab_size=32, hidden_size=32, intermediate_size=48, num_hidden_layers=2)
    for heads, equal in ((0, False), (3, True)):
        attention = Llama(shape, heads).model.layers[1].self_attn
        query, key = attention.q_proj.weight, attention.k_proj.weight
        assert torch.equal(query[: 3 * shape.head_dim], key[: 3 * shape.head_dim]) is equal
        assert not torch.equal(query[3 * shape.head_dim :], key[3 * shape.head_dim :])


def _distances_seen(model: Llama) -> torch.Tensor:
    """How far back the last head of the first layer looks first, from each place of a random text."""
    layer, length = model.model.layers[0], 40
    with torch.inference_mode():
        x = layer.input_layernorm(model.model.embed_tokens(torch.randint(0, 200, (1, length))))
        angles = torch.arange(length)[:, None] * model.inverse_frequencies
        turn = torch.polar(torch.ones_like(angles), angles)

        def last_head(weight: torch.Tensor) -> torch.Tensor:
            return torch.complex(*(x @ weight[-model.shape.head_dim :].T)[0].chunk(2, -1)) * turn

        scores = (last_head(layer.self_attn.q_proj.weight) @ last_head(layer.self_attn.k_proj.weight).conj().T).real
        seen = scores.masked_fill(torch.ones(length, length).triu(1).bool(), float("-inf"))
    return torch.arange(length)[10:] - seen[10:].argmax(-1)


def test_heads_that_look_back_begin_near_their_distance():
    torch.manual_seed(0)
    shape = ModelShape(vocab_size=200, num_hidden_layers=2)
    for distance in (1.0, 4.0):
        found = _distances_seen(Llama(shape, look_back=[(distance, 6.0)]))
        assert (found - distance).abs().mean() < 1.0
    assert (_distances_seen(Llama(shape)) - 1.0).abs().mean() > 3.0


def test_the_exported_folder_is_the_same_model_for_transformers(finished, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    facts = export(finished.folder, tmp_path)
    assert facts["trained"]["steps"] == TINY.steps
    assert facts["trained"]["quantities"] == list(TINY.quantities)
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    own = load_exported(tmp_path)
    text = generate(9, Difficulty(quantities=4)).public.question + "\nplan:\n"
    ids = tokenizer(text, return_tensors="pt")["input_ids"]
    assert tokenizer.decode(ids[0]) == text
    length = ids.shape[1]
    mask = torch.full((1, 1, length, length), float("-inf")).triu(1)
    with torch.inference_mode():
        theirs = model(ids).logits
        ours = own.logits(own.hidden(ids, torch.arange(length)[None], mask))
        written = model.generate(ids, max_new_tokens=12, do_sample=False)[0, length:]
    assert torch.allclose(theirs, ours, atol=1e-4)
    assert decode(own, load_tokenizer(str(tmp_path)), [text, "x" + text], 12)[0] == tokenizer.decode(
        written, skip_special_tokens=True
    )


def test_tokenizer_reads_anything_and_names_are_one_token(finished):
    tokenizer = load_tokenizer(str(finished.folder))
    for name in NAMES:
        assert len(tokenizer.encode(name).ids) == len(tokenizer.encode(" " + name).ids) == 1
    for text in ("çà et là 東京 😀\x00\r\n\t  x", "S12: [nuts = 123]", "  spaces  "):
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text
    assert len(tokenizer.encode("123").ids) == 3
    assert tokenizer.get_vocab_size() <= 1024


def test_chat_template_is_the_text_itself(finished):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(finished.folder)
    messages = [{"role": "system", "content": "a\n"}, {"role": "user", "content": "b\nplan:\n"}]
    assert tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == "a\nb\nplan:\n"


def test_decoding_does_not_depend_on_the_batch_and_sampling_on_the_seed(finished):
    tokenizer = load_tokenizer(str(finished.folder))
    prompts = ["There are 3 nuts.\nplan:\n", "a\n", "How many wigs are there? And why?\nplan:\n"]
    together = decode(finished.model, tokenizer, prompts, 10)
    assert together == [decode(finished.model, tokenizer, [prompt], 10)[0] for prompt in prompts]
    hot = [decode(finished.model, tokenizer, prompts, 10, 2.0, seed) for seed in (0, 0, 1)]
    assert hot[0] == hot[1] != hot[2]


@pytest.mark.parametrize("shape", [(3, 8, 20), (3, 20, 8), (1, 16, 16)])
def test_orthogonalised_updates_have_singular_values_near_one(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    assert torch.linalg.svdvals(matrices).max() > 3
    values = torch.linalg.svdvals(orthogonalise(matrices).float())
    assert values.max() < 1.3
    assert values.median() > 0.6


def test_schedule_rises_holds_and_falls_to_zero():
    rates = [learning_rate(step / 100, step, 10, 0.5) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[10:51] == [1.0] * 41
    assert rates[-1] == 0.0
    assert all(a >= b for a, b in pairwise(rates[10:]))
    assert math.isclose(rates[75], 0.5)


def test_a_schedule_without_a_plateau_falls_from_the_end_of_the_warm_up():
    assert learning_rate(0.0, 0, 10) == pytest.approx(0.1)
    assert learning_rate(0.5, 100, 10) == pytest.approx(0.5)
    assert learning_rate(1.0, 100, 10) == 0.0
