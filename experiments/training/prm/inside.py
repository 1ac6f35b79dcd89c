"""Labels inside of items: an item is wrong from the token on at which no right item of its problem goes on like it.

One label an item is little to learn from, and where in an item the fault lies is known for nothing: the other plans for
the same problem tell what could have been said. What is wrong stays unlabelled up to there, since nobody could tell.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ....decoders.hf_cache import common_prefix
from .classifier import Encoded

__all__ = ["heads_of", "with_inside"]

_Span = tuple[int, int]


def heads_of(tokenizer: object) -> frozenset[int]:
    """Ids of the tokens that end an item's name, as in ``S3:``.

    Args:
        tokenizer: The transformers tokenizer.
    """
    known: dict[str, int] = tokenizer.get_vocab()  # type: ignore[attr-defined]
    return frozenset(number for text, number in known.items() if ":" in text)


def with_inside(plans: Sequence[Encoded], heads: Collection[int]) -> list[Encoded]:
    """The same plans with labels for the tokens inside of their items.

    Args:
        plans: All plans that there are: right items of a problem are gathered from all of its plans.
        heads: Token ids that end an item's name; what stands before the first one is left out.
    """
    right: dict[str, set[tuple[int, ...]]] = {}
    for plan in plans:
        for span, label in _spans(plan, heads):
            if label == 1:
                right.setdefault(plan.problem, set()).add(plan.ids[slice(*span)])
    return [plan._replace(inside=tuple(_labels(plan, right.get(plan.problem, set()), heads))) for plan in plans]


def _spans(plan: Encoded, heads: Collection[int]) -> Iterable[tuple[_Span, int]]:
    """First and last token of what each item says, its mark left out, with its label."""
    start = plan.shared
    for mark, label in zip(plan.marks, plan.labels, strict=True):
        named = next((place for place in range(start, mark) if plan.ids[place] in heads), start - 1)
        yield (named + 1, mark), label
        start = mark + 1


def _labels(plan: Encoded, right: Collection[tuple[int, ...]], heads: Collection[int]) -> Iterable[tuple[int, int]]:
    for (start, end), label in _spans(plan, heads):
        said = plan.ids[start:end]
        if label == 0:
            start += max((common_prefix(said, other) for other in right), default=0)
        if label in (0, 1):
            yield from ((place, label) for place in range(start, end))
