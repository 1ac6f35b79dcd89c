"""The laws of proposers: the shipped ones keep them, and every law has a wrong proposer that it alone catches."""

from __future__ import annotations

import asyncio
import random

import numpy as np
import pytest
from planneal.decoders.prompts import PromptSet
from planneal.planner.edits import Delete, Insert, Move, Replace
from planneal.planner.errors import LawBroken, TransientError
from planneal.planner.ledger import Usage
from planneal.planner.plan import Item
from planneal.planner.proposal import Proposal, Proposer, ProposerState
from planneal.proposers import EditWriter, Mixture
from planneal.proposers.structural import RandomMoves, StructuralEdits
from planneal.testing import PROPOSER_LAWS, FunctionModel, check_proposer, sample_cases, view_of

FEW = (*sample_cases()[:3], sample_cases()[11])


class Good(Proposer):
    """Inserts an item where one is free, moves another, and learns the weight of what it did."""

    def usage(self):
        return Usage(calls=1, completion_tokens=4)

    def edit(self, rng, view):
        if len(view.plan.items) > 1 and rng.random() < 0.5:
            return Move(id=view.plan.items[int(rng.integers(len(view.plan.items)))].id)
        item_id = view.plan.fresh_id("S", view.retired)
        return Insert(item=Item(id=item_id, text=f"think of {int(rng.integers(1000))}"))

    async def propose(self, rng, view, state):
        return [Proposal(operator="good", edit=self.edit(rng, view), usage=self.usage())]

    def update(self, state, feedback):
        if state.frozen:
            return state
        return state.model_copy(update={"weights": {**state.weights, feedback.operator: 2.0}})


def test_a_good_proposer_keeps_every_law():
    report = check_proposer(Good, FEW)
    assert report.ok, str(report)
    assert report.held == tuple(law.name for law in PROPOSER_LAWS)


class Raising(Good):
    async def propose(self, rng, view, state):
        return [Proposal(operator="first", edit=Delete(id=view.plan.items[0].id))] if view.plan.items[0].locked else []


class Unexplained(Good):
    async def propose(self, rng, view, state):
        return [Proposal(operator="good")]


class Profitable(Good):
    def usage(self):
        return Usage(calls=-1)


class Unseeded(Good):
    def edit(self, rng, view):
        return super().edit(np.random.default_rng(random.SystemRandom().randrange(2**32)), view)


class Locksmith(Good):
    def edit(self, rng, view):
        locked = [item for item in view.plan.items if item.locked]
        return Delete(id=locked[0].id) if locked else super().edit(rng, view)


class Reviving(Good):
    def edit(self, rng, view):
        return Insert(item=Item(id="S90", text="again"))


class Elsewhere(Good):
    def edit(self, rng, view):
        return Replace(item=Item(id="S77", text="nobody's"))


class Meddling(Good):
    def update(self, state, feedback):
        state.tries["good"] = 7
        return state


class Meddler(Good):
    async def propose(self, rng, view, state):
        found = await super().propose(rng, view, state)
        view.plan.by_id.pop("S1", None)
        return found


class Heavy(Good):
    def update(self, state, feedback):
        if state.frozen:
            return state
        return ProposerState(weights={feedback.operator: feedback.drop})


class Thawing(Good):
    def update(self, state, feedback):
        return state.model_copy(update={"weights": {feedback.operator: 2.0}})


CONTROLS = [
    ("survives", Raising),
    ("explained", Unexplained),
    ("usage", Profitable),
    ("seeded", Unseeded),
    ("locked", Locksmith),
    ("retired", Reviving),
    ("applies", Elsewhere),
    ("purity", Meddling),
    ("purity", Meddler),
    ("weights", Heavy),
    ("weights", Thawing),
]


@pytest.mark.parametrize(("law", "wrong"), CONTROLS, ids=lambda value: getattr(value, "__name__", value))
def test_a_wrong_proposer_is_caught_by_its_law_and_no_other(law, wrong):
    report = check_proposer(wrong, FEW)
    assert report.failed == (law,), str(report)
    with pytest.raises(LawBroken, match=law):
        report.require()


def test_every_law_has_a_wrong_proposer():
    assert {law for law, _ in CONTROLS} == {law.name for law in PROPOSER_LAWS}


@pytest.mark.parametrize("make", [StructuralEdits, RandomMoves, lambda: Mixture(None)], ids=["edits", "moves", "none"])
def test_the_structural_proposers_keep_every_law(make):
    report = check_proposer(make)
    assert report.ok, str(report)


def mixture(reply):
    requests = []

    def answer(request, index):
        requests.append(request)
        return reply(request)

    def make():
        return Mixture(EditWriter(FunctionModel(answer), PromptSet("compact")))

    return make, lambda: len(requests)


def test_a_mixture_with_a_sensible_model_keeps_every_law():
    make, calls = mixture(lambda request: "insert S: [wigs = 14]")
    report = check_proposer(make, FEW, calls=calls, seeds=(0, 1))
    assert report.ok, str(report)


def test_a_mixture_with_a_model_that_talks_nonsense_keeps_all_but_what_the_kernel_guards():
    make, calls = mixture(lambda request: "junk\ndelete C1\n\x00[[[\ndelete S99\nreplace S1: [nuts = 4")
    report = check_proposer(make, FEW, calls=calls, seeds=(0, 1), skip=["locked", "applies"])
    assert report.ok, str(report)
    assert check_proposer(make, FEW, seeds=(0,)).failed == ("locked",)  # the kernel refuses such edits


def test_models_that_give_out_are_no_broken_law():
    make, _ = mixture(lambda request: TransientError("gone"))
    assert check_proposer(make, FEW).ok


def test_a_call_that_nobody_is_charged_for_is_found():
    make, calls = mixture(lambda request: "insert S: [wigs = 14]")

    class Free(Good):
        async def propose(self, rng, view, state):
            found = await make().propose(rng, view, state)
            return [proposal.model_copy(update={"usage": Usage()}) for proposal in found]

    assert check_proposer(Free, FEW, calls=calls, seeds=(0,)).failed == ("usage",)


def test_a_view_holds_what_the_verifiers_hold_against_the_plan():
    task, plan = sample_cases()[1]
    view = asyncio.run(view_of(task, plan))
    assert [w.line for w in view.witnesses] == ["S2 is false: nuts + 3 is 7, not 8"]
