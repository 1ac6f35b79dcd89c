"""From token ids to text, byte by byte, for any transformers tokenizer.

Text is assembled from the *bytes* of each token rather than with ``tokenizer.decode``: a byte-level token may hold
half a character, a sentencepiece decoder drops the leading space of what it decodes, and stop strings, character
offsets and the citation constraint all need to know exactly which bytes a token adds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class TokenTable:
    """The bytes that each token of a vocabulary adds to a text.

    Args:
        tokenizer: A transformers tokenizer.

    Attributes:
        pieces: Bytes by token id; special tokens (end of text, padding, ...) add none.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.pieces: tuple[bytes, ...] = tuple(_pieces(tokenizer))

    def __getitem__(self, token: int) -> bytes:
        """Bytes of one token; ids beyond the vocabulary (padded embedding rows) add nothing."""
        return self.pieces[token] if 0 <= token < len(self.pieces) else b""

    def join(self, tokens: Iterable[int]) -> bytes:
        """The bytes of a token sequence."""
        return b"".join([self[token] for token in tokens])

    def text(self, tokens: Iterable[int]) -> str:
        """The text of a token sequence; an incomplete UTF-8 character at the end becomes U+FFFD."""
        return self.join(tokens).decode("utf-8", errors="replace")

    def label(self, token: int) -> str:
        """One token as a string, for showing; a token of half a character is shown as U+FFFD."""
        return self[token].decode("utf-8", errors="replace")

    def offsets(self, tokens: Sequence[int], text: str) -> tuple[int, ...]:
        """Character offset in ``text`` at which each token starts.

        A token that starts in the middle of a character (byte-level vocabularies split them) gets the offset of
        that character. Offsets never run past the end of ``text``, and never backwards.
        """
        # starts[i] = index of the character that holds byte i
        owner: list[int] = []
        for index, character in enumerate(text):
            owner.extend([index] * len(character.encode("utf-8", errors="surrogatepass")))
        data = text.encode("utf-8", errors="surrogatepass")
        # A tokenizer may normalise (a leading "▁" for instance): align the tail, which it leaves alone.
        shift = len(self.join(tokens)) - len(data)
        offsets, position = [], -shift
        for token in tokens:
            clipped = min(max(position, 0), len(data))
            offsets.append(owner[clipped] if clipped < len(data) else len(text))
            position += len(self[token])
        return tuple(offsets)


def _pieces(tokenizer: Any) -> list[bytes]:
    size = len(tokenizer)
    special = set(tokenizer.all_special_ids)
    added = {index: token.content for index, token in tokenizer.added_tokens_decoder.items()}
    special |= {index for index, token in tokenizer.added_tokens_decoder.items() if token.special}
    tokens: list[str | None] = tokenizer.convert_ids_to_tokens(list(range(size)))
    convert = _converter(tokenizer)
    pieces: list[bytes] = []
    for index, token in enumerate(tokens):
        if token is None or index in special:
            pieces.append(b"")
        elif index in added:
            pieces.append(added[index].encode())
        else:
            pieces.append(convert(index, token))
    return pieces


def _converter(tokenizer: Any) -> Callable[[int, str], bytes]:
    """A function (id, token string) -> bytes that suits the tokenizer's decoder."""
    kinds, described = _decoder_kinds(tokenizer)
    if "ByteLevel" in kinds:
        alphabet = _byte_alphabet()
        return lambda _, token: _byte_level(alphabet, token)
    if "Metaspace" in kinds or "ByteFallback" in kinds or "\u2581" in described:
        return lambda _, token: _sentencepiece(token)
    return _by_decoding(tokenizer)


def _decoder_kinds(tokenizer: Any) -> tuple[set[str], str]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return set(), ""
    decoder = json.loads(backend.to_str()).get("decoder") or {}
    parts = decoder.get("decoders", [decoder])
    return {part.get("type", "") for part in parts}, json.dumps(decoder, ensure_ascii=False)


def _byte_alphabet() -> dict[str, int]:
    """The printable stand-in of each byte in byte-level vocabularies (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(256 + index): byte for index, byte in enumerate(others)})
    return table


def _byte_level(alphabet: dict[str, int], token: str) -> bytes:
    known = [alphabet[character] for character in token if character in alphabet]
    return bytes(known) if len(known) == len(token) else token.encode()


def _sentencepiece(token: str) -> bytes:
    match = _BYTE_TOKEN.fullmatch(token)
    return bytes([int(match[1], 16)]) if match else token.replace("\u2581", " ").encode()


def _by_decoding(tokenizer: Any) -> Callable[[int, str], bytes]:
    """For decoders of other kinds: what a token adds after a letter, as the tokenizer itself decodes it."""
    anchor = tokenizer("a", add_special_tokens=False)["input_ids"][:1]
    head = len(_decode(tokenizer, anchor))
    return lambda index, token: _decode(tokenizer, [*anchor, index])[head:].encode()


def _decode(tokenizer: Any, tokens: list[int]) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False))
