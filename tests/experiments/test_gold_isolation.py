"""Gold cannot leak: not by attributes, closures or pickles of what a method sees, nor by looking for it elsewhere."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import signal
import subprocess
import sys
import time
import types
import warnings
from dataclasses import replace

import pytest
import run_world
from planneal.experiments.families.base import Gold, Problem, Split
from planneal.experiments.families.registry import difficulty_of, family, names
from planneal.experiments.runs.bench import Bench
from planneal.experiments.runs.records import Cell
from planneal.experiments.runs.schema import FILE
from planneal.experiments.runs.sealed import Sealed
from planneal.experiments.runs.sources import FamilySource, ToldCase, opaque
from planneal.experiments.runs.store import Store
from planneal.experiments.runs.watch import watched
from planneal.experiments.runs.work import Job
from planneal.planner.errors import CheatingMethod, ConfigError, PlannealError, RunError
from run_world import arguments, recipe
from test_runs import finish

LEAVES = (str, bytes, int, float, bool, type(None), type, types.ModuleType)


def done_alone(code: str) -> subprocess.CompletedProcess[str]:
    """Code run in a process of its own, to its end."""
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(run_world.__file__)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


def reachable(root) -> dict[int, object]:
    """Everything that code holding an object can get at: attributes, slots, items, closures, defaults, bound selves."""
    found: dict[int, object] = {}
    waiting = [root]
    while waiting:
        thing = waiting.pop()
        if id(thing) in found:
            continue
        found[id(thing)] = thing
        if isinstance(thing, LEAVES):
            continue
        if isinstance(thing, types.FunctionType):  # its module is reachable too, but that is no way to a problem
            waiting += [cell.cell_contents for cell in thing.__closure__ or ()]
            waiting += [thing.__defaults__, thing.__kwdefaults__, thing.__dict__]
            continue
        waiting += gc.get_referents(thing)
        if type(thing).__module__.startswith("planneal."):  # properties may compute what no reference shows
            waiting += [held(thing, name) for name in dir(thing) if not name.startswith("__")]
    return found


def held(thing, name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(thing, name)
        except Exception:
            return None


def known(problem) -> set[str]:
    """Texts that only the gold has."""
    public = problem.public.model_dump_json()
    golds = [str(value) for value in problem.gold.model_dump(mode="json").values()]
    return {text for text in golds if len(text) > 12 and text not in public}


@pytest.mark.parametrize("name", names())
def test_nothing_that_a_case_refers_to_is_or_tells_the_gold(name):
    source = FamilySource(name, "easy", 5, 1)
    problem = source.problem(0)
    secret = known(problem)
    assert secret
    case = source.case(problem.public)
    seen = reachable(case)
    assert len(seen) > 20
    assert not [thing for thing in seen.values() if isinstance(thing, Gold | Problem)]
    assert id(problem.gold) not in seen
    texts = [thing for thing in seen.values() if isinstance(thing, str)]
    assert not [text for text in texts if any(part in text for part in secret)]
    assert problem.public.id not in texts


def test_the_walk_would_find_a_gold():
    problem = FamilySource("arithmetic", "easy", 5, 1).problem(0)

    def observe(hidden=problem):
        return None

    case = replace(FamilySource("arithmetic", "easy", 5, 1).case(problem.public), observe=observe)
    assert id(problem.gold) in reachable(case)
    assert id(problem.gold) in reachable(replace(case, observe=lambda: problem))


@pytest.mark.parametrize("name", names())
def test_a_pickled_case_holds_no_gold(name):
    source = FamilySource(name, "easy", 5, 1)
    problem = source.problem(0)
    case = source.case(problem.public)
    sent = b""
    for part in (case.task, case.public, case):
        try:
            sent += pickle.dumps(part)
        except (TypeError, AttributeError, pickle.PicklingError):
            assert part is case  # an open table or a closure cannot be sent, and so tells nothing
    assert problem.public.question.encode() in sent
    assert not [part for part in known(problem) if part.encode() in sent]
    assert problem.public.id.encode() not in sent


def test_the_tables_of_the_tools_hold_no_gold():
    source = FamilySource("tools", "middle", 5, 1)
    problem = source.problem(0)
    case = source.case(problem.public)
    tables = [thing for thing in reachable(case).values() if hasattr(thing, "iterdump")]
    dumped = "\n".join(line for table in tables for line in table.iterdump())
    assert not [part for part in known(problem) if part in dumped]


def test_the_runs_file_holds_no_gold(tmp_path):
    given = arguments(methods=("direct",), budgets=(300,))
    finish(tmp_path, given)
    with Store.open(tmp_path) as store:
        wrong = [row.id for row in store.problems()]
    content = (tmp_path / FILE).read_bytes()
    secret = [part for index in range(given.n) for part in known(given.source().problem(index))]
    assert secret
    assert wrong
    assert not [part for part in secret if part.encode() in content]


def test_an_id_tells_nothing_of_the_seed():
    assert opaque("arithmetic-eval-8-0") != opaque("arithmetic-eval-8-1")
    source = FamilySource("arithmetic", "easy", 5, 1)
    case = source.case(source.problem(0).public)
    assert case.id == case.public.id
    assert "5000000" not in case.public.model_dump_json()


@pytest.mark.parametrize(
    ("cheat", "told"),
    [
        ("Walker", "went through the objects of the process"),
        ("Reader", "opened a database"),
        ("Peeper", "opened a run's file"),
        ("Redrawer", "drew a problem anew"),
    ],
)
def test_a_cheating_method_is_found_out_though_it_hides_the_refusal(tmp_path, monkeypatch, cheat, told):
    monkeypatch.setenv("PLANNEAL_TEST_RUN", str(tmp_path / FILE))
    given = arguments(methods=(f"run_world:{cheat}",), n=2)
    with pytest.raises(CheatingMethod, match=told):
        finish(tmp_path, given)
    with Store.open(tmp_path) as store:
        assert not store.done()


def test_a_cheat_that_nobody_watches_finds_nothing_to_walk_to():
    """The wall behind the tripwire: with the grader in its own process there is no gold among this one's objects."""
    code = (
        "import asyncio, gc, run_world;"
        "from planneal.experiments.runs.sealed import Sealed;"
        "from planneal.experiments.families.base import Gold, Problem\n"
        "async def go():\n"
        "    given = run_world.arguments()\n"
        "    async with Sealed(given.source()) as sealed:\n"
        "        (row, public), *_ = await sealed.problems(2)\n"
        "        grade = await sealed.grade(0, 'answer: 10', None, None)\n"
        "        print(grade.right, sum(isinstance(o, (Gold, Problem)) for o in gc.get_objects()))\n"
        "if __name__ == '__main__': asyncio.run(go())"
    )
    done = done_alone(code)
    assert done.stdout == "True 0\n", done.stderr


