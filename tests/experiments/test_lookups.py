"""Kinds of tokens in a draft, and that accuracy by kind tells a knowing model from an ignorant one."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra")

from planneal.experiments.training.lookups import kinds, lookups  # noqa: E402
from planneal.experiments.training.model import Llama, ModelShape  # noqa: E402
from planneal.experiments.training.tokenizer import train_tokenizer  # noqa: E402


def test_kinds():
    pieces = ["S", "1", ":", " [", " pots", " =", " cats", " -", " ", "1", "9", "]\n"]
    pieces += ["S", "2", ":", " [", " cats", " ="]
    assert list(kinds(pieces)) == [
        *["form"] * 4,
        "lhs",
        "form",
        "operand",
        "operator",
        "form",
        "number",
        "number",
        *["form"] * 5,
        "lhs",
        "form",
    ]


def test_an_untrained_model_finds_nothing():
    tokenizer = train_tokenizer(0, 60, 1024)
    torch.manual_seed(0)
    shape = ModelShape(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
    )
    found = lookups(Llama(shape), tokenizer, 4, 3)
    assert set(found) >= {"lhs", "operand", "number", "form"}
    assert found["operand"] < 0.2
