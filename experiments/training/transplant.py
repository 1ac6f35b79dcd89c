"""Begin a run with the weights of another one, whatever its tokenizer.

The body is taken over as it is. An embedding is kept where both tokenizers have the token; any other token begins as
the mean of what the older tokenizer makes of its text, which is how the older model would have read it.
"""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer

from ...planner.errors import ConfigError
from .export import load_exported
from .model import Llama, ModelShape

__all__ = ["kept_tokenizer", "transplant"]

_EMBEDDING = "model.embed_tokens.weight"


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a run's checkpoint, or of a model folder."""
    if (folder / "checkpoint.pt").exists():
        state = torch.load(folder / "checkpoint.pt", weights_only=True)
        weights: dict[str, torch.Tensor] = state["model"]
        return weights
    if not (folder / "model.safetensors").exists():
        raise ConfigError(f"no checkpoint and no model in {folder}; train it first, or leave `init` out")
    return dict(load_exported(folder).state_dict())


def kept_tokenizer(folder: Path | None, size: int) -> Tokenizer | None:
    """The tokenizer of the model that a run begins with: another of the same size would only have to be learnt anew.

    Args:
        folder: Folder of a run or of a model, None where there is none.
        size: Tokens that the run asks for.

    Returns:
        The tokenizer, None where there is none of that size.
    """
    if folder is None or not (folder / "tokenizer.json").exists():
        return None
    found = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return found if found.get_vocab_size() == size else None


def transplant(model: Llama, tokenizer: Tokenizer, folder: Path) -> None:
    """Puts another model's weights into a fresh one.

    Args:
        model: The fresh model; its layers must have the other's sizes.
        tokenizer: Its tokenizer.
        folder: Folder of a run or of a model, with its tokenizer.

    Raises:
        ConfigError: There is no model in the folder, or its layers have other sizes.
    """
    weights = _weights(folder)
    older = Tokenizer.from_file(str(folder / "tokenizer.json"))
    old, new = weights[_EMBEDDING].float(), model.model.embed_tokens.weight
    fits = {name: tuple(weight.shape) for name, weight in model.state_dict().items() if name != _EMBEDDING}
    given = {name: tuple(weight.shape) for name, weight in weights.items() if name in fits}
    if given != fits or old.shape[1] != new.shape[1]:
        raise ConfigError(f"the model in {folder} has layers of other sizes than {ModelShape.__name__} asks for")
    known = older.get_vocab()
    with torch.no_grad():
        for token, index in tokenizer.get_vocab().items():
            if token in known:
                new[index] = old[known[token]]
            else:
                pieces = older.encode(tokenizer.decode([index], skip_special_tokens=False)).ids
                new[index] = old[pieces].mean(0) if pieces else old.mean(0)
    model.load_state_dict({name: weight for name, weight in weights.items() if name in fits}, strict=False)
