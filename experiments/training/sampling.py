"""Batched decoding from a model in training, with a cache of keys and values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from tokenizers import Tokenizer

from .model import Llama
from .tokenizer import special_ids

__all__ = ["decode"]


@torch.inference_mode()
def decode(
    model: Llama,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    max_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> list[str]:
    """Continue prompts until the end token or `max_tokens`.

    Args:
        model: The model; it is run in the type of its weights.
        tokenizer: Its tokenizer.
        prompts: Decoded together, padded on the left.
        max_tokens: Bound on each completion.
        temperature: 0 is greedy.
        seed: Seed of the sampling.

    Returns:
        One completion a prompt, without the end token.
    """
    end, pad = special_ids(tokenizer)
    rows = [tokenizer.encode(prompt).ids for prompt in prompts]
    longest = max(map(len, rows))
    batch = len(rows)
    kind = model.model.embed_tokens.weight.dtype
    ids = torch.tensor([[pad] * (longest - len(row)) + row for row in rows])
    padding = torch.tensor([longest - len(row) for row in rows])
    column = torch.arange(longest)
    hidden = column[None, :] < padding[:, None]
    blocked = torch.zeros(batch, 1, 1, longest + max_tokens, dtype=kind)
    blocked[:, 0, 0, :longest].masked_fill_(hidden, float("-inf"))
    causal = torch.full((longest, longest), float("-inf"), dtype=kind).triu(1)
    mask = (causal[None, None] + blocked[..., :longest]).contiguous()
    # A padded row would see nothing at all, and its softmax would be undefined: let it see itself.
    mask.diagonal(dim1=2, dim2=3).zero_()
    caches = model.caches(batch, longest + max_tokens)
    generator = torch.Generator().manual_seed(seed)
    states = model.hidden(ids, (column[None] - padding[:, None]).clamp(min=0), mask, caches)[:, -1:]
    done = torch.zeros(batch, dtype=torch.bool)
    written: list[torch.Tensor] = []
    for step in range(max_tokens):
        logits = model.logits(states)[:, 0]
        if temperature > 0:
            chosen = torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)[:, 0]
        else:
            chosen = logits.argmax(-1)
        chosen = torch.where(done, torch.full_like(chosen, end), chosen)
        written.append(chosen)
        done |= chosen == end
        if bool(done.all()):
            break
        place = longest + step
        positions = (place - padding)[:, None]
        states = model.hidden(chosen[:, None], positions, blocked[..., : place + 1].contiguous(), caches)
    tokens = torch.stack(written, 1).tolist()
    return [tokenizer.decode(row[: row.index(end)] if end in row else row, skip_special_tokens=False) for row in tokens]
