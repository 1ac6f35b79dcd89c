"""Verifiers that misbehave, in a module that a child process can import."""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import sys
import time
from typing import Literal

from planneal.planner.ledger import Usage
from planneal.planner.verdicts import Verdict
from planneal.planner.verifier import Judgement, Verifier
from planneal.planner.witnesses import GOAL, Doubtful, Witness


class Odd(Witness):
    """A witness that only this module knows."""

    kind: Literal["odd"] = "odd"
    item: str

    @property
    def items(self) -> tuple[str, ...]:
        return (self.item,)

    @property
    def line(self) -> str:
        return f"{self.item} is odd"


class Naughty(Verifier):
    """Judges every item well, unless told to do otherwise."""

    name = "naughty"
    stage = 1

    def __init__(self, how: str = "well", timeout: float | None = None) -> None:
        self.how = how
        self.timeout = timeout

    def scope(self, task, plan, item_id):
        if self.how == "hangs in scope":
            time.sleep(600)
        return (item_id, "goal" if item_id == GOAL else plan[item_id].text + str(plan[item_id].check))

    async def judge(self, task, plan, item_ids, draw=0):
        found = dict.fromkeys(item_ids, Verdict.ok())
        action = getattr(self, self.how.replace(" ", "_"), None)
        changed = await action(found) if action is not None else None
        return Judgement(found if changed is None else changed, Usage(calls=0))

    async def fails(self, found):
        return {i: Verdict.failed(Doubtful(item=i) if i == GOAL else Odd(item=i)) for i in found}

    async def awaits(self, found):
        await asyncio.sleep(600)

    async def blocks(self, found):
        time.sleep(600)

    async def spins(self, found):
        while True:
            pass

    async def raises(self, found):
        raise ZeroDivisionError("of itself")

    async def leaves(self, found):
        sys.exit(3)

    async def vanishes(self, found):
        os._exit(0)

    async def crashes(self, found):
        ctypes.string_at(0)

    async def swells(self, found):
        self.kept = bytearray(10 << 30)

    async def swells_slowly(self, found):
        self.kept = []
        while True:
            self.kept.append(bytearray(16 << 20))

    async def returns_nan(self, found):
        nan = Verdict.model_construct(outcome="pass", score=math.nan, variance=0.0, reason="", witnesses=())
        return dict.fromkeys(found, nan)

    async def judges_strangers(self, found):
        return {"S77": Verdict.ok(), "nobody": Verdict.failed()}

    async def returns_words(self, found):
        return dict.fromkeys(found, "pass")

    async def floods(self, found):
        return {i: Verdict.ok(reason="x" * (1 << 20)) for i in (*found, *map(str, range(40)))}

    async def chatters(self, found):
        print("x" * 1_000_000)
        os.write(2, b"y" * 1_000_000)


class Unreadable(Naughty):
    """Cannot be put together again in another process."""

    def __reduce__(self):
        return (_explode, ())


def _explode():
    raise RuntimeError("not here")
