"""The peer libraries themselves, where they are installed: 20 problems each, counted, capped, right where it can be."""

from __future__ import annotations

import asyncio
import hashlib
from importlib.util import find_spec

import numpy as np
import pytest
from peer_world import counted
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text, family, names
from planneal.experiments.methods import case_of
from planneal.experiments.peers import PEERS, RECIPES
from planneal.experiments.runs.bench import Bench
from planneal.experiments.runs.records import Cell
from planneal.experiments.runs.sources import FamilySource
from planneal.experiments.runs.work import Job
from planneal.planner.ledger import Budget
from planneal.testing import FunctionModel

PROBLEMS = problems(20, 5, "easy", family="arithmetic")
INSTALLED = [
    pytest.param(
        recipe.name,
        marks=[
            pytest.mark.slow,
            pytest.mark.skipif(
                find_spec(recipe.library) is None,
                reason=f"needs {recipe.library}: pip install 'planneal[peers]' (for optillm --no-deps, see the page)",
            ),
        ],
    )
    for recipe in RECIPES
]
PROGRAMS = ("optillm_plansearch",)
"""Methods that end with a program whatever they are asked for: on other tasks they are right by chance alone."""


def dice(request, index):
    return hashlib.sha256(f"{request.prompt}|{request.seed}|{index}".encode()).digest()[0]


def knowing(problem, errs=0):
    """A model that knows the answer, in the form that each peer asks for, and errs in some of 256 draws."""
    right, value = answer_text(problem), str(getattr(problem.gold, "value", "```"))

    def reply(request, index):
        wrong = dice(request, index) < errs
        last, said = request.messages[-1], request.prompt
        if "[[ ## " in said:
            reasoning, _, final = ("", "", right) if "```" in right else right.rpartition("answer:")
            fields = ("discussion", "advice") if "## advice ##" in said else ("reasoning", "answer")
            told = ("x", "{}") if "## advice ##" in said else (reasoning.strip(), "0" if wrong else final.strip())
            text = "\n\n".join(f"[[ ## {name} ## ]]\n{body}" for name, body in zip(fields, told, strict=True))
            return f"{text}\n\n[[ ## completed ## ]]"
        if "Rate the above" in last.content:
            return "9" if value in said.rsplit("answer:", 1)[-1] else "1"
        if last.role == "assistant":
            return right.removeprefix(last.content) if right.startswith(last.content) else "answer: 0"
        return "x = 1 = 2\nanswer: 0" if wrong else right

    return FunctionModel(reply)


def attempt(name, problem, model, tokens, seed=0):
    method = PEERS[name]()
    return asyncio.run(
        method.answer(case_of(problem.public), model, Budget(tokens=tokens), np.random.default_rng(seed))
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", INSTALLED)
def test_twenty_problems_are_counted_as_the_endpoint_counts_and_right_where_the_model_is(name):
    right = 0
    for number, problem in enumerate(PROBLEMS):
        tokens = (600, 1500, 4000, 9000)[number % 4]
        model = knowing(problem)
        found = attempt(name, problem, model, tokens, number)
        spent = found.ledger.spent
        assert spent.tokens <= tokens
        assert (spent.prompt_tokens, spent.calls) == counted(model)
        assert not spent.estimated
        assert found.notes["peer"].startswith(name.split("_")[0])
        own = (found.notes["own_count"] or {}).get("tokens")
        assert own is None or own <= spent.tokens
        right += tokens > 600 and found.value is not None and found.value.split()[0] == str(problem.gold.value)
    assert right == 15 or name in PROGRAMS


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("tokens", [0, 60, 150, 300, 800, 2500])
def test_no_budget_is_ever_passed(name, tokens):
    for seed in range(3):
        model = knowing(PROBLEMS[seed], errs=128)
        found = attempt(name, PROBLEMS[seed], model, tokens, seed)
        assert found.ledger.spent.tokens <= tokens
        assert (found.ledger.spent.prompt_tokens, found.ledger.spent.calls) == counted(model)
        assert found.stop
        assert found.value is None or model.requests


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", INSTALLED)
def test_the_same_seed_gives_the_same_answer_in_company_and_alone(name):
    async def together(width):
        gate = asyncio.Semaphore(width)

        async def one(number):
            async with gate:
                case, model = case_of(PROBLEMS[number].public), knowing(PROBLEMS[number], errs=100)
                return await PEERS[name]().answer(case, model, Budget(tokens=2000), np.random.default_rng(number))

        return await asyncio.gather(*(one(number) for number in range(6)))

    alone, company = asyncio.run(together(1)), asyncio.run(together(6))
    assert [(a.text, a.ledger.spent.tokens) for a in alone] == [(a.text, a.ledger.spent.tokens) for a in company]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", INSTALLED)
@pytest.mark.parametrize("kind", names())
def test_every_family_can_be_answered_programs_and_orders_too(name, kind):
    problem = problems(1, 3, "easy", family=kind)[0]
    model = knowing(problem)
    found = attempt(name, problem, model, 6000)
    assert asyncio.run(family(kind).grade(problem, found.text or ""))
    assert (found.ledger.spent.prompt_tokens, found.ledger.spent.calls) == counted(model)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", INSTALLED)
def test_a_run_finds_no_difference_between_ledger_and_count(name):
    source = FamilySource("arithmetic", "easy", 5, 20)
    public = source.problem(0).public
    model = knowing(source.problem(0))
    bench = Bench(model, {name: PEERS[name]()}, source)
    raw = asyncio.run(bench.answer(Job(0, Cell("p", name, 1500, 0), 0), public))
    assert not {"miscounted", "overspent"} & set(raw.answered["notes"])
    assert raw.ledger["baseline"].calls == len(model.requests)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("dspy") is None, reason="needs dspy: pip install 'planneal[peers]'")
def test_dspys_cache_is_off():
    model = knowing(PROBLEMS[0], errs=256)
    found = [attempt("dspy_best_of_n", PROBLEMS[0], model, 2000).ledger.spent for _ in range(2)]
    assert found[0].tokens == found[1].tokens > 1000
    assert len(model.requests) == sum(spent.calls for spent in found)
