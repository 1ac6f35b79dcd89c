"""Convert the embedded model's folder to GGUF: `python -m planneal.experiments.training.export_gguf`.

llama.cpp rotates neighbouring pairs of a head's channels where transformers rotates its two halves, hence the
permutation of the query and key rows. The tokenizer is a GPT-2 style byte-level BPE with the `qwen2` pre-tokenizer.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .tokenizer import CHAT_TEMPLATE, special_ids

__all__ = ["convert", "main"]

_LAYER_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def _pairs(matrix: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Reorder each head's rows from two halves to neighbouring pairs."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _gguf_name(name: str) -> str:
    """llama.cpp's name of one of transformers' tensors."""
    if name.startswith("model.layers."):
        _, _, layer, rest = name.split(".", 3)
        return f"blk.{layer}.{_LAYER_NAMES[rest.removesuffix('.weight')]}.weight"
    return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}[name]


def _add_tokenizer(writer: Any, folder: Path) -> None:
    import gguf
    from tokenizers import Tokenizer

    end, pad = special_ids(Tokenizer.from_file(str(folder / "tokenizer.json")))
    raw = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = sorted(raw["model"]["vocab"].items(), key=lambda pair: pair[1])
    kinds = [gguf.TokenType.CONTROL if number in (end, pad) else gguf.TokenType.NORMAL for _, number in vocabulary]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge) for merge in raw["model"]["merges"]])
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(pad)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)


def convert(folder: Path, out: Path, half: bool = False) -> None:
    """Write a model folder as one GGUF file.

    Args:
        folder: The folder, as `export.py` writes it.
        out: The file.
        half: Keep matrices in float16, as they are in the folder, and not in float32.
    """
    import gguf
    from safetensors.numpy import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    heads = config["num_attention_heads"]
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_name("planneal-embedded")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16 if half else gguf.LlamaFileType.ALL_F32)
    _add_tokenizer(writer, folder)
    for name, tensor in load_file(folder / "model.safetensors").items():
        if name == "lm_head.weight":
            continue
        matrix = tensor.astype(np.float32)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            matrix = _pairs(matrix, heads)
        kept = matrix.astype(np.float16) if half and matrix.ndim == 2 else matrix
        writer.add_tensor(_gguf_name(name), np.ascontiguousarray(kept))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--half", action="store_true")
    arguments = parser.parse_args()
    convert(arguments.model, arguments.out, arguments.half)


if __name__ == "__main__":
    main()
