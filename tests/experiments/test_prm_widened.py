"""The reward model's room beside the language model's states, and the account of what came that it is trained on."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="the local extra is not installed")
pytest.importorskip("transformers", reason="the local extra is not installed")

import planneal.decoders
import torch
from planneal.experiments.training.export import load_exported
from planneal.experiments.training.prm.classifier import Judge, classifier_of
from planneal.experiments.training.prm.train import surprises
from planneal.experiments.training.prm.widened import LAYERS, SPARE, codes_of, size_of, widened

EMBEDDED = Path(planneal.decoders.__file__).parent / "embedded"
ROOM = 80
LENGTH = 160


@pytest.fixture(scope="module")
def body():
    return load_exported(EMBEDDED)


@pytest.fixture(scope="module")
def made(body):
    return widened(body, ROOM)


@pytest.fixture(scope="module")
def row(body):
    """A row of tokens that the language model would write, so that it expects them."""
    ids = torch.randint(300, 1500, (1, 8), generator=torch.Generator().manual_seed(3))
    while ids.shape[1] < LENGTH:
        ids = torch.cat((ids, body.logits(body.hidden(*inputs(ids)))[:, -1:].argmax(-1)), dim=1)
    return ids


def inputs(ids):
    count = ids.shape[1]
    mask = torch.full((count, count), float("-inf")).triu(1)[None, None]
    return ids, torch.arange(count)[None], mask


@torch.inference_mode()
def test_the_language_model_says_what_it_said(body, made, row):
    before = body.logits(body.hidden(*inputs(row))).log_softmax(-1)
    own = made.stages(*inputs(row))[body.shape.num_hidden_layers - 1]
    after = made.logits(made.model.norm(own)).log_softmax(-1)
    apart = (before.exp() * (before - after)).sum(-1).mean()
    assert 0 <= apart < 0.02
    assert made.shape.num_hidden_layers == body.shape.num_hidden_layers + LAYERS
    width = body.shape.hidden_size
    stages = made.stages(*inputs(row))
    assert torch.allclose(stages[-1][..., :width], own[..., :width], atol=1e-4), "the layers on top leave it alone"


def expecting(body, row):
    """A widened body whose first layer on top knows what comes next in a row: what it is to learn, put in by hand."""
    made = widened(body, ROOM)
    first, width, size = made.model.layers[body.shape.num_hidden_layers], body.shape.hidden_size, size_of(ROOM)
    codes = codes_of(body.shape.vocab_size, size)
    known = torch.zeros(1, LENGTH, made.shape.hidden_size)
    known[0, :-1, width + size : width + 2 * size] = codes[row[0, 1:]]
    first.register_forward_hook(lambda _, __, out: out + known[:, : out.shape[1]])
    return made


@torch.inference_mode()
def test_the_second_layer_brings_what_was_expected_one_token_before_and_squares_the_difference(body, row):
    own, width, size = body.shape.num_hidden_layers, body.shape.hidden_size, size_of(ROOM)
    made, codes = expecting(body, row), codes_of(body.shape.vocab_size, size)
    changed = row.clone()
    places = torch.arange(20, LENGTH, 10)
    changed[0, places] = (changed[0, places] + 611) % 1500
    as_expected, other = (made.stages(*inputs(ids))[own + 1][0] for ids in (row, changed))
    brought = other[1:, width + 2 * size : width + 3 * size]
    likeness = torch.nn.functional.cosine_similarity(brought, codes[row[0, 1:]], dim=-1)
    assert likeness.min() > 0.95, "it is the token before that is seen, not another"
    feature = width + 3 * size
    assert (as_expected[places, feature] < other[places, feature]).all()
    assert other[places, feature].median() > 3 * as_expected[places, feature].median()


def test_codes_tell_tokens_apart_and_are_the_same_each_time():
    codes = codes_of(1536, size_of(80))
    assert codes.shape == (1536, 24)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    assert torch.equal(codes, codes_of(1536, 24))
    assert len(codes.unique(dim=0)) == 1536
    assert size_of(SPARE) == 0
    assert size_of(0) == 0


def test_there_has_to_be_room_for_codes_and_heads_that_carry_them(body):
    for room in (SPARE + 2, 4 * 256):
        with pytest.raises(ValueError, match="codes of length"):
            widened(body, room)


@torch.inference_mode()
def test_a_wider_judge_is_an_ordinary_token_classifier(row):
    judge = Judge(EMBEDDED, 0, ROOM).eval()
    model = classifier_of(judge, EMBEDDED)
    found = model(input_ids=row).logits
    assert torch.allclose(found, judge(*inputs(row)).classes, atol=2e-3)
    assert sum(parameter.numel() for parameter in model.parameters()) * 2 < 16e6, "it is to ship in float16"


def test_an_item_is_as_surprising_as_its_most_surprising_token():
    weights = torch.tensor([[0.0, 0.25, 0.25, 1.0, 0.0, 0.25, 1.0, 1.0]])
    said = torch.tensor([[-9.0, -1.0, -2.0, -0.5, -7.0, -30.0, -0.1, -0.2]])
    found = surprises(said, weights)
    assert found[0, [1, 2, 5]].tolist() == [-1.0, -2.0, -8.0], "a token's own, floored"
    assert found[0, [3, 6]].tolist() == [-2.0, -8.0], "names and what stands before an item are not its own"
    assert found[0, 7] == 0.0, "nothing is inside of the last item"
