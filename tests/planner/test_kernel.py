"""One step: every decision, what it costs, and what it leaves behind."""

import asyncio
import math

import numpy as np
import pytest
from planneal.planner.edits import Compound, Delete, Insert
from planneal.planner.errors import BudgetExhausted, TransientError
from planneal.planner.ledger import Usage
from planneal.planner.notation import parse_edit
from planneal.planner.plan import Item
from planneal.planner.proposal import Proposal
from planneal.planner.verdicts import Assessment, Verdict
from planneal.planner.witnesses import GOAL
from planner_fakes import Broken, Noisy, Scores, Scripted, edit, kernel, plan_of, run, written

DRAFT = plan_of("S1: score 0.5 [wigs = 2]", "S2: score 0.5")


async def walk(step, plan=DRAFT, steps=1, seed=0):
    rng, chain = np.random.default_rng(seed), await step.init(0, plan)
    chains, infos = [chain], []
    for _ in range(steps):
        chain, info = await step.step(rng, chain)
        chains.append(chain)
        infos.append(info)
    return chains, infos


def steps(step, plan=DRAFT, count=1):
    return run(walk(step, plan, count))


def one(proposal, verifiers=None, **parts):
    chains, infos = steps(kernel(Scripted(proposal), verifiers, **parts))
    return chains[-1], infos[-1]


class Confused(Scores):
    """Hands over an assessment whose scores are no numbers, past the checks of ``assess``."""

    async def assess(self, task, plan, **options):
        if plan == DRAFT:
            return await super().assess(task, plan, **options)
        nan = Verdict.model_construct(outcome="pass", score=math.nan, variance=0.0, reason="", witnesses=())
        return Assessment.model_construct(
            verifier=self.name, plan_hash=plan.hash, verdicts={GOAL: nan}, abstained=None, usage=Usage(), judged=()
        )


BETTER, WORSE = "replace S1: score 0.75 [wigs = 2]", "replace S1: score 0.25 [wigs = 2]"
DECISIONS = {
    "accepted": (edit(BETTER), {}),
    "worse": (edit(WORSE), {}),
    "early": (edit(WORSE), {"verifiers": (Scores(written, "cheap"), Scores(lambda i, d: 1.0, "dear", stage=3))}),
    "malformed": (Proposal(operator="lm.insert", error="line 1, column 1: not plan notation"), {}),
    "invalid": (edit("delete S9"), {}),
    "unchanged": (edit("replace S2: score 0.5 @draft"), {}),
    "reused_id": (Proposal(operator="x", edit=Compound(edits=(Delete(id="S2"), Insert(item=DRAFT["S2"])))), {}),
    "nan": (edit(BETTER), {"verifiers": (Confused(written),)}),
    "no_room": (edit(BETTER), {"room": lambda plan: False}),
    "no_proposal": ([], {}),
}


@pytest.mark.parametrize("decision", DECISIONS)
def test_every_decision_is_reached(decision):
    proposal, parts = DECISIONS[decision]
    chain, info = one(proposal, **parts)
    assert info.decision == decision
    assert info.accepted == (decision == "accepted")
    assert info.reason
    assert chain.step == 1
    assert chain.stalled == (0 if info.accepted else 1)
    assert (chain.current.plan == DRAFT) != info.accepted
    assert (chain.best.plan == DRAFT) != info.accepted
    judged = decision in ("accepted", "worse", "early", "nan", "no_room")
    assert (info.new is not None) == judged == bool(info.stages)
    assert math.isfinite(info.delta) == (decision in ("accepted", "worse", "no_room"))


def test_a_number_that_is_none_before_the_last_stage_is_told_as_such():
    _, info = one(edit(BETTER), (Confused(written), Scores(written, "dear", stage=3)))
    assert (info.decision, info.stages) == ("nan", ("scores",))


def test_reasons_say_what_is_wrong():
    assert "S9: it is not in the plan" in one(edit("delete S9"))[1].reason
    assert one(DECISIONS["malformed"][0])[1].reason == "line 1, column 1: not plan notation"
    assert "at most 0.0000 allowed" in one(edit(WORSE))[1].reason
    assert "S2 was deleted earlier" in one(DECISIONS["reused_id"][0])[1].reason


def test_what_a_cheap_stage_rejects_never_reaches_the_dear_one():
    cheap, dear = Scores(written, "cheap"), Scores(lambda item, draw: 1.0, "dear", stage=4)
    proposer = Scripted(*(edit(f"replace S1: score {score} [wigs = 2]") for score in (0.25, 0.3, 0.1, 0.45)))
    chains, infos = steps(kernel(proposer, (dear, cheap)), count=4)
    assert [info.decision for info in infos] == ["early"] * 4
    assert [info.stages for info in infos] == [("cheap",)] * 4
    assert len(cheap.calls) == 1 + 4
    assert len(dear.calls) == 1  # the draft
    assert all(math.isnan(info.delta) for info in infos)
    assert chains[-1].current.plan == DRAFT


