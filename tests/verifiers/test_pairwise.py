"""The pairwise judge: what it asks, what it makes of the answers, and what it cannot know."""

from __future__ import annotations

import asyncio
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.decoders.base import Capabilities, Completion, LanguageModel, Samples, TokenLogprob, TokenScores
from planneal.planner.comparison import Comparison, PairwiseVerifier, hear, impartial, sigmoid
from planneal.planner.edits import apply
from planneal.planner.errors import BudgetExhausted, ConfigError, TransientError, VerifierError
from planneal.planner.ledger import Usage
from planneal.planner.notation import parse_edit, parse_plan
from planneal.planner.task import Task
from planneal.testing import FunctionModel, ScriptedModel
from planneal.verifiers import PairwiseJudge
from planneal.verifiers.asking import Ballot
from planneal.verifiers.pairwise import anonymous

TASK = Task(question="There are 4 nuts and 3 more bolts. How many bolts?", constraints=["bolts > 0"])
PLAN = parse_plan("goal: how many? [bolts]\nC1!: [bolts > 0]\nS1: [nuts = 4]\nS2: [bolts = nuts + 5] <- S1")
BETTER = apply(PLAN, parse_edit("replace S2: [bolts = nuts + 3] <- S1", plan=PLAN))


class Judge(LanguageModel):
    """Prefers the plan with ``+ 3`` by ``strength`` nats, the first one by ``position``; counts what it is asked."""

    name = "judge"

    def __init__(self, strength=1.0, position=0.5, **capabilities):
        self.capabilities = Capabilities(**{"logprobs": True, "dialect": "chat", **capabilities})
        self.strength, self.position = strength, position
        self.asked = []
        self.scored = []

    def log_odds(self, prompt):
        first, second = re.search(r"plan A:\n(.*?)\n+plan B:\n(.*)", prompt, re.DOTALL | re.IGNORECASE).groups()
        return self.strength * (("+ 3" in first) - ("+ 3" in second)) + self.position

    async def sample(self, request):
        self.asked.append(request)
        p = sigmoid(self.log_odds(request.prompt))
        token = TokenLogprob(token="A", logprob=math.log(p), top={" B": math.log1p(-p)})
        done = Completion(text="A" if p > 0.5 else "B", logprobs=(token,) if self.capabilities.logprobs else None)
        return Samples((done,) * request.n, Usage(prompt_tokens=50, completion_tokens=request.n, calls=1))

    async def score(self, prompt, continuation):
        self.scored.append(continuation)
        p = sigmoid(self.log_odds("".join(m.content for m in prompt)))
        chance = p if continuation.strip() == "A" else 1 - p
        return TokenScores(logprobs=(math.log(chance),), offsets=(0,), usage=Usage(prompt_tokens=60, calls=1))


def compare(judge, first=PLAN, second=BETTER, draw=0):
    return asyncio.run(judge.compare(TASK, first, second, draw))


SCORING = {"score": True, "logprobs": False}


@pytest.mark.parametrize("capabilities", [{}, SCORING, {**SCORING, "dialect": "compact"}])
def test_the_position_is_measured_and_taken_out(capabilities):
    found = compare(PairwiseJudge(Judge(1.0, 0.5, **capabilities)))
    assert found.log_odds == pytest.approx(-1.0)
    assert found.position == pytest.approx(0.5)
    assert found.win == pytest.approx(sigmoid(-1))
    assert found.variance == pytest.approx(0, abs=1e-9)
    assert found.usage.calls == (4 if capabilities else 2)


def test_one_order_alone_would_take_the_worse_plan():
    """Negative control: the bias is large enough to matter."""
    judge = Judge(1.0, 3.0)
    asked = compare(PairwiseJudge(judge))
    assert asked.log_odds == pytest.approx(-1.0)
    assert judge.log_odds(judge.asked[0].prompt) == pytest.approx(2.0)


