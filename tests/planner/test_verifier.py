"""What every verifier gets for nothing: incremental judging, a cache that cannot lie, and abstention."""

import asyncio
import math

import pytest
from planneal.planner.errors import BudgetExhausted, VerifierError
from planneal.planner.ledger import Usage
from planneal.planner.verdicts import Verdict
from planneal.planner.verifier import Judgement, VerdictCache, Verifier
from planneal.planner.witnesses import GOAL
from planner_fakes import TASK, Broken, Noisy, Scores, edit, plan_of, run, written

PLAN = plan_of("S1: score 0.5", "S2: score 0.25", "C1: fine")


def assess(verifier, plan=PLAN, **options):
    return run(verifier.assess(TASK, plan, **options))


class Odd(Verifier):
    """Judges every item by whatever ``answer`` returns or raises."""

    name = "odd"

    def __init__(self, answer, scope=lambda item_id: "s"):
        self.answer, self._scope = answer, scope

    def scope(self, task, plan, item_id):
        return self._scope(item_id)

    async def judge(self, task, plan, item_ids, draw=0):
        return self.answer(item_ids)


def test_an_edit_rejudges_what_it_touched_only():
    verifier, cache = Scores(written), VerdictCache()
    first = assess(verifier, cache=cache)
    assert first.judged == ("S1", "S2", "C1", GOAL)
    again = assess(verifier, cache=cache)
    assert again.judged == ()
    assert again.verdicts == first.verdicts
    moved = plan_of("S2: score 0.25", "S1: score 0.75", "C1: fine")
    third = assess(verifier, moved, cache=cache)
    assert third.judged == ("S1",)
    assert third.verdicts["S1"].score == 0.75
    assert third.verdicts == assess(Scores(written), moved).verdicts  # as if judged afresh
    assert [ids for _, ids, _ in verifier.calls] == [("S1", "S2", "C1", GOAL), ("S1",)]


def test_a_noisy_judge_is_asked_again_for_every_draw_and_an_exact_one_is_not():
    cache = VerdictCache()
    for verifier, fresh in ((Noisy(), True), (Scores(written), False)):
        first, same, other = (assess(verifier, cache=cache, draw=d) for d in (0, 0, 1))
        assert same.verdicts == first.verdicts
        assert (other.verdicts != first.verdicts) == fresh
        assert [draw for _, _, draw in verifier.calls] == ([0, 1] if fresh else [0])


def test_versions_and_names_have_verdicts_of_their_own():
    cache = VerdictCache()
    old, new = Scores(written), Scores(lambda item, draw: 0.125)
    new.version = "2"
    assert assess(old, cache=cache).verdicts["S1"].score == 0.5
    assert assess(new, cache=cache).verdicts["S1"].score == 0.125
    assert assess(Scores(lambda item, draw: 0.75, "another"), cache=cache).verdicts["S1"].score == 0.75


GOOD = Judgement(dict.fromkeys((*PLAN.by_id, GOAL), Verdict.ok()))
NOT_A_NUMBER = Verdict.model_construct(outcome="pass", score=math.nan, variance=0.0, reason="", witnesses=())


def with_s2(verdict):
    return lambda ids: Judgement({**GOOD.verdicts, "S2": verdict})


def raising(error):
    def answer(ids):
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (raising(ValueError("bad luck")), "ValueError: bad luck"),
        (raising(VerifierError("the jail is closed")), "the jail is closed"),
        (raising(TimeoutError("socket")), "TimeoutError: socket"),
        (raising(RecursionError("deep")), "RecursionError: deep"),
        (raising(ExceptionGroup("two", [ValueError(), KeyError()])), "ExceptionGroup: two"),
        (raising(ValueError("long" * 1000)), "ValueError: long"),
        (lambda ids: Judgement({}), "no verdict for S1"),
        (lambda ids: None, "AttributeError"),
        (lambda ids: Judgement(GOOD.verdicts, usage=None), "AttributeError"),
        (with_s2(True), "True is no verdict for S2"),
        (with_s2(NOT_A_NUMBER), "the score of S2 is nan"),
        (with_s2(Verdict.model_construct(outcome="pass", score=7.0)), "the score of S2 is 7.0"),
    ],
)
def test_whatever_breaks_a_verifier_it_abstains_with_the_reason(answer, reason):
    cache = VerdictCache()
    found = assess(Odd(answer), cache=cache)
    assert found.abstained.startswith(reason)
    assert len(found.abstained) <= 500
    assert found.verdicts == {}
    assert len(cache) == 0  # it may do better next time
    assert assess(Odd(lambda ids: GOOD), cache=cache).abstained is None


def test_a_scope_that_breaks_is_an_abstention_too():
    def scope(item_id):
        raise KeyError(item_id)

    assert assess(Odd(lambda ids: GOOD, scope)).abstained.startswith("KeyError")
    unhashable = Odd(lambda ids: GOOD, lambda item_id: ["list"])
    assert assess(unhashable, cache=VerdictCache()).abstained.startswith("TypeError")


def test_a_verifier_that_takes_too_long_abstains():
    found = assess(Broken(timeout=0.01))
    assert found.abstained == "no verdict within 0.01 s"
    own = Broken(TimeoutError("its own"), timeout=60.0)
    assert assess(own).abstained == "TimeoutError: its own"


@pytest.mark.parametrize("error", [BudgetExhausted("no calls left"), asyncio.CancelledError()])
def test_an_empty_purse_and_a_cancellation_are_no_abstentions(error):
    with pytest.raises(type(error)):
        assess(Broken(error))


def test_items_out_of_scope_have_no_verdict():
    found = assess(Odd(lambda ids: Judgement(dict.fromkeys(ids, Verdict.ok())), lambda i: None if i == "C1" else i))
    assert set(found.verdicts) == {"S1", "S2", GOAL}
    assert assess(Odd(raising(ValueError()), lambda item_id: None)).abstained is None  # nothing to say, nobody asked


def test_seconds_are_counted_without_the_models():
    ticks = iter([10.0, 13.0])
    found = assess(Odd(lambda ids: Judgement(GOOD.verdicts, Usage(seconds=2.0, calls=1))), clock=lambda: next(ticks))
    assert found.usage == Usage(seconds=2.0, calls=1, verifier_seconds=1.0)


def test_the_cache_forgets_what_was_not_used_for_longest():
    cache = VerdictCache(size=2)
    verdicts = {name: Verdict.ok(reason=name) for name in "abc"}
    cache.put("a", verdicts["a"])
    cache.put("b", verdicts["b"])
    assert cache.get("a") == verdicts["a"]
    cache.put("c", verdicts["c"])
    assert cache.get("b") is None
    assert cache.get("a") == verdicts["a"]
    assert len(cache) == 2


def test_fakes_are_what_the_other_tests_take_them_for():
    assert edit("delete S1").edit.id == "S1"
    assert Noisy().noise(PLAN["S1"], 0) != Noisy().noise(PLAN["S1"], 1)
