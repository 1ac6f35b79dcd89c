"""The baseline: how probable the language model itself found each item that it drafted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from .drafts import Row

__all__ = ["line_ids", "spoken"]

_ID = re.compile(r"([CIS][1-9][0-9]{0,5})!?:")


def line_ids(text: str) -> list[tuple[int, str]]:
    """Where each line of a draft ends, and the id of its item: empty for no item, or one whose id stood before."""
    found: list[tuple[int, str]] = []
    known: set[str] = set()
    end = 0
    for line in text.split("\n"):
        end += len(line) + 1
        match = _ID.match(line)
        item_id = match[1] if match is not None and match[1] not in known else ""
        known.add(item_id)
        found.append((end, item_id))
    return found


@torch.inference_mode()
def spoken(model: Any, tokenizer: Any, rows: Sequence[Row], size: int = 24) -> list[Mapping[str, float]]:
    """Geometric mean of the token probabilities of each drafted item, by id; its logarithm is the mean log-probability.

    Args:
        model: The causal language model that drafted.
        tokenizer: Its tokenizer, a fast one.
        rows: Rows with what was written.
        size: Rows in a batch.
    """
    read = [_tokens(tokenizer, row) for row in rows]
    found: list[Mapping[str, float]] = [{} for _ in rows]
    order = sorted(range(len(rows)), key=lambda n: len(read[n][0]))
    for start in range(0, len(order), size):
        picks = order[start : start + size]
        longest = max(len(read[n][0]) for n in picks)
        ids = torch.zeros((len(picks), longest), dtype=torch.long)
        for place, n in enumerate(picks):
            ids[place, : len(read[n][0])] = torch.tensor(read[n][0])
        logprobs = model(input_ids=ids).logits[:, :-1].float().log_softmax(-1)
        told = logprobs.gather(2, ids[:, 1:, None])[..., 0]
        for place, n in enumerate(picks):
            found[n] = {
                item_id: float(told[place, first - 1 : last - 1].mean().exp())
                for item_id, (first, last) in read[n][1].items()
            }
    return found


def _tokens(tokenizer: Any, row: Row) -> tuple[list[int], dict[str, tuple[int, int]]]:
    """Prompt and draft as tokens, and the span of each item among them."""
    prompt = list(tokenizer(row.prompt, add_special_tokens=False)["input_ids"])
    encoded = tokenizer(row.text, add_special_tokens=False, return_offsets_mapping=True)
    starts = [start for start, _ in encoded["offset_mapping"]]
    spans: dict[str, tuple[int, int]] = {}
    begin = 0
    for end, item_id in line_ids(row.text):
        places = [n for n, start in enumerate(starts) if begin <= start < end]
        if item_id and places:
            spans[item_id] = (len(prompt) + places[0], len(prompt) + places[-1] + 1)
        begin = end
    return prompt + list(encoded["input_ids"]), spans
