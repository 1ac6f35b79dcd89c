"""What an attempt is charged: counted beside its ledger, and independent of whatever else runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import run_world
from planneal.decoders.base import SampleRequest
from planneal.experiments.methods.base import Answered, Method
from planneal.experiments.runs.bench import Bench
from planneal.experiments.runs.counted import CountedModel
from planneal.experiments.runs.records import Cell
from planneal.experiments.runs.work import Job
from planneal.planner.errors import BadResponse, RunError, TransientError
from planneal.planner.ledger import Ledger, Usage
from planneal.testing import FunctionModel, ScriptedModel
from run_world import arguments, recipe
from test_runs import exported, finish

PUBLIC = arguments().source().problem(0).public


class Tokenized(FunctionModel):
    """One token a character; says that everything came out of a cache, as a busy local model might."""

    def encode_prompt(self, messages):
        return tuple("".join(message.content for message in messages).encode())

    def encode_text(self, text):
        return tuple(text.encode())

    async def sample(self, request):
        samples = await super().sample(request)
        size = len(self.encode_prompt(request.messages))
        return replace(
            samples, usage=Usage(prompt_tokens=size, cached_prompt_tokens=size, completion_tokens=3, calls=1)
        )


def test_what_is_cached_is_what_the_attempt_asked_before():
    inner = Tokenized(lambda request, index: "ok")
    inner.capabilities = inner.capabilities.model_copy(update={"parameters": 10})
    model = CountedModel(inner)

    async def cached(prompt):
        usage = (await model.sample(SampleRequest.of(prompt))).usage
        assert usage.flops == 20 * (len(prompt) - usage.cached_prompt_tokens + 3)
        return usage.cached_prompt_tokens

    async def go():
        return [await cached(prompt) for prompt in ("abcdef", "abcxyz", "abcdef", "abcde", "zzz", "abcdefgh")]

    assert asyncio.run(go()) == [0, 3, 5, 4, 0, 6]
    assert model.counted.calls == 6
    assert model.counted.cached_prompt_tokens == 18
    assert CountedModel(run_world.load())._cached(()) is None


def answering(answer, model=None, budget=900):
    class Made(Method):
        name = "made"

    Made.answer = answer
    Made.__abstractmethods__ = frozenset()
    bench = Bench(model or run_world.load(), {"made": Made()}, arguments().source())
    return asyncio.run(bench.answer(Job(0, Cell("p", "made", budget, 0), 0), PUBLIC))


async def ask(case, model):
    return (await model.sample(SampleRequest.of(case.task.question, max_tokens=20, seed=1))).usage


def test_a_ledger_that_is_not_what_was_counted_is_told():
    async def honest(self, case, model, budget, rng):
        ledger = Ledger()
        ledger.charge("baseline", await ask(case, model))
        return Answered(None, ledger)

    async def forgetful(self, case, model, budget, rng):
        await ask(case, model)
        return await honest(self, case, model, budget, rng)

    assert answering(honest).answered["notes"] == {}
    told = answering(forgetful).answered["notes"]["miscounted"]
    assert told["calls"] == [1, 2]
    assert 2 * told["prompt_tokens"][0] == told["prompt_tokens"][1]
    assert answering(honest, budget=10).answered["notes"]["overspent"] > 0


def test_an_error_that_is_the_methods_own_is_its_result_with_what_it_cost():
    async def failing(self, case, model, budget, rng):
        await ask(case, model)
        raise BadResponse("no completion")

    raw = answering(failing)
    assert (raw.answered["stop"], raw.answered["value"]) == ("BadResponse", None)
    assert raw.answered["notes"] == {"error": "no completion"}
    assert raw.ledger["baseline"].calls == 1


@pytest.mark.parametrize("swallowed", [False, True])
def test_an_error_of_the_endpoint_is_nobodys_result(swallowed):
    async def failing(self, case, model, budget, rng):
        try:
            await ask(case, model)
        except TransientError:
            if not swallowed:
                raise
        return Answered(None, Ledger(), stop="TransientError")

    with pytest.raises(TransientError):
        answering(failing, ScriptedModel([TransientError("503")]))


def test_notes_that_no_file_can_hold_are_told():
    async def odd(self, case, model, budget, rng):
        return Answered(None, Ledger(), notes={"what": object()})

    with pytest.raises(RunError, match=r"made on p .* notes or events that are no plain JSON"):
        answering(odd)


@pytest.mark.slow
def test_the_embedded_model_gives_the_same_alone_and_in_company(tmp_path):
    pytest.importorskip("torch", reason="needs the extra local")
    from planneal.decoders.registry import load_model

    given = arguments(methods=("direct", "self-consistency"), model="embedded", budgets=(900,), seeds=1)
    made = replace(recipe(given), load=lambda: load_model("embedded"))
    for width in (1, 8):
        folder = tmp_path / str(width)
        monkey = pytest.MonkeyPatch()
        monkey.setattr("test_runs.recipe", lambda _: made)
        finish(folder, given, width=width)
        monkey.undo()
    assert exported(tmp_path / "1") == exported(tmp_path / "8")
