"""How unlike its own families a question may be: the scope threshold of a model folder.

The measure is the mean negative log-likelihood of the question's tokens but the first, in nats per token, read alone
and on one line. The threshold lies above all but a small share of in-family questions, and its worth is the share of
other texts that lie above it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from ..families.arithmetic import Difficulty
from ..families.base import LEVELS, Split
from ..families.registry import family
from .batches import load_tokenizer
from .evaluate import FIRST_SEED
from .export import load_exported
from .model import Llama

__all__ = ["main", "question_nll"]


@torch.inference_mode()
def question_nll(model: Llama, tokenizer: Tokenizer, question: str) -> float:
    """Mean negative log-likelihood of a question's tokens but the first, in nats per token."""
    ids = torch.tensor([tokenizer.encode(" ".join(question.split())).ids[:2048]])
    length = ids.shape[1]
    if length < 2:
        return 0.0
    mask = torch.full((1, 1, length, length), float("-inf")).triu(1)
    losses: torch.Tensor = model(ids[:, :-1], torch.arange(length - 1)[None], mask[..., :-1, :-1], ids[:, 1:])
    return float(losses.mean())


def _inside(families: Sequence[str], problems: int) -> Iterator[tuple[str, str]]:
    """In-family questions of the evaluation half, with their families, in turn."""
    for i in range(problems):
        made = family(families[i % len(families)])
        if made.name == "arithmetic":
            hard = Difficulty(quantities=4 + i // len(families) % 21)
        else:
            hard = made.levels[LEVELS[i // len(families) % len(LEVELS)]]
        yield made.name, made.generate(FIRST_SEED + 10**6 + i, hard, Split.EVAL).public.question


def calibrate(
    model: Llama, tokenizer: Tokenizer, families: Sequence[str], problems: int, others: Mapping[str, Sequence[str]]
) -> dict[str, object]:
    """The scope record of `planneal.json`.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        families: The families that the model knows.
        problems: In-family questions of all sizes, evenly over the families; half set the threshold, half measure it.
        others: Texts out of the family by name, for measuring only.
    """
    drawn = list(_inside(families, problems))
    inside = np.array([question_nll(model, tokenizer, question) for _, question in drawn])
    names = np.array([name for name, _ in drawn[problems // 2 :]])
    fit, held = inside[: problems // 2], inside[problems // 2 :]
    nearest = min(
        (question_nll(model, tokenizer, text) for texts in others.values() for text in texts), default=float("inf")
    )
    # Between the largest in-family value and the nearest other text there is a wide gap; half above the former keeps
    # well clear of it, so that the few unusual in-family questions are not turned away.
    threshold = round(float(fit.max()) * 1.5, 3)
    return {
        "measure": "mean negative log-likelihood of the question's tokens but the first, nats per token",
        "threshold": threshold,
        "in_family": {
            "questions": len(held),
            "above": round(float((held > threshold).mean()), 5),
            "median": round(float(np.median(held)), 3),
            "largest": round(float(held.max()), 3),
            "largest_by_family": {name: round(float(held[names == name].max()), 3) for name in families},
        },
        "out_of_family": {
            name: {
                "texts": len(texts),
                "above": round(float(np.mean([question_nll(model, tokenizer, t) > threshold for t in texts])), 5),
            }
            for name, texts in others.items()
        },
        "nearest_out_of_family": round(nearest, 3) if np.isfinite(nearest) else None,
    }


def _read_texts(path: Path, most: int) -> list[str]:
    """The `question` (or `prompt`, `input`, `text`) fields of a JSON lines file."""
    texts = []
    for row in path.read_text(encoding="utf-8").splitlines()[:most]:
        record = json.loads(row)
        texts.append(next(str(record[key]) for key in ("question", "prompt", "input", "text") if key in record))
    return texts


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=6000)
    parser.add_argument("--others", nargs="*", default=[], metavar="NAME=FILE.jsonl")
    parser.add_argument("--most", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model, tokenizer = load_exported(arguments.model), load_tokenizer(str(arguments.model))
    others = {
        name: _read_texts(Path(path), arguments.most) for name, _, path in (o.partition("=") for o in arguments.others)
    }
    path = arguments.model / "planneal.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["scope"] = calibrate(model, tokenizer, facts["families"], arguments.problems, others)
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(facts["scope"], indent=2))


if __name__ == "__main__":
    main()
