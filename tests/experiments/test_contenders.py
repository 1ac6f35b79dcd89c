"""The compared methods: within every budget, counted as the endpoint counts, and each what its name says."""

from __future__ import annotations

import asyncio
import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.decoders.base import Completion, Samples, TokenLogprob
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text
from planneal.experiments.methods import (
    METHODS,
    BestOfAnswers,
    BudgetForcing,
    Case,
    Direct,
    DirectWithConstraints,
    GoldPlan,
    ParticleFilter,
    PowerSampling,
    RestartsOnly,
    SelfConsistency,
    SelfRefine,
    case_of,
    constraint_list,
    make,
    random_edits,
)
from planneal.experiments.methods.asking import Seat
from planneal.experiments.methods.controls import shuffled
from planneal.experiments.methods.judging import plan_of_answer
from planneal.experiments.methods.particles import systematic
from planneal.experiments.methods.power import acceptance
from planneal.experiments.runs.sources import ToldCase
from planneal.planner.errors import ConfigError
from planneal.planner.ledger import Budget, Usage
from planneal.planner.notation import parse_plan
from planneal.planner.task import Task
from planneal.testing import FunctionModel, count

TASK = Task(question="There are 4 nuts. How many nuts are there?", target="nuts")
PROBLEM = problems(1, 3, "easy", family="arithmetic")[0]
WORDY = "x = 1\n" * 80 + "answer: 1"


def run(method, model, case=None, budget=None, seed=0):
    case = case or Case("t", TASK)
    return asyncio.run(method.answer(case, model, budget or Budget(), np.random.default_rng(seed)))


def _reply(request, index):
    """Something of the right kind for every prompt that any method sends."""
    last = request.prompt.rsplit("\n", 2)
    if "plan:\n" in request.prompt and "answer:\n" not in request.prompt and "edit:" not in request.prompt:
        text = PROBLEM.gold.plan.replace("S", "S", 1) + "\n"
        return text if request.prompt.endswith("plan:\n") else ""
    if request.prompt.endswith("edit:\n"):
        return "delete S9"
    if "wrong:" in last[-1]:
        return "it is off by one" if (request.seed or 0) % 2 else "nothing"
    return f"{answer_text(PROBLEM)}" if (request.seed or 0) % 3 else "x = 2\nanswer: 2"


def told(name):
    """The case of the arithmetic problem, with its gold for the ceiling."""
    case = case_of(PROBLEM.public)
    if name != GoldPlan.name:
        return case
    return ToldCase.of(case, PROBLEM.gold.plan)


def spent_at(model):
    """What the endpoint counted."""
    prompts = sum(count(request.prompt) for request in model.requests)
    return prompts, len(model.requests)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("tokens", [0, 40, 200, 500, 1500, 6000])
def test_no_method_spends_more_than_its_budget_and_each_counts_as_the_endpoint_does(name, tokens):
    model = FunctionModel(_reply)
    found = run(make(name), model, told(name), Budget(tokens=tokens), seed=1)
    assert found.ledger.spent.tokens <= tokens
    assert (found.ledger.spent.prompt_tokens, found.ledger.spent.calls) == spent_at(model)
    assert found.stop
    json.dumps([dict(found.notes), *found.events])
    if not model.requests:
        assert found.value is None


@pytest.mark.parametrize("name", METHODS)
def test_every_method_answers_where_the_budget_pays_and_does_so_again(name):
    first, second = (
        run(make(name), FunctionModel(_reply), told(name), Budget(tokens=8000), seed=7) for _ in range(2)
    )
    assert first.value is not None or name in ("blanked-plan", "shuffled-plan")
    assert (first.value, first.text, first.plan, first.ledger.spent.tokens) == (
        second.value,
        second.text,
        second.plan,
        second.ledger.spent.tokens,
    )


def test_unknown_methods_are_refused_with_the_list():
    with pytest.raises(ConfigError, match="self-consistency"):
        make("magic")


def test_a_broken_endpoint_gives_back_what_there_is():
    from planneal.planner.errors import ModelError

    calls = iter(["x = 1\nanswer: 1"])
    model = FunctionModel(lambda r, i: next(calls, ModelError("gone")))
    found = run(BudgetForcing(), model)
    assert (found.value, found.stop) == ("1", "ModelError")


def test_the_constraint_list_is_that_of_the_question_and_stands_in_the_prompt():
    problem = problems(1, 3, "easy", family="schedule")[0]
    case = case_of(problem.public)
    gold = {item.check.text for item in parse_plan(problem.gold.plan).items if item.kind == "C"}
    listed = constraint_list(case)
    assert {line.split("[order: ")[1].rstrip("]") for line in listed} == gold
    model = FunctionModel(lambda r, i: "answer: a")
    run(DirectWithConstraints(), model, case)
    assert "constraints:\nC1: [ order: " in model.requests[0].prompt
    plain = FunctionModel(lambda r, i: "answer: a")
    run(Direct(), plain, case)
    assert "constraints" not in plain.requests[0].prompt


