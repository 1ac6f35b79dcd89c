"""NESTFUL's sequences as plans and back without loss, and what the verifier sees in them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import numpy as np
import planneal
import pytest
from planneal.experiments.bench_tool_calls import CORRUPTIONS, measure, verdicts
from planneal.experiments.nestful_lookups import FILES, Lookups, Sample, labelled, samples
from planneal.planner.calls import Join, Reference, Scalar
from planneal.planner.notation import format_plan, parse_plan
from planneal.verifiers.tool_calls import ToolCallVerifier
from planneal.verifiers.tool_calls.nestful import read_row, to_plan, to_sequence, to_toolbox, write_row

DATA = Path(planneal.__file__).resolve().parent.parent / "shared" / "data" / "nestful"
SPECS = [
    {
        "name": "find",
        "query_parameters": {"text": {"type": "String", "required": True}, "most": {"type": "Number"}},
        "output_parameters": {"id": {"type": "string"}, "hits": {"type": "Array", "items": {"type": "integer"}}},
    },
    {"name": "Shop.Buy", "arguments": {"id": {"required": True, "allowed_values": []}}, "output_parameters": {}},
]
ROW = {
    "input": " Find a nut\nand buy it. ",
    "output": [
        {"name": "find", "arguments": {"text": "nut", "most": 3}, "label": "var1"},
        {"name": "Shop.Buy", "arguments": {"id": "$var1.id$"}, "label": "var2"},
        {"name": "find", "arguments": {"text": "No. $var1.hits[0]$ of $var2$"}, "label": "var2"},
        {"name": "find", "arguments": {"text": "$100-$200"}, "label": "other"},
        {"name": "var_result", "arguments": {"a": "$var9.odd name$", "b": [{"c": "$var1$"}, None, 1.0, True]}},
    ],
}


@pytest.fixture(scope="module", params=FILES)
def sample(request):
    if not (DATA / f"{request.param}-data.json").exists():
        pytest.skip(f"NESTFUL is not at {DATA}")
    return next(found for found in samples(DATA) if found.name == request.param)


def test_a_row_with_every_oddity_survives():
    read = read_row(ROW)
    assert json.dumps(write_row(read)) == json.dumps(ROW)
    assert parse_plan(format_plan(read.plan)) == read.plan
    ids = list(read.plan.by_id)
    assert ids[:2] == ["S1", "S2"]
    assert len(set(ids)) == 5
    assert "S9" not in ids  # what leads nowhere still leads nowhere
    calls = [dict(item.check.call.arguments) for item in read.plan.items]
    assert calls[1]["id"] == Reference("S1", ("id",))
    assert calls[2]["text"] == Join(("No. ", Reference("S1", ("hits", 0)), " of ", Reference("S2"), ""))
    assert calls[3]["text"] == Scalar("$100-$200")
    assert calls[4]["a"] == Reference("S9", ("odd name",))
    assert read.plan["S2"].needs == ("S1",)


def test_the_verifier_reads_the_specs():
    verifier = ToolCallVerifier(to_toolbox(SPECS))
    outcomes = [verdict.outcome for verdict in verdicts(verifier, ROW).values()]
    assert outcomes == ["pass", "pass", "pass", "pass", "fail"]
    assert to_toolbox([*SPECS, *SPECS]).digest == to_toolbox(SPECS).digest


def test_every_row_of_every_file_comes_back_exactly(sample):
    for row in sample.rows:
        read = read_row(row)
        assert json.dumps(write_row(read)) == json.dumps(row)
        assert parse_plan(format_plan(read.plan)) == read.plan
        assert to_plan(read.plan.goal, to_sequence(read.plan)) == read.plan


def test_gold_calls_fail_exactly_where_the_specs_say_so(sample):
    """A reader that knows nothing of the verifier finds the same calls at fault: these are defects of the data."""
    report = measure(sample, np.random.default_rng(0))
    assert report.ours == []
    assert sum(report.calls.values()) == sum(len(row["output"]) for row in sample.rows)
    for name, (hits, planted) in report.detected.items():
        assert planted > 40
        if name.startswith("control"):
            assert hits == 0
        else:
            assert hits >= 0.95 * planted, name


def test_the_second_reader_would_tell_a_verifier_that_looks_away():
    """Negative control: against specs that ask for something else, the two readers part."""
    asked = {"text": {"type": "String"}, "where": {"type": "String", "required": True}}
    other = [{**SPECS[0], "query_parameters": asked}]
    lax = ToolCallVerifier(to_toolbox([*SPECS]))
    looked = [Lookups(other + SPECS[1:]).defects(call, earlier) for call, earlier in labelled(ROW["output"])]
    failed = [verdict.outcome == "fail" for verdict in verdicts(lax, ROW).values()]
    assert [bool(found) for found in looked] != failed


def test_planted_faults_are_seen_in_a_clean_row():
    answer = {"name": "var_result", "arguments": {"a": "$var2$"}}
    row = {"input": "q", "output": [*ROW["output"][:2], answer]}
    report = measure(Sample("one", [row], SPECS), np.random.default_rng(1))
    assert report.calls == {"pass": 3}
    assert all(hits == planted == 1 for name, (hits, planted) in report.detected.items() if "control" not in name)
    assert set(report.detected) == set(CORRUPTIONS)
    assert report.detected["control: reordered"] == (0, 1)


def test_plans_without_calls_are_empty_sequences():
    assert to_sequence(parse_plan("goal: g\nS1: think")) == []
    plan = to_plan("g", ROW["output"])
    assert asyncio.run(ToolCallVerifier(to_toolbox([])).assess(read_row(ROW).task, plan)).abstained is None
