"""The Ray engine: the same results to the byte as in one process, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import types
from functools import partial
from pathlib import Path

import pytest
import run_world
from planneal.decoders.registry import load_model
from planneal.experiments.runs import ray_engine
from planneal.experiments.runs.arguments import Arguments
from planneal.experiments.runs.bench import Recipe
from planneal.experiments.runs.driver import run
from planneal.experiments.runs.local import LocalEngine
from planneal.experiments.runs.ray_engine import RayEngine
from planneal.planner.errors import MissingExtra
from run_world import Unsealed, arguments, recipe
from test_runs import exported

HERE = str(Path(run_world.__file__).parent)


def test_without_ray_the_pip_line_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    given = arguments()

    async def go():
        async with RayEngine(recipe(given)) as engine:
            await engine.start()

    with pytest.raises(MissingExtra, match=r"pip install 'planneal\[ray\]'"):
        asyncio.run(go())


def test_a_cell_whose_workers_die_is_tried_again_and_not_for_ever(monkeypatch):
    """Ray's part played by stand-ins: deaths in a row, and then none."""

    class ActorDiedError(Exception):
        pass

    class TaskFailedError(Exception):
        pass

    class Ray:
        class exceptions:  # noqa: N801 - the name is Ray's
            RayActorError, RayTaskError = ActorDiedError, TaskFailedError

    class Actor:
        def __init__(self, deaths):
            self.deaths = deaths
            self.answer = self
            self.start = types.SimpleNamespace(remote=self.started)

        async def started(self):
            return ("facts", 1)

        async def remote(self, job, public, gold):
            self.deaths -= 1
            if self.deaths >= 0:
                raise ActorDiedError
            return job

    monkeypatch.setattr(ray_engine, "_PAUSE", 0.0)

    def engine_of(*deaths):
        made = RayEngine(recipe(arguments()), workers=len(deaths), width=4)
        made._ray, made._actors, made._load = Ray, [Actor(n) for n in deaths], [0] * len(deaths)
        return made

    class Job:
        cell = "this cell"

    job = Job()
    assert asyncio.run(engine_of(2, 1).answer(job, None)) is job
    with pytest.raises(ray_engine.RunError, match="this cell: 5 workers died over it"):
        asyncio.run(engine_of(99).answer(job, None))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_with_ray_and_two_workers_killed_the_results_are_the_same(tmp_path, monkeypatch):
    pytest.importorskip("ray", reason="needs the extra ray: pip install 'planneal[ray]'")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([HERE, os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    given = arguments()
    asyncio.run(run(given, tmp_path / "local", LocalEngine(recipe(given)), seal=Unsealed))
    made = recipe(given, 0.02)
    killed = []

    async def go():
        engine = RayEngine(made, workers=2, width=2)

        def told(done, cells, attempt):
            if done in (6, 15) and attempt is not None:
                killed.append(engine.processes[len(killed)])
                os.kill(killed[-1], signal.SIGKILL)

        return await run(given, tmp_path / "ray", engine, told=told, seal=Unsealed)

    summary = asyncio.run(go())
    assert len(set(killed)) == 2
    assert summary.done == summary.cells == summary.added
    assert exported(tmp_path / "ray") == exported(tmp_path / "local")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
def test_with_ray_the_embedded_model_gives_the_same_results(tmp_path, monkeypatch):
    """A real model in two processes, whose batches are others than in one."""
    for needed in ("ray", "torch", "transformers"):
        pytest.importorskip(needed, reason=f"needs {needed}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    given = Arguments.checked(
        family="arithmetic",
        difficulty="easy",
        n=3,
        methods=("direct", "self-consistency", "planneal", "power-sampling"),
        budgets=(600, 1200),
        seeds=2,
    )
    made = Recipe(partial(load_model, "embedded"), given.methods, given.source())
    asyncio.run(run(given, tmp_path / "local", LocalEngine(made, width=12)))
    asyncio.run(run(given, tmp_path / "ray", RayEngine(made, workers=2, width=3)))
    assert exported(tmp_path / "ray") == exported(tmp_path / "local")