def test_longer_thought_takes_the_answer_back_and_the_last_value_stands():
    given_ = iter(["x = 1\nanswer: 1", "x = 2\nanswer: 2", "and nothing more"])
    model = FunctionModel(lambda r, i: next(given_))
    found = run(BudgetForcing(rounds=2), model)
    assert found.value == "2"
    assert model.requests[1].prompt.endswith("answer:\nx = 1\n")
    assert model.requests[2].prompt.endswith("answer:\nx = 1\nx = 2\n")


def test_a_budget_that_pays_for_more_samples_lets_more_vote():
    model = FunctionModel(lambda r, i: f"nuts = {4 + (i % 3 == 0)}\nanswer: {4 + (i % 3 == 0)}")
    small = run(SelfConsistency(), model, budget=Budget(tokens=300))
    large = run(SelfConsistency(), model, budget=Budget(tokens=4000))
    assert 0 < small.notes["samples"] < large.notes["samples"] <= 64
    assert large.value == "4"


def test_the_best_answer_is_the_one_that_verifies():
    texts = ["nuts = 2 + 3 = 6\nanswer: 6", "nuts = 4\nanswer: 4", "nuts = nuts + 1\nanswer: 7"]
    texts = [texts[0], *texts[1:]]
    model = FunctionModel(lambda r, i: texts[0] if not r.temperature else texts[1 + i % 2])
    found = run(BestOfAnswers(3), model)
    assert found.value == "4"
    assert found.ledger.spent.verifier_calls >= 6


def test_an_answer_that_says_next_to_nothing_does_not_set_the_measure_and_win_by_it():
    """Without a target nothing else tells it from the answers that do their work."""
    full = "nuts = 4\nbolts = nuts + 3 = 7\nwigs = 2 * bolts = 14\nanswer: 14"
    model = FunctionModel(lambda r, i: full if r.temperature else "x = 1\nanswer: 1")
    case = Case("t", Task(question=TASK.question))
    assert run(BestOfAnswers(5), model, case).value == "14"
    shared = FunctionModel(lambda r, i: full if i > 2 else "x = 1\nanswer: 1")
    assert run(BestOfAnswers(4), shared, case).value == "1"  # most of them say no more: then it is the measure


def test_an_answer_becomes_a_plan_of_its_claims():
    case = Case("t", TASK)
    plan = plan_of_answer(case, "First nuts = 4 [S1]\nbolts = nuts + 3 = 7\nso it is\nanswer: 7")
    assert [str(item.check) for item in plan.items if item.check] == ["nuts = 4", "bolts = nuts + 3 = 7"]
    assert plan.items[-1].text == "so it is"
    program = plan_of_answer(case, "```python\ndef f(x):\n    return x\n```\nanswer: f")
    assert str(program.items[0].check).startswith("program: ")
    assert plan_of_answer(case, "").items == ()


def test_self_refine_stops_where_nothing_is_wrong_and_keeps_the_last_value():
    replies = iter(["answer: 1", "it is too small", "answer: 2", "nothing"])
    found = run(SelfRefine(), FunctionModel(lambda r, i: next(replies)))
    assert (found.value, found.notes["rewrites"]) == ("2", 1)
    babble = iter(["answer: 1", "wrong", "no idea", "nothing"])
    assert run(SelfRefine(), FunctionModel(lambda r, i: next(babble))).value == "1"


def test_restarts_end_with_the_first_draft_that_is_verified():
    drafts = iter(["goal: g [nuts]\nS1: [nuts = bolts]", "goal: g [nuts]\nS1: [nuts = 4]", "goal: g"])

    def reply(request, index):
        return next(drafts) if request.prompt.endswith("plan:\n") else "nuts = 4 [S1]\nanswer: 4 [S1]"

    found = run(RestartsOnly(), FunctionModel(reply), budget=Budget(tokens=20_000))
    assert (found.value, found.notes["plans"], found.notes["solved"]) == ("4", 2, True)


def test_random_edits_ask_the_model_for_the_draft_and_the_answer_alone():
    problem = problems(1, 4, "easy", family="schedule")[0]

    def reply(request, index):
        rules = [line for line in problem.gold.plan.split("\n") if not line.startswith("S")]
        return "\n".join(rules[:-1]) if request.prompt.endswith("plan:\n") else "answer: a"

    model = FunctionModel(reply)
    found = run(random_edits(), model, case_of(problem.public))
    assert set(found.ledger.by_role) == {"draft", "verify", "answer"}
    assert not any(request.prompt.endswith("edit:\n") for request in model.requests)
    assert any(event["operator"].startswith("random.") for event in found.events)


