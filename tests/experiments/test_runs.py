"""Runs: the same attempts whatever the engine, the concurrency, the interruptions; nothing lost, nothing paid twice."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import run_world
from planneal.experiments.runs.arguments import Arguments
from planneal.experiments.runs.driver import Stopping, run
from planneal.experiments.runs.engine import facts_of
from planneal.experiments.runs.local import LocalEngine
from planneal.experiments.runs.records import Cell
from planneal.experiments.runs.sealed import Sealed
from planneal.experiments.runs.store import Store
from planneal.experiments.runs.work import Job, work_list
from planneal.planner.errors import ConfigError, RunError
from run_world import Unsealed, arguments, recipe

CELLS = 4 * 2 * (1 + 2 + 2)
WORLD = str(Path(run_world.__file__))


def finish(folder, given=None, width=3, **options):
    given = given or arguments()
    options = {"seal": Unsealed, **options}
    return asyncio.run(run(given, folder, LocalEngine(recipe(given), width=width), **options))


def exported(folder) -> bytes:
    path = Path(folder) / "export.jsonl"
    with Store.open(folder) as store:
        store.export_results(path)
    return path.read_bytes()


def calls(path) -> np.ndarray:
    return np.loadtxt(path, dtype=int, ndmin=2).sum(axis=0) if path.exists() else np.zeros(3, dtype=int)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted run, one cell at a time, with the model's own count."""
    folder = tmp_path_factory.mktemp("whole")
    os.environ["PLANNEAL_TEST_CALLS"] = str(folder / "calls")
    try:
        summary = finish(folder, width=1, seal=Sealed)
    finally:
        del os.environ["PLANNEAL_TEST_CALLS"]
    assert summary == type(summary)(folder, CELLS, CELLS, CELLS, 0, 0)
    return folder


def test_every_cell_is_filled_and_graded(whole):
    with Store.open(whole) as store:
        attempts = list(store.attempts())
    assert len({attempt.cell for attempt in attempts}) == CELLS
    assert {(a.family, a.level) for a in attempts} == {("arithmetic", "easy")}
    assert {a.right for a in attempts} == {True, False}
    assert {a.plan_right for a in attempts if a.plan is not None} == {False}
    assert {a.seed for a in attempts if a.method == "direct"} == {0}
    talkative = [a for a in attempts if a.method == "run_world:Talkative" and a.stop == "done"]
    assert {tuple(sorted(a.ledger)) for a in talkative} == {("answer", "draft")}
    assert {len(a.events) for a in talkative} == {4}


def test_the_ledgers_add_up_to_what_the_model_counted(whole):
    with Store.open(whole) as store:
        spent = [attempt.spent for attempt in store.attempts(events=False)]
        assert not any({"miscounted", "overspent"} & set(a.notes) for a in store.attempts(events=False))
    ours = [sum(getattr(s, name) for s in spent) for name in ("prompt_tokens", "completion_tokens", "calls")]
    assert ours == calls(whole / "calls").tolist()
    assert min(ours) > 0


def test_no_attempt_passes_its_budget_and_more_budget_begins_alike(whole):
    with Store.open(whole) as store:
        attempts = list(store.attempts())
    assert all(a.spent.tokens <= a.budget for a in attempts)
    votes = {
        (a.problem, a.seed, a.budget): a.notes["samples"]
        for a in attempts
        if a.method == "self-consistency" and a.notes
    }
    small, large = ([n for (*_, b), n in votes.items() if b == budget] for budget in (300, 900))
    assert sum(large) > sum(small) > 0


@pytest.mark.parametrize("width", [3, 40])
def test_concurrency_changes_nothing(whole, tmp_path, width):
    finish(tmp_path, width=width)
    assert exported(tmp_path) == exported(whole)


def test_a_run_of_fewer_methods_has_the_same_attempts(whole, tmp_path):
    finish(tmp_path, arguments(methods=("self-consistency",), budgets=(900,)))
    with Store.open(tmp_path) as few, Store.open(whole) as all_:
        same = [(a.text, a.notes, a.right) for a in few.attempts()]
        assert same == [(a.text, a.notes, a.right) for a in all_.attempts(method="self-consistency", budget=900)]


