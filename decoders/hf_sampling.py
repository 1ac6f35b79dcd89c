"""Drawing tokens for many rows at once, each with its own temperature and its own random stream.

Imports torch; only the local backends import it, and only once a model is loaded.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence

import torch
from torch import Tensor


def row_uniforms(seed: int | None, index: int, prompt: Sequence[int], count: int) -> Tensor:
    """The random numbers of one completion: ``count`` uniform draws in [0, 1), float64, on the CPU.

    They depend on the seed, on which of the request's completions it is and on the prompt (so that the same seed
    given with every prompt does not tie all draws together), and on nothing else: not on the device, nor on what
    else is in the batch; and a longer completion begins with the draws of a shorter one.

    Args:
        seed: The request's seed; None takes fresh entropy.
        index: Which completion of the request.
        prompt: Its prompt tokens.
        count: How many draws.
    """
    if seed is None:
        state = secrets.randbits(63)
    else:
        text = f"{seed}:{index}:{','.join(map(str, prompt))}"
        state = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
    generator = torch.Generator().manual_seed(state)
    return torch.rand(count, generator=generator, dtype=torch.float64)


def choose(logits: Tensor, temperature: Tensor, uniform: Tensor) -> Tensor:
    """One token per row: the likeliest where the temperature is 0, else drawn by inverting the CDF.

    Args:
        logits: ``[rows, vocabulary]`` in float32; minus infinity forbids a token.
        temperature: ``[rows]`` in float32.
        uniform: ``[rows]`` in float64, one draw per row (unused where greedy).

    Returns:
        ``[rows]`` token ids.
    """
    best = logits.argmax(-1)
    drawn = temperature > 0
    if not bool(drawn.any()):
        return best
    # Subtracting the maximum first keeps tiny temperatures finite. The sum runs in float64: over 150 000 tokens a
    # float32 sum would be off by more than the rarest tokens weigh.
    safe = torch.where(drawn, temperature, torch.ones_like(temperature))[:, None]
    centred = (logits - logits.gather(1, best[:, None])) / safe
    cumulative = centred.exp_().cumsum(-1, dtype=torch.float64)
    target = uniform[:, None] * cumulative[:, -1:]
    token = torch.searchsorted(cumulative, target, right=True)[:, 0].clamp_(max=logits.shape[1] - 1)
    return torch.where(drawn, token, best)


def chosen_logprobs(logits: Tensor, tokens: Tensor, top: int) -> tuple[list[float], list[list[int]], list[list[float]]]:
    """Log-probabilities (nats) of the chosen tokens and of the ``top`` likeliest ones under ``logits``.

    Args:
        logits: ``[rows, vocabulary]``, untempered and unconstrained.
        tokens: ``[rows]`` chosen ids.
        top: How many alternatives.

    Returns:
        Per row the chosen token's log-probability, the ids of the likeliest tokens and their log-probabilities.
    """
    logprobs = torch.log_softmax(logits, dim=-1)
    chosen: list[float] = logprobs.gather(1, tokens[:, None])[:, 0].tolist()
    if top == 0:
        return chosen, [[] for _ in chosen], [[] for _ in chosen]
    values, indices = logprobs.topk(min(top, logits.shape[1]), dim=-1)
    return chosen, indices.tolist(), values.tolist()