def test_what_is_not_watched_may_be_done_and_honest_methods_may_work():
    assert gc.get_objects()
    with watched("honest"):
        family("tools").verifiers(_PUBLIC["tools"])
    with pytest.raises(CheatingMethod, match="'sly' went through"), watched("sly"):
        gc.get_objects()
    with pytest.raises(ZeroDivisionError), watched("honest"):
        _ = 1 / 0


_PUBLIC = {name: FamilySource(name, "easy", 5, 1).problem(0).public for name in ("tools", "arithmetic")}


def test_drawing_is_seen_for_every_family():
    for name in names():
        made = family(name)
        hard = difficulty_of(made, "easy")
        with pytest.raises(CheatingMethod, match="drew a problem anew"), watched("sly"):
            made.generate(3, hard, Split.TRAIN)


class _Ceiling(run_world.Talkative):
    name = "ceiling"
    wants_gold = True
    seen: list[object] = []  # noqa: RUF012 - a test's notebook

    async def answer(self, case, model, budget, rng):
        self.seen.append(case)
        return await super().answer(case, model, budget, rng)


def test_only_a_ceiling_is_handed_the_gold_plan():
    source = FamilySource("arithmetic", "easy", 5, 1)
    bench = Bench(run_world.load(), {"ceiling": _Ceiling()}, source)
    job = Job(0, Cell("p", "ceiling", 900, 0), 0)
    asyncio.run(bench.answer(job, _PUBLIC["arithmetic"]))
    asyncio.run(bench.answer(job, _PUBLIC["arithmetic"], "goal: g"))
    blind, told = _Ceiling.seen
    assert not hasattr(blind, "gold_plan")
    assert isinstance(told, ToldCase)
    assert (told.gold_plan, told.task) == ("goal: g", blind.task)


def test_the_sealed_process_survives_a_death_tells_errors_and_ends_with_its_parent():
    async def go():
        given = arguments()
        async with Sealed(given.source()) as sealed:
            first = await sealed.problems(2)
            pid = sealed._process.pid
            os.kill(pid, signal.SIGKILL)
            again, grade = await asyncio.gather(sealed.problems(2), sealed.grade(0, "answer: 10", "no plan", None))
            assert again == first
            assert grade == (True, False, None)
            assert sealed._process.pid != pid
            assert await sealed.gold_plan(0) == given.source().problem(0).gold.plan
            with pytest.raises(RunError, match="nobody here knows how to dance"):
                await sealed._ask("dance")
            with pytest.raises(PlannealError):
                await sealed._ask("problems", None)
        return sealed

    asyncio.run(go())


def test_the_sealed_process_does_not_outlive_a_killed_parent():
    code = (
        "import asyncio, os, run_world; from planneal.experiments.runs.sealed import Sealed\n"
        "async def go():\n"
        "    async with Sealed(run_world.arguments().source()) as sealed:\n"
        "        await sealed.problems(1); print(sealed._process.pid, flush=True); os.kill(os.getpid(), 9)\n"
        "if __name__ == '__main__': asyncio.run(go())"
    )
    done = done_alone(code)
    assert done.returncode == -9
    for _ in range(100):
        if not os.path.exists(f"/proc/{int(done.stdout)}/cmdline"):
            return
        time.sleep(0.1)
    pytest.fail("the sealed process is still there")


def test_errors_of_a_source_are_told_before_anything_is_spent():
    with pytest.raises(ConfigError, match="not 999999"):
        arguments(difficulty="999999")
    assert recipe(arguments()).bench().model.requests == []
