"""Trees of text packed into rows of fixed length, with the mask that keeps their branches apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .corpus import Node

__all__ = ["Batch", "FlatTree", "flatten", "pack"]

Encode = Callable[[str], list[int]]


class Batch(NamedTuple):
    """A packed batch; all arrays have the shape (rows, length) but `mask`, which is (rows, length, length).

    Attributes:
        ids: Token ids.
        positions: Position of each token on its own path from the root.
        labels: The token that each position should predict; 0 where `weights` is 0.
        weights: Weight of each position's loss.
        mask: Whether the row's token i may see token j.
    """

    ids: NDArray[np.int32]
    positions: NDArray[np.int32]
    labels: NDArray[np.int32]
    weights: NDArray[np.float32]
    mask: NDArray[np.bool_]


@dataclass(slots=True)
class FlatTree:
    """A tree as flat lists; `nodes` numbers each token's node and `parents` each node's parent (-1 for the root)."""

    ids: list[int]
    positions: list[int]
    labels: list[int]
    weights: list[float]
    nodes: list[int]
    parents: list[int]


def flatten(root: Node, encode: Encode, end: int, question_weight: float) -> FlatTree:
    """Tokenize a tree, parents before children.

    A position predicts the next token of its own node if that belongs to the target; the last position of a node
    whose target ends predicts the end token, whatever follows it on the path.

    Args:
        root: The tree.
        encode: Tokenizes one piece of text.
        end: Id of the end token.
        question_weight: Weight of a question token's loss; a target token's is 1.
    """
    flat = FlatTree([], [], [], [], [], [])

    def add(node: Node, parent: int, start: int, last: int | None) -> None:
        number = len(flat.parents)
        flat.parents.append(parent)
        prompt, target = encode(node.prompt) if node.prompt else [], encode(node.target) if node.target else []
        tokens = prompt + target
        weight = question_weight if node.question else 1.0
        learnt = [0.0] * len(prompt) + [weight] * len(target)
        follow = [*tokens[1:], end if node.ends else 0]
        shown = [*learnt[1:], 1.0 if node.ends else 0.0]
        if not prompt and last is not None:
            raise ValueError("a branch must begin with text that is read only")
        flat.ids += tokens
        flat.positions += range(start, start + len(tokens))
        flat.labels += follow
        flat.weights += shown
        flat.nodes += [number] * len(tokens)
        for child in node.children:
            add(child, number, start + len(tokens), tokens[-1])

    add(root, -1, 0, None)
    return flat


def _sees(parents: Sequence[int]) -> NDArray[np.bool_]:
    """Which nodes each node may see: itself and its ancestors."""
    sees = np.eye(len(parents), dtype=bool)
    for node, parent in enumerate(parents):
        if parent >= 0:
            sees[node] |= sees[parent]
    return sees


def pack(trees: Sequence[FlatTree], rows: int, length: int, pad: int) -> Batch:
    """Put trees into rows, each into the fullest row that has room; trees that fit nowhere are left out."""
    ids = np.full((rows, length), pad, dtype=np.int32)
    positions = np.zeros((rows, length), dtype=np.int32)
    labels = np.zeros((rows, length), dtype=np.int32)
    weights = np.zeros((rows, length), dtype=np.float32)
    mask = np.zeros((rows, length, length), dtype=bool)
    mask[:, np.arange(length), np.arange(length)] = True
    filled = [0] * rows
    for tree in sorted(trees, key=lambda tree: -len(tree.ids)):
        size = len(tree.ids)
        open_rows = [row for row in range(rows) if filled[row] + size <= length]
        if not open_rows:
            continue
        row = max(open_rows, key=lambda row: filled[row])
        start, stop = filled[row], filled[row] + size
        filled[row] = stop
        ids[row, start:stop] = tree.ids
        positions[row, start:stop] = tree.positions
        labels[row, start:stop] = tree.labels
        weights[row, start:stop] = tree.weights
        nodes = np.array(tree.nodes)
        mask[row, start:stop, start:stop] = np.tril(_sees(tree.parents)[nodes[:, None], nodes[None, :]])
    return Batch(ids, positions, labels, weights, mask)
