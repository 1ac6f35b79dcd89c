"""Tool calls before anything runs: toolboxes, arguments, references, limits, and scopes that are exact."""

from __future__ import annotations

import asyncio
from datetime import date
from enum import Enum
from typing import Annotated, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from planneal.planner.calls import CallExpression
from planneal.planner.checks import parse_check
from planneal.planner.edits import Delete, Insert, Move, Replace, apply
from planneal.planner.errors import ConfigError, EditError
from planneal.planner.notation import format_plan, parse_plan
from planneal.planner.plan import Item, Plan
from planneal.planner.stopping import solved
from planneal.planner.task import Task
from planneal.planner.verifier import VerdictCache
from planneal.verifiers.tool_calls import (
    CallLimits,
    ToolCallVerifier,
    before,
    from_functions,
    from_specs,
    no_repeat,
    requires,
    tool_call_verifiers,
)
from planneal.verifiers.tool_calls.rules import AtLeast, AtMost, parse_rule
from pydantic import BaseModel, Field


class Line(BaseModel):
    sku: str
    price: float


class Order(BaseModel):
    id: int
    lines: list[Line]
    note: str | None = None


class Speed(Enum):
    SLOW = "slow"
    FAST = "fast"


def login(user: str) -> str:
    """Opens a session."""
    return "token"


def get_order(id: int, token: str = "") -> Order:  # noqa: A002 - as an API would name it
    """Looks an order up."""
    return Order(id=id, lines=[Line(sku="a", price=2.5)])


def find_order(text: str) -> Order | None:
    return None


def ship(order: int, day: date, speed: Speed = Speed.SLOW, kind: Literal["box", "bag"] = "box") -> bool:
    return True


def price(values: list[float], tax: Annotated[float, Field(ge=0, le=1)] = 0.2) -> float:
    return sum(values)


def create_invoice(order: int, text: str = "") -> dict[str, int]:
    return {"number": 1}


def anything(**rest: object):
    return rest


TOOLS = from_functions(login, get_order, find_order, ship, price, create_invoice, anything)
TASK = Task(question="q")


def judge(lines, limits=None, tools=TOOLS):
    plan = parse_plan("goal: g\n" + "\n".join(lines))
    found = asyncio.run(ToolCallVerifier(tools, limits).assess(TASK, plan))
    assert found.abstained is None, found.abstained
    return found


def verdict(*lines, of=None, **options):
    found = judge([line if ": " in line.split("[")[0] else f"S{n}: [call: {line}]" for n, line in enumerate(lines, 1)],
                  **options)  # fmt: skip
    return found.verdicts[of or f"S{len(lines)}"]


@pytest.mark.parametrize(
    "calls",
    [
        ['login(user="ann")'],
        ["get_order(id=3)", "get_order(id=$S1.id)"],
        ["get_order(id=3)", "price(values=[$S1.lines[0].price, 2, 3.5])"],
        ["get_order(id=3)", 'create_invoice(order=$S1.id, text="No. " + $S1.id)', "get_order(id=$S2.number)"],
        ['ship(order=1, day="2024-01-01", speed="fast", kind="bag")'],
        ["get_order(id=3)", "anything(a=$S1, b=[$S1.lines], c={\"k\": null})"],
        ['login(user="a")', "get_order(id=1, token=$S1)"],
        ["price(values=[])"],
    ],
)
def test_calls_that_fit_pass(calls):
    assert verdict(*calls).outcome == "pass"


