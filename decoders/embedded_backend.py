"""The ``embedded`` backend: the small model that planneal ships, for a first run with no key, download or GPU.

It is an ordinary transformers folder inside the package (``decoders/embedded/``), trained on planneal's own problem
families and on nothing else. What it was not trained on it would answer with confident nonsense, so it says first
when a question does not look like anything it has seen.
"""

from __future__ import annotations

import functools
import json
import math
from importlib import resources
from pathlib import Path
from typing import Any

from ..planner.errors import ConfigError
from .hf_backend import HFModel
from .hf_load import load_pretrained

EMBEDDED = "embedded"
FACTS_FILE = "planneal.json"
SCOPE_MESSAGE = (
    "the embedded model only knows the sentences and nouns of planneal's own problem families (`planneal families` "
    "lists them, `planneal generate schedule --n 1` shows some), and this question does not look like one of "
    "them ({found:.2f} nats per token, over {threshold:.2f}); use another model: --model openai/NAME (any "
    "OpenAI-compatible endpoint) or --model hf/PATH (a local transformers model)"
)


class EmbeddedModel(HFModel):
    """The shipped model: compact prompts, every capability, and a sense of its own scope.

    Args:
        model: The causal language model.
        tokenizer: Its tokenizer.
        scope: The highest mean negative log-likelihood, nats per token, of a question that it should be asked;
            None asks it anything.
        **options: As for :class:`~planneal.decoders.hf_backend.HFModel`.
    """

    def __init__(self, model: Any, tokenizer: Any, *, scope: float | None = None, **options: Any) -> None:
        usual = {"name": EMBEDDED, "dialect": "compact", "max_rows": 128, "cache_tokens": 32768}
        super().__init__(model, tokenizer, **{**usual, **options})
        self.scope = scope
        self._likelihood = functools.lru_cache(maxsize=4096)(self._read_question)  # one question, many attempts

    @classmethod
    def open(cls, folder: Path | None = None, dtype: str = "float32", **options: Any) -> EmbeddedModel:
        """Loads the shipped weights, on the CPU (the model is too small to gain from a GPU).

        Args:
            folder: Another folder of the same make, for instance a checkpoint; None for the shipped one.
            dtype: What it computes with; ``bfloat16`` is faster in large batches where the processor has units for it.
            **options: Passed on to the class.

        Raises:
            MissingExtra: torch or transformers is not installed.
            ConfigError: The weights are not there or cannot be read.
        """
        if folder is None:
            with resources.as_file(resources.files(__package__) / "embedded") as shipped:
                return cls.open(shipped, dtype, **options)
        if not (folder / "config.json").is_file():
            raise ConfigError(f"no embedded model in {folder}; reinstall planneal, or use --model hf/PATH")
        scope = _read_scope(folder / FACTS_FILE)
        model, tokenizer = load_pretrained(str(folder), "cpu", dtype, quiet=True)
        return cls(model, tokenizer, scope=scope, **options)

    def question_nll(self, question: str) -> float:
        """Mean negative log-likelihood of a question under the model, nats per token.

        The question is put on one line as in every compact prompt, and read alone; the mean is over all its tokens
        but the first, which nothing stands before. Infinite for a question of fewer than two tokens.
        """
        return self._likelihood(" ".join(question.split()))

    def _read_question(self, question: str) -> float:
        import torch

        ids = self.encode_text(question)[: self.capabilities.context]
        if len(ids) < 2:
            return math.inf
        tokens = torch.tensor([ids])
        with torch.inference_mode():
            positions = torch.arange(len(ids))[None]
            forward = self.engine.forward
            logits, _ = forward(tokens, None, positions, forward.new_cache(), keep=len(ids))
            logprobs = torch.log_softmax(logits[0, :-1], dim=-1)
            found: float = -logprobs.gather(1, tokens[0, 1:, None]).mean().item()
        return found

    def out_of_scope(self, question: str) -> str | None:
        """Why this model should not be asked this question, or None where it knows its like."""
        if self.scope is None:
            return None
        found = self.question_nll(question)
        return SCOPE_MESSAGE.format(found=found, threshold=self.scope) if found > self.scope else None


def load_embedded(dtype: str = "float32") -> EmbeddedModel:
    """The shipped model, loaded once per process and shared.

    Args:
        dtype: What it computes with.

    Raises:
        MissingExtra: torch or transformers is not installed.
        ConfigError: The package holds no weights.
    """
    return _opened(dtype)


@functools.lru_cache(maxsize=2)
def _opened(dtype: str) -> EmbeddedModel:
    return EmbeddedModel.open(dtype=dtype)


def _read_scope(path: Path) -> float | None:
    """The scope threshold that the training run measured, None where it states none."""
    if not path.is_file():
        return None
    try:
        stated = json.loads(path.read_text(encoding="utf-8")).get("scope")
        return None if stated is None else float(stated["threshold"] if isinstance(stated, dict) else stated)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise ConfigError(f"{path}: the scope threshold is not a number ({exc})") from exc
