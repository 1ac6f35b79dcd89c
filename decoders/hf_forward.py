"""One pass of a causal language model, whatever its architecture accepts.

Imports torch and transformers; only the local backends import it, and only once a model is loaded.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

from ..planner.errors import ConfigError
from .hf_cache import GrowingLayer


class Forward:
    """Calls a model with a cache and left-padded rows.

    Args:
        model: An ``AutoModelForCausalLM`` in evaluation mode.

    Raises:
        ConfigError: The architecture keeps its past in a way of its own.

    Attributes:
        batchable: Whether the model's whole memory is keys and values per token. Recurrent and hybrid
            architectures keep states that can be neither padded nor cut, so they run one row at a time.
        device: Where the model's first parameter lives.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        accepted = inspect.signature(model.forward).parameters
        self._takes_keep = "logits_to_keep" in accepted
        self._takes_positions = "position_ids" in accepted
        names = [name for name in ("past_key_values", "cache_params") if name in accepted]
        if not names:
            raise ConfigError(f"{type(model).__name__} takes no cache that transformers manages; use another model")
        self._cache_name = names[0]
        own = DynamicCache(config=model.config).layers
        self.batchable = all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in own)
        sliding = any(isinstance(layer, DynamicSlidingWindowLayer) for layer in own)
        # A ready 4-D mask is taken as it is by the common attention code, which spares building it at every
        # step; but it would be taken for the sliding layers as well, which need another one.
        implementation = getattr(model.config, "_attn_implementation", None)
        supports = getattr(model, "_supports_attention_backend", False)
        self._ready_mask = implementation == "sdpa" and supports and not sliding
        self.device: torch.device = next(model.parameters()).device

    def new_cache(self) -> Any:
        """An empty cache of the model's own kind, for rows that run alone."""
        return DynamicCache(config=self.model.config)

    def __call__(
        self, tokens: Tensor, mask: Tensor | None, positions: Tensor, cache: Any, keep: int = 1
    ) -> tuple[Tensor, Any]:
        """One pass.

        Args:
            tokens: ``[rows, new]`` token ids.
            mask: Boolean ``[rows, past + new]``, True for tokens; None where nothing is padded.
            positions: ``[rows, new]``.
            cache: The past, or None for none; it is extended in place.
            keep: For how many of the last positions logits are wanted.

        Returns:
            Logits ``[rows, keep, vocabulary]`` in float32, and the extended cache.
        """
        if cache is None:
            cache = Cache(layer_class_to_replicate=GrowingLayer)
        output = self._pass(tokens, mask, positions, cache, {"logits_to_keep": keep} if self._takes_keep else {})
        return output.logits[:, -keep:].float(), cache

    def _pass(self, tokens: Tensor, mask: Tensor | None, positions: Tensor, cache: Any, options: dict[str, Any]) -> Any:
        """What the model itself returns."""
        if self._takes_positions:
            options["position_ids"] = positions
        if mask is None and tokens.shape[1] > 1:
            mask = torch.ones(tokens.shape[0], tokens.shape[1], dtype=torch.bool, device=self.device)
        if mask is not None and tokens.shape[1] == 1 and self._ready_mask:
            mask = mask[:, None, None, :]
        elif mask is not None:
            mask = mask.long()
        return self.model(
            input_ids=tokens, attention_mask=mask, use_cache=True, **{self._cache_name: cache}, **options
        )