def test_a_finished_run_is_not_run_again(whole, monkeypatch):
    monkeypatch.setenv("PLANNEAL_TEST_CALLS", str(whole / "none"))
    before = exported(whole)
    assert finish(whole).added == 0
    assert not (whole / "none").exists()
    assert exported(whole) == before


def test_another_runs_arguments_are_refused_and_nothing_is_changed(whole):
    before = exported(whole)
    with pytest.raises(RunError, match=r"--budgets was \[300, 900\] and is \[300\]; --seeds was 2 and is 1\."):
        finish(whole, arguments(budgets=(300,), seeds=1))
    with pytest.raises(RunError, match=r"--seed was 0 and is 5; problems was \w+ and is \w+\."):
        finish(whole, arguments(seed=5))
    assert exported(whole) == before


def test_a_run_that_is_asked_to_stop_finishes_what_is_under_way(whole, tmp_path):
    stopping = Stopping()
    summary = finish(tmp_path, told=lambda done, cells, attempt: attempt and stopping.ask(), stopping=stopping)
    assert 1 <= summary.done == summary.added <= 4
    finish(tmp_path)
    assert exported(tmp_path) == exported(whole)


def test_a_broken_method_ends_the_run_and_what_is_done_is_kept(tmp_path, monkeypatch):
    async def broken(self, case, model, budget, rng):
        await asyncio.sleep(0.05)
        raise ZeroDivisionError("oh")

    with monkeypatch.context() as patch:
        patch.setattr(run_world.Talkative, "answer", broken)
        with pytest.raises(ZeroDivisionError):
            finish(tmp_path)
    with Store.open(tmp_path) as store:
        assert {cell.method for cell in store.done()} <= {"direct", "self-consistency"}
        assert store.done()
    assert finish(tmp_path).done == CELLS


def test_a_method_that_leaves_calls_under_way_is_told(tmp_path):
    given = arguments(methods=("run_world:Careless",))
    with pytest.raises(RunError, match=r"run_world:Careless on arithmetic.* returned with 1 of its calls under way"):
        asyncio.run(run(given, tmp_path, LocalEngine(recipe(given, 0.01), width=1), seal=Unsealed))


def killed(folder, seal, environment, wait_for, after) -> None:
    """Starts the run, waits for so many lines and then seconds, and kills it."""
    with subprocess.Popen(
        [sys.executable, WORLD, str(folder), seal], stdout=subprocess.PIPE, env=environment
    ) as process:
        for _ in range(wait_for):
            if not process.stdout.readline():
                break  # it was done
        time.sleep(after)
        process.kill()


def kill_and_resume(whole, folder, kills, most_lines, seal="sealed"):
    dice = random.Random(kills)
    folder.mkdir()
    environment = {**os.environ, "PLANNEAL_TEST_CALLS": str(folder / "calls"), "OMP_NUM_THREADS": "1"}
    done = 0
    for _ in range(kills):
        killed(folder, seal, environment, dice.randint(0, most_lines), dice.random() * 0.02)
        if Store.exists(folder):
            with Store.open(folder) as store:
                now = len(store.done())
            assert now >= done
            done = now
    subprocess.run([sys.executable, WORLD, str(folder), seal], env=environment, check=True, stdout=subprocess.DEVNULL)
    assert exported(folder) == exported(whole)
    with Store.open(folder) as store:
        stored = sum(attempt.spent.calls for attempt in store.attempts(events=False))
        dearest = max(attempt.spent.calls for attempt in store.attempts(events=False))
    # What was under way when it was killed (three cells) is lost, and nothing else.
    assert 0 <= calls(folder / "calls")[2] - stored <= kills * 3 * dearest


def test_killed_three_times_and_resumed_it_is_the_same(whole, tmp_path):
    kill_and_resume(whole, tmp_path / "run", 3, 12, "open")


@pytest.mark.slow
def test_killed_twenty_times_and_resumed_it_is_the_same(whole, tmp_path):
    kill_and_resume(whole, tmp_path / "run", 20, 4)


