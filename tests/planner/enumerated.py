"""Plan spaces small enough to list every state, with proposers whose distribution is known exactly."""

import itertools
import math
from collections import Counter

import numpy as np
from planneal.planner.edits import Move, Replace, apply
from planneal.planner.energy import difference
from planneal.planner.plan import Item, Plan
from planneal.planner.proposal import Proposal, Proposer
from planneal.planner.verdicts import Verdict
from planneal.planner.verifier import Judgement, Verifier
from planneal.planner.witnesses import GOAL
from planner_fakes import chance, kernel, run


class Landscape(Verifier):
    """Judges the goal alone, by a fixed function of the state in [0, 1]; several may add up."""

    def __init__(self, key, name="landscape", *, stage=0, scale=1.0):
        self.name, self.stage, self.key, self.scale = name, stage, key, scale
        self.calls = 0

    def scope(self, task, plan, item_id):
        return self.key(plan) if item_id == GOAL else None

    def cost(self, state):
        return self.scale * chance(self.name, state)

    async def judge(self, task, plan, item_ids, draw=0):
        self.calls += 1
        return Judgement({GOAL: Verdict.unknown("", score=1.0 - self.cost(self.key(plan)))})


class Space(Proposer):
    """A finite space: all states, and for each the possible edits with probability and ``log_q``.

    Args:
        ratio: Whether proposals tell their proposal ratio; without it an asymmetric proposer claims to be symmetric.
    """

    def __init__(self, *, ratio=True):
        self.ratio = ratio
        self._known = {}

    def proposals(self, plan):
        key = self.key(plan)
        if key not in self._known:
            listed = list(self.moves(plan))
            made = [
                Proposal(operator="move", edit=edit, log_q=log_q if self.ratio else 0.0) for edit, _, log_q in listed
            ]
            self._known[key] = made, np.cumsum([probability for _, probability, _ in listed])
        return self._known[key]

    async def propose(self, rng, view, state):
        made, cumulative = self.proposals(view.plan)
        return [made[min(int(np.searchsorted(cumulative, rng.random(), side="right")), len(made) - 1)]]


class Orders(Space):
    """All orders of four items (24 states) under moves of a random item to a random place: symmetric."""

    count = 4

    def key(self, plan):
        return "".join(item.text for item in plan.items)

    def states(self):
        items = [Item(id=f"S{n}", text="abcdefg"[n - 1]) for n in range(1, self.count + 1)]
        return [Plan(goal="g", target="1", items=order) for order in itertools.permutations(items)]

    def moves(self, plan):
        for item, place in itertools.product(plan.items, range(self.count)):
            rest = [other.id for other in plan.items if other is not item]
            anchor = rest[place] if place < len(rest) else None
            yield Move(id=item.id, anchor=anchor), 1 / self.count**2, 0.0


class Words(Space):
    """Two items of four possible words (16 states), one replaced by another: symmetric if the odds are even."""

    def __init__(self, odds=(0.25, 0.25, 0.25, 0.25), *, ratio=True):
        super().__init__(ratio=ratio)
        self.odds = dict(zip("abcd", odds, strict=True))

    def key(self, plan):
        return "".join(item.text for item in plan.items)

    def states(self):
        return [
            Plan(goal="g", target="1", items=[Item(id=f"S{n}", text=t) for n, t in enumerate(words, start=1)])
            for words in itertools.product(self.odds, repeat=2)
        ]

    def moves(self, plan):
        for item, (word, odds) in itertools.product(plan.items, self.odds.items()):
            if word != item.text:
                forth = odds / (1 - self.odds[item.text])
                back = self.odds[item.text] / (1 - odds)
                yield Replace(item=Item(id=item.id, text=word)), forth / 2, math.log(back / forth)


def kernel_on(space, rule, temperature, verifiers=None):
    return kernel(space, verifiers or (Landscape(space.key),), rule=rule, temperature=temperature)


def energies(space, step):
    """Energy of every state, as the kernel's verifiers and energy model give it."""

    async def judge():
        chain = await step.init(0, space.states()[0])
        return {space.key(plan): (await step.judge(plan, chain.anchor)).energy.total for plan in space.states()}

    return run(judge())


def boltzmann(levels, temperature):
    """The distribution ``exp(-E / T) / Z`` over the states."""
    weights = {state: math.exp(-level / temperature) for state, level in levels.items()}
    total = math.fsum(weights.values())
    return {state: weight / total for state, weight in weights.items()}


def visits(step, space, steps, seed):
    """Share of steps that a chain of the real kernel spends in each state."""

    async def walk():
        rng = np.random.default_rng(seed)
        chain = await step.init(0, space.states()[0])
        seen = Counter()
        for _ in range(steps):
            chain, _ = await step.step(rng, chain)
            seen[space.key(chain.current.plan)] += 1
        return {state: count / steps for state, count in seen.items()}

    return run(walk())


def total_variation(p, q):
    """Half the sum of absolute differences of two distributions."""
    return sum(abs(p.get(state, 0.0) - q.get(state, 0.0)) for state in p.keys() | q.keys()) / 2


def transitions(step, space):
    """The transition matrix, from the proposer's listed distribution and the rule's stated probability."""
    states = {space.key(plan): index for index, plan in enumerate(space.states())}
    matrix = np.zeros((len(states), len(states)))

    async def fill():
        anchor = (await step.init(0, space.states()[0])).anchor
        judged = {key: await step.judge(plan, anchor) for key, plan in zip(states, space.states(), strict=True)}
        temperature = step.schedule.init().temperature
        for key, index in states.items():
            plan = judged[key].plan
            made, cumulative = space.proposals(plan)
            for proposal, probability in zip(made, np.diff(cumulative, prepend=0.0), strict=True):
                other = space.key(apply(plan, proposal.edit))
                delta = difference(judged[other].energy, judged[key].energy)
                ratio = proposal.log_q if step.rule.corrects else 0.0
                taken = probability * step.rule.probability(delta, temperature, ratio)
                matrix[index, states[other]] += taken
                matrix[index, index] += probability - taken

    run(fill())
    return matrix
