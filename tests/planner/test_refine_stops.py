"""Why a refinement ends, and that it ends with a plan, whatever happens."""

import asyncio

import numpy as np
import pytest
from planneal.planner.errors import BudgetExhausted, PlanError, TransientError
from planneal.planner.ledger import Budget, Ledger, Usage
from planneal.planner.refine import Refinement, RestartRule, Worker, refine, refine_events
from planneal.planner.stopping import StopRule, divergence
from planneal.planner.verdicts import Verdict
from planneal.planner.witnesses import GOAL
from planner_fakes import Broken, Noisy, Scores, Scripted, Wanderer, edit, kernel, plan_of, run, written

DRAFT = plan_of("S1: score 0.5 [wigs = 2]")
NEVER = RestartRule(restarts=0)
REJECTED, BETTER = edit("delete S9"), edit("replace S1: score 0.75 [wigs = 2]")
DONE = edit("replace S1: done [wigs = 2]")


class Reaches(Scores):
    """An exact judge that passes the goal once S1 says so."""

    def __init__(self, **options):
        super().__init__(written, "reaches", **options)

    def scope(self, task, plan, item_id):
        return plan.hash if item_id == GOAL else super().scope(task, plan, item_id)

    def verdict(self, plan, item_id, draw):
        if item_id == GOAL and not plan["S1"].text.startswith("done"):
            return Verdict.unknown("not yet", score=1.0)
        return super().verdict(plan, item_id, draw)


def open_ended(**options):
    """A judge that never calls the goal reached."""
    return Scores(written, goal="unknown", **options)


def worker(proposer=None, verifiers=None, seed=0, **parts):
    step = kernel(proposer, (open_ended(),) if verifiers is None else verifiers, **parts)
    return Worker(step, np.random.default_rng(seed))


def paid(made, ledger):
    """Lets a worker's verifiers be paid for by its share of the ledger, as a run does."""
    purse = [ledger]
    made.use = lambda share: purse.__setitem__(0, share)
    made.kernel.admit = lambda worst: purse[0].check(worst)
    made.kernel.charge = lambda usage: purse[0].charge("verify", usage)
    return made


def refined(*workers, drafts=None, stop=None, restart=NEVER, ledger=None, interrupted=lambda: False):
    """The final state and all events."""

    async def go():
        state, events = Refinement(), []
        async for event in refine_events(
            state,
            workers,
            drafts or [DRAFT] * len(workers),
            ledger=ledger or Ledger(),
            stop=stop or StopRule(),
            restart=restart,
            interrupted=interrupted,
        ):
            events.append(event)
        return state, events

    return run(go())


def of_kind(events, kind):
    return [event for event in events if event.kind == kind]


ENDINGS = {
    "solved": (lambda: worker(Scripted(BETTER, DONE), (Reaches(),)), {}, 2),
    "max_steps": (lambda: worker(Scripted(forever=REJECTED)), {"stop": StopRule(max_steps=5)}, 5),
    "no_hope": (lambda: worker(Scripted(BETTER, forever=REJECTED)), {"stop": StopRule(least_chance=0.5)}, 8),
    "converged": (
        lambda: worker(Scripted(BETTER, BETTER, forever=REJECTED)),
        {"stop": StopRule(kl=0.01, window=3, least_chance=0)},
        6,
    ),
    "no_proposals": (lambda: worker(Scripted([REJECTED])), {"stop": StopRule(idle=2)}, 3),
    "endpoint": (lambda: worker(Scripted(BETTER, TransientError("503 for the fifth time"))), {}, 1),
    "budget": (lambda: worker(Scripted(BETTER, BudgetExhausted("tokens", limit="tokens"))), {}, 1),
}


@pytest.mark.parametrize("reason", ENDINGS)
def test_every_ending_is_reached(reason):
    make, options, last = ENDINGS[reason]
    state, events = refined(make(), **options)
    assert state.reason[0] == reason
    assert state.reason[1]
    stopped = of_kind(events, "chain_stopped")
    assert [(event.chain, event.step, event.reason) for event in stopped] == [(0, last, reason)]
    assert len(of_kind(events, "step_taken")) == last
    assert events[-1].kind == "plan_chosen"
    assert events[-1].reason == reason
    assert state.solved == events[-1].solved == (reason == "solved")
    assert state.best is state.chosen


