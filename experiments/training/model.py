"""A Llama decoder in plain torch, with the parameter names of `transformers`' `LlamaForCausalLM`.

It exists because training wants what an inference library does not offer: branch masks, a fused loss over chosen
positions and a graph that compiles once. Its weights load into the ordinary class without conversion.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Cache", "Llama", "ModelShape", "looking_back"]

_EMBEDDING_SCALE = 0.02
"""Standard deviation of the embedding at the start."""


def _even(sizes: dict[str, Any]) -> int:
    """The heads' width where they share out the hidden width."""
    return int(sizes["hidden_size"] // sizes["num_attention_heads"])


class ModelShape(BaseModel):
    """The sizes of the model; the names are those of `LlamaConfig`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vocab_size: int = 1024
    hidden_size: int = 256
    intermediate_size: int = 704
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    head_dim: int = Field(default_factory=_even)
    max_position_embeddings: int = 2048
    rope_theta: float = 10000.0
    rms_norm_eps: float = 1e-6
    attention_bias: bool = False


@dataclass(slots=True)
class Cache:
    """Room for the keys and values of one layer, each (batch, heads, room, head_dim), of which `used` are filled."""

    keys: Tensor
    values: Tensor
    used: int = 0

    def extend(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append new keys and values; returns all that are filled."""
        start, self.used = self.used, self.used + keys.shape[2]
        self.keys[:, :, start : self.used] = keys
        self.values[:, :, start : self.used] = values
        return self.keys[:, :, : self.used], self.values[:, :, : self.used]


class _Attention(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        width, bias = shape.hidden_size, shape.attention_bias
        self.heads, self.size = shape.num_attention_heads, shape.head_dim
        inner = self.heads * self.size
        self.q_proj = nn.Linear(width, inner, bias=bias)
        self.k_proj = nn.Linear(width, inner, bias=bias)
        self.v_proj = nn.Linear(width, inner, bias=bias)
        self.o_proj = nn.Linear(inner, width, bias=bias)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, cache: Cache | None) -> Tensor:
        batch, length, _ = x.shape

        def split(t: Tensor) -> Tensor:
            return t.view(batch, length, self.heads, self.size).transpose(1, 2)

        def rotate(t: Tensor) -> Tensor:
            first, second = t.chunk(2, dim=-1)
            return (t * cos + torch.cat((-second, first), dim=-1) * sin).to(t.dtype)

        query, key, value = rotate(split(self.q_proj(x))), rotate(split(self.k_proj(x))), split(self.v_proj(x))
        if cache is not None:
            key, value = cache.extend(key, value)
        if self.training and x.device.type == "cpu":
            # On a CPU the fused kernel's backward pass is slower than what this compiles to.
            logits = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5 + mask
            mixed = logits.softmax(-1).to(value.dtype) @ value
        else:
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        out: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(2))
        return out


class _Mlp(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.up_proj = nn.Linear(shape.hidden_size, shape.intermediate_size, bias=False)
        self.down_proj = nn.Linear(shape.intermediate_size, shape.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class _Layer(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.self_attn = _Attention(shape)
        self.mlp = _Mlp(shape)
        self.input_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor, cache: Cache | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask, cache)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class _Body(nn.Module):
    def __init__(self, shape: ModelShape) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(shape.vocab_size, shape.hidden_size)
        self.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.num_hidden_layers))
        self.norm = nn.RMSNorm(shape.hidden_size, eps=shape.rms_norm_eps)


def looking_back(frequencies: Tensor, distance: float) -> tuple[Tensor, Tensor]:
    """A query and a key, each (head_dim,), whose product under rotary positions is largest at a distance in tokens.

    At the distance *d* it is the sum of the cosines of `frequency * (d - distance)`.
    """
    angle = distance * frequencies
    straight = torch.cat((torch.ones_like(frequencies), torch.zeros_like(frequencies)))
    return straight, torch.cat((angle.cos(), angle.sin()))


