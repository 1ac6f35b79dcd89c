"""From a language model's folder to a calibrated, measured reward model with its card; every stage can be resumed."""

from __future__ import annotations

import json
import os
import platform
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from ....verifiers.calibration import Calibration
from .calibrated import fit_scores, fold
from .card import card
from .classifier import Judge, classifier_of, encode, raw_scores
from .config import PrmConfig
from .data import make_rows
from .drafts import UNLABELLED, Row
from .export import export
from .figures import table
from .inside import heads_of, with_inside
from .measure import measure, write
from .train import Training

__all__ = ["Where", "make"]


class Where(NamedTuple):
    """Folders and the command, as the card tells them.

    Attributes:
        model: The language model.
        run: The run's folder.
        out: Where the reward model goes.
        command: The command line.
    """

    model: Path
    run: Path
    out: Path
    command: str


def make(config: PrmConfig, where: Where, measured: int, device: str = "cpu") -> str:
    """Make the data, train, calibrate, export, measure and write the card; returns the table of figures.

    What is there already is not made again: chunks of data, the checkpoint, drafts for the measurement.

    Args:
        config: The run.
        where: Folders.
        measured: Problems of each family that it is measured on.
        device: What it trains on.
    """
    from transformers import AutoTokenizer

    where.run.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    rows = make_rows(config, where.model, where.run / "data", "train", config.problems)
    held = make_rows(config, where.model, where.run / "data", "calibration", config.calibration)
    _note(where.run, "data", (time.monotonic() - started) / 60)
    torch.set_num_threads(config.threads)
    tokenizer = AutoTokenizer.from_pretrained(where.model)
    judge = Judge(where.model, config.seed, config.room)
    longest = judge.body.shape.max_position_embeddings
    training = Training(config, where.run, judge, device=device)
    plans = encode(rows, tokenizer, longest)
    training.train(with_inside(plans, heads_of(tokenizer)) if config.inside else plans)
    model = classifier_of(judge.cpu(), where.model)
    calibration = calibrate(model, tokenizer, held, longest)
    told = export(model, tokenizer, config, _facts(config, where, training, calibration), where.out)
    found = measure(
        where.out, where.model, measured, where.run / "eval", seed=config.seed, workers=config.workers
    )
    write(found, where.out / "figures.json")
    _write_card(config, where, told, rows, measured, table(found))
    return table(found)


def calibrate(model: Any, tokenizer: Any, rows: Sequence[Row], longest: int) -> Calibration:
    """Fits Platt's map on rows and folds it into the model's head."""
    encoded = encode(rows, tokenizer, longest)
    odds = np.concatenate(raw_scores(model, encoded))
    labels = np.array([mark == 1 for row in encoded for mark in row.labels if mark != UNLABELLED])
    calibration = fit_scores(odds, labels, "planneal-embedded-prm")
    fold(model, calibration)
    return calibration


def _note(run: Path, stage: str, minutes: float) -> None:
    """Adds the minutes of a stage to those that earlier calls took."""
    file = run / "minutes.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    known[stage] = round(known.get(stage, 0.0) + minutes, 2)
    file.write_text(json.dumps(known) + "\n", encoding="utf-8")


def _facts(config: PrmConfig, where: Where, training: Training, calibration: Calibration) -> dict[str, Any]:
    told = where.model / "planneal.json"
    known = json.loads(told.read_text(encoding="utf-8")) if told.exists() else {}
    return {
        "calibration": calibration.model_dump(mode="json", exclude={"x", "y"}),
        "model": {"name": known.get("name", where.model.name), "version": known.get("version", "unknown")},
        "trained": {
            "seed": config.seed,
            "steps": training.step,
            "minutes": round(training.seconds / 60, 1),
            "problems": config.problems,
        },
    }


def _write_card(
    config: PrmConfig, where: Where, told: dict[str, Any], rows: Sequence[Row], measured: int, shown: str
) -> None:
    origins = Counter(row.origin for row in rows)
    minutes = json.loads((where.run / "minutes.json").read_text(encoding="utf-8"))
    text = card(
        {
            **told,
            "folder": where.out,
            "command": where.command,
            "hardware": f"{config.threads} threads of {os.cpu_count()} CPU cores ({_processor()})",
            "minutes": {"data": minutes["data"], "training": told["trained"]["minutes"]},
            "steps": told["trained"]["steps"],
            "rows": {"train": len(rows), "origins": ", ".join(f"{n} {origin}" for origin, n in origins.most_common())},
            "seed": config.seed,
            "problems": config.problems,
            "hard": config.hard,
            "sampled": config.sampled,
            "temperature": config.temperature,
            "batch": config.tokens,
            "rate": config.rate,
            "body_rate": config.body_rate,
            "inside": config.inside,
            "room": config.room,
            "language": config.language,
            "surprise": config.surprise,
            "final": config.final,
            "measured": measured,
            "table": shown,
        }
    )
    (where.out / "MODEL_CARD.md").write_text(text, encoding="utf-8")


def _processor() -> str:
    """The processor's name where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(": ", 1)[1] for line in lines if line.startswith("model name")), "unknown")
