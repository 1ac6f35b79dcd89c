"""The reference pages say what the code says: notation examples parse, tables name what exists and all of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from doc_pages import PAGES, ROOT, blocks
from planneal import format_plan, parse_plan
from planneal.decoders.prompts import ROLES
from planneal.planner import evaluation, expressions, plan, task
from planneal.planner.acceptance import RULES
from planneal.planner.checks import _KINDS, MAX_CHECK_CHARS
from planneal.planner.edits import SimpleEdit, apply
from planneal.planner.errors import NotationError
from planneal.planner.events import SCHEMA_VERSION, Event
from planneal.planner.kernel import Decision
from planneal.planner.ledger import LIMITS
from planneal.planner.notation import parse_edits
from planneal.planner.schedules import SCHEDULES
from planneal.planner.stopping import StopReason
from planneal.planner.witnesses import BuiltinWitness
from planneal.verifiers import (
    DryRunVerifier,
    OrderVerifier,
    PairwiseJudge,
    RelationsVerifier,
    SelfCheckVerifier,
    SelfReportedTests,
    StructureVerifier,
    ToolCallVerifier,
    UnitTestVerifier,
)
from planneal.verifiers.prm import PRMVerifier

DOCS = ROOT / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str, head: str) -> list[list[str]]:
    """The rows of the table whose header starts with this cell."""
    lines = text.split("\n")
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| {head} |"))
    found = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def names(cells: list[list[str]]) -> list[str]:
    return [cell[0].strip("`") for cell in cells]


def test_plans_in_the_pages_are_written_as_the_code_writes_them():
    found = [block.text.rstrip() for path in PAGES for block in blocks(path) if block.language == "plan"]
    assert found
    for text in found:
        assert format_plan(parse_plan(text)) == text


def test_edits_in_the_pages_apply_one_after_another_and_cover_every_operator():
    (block,) = (block for block in blocks(DOCS / "notation.md") if block.language == "edits")
    start = ["goal: g [wigs]", "C1: [wigs > 0]", "S1: [nuts = 4]", "S2: [bolts = nuts + 3]", "S3: [wigs = 2 * nuts]"]
    current = parse_plan("\n".join(start))
    edits = parse_edits(block.text, plan=current)
    for edit in edits:
        assert not isinstance(edit, NotationError), edit
        current = apply(current, edit)
    known = {kind.model_fields["op"].default for kind in get_args(get_args(SimpleEdit)[0])}
    assert {edit.op for edit in edits} == known
    table = {name.split()[0] for name in names(rows(page("notation.md"), "edit"))}
    assert table == known


def test_check_kinds_are_all_listed():
    kinds = {re.search(r"`([a-z]+)`", row[1])[1] for row in rows(page("notation.md"), "form")}
    assert kinds == {"relation", "order", "test", "call", "calls", "code", "program", "unit"} <= set(_KINDS)


def test_limits_are_the_constants():
    text = " ".join(" ".join(row) for row in rows(page("notation.md"), "what")).replace(",", "")
    for limit in (
        task.MAX_QUESTION_CHARS,
        plan.MAX_TEXT_CHARS,
        plan.MAX_ITEMS,
        MAX_CHECK_CHARS,
        expressions.MAX_CHARS,
        expressions.MAX_NODES,
        expressions.MAX_DEPTH,
        expressions.MAX_DIGITS,
        expressions.MAX_EXPONENT,
        evaluation.MAX_BITS,
    ):
        assert re.search(rf"\b{limit}\b", text), limit
    for function in expressions.FUNCTIONS:
        assert f"`{function}`" in page("notation.md")


def test_witness_table_is_the_code():
    table = {row[0].strip("`"): row for row in rows(page("verdicts.md"), "kind")}
    classes = get_args(get_args(BuiltinWitness)[0])
    assert set(table) == {kind.model_fields["kind"].default for kind in classes}
    for kind in classes:
        row = table[kind.model_fields["kind"].default]
        assert row[2] == ", ".join(kind.operators), row
        assert row[3] == ("structure" if kind.structural else "model"), row


EXAMPLES = {
    "undefined_symbol": {"item": "S3", "symbol": "nuts"},
    "goal_not_reached": {"symbol": "wigs"},
    "unresolved_need": {"item": "S3", "need": "S9"},
    "missing_need": {"item": "S3", "symbol": "nuts", "definer": "S7"},
    "out_of_order": {"item": "S3", "needed": "S7", "symbol": "nuts"},
    "cycle": {"members": ("S2", "S4")},
    "contradiction": {"members": ("S2", "S5"), "symbol": "bolts", "values": ("7", "9")},
    "duplicate": {"item": "S5", "original": "S2"},
    "false_equality": {"item": "S4", "left": "8", "right": "7", "statement": "4 + 3"},
    "violated": {"item": "C1", "detail": "wigs = 14"},
    "failed_test": {"item": "C1", "call": "f([])", "expected": "0", "got": "None"},
    "malformed": {"item": "S4", "reason": "division by zero"},
    "undetermined": {"symbol": "wigs"},
    "doubtful": {"item": "S4"},
    "unused": {"item": "S4"},
    "locked_changed": {"item": "C1", "missing": True},
    "unknown_tool": {"item": "S2", "tool": "get_oder", "nearest": ("get_order",)},
    "bad_argument": {"item": "S2", "tool": "get_order", "argument": "id", "problem": "is missing"},
    "unresolved_reference": {"item": "S2", "reference": "$S5.id", "reason": "S5 comes later"},
    "call_limit": {"item": "S3", "rule": "login before get_order", "detail": "no login before it"},
    "tool_error": {"item": "S2", "call": "get_order(id=7)", "message": "KeyError: 7"},
    "misplaced": {"item": "C1", "detail": "S4 figs stands at 2, S1 plums stands at 3", "culprits": ("S4", "S1")},
    "unplaced": {"text": "figs"},
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_witness_lines_are_the_code(kind):
    table = {row[0].strip("`"): row[1].strip("`") for row in rows(page("verdicts.md"), "kind")}
    made = next(c for c in get_args(get_args(BuiltinWitness)[0]) if c.model_fields["kind"].default == kind)
    assert made(**EXAMPLES[kind]).line == table[kind]


def test_verifier_table_is_the_code():
    table = [row[:3] for row in rows(page("verdicts.md"), "name")]
    shipped = (
        *(StructureVerifier, OrderVerifier, RelationsVerifier, ToolCallVerifier, DryRunVerifier),
        *(UnitTestVerifier, SelfReportedTests, PRMVerifier, SelfCheckVerifier, PairwiseJudge),
    )
    assert table == [[f"`{v.name}`", str(v.stage), v.trust] for v in shipped]


def test_event_table_has_every_kind_and_field():
    table = {row[0].strip("`"): row[2] for row in rows(page("traces.md"), "kind")}
    events = get_args(get_args(Event)[0])
    assert list(table) == [kind.model_fields["kind"].default for kind in events]
    for kind in events:
        expected = set(kind.model_fields) - {"kind", "t"}
        assert expected <= set(re.findall(r"`([a-z_]+)`", table[kind.model_fields["kind"].default])), kind
    assert f"Schema version: {SCHEMA_VERSION}." in page("traces.md")


def test_tables_of_names_are_complete():
    assert set(names(rows(page("traces.md"), "`decision`"))) == set(get_args(Decision))
    assert names(rows(page("howto/budgets.md"), "cap")) == list(LIMITS)
    assert names(rows(page("howto/chains.md"), "`rule`")) == list(RULES)
    assert names(rows(page("howto/chains.md"), "`schedule`")) == list(SCHEDULES)
    assert {row[1].strip("`") for row in rows(page("howto/prompts.md"), "role")} == {f"{role}.j2" for role in ROLES}
    told = set(names(rows(page("howto/chains.md"), "`stop_reason`")))
    assert told == set(get_args(StopReason)) - {"out_of_scope"}


def test_a_missing_row_would_be_seen():
    """Negative control: the table reader reads every row and no more."""
    text = "| kind | x |\n|---|---|\n| `a` | 1 |\n| `b` | 2 |\n\n| `c` | 3 |\n"
    assert names(rows(text, "kind")) == ["a", "b"]


def test_every_decision_is_listed_in_the_index():
    files = sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md"))
    index = page("decisions/README.md")
    assert re.findall(r"\((\d{4}-[a-z0-9-]+\.md)\)", index) == files
    assert [int(name[:4]) for name in files] == list(range(1, len(files) + 1))


@pytest.mark.parametrize("name", sorted(path.name for path in (DOCS / "decisions").glob("[0-9]*.md")))
def test_decisions_have_the_same_parts(name):
    text = page(f"decisions/{name}")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Rejected"]


@pytest.mark.parametrize("path", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_named_files_exist(path):
    """Paths in code spans that look like files of the package are files of the package."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    folders = "planner|decoders|verifiers|proposers|experiments|apps"
    named = set(re.findall(rf"`((?:{folders})/[\w/.]+\.(?:py|lark|j2|toml))`", text))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_declared_dependency_is_explained():
    import tomllib

    project = tomllib.loads(Path(ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = project["dependencies"] + [d for extra in project["optional-dependencies"].values() for d in extra]
    listed = set(re.findall(r"^\| `([\w\[\]-]+)` \|", page("dependencies.md"), re.MULTILINE))
    assert listed == {re.match(r"[\w-]+(\[\w+\])?", entry)[0] for entry in wanted}