def test_both_ways_round_the_same_is_asked_and_the_opposite_found():
    seen = []
    for pair in ((PLAN, BETTER), (BETTER, PLAN)):
        model = Judge()
        found = asyncio.run(impartial(PairwiseJudge(model), TASK, *pair, draw=3))
        seen.append((found.log_odds, [request.key() for request in model.asked]))
    assert seen[0][1] == seen[1][1]
    assert seen[0][0] == -seen[1][0]


def test_asked_directly_the_requests_would_follow_the_order_given():
    """Negative control of the test above."""
    keys = []
    for pair in ((PLAN, BETTER), (BETTER, PLAN)):
        model = Judge()
        asyncio.run(PairwiseJudge(model).compare(TASK, *pair))
        keys.append([request.key() for request in model.asked])
    assert keys[0] != keys[1]


def test_prompts_show_no_history_lock_score_or_incumbent():
    edited = PLAN
    for line in ("insert S7 before S2: [cups = 2]", "delete S1", "replace S2: [bolts = cups + 3] <- S7, S1"):
        edited = apply(edited, parse_edit(line, plan=edited))
    text = anonymous(edited)
    assert text == (
        "goal: how many? [bolts]\nC1: [bolts > 0]\nS1: [cups = 2]\nS2: [bolts = cups + 3] <- S1, S3"
    )
    model = Judge()
    compare(PairwiseJudge(model), PLAN, edited)
    for request in model.asked:
        assert text in request.prompt
        for word in ("!", "@", "S7", "incumbent", "current", "score", "energy", "edit"):
            assert word not in request.messages[-1].content
    assert "S7" in str(edited.by_id)  # the control: the plan itself does show it


def test_references_follow_their_items():
    plan = parse_plan('goal: g\nS9: find it [call: find(name="S9 x")]\nS4: use S9 [call: use(id=$S9.id)] <- S9')
    assert anonymous(plan).split("\n")[2] == "S2: use S1 [call: use(id=$S1.id)] <- S1"


def test_plans_that_read_the_same_are_not_asked_about():
    renamed = parse_plan("goal: how many? [bolts]\nC1!: [bolts > 0]\nS3: [nuts = 4]\nS8: [bolts = nuts + 5] <- S3")
    model = Judge()
    found = compare(PairwiseJudge(model), PLAN, renamed)
    assert (found.log_odds, found.usage.calls, len(model.asked)) == (0, 0, 0)


def test_what_is_read_is_paid_for_once():
    model = Judge()
    judge = PairwiseJudge(model)
    assert compare(judge).usage.calls == 2
    again = compare(judge, draw=1)
    assert (again.usage.calls, again.log_odds, len(model.asked)) == (0, compare(judge).log_odds, 2)


def wordy(texts, **options):
    return ScriptedModel(texts, repeat=True, dialect="chat", **options)


def test_votes_are_counted_in_both_orders():
    judge = PairwiseJudge(wordy(["A", "**A**", "B.", " a", "B", "A", "hm", "b"]), "votes", votes=4)
    found = compare(judge)
    assert (found.wins, found.votes, found.first_slot) == (5, 7, 4)
    ahead, behind = math.log(3.5 / 1.5), math.log(1.5 / 2.5)
    assert found.log_odds == pytest.approx((ahead - behind) / 2)
    assert found.position == pytest.approx((ahead + behind) / 2)
    assert found.variance == pytest.approx((1 / 3.5 + 1 / 1.5 + 1 / 1.5 + 1 / 2.5) / 4)
    assert 0 < found.win_variance < 0.25


def test_fresh_draws_have_fresh_seeds():
    model = wordy(["A"])
    judge = PairwiseJudge(model, "votes", votes=2)
    for draw in (0, 1, 0):
        compare(judge, draw=draw)
    seeds = [request.seed for request in model.requests]
    assert len(set(seeds)) == 4
    assert seeds[:2] == seeds[4:]


