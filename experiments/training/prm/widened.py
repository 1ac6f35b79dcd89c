r"""A language model's body with layers on top that can tell what came from what was to be expected.

A language model's last state is about the token to come: which token it stands at is hardly left in it. So layers on
top could not compare what came with what was expected, however long they learn. Here every state has room beside it,
and the layers on top begin with what the comparison takes:

* a code of the state's own token, 1 and -1, in features that the language model's layers neither read nor write, and
  that stay as they are: the code is small, and steps of the optimiser that are nothing elsewhere would drown it;
* a first layer that learns to write the code of the token that is expected next;
* a second one with a head that looks one token back, by a bias of its queries and keys which, turned by the distance,
  scores :math:`s \sum_i \cos(\theta_i (d - 1))` at the distance *d* (rotary positions: Su et al., 2021, arXiv
  2104.09864), and brings what was expected there; and with units that square the difference of the two codes,
  :math:`z^2 = \mathrm{silu}(z) z + \mathrm{silu}(-z) (-z)`, and sum the squares;
* a third one, to learn what an item's tokens say of the item.

What is made by hand is held as it is: where all of it learnt, the first hundred steps undid it.

What the language model's own layers say is what they said, within a per cent or so: what stands beside the state is
small, and their norms make up for the width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..model import Llama, looking_back

__all__ = ["LAYERS", "SPARE", "codes_of", "learnable", "size_of", "widened"]

LAYERS = 3
"""How many layers are added."""
SPARE = 8
"""Features that are left empty; the first of them takes the sum of the squares."""
_SMALL = 0.05
"""Size of the codes in the embedding."""
_SHARP = 8.5
"""Sharpness of the look at the token before: how much more it scores than its neighbours, in nats."""
_FREQUENCIES = 10
"""Highest frequencies of the positions that take part in it: the others tell neighbours apart by next to nothing."""


def size_of(room: int) -> int:
    """Length of a code: own, expected and brought codes share the room that is not spare."""
    return max(0, room - SPARE) // 3


def codes_of(vocabulary: int, size: int) -> Tensor:
    """The codes of all tokens, 1 or -1, (vocabulary, size); the same ones each time."""
    drawn = torch.randint(2, (vocabulary, size), generator=torch.Generator().manual_seed(0))
    return (2 * drawn - 1).float()


def widened(body: Llama, room: int) -> Llama:
    """The body with layers on top, which add nothing to its own features yet, and with features beside these.

    Args:
        body: The language model.
        room: How many features.

    Raises:
        ValueError: There is no room for codes.
    """
    size, width = size_of(room), body.shape.hidden_size
    if not 0 < size <= min(body.shape.head_dim, body.shape.intermediate_size // 2):
        raise ValueError(f"{room} features make codes of length {size}, which do not fit the model")
    own = body.shape.num_hidden_layers
    sizes = {"num_hidden_layers": own + LAYERS, "hidden_size": width + room, "attention_bias": True}
    made = Llama(body.shape.model_copy(update=sizes))
    with torch.no_grad():
        _take_over(made, body)
        codes = codes_of(body.shape.vocab_size, size)
        made.model.embed_tokens.weight[:, width : width + size] = _SMALL * codes
        scale = _scale(body)
        for layer in list(made.model.layers)[own:]:
            _silence(layer)
            _read(layer, width, size, scale)
        second: Any = made.model.layers[own + 1]
        _look_back(second, made.inverse_frequencies)
        _bring(second, width, size)
        _compare(second, width, size, scale)
    return made.eval()


def learnable(made: Llama, own: int, width: int, size: int) -> dict[str, Tensor]:
    """What of a widened body may change, as ones of a parameter's shape with zeros for what may not.

    The language model's layers keep to their own features, the codes stay, and no layer writes where they stand. What
    brings what was expected, and what compares, stays as it is made.

    Args:
        made: The widened body.
        own: How many layers are the language model's.
        width: How many features are.
        size: Length of a code.
    """
    found: dict[str, Tensor] = {}
    for name, parameter in made.named_parameters():
        mask = torch.ones_like(parameter)
        layer = int(name.split(".")[2]) if ".layers." in name else -1
        writes = "o_proj" in name or "down_proj" in name
        if "embed" in name:
            mask[:, width:] = 0.0
        elif 0 <= layer < own and writes:
            mask[width:] = 0.0
        elif 0 <= layer < own and name.endswith("proj.weight"):
            mask[:, width:] = 0.0
        elif layer >= own and writes:
            mask[width : width + size] = 0.0
            mask[width + 2 * size : width + 3 * size] = 0.0
        elif layer == own + 1 and "norm" not in name:
            held = {"q_proj": made.shape.head_dim, "k_proj": made.shape.head_dim, "v_proj": size}
            mask[: held.get(name.split(".")[4], 2 * size)] = 0.0
        if not mask.all():
            found[name] = mask
    return found


def _take_over(made: Llama, body: Llama) -> None:
    """The language model's weights, in the corner of wider ones that are zero elsewhere; its norms are scaled.

    The mean square over more features is smaller by the share of its own features, so the norms are larger.
    """
    width = body.shape.hidden_size
    share = (width / made.shape.hidden_size) ** 0.5
    old = dict(body.named_parameters())
    for name, weight in made.named_parameters():
        if name not in old:
            continue
        if "norm" in name:
            weight[:width], weight[width:] = old[name] * share, 1.0
        else:
            weight.zero_()
            weight[: old[name].shape[0], : old[name].shape[1]] = old[name]


@torch.no_grad()
def _scale(body: Llama) -> float:
    """Root mean square of the states that the language model's layers end in, on some row of its tokens."""
    count = min(256, body.shape.vocab_size)
    ids = torch.randperm(body.shape.vocab_size, generator=torch.Generator().manual_seed(0))[None, :count]
    mask = torch.full((count, count), float("-inf")).triu(1)[None, None]
    return float(body.stages(ids, torch.arange(count)[None], mask)[-1].pow(2).mean().sqrt())