def test_work_is_spread_evenly():
    jobs = list(work_list(["a", "b", "c"], [("one", True), ("two", False), ("three", True)], [20, 10], 2, 7))
    assert len({job.cell for job in jobs}) == len(jobs) == 3 * 2 * (3 + 2)
    assert [job.cell for job in jobs[:3]] == [Cell("a", name, 10, 0) for name in ("one", "two", "three")]
    for cut in range(len(jobs)):  # wherever it is broken off, no method is ahead by more than its place in a round
        counts = {
            m: sum(job.cell.method == m and job.cell.seed == 0 for job in jobs[:cut]) for m in ("one", "two", "three")
        }
        assert max(counts.values()) - min(counts.values()) <= 1
    assert {job.cell.method for job in jobs if job.cell.seed == 1} == {"one", "three"}
    assert [job.cell.method for job in jobs if job.cell.budget == 10][3] == "two"


def test_streams_differ_by_problem_method_and_seed_but_not_by_budget():
    def first(index=0, method="m", budget=1, seed=0, run_seed=0):
        return Job(index, Cell("p", method, budget, seed), run_seed).rng().integers(2**62)

    usual = first()
    assert usual == first() == first(budget=2)
    others = {first(index=1), first(method="n"), first(seed=1), first(run_seed=1)}
    assert len(others - {usual}) == 4


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"family": "sudoku"}, "no problem family 'sudoku'"),
        ({"difficulty": "impossible"}, "no difficulty 'impossible'"),
        ({"family": None}, "give one source of problems"),
        ({"data": "gsm8k"}, "give one source of problems"),
        ({"n": 0}, "--n: Input should be greater"),
        ({"budgets": (0,)}, "0 tokens pay for nothing"),
        ({"budgets": (9, 9)}, "--budgets: 9 is given twice"),
        ({"methods": ("direct", "dirct")}, "no method 'dirct'; there are direct, "),
        ({"methods": ("run_world:load",)}, "is a function, not a Method"),
        ({"methods": ("no_such_module:X",)}, "cannot be imported .ModuleNotFoundError"),
        ({"family": None, "difficulty": None, "data": "no_set", "path": "x"}, "no published set 'no_set'"),
        (
            {"family": None, "difficulty": None, "data": "gsm8k", "path": "x", "methods": ("gold-plan",)},
            "gold-plan need gold plans, which published sets do not have",
        ),
        ({"seeds": -1}, "--seeds: Input should be"),
    ],
)
def test_wrong_arguments_are_told(given, told):
    with pytest.raises(ConfigError, match=told):
        arguments(**given)


def test_a_published_set_is_run_from_its_file_wherever_that_is(tmp_path):
    rows = [f'{{"question": "What is {n} and 1?", "answer": "#### {n + 1}"}}\n' for n in range(6)]
    (tmp_path / "a.jsonl").write_text("".join(rows))
    given = {"family": None, "difficulty": None, "data": "gsm8k", "n": 6, "methods": ("direct",), "budgets": (300,)}
    made = arguments(**given, path=str(tmp_path / "a.jsonl"))
    assert finish(tmp_path / "run", made).done == 6
    (tmp_path / "a.jsonl").rename(tmp_path / "b.jsonl")
    with pytest.raises(RunError, match="problems was"):  # ids of such sets name their file
        finish(tmp_path / "run", arguments(**given, path=str(tmp_path / "b.jsonl")))
    (tmp_path / "moved").mkdir()
    (tmp_path / "b.jsonl").rename(tmp_path / "moved" / "a.jsonl")
    moved = arguments(**given, path=str(tmp_path / "moved" / "a.jsonl"))
    assert finish(tmp_path / "run", moved).added == 0
    with Store.open(tmp_path / "run") as store:
        assert {(a.family, a.level, a.plan_right) for a in store.attempts()} == {("gsm8k", "", None)}
    with pytest.raises(ConfigError, match="has only 6 problems of gsm8k; give --n 6 or less"):
        arguments(**{**given, "n": 7}, path=str(tmp_path / "moved" / "a.jsonl"))


def test_a_model_is_known_by_its_name_where_it_has_no_weights():
    assert facts_of(run_world.load()) == ("scripted", "", "")
    assert isinstance(arguments(), Arguments)
