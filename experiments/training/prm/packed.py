"""Training batches: plans of one question share its encoding, as branches of a tree under a mask that keeps them apart.

What a branch's tokens see is what they see in the plan alone, so the scores are those of the plans one by one; but the
question, which is most of the text, is paid for once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..packing import Batch, FlatTree, pack
from .classifier import Encoded
from .drafts import UNLABELLED

__all__ = ["Shelf", "batch_of", "shelve", "trees_of"]

_SPARE = 0.15
"""Trees that are drawn beyond a batch's room, as a share of it, so that small ones fill the holes."""


class Shelf(NamedTuple):
    """Trees that fit rows of one length, and the rows of a batch of them.

    Attributes:
        length: Tokens in a row.
        rows: Rows in a batch.
        trees: The trees.
    """

    length: int
    rows: int
    trees: tuple[FlatTree, ...]


def _tree(plans: Sequence[Encoded], inside: float) -> FlatTree:
    """A question with so many plans that begin with the very same tokens; labels at the marks have weight 1."""
    first, shared = plans[0], plans[0].shared
    tree = FlatTree(list(first.ids[:shared]), list(range(shared)), [0] * shared, [0.0] * shared, [0] * shared, [-1])
    for number, plan in enumerate(plans, start=1):
        count = len(plan.ids) - shared
        labels, weights = [0] * count, [0.0] * count
        for place, label in plan.inside if inside else ():
            labels[place - shared], weights[place - shared] = label, inside
        for mark, label in zip(plan.marks, plan.labels, strict=True):
            if label != UNLABELLED:
                labels[mark - shared], weights[mark - shared] = label, 1.0
        tree.ids += plan.ids[shared:]
        tree.positions += range(shared, len(plan.ids))
        tree.labels += labels
        tree.weights += weights
        tree.nodes += [number] * count
        tree.parents.append(0)
    return tree


def trees_of(plans: Iterable[Encoded], longest: int, inside: float = 0.0) -> list[FlatTree]:
    """Trees of at most so many tokens; a plan that is longer by itself is left out.

    Args:
        plans: The plans.
        longest: Most tokens of a tree.
        inside: Weight of a label inside of an item.
    """
    groups: dict[tuple[int, ...], list[Encoded]] = {}
    for plan in plans:
        if len(plan.ids) <= longest:
            groups.setdefault(plan.ids[: plan.shared], []).append(plan)
    found: list[FlatTree] = []
    for group in groups.values():
        open_plans: list[Encoded] = []
        size = 0
        for plan in group:
            own = len(plan.ids) - plan.shared
            if open_plans and size + own > longest:
                found.append(_tree(open_plans, inside))
                open_plans = []
            size = (size if open_plans else plan.shared) + own
            open_plans.append(plan)
        found.append(_tree(open_plans, inside))
    return found


def shelve(plans: Iterable[Encoded], lengths: Sequence[int], tokens: int, inside: float = 0.0) -> list[Shelf]:
    """Trees by the shortest row that holds them; lengths without any are left out.

    Args:
        plans: The plans.
        lengths: Lengths of rows, ascending.
        tokens: Tokens in a batch, padding included.
        inside: Weight of a label inside of an item.
    """
    trees = trees_of(plans, lengths[-1], inside)
    lows: Mapping[int, int] = dict(zip(lengths, (0, *lengths), strict=False))
    shelves = [
        Shelf(top, max(1, tokens // top), tuple(tree for tree in trees if lows[top] < len(tree.ids) <= top))
        for top in lengths
    ]
    return [shelf for shelf in shelves if shelf.trees]


def batch_of(shelves: Sequence[Shelf], seed: int, step: int, pad: int) -> Batch:
    """The batch of a step, a pure function of what there is, the seed and the step: every token has the same chance.

    Args:
        shelves: What there is, at least one.
        seed: The run's seed.
        step: The step.
        pad: Id of the padding.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, 21, step)))
    mass = np.array([sum(len(tree.ids) for tree in shelf.trees) for shelf in shelves], dtype=float)
    shelf = shelves[int(rng.choice(len(shelves), p=mass / mass.sum()))]
    room = shelf.rows * shelf.length * (1 + _SPARE)
    drawn: list[FlatTree] = []
    for n in rng.permutation(len(shelf.trees)):
        drawn.append(shelf.trees[int(n)])
        room -= len(drawn[-1].ids)
        if room < 0:
            break
    return pack(drawn, shelf.rows, shelf.length, pad)
