"""Train the embedded model: `python -m planneal.experiments.training.train --config FILE.toml`.

The command resumes from the last checkpoint in the run's folder and does nothing when the run is complete. The
schedule follows the share of the budget that is spent, in time or in steps, whichever is further. It trains on a GPU
where there is one; the same file serves both, with another size and budget, and a command can end early to be resumed:

    python -m planneal.experiments.training.train --config FILE.toml --set model.hidden_size=384 --stop-after 9
"""

from __future__ import annotations

import argparse
import copy
import itertools
import math
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .batches import PoolFiles, load_tokenizer, make_batch
from .config import RunConfig, load_config
from .model import Llama
from .muon import Muon
from .onpolicy import sample_drafts, sample_plans
from .packing import Batch
from .pools import judge_drafts, spoilt_pool
from .running import Resumable, best_device, learning_rate, tensors
from .tokenizer import save_tokenizer, train_tokenizer
from .transplant import kept_tokenizer, transplant

__all__ = ["Run", "main"]

_AHEAD = 3
"""Batches that each worker prepares ahead."""


class Run(Resumable):
    """A training run: the model, its optimisers, and how much of the budget is spent.

    Args:
        config: What to do.
        root: Folder that holds the folders of runs.
        device: What it trains on.
    """

    def __init__(self, config: RunConfig, root: Path, device: str = "cpu") -> None:
        super().__init__(root / config.name, config.minutes, config.steps)
        self.config, self.device = config, torch.device(device)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "tokenizer.json").exists():
            tokenizer = kept_tokenizer(config.init, config.vocabulary)
            if tokenizer is None:  # none to keep
                tokenizer = train_tokenizer(config.seed, config.tokenizer_problems, config.vocabulary, config.families)
            save_tokenizer(tokenizer, self.folder)
        self.tokenizer = load_tokenizer(str(self.folder))
        torch.manual_seed(config.seed)
        shape = config.model.model_copy(update={"vocab_size": self.tokenizer.get_vocab_size()})
        self.model = Llama(shape, config.mimetic_heads, config.look_back)
        if config.init is not None and not self.checkpoint.exists():
            transplant(self.model, self.tokenizer, config.init)
        self.model.to(self.device)
        matrices = [p for n, p in self.model.named_parameters() if p.ndim == 2 and "embed" not in n]
        others = [p for n, p in self.model.named_parameters() if p.ndim != 2 or "embed" in n]
        self.optimisers: list[torch.optim.Optimizer] = [
            Muon(matrices, lr=config.optim.muon_lr, weight_decay=config.optim.weight_decay),
            torch.optim.AdamW(others, lr=config.optim.adam_lr, betas=(0.9, 0.95), weight_decay=0.0),
        ]
        self.tokens = 0
        self.sampled = 0
        self._load()

    @property
    def pools(self) -> PoolFiles:
        """The files of plans in use."""

        def present(name: str) -> str | None:
            path = self.folder / name
            return str(path) if path.exists() else None

        return PoolFiles(
            present(f"onpolicy{self.sampled}.jsonl"), present("spoilt.jsonl"), present(f"drafted{self.sampled}.jsonl")
        )

    def _load(self) -> None:
        state = self._resumed()
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)
        self.tokens, self.sampled = state["tokens"], state["sampled"]

    def save(self) -> None:
        """Write a checkpoint; a kill while writing leaves the one before it."""
        state = {
            "model": self.model.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "shape": self.model.shape.model_dump(),
            "version": self.config.version,
            "families": list(self.config.families),
            "quantities": list(self.config.quantities),
            "tokens": self.tokens,
            "sampled": self.sampled,
        }
        self._write(state)

    def sample(self) -> None:
        """Sample plans with the present weights, for the rest of the run."""
        frozen = copy.deepcopy(self.model).cpu().bfloat16()
        out = self.folder / f"onpolicy{self.sampled + 1}.jsonl"
        started = time.monotonic()
        options = self.config.onpolicy
        seed = self.config.seed + 1000 * (self.sampled + 1)
        data = self.config.stage(self.progress).data
        found = sample_plans(frozen, self.tokenizer, data, options, seed, out)
        judged = {}
        if options.others:
            drafts = sample_drafts(frozen, self.tokenizer, data, options, seed)
            path = self.folder / f"drafted{self.sampled + 1}.jsonl"
            judged = judge_drafts(drafts, seed, path, self.config.threads)
        self.sampled += 1
        self.log({"step": self.step, "onpolicy": found, "others": judged, "seconds": time.monotonic() - started})
        self.save()

    def spoil(self) -> None:
        """Make the pool of spoilt plans, once."""
        out = self.folder / "spoilt.jsonl"
        counts = {name: self.config.spoilt for name in self.config.families if name != "arithmetic"}
        if self.config.spoilt and counts and not out.exists():
            started = time.monotonic()
            found = spoilt_pool(counts, self.config.seed, out, self.config.threads)
            self.log({"step": self.step, "spoilt": found, "seconds": time.monotonic() - started})

    def train(self, stop_after: float = math.inf) -> None:
        """Train to the end of the budget.

        Args:
            stop_after: Minutes of training after which to end all the same, with a checkpoint to go on from.
        """
        config = self.config
        stop = self.seconds + 60 * stop_after
        self.spoil()
        forward = torch.compile(self.model, dynamic=False) if config.compile else self.model
        with ExitStack() as stack:
            workers = None
            if config.prefetch:
                workers = stack.enter_context(ProcessPoolExecutor(config.prefetch, mp_context=get_context("spawn")))
            while self.progress < 1.0 and self.seconds < stop:
                due = sum(point <= self.progress for point in config.onpolicy.at)
                if self.sampled < due:
                    self.sample()
                self._stretch(forward, workers, stop)
        self.save()

    def _batches(self, workers: ProcessPoolExecutor | None) -> Generator[Batch, None, None]:
        """The batches from this step on, prepared a few steps ahead where there is a worker."""
        config, data, pools = self.config, self.config.stage(self.progress).data, self.pools
        ahead: deque[Future[Batch]] = deque()
        try:
            for step in itertools.count(self.step):
                if workers is None:
                    yield make_batch(data, config.seed, step, str(self.folder), pools)
                    continue
                ahead.append(workers.submit(make_batch, data, config.seed, step, str(self.folder), pools))
                if len(ahead) == _AHEAD * config.prefetch:
                    yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()

    def _stretch(self, forward: Any, workers: ProcessPoolExecutor | None, stop: float) -> None:
        """Train until plans are due to be sampled, another stage begins, the budget is spent or it is time to stop."""
        config = self.config
        points = (*config.onpolicy.at, *(stage.start for stage in config.stages), 1.0)
        end = min(point for point in points if point > self.progress)
        saved = self.seconds
        losses: list[Tensor] = []
        with closing(self._batches(workers)) as batches:
            while self.progress < end and self.seconds < stop:
                started = time.monotonic()
                batch = next(batches)
                losses.append(self._update(forward, batch))
                self.step += 1
                self.tokens += int((batch.weights > 0).sum())
                self.seconds += time.monotonic() - started
                if self.step % 20 == 0:
                    self._report(losses)
                if self.seconds - saved >= 60 * config.checkpoint_minutes:
                    self.save()
                    saved = self.seconds

    def _report(self, losses: list[Tensor]) -> None:
        """Log the mean of the losses since the last report."""
        self.log(
            {
                "step": self.step,
                "loss": round(float(torch.stack(losses).mean()), 5),
                "minutes": round(self.seconds / 60, 3),
                "targets": self.tokens,
                "rate": round(self._rate(), 4),
            }
        )
        losses.clear()

    def _rate(self) -> float:
        return learning_rate(self.progress, self.step, self.config.optim.warmup, self.config.optim.decay)

    def _update(self, forward: Any, batch: Batch) -> Tensor:
        """One step; returns the mean loss of the targets in nats, the question left out."""
        ids, positions, mask, labels, weights = tensors(batch, self.device)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            losses = forward(ids, positions, mask, labels)
        total = (losses * weights).sum() / weights.sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.optim.clip)
        rate = self._rate()
        stage = self.config.stage(self.progress)
        for optimiser, peak in zip(self.optimisers, (stage.muon_lr, stage.adam_lr), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = peak * rate
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        mean: Tensor = losses.detach()[weights == 1].mean()
        return mean


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="what the file is to say instead")
    parser.add_argument("--device", default=best_device())
    parser.add_argument("--stop-after", type=float, default=math.inf, metavar="MINUTES", help="end then, to be resumed")
    arguments = parser.parse_args()
    config = load_config(arguments.config, arguments.set)
    torch.set_num_threads(config.threads)
    Run(config, arguments.runs, arguments.device).train(arguments.stop_after)


if __name__ == "__main__":
    main()