@pytest.mark.parametrize(
    ("words", "wins", "votes", "first", "second"),
    [
        ("AB AB", 4, 4, 1.0, 0.0),  # the first plan in either order
        ("BA BA", 0, 4, 0.0, 1.0),
        ("AA AB", 1, 2, 0.0, 0.0),  # whoever comes first: stopped after one pair
        ("AB BB", 3, 4, 0.0, 0.0),
    ],
)
def test_a_unanimous_judge_takes_a_plan_only_if_every_vote_is_for_it(words, wins, votes, first, second):
    model = wordy(list(words.replace(" ", "")))
    found = compare(PairwiseJudge(model, "unanimous", votes=2))
    assert (found.wins, found.votes, len(model.requests)) == (wins, votes, votes)
    assert found.probability(0.15, 0.01) == first
    assert found.swapped().probability(0.15, 0.01) == second


def test_sequential_votes_stop_when_they_are_decided():
    model = wordy(["A"])
    found = compare(PairwiseJudge(model, "votes", Ballot(votes=9, confidence=0.95)))
    assert found.votes == 6  # three in each order
    assert len(model.requests) == 6


def test_a_model_that_says_neither_gives_no_word():
    for method in ("votes", "unanimous", "read"):
        with pytest.raises(VerifierError, match="neither A nor B"):
            compare(PairwiseJudge(wordy(["both are fine"]), method))
    with pytest.raises(VerifierError, match="no model"):
        compare(PairwiseJudge())


def heard(judge):
    return asyncio.run(hear(judge, TASK, PLAN, BETTER, draw=0, clock=lambda: 0.0))


def test_a_judge_that_breaks_abstains_and_an_empty_purse_stops_the_run():
    class Slow(PairwiseVerifier):
        name, timeout = "slow", 0.01

        async def compare(self, task, first, second, draw=0):
            await asyncio.sleep(5)

    class Wrong(Slow):
        async def compare(self, task, first, second, draw=0):
            return 0.7

    class Broke(Slow):
        async def compare(self, task, first, second, draw=0):
            raise BudgetExhausted("nothing left")

    assert "no comparison within" in heard(Slow()).abstained
    assert "0.7 is no comparison" in heard(Wrong()).abstained
    assert "gone" in heard(PairwiseJudge(wordy([TransientError("gone")]), "votes")).abstained
    with pytest.raises(BudgetExhausted):
        heard(Broke())


def test_a_comparison_is_no_verdict_on_a_plan():
    assessment = asyncio.run(PairwiseJudge(Judge()).assess(TASK, PLAN))
    assert assessment.verdicts == {}


@pytest.mark.parametrize("options", [{"method": "guess"}, {"votes": 0}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError):
        PairwiseJudge(**options)


def test_with_model_binds_a_copy():
    bare = PairwiseJudge(method="votes", votes=3)
    bound = bare.with_model(FunctionModel(lambda request, index: "A"))
    assert bare.model is None
    assert (bound.method, bound.ballot.votes) == ("votes", 3)
    assert PairwiseJudge(Judge()).effective == "read"
    assert PairwiseJudge(Judge(logprobs=False)).effective == "votes"


NATS = st.floats(-5, 5)


@given(NATS, st.floats(0, 2), st.floats(0.01, 2), st.floats(0, 2))
def test_probabilities_of_both_ways_add_up_to_one(odds, variance, weight, temperature):
    found = Comparison(log_odds=odds, variance=variance)
    both = found.probability(weight, temperature) + found.swapped().probability(weight, temperature)
    assert both == pytest.approx(1) or (temperature < 1e-150 and odds == 0)  # at zero a tie is taken either way


@given(NATS, st.floats(0.01, 2))
def test_at_the_temperature_of_the_weight_the_win_probability_is_the_acceptance(odds, weight):
    assert Comparison(log_odds=odds).probability(weight, weight) == pytest.approx(sigmoid(odds))
    cold = Comparison(log_odds=odds).probability(weight, weight / 3)
    assert cold == pytest.approx(sigmoid(3 * odds))


def test_noise_sharpens_and_never_turns_the_decision():
    plain, noisy, hopeless = (Comparison(log_odds=1.0, variance=v).probability(1, 1) for v in (0, 1.0, 50))
    assert plain < noisy < hopeless < 1
    assert Comparison(log_odds=-1.0, variance=50).probability(1, 1) < 0.5
