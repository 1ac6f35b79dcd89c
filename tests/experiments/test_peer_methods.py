"""Peers as methods, with libraries written for each test: honest, lying, broken, hanging, greedy, absent."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from peer_world import CASE, PROBLEM, answer, counted, library
from planneal.experiments.families.registry import answer_text
from planneal.experiments.methods import METHODS
from planneal.experiments.peers import PEERS, RECIPES, PeerMethod, Recipe, processes
from planneal.experiments.runs.registry import make, names_of
from planneal.planner.errors import ConfigError, MissingExtra, ModelError, TransientError
from planneal.planner.ledger import Budget
from planneal.testing import FunctionModel

RIGHT = answer_text(PROBLEM)
ONCE = Recipe("its_hub", "fake", "asks as often as it is told", first=8)
PILOT = Recipe("its_hub", "fake", "asks for one first", first=1, pilot=True)
PICK = Recipe("its_hub", "fake", "leaves the choice", first=3, pick=True)
HONEST = "texts = [ask(job)[0] for _ in range(job['n'])]\nreturn {'texts': texts, 'own': {'tokens': 0}}"


def test_the_eight_of_them_are_there_and_all_does_not_mean_them():
    assert list(PEERS) == [
        *("its_hub_self_consistency", "its_hub_best_of_n", "its_hub_particle_filtering", "its_hub_beam_search"),
        *("dspy_best_of_n", "dspy_refine", "optillm_plansearch", "optillm_best_of_n"),
    ]
    assert names_of("all") == tuple(METHODS)
    assert names_of("peers") == tuple(PEERS)
    assert names_of("direct,peers,dspy_refine") == ("direct", *PEERS)
    with pytest.raises(ConfigError, match="optillm_plansearch"):
        make("magic")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_library_that_is_not_there_is_told_with_how_to_get_it(monkeypatch, recipe):
    monkeypatch.delenv(processes.INTERPRETER, raising=False)
    monkeypatch.setattr(processes, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'planneal\[peers\]'"):
        make(recipe.name)


def test_an_interpreter_that_lacks_it_or_does_not_run_is_told(monkeypatch):
    monkeypatch.setenv(processes.INTERPRETER, "/nowhere/python")
    with pytest.raises(ConfigError, match="/nowhere/python"):
        processes.Peer("its_hub")
    monkeypatch.setattr(processes, "_environment", dict)
    monkeypatch.setenv(processes.INTERPRETER, sys.executable)
    lacking = subprocess.run([sys.executable, "-c", "import optillm"], capture_output=True)
    if lacking.returncode:
        peer = processes.Peer("optillm")
        with pytest.raises(MissingExtra, match="no-deps optillm"):
            asyncio.run(peer.begin())


@pytest.mark.parametrize("tokens", [0, 90, 200, 500, 1500, 6000])
@pytest.mark.parametrize("recipe", [ONCE, PILOT, PICK], ids=lambda recipe: recipe.about)
def test_no_budget_is_passed_and_every_call_is_counted(tmp_path, monkeypatch, recipe, tokens):
    model = FunctionModel(lambda request, index: RIGHT)
    with library(tmp_path, monkeypatch, HONEST):
        found = answer(model, recipe, tokens)
    spent = found.ledger.spent
    assert spent.tokens <= tokens
    assert (spent.prompt_tokens, spent.calls) == counted(model)
    assert found.value == ("35" if tokens >= 200 else None)
    json.dumps([dict(found.notes), *found.events])


def test_what_a_library_says_of_its_spend_changes_nothing(tmp_path, monkeypatch):
    spent = []
    for told in ("0", "10 ** 9"):
        model = FunctionModel(lambda request, index: RIGHT)
        with library(tmp_path, monkeypatch, f"return {{'texts': ask(job), 'own': {{'tokens': {told}}}}}"):
            found = answer(model, ONCE)
        assert found.notes["own_count"] == {"tokens": eval(told)}  # noqa: S307 - a number of ours
        assert (found.ledger.spent.prompt_tokens, found.ledger.spent.calls) == counted(model)
        spent.append(found.ledger.spent.tokens)
    assert spent[0] == spent[1] > 0


@pytest.mark.parametrize(
    ("body", "stop"),
    [
        ("ask(job); raise ValueError('broken')", "ValueError"),
        ("ask(job); os._exit(3)", "PeerEnded"),
        ("ask(job); print('no json', flush=True); time.sleep(9)", "PeerEnded"),
        ("ask(job); time.sleep(99)", "PeerTimeout"),
    ],
)
def test_a_broken_library_is_an_answer_with_what_it_had(tmp_path, monkeypatch, body, stop):
    model = FunctionModel(lambda request, index: RIGHT)
    with library(tmp_path, monkeypatch, body):
        found = answer(model, ONCE, patience=0.5)
    assert (found.value, found.stop) == ("35", stop)
    assert found.notes["error"].startswith(stop)
    assert (found.ledger.spent.prompt_tokens, found.ledger.spent.calls) == counted(model)


def test_a_library_that_breaks_before_it_asks_is_an_empty_answer(tmp_path, monkeypatch):
    with library(tmp_path, monkeypatch, "raise RuntimeError('no')"):
        found = answer(FunctionModel(lambda request, index: RIGHT), ONCE)
    assert (found.value, found.text, found.stop) == (None, None, "RuntimeError")
    assert found.ledger.spent.tokens == 0


@pytest.mark.parametrize("result", ["{'texts': 7, 'own': [1]}", "{'texts': [None, 3]}", "{}", "[['texts', None]]", "7"])
def test_a_result_that_is_none_is_an_answer_all_the_same(tmp_path, monkeypatch, result):
    model = FunctionModel(lambda request, index: RIGHT)
    with library(tmp_path, monkeypatch, f"ask(job)\nreturn {result}"):
        found = answer(model, ONCE)
    assert found.value == "35"
    assert found.notes["own_count"] is None


def test_a_broken_second_run_leaves_the_first_ones_answer_or_a_better_one(tmp_path, monkeypatch):
    body = "texts = ask(job)\nif job['n'] > 1: raise ValueError('second')\nreturn {'texts': texts}"
    script = iter([RIGHT.replace("= 35", "= 36").replace("answer: 35", "answer: 36"), RIGHT])
    with library(tmp_path, monkeypatch, body):
        found = answer(FunctionModel(lambda request, index: next(script)), PILOT)
    assert (found.value, found.stop) == ("35", "ValueError")


def test_answers_of_equal_rank_are_chosen_among_by_the_verifiers(tmp_path, monkeypatch):
    script = iter([RIGHT.replace("= 14", "= 15"), RIGHT, RIGHT.replace("= 35", "= 36")])
    with library(tmp_path, monkeypatch, HONEST):
        found = answer(FunctionModel(lambda request, index: next(script)), PICK)
    assert found.value == "35"


def test_a_first_run_tells_how_many_more_the_budget_pays_for(tmp_path, monkeypatch):
    model = FunctionModel(lambda request, index: RIGHT)
    with library(tmp_path, monkeypatch, HONEST):
        found = answer(model, PILOT, 3000)
    each = found.ledger.spent.tokens / len(model.requests)
    assert found.notes["n"] == int(0.85 * (3000 - each) / each)
    assert 0.8 * 3000 < found.ledger.spent.tokens <= 3000
    assert found.notes["refused"] == 0


def test_a_model_that_fails_is_told_as_such(tmp_path, monkeypatch):
    for error, stop in ((TransientError("503"), "TransientError"), (ModelError("too long"), "ModelError")):
        with library(tmp_path, monkeypatch, "ask(job)"):
            found = answer(FunctionModel(lambda request, index, error=error: error), ONCE)
        assert (found.value, found.stop) == (None, stop)


def test_a_process_serves_many_jobs_each_with_its_own_seed(tmp_path, monkeypatch):
    body = "return {'texts': ['answer: %d' % os.getpid()], 'own': {'seed': job['seed']}}"
    with library(tmp_path, monkeypatch, body):
        found = [answer(FunctionModel(lambda r, i: ""), ONCE, seed=seed) for seed in (1, 1, 2)]
    assert len({one.value for one in found}) == 1
    seeds = [one.notes["own_count"]["seed"] for one in found]
    assert seeds[0] == seeds[1] != seeds[2]


def test_more_attempts_than_processes_wait_their_turn(tmp_path, monkeypatch):
    model = FunctionModel(lambda request, index: RIGHT)

    async def together():
        method = PeerMethod(ONCE)
        tasks = (method.answer(CASE, model, Budget(tokens=600), np.random.default_rng(n)) for n in range(5))
        return await asyncio.gather(*tasks)

    with library(tmp_path, monkeypatch, HONEST):
        found = asyncio.run(together())
    assert [one.value for one in found] == ["35"] * 5
    assert sum(one.ledger.spent.calls for one in found) == len(model.requests)


def test_a_cancelled_attempt_leaves_nothing_under_way(tmp_path, monkeypatch):
    model = FunctionModel(lambda request, index: RIGHT, latency=5.0)

    async def cancelled():
        method = PeerMethod(ONCE)
        task = asyncio.create_task(method.answer(CASE, model, Budget(tokens=600), np.random.default_rng(0)))
        while not model.requests:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return [other for other in asyncio.all_tasks() if other is not asyncio.current_task()]

    with library(tmp_path, monkeypatch, HONEST):
        assert asyncio.run(cancelled()) == []


def side(*lines, library="its_hub"):
    """What the real main of a peer's process says where the library is a module of these lines."""
    main = Path(processes._MAIN)
    code = "\n".join(
        [
            "import runpy, sys, types",
            "made = types.ModuleType('peer_its_hub')",
            f"exec({chr(10).join(lines)!r}, made.__dict__)",
            "sys.modules['peer_its_hub'] = made",
            f"sys.path.insert(0, {str(main.parent)!r})",
            "import importlib.metadata as m; m.version = lambda name: '9'",
            f"sys.argv = [{str(main)!r}, {library!r}]",
            f"runpy.run_path({str(main)!r}, run_name='__main__')",
        ]
    )
    job = json.dumps({"seed": 5}) + "\n"
    done = subprocess.run([sys.executable, "-c", code], input=job * 2, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_peers_process_seeds_prints_nowhere_and_stays_on_this_machine():
    lines = (
        "import random, socket",
        "def load(scores):",
        "    def run(job):",
        "        print('noise')",
        "        try: socket.create_connection(('192.0.2.1', 80), 1)",
        "        except PermissionError as error: told = str(error)",
        "        try: socket.socket().connect(('192.0.2.1', 80))",
        "        except PermissionError: told += '; no connection'",
        "        return {'texts': [told], 'own': {'drawn': random.random()}}",
        "    return run",
    )
    hello, first, second = side(*lines)
    assert hello == {"ready": "its_hub 9"}
    assert first == second
    assert first["texts"] == ["no look-up of '192.0.2.1': peers may use this machine alone; no connection"]


def test_a_peers_process_tells_what_is_missing_and_what_broke():
    (missing,) = side("def load(scores): raise ImportError('no its_hub')")
    assert missing == {"missing": "no its_hub"}
    _, broken, again = side("def load(scores):", "    return lambda job: 1 / 0")
    assert broken == again == {"error": "ZeroDivisionError", "message": "division by zero"}
