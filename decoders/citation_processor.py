r"""Constrained decoding: a model that may cite can only cite items that exist.

In an answer a ``[`` always opens a citation. While decoding, the text after the last unmatched ``[`` must stay the
beginning of ``S2]`` or of ``S2, S3]`` with allowed ids, each at most once; everything outside brackets is free. So is a
program between fences (three backticks), whose brackets are its own.
The constraint works on the *bytes* of tokens, so any vocabulary will do: a token may hold ``[S``, ``= [``, ``]\n``
or a whole ``[S2]``. A group is opened only if it can still be closed within the tokens that are left, and the end
of text is out of reach while one is open: outside programs a constrained text never holds an invalid or unclosed
citation.

Nothing here needs torch, except :func:`citation_logits_processor`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SEPARATOR = b", "
_OPEN, _CLOSE, _COMMA, _SPACE, _TICK = b"[], `"
_FENCE = 3
_NEVER = np.iinfo(np.int32).max


class State(NamedTuple):
    """Where a text stands: outside brackets, or in a group.

    Attributes:
        inside: Whether a group is open.
        used: Ids completed in the open group.
        partial: What has been written of the next id; ``b","`` right after a comma.
        code: Whether a program is open.
        ticks: Backticks just written, of the three that open or close one.
    """

    inside: bool = False
    used: frozenset[bytes] = frozenset()
    partial: bytes = b""
    code: bool = False
    ticks: int = 0


OUTSIDE = State()
_OPENED = State(inside=True)


class Restriction(NamedTuple):
    """What may come next: only ``tokens`` (``allow``), or anything but ``tokens``."""

    allow: bool
    tokens: NDArray[np.int64]


class CitationGrammar:
    """The language of citation groups over some ids.

    Args:
        allowed: The ids that may be cited; none at all means that no group can be opened.
        alphabet: The bytes that can be written one at a time; ids with other bytes cannot be cited, because
            a group that was begun could not be finished. None means all bytes.
    """

    def __init__(self, allowed: Sequence[str], alphabet: frozenset[int] | None = None) -> None:
        ids = {name.encode() for name in allowed if name}
        if alphabet is not None:
            ids = {name for name in ids if set(name) <= alphabet} if _CLOSE in alphabet else set()
        self.ids = frozenset(ids)
        self._several = alphabet is None or set(_SEPARATOR) <= alphabet

    def step(self, state: State, byte: int) -> State | None:
        """The state after one more byte, None where the text has become invalid."""
        if not state.inside:
            return self._outside(state, byte)
        if byte == _CLOSE:
            return OUTSIDE if self._complete(state) else None
        if state.partial == b",":
            return State(True, state.used, b"") if byte == _SPACE else None
        if byte == _COMMA and self._complete(state):
            used = state.used | {state.partial}
            return State(True, used, b",") if self._several and self.ids - used else None
        partial = state.partial + bytes([byte])
        fits = any(name.startswith(partial) for name in self.ids - state.used)
        return State(True, state.used, partial) if fits else None

    def _outside(self, state: State, byte: int) -> State | None:
        if byte == _TICK:
            whole = state.ticks + 1 == _FENCE
            return State(code=state.code != whole, ticks=0 if whole else state.ticks + 1)
        if byte == _OPEN and not state.code:
            return _OPENED if self.ids else None
        return State(code=state.code) if state.ticks else state

    def walk(self, state: State, piece: bytes) -> State | None:
        """The state after a token's bytes, None where the text has become invalid."""
        current: State | None = state
        for byte in piece:
            if current is None:
                return None
            current = self.step(current, byte)
        return current

    def closing(self, state: State | None) -> int:
        """The fewest bytes that close the open group: 0 outside, a huge number where it cannot be closed."""
        if state is None:
            return int(_NEVER)
        if not state.inside:
            return 0
        space = state.partial == b","
        partial = b"" if space else state.partial
        rest = [len(name) for name in self.ids - state.used if name.startswith(partial)]
        return min(rest) - len(partial) + 1 + int(space) if rest else int(_NEVER)

    def _complete(self, state: State) -> bool:
        return state.partial in self.ids and state.partial not in state.used


