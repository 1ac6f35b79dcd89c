"""A small world for runs: a scripted model that counts for itself, a talkative method, cheats; run as a script, a run.

The model's text is a function of the request alone. Where ``PLANNEAL_TEST_CALLS`` names a file, every call is noted in
it by the model itself: the endpoint's own count, which outlives any process.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import sqlite3
import sys
from functools import partial
from pathlib import Path

from planneal.decoders.base import SampleRequest
from planneal.decoders.metered import Account, MeteredModel
from planneal.experiments.methods.base import Answered, Method
from planneal.experiments.runs.arguments import Arguments
from planneal.experiments.runs.bench import Recipe
from planneal.experiments.runs.driver import run
from planneal.experiments.runs.local import LocalEngine
from planneal.experiments.runs.sealed import Grader, Sealed
from planneal.planner.errors import PlannealError
from planneal.planner.ledger import Ledger
from planneal.testing import FunctionModel

METHODS = ("direct", "self-consistency", "run_world:Talkative")


def dice(request: SampleRequest, index: int) -> int:
    key = f"{request.prompt}|{request.seed}|{request.temperature}|{index}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")


def reply(request: SampleRequest, index: int) -> str:
    drawn = dice(request, index)
    return f"let me see{' and see' * (drawn % 7)}\nanswer: {9 + drawn % 4}"


class Counting(FunctionModel):
    """Notes the tokens of every call it answers, one line each."""

    async def sample(self, request):
        # Later requests may be answered earlier: nothing may depend on the order of answers.
        await asyncio.sleep(self._latency * (1 + dice(request, 0) % 3))
        samples = await super().sample(request)
        path = os.environ.get("PLANNEAL_TEST_CALLS")
        if path:
            used = samples.usage
            line = f"{used.prompt_tokens} {used.completion_tokens} {used.calls}\n"
            with open(path, "a") as file:
                file.write(line)
        return samples


def load(latency: float = 0.0) -> Counting:
    return Counting(reply, latency=latency)


class Talkative(Method):
    """Two roles, events, notes, a plan, and calls that are under way together."""

    name = "talkative"

    async def answer(self, case, model, budget, rng):
        ledger = Ledger(budget)
        account = Account(ledger)
        seeds = [int(rng.integers(1000)) for _ in range(3)]

        async def ask(seed, role):
            request = SampleRequest.of(case.task.question, max_tokens=30, seed=seed, temperature=1.0)
            return (await MeteredModel(model, account, role).sample(request))[0].text

        texts = await asyncio.gather(*(ask(seed, "draft") for seed in seeds), return_exceptions=True)
        try:
            texts = [text if isinstance(text, str) else type(text).__name__ for text in texts]
            texts.append(await ask(seeds[0] + 1, "answer"))
        except PlannealError as error:
            return Answered(None, ledger, stop="tokens", notes={"why": type(error).__name__})
        plan = f"goal: {case.task.goal or 'g'} [x]\nS1: [x = {seeds[0]}]"
        events = tuple({"n": n, "text": text, "usage": {"seconds": rng.random()}} for n, text in enumerate(texts))
        return Answered(
            texts[-1][-2:], ledger, text=texts[-1], plan=plan, draft=plan, notes={"s": seeds}, events=events
        )


class Careless(Talkative):
    """Returns while a call of its own is under way."""

    async def answer(self, case, model, budget, rng):
        request = SampleRequest.of(case.task.question, max_tokens=30)
        self.task = asyncio.create_task(model.sample(request))
        await asyncio.sleep(0)
        return Answered(None, Ledger(budget))


class Cheat(Talkative):
    """Looks for gold; what it finds, it answers with, and whatever stops it, it goes on."""

    folder = ""

    def seek(self, case):
        raise NotImplementedError

    async def answer(self, case, model, budget, rng):
        try:
            found = self.seek(case)
        except Exception:
            found = None
        return Answered(found, Ledger(), text=found)


class Walker(Cheat):
    def seek(self, case):
        golds = [o.gold for o in gc.get_objects() if hasattr(type(o), "model_fields") and hasattr(o, "gold")]
        return f"answer: {golds[0].value}" if golds else None


class Reader(Cheat):
    def seek(self, case):
        db = sqlite3.connect(os.environ["PLANNEAL_TEST_RUN"])
        return db.execute("SELECT value FROM attempts WHERE right").fetchone()[0]


class Peeper(Cheat):
    def seek(self, case):
        return Path(os.environ["PLANNEAL_TEST_RUN"]).read_bytes().decode(errors="replace")


class Redrawer(Cheat):
    def seek(self, case):
        from planneal.experiments.families.registry import family

        made = family("arithmetic")
        golds = (made.generate(seed, made.levels["easy"]) for seed in range(10))
        return next(str(p.gold.value) for p in golds if p.public.question == case.task.question)


class Unsealed(Sealed):
    """Grades in this process: quick, where isolation is not what is tested."""

    async def __aenter__(self):
        self._grader = Grader(self._source)
        return self

    async def __aexit__(self, *_):
        pass

    async def _ask(self, *question):
        return await self._grader.answer(question)


SEALS = {"sealed": Sealed, "open": Unsealed}


def arguments(**given) -> Arguments:
    usual = {"family": "arithmetic", "difficulty": "easy", "n": 4, "methods": METHODS, "model": "scripted"}
    return Arguments.checked(**{**usual, "budgets": (300, 900), "seeds": 2, **given})


def recipe(given: Arguments, latency: float = 0.0) -> Recipe:
    return Recipe(partial(load, latency), given.methods, given.source())


def main(folder: str, seal: str = "sealed") -> None:
    """A run that tells of every attempt, for tests that kill it."""
    given = arguments()

    def told(done, cells, attempt):
        print(done, cells, flush=True)

    asyncio.run(run(given, folder, LocalEngine(recipe(given, 0.004), width=3), told=told, seal=SEALS[seal]))


if __name__ == "__main__":
    main(*sys.argv[1:])
