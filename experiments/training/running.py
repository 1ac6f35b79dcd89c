"""What every training run does, whatever it trains: resume, spend a budget, follow a rate, write what it measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..whole_files import written_whole
from .packing import Batch

__all__ = ["Resumable", "best_device", "learning_rate", "tensors"]


def learning_rate(progress: float, step: int, warmup: int, decay: float = 1.0) -> float:
    """Share of the peak rate: linear warm-up, constant, then linear to zero over the last `decay` of the run."""
    rise = min(1.0, (step + 1) / max(1, warmup))
    return rise * min(1.0, max(0.0, 1.0 - progress) / decay)


def best_device() -> str:
    """A GPU where there is one, else the processor."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def tensors(batch: Batch, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Ids, positions, additive mask (0 or minus infinity, one for all heads), labels and weights of a batch.

    Args:
        batch: The batch.
        device: Where they go.
    """
    hidden = ~torch.from_numpy(batch.mask).to(device)
    mask = torch.zeros(hidden.shape, dtype=torch.bfloat16, device=device).masked_fill_(hidden, float("-inf"))
    ids, positions, labels = (torch.from_numpy(a).to(device).long() for a in (batch.ids, batch.positions, batch.labels))
    return ids, positions, mask[:, None], labels, torch.from_numpy(batch.weights).to(device)


class Resumable:
    """A training run that goes on from its last checkpoint.

    Args:
        folder: Its folder.
        minutes: Its budget of time spent on steps.
        steps: Its budget of steps; the run is over when the first of the two is spent.

    Attributes:
        folder: Its folder.
        step: Steps made.
        seconds: Time spent on them.
    """

    def __init__(self, folder: Path, minutes: float, steps: int) -> None:
        self.folder, self._minutes, self._steps = folder, minutes, steps
        self.step, self.seconds = 0, 0.0

    @property
    def checkpoint(self) -> Path:
        """Where the last checkpoint lies."""
        return self.folder / "checkpoint.pt"

    @property
    def progress(self) -> float:
        """The spent share of the budget, in [0, 1]."""
        return min(1.0, max(self.seconds / 60 / self._minutes, self.step / self._steps))

    def _resumed(self) -> dict[str, Any] | None:
        """The last checkpoint, its step and seconds taken over; None where there is none."""
        if not self.checkpoint.exists():
            return None
        # A run that was begun on a GPU may go on without one.
        state: dict[str, Any] = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        self.step, self.seconds = state["step"], state["seconds"]
        return state

    def _write(self, state: Mapping[str, Any]) -> None:
        """Writes a checkpoint; a kill while writing leaves the one before it."""
        with written_whole(self.checkpoint) as part:
            torch.save({**state, "step": self.step, "seconds": self.seconds}, part)

    def log(self, record: Mapping[str, Any]) -> None:
        """Appends a record to the run's metrics."""
        with (self.folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
