"""What is particular to one model folder: how it is loaded, where its texts end, how it wants to be addressed.

torch and transformers are imported when a model is loaded, not before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..planner.errors import ConfigError, MissingExtra, ModelError
from .base import Message


def load_pretrained(
    repo_or_path: str, device: str | None, dtype: str | None, *, quiet: bool = False
) -> tuple[Any, Any]:
    """A causal language model and its tokenizer.

    Args:
        repo_or_path: A Hugging Face repository or a local folder.
        device: Such as ``cpu``; None takes a GPU where there is one.
        dtype: Such as ``bfloat16``; None takes float32 on a CPU and the stored type on a GPU.
        quiet: Whether to leave out the progress bar.

    Raises:
        MissingExtra: torch or transformers is not installed.
        ConfigError: They cannot be loaded from there.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from transformers.utils import logging
    except ImportError as exc:
        raise MissingExtra("a local model") from exc
    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kind = dtype or ("float32" if place == "cpu" else "auto")
    silenced = quiet and logging.is_progress_bar_enabled()
    if silenced:
        logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(repo_or_path)
        model = AutoModelForCausalLM.from_pretrained(repo_or_path, dtype=kind).to(place)
    except (OSError, ValueError, RuntimeError, AttributeError, TypeError) as exc:
        raise ConfigError(f"cannot load the model {repo_or_path!r}: {exc}") from exc
    finally:
        if silenced:
            logging.enable_progress_bar()
    return model, tokenizer


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a text, of the generation config and the tokenizer together."""
    stated = getattr(model.generation_config, "eos_token_id", None)
    ends = set(stated) if isinstance(stated, (list, tuple)) else {stated}
    return frozenset({int(end) for end in ends | {tokenizer.eos_token_id} if end is not None})


def context_length(model: Any) -> int | None:
    """The context window in tokens, None where the configuration does not say."""
    config = model.config.get_text_config()
    length = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
    return int(length) if length else None


def apply_template(tokenizer: Any, messages: Sequence[Message]) -> str:
    """The chat as text, ready for the assistant's words; an assistant message at the end is continued."""
    from jinja2.exceptions import TemplateError

    turns = [{"role": message.role, "content": message.content} for message in messages]
    continues = turns[-1]["role"] == "assistant"

    def apply(turns: list[dict[str, str]]) -> str:
        return str(
            tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=not continues, continue_final_message=continues
            )
        )

    try:
        return apply(turns)
    except (TemplateError, ValueError) as exc:
        if turns[0]["role"] != "system" or len(turns) < 2:
            raise ModelError(f"the model's chat template refuses these messages: {exc}") from exc
    # Some templates know no system role: what it says then stands at the head of the first user message.
    merged = {"role": turns[1]["role"], "content": turns[0]["content"] + "\n\n" + turns[1]["content"]}
    try:
        return apply([merged, *turns[2:]])
    except (TemplateError, ValueError) as exc:
        raise ModelError(f"the model's chat template refuses these messages: {exc}") from exc
