"""Tiny verifiers, proposers and kernels: everything counted, nothing random but what a test asks for."""

import asyncio
import random
import zlib

from planneal.planner.acceptance import acceptance_rule
from planneal.planner.edits import Insert, Replace
from planneal.planner.energy import EnergyModel
from planneal.planner.kernel import Kernel
from planneal.planner.notation import parse_edit, parse_plan
from planneal.planner.plan import Item
from planneal.planner.proposal import Proposal, Proposer
from planneal.planner.schedules import Constant
from planneal.planner.task import Task
from planneal.planner.verdicts import Verdict
from planneal.planner.verifier import Judgement, Verifier
from planneal.planner.witnesses import GOAL, Doubtful

TASK = Task(question="How many wigs?")


def run(awaitable):
    return asyncio.run(awaitable)


def plan_of(*lines, goal="how many wigs? [wigs]"):
    return parse_plan("\n".join([f"goal: {goal}", *lines]))


def edit(line, **changes):
    """A proposal from an edit line."""
    return Proposal(**{"operator": "fake", "edit": parse_edit(line), **changes})


class Scores(Verifier):
    """Scores items and the goal by a function of (id, item or None); counts its calls.

    ``fails``: ids of failing outcome (all others pass or, with a score below 1, are unknown).
    """

    def __init__(self, score, name="scores", *, stage=0, trust="exact", fails=(), goal=None, jitter=0):
        self.name, self.stage, self.trust = name, stage, trust
        self.score, self.fails, self.goal, self.jitter = score, frozenset(fails), goal, jitter
        self.calls = []

    def scope(self, task, plan, item_id):
        return (self.goal or "goal") if item_id == GOAL else plan[item_id]

    async def judge(self, task, plan, item_ids, draw=0):
        self.calls.append((plan.hash, tuple(item_ids), draw))
        for _ in range(random.randrange(self.jitter) if self.jitter else 0):
            await asyncio.sleep(0)
        return Judgement({item_id: self.verdict(plan, item_id, draw) for item_id in item_ids})

    def verdict(self, plan, item_id, draw):
        if item_id == GOAL:
            return Verdict(outcome=self.goal or "pass", score=0.0 if self.goal == "fail" else 1.0)
        score = self.score(plan[item_id], draw)
        if item_id in self.fails:
            return Verdict(outcome="fail", score=score)
        return Verdict.ok() if score == 1.0 else Verdict.unknown("so so", score=score)


def chance(*parts):
    """A number in [0, 1) that depends on nothing but the parts."""
    return zlib.crc32("|".join(map(str, parts)).encode()) / 2**32


def written(item, draw=0):
    """Score written in an item's text, as in ``score 0.25``; 1 where there is none."""
    return float(item.text.split()[-1]) if item.text.startswith("score") else 1.0


class Noisy(Scores):
    """A judge whose score for an item and a draw is a fixed, arbitrary number; doubts what is below one half."""

    def __init__(self, name="noisy", *, stage=3, spread=0.4, centre=0.6, doubts=False):
        super().__init__(self.noise, name, stage=stage, trust="noisy")
        self.spread, self.centre, self.doubts = spread, centre, doubts

    def noise(self, item, draw):
        return self.centre + self.spread * (chance(self.name, item.id, item.text, draw) - 0.5)

    def verdict(self, plan, item_id, draw):
        found = super().verdict(plan, item_id, draw)
        if self.doubts and found.score < 0.5:
            return Verdict.unknown("doubtful", Doubtful(item=item_id), score=found.score)
        return found


class Broken(Verifier):
    """Raises whatever it is given, or sleeps for ever."""

    def __init__(self, error=None, *, name="broken", stage=1, timeout=None, only=lambda plan: True):
        self.name, self.stage, self.timeout, self.error, self.only = name, stage, timeout, error, only
        self.waiting = 0

    def scope(self, task, plan, item_id):
        return plan.hash if item_id == GOAL else None

    async def judge(self, task, plan, item_ids, draw=0):
        if self.only(plan):
            if self.error is not None:
                raise self.error
            self.waiting += 1
            await asyncio.sleep(60)
        return Judgement({GOAL: Verdict.ok()})


class Scripted(Proposer):
    """Proposals from a list of batches; a batch may be an error to raise. Nothing once it ran out."""

    def __init__(self, *batches, forever=None):
        self.batches, self.forever = list(batches), forever
        self.views, self.feedback = [], []

    async def propose(self, rng, view, state):
        self.views.append(view)
        batch = self.batches.pop(0) if self.batches else self.forever
        if isinstance(batch, BaseException):
            raise batch
        if callable(batch):
            batch = batch(rng, view)
        return [batch] if isinstance(batch, Proposal) else list(batch or ())

    def update(self, state, feedback):
        self.feedback.append(feedback)
        return state


class Wanderer(Proposer):
    """Gives a random item a random written score, or adds one: enough to keep a chain busy."""

    def __init__(self, jitter=0):
        self.jitter = jitter

    async def propose(self, rng, view, state):
        for _ in range(random.randrange(self.jitter) if self.jitter else 0):
            await asyncio.sleep(0)
        text = f"score {int(rng.integers(1, 20)) / 20}"
        items = view.plan.items
        index = int(rng.integers(len(items) + 1))
        if index == len(items) and len(items) < 6:
            item = Item(id=view.plan.fresh_id("S", view.retired), text=text)
            return [Proposal(operator="insert", edit=Insert(item=item))]
        old = items[index % len(items)]
        if old.text == text:
            return []
        return [Proposal(operator="replace", edit=Replace(item=Item(id=old.id, text=text)))]


def kernel(proposer=None, verifiers=None, *, rule="greedy", temperature=0.1, **parts):
    """A kernel of fakes; ``weights`` and other parts may be given by name."""
    weights = parts.pop("weights", {})
    return Kernel(
        task=parts.pop("task", TASK),
        proposer=proposer or Scripted(),
        verifiers=(Scores(written),) if verifiers is None else verifiers,
        energy=parts.pop("energy", EnergyModel(weights=weights)),
        rule=acceptance_rule(rule) if isinstance(rule, str) else rule,
        schedule=parts.pop("schedule", Constant(temperature)),
        **parts,
    )
