"""The dry run: fresh states, errors as witnesses, time limits, and scopes that are exact."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planneal.planner.edits import Delete, Insert, Move, Replace, apply
from planneal.planner.errors import ConfigError, EditError
from planneal.planner.notation import parse_plan
from planneal.planner.plan import Item
from planneal.planner.task import Task
from planneal.planner.verifier import VerdictCache
from planneal.verifiers.tool_calls import (
    CallLimits,
    DryRunVerifier,
    ToolCallVerifier,
    from_functions,
    from_specs,
    tool_call_verifiers,
)
from planneal.verifiers.tool_calls.dry_run import MAX_HANGING
from typing_extensions import TypedDict


class Item_(TypedDict):  # noqa: N801
    sku: str
    left: int


class Shop:
    """A state that its tools change."""

    def __init__(self) -> None:
        self.stock = {"nut": 2, "bolt": 1}
        self.sold: list[str] = []

    def look(self, sku: str) -> Item_:
        """What is left of an article."""
        return {"sku": sku, "left": self.stock[sku]}

    def sell(self, sku: str, day: date | None = None) -> int:
        """Sells one."""
        if self.stock[sku] < 1:
            raise ValueError(f"{sku} is sold out")
        self.stock[sku] -= 1
        self.sold.append(sku)
        return len(self.sold)

    async def slow(self, seconds: float) -> float:
        """Sleeps."""
        await asyncio.sleep(seconds)
        return seconds

    def note(self, text: str) -> str:
        """Keeps a note."""
        return text


TOOLS = from_functions(Shop.look, Shop.sell, Shop.slow, Shop.note)
TASK = Task(question="q")


def run(*calls, tools=TOOLS, fresh=Shop, **options):
    plan = parse_plan("goal: g\n" + "\n".join(f"S{n}: [call: {call}]" for n, call in enumerate(calls, 1)))
    return asyncio.run(DryRunVerifier(tools, fresh, **options).assess(TASK, plan))


def outcomes(found):
    assert found.abstained is None, found.abstained
    return [verdict.outcome for verdict in found.verdicts.values()]


def test_a_sequence_that_works_passes():
    note = 'note(text="sold " + $S2 + " " + $S1.sku)'
    found = run('look(sku="nut")', "sell(sku=$S1.sku)", note, "slow(seconds=0.01)")
    assert outcomes(found) == ["pass"] * 4


def test_every_run_has_a_fresh_state():
    made = []

    def fresh():
        made.append(Shop())
        return made[-1]

    for _ in range(3):
        assert outcomes(run('sell(sku="bolt")', fresh=fresh)) == ["pass"]
    assert [shop.sold for shop in made] == [["bolt"]] * 3


def test_the_fresh_state_is_what_makes_runs_alike():
    """Negative control: on a state that is shared, the second run fails."""
    shared = Shop()
    assert outcomes(run('sell(sku="bolt")', fresh=lambda: shared)) == ["pass"]
    assert outcomes(run('sell(sku="bolt")', fresh=lambda: shared)) == ["fail"]


def test_an_error_names_the_call_its_arguments_and_the_message():
    found = run('sell(sku="bolt")', 'look(sku="bolt")', "sell(sku=$S2.sku)", 'note(text="x")')
    assert outcomes(found) == ["pass", "pass", "fail", "unknown"]
    assert found.witnesses[0].line == "S3: sell(sku='bolt') raised ValueError: bolt is sold out"
    assert found.verdicts["S4"].reason == "not reached: the run stopped at S3"
    assert found.verdicts["S4"].score == 1.0


@pytest.mark.parametrize(
    ("calls", "line"),
    [
        (['look(sku="wig")'], "S1: look(sku='wig') raised KeyError: 'wig'"),
        (["nope(a=1)"], "S1 calls nope, which is no tool; nearest: note"),
        (["look()"], "S1: sku of look is missing"),
        (["look(sku=1)"], "S1: sku of look is wrong: 1 is not of type 'string'"),
        (['look(sku="nut", n=1)'], "S1: n of look is unknown"),
        (['look(sku="nut")', "note(text=$S1.left)"], "S2: text of note is wrong: 2 is not of type 'string'"),
        (['look(sku="nut")', "note(text=$S1.name)"], "S2: $S1.name leads nowhere: no field name in"),
        (["note(text=$S2)", 'note(text="a")'], "S1: $S2 leads nowhere: S2 is no earlier call"),
        (["note(text=$S9)"], "S1: $S9 leads nowhere: S9 is no earlier call"),
        (["look("], "S1 is malformed: "),
        (['sell(sku="nut", day="2024-02-30")'], "S1: sell(sku='nut', day='2024-02-30') raised ValueError: day"),
    ],
)
def test_what_stops_a_run_is_a_witness(calls, line):
    found = run(*calls)
    assert found.abstained is None
    assert found.witnesses[0].line.startswith(line)


def boom() -> None:
    raise SystemExit(3)


def late() -> None:
    raise TimeoutError("the tool's own")


def address() -> None:
    raise RuntimeError(f"no room for {object()!r} at 0x7f00aa")


def odd() -> object:
    return threading.Lock()


def test_whatever_a_tool_raises_stays_in_the_verdict():
    tools = from_functions(boom, late, address, odd)
    raised = {"boom": "SystemExit: 3", "late": "TimeoutError: the tool's own", "odd": "Serialization"}
    for name, message in raised.items():
        found = run(f"{name}()", tools=tools)
        assert outcomes(found) == ["fail"]
        assert message in found.witnesses[0].line
    first, second = (run("address()", tools=tools).verdicts for _ in range(2))
    assert first == second
    assert "0x7f" not in first["S1"].reason


def test_a_tool_that_hangs_abstains_in_time_and_runs_are_bounded():
    gate = threading.Event()

    def hang() -> None:
        gate.wait(30)

    plan = parse_plan("goal: g\nS1: [call: hang()]")
    verifier = DryRunVerifier(from_functions(hang), tool_timeout=0.05)
    cache = VerdictCache()
    started = time.perf_counter()
    reasons = [asyncio.run(verifier.assess(TASK, plan, cache=cache)).abstained for _ in range(MAX_HANGING + 2)]
    assert time.perf_counter() - started < 10
    assert reasons[0] == "hang gave no result within 0.05 s"
    assert reasons[-1] == f"{MAX_HANGING} tools still hang; no more are run"
    assert len(cache) == 0  # slowness is no fact about the plan
    gate.set()
    for _ in range(200):
        if not any(thread.is_alive() for thread in verifier._hanging):
            break
        time.sleep(0.01)
    assert asyncio.run(verifier.assess(TASK, plan)).abstained is None


def test_a_slow_tool_within_its_time_is_no_hang():
    """Negative control of the time limit."""
    assert outcomes(run("slow(seconds=0.05)", tool_timeout=5.0)) == ["pass"]
    assert run("slow(seconds=5)", tool_timeout=0.05).abstained == "slow gave no result within 0.05 s"


def test_broken_toolboxes_abstain_rather_than_blame_the_plan():
    def lie() -> int:
        return 1

    tools = from_specs([{"name": "lie", "result": {"type": "string"}}], run={"lie": lambda state, arguments: lie()})
    assert run("lie()", tools=tools).abstained == "lie gave what its result schema refuses: 1 is not of type 'string'"

    def broken():
        raise OSError("no database")

    assert run('note(text="a")', fresh=broken).abstained == "no fresh state: OSError: no database"


def test_tools_without_code_end_the_run_undecided():
    spec = {"name": "fly", "parameters": {"properties": {"to": {"type": "string"}}}}
    tools = from_specs([spec]) | TOOLS
    found = run('note(text="a")', 'fly(to="Oslo")', 'note(text="b")', tools=tools)
    assert outcomes(found) == ["pass", "unknown", "unknown"]
    assert found.verdicts["S2"].reason == "fly cannot be executed"
    with pytest.raises(ConfigError, match="no tool of the toolbox can be executed"):
        DryRunVerifier(from_specs([spec]))


def test_results_are_copies():
    """A tool that changes what it was given does not change what later references see."""

    def spoil(values: list[int]) -> int:
        values.append(99)
        return len(values)

    def make() -> list[int]:
        return [1]

    tools = from_functions(spoil, make)
    specs = [{"name": "show", "parameters": {"properties": {"a": {"const": [1]}}}}]
    tools |= from_specs(specs, run={"show": lambda state, arguments: None})
    assert outcomes(run("make()", "spoil(values=$S1)", "show(a=$S1)", tools=tools)) == ["pass"] * 3


def test_both_verifiers_together():
    static, dry = tool_call_verifiers(TOOLS, execute=True, fresh=Shop)
    assert (static.stage, static.decides) == (1, {"calls"})
    assert (dry.stage, dry.decides) == (2, {"call"})
    assert len(tool_call_verifiers(TOOLS)) == 1


SHAPES = (
    'call: look(sku="nut")',
    'call: look(sku="wig")',
    "call: look(sku=$S1.sku)",
    'call: sell(sku="bolt")',
    'call: sell(sku="nut")',
    "call: sell(sku=$S2.sku)",
    "call: note(text=$S3)",
    'call: note(text="n " + $S1.left)',
    "call: note(text=$S4)",
    "call: nope()",
    "call: look(",
    "a = 4",
    "order: S1 < S2",
)
IDS = ("S1", "S2", "S3", "S4", "S5", "C1")


@st.composite
def items(draw, ids):
    return Item(id=draw(st.sampled_from(ids)), check=draw(st.sampled_from(SHAPES)))


def edits(plan):
    here = st.sampled_from(tuple(plan.by_id) or ("S1",))
    where, anchor = st.sampled_from(("before", "after")), st.none() | here
    return st.one_of(
        st.builds(Insert, item=items(IDS), where=where, anchor=anchor),
        st.builds(Replace, item=items(tuple(plan.by_id) or ("S1",))),
        st.builds(Delete, id=here),
        st.builds(Move, id=here, where=where, anchor=anchor),
    )


def differ(make, plans):
    cache, kept, found = VerdictCache(), make(), []
    for plan in plans:
        cached = asyncio.run(kept.assess(TASK, plan, cache=cache))
        fresh = asyncio.run(make().assess(TASK, plan))
        assert cached.abstained is None is fresh.abstained
        assert cached.verdicts.keys() == fresh.verdicts.keys()
        found += [item for item, verdict in cached.verdicts.items() if verdict != fresh.verdicts[item]]
    return found


def walk(data, steps=8):
    calls = ('look(sku="nut")', 'look(sku="bolt")', "sell(sku=$S2.sku)")
    plan = parse_plan("\n".join(["goal: g", *(f"S{n}: [call: {call}]" for n, call in enumerate(calls, 1))]))
    yield plan
    for _ in range(steps):
        try:
            plan = apply(plan, data.draw(edits(plan)))
        except EditError:
            continue
        yield plan


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_cached_verdicts_are_fresh_verdicts(data):
    assert differ(lambda: DryRunVerifier(TOOLS, Shop), walk(data)) == []


def test_a_scope_without_what_came_before_would_be_seen():
    """Negative control: what a call does depends on the state that the calls before it left."""

    class Forgetful(DryRunVerifier):
        def scope(self, task, plan, item_id):
            found = super().scope(task, plan, item_id)
            return None if found is None else found[-1]

    plans = [
        parse_plan("goal: g\n" + "\n".join(lines))
        for lines in (
            ['S2: [call: sell(sku="bolt")]'],
            ['S1: [call: sell(sku="bolt")]', 'S2: [call: sell(sku="bolt")]'],
        )
    ]
    assert differ(lambda: Forgetful(TOOLS, Shop), plans) == ["S2"]
    assert differ(lambda: DryRunVerifier(TOOLS, Shop), plans) == []


def test_an_edit_at_the_end_runs_anew_but_judges_one():
    cache, verifier = VerdictCache(), DryRunVerifier(TOOLS, Shop)
    plan = parse_plan('goal: g\nS1: [call: look(sku="nut")]\nS2: [call: note(text="a")]')
    asyncio.run(verifier.assess(TASK, plan, cache=cache))
    edited = apply(plan, Replace(item=Item(id="S2", check='call: note(text="b")')))
    assert asyncio.run(verifier.assess(TASK, edited, cache=cache)).judged == ("S2",)


def test_both_verifiers_keep_the_laws_of_verifiers():
    from planneal.testing import Case, check_verifier

    texts = (
        'S1: [call: look(sku="nut")]\nS2: [call: sell(sku=$S1.sku)]\nC1: [calls: at most 1]',
        "S1: [call: sell(sku=1)]\nS2: [call: note(text=$S1)]",
        'S2: [call: sell(sku=$S1.sku)]\nS1: [call: look(sku="nut")]',
    )
    cases = [Case(TASK, parse_plan("goal: g\n" + text)) for text in texts]
    other = from_functions(Shop.look)
    static = [ToolCallVerifier(TOOLS), ToolCallVerifier(TOOLS, CallLimits(max_calls=1)), ToolCallVerifier(other)]
    check_verifier(static[0], cases, variants=static[1:]).require()
    check_verifier(DryRunVerifier(TOOLS, Shop), cases, variants=[DryRunVerifier(other, Shop)]).require()