def _silence(layer: Any) -> None:
    """A layer that adds nothing."""
    torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
    torch.nn.init.zeros_(layer.mlp.down_proj.weight)


def _read(layer: Any, width: int, size: int, scale: float) -> None:
    """Norms in which what stands beside the state is of its size."""
    for norm in (layer.input_layernorm, layer.post_attention_layernorm):
        norm.weight[width : width + size] = scale / _SMALL
        norm.weight[width + size : width + 3 * size] = scale
        norm.weight[width + 3 * size :] = 1.0


def _look_back(layer: Any, frequencies: Tensor) -> None:
    """The first head looks one token back, whatever the tokens are."""
    half = len(frequencies)
    taken = (torch.arange(half) < _FREQUENCIES).float()
    # Logits are divided by the root of the head's width; neighbours of the token before lose sum(1 - cos) of the score.
    lost = float((taken * (1 - frequencies.cos())).sum())
    length = (_SHARP / max(lost, 1e-6) * (2 * half) ** 0.5) ** 0.5
    straight, turned = looking_back(frequencies, 1.0)
    for projection, start in ((layer.self_attn.q_proj, straight), (layer.self_attn.k_proj, turned)):
        projection.weight[: 2 * half] = 0.0
        projection.bias[: 2 * half] = length * taken.repeat(2) * start


def _bring(layer: Any, width: int, size: int) -> None:
    """The first head brings what was expected where it looks."""
    value, out = layer.self_attn.v_proj.weight, layer.self_attn.o_proj.weight
    value[:size] = 0.0
    value[:size, width + size : width + 2 * size] = torch.eye(size)
    out[width + 2 * size : width + 3 * size, :size] = torch.eye(size)


def _compare(layer: Any, width: int, size: int, scale: float) -> None:
    """Pairs of units square the difference of a code and what was brought; the sum goes to the first empty feature."""
    rows = torch.arange(size)
    for projection in (layer.mlp.gate_proj, layer.mlp.up_proj):
        weight = projection.weight
        weight[: 2 * size] = 0.0
        for start, sign in ((width, 1.0), (width + 2 * size, -1.0)):
            weight[rows, start + rows] = sign
            weight[size + rows, start + rows] = -sign
    # Two codes differ in half of their features, each difference 2: the sum of the squares is twice the length then.
    layer.mlp.down_proj.weight[width + 3 * size, : 2 * size] = scale / (2 * size)
