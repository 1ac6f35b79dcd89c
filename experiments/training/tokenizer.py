"""The embedded model's tokenizer: byte-level BPE, single digits, every name of the family one token.

The pre-tokenizer is the one that llama.cpp knows as `qwen2`, so that the model converts to GGUF without loss. Any text
can be read, at worst byte by byte. There is no beginning-of-text token, and the chat template is the concatenation of
the messages' contents, so that a chat server sees the very text that a raw prompt has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from ..families.arithmetic import Difficulty, generate
from ..families.base import Split
from ..families.wording import NAMES
from .corpus import Node, answer_tree, draft_tree, repair_tree
from .draws import draw_problem
from .trees import gold_tree

__all__ = ["CHAT_TEMPLATE", "END", "PAD", "PRETOKENIZER", "save_tokenizer", "special_ids", "train_tokenizer"]

END = "<|end|>"
PAD = "<|pad|>"
PRETOKENIZER = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def _texts(node: Node) -> Iterator[str]:
    yield node.prompt + node.target
    for child in node.children:
        yield from _texts(child)


def _corpus(seed: int, problems: int, families: Sequence[str]) -> Iterator[str]:
    """Text of all roles, and every name several hundred times with and without a space before it."""
    for name in families:
        if name == "arithmetic":
            continue
        for i in range(problems):
            rng = np.random.default_rng(np.random.SeedSequence((seed, i, sum(map(ord, name)))))
            yield from _texts(gold_tree(rng, draw_problem(rng, name)[0]))
    for i in range(problems):
        rng = np.random.default_rng(np.random.SeedSequence((seed, i)))
        problem = generate(int(rng.integers(2**62)), Difficulty(quantities=int(rng.integers(2, 15))), Split.TRAIN)
        for tree in (draft_tree(rng, problem), repair_tree(rng, problem), answer_tree(rng, problem)):
            yield from _texts(tree)
    for name in NAMES:
        yield from [f"{name} {name}\n"] * 300


def train_tokenizer(
    seed: int = 0, problems: int = 1500, size: int = 1024, families: Sequence[str] = ("arithmetic",)
) -> Tokenizer:
    """Train the tokenizer on the corpus of all roles.

    Args:
        seed: Seed of the corpus.
        problems: Problems of each family in the corpus.
        size: Size of the vocabulary, the two special tokens included.
        families: Families in the corpus; `arithmetic` is always among them.

    Raises:
        ValueError: A name came out as more than one token.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZER), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END, PAD],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_corpus(seed, problems, families), trainer)
    split = [name for name in NAMES if len(tokenizer.encode(name).ids) + len(tokenizer.encode(" " + name).ids) != 2]
    if split:
        raise ValueError(f"names that are more than one token: {', '.join(split)}")
    return tokenizer


def special_ids(tokenizer: Tokenizer) -> tuple[int, int]:
    """Ids of the end token and of the padding.

    Raises:
        ValueError: The tokenizer has no such tokens.
    """
    end, pad = tokenizer.token_to_id(END), tokenizer.token_to_id(PAD)
    if end is None or pad is None:
        raise ValueError(f"the tokenizer has no {END} or no {PAD}")
    return end, pad


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> Any:
    """Save as an ordinary `PreTrainedTokenizerFast` directory; returns that tokenizer."""
    from transformers import PreTrainedTokenizerFast

    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
        model_max_length=2048,
        padding_side="left",
    )
    fast.chat_template = CHAT_TEMPLATE
    fast.save_pretrained(folder)
    return fast
