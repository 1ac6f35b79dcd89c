"""The training loop: plain torch, resumed from its last checkpoint, batches a pure function of seed and step."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..running import Resumable, learning_rate, tensors
from .classifier import Encoded, Judge
from .config import PrmConfig
from .packed import Shelf, batch_of, shelve

__all__ = ["Losses", "Training", "surprises"]


def _groups(config: PrmConfig, model: Judge) -> list[dict[str, Any]]:
    """The parameters by peak learning rate, and by whether they are matrices, which decay."""
    layers = range(model.own, model.body.shape.num_hidden_layers)
    added = ("score.", "surprise.", *(f"body.model.layers.{n}." for n in layers))
    found: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in model.named_parameters():
        peak = config.rate if name.startswith(added) else config.body_rate
        found.setdefault((peak, config.weight_decay if parameter.ndim == 2 else 0.0), []).append(parameter)
    return [{"params": some, "peak": peak, "weight_decay": decay} for (peak, decay), some in found.items()]


_FLOOR = -8.0
"""Log-probabilities below this one, in nats, count as this one: beyond it a token is as wrong as it can be."""


class Losses(NamedTuple):
    """Mean losses of a step.

    Attributes:
        label: Of the classes, in nats.
        language: Of the language model's own layers, in nats.
        surprise: Of the account of how likely those found each token, in squared nats.
        expected: Of the code that is expected next, whose features are 1 or -1.
    """

    label: float
    language: float
    surprise: float
    expected: float


def surprises(said: Tensor, weights: Tensor) -> Tensor:
    """What each token is to tell: its own log-probability, and at an item's end the least inside of the item.

    Args:
        said: Log-probability of each token, in nats, (rows, tokens).
        weights: Weights of the labels, (rows, tokens): 1 at an item's end, between 0 and 1 inside of it, else 0.
    """
    floored, ends = said.clamp(min=_FLOOR), weights == 1.0
    inside = (weights > 0) & ~ends
    item = ends.cumsum(1) - ends.long()
    least = torch.zeros_like(said).scatter_reduce(1, item, torch.where(inside, floored, 0.0), "amin")
    return torch.where(ends, least.gather(1, item), floored)


def _log_probability(logits: Tensor, ids: Tensor) -> Tensor:
    """Of each token given what is before it, (rows, tokens); 0 for the first of a row, which nothing is before."""
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    return torch.nn.functional.pad(-losses.view(ids.shape[0], -1), (1, 0))


def _mean(losses: Tensor, weights: Tensor) -> Tensor:
    return (losses * weights).sum() / weights.sum().clamp(min=1.0)


class Training(Resumable):
    """A training run: the model, its optimiser, and how much of the budget is spent.

    Args:
        config: What to do.
        folder: The run's folder.
        model: The model at its start; a checkpoint in the folder replaces its weights.
        clock: Seconds, injected.
        device: What it trains on.
    """

    def __init__(
        self,
        config: PrmConfig,
        folder: Path,
        model: Judge,
        clock: Callable[[], float] = time.monotonic,
        device: str = "cpu",
    ) -> None:
        super().__init__(folder, config.minutes, config.steps)
        self.config, self.model, self._clock = config, model.to(device), clock
        self.device = torch.device(device)
        self._forward: Any = torch.compile(model, dynamic=False) if config.compile else model
        parameters = dict(model.body.named_parameters())
        self._learnable = [(parameters[name], mask.to(device)) for name, mask in model.learnable().items()]
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
        all_shelves = self._shelves(rows)
        late_shelves = self._shelves([row for row in rows if row.drafted]) or all_shelves
        self.model.train()
        saved = self.seconds
        losses: list[Losses] = []
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

    def _shelves(self, rows: Sequence[Encoded]) -> list[Shelf]:
        return shelve(rows, self.config.lengths, self.config.tokens, self.config.inside)

    def _update(self, shelves: Sequence[Shelf]) -> Losses:
        """One step."""
        batch = batch_of(shelves, self.config.seed, self.step, 0)
        ids, positions, seen, labels, weights = tensors(batch, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            judged = self._forward(ids, positions, seen)
            spoken = self.model.body.logits(judged.own[:, :-1]) if self._speaks else None
        classes = judged.classes.float().flatten(0, 1)
        losses = torch.nn.functional.cross_entropy(classes, labels.flatten(), reduction="none")
        label = whole = _mean(losses.view(labels.shape), weights)
        language = surprise = expected = torch.zeros((), device=self.device)
        if spoken is not None:
            right = ((labels == 1) & (weights > 0)).float()
            said = _log_probability(spoken, ids)
            language = _mean(-said, right)
            surprise = _mean((judged.surprise.float() - surprises(said.detach(), weights)) ** 2, weights)
            if judged.expected.shape[-1]:
                missed = (judged.expected[:, :-1].float() - self.model.codes[ids[:, 1:]]) ** 2
                expected = _mean(missed.mean(-1), right[:, 1:])
            whole = label + self.config.language * (language + expected) + self.config.surprise * surprise
        whole.backward()  # type: ignore[no-untyped-call]
        for parameter, mask in self._learnable:
            if parameter.grad is not None:
                parameter.grad.mul_(mask)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * learning_rate(self.progress, self.step, self.config.warmup)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return Losses(*(float(loss.detach()) for loss in (label, language, surprise, expected)))

    @property
    def _speaks(self) -> bool:
        """Whether what the language model itself makes of the tokens matters."""
        return self.config.language > 0 or self.config.surprise > 0

    def _log(self, losses: Sequence[Losses]) -> None:
        means = Losses(*(round(float(mean), 5) for mean in np.mean(losses, axis=0)))
        self.log({"step": self.step, **means._asdict(), "minutes": round(self.seconds / 60, 3)})