def test_a_draft_may_be_solved_from_the_start():
    state, events = refined(worker(verifiers=(Reaches(),)), drafts=[plan_of("S1: done [wigs = 2]")])
    assert [event.kind for event in events] == ["plan_drafted", "chain_stopped", "plan_chosen"]
    assert state.solved


def test_no_steps_at_all_is_a_setting():
    state, events = refined(worker(Scripted(BETTER)), stop=StopRule(max_steps=0))
    assert state.reason == ("max_steps", "0 steps")
    assert state.chosen.plan == DRAFT
    assert of_kind(events, "step_taken") == []


def test_the_first_solved_chain_stops_the_others_unless_told_not_to():
    def pair():
        return (
            worker(Scripted(BETTER, DONE), (Reaches(),)),
            worker(Scripted(BETTER, forever=REJECTED), (Reaches(),), seed=1),
        )

    state, events = refined(*pair())
    assert state.stopped == {
        0: ("solved", "every hard item is verified and the goal is reached"),
        1: ("solved", "another chain is solved"),
    }
    assert of_kind(events, "plan_chosen")[0].chain == 0
    state, _ = refined(*pair(), stop=StopRule(when_solved=False, max_steps=4))
    assert {index: why[0] for index, why in state.stopped.items()} == {0: "solved", 1: "max_steps"}
    assert state.reason[0] == "solved"


def test_an_interruption_is_asked_for_between_rounds():
    asked = []

    def interrupted():
        asked.append(1)
        return len(asked) > 3

    state, events = refined(worker(Wanderer(), seed=1), worker(Wanderer(), seed=2), interrupted=interrupted)
    assert {why[0] for why in state.stopped.values()} == {"interrupted"}
    assert len(of_kind(events, "step_taken")) == 6
    assert state.chosen is not None


def test_a_cap_on_verifier_calls_is_kept_and_told():
    for cap in range(9):
        ledger = Ledger(Budget(verifier_calls=cap))
        workers = [paid(worker(Wanderer(), seed=seed), ledger) for seed in (1, 2)]
        state, events = refined(*workers, ledger=ledger)
        assert ledger.spent.verifier_calls <= cap
        assert state.reason[0] == "budget"
        assert "verifier_calls" in state.reason[1]
        assert state.chosen is not None
        assert len(of_kind(events, "plan_drafted")) == 2


def test_a_draft_that_nobody_can_pay_to_judge_is_still_the_result():
    ledger = Ledger(Budget(verifier_calls=0))
    state, events = refined(paid(worker(Scripted(BETTER)), ledger), ledger=ledger)
    assert state.best.plan == DRAFT
    assert state.best.assessments == ()
    assert not state.solved
    assert [event.kind for event in events] == ["plan_drafted", "chain_stopped", "plan_chosen"]


def test_drafts_are_judged_without_touching_what_the_answer_needs():
    ledger = Ledger(Budget(verifier_calls=3))
    ledger.reserve(Usage(verifier_calls=2))
    state, _ = refined(paid(worker(Wanderer()), ledger), ledger=ledger)
    assert ledger.spent.verifier_calls == 1
    assert state.reason[0] == "budget"


def test_a_spent_budget_ends_the_run_before_another_round():
    seconds = [0.0]
    ledger = Ledger(Budget(seconds=5.0), clock=lambda: seconds[0])

    def tick(rng, view):
        seconds[0] += 2.0
        return REJECTED

    state, events = refined(worker(Scripted(forever=tick)), ledger=ledger)
    assert len(of_kind(events, "step_taken")) == 3
    assert state.reason == ("budget", "seconds: 6 of 5 spent or reserved")


@pytest.mark.parametrize("broken", [Broken(ValueError("bad luck")), Broken(timeout=0.001)])
def test_a_verifier_that_breaks_abstains_and_the_run_goes_on(broken):
    state, events = refined(
        worker(Scripted(BETTER, forever=REJECTED), (open_ended(), broken)), stop=StopRule(max_steps=3)
    )
    assert state.reason[0] == "max_steps"
    assert state.chosen.plan["S1"].text == "score 0.75"
    told = of_kind(events, "step_taken")[0].abstained["broken"]
    assert told in ("ValueError: bad luck", "no verdict within 0.001 s")


def test_a_broken_verifier_proves_nothing():
    state, _ = refined(worker(Scripted(), (Broken(ValueError("x")),)), stop=StopRule(max_steps=2))
    assert not state.solved


