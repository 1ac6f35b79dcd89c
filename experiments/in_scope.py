"""Whether a model should be asked a report's questions at all, and which weights answered them.

The embedded model says of a question that it does not know its like, and a run then refuses it. A report must neither
stop at one such question nor print figures for a family that the model never learnt.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from copy import copy
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from ..decoders.base import LanguageModel
from ..decoders.embedded_backend import EMBEDDED, EmbeddedModel
from ..decoders.registry import DTYPES, is_local, load_model
from ..planner.errors import ConfigError

__all__ = ["Scoped", "add_dtype", "add_model_arguments", "dtype_said", "fingerprint", "open_model", "scoped"]

MOST_REFUSED = 0.5
"""Share of refused questions beyond which a set is not asked."""


class Scoped(NamedTuple):
    """A model as a set of questions is to be put to it.

    Attributes:
        model: The model, which now refuses none of the questions.
        refused: How many it would have refused.
        reason: Why the set should not be asked at all; empty where it may.
    """

    model: LanguageModel
    refused: int
    reason: str = ""


def scoped(model: LanguageModel, questions: Sequence[str], *, beyond: bool = False) -> Scoped:
    """Counts the questions that a model refuses, and makes it answer those few all the same.

    Args:
        model: The model.
        questions: What it is to be asked.
        beyond: Whether to ask even where it refuses more than half of them.
    """
    refused = sum(model.out_of_scope(question) is not None for question in questions)
    if not refused:
        return Scoped(model, 0)
    if refused > MOST_REFUSED * len(questions) and not beyond:
        told = f"{model.name} says that {refused} of {len(questions)} questions are none of its kind"
        return Scoped(model, refused, told)
    return Scoped(_unscoped(model), refused)


def _unscoped(model: LanguageModel) -> LanguageModel:
    """The same model, its weights shared, that refuses no question."""
    twin = copy(model)
    if isinstance(twin, EmbeddedModel):
        twin.scope = None
    else:
        twin.out_of_scope = lambda question: None  # type: ignore[method-assign]
    return twin


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of a report that say which model it is about, and what that computes with."""
    parser.add_argument("--model", default="embedded", help="a model string")
    parser.add_argument("--weights", type=Path, help="a folder of the embedded make to use instead of the shipped one")
    add_dtype(parser)


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """The argument that says what a local model computes with."""
    parser.add_argument("--dtype", default=DTYPES[0], choices=DTYPES, help="what a local model computes with")


def dtype_said(dtype: str) -> list[str]:
    """The same argument in a command that is written down: nothing where it is the usual one."""
    return [] if dtype == DTYPES[0] else ["--dtype", dtype]


def open_model(name: str, folder: Path | None = None, dtype: str = DTYPES[0]) -> LanguageModel:
    """The model of a report.

    Args:
        name: A model string.
        folder: Weights of the embedded make to use instead of the shipped ones.
        dtype: What a local model computes with; the others know of none but the first.

    Raises:
        ConfigError: A folder was given for another model than the embedded one, there is no such model, or it does
            not compute here.
    """
    if dtype != DTYPES[0] and not is_local(name):
        raise ConfigError(f"--dtype is for models that compute here, not for {name}; leave it out")
    if folder is None:
        return load_model(name) if dtype == DTYPES[0] else load_model(name, dtype=dtype)
    if name != EMBEDDED:
        raise ConfigError(f"--weights is for the embedded model, not for {name}; leave it out, or use hf/{folder}")
    return EmbeddedModel.open(folder, dtype)


def fingerprint(name: str, folder: Path | None = None) -> str:
    """Twelve hexadecimal digits of the SHA-256 of a local model's weights, empty where they are not at hand."""
    provider, _, rest = name.partition("/")
    if folder is None and provider == EMBEDDED:
        with resources.as_file(resources.files("planneal.decoders") / "embedded") as shipped:
            return _digest(shipped)
    return _digest(folder or Path(rest)) if folder is not None or provider == "hf" else ""


def _digest(folder: Path) -> str:
    files = sorted(folder.glob("*.safetensors")) if folder.is_dir() else []
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12] if files else ""