class Llama(nn.Module):
    """The decoder, with the output tied to the embedding.

    Args:
        shape: Its sizes.
        look_back: Pairs of a distance in tokens and a sharpness. For each, one head of the first two layers (from the
            last head down) begins as attention to that distance, from a feature that all embeddings share: a key
            turned by the distance scores `sharpness * sqrt(head_dim) * cos(frequency * (i - j - distance))` summed over
            the frequencies, so that neighbours are seen before anything is learnt.
        mimetic_heads: Heads of each layer in which queries equal keys at the start, so that a token looks for its own
            name from the first step on (Trockman and Kolter, 2023, arXiv 2305.09828).
    """

    inverse_frequencies: Tensor

    def __init__(
        self, shape: ModelShape, mimetic_heads: int = 0, look_back: Sequence[tuple[float, float]] = ()
    ) -> None:
        super().__init__()
        self.shape = shape
        self.model = _Body(shape)
        powers = torch.arange(0, shape.head_dim, 2, dtype=torch.float32) / shape.head_dim
        self.register_buffer("inverse_frequencies", shape.rope_theta**-powers, persistent=False)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                scale = _EMBEDDING_SCALE if "embed" in name else (1.0 / parameter.shape[1]) ** 0.5
                if name.endswith(("o_proj.weight", "down_proj.weight")):
                    scale /= (2 * shape.num_hidden_layers) ** 0.5
                nn.init.normal_(parameter, std=scale)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        weights = dict(self.named_parameters())
        rows = mimetic_heads * shape.head_dim
        with torch.no_grad():
            for name, weight in weights.items():
                if name.endswith("q_proj.weight"):
                    weight[:rows] = weights[name.replace("q_proj", "k_proj")][:rows]

        if look_back:
            with torch.no_grad():
                self.model.embed_tokens.weight.add_(_EMBEDDING_SCALE)
                for n, (distance, sharpness) in enumerate(look_back, 1):
                    self._look_back(shape.num_attention_heads - n, distance, sharpness)

    def _look_back(self, head: int, distance: float, sharpness: float) -> None:
        """Start a head of the first two layers as attention to a distance."""
        size, width = self.shape.head_dim, self.shape.hidden_size
        # The shared feature makes up half of the normalised input: its length there is sqrt(width / 2).
        length = (sharpness * size**0.5) ** 0.5 / (width / 2**0.5)
        straight, turned = looking_back(self.inverse_frequencies, distance)
        rows = slice(head * size, (head + 1) * size)
        for name, weight in self.named_parameters():
            early = name.startswith(("model.layers.0.", "model.layers.1."))
            start = straight if name.endswith("q_proj.weight") else turned if name.endswith("k_proj.weight") else None
            if early and start is not None:
                weight[rows].mul_(0.5).add_(length * start[:, None])

    def hidden(self, ids: Tensor, positions: Tensor, mask: Tensor, caches: list[Cache] | None = None) -> Tensor:
        """Final hidden states, (batch, tokens, hidden).

        Args:
            ids: Token ids, (batch, tokens).
            positions: Their positions, (batch, tokens).
            mask: Added to the attention logits, (batch, 1, tokens, seen tokens).
            caches: Keys and values of earlier tokens, one a layer; extended in place.
        """
        states: Tensor = self.model.norm(self.stages(ids, positions, mask, caches)[-1])
        return states

    def stages(
        self, ids: Tensor, positions: Tensor, mask: Tensor, caches: list[Cache] | None = None
    ) -> list[Tensor]:
        """The states that each layer ends in, before any last norm; the arguments are those of :meth:`hidden`."""
        angles = positions[:, None, :, None].float() * self.inverse_frequencies
        angles = torch.cat((angles, angles), dim=-1)
        cos, sin = angles.cos().to(mask.dtype), angles.sin().to(mask.dtype)
        x = self.model.embed_tokens(ids)
        found: list[Tensor] = []
        for i, layer in enumerate(self.model.layers):
            x = layer(x, cos, sin, mask, None if caches is None else caches[i])
            found.append(x)
        return found

    def caches(self, batch: int, room: int) -> list[Cache]:
        """Empty caches for `room` tokens in each of `batch` rows."""
        size = (batch, self.shape.num_attention_heads, room, self.shape.head_dim)
        kind = self.model.embed_tokens.weight.dtype
        return [
            Cache(torch.zeros(size, dtype=kind), torch.zeros(size, dtype=kind))
            for _ in range(self.shape.num_hidden_layers)
        ]

    def logits(self, states: Tensor) -> Tensor:
        """Next-token logits of hidden states."""
        return functional.linear(states, self.model.embed_tokens.weight).float()

    def forward(self, ids: Tensor, positions: Tensor, mask: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy in nats of every position, (batch, tokens)."""
        states = self.hidden(ids, positions, mask)
        losses = functional.cross_entropy(self.logits(states).flatten(0, 1), labels.flatten(), reduction="none")
        return losses.view(labels.shape)
