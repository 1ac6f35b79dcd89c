"""The laws of verifiers: the shipped ones keep them, and every law has a wrong verifier that it alone catches."""

from __future__ import annotations

import asyncio
import itertools
import math

import pytest
from planneal.planner.errors import ConfigError, LawBroken, VerifierError
from planneal.planner.ledger import Usage
from planneal.planner.verdicts import Assessment, Verdict
from planneal.planner.verifier import Judgement, Verifier
from planneal.planner.witnesses import GOAL, Doubtful
from planneal.testing import VERIFIER_LAWS, FunctionModel, check_verifier, count, sample_cases
from planneal.verifiers import OrderVerifier, RelationsVerifier, SelfCheckVerifier, StructureVerifier

FEW = (*sample_cases()[:2], sample_cases()[10])


class Good(Verifier):
    """A score that depends on the item's check and the question's length, or for the goal on its words."""

    name = "good"
    threshold = 0.5

    def scope(self, task, plan, item_id):
        if item_id == GOAL:
            return plan.goal
        check = plan[item_id].check
        return None if check is None else (str(check), len(task.question))

    def verdict(self, task, plan, item_id, draw):
        text = plan.goal if item_id == GOAL else str(plan[item_id].check)
        score = (sum(text.encode()) + len(task.question)) % 9 / 8 if item_id != GOAL else len(text) % 5 / 4
        if score >= self.threshold:
            return Verdict.ok(score)
        return Verdict.failed(Doubtful(item=item_id), score=score)

    async def judge(self, task, plan, item_ids, draw=0):
        return Judgement({item_id: self.verdict(task, plan, item_id, draw) for item_id in item_ids})


def test_a_good_verifier_keeps_every_law():
    class Stricter(Good):
        version = "2"
        threshold = 0.9

    report = check_verifier(Good(), FEW, variants=[Stricter()])
    assert report.ok, str(report)
    assert report.held == tuple(law.name for law in VERIFIER_LAWS)
    assert report.require() is report


class Sure(Good):
    trust = "sure"


class Unnamed(Good):
    name = "two words"


class Listed(Good):
    def scope(self, task, plan, item_id):
        return [super().scope(task, plan, item_id)]


class ByIdentity(Good):
    def scope(self, task, plan, item_id):
        return id(plan)


class Talkative(Good):
    async def judge(self, task, plan, item_ids, draw=0):
        found = await super().judge(task, plan, item_ids, draw)
        return Judgement({**found.verdicts, "S99": Verdict.ok()})


class Forgetful(Good):
    async def judge(self, task, plan, item_ids, draw=0):
        found = await super().judge(task, plan, item_ids, draw)
        return Judgement({i: v for i, v in found.verdicts.items() if i != "S2"})


class NoNumber(Good):
    def verdict(self, task, plan, item_id, draw):
        return Verdict.model_construct(outcome="pass", score=math.nan, variance=0.0, reason="", witnesses=())


class TooSure(Good):
    def verdict(self, task, plan, item_id, draw):
        return Verdict.model_construct(outcome="pass", score=1.5, variance=0.0, reason="", witnesses=())


class Elsewhere(Good):
    def verdict(self, task, plan, item_id, draw):
        return Verdict.failed(Doubtful(item="S99"))


class Mute(Good):
    def verdict(self, task, plan, item_id, draw):
        return Verdict(outcome="fail", score=0.0)


class Profitable(Good):
    async def judge(self, task, plan, item_ids, draw=0):
        found = await super().judge(task, plan, item_ids, draw)
        return Judgement(found.verdicts, Usage(completion_tokens=-5))


class Meddling(Good):
    async def judge(self, task, plan, item_ids, draw=0):
        found = await super().judge(task, plan, item_ids, draw)
        plan.by_id.clear()
        return found


class Moody(Good):
    def __init__(self):
        self.count = itertools.count()

    def verdict(self, task, plan, item_id, draw):
        return Verdict.ok(score=1 / (1 + next(self.count)))


class FirstComes(Good):
    async def judge(self, task, plan, item_ids, draw=0):
        found = await super().judge(task, plan, item_ids, draw)
        return Judgement({**found.verdicts, item_ids[0]: Verdict.ok(reason="the first")})


class Drawn(Good):
    def verdict(self, task, plan, item_id, draw):
        return Verdict.ok(score=1 / (1 + draw))


class OneAtATime(Good):
    """Keeps what it judges in itself across an await."""

    async def judge(self, task, plan, item_ids, draw=0):
        self.task, self.plan = task, plan
        await asyncio.sleep(0)
        known = [item_id for item_id in item_ids if item_id == GOAL or item_id in self.plan]
        found = {i: self.verdict(self.task, self.plan, i, draw) for i in known}
        return Judgement({i: found.get(i, Verdict.unknown("gone")) for i in item_ids})


class Narrow(Good):
    def scope(self, task, plan, item_id):
        return None if super().scope(task, plan, item_id) is None else "always the same"


class Threshold(Good):
    def __init__(self, threshold=0.5):
        self.threshold = threshold


