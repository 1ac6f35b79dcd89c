"""The laws of models: the scripted ones keep them, and every law has a wrong model that it alone catches."""

from __future__ import annotations

import itertools

import pytest
from planneal.decoders.base import Completion, Samples
from planneal.planner.ledger import Usage
from planneal.testing import MODEL_LAWS, FunctionModel, check_model


class Good(FunctionModel):
    def __init__(self):
        super().__init__(lambda request, index: f"yes, {len(request.prompt)} times {index}", scorer=lambda p, t: -1.0)


class Single(Good):
    async def sample(self, request):
        return await super().sample(request.model_copy(update={"n": 1}))


class Endless(Good):
    async def sample(self, request):
        found = await super().sample(request.model_copy(update={"max_tokens": 3}))
        longer = tuple(c.model_copy(update={"tokens": request.max_tokens + 1}) for c in found)
        return Samples(longer, Usage(prompt_tokens=1, completion_tokens=2, calls=1, estimated=True))


class Unstopped(Good):
    async def sample(self, request):
        return await super().sample(request.model_copy(update={"stop": ()}))


class Free(Good):
    async def sample(self, request):
        return Samples((await super().sample(request)).completions, Usage())


class Dear(Good):
    async def sample(self, request):
        found = await super().sample(request)
        return Samples(found.completions, found.usage + Usage(prompt_tokens=9_000))


class Unseeded(Good):
    turns = itertools.count()

    async def sample(self, request):
        found = await super().sample(request)
        texts = tuple(Completion(text=f"{next(self.turns)}", tokens=1) for _ in found)
        return Samples(texts, Usage(prompt_tokens=1, completion_tokens=len(texts), calls=1))


class Likely(Good):
    async def score(self, prompt, continuation):
        scores = await super().score(prompt, continuation)
        return scores.model_copy(update={"logprobs": tuple(-value for value in scores.logprobs)})


class Boasting(Good):
    def __init__(self):
        super().__init__()
        self._scorer = None


CONTROLS = [
    ("number", Single),
    ("length", Endless),
    ("stop", Unstopped),
    ("usage", Free),
    ("bound", Dear),
    ("seeded", Unseeded),
    ("scores", Likely),
    ("scores", Boasting),
]


def test_the_scripted_models_keep_every_law():
    for make in (Good, lambda: FunctionModel(lambda request, index: "no")):
        report = check_model(make)
        assert report.ok, str(report)
        assert report.held == tuple(law.name for law in MODEL_LAWS)


@pytest.mark.parametrize(("law", "wrong"), CONTROLS, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_model_is_caught_by_its_law_and_no_other(law, wrong):
    report = check_model(wrong)
    assert report.failed == (law,), str(report)


def test_every_law_has_a_wrong_model():
    assert {law for law, _ in CONTROLS} == {law.name for law in MODEL_LAWS}
