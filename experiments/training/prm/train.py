"""The training loop: plain torch, resumed from its last checkpoint, batches a pure function of seed and step."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .classifier import Encoded, batched
from .config import PrmConfig
from .drafts import UNLABELLED

__all__ = ["Training", "pick_batch", "rate"]

_POOL = 8
"""Batches that are drawn at once and sorted by length, of which one is used: so a batch pads little."""


def rate(progress: float, step: int, warmup: int) -> float:
    """Share of the peak rate: linear warm-up, then linear to zero at the end of the run."""
    return min(1.0, (step + 1) / max(1, warmup)) * max(0.0, 1.0 - progress)


def pick_batch(rows: Sequence[Encoded], seed: int, step: int, size: int) -> list[Encoded]:
    """The plans of one step, of like length, each plan with the same chance."""
    rng = np.random.default_rng(np.random.SeedSequence((seed, 21, step)))
    size = min(size, len(rows))
    many = max(1, min(_POOL, len(rows) // size))
    drawn = sorted(rng.permutation(len(rows))[: many * size].tolist(), key=lambda n: len(rows[n].ids))
    start = size * int(rng.integers(many))
    return [rows[n] for n in drawn[start : start + size]]


class Training:
    """A training run: the model, its optimiser, and how much of the budget is spent.

    Args:
        config: What to do.
        folder: The run's folder.
        model: The model at its start; a checkpoint in the folder replaces its weights.
        clock: Seconds, injected.
    """

    def __init__(
        self, config: PrmConfig, folder: Path, model: Any, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.config, self.folder, self.model, self._clock = config, folder, model, clock
        matrices = [p for p in model.parameters() if p.ndim == 2]
        others = [p for p in model.parameters() if p.ndim != 2]
        groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=config.rate, betas=(0.9, 0.95))
        self.step, self.seconds = 0, 0.0
        if self.checkpoint.exists():
            state = torch.load(self.checkpoint, weights_only=True)
            model.load_state_dict(state["model"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.seconds = state["step"], state["seconds"]

    @property
    def checkpoint(self) -> Path:
        """Where the last checkpoint lies."""
        return self.folder / "checkpoint.pt"

    @property
    def progress(self) -> float:
        """The spent share of the budget, in [0, 1]."""
        return min(1.0, max(self.seconds / 60 / self.config.minutes, self.step / self.config.steps))

    def save(self) -> None:
        """Write a checkpoint; a kill while writing leaves the one before it."""
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def train(self, rows: Sequence[Encoded], stop: int | None = None) -> None:
        """Train to the end of the budget, or to a step.

        Args:
            rows: The training data.
            stop: The step to stop at.
        """
        drafts = [row for row in rows if row.drafted]
        self.model.train()
        saved, losses = self.seconds, []
        while self.progress < 1.0 and (stop is None or self.step < stop):
            started = self._clock()
            late = drafts and self.progress >= 1.0 - self.config.final
            losses.append(self._update(drafts if late else rows))
            self.step += 1
            self.seconds += self._clock() - started
            if self.step % 20 == 0:
                self._log(losses)
                losses = []
            if self.seconds - saved >= 60 * self.config.checkpoint_minutes:
                self.save()
                saved = self.seconds
        self.save()

    def _update(self, rows: Sequence[Encoded]) -> float:
        """One step; returns its mean loss in nats per labelled item."""
        picked = pick_batch(rows, self.config.seed, self.step, self.config.rows)
        ids, labels = batched(picked, int(self.model.config.pad_token_id or 0))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = self.model(input_ids=ids).logits
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), labels.flatten(), ignore_index=UNLABELLED
        )
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate * rate(self.progress, self.step, self.config.warmup)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return float(loss.detach())

    def _log(self, losses: Sequence[float]) -> None:
        record = {"step": self.step, "loss": round(float(np.mean(losses)), 5), "minutes": round(self.seconds / 60, 3)}
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
