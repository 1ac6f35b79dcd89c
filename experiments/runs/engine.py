"""The face of an engine: what runs cells, here or elsewhere. It is handed public problems and returns ungraded answers.

Whatever the engine and however many cells it runs side by side, a cell's answer depends on the cell alone.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any, NamedTuple, Self

from ...decoders.base import LanguageModel
from ..families.base import PublicProblem
from .bench import Raw
from .work import Job

__all__ = ["Engine", "ModelFacts", "facts_of"]


class ModelFacts(NamedTuple):
    """Which model it is.

    Attributes:
        name: Its name.
        digest: Sixteen hex digits of its weights, empty for models behind an endpoint.
        numbers: What it computes with, such as ``float32``, empty where unknown.
    """

    name: str
    digest: str = ""
    numbers: str = ""

    @property
    def meta(self) -> dict[str, str]:
        """The same as facts of a run's file."""
        return {"model": self.name, "model_hash": self.digest, "model_numbers": self.numbers}


def facts_of(model: LanguageModel) -> ModelFacts:
    """Which model it is; a local one by all its weights."""
    engine = getattr(model, "engine", None)
    module: Any = getattr(getattr(engine, "forward", None), "model", None)
    if module is None:
        return ModelFacts(model.name)
    digest = hashlib.sha256()
    numbers = ""
    for name, weights in sorted(module.state_dict().items()):
        digest.update(f"{name}{tuple(weights.shape)}".encode())
        digest.update(weights.detach().cpu().double().numpy().tobytes())
        numbers = str(weights.dtype).removeprefix("torch.")
    return ModelFacts(model.name, digest.hexdigest()[:16], numbers)


class Engine(ABC):
    """Runs cells. An async context manager: entering loads the model, leaving lets go of it.

    Attributes:
        width: Most cells under way at once.
    """

    width: int

    @abstractmethod
    async def start(self) -> ModelFacts:
        """Loads the model.

        Raises:
            ConfigError: The model or a method cannot be made.
            MissingExtra: An optional dependency is not installed.
        """

    @abstractmethod
    async def answer(self, job: Job, public: PublicProblem, gold_plan: str | None = None) -> Raw:
        """Runs a cell; see :meth:`~.bench.Bench.answer` for what it raises."""

    @abstractmethod
    async def close(self) -> None:
        """Lets go of the model and of whatever else is held."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