def test_what_the_dear_one_may_still_make_up_for_reaches_it():
    """Negative control of the test above: the dear one held more against the old plan than the cheap one now does."""
    cheap = Scores(written, "cheap")
    dear = Scores(lambda item, draw: 0.0 if item.text == "score 0.5" else 1.0, "dear", stage=4)
    _, infos = steps(kernel(Scripted(edit(WORSE)), (cheap, dear)))
    assert infos[0].decision == "accepted"
    assert infos[0].stages == ("cheap", "dear")


def test_verifiers_are_asked_cheapest_first_whatever_their_order():
    verifiers = [Scores(lambda item, draw: 1.0, f"v{stage}", stage=stage) for stage in (3, 0, 2)]
    _, infos = steps(kernel(Scripted(edit(BETTER)), verifiers))
    assert infos[0].stages == ("v0", "v2", "v3")


REJECTED = edit("delete S9")


@pytest.mark.parametrize("after", [3, 0])
def test_noisy_verdicts_on_the_incumbent_are_drawn_afresh_after_rejections(after):
    noisy, exact = Noisy(), Scores(written)
    chains, _ = steps(kernel(Scripted(forever=REJECTED), (exact, noisy), refresh_after=after), count=8)
    draws = [chain.draw for chain in chains]
    assert draws == ([0, 0, 0, 0, 1, 1, 1, 2, 2] if after else [0] * 9)
    assert [draw for _, _, draw in noisy.calls] == ([0, 1, 2] if after else [0])
    assert len(exact.calls) == 1  # an exact verdict does not change
    if after:
        assert chains[4].current.energy != chains[3].current.energy
        assert chains[4].best.energy == chains[4].current.energy  # the best is the incumbent here
        assert chains[4].current.plan == DRAFT


def test_exact_verdicts_are_never_drawn_afresh():
    chains, _ = steps(kernel(Scripted(forever=REJECTED), refresh_after=2), count=6)
    assert {chain.draw for chain in chains} == {0}


def test_proposals_are_judged_with_the_draw_of_the_incumbent():
    noisy = Noisy()
    proposer = Scripted(REJECTED, REJECTED, edit("replace S2: anew"))
    steps(kernel(proposer, (noisy,), refresh_after=2, rule="threshold", temperature=9.0), count=3)
    assert [draw for _, _, draw in noisy.calls] == [0, 1, 1]


def test_a_deleted_id_never_comes_back():
    insert = "insert S2: score 1.0"
    proposer = Scripted(edit("delete S2"), edit(insert), edit("insert S3: score 1.0"), edit(insert))
    chains, infos = steps(kernel(proposer), count=4)
    assert [info.decision for info in infos] == ["accepted", "reused_id", "accepted", "reused_id"]
    assert [view.retired for view in proposer.views] == [frozenset()] + [frozenset({"S2"})] * 3
    again = run(kernel().restart(chains[-1], DRAFT))
    assert again.retired == {"S2"}


def test_a_rejected_deletion_retires_nothing():
    needed = plan_of("S1: [wigs = nuts]", "S2: [nuts = 2]")
    chains, infos = steps(kernel(Scripted(edit("delete S2"))), needed)
    assert infos[0].decision == "worse"
    assert chains[-1].retired == frozenset()


def test_rejected_lines_are_shown_until_something_is_accepted():
    proposer = Scripted(edit(WORSE), REJECTED, edit(BETTER), REJECTED)
    chains, _ = steps(kernel(proposer), count=4)
    assert [view.rejected for view in proposer.views] == [set(), {WORSE}, {WORSE, "delete S9"}, set()]
    assert chains[-1].rejected == {"delete S9"}


def test_the_proposals_of_one_call_are_judged_one_by_one():
    proposer = Scripted([edit(BETTER), edit("delete S9"), edit("replace S2: score 1.0")], [edit("delete S2")])
    chains, infos = steps(kernel(proposer), count=4)
    assert [len(chain.pending) for chain in chains] == [0, 2, 1, 0, 0]
    assert [info.decision for info in infos] == ["accepted", "invalid", "accepted", "accepted"]
    assert len(proposer.views) == 2
    assert proposer.views[1].plan["S2"].text == "score 1.0"


def test_the_proposer_hears_how_its_proposals_fared():
    usage = Usage(prompt_tokens=100, cached_prompt_tokens=60, completion_tokens=7, calls=1)
    charged = []
    proposer = Scripted(edit(BETTER, usage=usage), edit(WORSE, usage=usage), [])
    steps(kernel(proposer, charge=charged.append), count=3)
    taken, refused = proposer.feedback
    assert (taken.operator, taken.accepted, taken.tokens) == ("fake", True, 47)
    assert taken.drop == pytest.approx(0.9 * 0.25)
    assert (refused.accepted, refused.drop, refused.tokens) == (False, 0.0, 47)
    assert [usage.rejected_tokens for usage in charged if usage.rejected_tokens] == [7]
    assert sum(usage.verifier_calls for usage in charged) == 3


@pytest.mark.parametrize("error", [BudgetExhausted("no tokens"), TransientError("503")])
def test_a_proposer_that_cannot_call_leaves_the_chain_as_it_was(error):
    step = kernel(Scripted(error))

    async def attempt():
        chain = await step.init(0, DRAFT)
        with pytest.raises(type(error)):
            await step.step(np.random.default_rng(0), chain)
        return chain

    assert run(attempt()).step == 0


