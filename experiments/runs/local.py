"""The engine of one process: cells side by side on one event loop, over one model that merges what they ask."""

from __future__ import annotations

from ..families.base import PublicProblem
from .bench import Bench, Raw, Recipe
from .engine import Engine, ModelFacts, facts_of
from .work import Job

__all__ = ["LocalEngine"]


class LocalEngine(Engine):
    """Cells in this process.

    Args:
        recipe: The model, the methods and the cases.
        width: Most cells under way at once.
    """

    def __init__(self, recipe: Recipe, width: int = 16) -> None:
        self.width = width
        self._recipe = recipe
        self._bench: Bench | None = None

    async def start(self) -> ModelFacts:
        """Loads the model; on the loop's own thread, since nothing else is to be done meanwhile."""
        self._bench = self._recipe.bench()
        return facts_of(self._bench.model)

    async def answer(self, job: Job, public: PublicProblem, gold_plan: str | None = None) -> Raw:
        """Runs a cell on this loop."""
        assert self._bench is not None
        return await self._bench.answer(job, public, gold_plan)

    async def close(self) -> None:
        """Closes the model."""
        if self._bench is not None:
            await self._bench.model.aclose()
