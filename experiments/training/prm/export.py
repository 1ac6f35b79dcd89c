"""Write a reward model as an ordinary transformers folder: float16 safetensors, tokenizer, and what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .config import PrmConfig
from .measure import FACTS_FILE

__all__ = ["VERSION", "export"]

VERSION = 1


def export(model: Any, tokenizer: Any, config: PrmConfig, facts: dict[str, Any], out: Path) -> dict[str, Any]:
    """Write a calibrated token classifier; other files in the folder are kept.

    Args:
        model: The `LlamaForTokenClassification`; it is cast to float16.
        tokenizer: Its transformers tokenizer.
        config: The run.
        facts: What else is to be told: `calibration`, `model`, `trained`.
        out: Where to write.

    Returns:
        What was written to `planneal.json`.
    """
    out.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(out)
    (out / "model.safetensors").chmod(0o644)
    tokenizer.save_pretrained(out)
    told = {
        "name": "planneal-embedded-prm",
        "version": VERSION,
        "format": "trl",
        "separator": "\n",
        "render": config.render,
        "families": list(config.families),
        "parameters": sum(p.numel() for p in model.parameters()),
        **facts,
    }
    (out / FACTS_FILE).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return told
