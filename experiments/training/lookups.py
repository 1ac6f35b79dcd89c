"""What a checkpoint finds in the question: teacher-forced accuracy of a gold draft's tokens, by kind.

A draft is right only if every look-up is. Long before any draft is, this shows which look-ups are learnt: the symbol
that comes next (``lhs``), the operands of its relation, its numbers, its operator.

Run: ``python -m planneal.experiments.training.lookups --run runs/embedded_v1 --quantities 4 8 14``
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import Tokenizer

from ..families.arithmetic import Difficulty, generate
from ..families.base import Split
from ..families.wording import NAMES
from .batches import load_tokenizer
from .evaluate import FIRST_SEED
from .lines import draft_text
from .model import Llama, ModelShape
from .wording import draft_prompt

__all__ = ["kinds", "lookups", "main"]


def kinds(pieces: list[str]) -> Iterator[str]:
    """The kind of each token of a draft: ``lhs``, ``operand``, ``number``, ``operator`` or ``form``."""
    right = False
    for piece in pieces:
        word = piece.strip()
        if "]" in piece or "\n" in piece:
            right = False
            yield "form"
        elif word == "=":
            right = True
            yield "form"
        elif word in NAMES:
            yield "operand" if right else "lhs"
        elif right and word.isdigit():
            yield "number"
        elif right and word in ("+", "-", "*", "/"):
            yield "operator"
        else:
            yield "form"


@torch.inference_mode()
def lookups(model: Llama, tokenizer: Tokenizer, quantities: int, problems: int) -> dict[str, float]:
    """Share of right next-token predictions by kind, on gold drafts of evaluation problems of one size."""
    hits: dict[str, list[bool]] = defaultdict(list)
    for index in range(problems):
        problem = generate(FIRST_SEED + index, Difficulty(quantities=quantities), Split.EVAL)
        prompt = tokenizer.encode(draft_prompt(problem)).ids
        draft = tokenizer.encode(draft_text(problem.public.target, problem.gold.relations)).ids
        ids = torch.tensor([prompt + draft])
        size = ids.shape[1]
        mask = torch.full((size, size), float("-inf")).triu(1)[None, None]
        said = model.logits(model.hidden(ids, torch.arange(size)[None], mask))[0].argmax(-1)
        pieces = [tokenizer.decode([token]) for token in draft]
        for place, (token, kind) in enumerate(zip(draft, kinds(pieces), strict=True)):
            hits[kind].append(int(said[len(prompt) + place - 1]) == token)
    return {kind: round(sum(found) / len(found), 4) for kind, found in sorted(hits.items())}


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of a run, with its checkpoint")
    parser.add_argument("--quantities", type=int, nargs="+", default=[4, 8, 14])
    parser.add_argument("--problems", type=int, default=25)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    state = torch.load(arguments.run / "checkpoint.pt", weights_only=True)
    model = Llama(ModelShape(**state["shape"]))
    model.load_state_dict(state["model"])
    model.eval()
    for quantities in arguments.quantities:
        found = lookups(model, load_tokenizer(str(arguments.run)), quantities, arguments.problems)
        record = {"step": state["step"], "minutes": round(state["seconds"] / 60, 1), "quantities": quantities}
        print(json.dumps(record | found), flush=True)


if __name__ == "__main__":
    main()
