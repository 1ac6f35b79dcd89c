"""Methods: honest counts, votes only for what can be read, and no gold anywhere near them."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from planneal.experiments.comparison import grade_outcome, problems, run_each, run_method, task_of
from planneal.experiments.families.arithmetic import Difficulty
from planneal.experiments.families.registry import answer_text, family
from planneal.experiments.methods import (
    Answered,
    BestOfPlans,
    Case,
    Direct,
    Method,
    Outcome,
    Planneal,
    SelfConsistency,
    case_of,
    verifiers_of,
)
from planneal.experiments.methods.registry import make
from planneal.experiments.voting import elect, said
from planneal.planner.errors import ConfigError
from planneal.planner.ledger import Budget, Ledger, Usage
from planneal.planner.notation import parse_plan
from planneal.planner.task import Task
from planneal.settings import Settings
from planneal.testing import FunctionModel, count

TASK = Task(question="There are 4 nuts. How many nuts are there?")
SMALL = Difficulty(quantities=4)


def run(method, model, task=TASK, seed=0):
    rng = np.random.default_rng(seed)
    return Outcome.of(asyncio.run(method.answer(Case("t", task), model, Budget(), rng)))


def test_direct_counts_everything():
    model = FunctionModel(lambda r, i: "nuts = 4\nanswer: 4")
    outcome = run(Direct(), model)
    assert outcome.value == "4"
    assert outcome.usage.prompt_tokens == count(model.requests[0].prompt)
    assert outcome.usage.completion_tokens == count("nuts = 4\nanswer: 4")


def test_only_readable_answers_vote_and_numbers_are_compared_as_numbers():
    texts = ["junk", "answer: 3", "answer: 4", "answer: 4.0", "answer: junk", "", "answer: 8/2", "answer: 3"]
    outcome = run(SelfConsistency(8), FunctionModel(lambda r, i: texts[i]))
    assert outcome.value == "4"
    none = run(SelfConsistency(3), FunctionModel(lambda r, i: "no idea"))
    assert none.value is None


def test_ties_go_to_the_first_value():
    texts = ["answer: 5", "answer: 4"]
    assert run(SelfConsistency(2), FunctionModel(lambda r, i: texts[i])).value == "5"


def test_best_of_plans_picks_the_plan_that_verifies():
    drafts = ["goal: g [nuts]\nS1: [nuts = bolts + 1]", "goal: g [nuts]\nS1: [nuts = 4]", "goal: g"]
    given = iter(drafts)

    def reply(request, index):
        if request.prompt.endswith("plan:\n"):
            return next(given)
        return "nuts = 4 [S1]\nanswer: 4 [S1]"

    outcome = run(BestOfPlans(3), FunctionModel(reply))
    assert outcome.value == "4"
    assert outcome.plan.endswith("[nuts = 4]")
    assert outcome.usage.calls == 3
    assert outcome.usage.verifier_calls >= 6


@pytest.mark.parametrize("ordered", [True, False])
def test_plans_are_put_in_order_before_they_are_compared_unless_asked_not_to(ordered):
    draft = "goal: g [nuts]\nS1: [nuts = bolts + 1]\nS2: [bolts = 3]"
    reply = lambda request, i: draft if request.prompt.endswith("plan:\n") else "answer: 4 [S1]"  # noqa: E731
    outcome = run(BestOfPlans(1, ordered=ordered), FunctionModel(reply))
    linked = "goal: g [nuts]\nS2: [bolts = 3]\nS1: [nuts = bolts + 1] <- S2"
    assert outcome.plan == (f"{linked} @edit" if ordered else draft)
    assert BestOfPlans(1, ordered=ordered).name == ("one plan" if ordered else "one plan, as drafted")


def test_a_method_is_handed_nothing_that_holds_the_gold():
    problem = problems(1, 5, SMALL)[0]
    secrets = {str(problem.gold.plan)}
    handed: list[object] = []

    class Spy(Method):
        name = "spy"

        async def answer(self, case, model, budget, rng):
            handed.append(case.task)
            return Answered(None, Ledger())

    asyncio.run(run_method(Spy(), FunctionModel(lambda r, i: ""), [problem]))
    [task] = handed
    assert isinstance(task, Task)
    assert set(Task.model_fields) == {"question", "goal", "target", "constraints", "family"}
    assert task.question == problem.public.question
    dumped = task.model_dump_json()
    assert not any(secret in dumped for secret in secrets)
    assert not hasattr(task, "gold")
    assert not any("gold" in str(name) for name in vars(task))


def test_the_whole_pipeline_never_sees_the_gold_plan_in_a_prompt():
    chosen = problems(3, 6, SMALL)
    model = FunctionModel(lambda r, i: "")
    asyncio.run(run_method(Planneal(), model, chosen))
    shown = "\n".join(request.prompt for request in model.requests)
    for problem in chosen:
        for line in problem.gold.plan.split("\n")[1:]:
            assert line not in shown


def test_grading_looks_at_value_plan_and_draft():
    problem = problems(1, 7, SMALL)[0]
    good = Outcome(str(problem.gold.value), Usage(), plan=problem.gold.plan, notes={"draft": "goal: g"})
    graded = grade_outcome(problem, good)
    assert (graded.right, graded.plan_right, graded.draft_right) == (True, True, False)
    bad = grade_outcome(problem, Outcome(str(problem.gold.value + 1), Usage()))
    assert (bad.right, bad.plan_right) == (False, None)


def test_rows_add_up_and_parallel_runs_change_nothing():
    chosen = problems(6, 8, SMALL)
    answers = {task_of(p).question: str(p.gold.value) for p in chosen[:4]}

    def reply(request, index):
        question = request.prompt.split("\n")[0]
        return f"answer: {answers.get(question, -1)}"

    rows = [
        asyncio.run(run_method(Direct(), FunctionModel(reply), chosen, parallel=parallel)) for parallel in (1, 6)
    ]
    assert [row.correct for row in rows] == [4, 4]
    assert rows[0].prompt_tokens == rows[1].prompt_tokens
    assert rows[0].wilson_low < 4 / 6 < rows[0].wilson_high
    assert rows[0].completion_tokens == pytest.approx(sum(count(reply(r, 0)) for r in _asked(chosen)) / 6)


def _asked(chosen):
    model = FunctionModel(lambda r, i: "")
    asyncio.run(run_method(Direct(), model, chosen))
    return model.requests


# --- votes, and families whose answers are no numbers


@pytest.mark.parametrize(
    ("values", "place", "rivals"),
    [
        (["junk", "3", "4", "8/2", "3.0", "4"], 2, 2),
        (["Ann, Bob", "bob,ann", "ann,bob"], 0, 2),
        (["2024-05-01", "2024-01-05", "2024-01-05"], 1, 2),
        ([None, "b", None, "a", "a"], 3, 2),
        ([None, None], 0, 0),
        (["junk", "3"], 1, 1),
    ],
)
def test_the_first_answer_with_most_votes_is_elected(values, place, rivals):
    assert elect(values) == (place, rivals)


def test_the_answer_that_is_taken_is_one_that_was_given():
    texts = ["answer: 2 m", "answer: 200 cm", "answer: 1 m"]
    outcome = run(SelfConsistency(3), FunctionModel(lambda r, i: texts[i]))
    assert (outcome.value, outcome.text) == ("2 m", "answer: 2 m")


@pytest.mark.parametrize("family", ["arithmetic", "schedule", "tools", "countdown"])
def test_every_method_runs_on_a_family_and_is_graded_by_it(family):
    chosen = problems(2, 9, "easy", family=family)
    golds = {task_of(problem).question: problem for problem in chosen}

    def reply(request, index):
        asked = next(question for question in golds if request.prompt.startswith(question))
        return golds[asked].gold.plan if request.prompt.endswith("plan:\n") else answer_text(golds[asked])

    for method in (Direct(), SelfConsistency(3), BestOfPlans(2), Planneal()):
        row = asyncio.run(run_method(method, FunctionModel(reply), chosen))
        assert row.correct == 2, method.name
        if method.name not in ("direct", "self-consistency@3"):
            assert all(graded.plan_right for graded in row.graded)
            assert row.graded[0].outcome.notes.get("solved", True)


def test_a_familys_verifiers_take_the_place_of_the_exact_ones_unless_the_settings_name_some():
    problem = problems(1, 9, "easy", family="schedule")[0]
    own = family("schedule").verifiers(problem.public)
    model = FunctionModel(lambda r, i: "")
    assert verifiers_of(model, Settings(), own) == own
    assert [v.name for v in verifiers_of(model, Settings(self_check="on"), own)][-1] == "self_check"
    assert verifiers_of(model, Settings(verifiers=("structure",)), own) is None
    both = verifiers_of(model, Settings(verifiers=("default", "self_check")), own)
    assert [v.name for v in both] == [*(v.name for v in own), "self_check"], "what is named joins the family's own"
    assert verifiers_of(model, Settings(), None) is None
    case = case_of(problem.public)
    assert [v.name for v in case.verifiers] == [v.name for v in own]


@pytest.mark.parametrize("method", [BestOfPlans(1), Planneal()])
def test_answers_are_shown_what_carrying_out_a_plan_gave(method):
    problem = problems(1, 9, "easy", family="tools")[0]
    replies = [problem.gold.plan, answer_text(problem)]
    model = FunctionModel(lambda r, i: replies[not r.prompt.endswith("plan:\n")])
    asyncio.run(run_method(method, model, [problem]))
    made = family("tools")
    seen = made.observe(problem.public)(made.task(problem.public), parse_plan(problem.gold.plan))
    [shown] = [r.prompt for r in model.requests if r.prompt.endswith("answer:\n")]
    assert seen
    assert all(f"{item} -> " in shown for item in seen)
    unseen = FunctionModel(lambda r, i: replies[not r.prompt.endswith("plan:\n")])
    run(method, unseen, task_of(problem))
    assert not any(" -> " in request.prompt for request in unseen.requests)


FIRST = "```python\ndef f(xs):  # [S1]\n    return xs[1:]\n```\nanswer: f"
SECOND = "```python\ndef f(xs):\n    return xs[:1]\n```\nanswer: f"
AGAIN = "Here it is.\n```python\ndef f(xs):\n\n    # the head\n    return xs[:1]\n```"
BROKEN = "```python\ndef f(xs:\n```\nanswer: f"


def test_programs_vote_as_programs_and_not_by_their_names():
    assert said(SECOND) == said(AGAIN) != said(FIRST)
    assert said(BROKEN) is None
    assert said("```\nnuts = 4\n```\nanswer: 4") == "4"
    assert said("```\n4 nuts and\n```\nanswer: 4") == "4"
    texts = [BROKEN, FIRST, SECOND, AGAIN]
    outcome = run(SelfConsistency(4), FunctionModel(lambda r, i: texts[i]))
    assert (outcome.text, outcome.notes["rivals"]) == (SECOND, 2)


def test_a_ceiling_has_a_method_of_its_own_for_each_problem():
    chosen = problems(3, 8, SMALL)

    class Told(Method):
        def __init__(self, value):
            self.value = value

        async def answer(self, case, model, budget, rng):
            ledger = Ledger()
            ledger.charge("answer", Usage(completion_tokens=int(rng.integers(10_000))))
            return Answered(self.value, ledger)

    golds = lambda problem: Told(str(problem.gold.value))  # noqa: E731
    row = asyncio.run(run_each("told", golds, FunctionModel(lambda r, i: ""), chosen, seed=1))
    drawn = [int(np.random.default_rng(10_000 + i).integers(10_000)) for i in range(3)]
    assert (row.method, row.correct, row.completion_tokens) == ("told", 3, sum(drawn) / 3)


def test_a_method_takes_a_further_verifier_beside_its_own():
    plain, also = make("planneal"), make("planneal+order+relations")
    assert also.settings.verifiers == ("default", "order", "relations")
    assert plain.settings.verifiers == make("planneal").settings.verifiers == ("default",), "the plain one stays so"
    assert also.name == "planneal+order+relations"
    assert "order, relations" in also.about
    for name in ("best-of-answers", "best-of-plans", "restarts-only", "particle-filter", "random-edits"):
        assert make(f"{name}+order").settings.verifiers == ("default", "order"), name
    assert make("direct+constraints").name == "direct+constraints", "a name with a plus of its own"
    for name in ("direct+order", "direct+constraints+order", "gold-plan+order"):
        with pytest.raises(ConfigError, match="no verifier judges"):
            make(name)
    with pytest.raises(ConfigError, match="no verifier 'nothing'"):
        make("planneal+nothing")
    with pytest.raises(ConfigError, match="no method 'nothing"):
        make("nothing+order")
