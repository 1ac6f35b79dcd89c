"""How much noise refinement stands, and what each remedy is worth: an ordering problem, random moves, no model.

A problem asks for an order of items that meets every constraint (``S2 < S5``, ``|S1 - S4| >= 2``); the plan starts in a
random order and one item moves to a random place per step. Noise is put on a verifier's verdicts, either on each
constraint's own verdict (flips, or Gaussian noise on its score) or on *one* score for the whole plan, the share of the
constraints met. All arms may spend the same number of verifier calls, looks at finalists and refreshed incumbents
included; what they return is graded without noise: right if every constraint holds.

Run: ``python -m planneal.experiments.noise_study`` (six minutes on one busy core; ``--problems 10`` for a quick look).
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ..planner.acceptance import acceptance_rule
from ..planner.chain import Chain
from ..planner.edits import Move
from ..planner.energy import EnergyModel
from ..planner.finals import FinalRule
from ..planner.kernel import Kernel
from ..planner.ledger import Budget, Ledger
from ..planner.plan import Item, Plan
from ..planner.proposal import Proposal, Proposer, ProposerState, View
from ..planner.refine import RestartRule, Worker, refine
from ..planner.schedules import Geometric
from ..planner.stopping import StopRule
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import GOAL
from ..verifiers.noise import NoisyVerifier
from ..verifiers.order import OrderVerifier
from .statistics import paired_difference, wilson

ITEMS, CONSTRAINTS = 7, 12
TASK = Task(question="In which order?")
TEMPERATURES = (0.1, 0.01)
"""Start and end of the cooling; one constraint is worth about 0.08."""


def problem(rng: np.random.Generator) -> Plan:
    """A plan whose locked constraints some order of its items meets, in another order, at random."""
    places = rng.permutation(ITEMS)
    checks: set[str] = set()
    while len(checks) < CONSTRAINTS:
        a, b = (int(n) for n in rng.choice(ITEMS, 2, replace=False))
        gap = int(places[b] - places[a])
        if rng.random() < 0.5:
            if gap > 0:
                checks.add(f"order: S{a + 1} < S{b + 1}")
        elif abs(gap) >= 3:
            checks.add(f"order: |S{min(a, b) + 1} - S{max(a, b) + 1}| >= 3")
        elif abs(gap) <= 2:
            checks.add(f"order: |S{min(a, b) + 1} - S{max(a, b) + 1}| <= 2")
    items = [Item(id=f"S{n + 1}", text=f"item {n + 1}") for n in rng.permutation(ITEMS)]
    locked = [Item(id=f"C{n}", check=check, locked=True) for n, check in enumerate(sorted(checks), start=1)]
    return Plan(goal="an order that meets all constraints", items=[*items, *locked])


class Share(Verifier):
    """One score for the whole plan: the share of its order checks that hold."""

    name = "share"

    def __init__(self) -> None:
        self._order = OrderVerifier()

    def scope(self, task: Task, plan: Plan, item_id: str) -> Hashable | None:
        """The order of the items."""
        return tuple(plan.by_id) if item_id == GOAL else None

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """The share."""
        found = await self._order.judge(task, plan, [item.id for item in plan.locked])
        share = sum(verdict.outcome == "pass" for verdict in found.verdicts.values()) / len(found.verdicts)
        return Judgement({GOAL: Verdict.ok(share) if share == 1 else Verdict.failed(score=share)})


class Moves(Proposer):
    """A random item to a random place: symmetric."""

    async def propose(self, rng: np.random.Generator, view: View, state: ProposerState) -> Sequence[Proposal]:
        """One move."""
        item = f"S{int(rng.integers(ITEMS)) + 1}"
        others = [i for i in view.plan.by_id if i.startswith("S") and i != item]
        place = int(rng.integers(ITEMS))
        where, anchor = ("before", others[place]) if place < len(others) else ("after", others[-1])
        return [Proposal(operator="move", edit=Move.model_validate({"id": item, "where": where, "anchor": anchor}))]


class Noise(NamedTuple):
    """Where the noise is and how much of it."""

    name: str
    whole: bool = False
    flip: float = 0.0
    sigma: float = 0.0

    def verifier(self, seed: int) -> Verifier:
        """The noisy verifier."""
        return NoisyVerifier(Share() if self.whole else OrderVerifier(), flip=self.flip, sigma=self.sigma, seed=seed)


class Arm(NamedTuple):
    """What is done about the noise."""

    name: str
    rule: str = "metropolis"
    refresh_after: int = 0
    final: FinalRule = FinalRule(looks=0)


NOISES = (
    *(Noise(f"each verdict flipped, {flip:g}", flip=flip) for flip in (0.0, 0.05, 0.1, 0.2)),
    *(Noise(f"each verdict, sigma {sigma:g}", sigma=sigma) for sigma in (0.05, 0.1, 0.2)),
    *(Noise(f"one score a plan, sigma {sigma:g}", whole=True, sigma=sigma) for sigma in (0.0, 0.05, 0.1, 0.2)),
)
SECOND_LOOK = FinalRule(shortlist=5, looks=4)
ARMS = (
    Arm("nothing"),
    Arm("refresh", refresh_after=5),
    Arm("second look", final=SECOND_LOOK),
    Arm("both", refresh_after=5, final=SECOND_LOOK),
    Arm("penalty", rule="penalty", final=SECOND_LOOK),
)


class Ended(NamedTuple):
    """One run: whether all constraints hold, the share that does, what the choice believed, and calls spent."""

    right: bool
    share: float
    believed: float
    calls: int


async def attempt(noise: Noise, arm: Arm, seed: int, calls: int) -> Ended:
    """One problem refined under noise, within ``calls`` verifier calls, and graded without noise.

    The seed decides the problem, the moves and the draws; the same for every arm and noise.
    """
    start = problem(np.random.default_rng([seed, 0]))
    ledger = Ledger(Budget(verifier_calls=calls))
    purse = [ledger]

    def progress(chain: Chain) -> float:
        return min(1.0, ledger.spent.verifier_calls / calls)

    verifier = noise.verifier(seed)
    kernel = Kernel(
        task=TASK,
        proposer=Moves(),
        verifiers=[verifier],
        # one score for the plan stands under one demand of many: its weight makes a constraint worth the same
        energy=EnergyModel(weights={"share": CONSTRAINTS + 1.0}),
        rule=acceptance_rule(arm.rule),
        schedule=Geometric(*TEMPERATURES),
        progress=progress,
        admit=lambda worst: purse[0].check(worst),
        charge=lambda usage: purse[0].charge("verify", usage),
        refresh_after=arm.refresh_after,
        shortlist=arm.final.shortlist,
    )

    def use(share: Ledger) -> None:
        purse[0] = share

    worker = Worker(kernel, np.random.default_rng([seed, 1]), use=use)
    stop = StopRule(max_steps=10**6, least_chance=0.0, idle=10**6)
    state = await refine(
        [worker], [start], ledger=ledger, stop=stop, restart=RestartRule(restarts=0), final=arm.final
    )
    assert state.chosen is not None
    exact = await Share().judge(TASK, state.chosen.plan, [GOAL])
    share = exact.verdicts[GOAL].score
    believed = 1.0 - state.chosen.energy.total * (1.0 if noise.whole else (CONSTRAINTS + 1) / CONSTRAINTS)
    return Ended(share == 1.0, share, believed, ledger.spent.verifier_calls)


async def study(
    problems: int, calls: int, seed: int, *, done: Callable[[str], None] = lambda line: None
) -> Mapping[tuple[str, str], list[Ended]]:
    """Every arm under every noise on the same problems."""
    found: dict[tuple[str, str], list[Ended]] = {}
    for noise in NOISES:
        for arm in ARMS:
            runs = [await attempt(noise, arm, seed * 1_000_000 + number, calls) for number in range(problems)]
            found[noise.name, arm.name] = runs
            done(f"{noise.name}, {arm.name}: {sum(run.right for run in runs)} of {problems}")
    return found


def table(found: Mapping[tuple[str, str], list[Ended]]) -> str:
    """Accuracy per noise and arm with 95% Wilson intervals; a star where the paired interval of the gain excludes 0."""
    rng = np.random.default_rng(0)
    lines = ["| noise | " + " | ".join(arm.name for arm in ARMS) + " |", "|---|" + "---|" * len(ARMS)]
    for noise in NOISES:
        base = [float(run.right) for run in found[noise.name, ARMS[0].name]]
        cells: list[str] = []
        for arm in ARMS:
            right = [float(run.right) for run in found[noise.name, arm.name]]
            low, high = wilson(int(sum(right)), len(right))
            gain = paired_difference(right, base, rng=rng)
            star = "*" if gain.low > 0 or gain.high < 0 else ""
            cells.append(f"{np.mean(right):.2f}{star} [{low:.2f}, {high:.2f}]")
        lines.append(f"| {noise.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def beliefs(found: Mapping[tuple[str, str], list[Ended]]) -> str:
    """What the chosen plan's score said beside the share of constraints it meets: the winner's curse."""
    lines = ["| noise | " + " | ".join(arm.name for arm in ARMS) + " |", "|---|" + "---|" * len(ARMS)]
    for noise in NOISES:
        cells = []
        for arm in ARMS:
            runs = found[noise.name, arm.name]
            cells.append(f"{np.mean([r.believed for r in runs]):.2f} / {np.mean([r.share for r in runs]):.2f}")
        lines.append(f"| {noise.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--problems", type=int, default=40)
    parser.add_argument("--calls", type=int, default=128, help="verifier calls per run")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args(arguments)
    started = time.process_time()
    done = (lambda line: None) if options.quiet else (lambda line: print(line, flush=True))
    found = asyncio.run(study(options.problems, options.calls, options.seed, done=done))
    print(f"\n{options.problems} problems, {options.calls} verifier calls each, seed {options.seed}\n")
    print(table(found))
    print("\nshare of constraints met: as the choice believed / in truth\n")
    print(beliefs(found))
    print(f"\n{time.process_time() - started:.0f} s of processor time")


if __name__ == "__main__":
    main()
