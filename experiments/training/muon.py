"""Muon: momentum whose matrix updates are made orthogonal by a few Newton-Schulz steps (K. Jordan, 2024).

The update is scaled to the root mean square that AdamW's has (Liu et al., 2025, arXiv 2502.16982, section 2.2:
`0.2 * sqrt(max(rows, columns))`), so that one learning rate and weight decay serve both optimisers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["Muon", "orthogonalise"]

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Push all singular values of a stack of matrices (count, rows, columns) towards one, in bfloat16."""
    a, b, c = _COEFFICIENTS
    wide = matrices.shape[-2] <= matrices.shape[-1]
    x = (matrices if wide else matrices.mT).bfloat16()
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    result: Tensor = (x if wide else x.mT).to(matrices.dtype)
    return result


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum and decoupled weight decay, for matrices only.

    Args:
        params: Matrices.
        lr: Learning rate, of AdamW's size.
        momentum: Momentum.
        weight_decay: Decoupled weight decay.
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float = 3e-3, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Take one step; matrices of one shape are handled in one stack."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[Tensor]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shapes[parameter.shape].append(parameter)
            for shape, parameters in shapes.items():
                updates = torch.stack([self._momentum(p, group["momentum"]) for p in parameters])
                scale = 0.2 * max(shape) ** 0.5 * group["lr"]
                for parameter, update in zip(parameters, orthogonalise(updates), strict=True):
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(update, alpha=-scale)

    def _momentum(self, parameter: Tensor, beta: float) -> Tensor:
        gradient = parameter.grad
        assert gradient is not None
        state = self.state[parameter]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        kept: Tensor = state["momentum"]
        kept.lerp_(gradient, 1 - beta)
        return gradient.lerp(kept, beta)
