"""Traces: written line by line, read strictly, and equal for equal runs once times are masked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.planner.errors import TraceError
from planneal.planner.events import (
    SCHEMA_VERSION,
    AnswerDecoded,
    ChainStopped,
    ModelCalled,
    PlanChosen,
    PlanDrafted,
    RunFinished,
    RunStarted,
    StepTaken,
    Warned,
)
from planneal.planner.ledger import Budget, Usage
from planneal.planner.task import Task
from planneal.planner.trace import TraceWriter, header, masked, read_trace, to_line
from planner_strategies import examples

ENERGY = {"total": 0.5, "terms": {"structure": 0.5, "seconds": 0.25}, "violated": ["goal"]}
USAGE = Usage(prompt_tokens=9, seconds=1.5, verifier_seconds=0.25)
START = RunStarted(
    planneal="0.1",
    task=Task(question="wie viele Nüsse? 🥜", constraints=["wigs > 0", "C9: [nuts = 4]"]),
    model="embedded",
    seed=7,
    budget=Budget(tokens=100, seconds=30.0),
    settings={"chains": 2, "t": 3, "seconds": 5},
)
EVENTS = [
    START,
    ModelCalled(role="draft", chain=0, key="k", request={"n": 1}, response={"text": "S1: a"}, usage=USAGE),
    PlanDrafted(chain=0, plan="goal: g", energy=ENERGY, witnesses=("goal wigs is defined nowhere",)),
    StepTaken(
        chain=0,
        step=1,
        operator="lm.insert",
        edit="insert S1: [wigs = 4]",
        decision="accepted",
        reason="energy 0.5 -> 0",
        before=ENERGY,
        after=ENERGY,
        delta=float("nan"),
        limit=0.1,
        u=0.5,
        temperature=0.1,
        stages=("structure", "t"),
        judged={"structure": ("S1", "goal"), "t": ("S1",)},
        abstained={"seconds": "no verdict within 1 s"},
        usage=USAGE,
        plan="goal: g",
    ),
    ChainStopped(chain=0, step=1, reason="solved", best=0.0),
    PlanChosen(chain=0, plan="goal: g", energy=ENERGY, reason="solved", solved=True),
    AnswerDecoded(attempt=1, answer={"text": "4", "usage": {"seconds": 2.0}}, final=True),
    Warned(message="a line was left out"),
    RunFinished(stop_reason="solved", spent=USAGE, by_role={"draft": USAGE}),
]


def written(path, events=EVENTS, clock=lambda: 0.0):
    with TraceWriter(path, clock=clock) as writer:
        for event in events:
            writer.write(event)
    return path


def test_what_is_written_is_read(tmp_path):
    path = written(tmp_path / "runs" / "deep" / "a.jsonl")
    events = list(read_trace(path))
    assert events == EVENTS
    assert events[3].delta is None  # a number that is none is not recorded as one
    assert header(events) == START
    assert len(path.read_text(encoding="utf-8").splitlines()) == len(EVENTS)


@given(st.text(max_size=60), st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers()))
@examples(40)
def test_any_text_survives(tmp_path_factory, text, settings):
    events = [START.model_copy(update={"settings": settings}), Warned(message=text)]
    path = tmp_path_factory.mktemp("traces") / "a.jsonl"
    assert list(read_trace(written(path, events))) == events


def test_every_line_is_there_as_soon_as_it_happened(tmp_path):
    with TraceWriter(tmp_path / "a.jsonl") as writer:
        for number, event in enumerate(EVENTS, start=1):
            writer.write(event)
            assert len(list(read_trace(writer.path))) == number


def test_events_are_stamped_unless_they_are_already(tmp_path):
    ticks = iter([0.25, 0.5])
    path = written(tmp_path / "a.jsonl", [START, Warned(message="x", t=9.0), Warned(message="y")], lambda: next(ticks))
    assert [event.t for event in read_trace(path)] == [0.25, 9.0, 0.5]


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path):
    """Wherever it was cut, within a character too."""
    path = written(tmp_path / "a.jsonl", [START, Warned(message="zu spät: 数 🥜")])
    whole = path.read_bytes()
    for length in range(whole.index(b"\n") + 1, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert list(read_trace(path)) == [START]
    path.write_bytes(whole[:-1])  # only the line's end is missing
    assert len(list(read_trace(path))) == 2


@pytest.mark.parametrize(
    "broken",
    [b'{"kind": "warned", "mess', b"\xff\xfe", b'{"kind": "unheard_of"}', b'{"kind": "warned"}', b"[1]", b"null"],
)
def test_a_broken_line_before_the_last_is_named(tmp_path, broken):
    path = written(tmp_path / "a.jsonl", EVENTS[:2])
    path.write_bytes(path.read_bytes() + broken + b"\n" + to_line(EVENTS[-1]).encode())
    events = read_trace(path)
    assert [next(events), next(events)] == EVENTS[:2]
    with pytest.raises(TraceError, match="line 3"):
        next(events)


def test_a_whole_last_line_that_is_no_event_is_an_error(tmp_path):
    path = written(tmp_path / "a.jsonl", [START])
    path.write_bytes(path.read_bytes() + b'{"kind": "unheard_of"}')
    with pytest.raises(TraceError, match="line 2"):
        list(read_trace(path))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"hello", "line 1"),
        (b'{"kind": "run_star', "line 1"),
        (b"\xff", "line 1"),
        (b"[]", "not a planneal trace"),
        (to_line(EVENTS[-2]).encode(), "not a planneal trace"),
        (to_line(START).replace(f'"schema_version":{SCHEMA_VERSION}', '"schema_version":99').encode(), "version 99"),
        (to_line(START).replace(f'"schema_version":{SCHEMA_VERSION},', "").encode(), "version None"),
    ],
)
def test_what_is_no_trace_is_refused(tmp_path, content, why):
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=why):
        list(read_trace(path))


def test_a_missing_trace_is_told(tmp_path):
    with pytest.raises(TraceError, match="cannot read"):
        list(read_trace(tmp_path / "nothing.jsonl"))
    with pytest.raises(TraceError, match="does not start"):
        header(EVENTS[1:])
    with pytest.raises(TraceError, match="does not start"):
        header([])


def test_a_trace_is_never_overwritten(tmp_path):
    path = written(tmp_path / "a.jsonl")
    before = path.read_bytes()
    with pytest.raises(TraceError, match="never overwritten"):
        TraceWriter(path)
    assert path.read_bytes() == before
    with pytest.raises(TraceError, match="cannot write"):
        TraceWriter(path / "inside_a_file.jsonl")


def shifted(value, by=1.0, name=""):
    """An event's JSON with every time moved, found by what the fields mean rather than by the masking code."""
    if isinstance(value, list):
        return [shifted(entry, by) for entry in value]
    if not isinstance(value, dict) or name in ("settings", "budget", "terms"):
        return value
    usage = "verifier_seconds" in value and "rejected_tokens" in value
    times = {"seconds", "verifier_seconds"} if usage else set()
    times |= {"t"} if "kind" in value else set()
    return {k: v + by if k in times else shifted(v, by, k) for k, v in value.items()}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_masking_hides_times_and_nothing_else(event):
    raw = event.model_dump(mode="json")
    later = type(event).model_validate(shifted(raw))
    assert later != event
    assert masked(later) == masked(event)
    hidden = json.loads(masked(event))

    def same(a, b, path=()):
        if isinstance(a, dict):
            return all(same(a[k], b[k], (*path, k)) for k in a) and a.keys() == b.keys()
        if isinstance(a, list | tuple):
            return len(a) == len(b) and all(same(x, y, path) for x, y in zip(a, b, strict=True))
        return a == b or (path[-1] in ("t", "seconds", "verifier_seconds") and b == 0.0)

    assert same(json.loads(json.dumps(raw)), hidden)


def test_masking_keeps_caps_settings_and_verifiers_called_like_times():
    start, step = json.loads(masked(START)), json.loads(masked(EVENTS[3]))
    assert start["budget"]["seconds"] == 30.0
    assert start["settings"] == {"chains": 2, "t": 3, "seconds": 5}
    assert step["before"]["terms"] == ENERGY["terms"]
    assert step["judged"]["t"] == ["S1"]
    assert step["abstained"] == {"seconds": "no verdict within 1 s"}
    assert step["usage"]["seconds"] == step["usage"]["verifier_seconds"] == 0.0


def test_equal_events_are_equal_lines():
    line = to_line(EVENTS[3])
    assert "\n" not in line
    assert line == to_line(type(EVENTS[3]).model_validate_json(line))
    assert list(json.loads(line)) == sorted(json.loads(line))