def test_judging_is_paid_for_in_advance():
    purse = [4]

    def admit(worst):
        if purse[0] < worst.verifier_calls:
            raise BudgetExhausted("no verifier calls", limit="verifier_calls")

    def charge(usage):
        purse[0] -= usage.verifier_calls

    verifiers = (Scores(written, "a"), Scores(written, "b"))
    step = kernel(Scripted(edit(BETTER), edit("replace S2: score 1.0")), verifiers, admit=admit, charge=charge)
    with pytest.raises(BudgetExhausted):
        steps(step, count=2)
    assert purse == [0]
    assert len(verifiers[0].calls) == len(verifiers[1].calls) == 2


def test_room_is_asked_only_of_what_would_be_accepted():
    asked = []
    proposer = Scripted(edit(WORSE), edit(BETTER))
    steps(kernel(proposer, room=lambda plan: bool(asked.append(plan["S1"].text)) or True), count=2)
    assert asked == ["score 0.75"]


def test_hiding_a_violation_by_breaking_the_verifier_is_no_improvement():
    class Fragile(Scores):
        async def judge(self, task, plan, item_ids, draw=0):
            if "S9" in plan:
                raise ValueError("broken")
            return await super().judge(task, plan, item_ids, draw)

    strict = Fragile(lambda item, draw: 1.0, "strict", goal="fail")
    chain, info = one(edit("insert S9: break it"), (strict, Scores(written)))
    assert info.new.assessments[0].abstained == "ValueError: broken"
    assert info.new.energy.total < chain.best.energy.total - 9  # the violation is out of sight
    assert info.delta == 0.0  # and earns nothing
    assert chain.best.plan == DRAFT


def test_the_view_is_what_the_chain_knows():
    proposer = Scripted([], [])
    step = kernel(proposer, (Noisy(doubts=True, spread=0.0, centre=0.2),), temperature=0.25)
    steps(step, count=2)
    view = proposer.views[1]
    assert (view.plan, view.step, view.temperature) == (DRAFT, 1, 0.25)
    assert [w.line for w in view.witnesses] == ["S1 is doubtful", "S2 is doubtful"]
    assert run(view.probe(DRAFT)) == ()  # a noisy judge is not asked by a probe


def test_a_probe_asks_the_cheapest_exact_verifiers_only():
    cheap, dear, noisy = Scores(written, "cheap"), Scores(written, "dear", stage=1), Noisy(stage=0)
    step = kernel(Scripted(), (dear, noisy, cheap))
    run(step.probe(DRAFT))
    assert [len(verifier.calls) for verifier in (cheap, dear, noisy)] == [1, 0, 0]


def test_a_restart_keeps_what_the_chain_has_learnt():
    noisy = Noisy()
    step = kernel(Scripted(forever=REJECTED), (Scores(written), noisy), refresh_after=2)
    chains, _ = steps(step, count=5)
    good, bad = plan_of("S1: score 1.0 [wigs = 2]"), plan_of("S1: score 0.0 [wigs = 2]")
    for plan in (good, bad):
        again = run(step.restart(chains[-1], plan))
        assert again.current.plan == plan
        assert (again.best.plan == good) == (plan == good)
        assert (again.step, again.draw, again.stalled, again.restarts) == (5, 2, 0, 1)
        assert again.rejected == frozenset()
        assert noisy.calls[-1][2] == 2  # judged by the draw that its proposals will be judged by
        assert again.anchor == chains[-1].anchor


def test_an_accepted_step_that_is_worse_does_not_become_the_best():
    chains, infos = steps(kernel(Scripted(edit(WORSE), edit(BETTER)), rule="threshold", temperature=5.0), count=2)
    assert [info.decision for info in infos] == ["accepted", "accepted"]
    assert [chain.best.plan["S1"].text for chain in chains] == ["score 0.5", "score 0.5", "score 0.75"]
    assert [chain.since_best for chain in chains] == [0, 1, 0]


def test_a_verifier_that_breaks_does_not_stop_a_step():
    chain, info = one(edit(BETTER), (Scores(written), Broken(ValueError("x")), Broken(name="slow", timeout=0.01)))
    assert info.decision == "accepted"
    assert [a.abstained for a in info.new.assessments] == [None, "ValueError: x", "no verdict within 0.01 s"]
    assert chain.current.energy.total == pytest.approx(0.225)


def test_a_cancelled_step_changes_nothing():
    step = kernel(Scripted(edit(BETTER)), (Scores(written), Broken(only=lambda plan: plan != DRAFT)))

    async def attempt():
        chain = await step.init(0, DRAFT)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await step.step(np.random.default_rng(0), chain)
        return chain

    assert run(attempt()).current.plan == DRAFT


def test_inserting_under_a_retired_id_is_seen_inside_compounds():
    fine = Compound(edits=(parse_edit("delete S2"), Insert(item=Item(id="S3", text="score 0.5"))))
    chain, info = one(Proposal(operator="x", edit=fine))
    assert info.decision == "accepted"
    assert chain.retired == {"S2"}
