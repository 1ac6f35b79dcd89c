"""Edits a model writes: shared calls, ejection chains, malformed lines, adaptation."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from planneal.decoders.metered import Account, MeteredModel
from planneal.decoders.prompts import PromptSet
from planneal.planner.acceptance import Greedy
from planneal.planner.energy import EnergyModel
from planneal.planner.errors import EndpointError
from planneal.planner.kernel import Kernel
from planneal.planner.ledger import Ledger
from planneal.planner.notation import format_edit, format_plan, parse_plan
from planneal.planner.proposal import Feedback, ProposerState
from planneal.planner.schedules import Constant
from planneal.planner.task import Task
from planneal.proposers import EditOptions, EditWriter, Mixture
from planneal.testing import FunctionModel, ScriptedModel
from planneal.verifiers import RelationsVerifier, StructureVerifier

TASK = Task(question="There are 4 nuts and 2 pins. Bolts are nuts plus pins. Wigs are twice the bolts. How many wigs?")
HOLED = parse_plan("goal: g [wigs]\nS1: [wigs = bolts * pins]")
TWO_STEP = parse_plan("goal: g [wigs]\nS1: [wigs = 2 * bolts]")


def kernel(model, *, rule=None, temperature=0.0, **options):
    writer = EditWriter(MeteredModel(model, Account(Ledger()), "propose"), PromptSet("compact"), EditOptions(**options))
    return Kernel(
        task=TASK,
        proposer=Mixture(writer, floor=0.0),
        verifiers=[StructureVerifier(), RelationsVerifier()],
        energy=EnergyModel(),
        rule=rule or Greedy(),
        schedule=Constant(temperature),
    )


def drive(k, plan, steps, seed=0):
    async def go():
        rng, chain, infos = np.random.default_rng(seed), await k.init(0, plan), []
        for _ in range(steps):
            chain, info = await k.step(rng, chain)
            infos.append(info)
        return chain, infos

    return asyncio.run(go())


def test_two_independent_witnesses_share_one_call_and_are_judged_apart():
    def reply(request, index):
        asked = [line for line in request.prompt.split("\n") if line.startswith("problem:")]
        return "\n".join(
            "insert S before S1: [bolts = 6]" if "bolts" in line else "insert S before S1: [pins = 2]" for line in asked
        )

    model = FunctionModel(reply)
    chain, infos = drive(kernel(model), HOLED, 2)
    assert len(model.requests) == 1
    assert model.requests[0].prompt.count("problem:") == 2
    assert [info.decision for info in infos] == ["accepted", "accepted"]
    assert sum(info.usage.calls for info in infos) == 1
    assert sum(info.usage.completion_tokens for info in infos) > 0
    assert {item.defines for item in chain.current.plan.items} == {"wigs", "bolts", "pins"}


def test_a_small_model_is_shown_the_check_that_is_wrong_and_not_only_its_item():
    model = FunctionModel(lambda request, index: "replace S1: [bolts = 4]")
    drive(kernel(model), parse_plan("goal: g [wigs]\nS1: [bolts = 2 +]\nS2: [wigs = 2 * bolts] <- S1"), 1)
    told = sorted(line for line in model.requests[0].prompt.split("\n") if line.startswith("problem: "))
    assert told[0].startswith("problem: S1 is malformed: ")
    assert told[0].endswith(" [ bolts = 2 +]")
    assert told[1] == "problem: S2 uses bolts, defined nowhere"


def test_edits_of_one_call_are_numbered_after_what_the_edits_before_them_took():
    def reply(request, index):
        if "pins, defined nowhere" in request.prompt:
            asked = [line for line in request.prompt.split("\n") if line.startswith("problem:")]
            told = ("insert S: [bolts = nuts]" if "bolts" in line else "insert S: [pins = 2]" for line in asked)
            return "\n".join(told)
        return "insert S: [nuts = 4]"

    chain, infos = drive(kernel(FunctionModel(reply)), HOLED, 2)
    assert [info.decision for info in infos] == ["accepted", "accepted"]
    assert {item.defines for item in chain.current.plan.items} == {"wigs", "bolts", "nuts", "pins"}


def test_an_edit_resolves_the_witnesses_it_creates_before_it_is_judged():
    def reply(request, index):
        if "bolts, defined nowhere" in request.prompt:
            return "insert S before S1: [bolts = nuts + 2]"
        return "insert S before S2: [nuts = 4]"

    deep, _ = drive(kernel(FunctionModel(reply), depth=1), TWO_STEP, 1)
    assert {item.defines for item in deep.current.plan.items} == {"wigs", "bolts", "nuts"}
    assert deep.step == 1
    shallow, _ = drive(kernel(FunctionModel(reply), depth=0), TWO_STEP, 1)
    assert {item.defines for item in shallow.current.plan.items} == {"wigs", "bolts"}, "negative control: no depth"


def test_needs_of_an_inserted_item_are_settled_without_a_model():
    model = FunctionModel(lambda request, index: "insert S before S1: [bolts = 6]")
    chain, infos = drive(kernel(model), TWO_STEP, 1)
    assert chain.current.plan["S1"].needs == ("S2",)
    assert format_edit(infos[0].proposal.edit) == "insert S2 before S1: [bolts = 6]\nneeds S1: S2"


def test_what_is_paid_for_is_judged_even_if_the_next_call_fails():
    model = ScriptedModel(["insert S before S1: [bolts = nuts + 2]", EndpointError("gone")])
    chain, infos = drive(kernel(model, depth=2), TWO_STEP, 1)
    assert infos[0].accepted
    assert "bolts" in {item.defines for item in chain.current.plan.items}


BAD = ["", "I would suggest adding bolts.", "insert S1: [x = 1]", "delete S99", "tighten S1: [wigs = 2]"]


@pytest.mark.parametrize("text", BAD)
def test_bad_lines_cost_their_tokens_are_counted_and_rejected(text):
    chain, infos = drive(kernel(FunctionModel(lambda request, index: text)), TWO_STEP, 1)
    assert infos[0].decision in ("malformed", "invalid")
    assert infos[0].usage.completion_tokens >= 1
    assert chain.current.plan == TWO_STEP
    assert infos[0].reason


def test_code_fences_are_not_edits():
    model = FunctionModel(lambda request, index: "```\ninsert S before S1: [bolts = 6]\n```")
    chain, _ = drive(kernel(model), TWO_STEP, 1)
    assert chain.current.plan["S2"].defines == "bolts"


def test_the_first_try_is_greedy_and_later_ones_are_sampled_with_fresh_seeds():
    model = FunctionModel(lambda request, index: "delete S99")
    drive(kernel(model), TWO_STEP, 1)
    replaced = FunctionModel(lambda request, index: "replace S1: [wigs = 3 * bolts + nails]")
    _, infos = drive(kernel(replaced, depth=0), TWO_STEP, 4)
    temperatures = [request.temperature for request in replaced.requests]
    assert temperatures[0] == 0.0
    assert any(t > 0 for t in temperatures[1:]) or all(info.accepted for info in infos)
    assert len({request.seed for request in replaced.requests}) == len(replaced.requests)


def test_chat_prompts_show_locks_rejections_and_how_to_start():
    locked = parse_plan("goal: g [wigs]\nC1!: [wigs > 0]\nS1: [wigs = 2 * bolts]")
    model = FunctionModel(lambda request, index: "delete S99", dialect="chat")
    k = kernel(model)
    k.proposer = Mixture(EditWriter(MeteredModel(model, Account(Ledger()), "propose"), PromptSet("chat")), floor=0.0)
    drive(k, locked, 2)
    assert "C1!: [wigs > 0]" in model.requests[0].prompt
    assert "start with: insert S before S1:" in model.requests[0].prompt
    assert "delete S99" in model.requests[1].prompt


def test_operator_weights_rise_with_what_pays_and_stay_when_frozen():
    mixture, state = Mixture(None, reaction=0.5), ProposerState()
    good = Feedback(operator="lm.insert", accepted=True, drop=2.0, tokens=100)
    bad = Feedback(operator="lm.replace", accepted=False, drop=0.0, tokens=100)
    for feedback in (good, bad, good, bad):
        state = mixture.update(state, feedback)
    assert state.weights["lm.insert"] > 1.0 > state.weights["lm.replace"]
    assert state.tries == {"lm.insert": 2, "lm.replace": 2}
    dear = mixture.update(ProposerState(), good.model_copy(update={"tokens": 10_000}))
    assert dear.weights["lm.insert"] < mixture.update(ProposerState(), good).weights["lm.insert"]
    frozen = ProposerState(frozen=True)
    assert mixture.update(frozen, good).weights == {}


def test_without_a_writer_only_structural_edits_are_made():
    k = kernel(ScriptedModel([]))
    k.proposer = Mixture(None)
    plan = parse_plan("goal: g [b]\nS1: [a = 1]\nS2: [b = a + 1]")
    chain, infos = drive(k, plan, 2)
    assert format_plan(chain.current.plan, bare=True).endswith("S2: [b = a + 1] <- S1")
    assert [info.decision for info in infos] == ["accepted", "no_proposal"]