def test_the_ceiling_needs_a_gold_plan_and_floors_say_the_same_words_elsewhere():
    with pytest.raises(ConfigError, match="no gold plan"):
        run(GoldPlan(), FunctionModel(_reply))
    plan = parse_plan("goal: g\nC1!: [a > 0]\nS1: one [a = 1]\nS2: two [b = 2]\nS3: three [c = 3]")
    other = shuffled(np.random.default_rng(0), plan)
    assert [i.id for i in other.items] == [i.id for i in plan.items]
    assert sorted(i.text for i in other.items) == sorted(i.text for i in plan.items)
    assert other.items[0] == plan.items[0]
    assert any(shuffled(np.random.default_rng(s), plan) != plan for s in range(5))


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12), st.integers(0, 2**20))
def test_systematic_resampling_keeps_each_count_within_one_of_its_share(weights, seed):
    chosen = Counter(systematic(np.random.default_rng(seed), weights))
    total, n = sum(weights), len(weights)
    assert sum(chosen.values()) == n
    if total > 1e-6:
        for place, weight in enumerate(weights):
            assert abs(chosen[place] - n * weight / total) < 1 + 1e-6


def test_particles_that_verify_crowd_out_those_that_do_not():
    def reply(request, index):
        if "answer:\n" in request.prompt:
            return "answer: 4 [S1]"
        text = request.prompt.split("plan:\n")[1]
        if not text:
            return "goal: how many nuts? [nuts]"
        return ("S1: [nuts = 4]", "S1: [nuts = 4 = 5]")[index % 2] if text.count("\n") == 1 else ""

    found = run(ParticleFilter(most=8), FunctionModel(reply), Case("t", TASK))
    assert found.plan.endswith("[nuts = 4]")
    assert found.notes == {"particles": 8, "rounds": 3, "ended": 8}


# --- power sampling: the chain's distribution is p^alpha, on a model whose answers can be counted


LINES = {"": {"a\n": 0.6, "b\n": 0.4}, "a\n": {"answer: 1\n": 0.5, "answer: 2\n": 0.5}, "b\n": {"answer: 3\n": 1.0}}
WHOLE = {"a\nanswer: 1\n": 0.3, "a\nanswer: 2\n": 0.3, "b\nanswer: 3\n": 0.4}


class Chain(FunctionModel):
    """Answers of two lines with known probabilities, one token a line."""

    def __init__(self):
        super().__init__(lambda r, i: "")
        self.capabilities = self.capabilities.model_copy(update={"logprobs": True})

    async def sample(self, request):
        self.requests.append(request)
        rng = np.random.default_rng(request.seed)
        text = request.prompt.split("answer:\n", 1)[1]
        tokens = []
        while text in LINES:
            options = LINES[text]
            line = list(options)[int(rng.choice(len(options), p=list(options.values())))]
            tokens.append(TokenLogprob(token=line, logprob=math.log(options[line])))
            text += line
        written = "".join(token.token for token in tokens)
        usage = Usage(prompt_tokens=count(request.prompt), completion_tokens=len(tokens), calls=1)
        return Samples((Completion(text=written, tokens=len(tokens), logprobs=tuple(tokens)),), usage)


def _shares(alpha, runs=500, steps=12):
    async def many():
        model = Chain()
        method = PowerSampling(alpha, steps)
        return [
            (await method.answer(Case("t", TASK), model, Budget(), np.random.default_rng(seed))).text
            for seed in range(runs)
        ]

    drawn = Counter(asyncio.run(many()))
    return {text: drawn[text] / runs for text in WHOLE}


def _distance(shares, alpha):
    weights = {text: p**alpha for text, p in WHOLE.items()}
    total = sum(weights.values())
    return max(abs(shares[text] - weight / total) for text, weight in weights.items())


def test_power_sampling_draws_from_the_sharpened_distribution():
    shares = _shares(4.0)
    assert _distance(shares, 4.0) < 0.07
    assert _distance(shares, 1.0) > 0.12, "the control: the model's own distribution is told apart"
    assert _distance(_shares(1.0), 1.0) < 0.07


def test_acceptance_counts_the_lines_of_both_texts():
    assert acceptance(1.0, -5.0, -1.0, 2, 2) == 1.0
    assert acceptance(2.0, math.log(0.25), math.log(0.5), 2, 2) == pytest.approx(0.5)
    assert acceptance(1.0, 0.0, 0.0, 4, 2) == pytest.approx(0.5)


def test_a_model_without_log_probabilities_gives_its_first_sample_and_says_so():
    found = run(PowerSampling(), FunctionModel(lambda r, i: "answer: 9", dialect="chat"))
    assert (found.value, found.notes["able"]) == ("9", False)


def test_a_seat_cuts_one_completion_at_what_is_left_and_asks_for_as_many_as_surely_fit():
    model = FunctionModel(lambda r, i: WORDY)
    seat = Seat(model, Budget(tokens=100))
    [cut] = asyncio.run(seat.ask(seat.direct(TASK), 0, most=512))
    assert cut.finish_reason == "length"
    assert seat.ledger.spent.tokens == 100
    assert asyncio.run(seat.ask(seat.direct(TASK), 0)) == ()
    assert seat.stop == "tokens"
    roomy = Seat(model, Budget(tokens=1000))
    assert len(asyncio.run(roomy.ask(roomy.direct(TASK), 0, most=200, n=9, temperature=1.0))) == 4