class CitationVocabulary:
    """A vocabulary, looked at once for all constraints.

    Args:
        pieces: The bytes of each token; tokens without any (the end of text, padding) are let through outside
            brackets and never inside.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self.pieces = tuple(pieces)
        self.openers = np.array([i for i, piece in enumerate(pieces) if _OPEN in piece], dtype=np.int64)
        self.alphabet = frozenset(piece[0] for piece in pieces if len(piece) == 1)
        self._by_first: dict[int, list[int]] = {}
        for index, piece in enumerate(pieces):
            if piece:
                self._by_first.setdefault(piece[0], []).append(index)

    def starting_with(self, byte: int) -> Sequence[int]:
        """The tokens whose first byte is this."""
        return self._by_first.get(byte, ())

    def constraint(self, allowed: Sequence[str]) -> CitationConstraint:
        """The constraint that lets only these ids be cited."""
        return CitationConstraint(self, allowed)


class CitationConstraint:
    """Says at each step which tokens may come; shared by all texts with the same allowed ids.

    What is worked out for a state is remembered, so that a step costs a dictionary lookup.

    Args:
        vocabulary: The vocabulary.
        allowed: The ids that may be cited.
    """

    def __init__(self, vocabulary: CitationVocabulary, allowed: Sequence[str]) -> None:
        self.vocabulary = vocabulary
        self.grammar = CitationGrammar(allowed, vocabulary.alphabet)
        self._needs: dict[State, tuple[NDArray[np.int64], NDArray[np.int32], int]] = {}
        self._ready: dict[tuple[State, int], Restriction] = {}

    def advance(self, state: State, token: int) -> State:
        """The state after a token; a token that the constraint would not have let through changes nothing."""
        pieces = self.vocabulary.pieces
        piece = pieces[token] if token < len(pieces) else b""
        if not state.inside and not state.ticks and _OPEN not in piece and _TICK not in piece:
            return state
        after = self.grammar.walk(state, piece)
        return state if after is None else after

    def restriction(self, state: State, remaining: int | None = None) -> Restriction:
        """What may come next.

        Args:
            state: Where the text stands.
            remaining: How many tokens may still be written, this one included; None for no bound.
        """
        tokens, needs, bound = self._candidates(state)
        # Beyond the longest need a larger remainder changes nothing: one cached answer serves them all.
        left = bound if remaining is None else min(remaining, bound)
        key = (state, left)
        if key not in self._ready:
            fits = needs <= left - 1
            self._ready[key] = Restriction(state.inside, tokens[fits] if state.inside else tokens[~fits])
        return self._ready[key]

    def _candidates(self, state: State) -> tuple[NDArray[np.int64], NDArray[np.int32], int]:
        """Tokens that matter in a state, how many bytes each leaves until it is closed, and one more than the most."""
        if state not in self._needs:
            tokens = self.vocabulary.openers if not state.inside else self._continuations(state)
            pieces, grammar = self.vocabulary.pieces, self.grammar
            needs = [grammar.closing(grammar.walk(state, pieces[token])) for token in tokens]
            bound = max((need for need in needs if need != _NEVER), default=0) + 1
            self._needs[state] = tokens, np.array(needs, dtype=np.int32), bound
        return self._needs[state]

    def _continuations(self, state: State) -> NDArray[np.int64]:
        firsts = [byte for byte in range(256) if self.grammar.step(state, byte) is not None]
        found = [token for byte in firsts for token in self.vocabulary.starting_with(byte)]
        return np.array(sorted(found), dtype=np.int64)


def citation_logits_processor(
    vocabulary: CitationVocabulary, allowed: Sequence[str], *, prompt_length: int, max_length: int | None = None
) -> Any:
    """The constraint as a transformers ``LogitsProcessor``, for ``model.generate``.

    Args:
        vocabulary: The tokenizer's vocabulary, for instance
            ``CitationVocabulary(TokenTable(tokenizer).pieces)``.
        allowed: The ids that may be cited.
        prompt_length: Tokens of the (left-padded) prompt; brackets in the prompt do not count.
        max_length: Total length at which generation stops, so that no group is left open; None for no bound.

    Raises:
        MissingExtra: transformers is not installed.
    """
    try:
        import torch
        from transformers import LogitsProcessor
    except ImportError as exc:
        from ..planner.errors import MissingExtra

        raise MissingExtra("constrained decoding") from exc
    constraint = vocabulary.constraint(allowed)

    class CitationLogitsProcessor(LogitsProcessor):  # type: ignore[misc]
        """Forbids, row by row, every token that would make a citation invalid."""

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
            remaining = None if max_length is None else max_length - input_ids.shape[1]
            restricted = scores.clone()
            for row, written in enumerate(input_ids[:, prompt_length:].tolist()):
                state = OUTSIDE
                for token in written:
                    state = constraint.advance(state, token)
                restrict(restricted[row], constraint.restriction(state, remaining))
            return restricted

    return CitationLogitsProcessor()


def restrict(scores: Any, restriction: Restriction) -> None:
    """Sets what a restriction forbids to minus infinity, in place, in a torch row ``[vocabulary]``."""
    import torch

    tokens = torch.from_numpy(restriction.tokens).to(scores.device)
    if restriction.allow:
        kept = scores[tokens]
        scores.fill_(-torch.inf)
        scores[tokens] = kept
    elif len(restriction.tokens):
        scores[tokens] = -torch.inf
