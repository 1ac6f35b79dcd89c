"""Gold in place of one link: it mends what it stands for, asks the model nothing, and its absence is seen."""

from __future__ import annotations

import asyncio
from collections import Counter

import numpy as np
import pytest
from planneal.decoders.prompts import PromptSet
from planneal.experiments import broken_links
from planneal.experiments.broken_links import first_broken, tidied, valid
from planneal.experiments.comparison import Graded, problems, run_each, run_method, task_of
from planneal.experiments.families.registry import answer_text, family
from planneal.experiments.links import SUBSTITUTES, FromPlan, GoldWriter, Oracle, PlacedGold, substituted
from planneal.experiments.methods import Outcome, Planneal
from planneal.experiments.training.judged import mending
from planneal.planner.ledger import Usage
from planneal.planner.notation import format_edit, parse_plan
from planneal.planner.witnesses import GOAL
from planneal.testing import FunctionModel, view_of

PROBLEM = problems(1, 5, "easy")[0]
LINES = PROBLEM.gold.plan.split("\n")
LACKING = "\n".join(line for line in LINES if not line.startswith("S1:"))
WRONG = PROBLEM.gold.plan.replace(LINES[1], f"S1: [{LINES[1].split('[')[1].split(' ')[0]} = 999]")


def model_of(draft):
    """Drafts as told, answers as whoever follows the gold plan, and writes no edit that anyone could use."""

    def reply(request, index):
        if request.prompt.endswith("plan:\n"):
            return draft
        return "junk" if request.prompt.endswith("edit:\n") else answer_text(PROBLEM)

    return FunctionModel(reply)


def edits_asked(model):
    return sum(request.prompt.endswith("edit:\n") for request in model.requests)


def run(method, model):
    row = asyncio.run(run_each("m", method, model, [PROBLEM]))
    return row.graded[0]


def test_without_gold_a_model_that_writes_junk_mends_nothing():
    model = model_of(LACKING)
    graded = asyncio.run(run_method(Planneal(), model, [PROBLEM])).graded[0]
    assert edits_asked(model)
    assert not graded.plan_right


@pytest.mark.parametrize("link", ["proposal", "aim", "no aim"])
def test_gold_edits_mend_a_plan_and_ask_the_model_for_no_edit(link):
    model = model_of(LACKING)
    graded = run(lambda p: substituted(link, p), model)
    assert not edits_asked(model)
    assert (graded.draft_right, graded.plan_right, graded.right) == (False, True, True)


def test_a_gold_draft_asks_for_no_draft():
    model = model_of("goal: nothing")
    graded = run(lambda p: substituted("draft", p), model)
    assert (graded.draft_right, graded.plan_right) == (True, True)
    assert not any(request.prompt.endswith("plan:\n") for request in model.requests)


def test_one_who_knows_doubts_exactly_what_is_wrong():
    def judged(text):
        oracle, plan = Oracle(PROBLEM), parse_plan(text)
        return asyncio.run(oracle.assess(task_of(PROBLEM), plan))

    assert judged(PROBLEM.gold.plan).failures == ()
    wrong = judged(WRONG)
    assert wrong.failures == ("S1", GOAL)
    assert [witness.line for witness in wrong.witnesses] == ["S1 is doubtful"]
    assert judged(LACKING).failures == (GOAL,)


def test_a_wrong_number_is_invisible_until_verdicts_are_gold():
    """Control and cure: no verifier sees a number that the question does not say; the oracle's doubt asks for edits."""
    plain, known = model_of(WRONG), model_of(WRONG)
    assert asyncio.run(run_method(Planneal(), plain, [PROBLEM])).graded[0].outcome.notes["solved"]
    graded = run(lambda p: substituted("verdict", p), known)
    assert not graded.outcome.notes["solved"]
    assert edits_asked(known) > edits_asked(plain)


def proposals(plan, *, aimed, count=120):
    model = model_of("")
    writer = GoldWriter(model, PromptSet.load("compact"), PROBLEM)
    placed, rng = PlacedGold(writer, PROBLEM, aimed=aimed), np.random.default_rng(0)
    view = asyncio.run(view_of(task_of(PROBLEM), plan))

    async def draws():
        return [(await placed.propose(rng, view, placed.init()))[0] for _ in range(count)]

    found = asyncio.run(draws())
    assert not model.requests
    return found


def test_places_are_drawn_evenly_without_aim_and_where_an_edit_is_needed_with_it():
    plan = tidied(WRONG)
    own = len(plan.items)
    drawn = Counter(p.error or format_edit(p.edit) for p in proposals(plan, aimed=False))
    assert len(drawn) == own + 1  # every item, and the end
    assert all(0.4 < count * (own + 1) / 120 < 1.8 for count in drawn.values())
    [(edit, _)] = Counter(format_edit(p.edit) for p in proposals(plan, aimed=True, count=20)).items()
    assert edit.startswith("replace S1: ")
    assert drawn[edit] > 0


def test_the_gold_edit_is_the_one_for_the_drawn_witness():
    mend = mending(PROBLEM, parse_plan(WRONG))
    assert [edit.line.split(":")[0] for edit in mend.edits] == ["replace S1"]
    assert mend.answering(["S1"], "S1 is doubtful", ("replace",)) is not None
    assert mend.answering(["S2"], "S2 is doubtful", ("replace",)) is None


def test_an_answer_is_decoded_from_the_very_plan_and_with_what_the_family_observes():
    problem = problems(1, 9, "easy", family="tools")[0]
    plan = parse_plan(problem.gold.plan)
    model = FunctionModel(lambda r, i: answer_text(problem))
    [graded] = asyncio.run(run_each("gold", lambda p: FromPlan(plan), model, [problem])).graded
    assert graded.right
    [request] = model.requests
    assert "results:\n" in request.prompt
    assert all(f"{item.id}: " in request.prompt for item in plan.items)


def test_every_substitute_says_what_it_replaces():
    assert list(SUBSTITUTES) == ["draft", "verdict", "proposal", "aim", "no aim"]
    assert all(said for said, _ in SUBSTITUTES.values())


# --- where a failing run first broke


def broke(plan, *, problem=PROBLEM, right=False, draft="goal: g", solved=False):
    made = family(problem.public.family)
    notes = {"draft": draft, "solved": solved}
    graded = Graded("p", right, made.grade_plan(problem, plan).right, False, Outcome(None, Usage(), plan, notes))
    return asyncio.run(first_broken(problem, graded))


def test_the_first_broken_link_is_named(monkeypatch):
    assert broke(PROBLEM.gold.plan, right=True) is None
    assert broke(PROBLEM.gold.plan) == "answer"
    assert broke("goal: g") == "draft"
    assert broke("no plan at all") == "draft"
    assert broke(WRONG) == "verdict"
    assert broke(LACKING, draft=PROBLEM.gold.plan) == "verdict"
    assert broke(LACKING) == "proposal"

    class Silent:
        def answering(self, *_):
            return None

    monkeypatch.setattr(broken_links, "mending", lambda problem, plan: Silent())
    assert broke(LACKING) == "aim"


def test_an_order_that_only_moves_would_mend_was_lost_in_the_search():
    problem = problems(1, 5, "middle", family="schedule")[0]
    rows = problem.gold.plan.split("\n")
    things = [row for row in rows if row.startswith("S")]
    turned = [f"{one.split(':')[0]}:{two.split(':')[1]}" for one, two in zip(things, reversed(things), strict=True)]
    plan = "\n".join([row for row in rows if not row.startswith("S")] + turned)
    assert not valid(problem, parse_plan(plan))
    assert broke(plan, problem=problem) == "search"
