"""A verifier in a process of its own: the same verdicts, and whatever it does, no more than an abstention."""

from __future__ import annotations

import asyncio
import time

import pytest
from naughty import Naughty, Odd, Unreadable
from planneal.planner.errors import ConfigError
from planneal.planner.notation import parse_plan
from planneal.planner.task import Task
from planneal.planner.verifier import VerdictCache, Verifier
from planneal.testing import check_verifier, sample_cases
from planneal.verifiers import OrderVerifier, StructureVerifier
from planneal.verifiers.isolated import IsolatedVerifier

TASK = Task(question="q")
PLAN = parse_plan("goal: g [a]\nS1: [a = 1]\nS2: say so")


def isolated(how: str = "well", **limits) -> IsolatedVerifier:
    return IsolatedVerifier(Naughty(how), **{"seconds": 1.0, "memory": 256 << 20, **limits})


def assess(verifier: Verifier, plan=PLAN, **options):
    async def go():
        try:
            return await verifier.assess(TASK, plan, **options)
        finally:
            await verifier.aclose()

    return asyncio.run(go())


@pytest.mark.parametrize("part", [StructureVerifier(), OrderVerifier()], ids=lambda part: part.name)
def test_it_says_what_the_verifier_says(part):
    alone = IsolatedVerifier(part)

    async def go():
        for task, plan in sample_cases():
            found, expected = await alone.assess(task, plan), await part.assess(task, plan)
            assert found.abstained is None
            assert found.verdicts == expected.verdicts
        await alone.aclose()

    asyncio.run(go())


@pytest.mark.slow
def test_it_keeps_the_laws_of_verifiers():
    report = check_verifier(IsolatedVerifier(StructureVerifier()), sample_cases()[:2])
    assert report.ok, str(report)


def test_witnesses_of_its_own_come_through():
    found = assess(isolated("fails"))
    assert found.verdicts["S1"].witnesses == (Odd(item="S1"),)
    assert found.verdicts["S1"].reason == "S1 is odd"


REASONS = {
    "awaits": "no verdict within 1 s",
    "blocks": "no verdict within 1 s",
    "spins": "no verdict within 1 s",
    "hangs in scope": "no verdict within 1 s",
    "raises": "ZeroDivisionError: of itself",
    "leaves": "SystemExit: 3",
    "vanishes": "the verifier's process died (exit status 0)",
    "crashes": "the verifier's process died (signal 11)",
    "swells": "MemoryError: it needs more memory than it may have",
    "swells slowly": "MemoryError: it needs more memory than it may have",
    "returns nan": "the isolated verifier's answer makes no sense",
    "judges strangers": "no verdict for S1",
    "returns words": "AttributeError",
    "floods": "an answer of more than 16 MiB",
}
QUICK = ("blocks", "raises", "swells")
"""The others start a process each, too, and are run with the slow ones."""


@pytest.mark.parametrize("how", [pytest.param(how, marks=() if how in QUICK else pytest.mark.slow) for how in REASONS])
def test_whatever_it_does_it_abstains_with_the_reason_and_within_its_limits(how):
    verifier = isolated(how, seconds=20.0) if how == "floods" else isolated(how)
    started = time.monotonic()
    found = assess(verifier)
    assert found.abstained is not None
    assert found.abstained.startswith(REASONS[how])
    assert found.verdicts == {}
    assert time.monotonic() - started < 60, "starting a process included"


@pytest.mark.slow
def test_what_it_prints_stays_with_it(capfd):
    assert assess(isolated("chatters")).abstained is None
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_after_an_answer_was_lost_another_child_serves():
    verifier = isolated("vanishes", strikes=2)
    first = assess(verifier).abstained
    second = assess(verifier).abstained
    assert first == second == "the verifier's process died (exit status 0)"
    started = time.monotonic()
    third = assess(verifier).abstained
    assert third.startswith("given up after 2 lost answers in a row, the last: the verifier's process died")
    assert time.monotonic() - started < 0.2, "nothing is started any more"


def test_other_work_goes_on_while_it_blocks():
    async def go():
        verifier = isolated("blocks", seconds=1.5)
        verifier.scope(TASK, PLAN, "S1")  # started
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await asyncio.sleep(0.02)
                ticks += 1

        ticking = asyncio.create_task(tick())
        found = await verifier.assess(TASK, PLAN)
        ticking.cancel()
        await verifier.aclose()
        return found, ticks

    found, ticks = asyncio.run(go())
    assert found.abstained == "no verdict within 1.5 s"
    assert ticks > 10


@pytest.mark.slow
def test_a_cache_works_across_its_children():
    verifier, cache = isolated(), VerdictCache()
    first = assess(verifier, cache=cache)
    assert first.judged == ("S1", "S2", "goal")
    again = assess(verifier, parse_plan("goal: g [a]\nS1: [a = 1]\nS2: say so"), cache=cache)
    assert again.verdicts == first.verdicts  # another child numbers scopes anew: judged again, never mixed up


def test_a_warm_child_is_asked_only_for_what_changed():
    async def go():
        verifier, cache = isolated(), VerdictCache()
        await verifier.assess(TASK, PLAN, cache=cache)
        found = await verifier.assess(TASK, parse_plan("goal: g [a]\nS1: [a = 2]\nS2: say so"), cache=cache)
        await verifier.aclose()
        return found.judged

    assert asyncio.run(go()) == ("S1",)


def test_what_cannot_be_isolated_is_told_at_once_or_abstains():
    class Local(Naughty):
        pass

    with pytest.raises(ConfigError, match="cannot be pickled"):
        IsolatedVerifier(Local())
    with pytest.raises(ConfigError, match="must be over 0"):
        isolated(seconds=0)
    found = assess(IsolatedVerifier(Unreadable()))
    assert found.abstained.startswith("it cannot be started in a process of its own: RuntimeError: not here")
