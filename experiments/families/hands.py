"""Numbers at hand: the multiset that steps of arithmetic take from and put back into.

Shared by the game of 24 and Countdown. A step such as ``b = a - 18`` takes the numbers of its right-hand side out of
the hand and puts its value there instead. Expressions are nodes of planneal's own relation grammar; nothing is
evaluated as code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from ...planner.evaluation import evaluate, shown
from ...planner.expressions import Apply, Expression, Number, Quantity, Symbol

__all__ = ["Hand", "hand_of", "taken", "told"]

Hand = tuple[Fraction, ...]
"""Numbers at hand, sorted, repetitions kept."""
_NOTHING: Mapping[str, Fraction] = MappingProxyType({})


def hand_of(numbers: Iterable[Fraction | int]) -> Hand:
    """A hand in order."""
    return tuple(sorted(Fraction(number) for number in numbers))


def told(hand: Hand) -> str:
    """A hand in words."""
    return " ".join(map(shown, hand)) or "nothing"


def _written(node: Expression, values: Mapping[str, Fraction]) -> Fraction | None:
    """The number that an expression writes down as one: ``6``, ``-6``, ``8/3``, a symbol with a value."""
    if isinstance(node, Number):
        return None if isinstance(node, Quantity) else node.value
    if isinstance(node, Symbol):
        return values.get(node.name)
    if node.op == "neg":
        inner = _written(node.args[0], values)
        return None if inner is None else -inner
    if node.op == "/" and all(isinstance(argument, Number) for argument in node.args):
        return evaluate(node, {})
    return None


def taken(node: Expression, hand: Hand, values: Mapping[str, Fraction] = _NOTHING) -> Iterator[Hand]:
    """Every way to take the numbers of an expression out of the hand, as what remains.

    ``8/3`` is the number 8/3 where that is at hand, or the numbers 8 and 3.

    Args:
        node: The expression.
        hand: What is at hand.
        values: What symbols stand for; taking a symbol is taking its value.
    """
    number = _written(node, values)
    if number is not None and number in hand:
        index = hand.index(number)
        yield hand[:index] + hand[index + 1 :]
    if isinstance(node, Apply):
        yield from _taken_in_turn(node.args, hand, values)


def _taken_in_turn(nodes: Sequence[Expression], hand: Hand, values: Mapping[str, Fraction]) -> Iterator[Hand]:
    if not nodes:
        yield hand
        return
    for rest in dict.fromkeys(taken(nodes[0], hand, values)):
        yield from _taken_in_turn(nodes[1:], rest, values)
