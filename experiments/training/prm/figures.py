"""How good item scores are: discrimination and calibration per family, with intervals by problem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....verifiers.scoring import Interval, auroc, bootstrap, checked

__all__ = ["Figures", "Judged", "equal_mass_error", "figures", "table"]

BINS = 15


class Judged(NamedTuple):
    """One item with all that is said of it.

    Attributes:
        problem: Its problem's id.
        right: Whether it is right by the gold.
        named: Whether an exact verifier has something against it.
        silent: Whether no exact verifier has anything against its plan.
        score: The reward model's probability that it is right.
        raw: The same before calibration.
        spoken: Geometric mean of the language model's token probabilities of the item as drafted, NaN where the draft
            does not have it.
    """

    problem: str
    right: bool
    named: bool
    silent: bool
    score: float
    raw: float
    spoken: float


class Figures(NamedTuple):
    """Figures of one family; AUROC is the chance that a right item scores above a wrong one, NaN where none is wrong.

    Attributes:
        problems: Problems.
        items: Items.
        wrong: Wrong items.
        auroc: Over all items.
        interval: Its 95% interval, by bootstrap over problems.
        spoken: AUROC of the language model's own probability, over the items that its drafts have.
        unseen_wrong: Wrong items that no exact verifier names.
        unseen: AUROC over the items that no exact verifier names.
        unseen_interval: Its interval.
        unseen_spoken: The language model's own over those.
        silent_wrong: Wrong items of plans against which no exact verifier has anything.
        silent: AUROC over the items of such plans.
        error_raw: Expected calibration error before calibration.
        error: The same after it.
    """

    problems: int
    items: int
    wrong: int
    auroc: float
    interval: Interval
    spoken: float
    unseen_wrong: int
    unseen: float
    unseen_interval: Interval
    unseen_spoken: float
    silent_wrong: int
    silent: float
    error_raw: float
    error: float


def equal_mass_error(
    scores: Sequence[float] | NDArray[np.float64], labels: Sequence[bool] | NDArray[np.bool_], bins: int = BINS
) -> float:
    r"""Expected calibration error over bins of equal mass: :math:`\sum_b \frac{n_b}{n} |\bar s_b - \bar y_b|`.

    Scores in ascending order are cut into bins whose sizes differ by one at most (Nguyen and O'Connor 2015), so that no
    bin is nearly empty where scores crowd. Equal scores share the mean of their labels, which makes it independent of
    the order in which they come. Finite samples push the error up.

    Raises:
        ValueError: Not scores in [0, 1] and labels of one length.
    """
    s, y = checked(scores, labels)
    values, inverse = np.unique(s, return_inverse=True)
    means = np.bincount(inverse, weights=y.astype(float)) / np.bincount(inverse)
    order = np.argsort(s, kind="stable")
    del values
    parts = np.array_split(order, min(bins, s.size))
    return float(sum(abs(s[part].mean() - means[inverse[part]].mean()) * part.size for part in parts) / s.size)


def _auroc(items: Sequence[Judged], spoken: bool = False) -> float:
    kept = [item for item in items if not (spoken and math.isnan(item.spoken))]
    return auroc([i.spoken if spoken else i.score for i in kept], [i.right for i in kept]) if kept else math.nan


def _interval(items: Sequence[Judged], rng: np.random.Generator, draws: int) -> Interval:
    if not items or math.isnan(_auroc(items)):
        return Interval(math.nan, math.nan)
    numbers = {problem: n for n, problem in enumerate(dict.fromkeys(item.problem for item in items))}
    groups = [numbers[item.problem] for item in items]
    return bootstrap(auroc, [i.score for i in items], [i.right for i in items], groups, rng=rng, draws=draws)


def figures(items: Sequence[Judged], *, seed: int = 0, draws: int = 500) -> Figures:
    """The figures of items.

    Args:
        items: At least one item.
        seed: Seed of the bootstrap.
        draws: Resamples.
    """
    rng = np.random.default_rng(seed)
    unseen = [item for item in items if not item.named]
    silent = [item for item in items if item.silent]
    labels = [item.right for item in items]
    return Figures(
        problems=len({item.problem for item in items}),
        items=len(items),
        wrong=labels.count(False),
        auroc=_auroc(items),
        interval=_interval(items, rng, draws),
        spoken=_auroc(items, spoken=True),
        unseen_wrong=sum(not item.right for item in unseen),
        unseen=_auroc(unseen),
        unseen_interval=_interval(unseen, rng, draws),
        unseen_spoken=_auroc(unseen, spoken=True),
        silent_wrong=sum(not item.right for item in silent),
        silent=_auroc(silent),
        error_raw=equal_mass_error([item.raw for item in items], labels),
        error=equal_mass_error([item.score for item in items], labels),
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _with(value: float, interval: Interval) -> str:
    return _number(value) if math.isnan(value) else f"{value:.3f} ({interval.low:.2f} to {interval.high:.2f})"


def table(found: dict[str, Figures]) -> str:
    """The figures as a Markdown table, a family a line."""
    head = (
        "| family | items | wrong | AUROC (95%) | LM's own | not named: wrong | AUROC (95%) | LM's own "
        "| silent: wrong | AUROC | ECE raw | ECE |"
    )
    lines = [head, "|---" * 12 + "|"]
    for name, row in found.items():
        cells = [
            name,
            str(row.items),
            f"{100 * row.wrong / row.items:.1f}%",
            _with(row.auroc, row.interval),
            _number(row.spoken),
            str(row.unseen_wrong),
            _with(row.unseen, row.unseen_interval),
            _number(row.unseen_spoken),
            str(row.silent_wrong),
            _number(row.silent),
            _number(row.error_raw),
            _number(row.error),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