def test_a_planning_error_ends_its_chain_only():
    state, _ = refined(worker(Scripted(PlanError("odd"))), worker(Scripted(BETTER, DONE), (Reaches(),)))
    assert state.stopped[0] == ("no_proposals", "odd")
    assert state.stopped[1][0] == "solved"


def test_what_nobody_expected_is_not_swallowed_and_the_best_plan_stays():
    state = Refinement()

    async def go():
        chain = worker(Scripted(BETTER, ZeroDivisionError("a bug")))
        events = refine_events(state, [chain], [DRAFT], ledger=Ledger(), stop=StopRule(), restart=NEVER)
        return [event async for event in events]

    with pytest.raises(ZeroDivisionError):
        run(go())
    assert state.best.plan["S1"].text == "score 0.75"


@pytest.mark.parametrize("chains", [1, 3])
def test_a_cancelled_run_leaves_its_best_plan(chains):
    """The proposal after the accepted one is judged for ever, so the caller gives up."""
    state = Refinement()
    slow = Broken(only=lambda plan: plan["S1"].text == "stuck")
    workers = [
        worker(Scripted(BETTER, edit("replace S1: stuck")), (open_ended(), slow), rule="threshold", temperature=9.0)
        for _ in range(chains)
    ]

    async def consumed():
        events = refine_events(state, workers, [DRAFT] * chains, ledger=Ledger(), stop=StopRule(), restart=NEVER)
        return [event async for event in events]

    async def go():
        running = asyncio.create_task(consumed())
        while slow.waiting < chains:
            await asyncio.sleep(0)
        running.cancel()
        await running

    with pytest.raises(asyncio.CancelledError):
        run(go())
    assert state.best.plan["S1"].text == "score 0.75"
    assert state.chosen is None
    assert state.reason == ("interrupted", "")
    assert run(kernel(verifiers=(open_ended(),)).init(0, state.best.plan)).current.energy.total < 0.5


def test_nothing_is_best_before_anything_was_drafted():
    assert Refinement().best is None


def test_divergence_is_the_mean_bernoulli_kl():
    same = {"v": {"S1": 0.5, "S2": 1.0}}
    assert divergence(same, same) == 0.0
    assert divergence({}, {}) == 0.0
    told = divergence({"v": {"S1": 0.5}}, {"v": {"S1": 0.25}})
    assert told == pytest.approx(0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75))
    assert divergence({"v": {"S1": 1.0}}, {}) == pytest.approx(0.999 * np.log(1.998) + 0.001 * np.log(0.002))
    assert np.isfinite(divergence({"v": {"S1": 1.0}}, {"v": {"S1": 0.0}}))


def test_moving_verdicts_are_not_converged():
    """Negative control of the ending above."""
    texts = iter([f"replace S1: score {s} [wigs = 2]" for s in (0.1, 0.9) * 6])
    flips = Scripted(forever=lambda rng, view: edit(next(texts)))
    rule = StopRule(kl=0.01, window=3, least_chance=0, max_steps=9)
    state, _ = refined(worker(flips, rule="threshold", temperature=9.0), stop=rule)
    assert state.reason[0] == "max_steps"


def test_doubt_about_what_the_goal_rests_on_is_not_solved():
    for doubts in (True, False):
        judge = Noisy(doubts=doubts, spread=0.0, centre=0.2)
        draft = plan_of("S1: done [wigs = 2]")
        state, _ = refined(worker(verifiers=(Reaches(), judge)), drafts=[draft], stop=StopRule(max_steps=1))
        assert state.solved is not doubts


def test_a_goal_without_a_target_is_left_to_those_who_can_judge_it():
    for goal, judges, expected in (
        ("how many wigs? [wigs]", (open_ended(), Reaches()), False),
        ("sort the list", (open_ended(), Reaches()), True),
        ("sort the list", (open_ended(),), False),
        ("sort the list", (Scores(written, goal="fail"), Reaches()), False),
    ):
        draft = plan_of("S1: done [wigs = 2]", goal=goal)
        state, _ = refined(worker(verifiers=judges), drafts=[draft], stop=StopRule(max_steps=1))
        assert state.solved is expected


def test_the_plain_form_is_the_same_run():
    def workers():
        return [worker(Wanderer(), seed=4)]

    plain = run(refine(workers(), [DRAFT], stop=StopRule(max_steps=12), restart=NEVER))
    state, _ = refined(*workers(), stop=StopRule(max_steps=12))
    assert plain.chosen == state.chosen
    assert plain.chains[0].step == 12
    assert run(refine(workers(), [DRAFT])).chosen is not None
