"""The engine of several processes or machines: a pool of Ray actors, each with the model loaded once.

Only the driver grades and writes. An actor that dies is started again by Ray, and the cells that it had under way are
run again from their beginning, which gives the same answers; what they had spent until then is lost.
"""

from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any

from ...planner.errors import MissingExtra, RunError
from ..families.base import PublicProblem
from .bench import Bench, Raw, Recipe
from .engine import Engine, ModelFacts, facts_of
from .work import Job

__all__ = ["RayEngine"]

_MOST_TRIES = 5
"""Times that a cell is tried when the actors that run it die: a cell that kills its actor must not do so for ever."""

_PAUSE = 0.2
"""Seconds to wait for Ray to start an actor again."""

_MOST_WAITS = 1500
"""Times that an actor is waited for: five minutes in all."""

_STORE_BYTES = 80 * 1024 * 1024
"""Ray's object store, near its minimum: answers are small."""

_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


class _Worker:
    """What runs in an actor."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._bench: Bench | None = None

    async def start(self) -> tuple[ModelFacts, int]:
        """Loads the model if it is not; says which it is, and the process's number."""
        return facts_of(self._loaded().model), os.getpid()

    async def answer(self, job: Job, public: PublicProblem, gold_plan: str | None) -> Raw:
        """Runs a cell."""
        return await self._loaded().answer(job, public, gold_plan)

    def _loaded(self) -> Bench:
        self._bench = self._bench or self._recipe.bench()
        return self._bench


class RayEngine(Engine):
    """Cells in Ray actors.

    Args:
        recipe: The model, the methods and the cases; everything in it must be importable where the actors run.
        workers: How many actors.
        width: Most cells under way at once in one actor.
        address: A cluster's address, ``auto`` for the one that this machine belongs to; None starts Ray here alone.
        cpus: Processors that each actor asks for.

    Attributes:
        processes: The process of each actor, as far as known.
    """

    def __init__(
        self, recipe: Recipe, *, workers: int = 2, width: int = 8, address: str | None = None, cpus: float = 1.0
    ) -> None:
        self.width = workers * width
        self._recipe, self._workers, self._each = recipe, workers, width
        self._address, self._cpus = address, cpus
        self._ray: Any = None
        self._started_ray = False
        self._actors: list[Any] = []
        self._load: list[int] = []
        self.processes: dict[int, int] = {}
        self._away: dict[int, asyncio.Task[tuple[ModelFacts, int]]] = {}

    async def start(self) -> ModelFacts:
        """Starts Ray where it does not run, and the actors, each of which loads the model.

        Raises:
            MissingExtra: Ray is not installed.
            RunError: Ray does not start, or the actors hold different models.
        """
        self._ray = _import_ray()
        await asyncio.to_thread(self._init)
        kind = self._ray.remote(_Worker).options(num_cpus=self._cpus, max_restarts=-1, max_concurrency=self._each)
        self._actors = [kind.remote(self._recipe) for _ in range(self._workers)]
        self._load = [0] * self._workers
        found = [facts for facts, _ in await self._started()]
        if len(set(found)) > 1:
            raise RunError(f"the workers loaded different models: {sorted(set(found))}; give all the same files")
        return found[0]

    async def answer(self, job: Job, public: PublicProblem, gold_plan: str | None = None) -> Raw:
        """Runs a cell in the actor with the least under way, and again in another if that one dies."""
        died = self._ray.exceptions.RayActorError
        for _ in range(_MOST_TRIES):
            place = await self._place()
            self._load[place] += 1
            try:
                found: Raw = await self._actors[place].answer.remote(job, public, gold_plan)
            except died:
                if place not in self._away:
                    self._away[place] = asyncio.create_task(self._ready(place))
                continue
            except self._ray.exceptions.RayTaskError as error:
                raise _own(error) from None
            finally:
                self._load[place] -= 1
            return found
        raise RunError(
            f"{job.cell}: {_MOST_TRIES} workers died over it; is there memory enough for {self._each} at once?"
        )

    async def _place(self) -> int:
        """The actor with the least under way, of those that are there; waits where none is."""
        while True:
            for place in [place for place, back in self._away.items() if back.done()]:
                self._away.pop(place).result()
            here = [place for place in range(self._workers) if place not in self._away]
            if here:
                return min(here, key=self._load.__getitem__)
            await asyncio.wait(self._away.values(), return_when=asyncio.FIRST_COMPLETED)

    async def _ready(self, place: int) -> tuple[ModelFacts, int]:
        """Asks an actor until it answers: Ray refuses what is asked of one that is being started again."""
        for _ in range(_MOST_WAITS):
            try:
                found: tuple[ModelFacts, int] = await self._actors[place].start.remote()
            except self._ray.exceptions.RayActorError:
                await asyncio.sleep(_PAUSE)
                continue
            except self._ray.exceptions.RayTaskError as error:
                raise _own(error) from None
            self.processes[place] = found[1]
            return found
        raise RunError("a worker that died could not be started again; see Ray's logs")

    async def close(self) -> None:
        """Ends the actors, and Ray if it was started here."""
        if self._ray is None:
            return
        for back in self._away.values():
            back.cancel()
        await asyncio.gather(*self._away.values(), return_exceptions=True)
        for actor in self._actors:
            self._ray.kill(actor, no_restart=True)
        self._actors = []
        if self._started_ray:
            await asyncio.to_thread(self._ray.shutdown)
            self._started_ray = False

    def _init(self) -> None:
        if self._ray.is_initialized():
            return
        options: dict[str, Any] = (
            {"address": self._address}
            if self._address
            else {
                "address": "local",
                "num_cpus": max(1, round(self._workers * self._cpus)),
                "object_store_memory": _STORE_BYTES,
                "include_dashboard": False,
            }
        )
        try:
            self._ray.init(log_to_driver=False, logging_level="ERROR", configure_logging=False, **options)
        except (ConnectionError, OSError, RuntimeError, TimeoutError, ValueError) as error:
            raise RunError(f"Ray does not start: {type(error).__name__}: {error}") from error
        self._started_ray = True

    async def _started(self) -> list[tuple[ModelFacts, int]]:
        try:
            return list(await asyncio.gather(*map(self._ready, range(self._workers))))
        except self._ray.exceptions.RayError as error:
            raise RunError(f"a worker does not start: {error}") from None


def _import_ray() -> Any:
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtra("the Ray engine", "ray") from error


def _own(error: Any) -> BaseException:
    """What the worker raised, without Ray's wrapping."""
    cause = getattr(error, "cause", None)
    return cause if isinstance(cause, BaseException) else RunError(f"a worker failed: {error}")
