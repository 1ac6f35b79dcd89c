"""The reward model: a language model's body with two classes on top, its inputs, and its raw scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....decoders.prm import Solution
from ....decoders.prm_formats import TokenClassification
from ....decoders.prm_text import StepTokenizer
from .drafts import UNLABELLED, Row

__all__ = ["FORMAT", "Encoded", "batched", "begin", "encode", "raw_scores"]

FORMAT = TokenClassification()
r"""TRL's step format with its defaults: the question, then each step and a newline, at which the class is read."""


class Encoded(NamedTuple):
    """A plan as tokens.

    Attributes:
        ids: Token ids.
        marks: For each step the index of the token that bears its label.
        labels: The labels.
        drafted: Whether the language model wrote the plan.
    """

    ids: tuple[int, ...]
    marks: tuple[int, ...]
    labels: tuple[int, ...]
    drafted: bool


def begin(folder: Path, seed: int) -> Any:
    """A `LlamaForTokenClassification` with a language model's body and a new head of two classes.

    Args:
        folder: The language model's folder.
        seed: Seed of the head.
    """
    from transformers import AutoTokenizer, LlamaForCausalLM, LlamaForTokenClassification

    spoken = LlamaForCausalLM.from_pretrained(folder, dtype="float32")
    config = spoken.config
    config.num_labels, config.classifier_dropout = 2, 0.0
    config.id2label, config.label2id = {0: "wrong", 1: "right"}, {"wrong": 0, "right": 1}
    config.pad_token_id = AutoTokenizer.from_pretrained(folder).pad_token_id
    torch.manual_seed(seed)
    model = LlamaForTokenClassification(config)
    model.model.load_state_dict(spoken.model.state_dict())
    torch.nn.init.zeros_(model.score.bias)
    return model


def encode(rows: Iterable[Row], tokenizer: Any, longest: int) -> list[Encoded]:
    """Rows as tokens; those that are too long for the model, or without any label, are left out.

    Args:
        rows: The rows.
        tokenizer: The transformers tokenizer.
        longest: Most tokens.
    """
    reader = StepTokenizer(tokenizer)
    found: list[Encoded] = []
    for row in rows:
        layout = FORMAT.layout(reader, Solution(row.question, row.steps))
        if len(layout.ids) <= longest and any(mark != UNLABELLED for mark in row.labels):
            found.append(Encoded(layout.ids, layout.marks, row.labels, row.origin in ("greedy", "sampled")))
    return found


def batched(rows: Sequence[Encoded], pad: int) -> tuple[Tensor, Tensor]:
    """Token ids and labels, (rows, tokens), padded on the right, which a causal model never sees from the left."""
    length = -(-max(len(row.ids) for row in rows) // 32) * 32
    ids = torch.full((len(rows), length), pad, dtype=torch.long)
    labels = torch.full((len(rows), length), UNLABELLED, dtype=torch.long)
    for n, row in enumerate(rows):
        ids[n, : len(row.ids)] = torch.tensor(row.ids)
        labels[n, list(row.marks)] = torch.tensor(row.labels)
    return ids, labels


def _in_batches(rows: Sequence[Encoded], size: int) -> Iterator[list[int]]:
    """Indices of rows of like length."""
    order = sorted(range(len(rows)), key=lambda n: len(rows[n].ids))
    for start in range(0, len(order), size):
        yield order[start : start + size]


@torch.inference_mode()
def raw_scores(model: Any, rows: Sequence[Encoded], size: int = 32) -> list[NDArray[np.float64]]:
    """The log-odds that each labelled step of each row is right, (labelled steps,), in float32."""
    model.eval()
    found: dict[int, NDArray[np.float64]] = {}
    pad = int(model.config.pad_token_id or 0)
    for picks in _in_batches(rows, size):
        ids, labels = batched([rows[n] for n in picks], pad)
        logits = model(input_ids=ids).logits.float()
        odds = logits[..., 1] - logits[..., 0]
        for place, n in enumerate(picks):
            found[n] = odds[place][labels[place] != UNLABELLED].double().numpy()
    return [found[n] for n in range(len(rows))]
