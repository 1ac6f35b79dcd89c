"""The training loop: plain torch, resumed from its last checkpoint, batches a pure function of seed and step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..running import Resumable, learning_rate, tensors
from .classifier import Encoded, Judge
from .config import PrmConfig
from .packed import Shelf, batch_of, shelve

__all__ = ["Training"]


def _groups(config: PrmConfig, model: Judge) -> list[dict[str, Any]]:
    """The parameters by peak learning rate, and by whether they are matrices, which decay."""
    size = model.body.shape.num_hidden_layers
    added = ("score.", *(f"body.model.layers.{n}." for n in range(size - config.layers, size)))
    found: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in model.named_parameters():
        peak = config.rate if name.startswith(added) else config.body_rate
        found.setdefault((peak, config.weight_decay if parameter.ndim == 2 else 0.0), []).append(parameter)
    return [{"params": some, "peak": peak, "weight_decay": decay} for (peak, decay), some in found.items()]


class Training(Resumable):
    """A training run: the model, its optimiser, and how much of the budget is spent.

    Args:
        config: What to do.
        folder: The run's folder.
        model: The model at its start; a checkpoint in the folder replaces its weights.
        clock: Seconds, injected.
    """

    def __init__(
        self, config: PrmConfig, folder: Path, model: Judge, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(folder, config.minutes, config.steps)
        self.config, self.model, self._clock = config, model, clock
        self._forward: Any = torch.compile(model, dynamic=False) if config.compile else model
        self.optimiser = torch.optim.AdamW(_groups(config, model), lr=config.rate, betas=(0.9, 0.95))
        state = self._resumed()
        if state is not None:
            model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])

    def save(self) -> None:
        """Write a checkpoint; a kill while writing leaves the one before it."""
        self._write({"model": self.model.state_dict(), "optimiser": self.optimiser.state_dict()})

    def train(self, rows: Sequence[Encoded], stop: int | None = None) -> None:
        """Train to the end of the budget, or to a step.

        Args:
            rows: The training data.
            stop: The step to stop at.
        """
        all_shelves = self._shelves(rows, self.config.inside)
        late_shelves = self._shelves([row for row in rows if row.drafted]) or all_shelves
        self.model.train()
        saved = self.seconds
        losses: list[tuple[float, float]] = []
        while self.progress < 1.0 and (stop is None or self.step < stop):
            started = self._clock()
            late = self.progress >= 1.0 - self.config.final
            losses.append(self._update(late_shelves if late else all_shelves))
            self.step += 1
            self.seconds += self._clock() - started
            if self.step % 20 == 0:
                self._log(losses)
                losses = []
            if self.seconds - saved >= 60 * self.config.checkpoint_minutes:
                self.save()
                saved = self.seconds
        self.save()

    def _shelves(self, rows: Sequence[Encoded], inside: float = 0.0) -> list[Shelf]:
        return shelve(rows, self.config.lengths, self.config.tokens, inside)

    def _update(self, shelves: Sequence[Shelf]) -> tuple[float, float]:
        """One step; returns the mean losses of the labels and of the language model, in nats."""
        batch = batch_of(shelves, self.config.seed, self.step, 0)
        ids, positions, mask, labels, weights = tensors(batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits, own = self._forward(ids, positions, mask)
            spoken = self.model.body.logits(own[:, :-1]) if self.config.language else None
        losses = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), labels.flatten(), reduction="none")
        loss = (losses * weights.flatten()).sum() / weights.sum()
        whole, said = loss, torch.zeros(())
        if spoken is not None:
            told = ((labels == 1) & (weights > 0))[:, 1:].flatten().float()
            next_ = torch.nn.functional.cross_entropy(spoken.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
            said = (next_ * told).sum() / told.sum().clamp(min=1.0)
            whole = loss + self.config.language * said
        whole.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * learning_rate(self.progress, self.step, self.config.warmup)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return float(loss.detach()), float(said.detach())

    def _log(self, losses: Sequence[tuple[float, float]]) -> None:
        loss, said = (round(float(mean), 5) for mean in np.mean(losses, axis=0))
        self.log({"step": self.step, "loss": loss, "language": said, "minutes": round(self.seconds / 60, 3)})
