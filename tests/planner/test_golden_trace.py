"""A whole refinement against a stored trace: what changes here changes every user's runs.

``PLANNEAL_REGENERATE=1`` writes the file anew; look at the difference before committing it.
"""

import os
from itertools import zip_longest
from pathlib import Path

import numpy as np
from planneal.planner.events import RunStarted
from planneal.planner.ledger import Budget, Ledger, Usage
from planneal.planner.proposal import Proposal
from planneal.planner.refine import Refinement, RestartRule, Worker, refine_events
from planneal.planner.schedules import Geometric
from planneal.planner.stopping import StopRule
from planneal.planner.task import Task
from planneal.planner.trace import TraceWriter, masked, read_trace
from planner_fakes import Broken, Noisy, Scores, Scripted, Wanderer, edit, kernel, plan_of, run, written

GOLDEN = Path(__file__).with_name("golden_trace.jsonl")
TASK = Task(question="How many wigs?", target="wigs", constraints=["wigs > 0"])
DRAFTS = [
    plan_of("C1!: [wigs > 0]", "S1: score 0.5 [wigs = 2]", "C2: score 0.75 [wigs < 9]"),
    plan_of("C1!: [wigs > 0]", "S1: score 0.25 [wigs = nuts + 1]"),
]
USAGE = Usage(prompt_tokens=50, completion_tokens=8, calls=1, seconds=0.5)
FIRST = (
    [edit("replace S1: score 0.75 [wigs = 2] <- S2", usage=USAGE, operator="lm.replace"), edit("delete C1")],
    edit("insert S2 before S1: score 0.9 [nuts = 1]", usage=USAGE),
    edit("move S2", log_q=0.5),
    edit("replace S1: score 0.5 [wigs = 2] @draft"),
    edit("delete C2"),
    edit("delete S2"),
    edit("insert S2: score 0.9 [nuts = 1]"),
    Proposal(operator="lm.insert", error="line 1, column 1: not plan notation", usage=USAGE),
    [],
    edit("replace S1: score 0.75 [wigs = 2] <- S2"),
)


def events(rng_seed=11):
    ticks = iter(range(10**6))
    ledger = Ledger(Budget(verifier_calls=200))

    def worker(index, proposer):
        judges = (
            Scores(written, goal="unknown"),
            Broken(ValueError("out of order"), stage=2, only=lambda plan: len(plan.items) > 4),
            Noisy(stage=3),
        )
        step = kernel(
            proposer,
            judges,
            task=TASK,
            rule="metropolis",
            schedule=Geometric(0.3, 0.01),
            weights={"noisy": 0.5},
            refresh_after=3,
            progress=lambda chain: chain.step / 14,
            clock=lambda: float(next(ticks)),
        )
        return Worker(step, np.random.default_rng([rng_seed, index]))

    workers = [worker(0, Scripted(*FIRST)), worker(1, Wanderer())]
    found = refine_events(
        Refinement(),
        workers,
        DRAFTS,
        ledger=ledger,
        stop=StopRule(max_steps=14, idle=3),
        restart=RestartRule(patience=4, restarts=1),
    )

    async def collect():
        return [event async for event in found]

    return run(collect())


def test_a_run_is_the_one_on_file(tmp_path):
    start = RunStarted(planneal="0", task=TASK, model="none", seed=11, budget=Budget(verifier_calls=200))
    path = tmp_path / "trace.jsonl"
    with TraceWriter(path) as writer:
        for event in [start, *events()]:
            writer.write(event)
    lines = [masked(event) for event in read_trace(path)]
    if os.environ.get("PLANNEAL_REGENERATE"):
        GOLDEN.write_text("\n".join(lines) + "\n", encoding="utf-8")
    expected = GOLDEN.read_text(encoding="utf-8").splitlines()
    for number, (line, wanted) in enumerate(zip_longest(lines, expected), start=1):
        assert line == wanted, f"line {number} of {GOLDEN.name} is another one"


def test_the_stored_trace_covers_what_it_should():
    found = list(read_trace(GOLDEN))
    kinds = {event.kind for event in found}
    assert kinds == {"run_started", "plan_drafted", "step_taken", "chain_stopped", "plan_chosen"}
    decisions = {event.decision for event in found if event.kind == "step_taken"}
    told = {"accepted", "worse", "early", "invalid", "reused_id", "no_proposal", "unchanged", "malformed"}
    assert decisions == told
    assert any(event.abstained for event in found if event.kind == "step_taken")
    assert {event.restart for event in found if event.kind == "plan_drafted"} == {0, 1}


def test_another_seed_is_another_trace():
    """Negative control: the comparison sees a difference in chance alone."""
    assert [masked(event) for event in events()] == [masked(event) for event in events()]
    assert [masked(event) for event in events()] != [masked(event) for event in events(12)]
