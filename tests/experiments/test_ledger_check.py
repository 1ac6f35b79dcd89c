"""Every method's ledger is what the model was asked for, token for token, and no cap is passed."""

from __future__ import annotations

import pytest
from planneal.experiments.ledger_check import check, table
from planneal.experiments.methods import METHODS, Answered, Direct, registry
from planneal.planner.ledger import Usage
from planneal.testing import FunctionModel


def scripted():
    def reply(request, index):
        if request.prompt.endswith("plan:\n"):
            return "goal: g\nS1: [x = 1]"
        return "delete S1" if request.prompt.endswith("edit:\n") else "x = 1\nanswer: 1"

    return FunctionModel(reply)


def test_every_ledger_is_what_a_scripted_model_counted():
    lines = check(scripted(), families=("arithmetic",), count=2, budgets=(300, 1_500))
    assert len(lines) == 2 * len(METHODS)
    assert all(line.good and line.tokens == line.counted > 0 for line in lines), table(lines)


class Sly(Direct):
    """Asks twice and tells of one."""

    name = "sly"

    async def answer(self, case, model, budget, rng):
        await super().answer(case, model, budget, rng)
        return await super().answer(case, model, budget, rng)


class Vain(Direct):
    """Tells of more than it may spend."""

    name = "vain"

    async def answer(self, case, model, budget, rng):
        found = await super().answer(case, model, budget, rng)
        found.ledger.charge("baseline", Usage(completion_tokens=10_000))
        return Answered(found.value, found.ledger)


@pytest.mark.parametrize(("method", "fault"), [(Sly, "unequal"), (Vain, "over")])
def test_what_is_not_told_and_what_passes_the_cap_is_found(monkeypatch, method, fault):
    monkeypatch.setitem(registry.METHODS, method.name, method)
    [line] = check(scripted(), (method.name,), ("arithmetic",), 2, (800,))
    assert getattr(line, fault) == 2
    assert not line.good


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_ledger_is_what_the_embedded_model_counted():
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from planneal.decoders.registry import load_model

    lines = check(load_model("embedded"))
    assert {(line.attempts, line.budget) for line in lines} == {(20, 700), (20, 2_000)}
    assert len(lines) == 4 * len(METHODS)
    assert all(line.good and line.tokens == line.counted > 0 for line in lines), table(lines)
