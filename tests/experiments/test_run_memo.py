"""A call is computed once: what may be looked up, what may not, and who waits for whom."""

import asyncio

import pytest
from planneal.decoders.base import Completion, LanguageModel, SampleRequest, Samples, TokenScores
from planneal.experiments.runs.memo import RememberingModel, remembering
from planneal.planner.errors import ModelError
from planneal.planner.ledger import Usage
from planneal.testing import FunctionModel


class Slow(LanguageModel):
    """Writes ``long`` tokens or as many as it may, fails where asked to, and notes what it was asked."""

    name = "slow"

    def __init__(self, long=10, fails=0):
        self.long, self.fails, self.calls = long, fails, []

    async def sample(self, request):
        self.calls.append(request.max_tokens)
        await asyncio.sleep(0.01)
        if len(self.calls) <= self.fails:
            raise ModelError("once")
        tokens = min(self.long, request.max_tokens)
        finish = "stop" if tokens < request.max_tokens else "length"
        return Samples((Completion(text="a" * tokens, finish_reason=finish, tokens=tokens),), Usage(calls=1))

    async def score(self, prompt, continuation):
        self.calls.append("score")
        return TokenScores(logprobs=(-1.0,), offsets=(0,), usage=Usage(calls=1))


def request(most=50, **options):
    return SampleRequest.of("q", **{"temperature": 1.0, "seed": 1, "max_tokens": most, **options})


def together(model, *requests):
    async def main():
        return await asyncio.gather(*(model.sample(one) for one in requests), return_exceptions=True)

    return asyncio.run(main())


def test_equal_calls_are_computed_once_whether_they_are_under_way_or_answered():
    inner = Slow()
    model = RememberingModel(inner)
    texts = [samples[0].text for samples in together(model, *[request()] * 5)]
    assert texts == ["a" * 10] * 5
    assert together(model, request())[0].usage == Usage(calls=1)  # charged all the same
    assert (model.asked, model.spared, inner.calls) == (1, 5, [50])


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        ({}, {"seed": 2}, 2),
        ({}, {"temperature": 0.5}, 2),
        ({}, {"stop": ("x",)}, 2),
        ({"seed": None}, {"seed": None}, 2),  # fresh draws
        ({"seed": None, "temperature": 0}, {"seed": None, "temperature": 0}, 1),
        ({"most": 50}, {"most": 20}, 1),  # neither bound was met
        ({"most": 20}, {"most": 50}, 1),
        ({"most": 50}, {"most": 8}, 2),  # would have been cut
        ({"most": 8}, {"most": 50}, 2),  # was cut
        ({"most": 90, "allowed_citations": ("S1",)}, {"most": 80, "allowed_citations": ("S1",)}, 1),
        ({"most": 90, "allowed_citations": ("S1",)}, {"most": 50, "allowed_citations": ("S1",)}, 2),  # too near
    ],
)
def test_only_what_would_come_out_the_same_is_looked_up(first, second, asked):
    for requests in ([request(**first), request(**second)],):
        inner = Slow()
        got = [samples[0].text for samples in together(RememberingModel(inner), *requests)]
        alone = [together(Slow(), one)[0][0].text for one in requests]
        assert got == alone
        assert len(inner.calls) == asked


def test_who_fails_fails_alone():
    inner = Slow(fails=1)
    model = RememberingModel(inner)
    failed, answered, shared = together(model, request(), request(), request())
    assert isinstance(failed, ModelError)
    assert answered[0].text == shared[0].text == "a" * 10
    assert len(inner.calls) in (2, 3)


def test_who_is_cancelled_is_cancelled_alone():
    inner = Slow()
    model = RememberingModel(inner)

    async def main():
        one, two = (asyncio.ensure_future(model.sample(request())) for _ in range(2))
        await asyncio.sleep(0)
        one.cancel()
        return await two

    assert asyncio.run(main())[0].text == "a" * 10
    assert together(model, request())[0][0].text == "a" * 10


def test_scores_are_looked_up_and_the_oldest_call_is_forgotten():
    inner = Slow()
    model = RememberingModel(inner, calls=2)

    async def main():
        for text in ("a", "b", "a", "c", "a"):
            await model.score("q", text)

    asyncio.run(main())
    assert len(inner.calls) == 4  # a, b, c, and a again
    assert model.spared == 1


def test_only_local_models_are_remembered():
    scripted = FunctionModel(lambda request, index: "x")
    assert remembering(scripted) is scripted
