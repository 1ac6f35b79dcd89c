"""Write a checkpoint as an ordinary transformers folder: `python -m planneal.experiments.training.export`.

The folder holds float16 safetensors, the tokenizer, a generation configuration and `planneal.json`, which says what
the model knows. It loads with `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from .batches import load_tokenizer
from .model import Llama, ModelShape
from .tokenizer import save_tokenizer, special_ids

__all__ = ["export", "load_exported", "main"]

ROLES = ("draft", "edit", "answer", "direct", "self-check")


def _hf_config(shape: ModelShape, end: int, pad: int) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=shape.vocab_size,
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.num_hidden_layers,
        num_attention_heads=shape.num_attention_heads,
        num_key_value_heads=shape.num_attention_heads,
        head_dim=shape.head_dim,
        attention_bias=shape.attention_bias,
        max_position_embeddings=shape.max_position_embeddings,
        rms_norm_eps=shape.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
    )


def export(run: Path, out: Path) -> dict[str, Any]:
    """Write a run's last checkpoint to a folder; other files in the folder are kept.

    Args:
        run: The run's folder.
        out: Where to write.

    Returns:
        The metadata written to `planneal.json`, without a scope (see `scope.py`).
    """
    from transformers import GenerationConfig, LlamaForCausalLM

    state = torch.load(run / "checkpoint.pt", weights_only=True)
    shape = ModelShape.model_validate(state["shape"])
    tokenizer = load_tokenizer(str(run))
    end, pad = special_ids(tokenizer)
    model = LlamaForCausalLM(_hf_config(shape, end, pad))
    found = model.load_state_dict(state["model"], strict=False)
    if set(found.missing_keys) - {"lm_head.weight"} or found.unexpected_keys:
        raise ValueError(f"the weights do not fit: {found}")
    model.tie_weights()
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=pad, do_sample=False)
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    save_tokenizer(tokenizer, out)
    facts = {
        "name": "planneal-embedded",
        "version": state["version"],
        "families": list(state["families"]),
        "roles": [*ROLES, *(["direct with constraints"] if len(state["families"]) > 1 else [])],
        "dialect": "compact",
        "parameters": sum(p.numel() for p in model.parameters()),
        "trained": {
            "quantities": state["quantities"],
            "steps": state["step"],
            "minutes": round(state["seconds"] / 60, 1),
            "target_tokens": state["tokens"],
        },
    }
    (out / "planneal.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return facts


def load_exported(folder: Path) -> Llama:
    """Read a model folder back as the training class, in float32."""
    from safetensors.torch import load_file

    raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    shape = ModelShape.model_validate(
        {name: raw[name] for name in ModelShape.model_fields if name != "rope_theta"}
        | {"rope_theta": raw["rope_parameters"]["rope_theta"]}
    )
    model = Llama(shape)
    weights = {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}
    weights.pop("lm_head.weight", None)
    model.load_state_dict(weights)
    return model.eval()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    print(json.dumps(export(arguments.run, arguments.out), indent=2))


if __name__ == "__main__":
    main()