@pytest.mark.parametrize(
    ("calls", "line"),
    [
        (["get_oder(id=3)"], "S1 calls get_oder, which is no tool; nearest: get_order, find_order"),
        (["get_order()"], "S1: id of get_order is missing"),
        (["get_order(id=1, no=2)"], "S1: no of get_order is unknown; it takes id, token"),
        (['get_order(id="3")'], "S1: id of get_order is wrong: '3' is not of type 'integer'"),
        (["get_order(id=true)"], "S1: id of get_order is wrong: True is not of type 'integer'"),
        (['ship(order=1, day="d", speed="rapid")'], "S1: speed of ship is wrong: 'rapid' is not one of"),
        (['ship(order=1, day="d", kind="tub")'], "S1: kind of ship is wrong: 'tub' is not one of"),
        (["price(values=[1], tax=2)"], "S1: tax of price is wrong: 2 is greater than the maximum of 1"),
        (['price(values=[1, "x"])'], "S1: values of price is wrong: [1]: 'x' is not of type 'number'"),
        (["get_order(id=$S1.id)"], "S1: $S1.id leads nowhere: S1 is the call itself"),
        (["get_order(id=$S9.id)"], "S1: $S9.id leads nowhere: S9 is not in the plan"),
        (["get_order(id=1)", "get_order(id=$S1.ident)"], "S2: $S1.ident leads nowhere: the result has no field ident"),
        (["get_order(id=1)", "get_order(id=$S1.id.x)"], "S2: $S1.id.x leads nowhere: .id is integer, without fields"),
        (["get_order(id=1)", "get_order(id=$S1)"], "S2: id of get_order is wrong: $S1 is object, not integer"),
        (["get_order(id=1)", "login(user=$S1.id)"], "S2: user of login is wrong: $S1.id is integer, not string"),
        (["get_order(id=1)", "price(values=[$S1.lines])"], "S2: values of price is wrong: [$S1.lines] is array"),
        (["get_order(id=1)", 'get_order(id="" + $S1.id)'], 'S2: id of get_order is wrong: "" + $S1.id is string'),
        (["S1: think", "get_order(id=$S1.id)"], "S2: $S1.id leads nowhere: S1 is no call, so it has no result"),
        (["get_order(id=)"], "S1 is malformed: unexpected end or word at column 14"),
        (["get_order(id=" + "9" * 60 + ")"], "S1 is malformed: too large: a number has more than 40 digits"),
    ],
)
def test_calls_that_do_not_fit_fail_with_a_witness(calls, line):
    found = verdict(*calls)
    assert found.outcome == "fail"
    assert found.witnesses[0].line.startswith(line)


def test_a_reference_to_a_later_call_is_told():
    found = verdict("get_order(id=$S2.id)", "get_order(id=1)", of="S1")
    assert found.witnesses[0].line == "S1: $S2.id leads nowhere: S2 comes later"
    assert verdict("get_order(id=1)", "get_order(id=$S1.id)").outcome == "pass"


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        (['find_order(text="a")', "get_order(id=$S1.id)"], "$S1.id: the result is null"),
        (["anything(a=1)", "get_order(id=$S1.id)"], "the result of anything is not declared"),
        (["get_odr(id=1)", "get_order(id=$S1.id)"], "S1 calls get_odr, which is no tool"),
        (["get_order(", "get_order(id=$S1.id)"], "S1 cannot be read"),
        (["price(values=[1])", "get_order(id=$S1)"], "whether $S1 fits id of get_order is not certain"),
    ],
)
def test_what_cannot_be_told_is_unknown_not_pass(calls, reason):
    found = verdict(*calls)
    assert found.outcome == "unknown"
    assert reason in found.reason
    assert found.score == 1.0


def test_toolboxes_from_functions():
    order = TOOLS["get_order"]
    assert order.line == "get_order(id: integer, [token: string]) -> object: Looks an order up."
    assert order.required == ("id",)
    assert order.gives is not None
    assert TOOLS["anything"].gives is None
    assert "schema" in from_functions(odd)["odd"].parameters["properties"]


def odd(schema: int, json: str = "", _x: int = 0) -> int:
    return schema


def positional(x: int, /) -> int:
    return x


@pytest.mark.parametrize(
    "function",
    [lambda x: x, lambda *a: a, pow, positional],
    ids=["no hint", "any number", "builtin", "positional"],
)
def test_functions_that_cannot_be_tools_are_refused(function):
    with pytest.raises((ConfigError, ValueError)):
        from_functions(function)


def test_two_tools_of_one_name_are_refused():
    with pytest.raises(ConfigError, match="two tools"):
        from_functions(login, login)
    with pytest.raises(ConfigError, match="two tools"):
        from_functions(login) | from_functions(login)


