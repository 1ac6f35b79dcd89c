"""A tokenizer as reward models need it: what is data stays data, and where a separator went is known.

Plan items are written by language models, so their text may hold the very strings that a reward model reads as
control tokens (``<extra_0>``, ``<|im_end|>``). :meth:`StepTokenizer.plain` breaks them up before they are encoded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..planner.errors import ConfigError, ModelError, SeparatorError
from .base import Message
from .hf_load import apply_template

_REMEMBERED = 4096


def disarm(text: str, reserved: Iterable[str]) -> str:
    """The text with a space after the first character of every reserved string in it."""
    for token in reserved:
        if token in text:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def reserved_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Strings that a tokenizer reads as one special or added token, longest first; runs of white space left out."""
    added = {str(token.content) for token in tokenizer.added_tokens_decoder.values()}
    found = added | set(tokenizer.all_special_tokens)
    return tuple(sorted((token for token in found if len(token) > 1 and token.strip()), key=lambda t: (-len(t), t)))


class StepTokenizer:
    """A transformers tokenizer, with what the formats ask of it.

    Args:
        tokenizer: The tokenizer; formats that encode whole texts need a fast one, which knows character offsets.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.inner = tokenizer
        self.reserved = reserved_tokens(tokenizer)
        self._known: dict[str, tuple[int, ...]] = {}

    def plain(self, text: str) -> str:
        """The text with every special token in it broken up.

        Raises:
            ModelError: The text is no valid Unicode.
        """
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise ModelError(f"the text holds half a surrogate pair at character {exc.start}; remove it") from exc
        return disarm(text, self.reserved)

    def ids(self, text: str) -> tuple[int, ...]:
        """Token ids of the text alone, nothing added; remembered, since plans of a run share most of their lines."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[text] = tuple(self.inner(text, add_special_tokens=False)["input_ids"])
        return found

    @property
    def start(self) -> tuple[int, ...]:
        """The token that begins a text, if there is one."""
        start = self.inner.bos_token_id
        return () if start is None else (int(start),)

    def chat(self, messages: Sequence[Message]) -> str | None:
        """The conversation through the chat template, its last message left open; None without a template."""
        return apply_template(self.inner, messages) if getattr(self.inner, "chat_template", None) else None

    def marked(
        self, text: str, tag: str, ends: Sequence[int], *, special: bool
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Token ids of a whole text up to its last tag, and the place of each tag among them.

        Args:
            text: The text.
            tag: The separator.
            ends: Character offset in ``text`` at which each tag ends.
            special: Whether the tokenizer's own special tokens are added.

        Raises:
            SeparatorError: A tag is not one token of its own: the model would be read where it never learnt to speak.
            ConfigError: The tokenizer is a slow one, without offsets.
        """
        if not getattr(self.inner, "is_fast", False):
            raise ConfigError("this reward model's format needs a fast tokenizer (one with a tokenizer.json)")
        encoded = self.inner(text, add_special_tokens=special, return_offsets_mapping=True)
        ids, spans = encoded["input_ids"], encoded["offset_mapping"]
        by_end = {end: index for index, (start, end) in enumerate(spans) if end > start}
        marks = []
        for step, end in enumerate(ends, start=1):
            index = by_end.get(end)
            found = "" if index is None else text[spans[index][0] : end]
            if index is None or found.strip() != tag.strip() or len(found) > len(tag) + 1:
                cover = next((text[a:b] for a, b in spans if a < end <= b), "")
                raise SeparatorError(
                    f"the tokenizer does not keep the separator {tag!r} after step {step} as a token of its own "
                    f"(it reads {cover!r} there); use the tokenizer that belongs to the model, or the right separator"
                )
            marks.append(index)
        if len({ids[mark] for mark in marks}) > 1:
            raise SeparatorError(f"the tokenizer reads the separator {tag!r} as different tokens in different places")
        return tuple(ids[: marks[-1] + 1]), tuple(marks)
