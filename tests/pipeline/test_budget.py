"""Money, counted where it is spent: at a local endpoint that keeps its own books."""

from __future__ import annotations

import numpy as np
import planneal
import pytest
import worlds
from endpoint import Endpoint, Fault
from planneal import Budget, Pipeline, Settings
from planneal.decoders.openai_backend import OpenAIModel
from planneal.decoders.retries import RetryPolicy
from planneal.planner.errors import BudgetTooSmall, ModelError

FAST = RetryPolicy(base=0.0)


def run(endpoint: Endpoint, budget: Budget, seed: int, settings: Settings | None = None) -> planneal.Result:
    model = OpenAIModel("tiny", base_url=endpoint.url, policy=FAST)
    return Pipeline(model, settings=settings).solve(worlds.QUESTION, budget=budget, seed=seed)


def random_budget(rng: np.random.Generator) -> Budget:
    """Some cap, or several, from far too small to ample (a full run of this world costs about 6,000 tokens)."""
    caps = {
        "tokens": int(rng.integers(200, 15_000)),
        "prompt_tokens": int(rng.integers(200, 14_000)),
        "completion_tokens": int(rng.integers(20, 2_000)),
        "calls": int(rng.integers(1, 8)),
    }
    chosen = rng.choice(list(caps), size=int(rng.integers(1, 3)), replace=False)
    return Budget(**{str(name): caps[str(name)] for name in chosen})


def over(budget: Budget, endpoint: Endpoint) -> list[str]:
    """The caps that the endpoint's own counts pass."""
    counted = {
        "tokens": endpoint.prompt_tokens + endpoint.completion_tokens,
        "prompt_tokens": endpoint.prompt_tokens,
        "completion_tokens": endpoint.completion_tokens,
        "calls": endpoint.requests,
    }
    return [name for name, count in counted.items() if (cap := getattr(budget, name)) is not None and count > cap]


def test_over_200_random_budgets_ledger_and_endpoint_agree_and_no_cap_is_passed():
    rng = np.random.default_rng(2024)
    told = answered = planned = 0
    for seed in range(200):
        budget = random_budget(rng)
        settings = Settings(chains=int(rng.integers(1, 4)))
        with Endpoint(worlds.endpoint_reply) as endpoint:
            try:
                result = run(endpoint, budget, seed, settings)
            except BudgetTooSmall:
                told += 1
                assert endpoint.requests == 0, "something was called although the budget was too small"
                continue
            assert over(budget, endpoint) == [], f"{budget}: {over(budget, endpoint)} at seed {seed}"
            assert result.spent.prompt_tokens == endpoint.prompt_tokens
            assert result.spent.completion_tokens == endpoint.completion_tokens
            assert result.spent.calls + result.spent.retries == endpoint.requests
            planned += 1
            answered += result.answer is not None
    assert told >= 20
    assert planned >= 60
    assert answered >= 0.9 * planned, "the answer's share was not kept"


def test_a_ledger_that_forgets_a_role_would_be_noticed(monkeypatch):
    """Negative control: the comparison above fails if proposals are not charged."""
    from planneal.planner.ledger import Ledger

    charge = Ledger.charge

    def forgetful(self, role, usage, *, ticket=None):
        if role == "propose":
            self.release(ticket)
            return
        charge(self, role, usage, ticket=ticket)

    monkeypatch.setattr(Ledger, "charge", forgetful)
    with Endpoint(worlds.endpoint_reply) as endpoint:
        result = run(endpoint, Budget(), 1)
        assert result.spent.prompt_tokens < endpoint.prompt_tokens


def test_caps_hold_when_answers_are_lost():
    rng = np.random.default_rng(7)
    for seed in range(40):
        budget = Budget(tokens=int(rng.integers(6_000, 16_000)))
        faults = [None, None, None, Fault.dropped(), Fault.truncated(), Fault.rate_limit(), Fault.server_error()]

        def script(number, body, faults=faults, rng=rng):
            return faults[int(rng.integers(len(faults)))]

        with Endpoint(worlds.endpoint_reply, script=script) as endpoint:
            try:
                result = run(endpoint, budget, seed)
            except (BudgetTooSmall, ModelError, planneal.BudgetError):
                assert over(budget, endpoint) == []
                continue
            assert over(budget, endpoint) == []
            assert result.spent.tokens <= budget.tokens


def test_reserved_money_pays_the_answer_even_when_refinement_would_eat_it_all():
    """A proposer that never gets anywhere still leaves enough for the answer."""

    def stubborn(body, index):
        text = "".join(message["content"] for message in body["messages"])
        return "delete S99" if text.rstrip().endswith("Edits:") else worlds.respond(text)

    settings = Settings.model_validate({"stop": {"max_steps": 500, "least_chance": 0.0}, "restart": {"restarts": 0}})
    with Endpoint(stubborn) as endpoint:
        result = run(endpoint, Budget(tokens=14_000), 0, settings)
    assert result.stop_reason == "budget"
    assert result.answer is not None
    assert result.spent.tokens <= 14_000


@pytest.mark.parametrize("chains", [1, 4])
def test_a_cap_on_seconds_ends_the_run_in_time(chains):
    slow = Fault.slow(3.0)
    with Endpoint(worlds.endpoint_reply, script=lambda number, body: slow if number >= chains else None) as endpoint:
        settings = Settings(chains=chains)
        result = run(endpoint, Budget(seconds=1.5), 0, settings)
    assert result.stop_reason == "budget"
    assert result.plan.items
