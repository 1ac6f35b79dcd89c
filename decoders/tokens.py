"""Token counts where an endpoint reports none: estimates, always marked as such by the caller."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .base import Message

_PIECE = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_", re.UNICODE)
_MESSAGE_OVERHEAD = 4


def estimate_tokens(text: str) -> int:
    """Estimates how many tokens a common byte-level BPE makes of ``text``; at least 1.

    The larger of two counts: UTF-8 bytes over four (right for English prose), and pieces, where a word counts
    one token per eight bytes begun, a number one per three digits, a sign one. The second matters for plan
    notation, whose brackets and short names make about two bytes a token: an estimate that is too low would let
    a budget be passed unseen.
    """
    by_bytes = -(-len(text.encode("utf-8", "replace")) // 4)
    pieces = 0
    for piece in _PIECE.findall(text):
        width = 3 if piece.isdecimal() else 8
        pieces += -(-len(piece.encode("utf-8", "replace")) // width)
    return max(1, by_bytes, pieces)


def estimate_prompt(messages: Iterable[Message]) -> int:
    """Estimates the prompt tokens of chat messages, with four tokens of template a message."""
    return sum(estimate_tokens(message.content) + _MESSAGE_OVERHEAD for message in messages)
