r"""How many orders keep a set of rules, exactly.

Places are filled from the left. What is already placed matters only through the set of things, what they still forbid
on the next places, and which halves of the either-or rules are already lost; orders that agree in these are counted as
one state, so the work is the number of such states, not of orders:

.. math::  N_{p+1}(s') = \sum_{s \to s'} N_p(s), \qquad N = \sum_s N_n(s)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .rules import LAST, Kind, Rule

__all__ = ["count_orders", "first_order"]


_FLAGS = 32
"""Bits for the either-or rules; there are never more rules than this."""
_ALL_FLAGS = (1 << _FLAGS) - 1


class _Board(NamedTuple):
    """Rules as bit masks over the things.

    Attributes:
        size: How many things.
        need: For each thing those that stand before it.
        due: For each number of filled places the things that must be among them.
        allowed: For each place the things that may stand there.
        mids: For each thing the pairs that it stands between.
        shadow: For each thing what it forbids: one mask of `size` bits a place, the next place lowest.
        halves: For each thing pairs (other, flag): with the other before it, half of the either-or rule is lost.
    """

    size: int
    need: list[int]
    due: list[int]
    allowed: list[int]
    mids: list[list[int]]
    shadow: list[int]
    halves: list[list[tuple[int, int]]]


def count_orders(names: Sequence[str], rules: Sequence[Rule]) -> int:
    """The number of orders of `names` that keep all `rules`.

    Args:
        names: The things.
        rules: The rules.
    """
    board = _board(names, rules)
    layer = {0: 1}
    for place in range(board.size):
        layer = _step(board, place, layer)
    return sum(layer.values())


def first_order(names: Sequence[str], rules: Sequence[Rule]) -> tuple[str, ...] | None:
    """The order that keeps all rules and comes first if at each place the things are tried as they are listed.

    Args:
        names: The things, as they are listed.
        rules: The rules.

    Returns:
        The order; None where no order keeps them all.
    """
    board = _board(names, rules)
    full = (1 << board.size) - 1
    lost: set[int] = set()

    def ordered(place: int, state: int) -> tuple[int, ...] | None:
        if place == board.size:
            return ()
        if state not in lost:
            for after in sorted(_step(board, place, {state: 1}), key=lambda after: after & full & ~state):
                rest = ordered(place + 1, after)
                if rest is not None:
                    return ((after & full & ~state).bit_length() - 1, *rest)
            lost.add(state)
        return None

    found = ordered(0, 0)
    return None if found is None else tuple(names[thing] for thing in found)


def _board(names: Sequence[str], rules: Sequence[Rule]) -> _Board:
    size = len(names)
    full = (1 << size) - 1
    at = {name: index for index, name in enumerate(names)}
    board = _Board(
        size, [0] * size, [], [full] * size, [[] for _ in names], [0] * size, [[] for _ in names]
    )
    flags = 0
    for kind, named, number in rules:
        things = [at[name] for name in named]
        if kind is Kind.EITHER:
            for early, late in (things[:2], things[2:]):
                board.halves[early].append((1 << late, 1 << flags))
            flags += 1
        else:
            _place_rule(board, kind, things, number)
    board.due.extend(_due(board))
    return board


def _place_rule(board: _Board, kind: Kind, things: Sequence[int], number: int) -> None:
    size = board.size
    first, other = things[0], things[1] if len(things) > 1 else -1
    if kind in (Kind.BEFORE, Kind.NEXT):
        board.need[other] |= 1 << first
    if kind is Kind.NEXT:
        board.shadow[first] |= ((1 << size) - 1) & ~(1 << other)
    elif kind in (Kind.PARTED, Kind.APART):
        for step in range(max(2, number) - 1):
            board.shadow[first] |= 1 << (other + step * size)
            board.shadow[other] |= 1 << (first + step * size)
    elif kind in (Kind.PLACE, Kind.END):
        fixed = {0, size - 1} if kind is Kind.END else {size - 1 if number == LAST else number - 1}
        for place in range(size):
            if place not in fixed:
                board.allowed[place] &= ~(1 << first)
            elif kind is Kind.PLACE:
                board.allowed[place] &= 1 << first
    elif kind is Kind.BETWEEN:
        board.mids[first].append(1 << other | 1 << things[2])


def _due(board: _Board) -> list[int]:
    """What must be placed once so many places are filled: a thing with three after it is at least fourth from last."""
    after = [0] * board.size
    for _ in range(board.size):  # the transitive closure, at most one round a thing
        before = list(after)
        for late in range(board.size):
            for early in range(board.size):
                if board.need[late] >> early & 1:
                    after[early] |= 1 << late | after[late]
        if after == before:
            break
    counts = [mask.bit_count() for mask in after]
    return [sum(1 << i for i, n in enumerate(counts) if n >= board.size - filled) for filled in range(board.size + 1)]


def _step(board: _Board, place: int, layer: Mapping[int, int]) -> dict[int, int]:
    """The states after one more place; a state is what is forbidden, the lost halves, and the set, from high to low."""
    size, need, mids, halves, shadow = board.size, board.need, board.mids, board.halves, board.shadow
    full, allowed, due = (1 << size) - 1, board.allowed[place], board.due[place + 1]
    wide = size + _FLAGS
    found: dict[int, int] = {}
    for state, ways in layer.items():
        placed = state & full
        lost, forbidden = state >> size & _ALL_FLAGS, state >> wide
        free = allowed & ~placed & ~forbidden
        forbidden >>= size
        while free:
            bit = free & -free
            free ^= bit
            thing = bit.bit_length() - 1
            now = placed | bit
            if need[thing] & ~placed or due & ~now:
                continue
            if mids[thing] and any(placed & pair in (0, pair) for pair in mids[thing]):  # between: one of the two
                continue
            flags = lost
            for other, flag in halves[thing]:
                if placed & other:
                    if flags & flag:
                        flags = -1
                        break
                    flags |= flag
            if flags < 0:
                continue
            ahead = forbidden | shadow[thing]
            key = (_live(ahead, now, size) << wide) | flags << size | now
            found[key] = found.get(key, 0) + ways
    return found


def _live(ahead: int, placed: int, size: int) -> int:
    """What is forbidden, without things that stand already: they could not come again anyway."""
    live, shift = 0, 0
    while ahead >> shift:
        live |= (ahead >> shift & ((1 << size) - 1) & ~placed) << shift
        shift += size
    return live
