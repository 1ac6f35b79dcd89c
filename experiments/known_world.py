"""A world whose laws are known: a task, a verifier and a model with given chances, so that results can be computed.

Plans have ``parts`` items that are right or wrong each by itself, and one *deep* item that no verifier sees through.
The answer that follows from a plan is right if all its items are, but for a slip. Answers without a plan begin with a
line that the verifier can judge and that says something, not all, of the value that comes next. Whatever the model is
asked, it draws anew: the draw depends on prompt, seed and number of the completion alone, whatever the temperature.

The price is flat: any prompt counts :data:`PROMPT` tokens and any completion :data:`COMPLETION`, so that what a budget
pays for is a sum that can be done by hand (:mod:`~planneal.experiments.known_laws` does).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..decoders.base import (
    Capabilities,
    Completion,
    LanguageModel,
    Message,
    SampleRequest,
    Samples,
    TokenLogprob,
)
from ..planner.ledger import Usage
from ..planner.plan import Plan
from ..planner.task import Task
from ..planner.verdicts import Verdict
from ..planner.verifier import Judgement, Verifier
from ..planner.witnesses import GOAL, Violated
from .methods.base import Case
from .runs.sources import ToldCase

__all__ = ["COMPLETION", "PROMPT", "RIGHT", "KnownModel", "KnownVerifier", "World"]

PROMPT, COMPLETION = 200, 20
"""Tokens of any prompt and of any completion."""
RIGHT = "1"
"""The right value; wrong ones are 2, 3, ..."""
HOLDS, FAILS, RESTS, SLIPS = "holds", "fails", "rests", "slips"
"""What a part says that is right or wrong, and what the deep item says that is right or wrong."""
SOUND, UNSOUND = "sound\n", "unsound\n"
"""First lines of answers."""


@dataclass(frozen=True)
class World:
    """The laws.

    Attributes:
        parts: Items of a plan whose faults the verifier sees.
        part: Chance that a drafted part is right.
        deep: Chance that a drafted deep item is right.
        mends: Chance that the model rights a wrong item that it has picked to edit; it picks evenly among all items.
        breaks: Chance that it makes a right one wrong.
        slip: Chance that the answer is wrong though the plan is right.
        guess: Chance that an answer is right that is given from a plan without items.
        sound: Chance that an answer begins with a sound line.
        right: Chances of the right value after a sound and after an unsound line.
        told: The same where the constraints stand in the prompt.
        none: Chances of no value at all after a sound and after an unsound line.
        wrongs: Wrong values, equally likely.
        hears: Chances that the model sees nothing wrong with an answer that is right and with any other.
        rewrites: Chances that a rewritten answer is right, and that it comes to no value.
    """

    parts: int = 3
    part: float = 0.6
    deep: float = 0.8
    mends: float = 0.7
    breaks: float = 0.5
    slip: float = 0.1
    guess: float = 0.15
    sound: float = 0.4
    right: tuple[float, float] = (0.5, 0.2)
    told: tuple[float, float] = (0.6, 0.4)
    none: tuple[float, float] = (0.2, 0.3)
    wrongs: int = 3
    hears: tuple[float, float] = (0.8, 0.3)
    rewrites: tuple[float, float] = (0.45, 0.2)

    def case(self, number: int) -> Case:
        """One of endlessly many cases, all alike and each with draws of its own."""
        return Case(f"known-{number}", self._task(number), (KnownVerifier(self.parts),))

    def told_case(self, number: int) -> Case:
        """The same with a right plan, for ceilings."""
        gold = [f"S{i}: {HOLDS}" for i in range(1, self.parts + 1)] + [f"S{self.parts + 1}: {RESTS}"]
        plan = "\n".join(["goal: be right", "C1!: every part is right", *gold])
        return ToldCase(f"known-{number}", self._task(number), (KnownVerifier(self.parts),), gold_plan=plan)

    def _task(self, number: int) -> Task:
        constraint = "C1: every part is right"
        return Task.model_validate(
            {"question": f"Known case {number}: is it so?", "goal": "be right", "constraints": (constraint,)}
        )


class KnownVerifier(Verifier):
    """Sees every wrong part, never the deep item; of an answer it sees whether the first line is sound.

    What it holds against a plan is one and the same witness, whatever is wrong: where to edit is the model's choice.
    """

    name = "known"
    decides = frozenset({"*"})

    def __init__(self, parts: int) -> None:
        self._parts = tuple(f"S{i}" for i in range(1, parts + 1))
        self._wrong = Violated(item=GOAL, detail="some part is wrong", culprits=self._parts)

    def scope(self, task: Task, plan: Plan, item_id: str) -> tuple[str, ...]:
        """What the item says; for the goal, what all parts say."""
        if item_id != GOAL:
            return (plan[item_id].text,)
        return tuple(plan[part].text if part in plan else "" for part in self._parts)

    async def judge(self, task: Task, plan: Plan, item_ids: Sequence[str], draw: int = 0) -> Judgement:
        """Fails wrong parts and unsound lines; the goal passes where all parts are there and right."""
        return Judgement({item_id: self._verdict(task, plan, item_id) for item_id in item_ids})

    def _verdict(self, task: Task, plan: Plan, item_id: str) -> Verdict:
        said = self.scope(task, plan, item_id)
        if item_id == GOAL:
            whole = all(text == HOLDS for text in said)
            return Verdict.ok() if whole else Verdict.unknown("some part is wrong", self._wrong, score=1.0)
        bad = said[0] in (FAILS, UNSOUND.strip())
        return Verdict.failed(reason="wrong") if bad else Verdict.ok()


class KnownModel(LanguageModel):
    """The model of a world.

    Args:
        world: Its laws.

    Attributes:
        drawn: Completions that were drawn, by what was asked for.
        usage: What was used in all.
    """

    name = "known"

    def __init__(self, world: World) -> None:
        self.world = world
        self.capabilities = Capabilities(n=True, seed=True, stop=True, usage=True, logprobs=True, dialect="compact")
        self.drawn: Counter[str] = Counter()
        self.usage = Usage()

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """The flat price of a prompt."""
        return PROMPT

    async def sample(self, request: SampleRequest) -> Samples:
        """Draws."""
        made = tuple(self._completion(request, number) for number in range(request.n))
        usage = Usage(prompt_tokens=PROMPT, completion_tokens=request.n * COMPLETION, calls=1)
        self.usage += usage
        return Samples(made, usage)

    def _completion(self, request: SampleRequest, number: int) -> Completion:
        drawn = _Draw(request.prompt, request.seed, number, self.world)
        kind, lines = drawn.lines(request.prompt)
        self.drawn[kind] += 1
        text = "".join(line for line, _ in lines)
        for stop in request.stop:
            text = text.split(stop)[0]
        tokens = None
        if request.logprobs:
            tokens = tuple(TokenLogprob(token=line, logprob=math.log(chance)) for line, chance in lines)
        return Completion(text=text, tokens=COMPLETION, logprobs=tokens)


Lines = list[tuple[str, float]]
"""Lines with the chance of each after those before it; the last may be empty: the end."""


class _Draw:
    """One completion's draws: evenly distributed numbers made of what was asked."""

    def __init__(self, prompt: str, seed: int | None, number: int, world: World) -> None:
        self._key = f"{prompt}\x00{seed}\x00{number}".encode()
        self._count = 0
        self._world = world

    def _uniform(self) -> float:
        self._count += 1
        digest = hashlib.blake2b(self._key, digest_size=8, salt=self._count.to_bytes(8, "big")).digest()
        return int.from_bytes(digest, "big") / 2**64

    def _happens(self, chance: float) -> bool:
        return self._uniform() < chance

    def lines(self, prompt: str) -> tuple[str, Lines]:
        """What was asked for, and what is said."""
        asked, _, begun = prompt.rpartition("answer:\n")
        if prompt.endswith("wrong:"):
            return "critique", self._critique(prompt)
        if asked and "plan:\n" in asked:
            return "answer from plan", self._from_plan(asked)
        if asked and "\nwrong: " in asked:
            return "rewrite", self._rewritten()
        if asked:
            told = "constraints:\n" in asked
            return "answer", self._answer(begun, self._world.told if told else self._world.right)
        if prompt.endswith("edit:\n"):
            return "edit", self._edit(prompt)
        return "draft", self._draft(prompt.rpartition("plan:\n")[2])

    def _answer(self, begun: str, right: tuple[float, float]) -> Lines:
        """An answer, or how one goes on that is begun."""
        world, lines = self._world, []
        if not begun:
            sound = self._happens(world.sound)
            lines.append((SOUND, world.sound) if sound else (UNSOUND, 1 - world.sound))
        kind = 0 if (begun or lines[0][0]).startswith(SOUND) else 1
        u, some, none = self._uniform(), right[kind], world.none[kind]
        if u < some:
            return [*lines, (f"answer: {RIGHT}", some)]
        if u < some + none:
            return [*lines, ("", none)]
        return [*lines, (self._wrong(), (1 - some - none) / world.wrongs)]

    def _wrong(self) -> str:
        return f"answer: {2 + int(self._uniform() * self._world.wrongs)}"

    def _draft(self, begun: str) -> Lines:
        world, given = self._world, begun.count("\n")
        said = []
        for place in range(given + 1, world.parts + 2):
            deep = place > world.parts
            right = self._happens(world.deep if deep else world.part)
            text = (RESTS if right else SLIPS) if deep else (HOLDS if right else FAILS)
            said.append((f"S{place}: {text}\n", 0.5))
        return said

    def _edit(self, prompt: str) -> Lines:
        """One item flipped, or words that are no edit."""
        says = _items(prompt)
        place = f"S{1 + int(self._uniform() * (self._world.parts + 1))}"
        flipped = {HOLDS: FAILS, FAILS: HOLDS, RESTS: SLIPS, SLIPS: RESTS}.get(says.get(place, ""), "")
        chance = self._world.mends if flipped in (HOLDS, RESTS) else self._world.breaks
        return [(f"replace {place}: {flipped}" if flipped and self._happens(chance) else "it is as it is", 0.5)]

    def _from_plan(self, prompt: str) -> Lines:
        """The value that follows, citing what the task gave."""
        says, world = _items(prompt), self._world
        parts = [says.get(f"S{i}", "") for i in range(1, world.parts + 1)]
        if not any(item.startswith("S") for item in says):
            right = self._happens(world.guess)
        else:
            whole = all(text == HOLDS for text in parts) and says.get(f"S{world.parts + 1}") == RESTS
            right = whole and not self._happens(world.slip)
        return [(f"answer: {RIGHT} [C1]" if right else f"{self._wrong()} [C1]", 0.5)]

    def _critique(self, prompt: str) -> Lines:
        right = prompt.rpartition("\nwrong:")[0].endswith(f"answer: {RIGHT}")
        return [("nothing" if self._happens(self._world.hears[0 if right else 1]) else "it is not so", 0.5)]

    def _rewritten(self) -> Lines:
        u, (right, none) = self._uniform(), self._world.rewrites
        if u < right:
            return [(f"{SOUND}answer: {RIGHT}", 0.5)]
        return [(SOUND, 0.5)] if u < right + none else [(SOUND + self._wrong(), 0.5)]


def _items(prompt: str) -> dict[str, str]:
    """What the items of the plan in a prompt say."""
    shown = prompt.partition("plan:\n")[2]
    return {found[1]: found[2] for found in re.finditer(r"^([CIS]\d+)!?: (.+?)$", shown, re.MULTILINE)}
