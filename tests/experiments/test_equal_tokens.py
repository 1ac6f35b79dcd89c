"""Self-consistency at another method's tokens: the nearest k, however a backend counts the shared prompt."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.decoders.base import Samples
from planneal.experiments.comparison import problems, run_method
from planneal.experiments.equal_tokens import MOST, Line, matched, samples_for, tokens
from planneal.experiments.methods import SelfConsistency
from planneal.testing import FunctionModel

CHOSEN = problems(5, 3, "easy")
REPLY = "balls = 17\n" * 8 + "answer: 17"


class Rereading(FunctionModel):
    """A backend that reads the prompt anew for every sample."""

    async def sample(self, request):
        found = await super().sample(request)
        usage = found.usage.model_copy(update={"prompt_tokens": found.usage.prompt_tokens * request.n})
        return Samples(found.completions, usage)


def test_the_line_through_two_measurements():
    assert Line.through((1, 150.0), (4, 300.0)) == Line(100.0, 50.0)
    assert samples_for(420.0, Line(100.0, 50.0)) == 6
    assert samples_for(20.0, Line(100.0, 50.0)) == 1
    assert samples_for(1e9, Line(100.0, 50.0)) == MOST
    assert samples_for(420.0, Line(100.0, 0.0)) == 1


@given(once=st.floats(0, 500), each=st.floats(1, 200), target=st.floats(1, 5000))
def test_no_other_number_of_samples_is_nearer(once, each, target):
    line = Line(once, each)
    off = abs(once + samples_for(target, line) * each - target)
    assert all(off <= abs(once + k * each - target) + 1e-6 for k in range(1, MOST + 1))


@pytest.mark.parametrize("kind", [FunctionModel, Rereading])
@pytest.mark.parametrize("k", [1, 3, 7])
def test_the_k_that_costs_the_target_is_found(kind, k):
    model = kind(lambda r, i: REPLY)
    target = tokens(asyncio.run(run_method(SelfConsistency(k), model, CHOSEN)))
    found = asyncio.run(matched(model, CHOSEN, target))
    assert (found.k, found.row.method) == (k, f"self-consistency@{k}")
    assert found.ratio == pytest.approx(1.0)


def test_what_cannot_be_matched_is_told_by_its_ratio():
    found = asyncio.run(matched(FunctionModel(lambda r, i: REPLY), CHOSEN, 10.0))
    assert found.k == 1
    assert found.ratio > 5
