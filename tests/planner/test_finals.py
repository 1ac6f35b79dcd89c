"""The second look: a shortlist, several fresh draws, and money that is still there when they are due."""

import numpy as np
import pytest
from planneal.planner import finals
from planneal.planner.finals import FinalRule
from planneal.planner.ledger import Budget, Ledger, Usage
from planneal.planner.refine import Refinement, RestartRule, Worker, refine, refine_events
from planneal.planner.stopping import StopRule
from planner_fakes import Noisy, Scores, Scripted, edit, kernel, plan_of, run, written

DRAFT = plan_of("S1: a [wigs = 2]")
WORDS = "bcdefghij"
NINE = StopRule(max_steps=9, least_chance=0.0)
LONG = StopRule(max_steps=40, least_chance=0.0, idle=40)


def moves():
    return [edit(f"replace S1: {word} [wigs = 2]") for word in WORDS]


def worker(ledger, judges, shortlist=1, rule="threshold"):
    """One chain that takes whatever is proposed, its calls paid by the ledger."""
    purse = [ledger]
    step = kernel(
        Scripted(*moves(), forever=edit("delete S9")),
        judges,
        rule=rule,
        temperature=9.0,
        refresh_after=0,
        shortlist=shortlist,
        admit=lambda worst: purse[0].check(worst),
        charge=lambda usage: purse[0].charge("verify", usage),
    )
    return Worker(step, np.random.default_rng(0), use=lambda share: purse.__setitem__(0, share))


def refined(final, judges, *, calls=None, stop=NINE):
    ledger = Ledger(Budget(verifier_calls=calls))
    work = worker(ledger, judges, final.shortlist)
    state = run(refine([work], [DRAFT], ledger=ledger, stop=stop, restart=RestartRule(restarts=0), final=final))
    return state, ledger


def looks(judge):
    """Fresh looks that a noisy judge had: (plan, draw) beyond the first draw."""
    return [(plan, draw) for plan, _, draw in judge.calls if draw]


def test_the_shortlist_holds_the_best_plans_each_once():
    judge = Noisy("n")
    state, _ = refined(FinalRule(shortlist=4, looks=0), (judge,))
    chain = state.chains[0]
    found = [judged.energy.total for judged in chain.finalists]
    assert len(found) == len({judged.plan.hash for judged in chain.finalists}) == 4
    everything = sorted(0.9 * (1 - judge.noise(plan_of(f"S1: {word} [wigs = 2]")["S1"], 0)) for word in "a" + WORDS)
    assert found == pytest.approx(everything[:4])
    assert chain.finalists[0].plan == chain.best.plan
    assert looks(judge) == []


def test_the_choice_is_made_on_the_sum_of_fresh_looks():
    judge = Noisy("n")
    state, _ = refined(FinalRule(shortlist=4, looks=3), (judge,))
    shortlist = [judged.plan for judged in state.chains[0].finalists]
    assert sorted(looks(judge)) == sorted((plan.hash, draw) for plan in shortlist for draw in (1, 2, 3))
    sums = {plan.hash: sum(1 - judge.noise(plan["S1"], draw) for draw in (1, 2, 3)) for plan in shortlist}
    assert state.chosen.plan.hash == min(sums, key=sums.get)


def test_first_impressions_decide_where_no_look_is_wanted_and_exact_ones_always():
    state, _ = refined(FinalRule(shortlist=4, looks=0), (Noisy("n"),))
    assert state.chosen == state.chains[0].best
    exact = Scores(lambda item, draw: 0.1 if item.text == "e" else 0.05, goal="unknown")
    state, ledger = refined(FinalRule(shortlist=4, looks=3), (exact,))
    assert (state.chosen.plan["S1"].text, ledger.spent.verifier_calls) == ("e", 10)


def test_a_run_that_its_budget_ends_can_still_pay_for_the_second_look():
    judge = Noisy("n")
    state, ledger = refined(FinalRule(shortlist=2, looks=2), (judge,), calls=10, stop=LONG)
    assert state.reason[0] == "budget"
    assert len(looks(judge)) == 4
    assert ledger.spent.verifier_calls == 10
    assert state.chosen.energy.total == pytest.approx(0.9 * (1 - judge.noise(state.chosen.plan["S1"], 1)))


def test_without_money_set_aside_the_first_impression_would_decide(monkeypatch):
    """Negative control of the test above."""
    monkeypatch.setattr(finals, "price", lambda *args: Usage())
    judge = Noisy("n")
    state, _ = refined(FinalRule(shortlist=2, looks=2), (judge,), calls=10, stop=LONG)
    assert looks(judge) == []
    assert state.chosen == state.chains[0].best


def test_what_was_reserved_before_stays_reserved():
    ledger = Ledger(Budget(verifier_calls=100, tokens=1000))
    assert ledger.reserve(Usage(prompt_tokens=300, verifier_calls=1))
    wanted = Usage(verifier_calls=20, prompt_tokens=50)
    assert finals.set_aside(ledger, wanted)
    assert ledger.reserved == Usage(prompt_tokens=350, verifier_calls=21)
    finals.free(ledger, wanted)
    assert ledger.reserved == Usage(prompt_tokens=300, verifier_calls=1)
    assert not finals.set_aside(ledger, Usage(verifier_calls=200))
    assert ledger.reserved == Usage(prompt_tokens=300, verifier_calls=1)
    assert not finals.set_aside(ledger, Usage())


def test_the_price_counts_the_judges_tokens_by_the_dearest_draft():
    class Priced(Noisy):
        async def judge(self, task, plan, item_ids, draw=0):
            found = await super().judge(task, plan, item_ids, draw)
            found.usage = Usage(prompt_tokens=40, completion_tokens=2, calls=1)
            return found

    judges = (Scores(written), Priced("p"))
    works = [worker(Ledger(), judges, shortlist=2) for _ in range(2)]
    chains = [run(work.kernel.init(index, DRAFT)) for index, work in enumerate(works)]
    found = finals.price(FinalRule(shortlist=2, looks=3), [work.kernel for work in works], chains)
    assert found == Usage(prompt_tokens=480, completion_tokens=24, calls=12, verifier_calls=24)
    exact = [kernel(verifiers=(Scores(written),))]
    assert finals.price(FinalRule(shortlist=2, looks=3), exact, chains[:1]) == Usage()
    assert finals.price(FinalRule(), [works[0].kernel], chains[:1]) == Usage()


def test_the_event_names_the_plans_in_question():
    async def go():
        ledger, state = Ledger(), Refinement()
        work = worker(ledger, (Noisy("n"),), shortlist=3)
        final, stop = FinalRule(shortlist=3), StopRule(max_steps=9, least_chance=0.0)
        events = refine_events(
            state, [work], [DRAFT], ledger=ledger, stop=stop, restart=RestartRule(restarts=0), final=final
        )
        return [event async for event in events][-1]

    assert run(go()).finalists == 3
