r"""Calibration that is part of the weights: whatever loads the model sees calibrated scores.

With classes *wrong* and *right* the log-odds of a step are :math:`z = l_1 - l_0`. Platt's map :math:`a z + b` is a
linear head again: its weights and bias times *a*, and *b* shared out as :math:`-b/2` and :math:`b/2`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ....verifiers.calibration import Calibration, Subject, fit

__all__ = ["fit_scores", "fold", "probability"]


def probability(odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds as probabilities."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(odds, -700, 700))), dtype=np.float64)


def fit_scores(odds: NDArray[np.float64], labels: Sequence[bool] | NDArray[np.bool_], name: str) -> Calibration:
    """Platt's map of raw log-odds.

    Args:
        odds: Log-odds of items.
        labels: Whether they are right.
        name: The reward model's name.

    Raises:
        CalibrationError: All labels are equal, or scores rise where items get worse.
        MissingExtra: scikit-learn is not installed.
    """
    subject = Subject(verifier="prm", version="0", model=name)
    return fit(subject, probability(odds), np.asarray(labels, dtype=np.bool_), "platt")


@torch.no_grad()
def fold(model: Any, calibration: Calibration) -> None:
    """Puts Platt's map into the head of a token classifier with two classes, in place."""
    head = model.score
    head.weight.mul_(calibration.slope)
    head.bias.mul_(calibration.slope)
    head.bias += calibration.intercept * torch.tensor([-0.5, 0.5])
