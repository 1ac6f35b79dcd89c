"""Measure a reward model on drafts for `eval` problems: `python -m planneal.experiments.training.prm.measure`.

Per family: AUROC for wrong items with a bootstrap interval over problems, the same over the items that no exact
verifier names and over plans against which none has anything, the language model's own probability of the same items
beside it, and the expected calibration error. Nothing is fitted here, and the reward model is loaded as any other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ....decoders.prm import Solution, StepScores
from ....decoders.prm_hf import HFStepScorer
from ....planner.errors import ConfigError
from ....verifiers.calibration import log_odds
from .calibrated import probability
from .classifier import FORMAT
from .config import PrmConfig
from .data import make_rows
from .drafts import UNLABELLED, Row
from .figures import Figures, Judged, figures, table
from .spoken import spoken

__all__ = ["FACTS_FILE", "judged_items", "main", "measure"]

FACTS_FILE = "planneal.json"
PARTS = {"schedule": {"C": "schedule, rules"}}
"""Kinds of items that are told apart too, by family: of a row the shipped verifier judges the rules alone."""
_BATCH = 64


async def _scores(scorer: HFStepScorer, rows: Sequence[Row]) -> list[tuple[float, ...]]:
    """The scores of every step of every row, as a run would get them."""
    found: list[tuple[float, ...]] = []
    for start in range(0, len(rows), _BATCH):
        part = [Solution(row.question, row.steps) for row in rows[start : start + _BATCH]]
        for result in await scorer.score(part):
            if not isinstance(result, StepScores):
                raise result
            found.append(result.scores)
    return found


def judged_items(
    rows: Sequence[Row],
    scores: Sequence[Sequence[float]],
    said: Sequence[Mapping[str, float]],
    slope: float,
    intercept: float,
) -> dict[str, list[Judged]]:
    """Every labelled item with its scores, by family, and those of its :data:`PARTS` once more.

    Args:
        rows: The plans.
        scores: The calibrated score of each step of each.
        said: The language model's probability of each drafted item.
        slope: Of the calibration that is in the scores.
        intercept: Its intercept; both serve to tell what the scores were without it.
    """
    found: dict[str, list[Judged]] = {}
    for row, given, own in zip(rows, scores, said, strict=True):
        raw = probability((log_odds(np.asarray(given)) - intercept) / slope) if slope else np.asarray(given)
        for n, item_id in enumerate(row.ids):
            if row.labels[n] != UNLABELLED:
                item = Judged(
                    row.problem,
                    row.labels[n] == 1,
                    row.named[n],
                    row.silent,
                    given[n],
                    float(raw[n]),
                    own.get(item_id, math.nan),
                )
                part = PARTS.get(row.family, {}).get(item_id[0])
                for name in (row.family, *([part] if part else [])):
                    found.setdefault(name, []).append(item)
    return found


def measure(
    prm: Path, model: Path, problems: int, folder: Path, *, seed: int = 0, workers: int = 1
) -> dict[str, Figures]:
    """The figures of a reward model by family, and of all together.

    Args:
        prm: The reward model's folder.
        model: The folder of the language model whose drafts are judged.
        problems: Problems of each family; each gives a greedy and a sampled draft.
        folder: Where the drafts are kept.
        seed: Seed of problems, sampling and bootstrap.
        workers: Processes that draft and judge.

    Raises:
        ConfigError: The reward model's folder does not say how plans are shown to it.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    facts = _facts(prm)
    families = tuple(facts["families"])
    config = PrmConfig(name="eval", seed=seed, render=facts["render"], workers=workers, families=families)
    rows = make_rows(config, model, folder, "eval", problems)
    scores = asyncio.run(_scores(HFStepScorer.load(str(prm), FORMAT, "cpu", cache_tokens=0), rows))
    teller = AutoModelForCausalLM.from_pretrained(model, dtype="float32").eval()
    said = spoken(teller, AutoTokenizer.from_pretrained(model), rows)
    fitted = facts["calibration"]
    items = judged_items(rows, scores, said, fitted["slope"], fitted["intercept"])
    names = [name for own in families for name in (own, *PARTS.get(own, {}).values()) if name in items]
    found = {name: figures(items[name], seed=seed) for name in names}
    return {**found, "all": figures([item for own in families for item in items.get(own, [])], seed=seed)}


def _facts(prm: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((prm / FACTS_FILE).read_text(encoding="utf-8"))
        missing = {"render", "families", "calibration"} - set(facts)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{prm / FACTS_FILE} cannot be read: {error}; export the reward model first") from None
    if missing:
        raise ConfigError(f"{prm / FACTS_FILE} does not say {', '.join(sorted(missing))}")
    return facts


def write(found: Mapping[str, Figures], out: Path) -> None:
    """The figures as JSON, numbers that there are not as null."""
    plain = {name: {k: _plain(v) for k, v in row._asdict().items()} for name, row in found.items()}
    out.write_text(json.dumps(plain, indent=2) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, 5)
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--prm", type=Path, required=True, help="the reward model's folder")
    parser.add_argument("--model", type=Path, required=True, help="the language model whose drafts are judged")
    parser.add_argument("--problems", type=int, default=100, help="of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--rows", type=Path, default=Path("runs/prm_eval"), help="where drafts are kept")
    parser.add_argument("--out", type=Path, default=None, help="a JSON file for the figures")
    options = parser.parse_args(arguments)
    folder = options.rows / f"{options.model.name}-{options.seed}"
    found = measure(
        options.prm, options.model, options.problems, folder, seed=options.seed, workers=options.workers
    )
    print(table(found))
    if options.out is not None:
        write(found, options.out)


if __name__ == "__main__":
    main()
