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
from ..export import load_exported
from .drafts import UNLABELLED, Row
from .widened import codes_of, learnable, size_of, widened

__all__ = ["FORMAT", "Encoded", "Judge", "batched", "classifier_of", "encode", "raw_scores"]

FORMAT = TokenClassification()
r"""TRL's step format with its defaults: the question, then each step and a newline, at which the class is read."""


class Encoded(NamedTuple):
    """A plan as tokens.

    Attributes:
        ids: Token ids.
        marks: For each step the index of the token that bears its label.
        labels: The labels.
        shared: How many tokens the question has, in front.
        drafted: Whether the language model wrote the plan.
        problem: The problem's id.
        inside: Tokens inside of items that have a label too, each with it (:mod:`.inside`).
    """

    ids: tuple[int, ...]
    marks: tuple[int, ...]
    labels: tuple[int, ...]
    shared: int
    drafted: bool
    problem: str = ""
    inside: tuple[tuple[int, int], ...] = ()


class Outputs(NamedTuple):
    """What the model in training says of each token.

    Attributes:
        classes: Logits of the two classes, (rows, tokens, 2).
        own: The states that the language model's own layers end in, through the last norm, (rows, tokens, width).
        surprise: How likely it holds that the language model found the token, (rows, tokens); only training asks.
        expected: The code of the token that it expects next, (rows, tokens, code); of width 0 without room for one.
    """

    classes: Tensor
    own: Tensor
    surprise: Tensor
    expected: Tensor


class Judge(torch.nn.Module):
    """The model in training: the body as :mod:`..model` has it, which takes the masks of packed trees, and the heads.

    Args:
        folder: The language model's folder.
        seed: Seed of the heads and of added layers.
        room: Features beside the language model's, in which three layers on top of its own compare what came with what
            was expected (:mod:`.widened`); 0 for its body as it is.
    """

    codes: Tensor

    def __init__(self, folder: Path, seed: int, room: int = 0) -> None:
        super().__init__()
        torch.manual_seed(seed)
        body = load_exported(folder)
        self.own, self.width = body.shape.num_hidden_layers, body.shape.hidden_size
        self.body = widened(body, room) if room else body
        codes = codes_of(body.shape.vocab_size, size_of(room))
        self.register_buffer("codes", codes, persistent=False)
        self.score = torch.nn.Linear(self.body.shape.hidden_size, 2)
        self.surprise = torch.nn.Linear(self.body.shape.hidden_size, 1)
        for head in (self.score, self.surprise):
            torch.nn.init.normal_(head.weight, std=0.02)
            torch.nn.init.zeros_(head.bias)

    def learnable(self) -> dict[str, Tensor]:
        """What of the body's parameters may change, where that is not all of them (:func:`.widened.learnable`)."""
        size = self.codes.shape[1]
        return learnable(self.body, self.own, self.width, size) if size else {}

    def forward(self, ids: Tensor, positions: Tensor, mask: Tensor) -> Outputs:
        """All heads; the arguments are those of `Llama.hidden`."""
        stages = self.body.stages(ids, positions, mask)
        states, own = self.body.model.norm(stages[-1]), self.body.model.norm(stages[self.own - 1])
        size = self.codes.shape[1]
        expected = stages[min(self.own, len(stages) - 1)][..., self.width + size : self.width + 2 * size]
        return Outputs(self.score(states), own, self.surprise(states)[..., 0], expected)


def classifier_of(judge: Judge, folder: Path) -> Any:
    """The same model as a `LlamaForTokenClassification` of transformers, in float32.

    Args:
        judge: The model.
        folder: The folder of the language model that it was made of.
    """
    from transformers import AutoConfig, LlamaForTokenClassification

    config = AutoConfig.from_pretrained(folder)
    config.num_hidden_layers = judge.body.shape.num_hidden_layers
    config.hidden_size, config.head_dim = judge.body.shape.hidden_size, judge.body.shape.head_dim
    config.attention_bias = judge.body.shape.attention_bias
    config.num_labels, config.classifier_dropout, config.dtype = 2, 0.0, "float32"
    config.id2label, config.label2id = {0: "wrong", 1: "right"}, {"wrong": 0, "right": 1}
    model = LlamaForTokenClassification(config)
    model.model.load_state_dict(judge.body.model.state_dict())
    model.score.load_state_dict(judge.score.state_dict())
    return model.eval()


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
            shared = layout.marks[0] + 1 - len(reader.ids(reader.plain(row.steps[0]))) - len(FORMAT.ending(reader))
            drafted = row.origin in ("greedy", "sampled")
            found.append(Encoded(layout.ids, layout.marks, row.labels, shared, drafted, row.problem))
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