OPENAI = {
    "type": "function",
    "function": {
        "name": "get-weather",
        "description": "Weather of a city.",
        "strict": True,
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CITIES = {"to": {"enum": ["Rome", "Oslo"]}}
MCP = {"name": "fly", "inputSchema": {"properties": CITIES, "anyOf": [{"required": ["to"]}]}}


def test_toolboxes_from_specs():
    result = {"type": "object", "properties": {"celsius": {"type": "number"}, "city": {"type": "string"}}}
    tools = from_specs([OPENAI, MCP], results={"get-weather": result})
    assert verdict('get-weather(city="Rome")', "get-weather(city=$S1.city)", tools=tools).outcome == "pass"
    assert verdict('get-weather(city="Rome")', "get-weather(city=$S1.celsius)", tools=tools).outcome == "fail"
    assert verdict('get-weather(city="Rome", day=1)', tools=tools).witnesses[0].argument == "day"
    assert verdict('fly(to="Rome")', tools=tools).outcome == "pass"
    assert verdict('fly(to="Paris")', tools=tools).outcome == "fail"
    assert verdict("fly()", tools=tools).witnesses[0].line == "S1: arguments of fly do not fit together"
    assert verdict('get-weather(city="Rome")', "fly(to=$S1.city)", tools=tools).outcome == "unknown"
    with pytest.raises(ConfigError, match="no spec"):
        from_specs([OPENAI], results={"other": {}})
    with pytest.raises(ConfigError, match="no JSON Schema"):
        from_specs([{"name": "f", "parameters": {"type": "objekt"}}])


def test_a_spec_that_allows_more_arguments_says_so():
    free = [{"name": "f", "parameters": {"properties": {"a": {"type": "integer"}}, "additionalProperties": True}}]
    assert verdict("f(a=1, b=2)", tools=from_specs(free)).outcome == "pass"
    patterned = [{"name": "f", "parameters": {"patternProperties": {"^x": {"type": "integer"}}}}]
    assert verdict('f(x1="a")', tools=from_specs(patterned)).outcome == "fail"
    assert verdict("f(x1=1)", tools=from_specs(patterned)).outcome == "pass"


CALLS = ['login(user="a")', "get_order(id=1)", "create_invoice(order=$S2.id)", "create_invoice(order=$S2.id)"]
ORDERED = [CALLS[1], CALLS[0], "create_invoice(order=$S1.id)"]


@pytest.mark.parametrize(
    ("limits", "calls", "failed", "detail"),
    [
        (CallLimits(max_calls=3), CALLS, {"S4"}, "breaks `at most 3`: call number 4"),
        (CallLimits(max_calls=4), CALLS, set(), ""),
        (CallLimits(per_tool={"create_invoice": 1}), CALLS, {"S4"}, "`at most 1 create_invoice`: call number 2 of"),
        (CallLimits(rules=(before("login", "get_order"),)), CALLS, set(), ""),
        (CallLimits(rules=(before("login", "get_order"),)), ORDERED, {"S1"}, "no login before it"),
        (CallLimits(rules=(no_repeat("create_invoice"),)), CALLS, {"S4"}, "repeats S3"),
        (CallLimits(rules=(no_repeat("login"),)), CALLS, set(), ""),
        (CallLimits(rules=(requires("get_order", "orders.read"),)), CALLS, {"S2"}, "orders.read is not granted"),
        (CallLimits(rules=(requires("get_order", "r"),), granted=frozenset({"r"})), CALLS, set(), ""),
        (CallLimits(rules=(requires("get_order", "r"),), grants={"login": {"r"}}), CALLS, set(), ""),
        (CallLimits(rules=(requires("get_order", "r"),), grants={"login": {"r"}}), ORDERED, {"S1"}, "r is not granted"),
    ],
)
def test_limits_are_held_against_the_call_at_fault(limits, calls, failed, detail):
    found = judge([f"S{n}: [call: {call}]" for n, call in enumerate(calls, 1)], limits)
    assert set(found.failures) == failed
    assert all(witness.kind == "call_limit" and detail in witness.line for witness in found.witnesses)


@pytest.mark.parametrize(
    ("rule", "outcome", "culprits"),
    [
        ("at most 4", "pass", ()),
        ("at most 3", "fail", ("S4",)),
        ("at most 0 login", "fail", ("S1",)),
        ("at least 2 create_invoice", "pass", ()),
        ("at least 3 create_invoice", "fail", ()),
        ("login before get_order", "pass", ()),
        ("get_order before login", "fail", ("S1",)),
        ("no repeat create_invoice, login", "fail", ("S4",)),
        ("get_order requires permission orders.read", "fail", ("S2",)),
        ("at most many", "fail", ()),
        ("", "fail", ()),
    ],
)
def test_rules_as_items(rule, outcome, culprits):
    lines = [f"S{n}: [call: {call}]" for n, call in enumerate(CALLS, 1)]
    if not rule:
        with pytest.raises(ValueError, match="must not be empty"):
            parse_check("calls:")
        return
    found = judge([f"C1: [calls: {rule}]", *lines]).verdicts["C1"]
    assert found.outcome == outcome
    assert all(witness.items == (*culprits, "C1") for witness in found.witnesses)


def test_rules_that_unreadable_calls_could_break_are_unknown():
    lines = ["S1: [call: login(]", "C1: [calls: at most 1]", "C2: [calls: at most 1 login]", "C3: [calls: at most 0]"]
    outcomes = {item: found.outcome for item, found in judge(lines).verdicts.items()}
    assert outcomes == {"S1": "fail", "C1": "pass", "C2": "unknown", "C3": "fail"}


def test_locked_culprits_are_not_aimed_at():
    found = judge(["S1!: [call: get_order(id=1)]", "C1!: [calls: login before get_order]"])
    assert found.witnesses[0].items == ("C1",)


@pytest.mark.parametrize(
    "text",
    ["at most 5", "at most 2 a.b", "at least 1", "login before get-order", "no repeat a, b", "f requires permission a"],
)
def test_rules_are_written_as_they_are_read(text):
    assert str(parse_rule(text)) == text
    plan = parse_plan(f"goal: g\nC1!: [calls: {text}]")
    assert parse_plan(format_plan(plan)) == plan
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


def test_rules_read_as_rules():
    assert parse_rule("at most 2 f") == AtMost(2, "f")
    with pytest.raises(ConfigError, match="constraint `calls: at least 2`"):
        CallLimits(rules=(AtLeast(2),))


def test_a_locked_rule_is_met_only_when_this_verifier_passes_it():
    from planneal.planner.acceptance import Greedy
    from planneal.planner.energy import EnergyModel
    from planneal.planner.kernel import Kernel
    from planneal.planner.schedules import Constant
    from planneal.proposers import Mixture
    from planneal.verifiers import default_verifiers

    def met(verifiers, calls):
        task = Task(question="q", target="a", constraints=["calls: login before get_order"])
        lines = [f"S{n}: [call: {call}]" for n, call in enumerate(calls, 1)]
        plan = parse_plan("\n".join(["goal: g [a]", "C1!: [calls: login before get_order]", *lines, "S9: [a = 1]"]))
        kernel = Kernel(task, Mixture(None), verifiers, EnergyModel(), Greedy(), Constant(0.0))
        chain = asyncio.run(kernel.init(0, plan))
        return solved(chain.current, kernel.exact)

    mine = (*default_verifiers(), *tool_call_verifiers(TOOLS))
    assert met(mine, CALLS)
    assert not met(mine, ORDERED)
    assert not met(default_verifiers(), CALLS)


def test_the_version_tells_toolboxes_and_limits_apart():
    versions = {
        ToolCallVerifier(tools, limits, executed=executed).version
        for tools in (TOOLS, from_functions(login))
        for limits in (None, CallLimits(max_calls=3), CallLimits(granted=frozenset({"r"})))
        for executed in (False, True)
    }
    assert len(versions) == 12
    assert ToolCallVerifier(TOOLS).version == ToolCallVerifier(from_functions(*FUNCTIONS)).version


FUNCTIONS = (login, get_order, find_order, ship, price, create_invoice, anything)


def test_beside_a_dry_run_it_is_silent_where_it_cannot_tell():
    static = ToolCallVerifier(TOOLS, executed=True)
    plan = parse_plan('goal: g\nS1: [call: find_order(text="a")]\nS2: [call: get_order(id=$S1.id)]\nS3: [call: nope()]')
    found = asyncio.run(static.assess(TASK, plan))
    assert {item: v.outcome for item, v in found.verdicts.items()} == {"S1": "pass", "S3": "fail"}
    assert static.decides == {"calls"}
    assert ToolCallVerifier(TOOLS).decides == {"call", "calls"}


SHAPES = (
    "call: login(user={a})",
    "call: get_order(id={a})",
    "call: get_order(id={b}, token={a})",
    "call: find_order(text={a})",
    "call: create_invoice(order={a})",
    "call: create_invoice(order={a}, text={b})",
    "call: price(values=[{a}, {b}])",
    "call: nope(x={a})",
    "call: anything(x={{\"k\": {a}}}, y={b})",
    "call: get_order(id={a}",
    "calls: at most 2",
    "calls: at most 1 get_order",
    "calls: login before get_order",
    "calls: no repeat create_invoice",
    "calls: get_order requires permission r",
    "calls: nonsense",
    "order: S1 < S2",
    "a = 4",
)
LEAVES = ("1", "1.0", "true", '"a"', "null", "$S1", "$S1.id", "$S2.id", "$S3.lines[0].price", "$S4.number", "$S9")


@st.composite
def items(draw, ids):
    check = draw(st.sampled_from(SHAPES)).format(a=draw(st.sampled_from(LEAVES)), b=draw(st.sampled_from(LEAVES)))
    return Item(id=draw(st.sampled_from(ids)), check=check, locked=False)


IDS = ("S1", "S2", "S3", "S4", "S5", "C1", "C2")
LIMITS = CallLimits(max_calls=4, rules=(before("login", "get_order"), no_repeat("create_invoice")))


def edits(plan):
    here = st.sampled_from(tuple(plan.by_id) or ("S1",))
    where, anchor = st.sampled_from(("before", "after")), st.none() | here
    return st.one_of(
        st.builds(Insert, item=items(IDS), where=where, anchor=anchor),
        st.builds(Insert, item=items(IDS), where=where, anchor=anchor),
        st.builds(Replace, item=items(tuple(plan.by_id) or ("S1",))),
        st.builds(Delete, id=here),
        st.builds(Move, id=here, where=where, anchor=anchor),
    )


def walk(data, steps=8):
    calls = ('login(user="a")', "get_order(id=1)", "get_order(id=$S2.id)")
    plan = parse_plan("\n".join(["goal: g", *(f"S{n}: [call: {call}]" for n, call in enumerate(calls, 1))]))
    yield plan
    for _ in range(steps):
        try:
            plan = apply(plan, data.draw(edits(plan)))
        except EditError:
            continue
        yield plan


def differ(make, plans):
    """Pairs of verdicts, cached and fresh, that are not the same."""
    cache, kept, found = VerdictCache(), make(), []
    for plan in plans:
        cached = asyncio.run(kept.assess(TASK, plan, cache=cache))
        fresh = asyncio.run(make().assess(TASK, plan))
        both = [(item, v, fresh.verdicts.get(item)) for item, v in cached.verdicts.items()]
        found += [pair for pair in both if pair[1] != pair[2]]
        assert cached.verdicts.keys() == fresh.verdicts.keys()
        assert cached.abstained is None is fresh.abstained
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.booleans())
def test_cached_verdicts_are_fresh_verdicts(data, executed):
    assert differ(lambda: ToolCallVerifier(TOOLS, LIMITS, executed=executed), walk(data)) == []


def test_a_scope_that_forgets_something_would_be_seen():
    """Negative control: a scope of the text alone takes one call's verdict for another's."""

    class Forgetful(ToolCallVerifier):
        def scope(self, task, plan, item_id):
            found = super().scope(task, plan, item_id)
            return None if found is None else found[0]

    first = parse_plan("goal: g\nS1: [call: get_order(id=1)]\nS2: [call: get_order(id=$S1.id)]")
    second = parse_plan("goal: g\nS2: [call: get_order(id=$S1.id)]\nS1: [call: get_order(id=1)]")
    assert differ(lambda: Forgetful(TOOLS), [first, second])
    assert not differ(lambda: ToolCallVerifier(TOOLS), [first, second])


def test_one_and_true_are_not_one_scope():
    """Python takes 1, 1.0 and True for the same key; JSON does not."""
    plans = [parse_plan(f"goal: g\nS1: [call: get_order(id={value})]") for value in ("1", "true", "1.5", "1")]
    assert not differ(lambda: ToolCallVerifier(TOOLS), plans)


def test_an_edit_judges_only_what_it_touched():
    cache, verifier = VerdictCache(), ToolCallVerifier(TOOLS)
    plan = parse_plan("goal: g\n" + "\n".join(f"S{n}: [call: get_order(id={n})]" for n in range(1, 8)))
    assert len(asyncio.run(verifier.assess(TASK, plan, cache=cache)).judged) == 7
    edited = apply(plan, Replace(item=Item(id="S3", check='call: login(user="x")')))
    assert asyncio.run(verifier.assess(TASK, edited, cache=cache)).judged == ("S3",)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_whatever_a_model_writes_gets_a_verdict(text):
    check = "call: " + "".join(c for c in text if c.isprintable())
    try:
        item = Item(id="S1", check=check)
    except ValueError:
        return
    found = asyncio.run(ToolCallVerifier(TOOLS).assess(TASK, Plan(goal="g", items=(item,))))
    assert found.abstained is None
    assert found.verdicts["S1"].outcome == ("fail" if not isinstance(item.check.call, CallExpression) else
                                            found.verdicts["S1"].outcome)  # fmt: skip