class Raising(Good):
    async def assess(self, task, plan, **options):
        if not plan.items:
            raise ValueError("an empty plan")
        return await super().assess(task, plan, **options)


class Leaving(Good):
    """Ends the program instead of saying that it cannot go on."""

    async def assess(self, task, plan, **options):
        if not plan.items:
            raise SystemExit(3)
        return await super().assess(task, plan, **options)


class Silent(Good):
    async def judge(self, task, plan, item_ids, draw=0):
        raise VerifierError("the licence has run out")


class Indifferent(Good):
    def scope(self, task, plan, item_id):
        return None


class Stale(Good):
    """Keeps verdicts by the item's id alone."""

    async def assess(self, task, plan, *, cache=None, draw=0, clock=lambda: 0.0) -> Assessment:
        fresh = await super().assess(task, plan, draw=draw, clock=clock)
        if cache is None:
            return fresh
        found = {item_id: cache.get(item_id) or verdict for item_id, verdict in fresh.verdicts.items()}
        for item_id, verdict in found.items():
            cache.put(item_id, verdict)
        return fresh.model_copy(update={"verdicts": found})


CONTROLS = [
    ("metadata", Sure),
    ("metadata", Unnamed),
    ("scope_hashable", Listed),
    ("scope_stable", ByIdentity),
    ("total", Talkative),
    ("total", Forgetful),
    ("scores", NoNumber),
    ("scores", TooSure),
    ("witnesses", Elsewhere),
    ("witnesses", Mute),
    ("cost", Profitable),
    ("purity", Meddling),
    ("deterministic", Moody),
    ("order", FirstComes),
    ("draw", Drawn),
    ("concurrent", OneAtATime),
    ("scope_decides", Narrow),
    ("version", Threshold),
    ("survives", Raising),
    ("survives", Leaving),
    ("speaks", Silent),
    ("speaks", Indifferent),
    ("cached", Stale),
]


@pytest.mark.parametrize(("law", "wrong"), CONTROLS, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_verifier_is_caught_by_its_law_and_no_other(law, wrong):
    variants = [Threshold(0.9)] if wrong is Threshold else []
    report = check_verifier(wrong(), FEW, variants=variants)
    assert report.failed == (law,), str(report)
    (example,) = report.broken
    assert example.where
    assert example.detail
    assert example.says == next(entry.says for entry in VERIFIER_LAWS if entry.name == law)
    with pytest.raises(LawBroken, match=law):
        report.require()


def test_every_law_has_a_wrong_verifier():
    assert {law for law, _ in CONTROLS} == {law.name for law in VERIFIER_LAWS}
    names = [law.name for law in VERIFIER_LAWS]
    assert all(names.index(base) < names.index(law.name) for law in VERIFIER_LAWS for base in law.rests_on)


def test_laws_that_are_not_claimed_are_not_tried_and_neither_is_what_rests_on_them():
    report = check_verifier(Moody(), FEW, skip=["deterministic"])
    assert report.ok
    assert report.unchecked["deterministic"] == "not claimed"
    assert report.unchecked["order"] == "it rests on deterministic"
    with pytest.raises(ConfigError, match="no law 'determinism'"):
        check_verifier(Good(), FEW, skip=["determinism"])


def test_a_tolerance_forgives_small_differences_and_no_others():
    class Jitter(Moody):
        def verdict(self, task, plan, item_id, draw):
            return Verdict.ok(score=0.5 + 1e-7 * (next(self.count) % 2))

    assert check_verifier(Jitter(), FEW).failed == ("deterministic",)
    assert check_verifier(Jitter(), FEW, tolerance=1e-6).ok
    assert check_verifier(Moody(), FEW, tolerance=1e-6).failed == ("deterministic",)


@pytest.mark.parametrize("verifier", [StructureVerifier(), OrderVerifier(), RelationsVerifier()], ids=lambda v: v.name)
def test_the_exact_verifiers_keep_every_law(verifier):
    report = check_verifier(verifier)
    assert report.ok, str(report)
    assert set(report.unchecked) == {"version"}


@pytest.mark.parametrize("method", ["logprob", "yes_no", "votes"])
def test_the_self_check_keeps_every_law(method):
    model = FunctionModel(
        lambda request, index: "yes" if len(request.prompt) % 3 else "no",
        scorer=lambda prompt, text: -0.2 * count(text),  # causal: a line's score does not depend on what follows it
    )
    variants = [SelfCheckVerifier(model, method, threshold=0.9)]
    report = check_verifier(
        SelfCheckVerifier(model, method),
        FEW,
        calls=lambda: len(model.requests) + len(model.scored),
        variants=variants if method == "votes" else [],
    )
    assert report.ok, str(report)


def test_a_model_that_is_asked_and_not_charged_is_found():
    model = FunctionModel(lambda request, index: "yes")

    class Free(SelfCheckVerifier):
        name = "free"

        async def judge(self, task, plan, item_ids, draw=0):
            return Judgement((await super().judge(task, plan, item_ids, draw)).verdicts)

    report = check_verifier(Free(model, "votes"), FEW, calls=lambda: len(model.requests))
    assert report.failed == ("cost",)
