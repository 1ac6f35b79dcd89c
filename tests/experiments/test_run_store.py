"""The file of a run: whole attempts or none, one writer, and refusals that say what to do."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from dataclasses import replace

import pytest
from planneal.experiments.runs import store as stores
from planneal.experiments.runs.schema import FILE, SCHEMA
from planneal.experiments.runs.store import Attempt, Cell, ProblemRow, Store
from planneal.planner.errors import RunError
from planneal.planner.ledger import Usage

META = {"arguments": json.dumps({"family": "arithmetic", "n": 2, "budgets": [100, 200]}), "version": "1"}
PROBLEMS = [
    ProblemRow("a-1", "arithmetic", "hard", 8, 7, '{"id":"a-1"}'),
    ProblemRow("a-0", "arithmetic", "hard", 9, 6, '{"id":"a-0"}'),
]


def attempt(problem="a-0", method="direct", budget=100, seed=0, **fields):
    made = Attempt(
        problem=problem,
        family="arithmetic",
        level="hard",
        size={"a-0": 9, "a-1": 8}[problem],
        method=method,
        budget=budget,
        seed=seed,
        value="4",
        text="answer: 4",
        plan=None,
        draft=None,
        stop="done",
        notes={"votes": 2, "seconds": 0.5},
        right=True,
        plan_right=None,
        draft_right=False,
        seconds=0.25,
        ledger={
            "answer": Usage(prompt_tokens=9, completion_tokens=3, calls=1, seconds=0.2, flops=1e15, estimated=True),
            "verify": Usage(verifier_calls=3, verifier_seconds=0.1),
        },
        events=({"kind": "accepted", "dE": -0.5, "usage": {"seconds": 1.0, "calls": 1}}, {"kind": "end"}),
    )
    return replace(made, **fields)


@pytest.fixture
def run(tmp_path):
    with Store.create(tmp_path / "run", META, PROBLEMS) as made:
        yield made


def test_what_is_stored_comes_back_equal(run):
    given = attempt(right=False, plan="goal: g", plan_right=True, draft_right=None, value=None)
    run.add(given)
    assert list(run.attempts()) == [given]
    assert list(run.attempts(events=False)) == [replace(given, events=())]
    assert run.problems() == PROBLEMS
    assert given.spent == Usage(
        prompt_tokens=9, completion_tokens=3, calls=1, seconds=0.2, flops=1e15, estimated=True,
        verifier_calls=3, verifier_seconds=0.1,
    )  # fmt: skip


def test_text_that_no_file_can_hold_is_marked(run):
    run.add(attempt(text="half a pair: \ud800", notes={"said": "\ud800"}))
    assert next(run.attempts()).text == "half a pair: ?"


def test_attempts_come_in_one_order_and_can_be_chosen(run):
    cells = [
        Cell("a-1", "sc", 200, 1),
        Cell("a-1", "sc", 200, 0),
        Cell("a-0", "sc", 200, 0),
        Cell("a-0", "direct", 100, 0),
    ]
    for problem, method, budget, seed in cells:
        run.add(attempt(problem, method, budget, seed, right=seed == 0))
    assert [found.cell for found in run.attempts()] == sorted(cells)
    assert run.done() == set(cells)
    assert [found.cell for found in run.attempts(method="sc", seed=[0, 2])] == [cells[2], cells[1]]
    assert [found.cell for found in run.attempts(size=8, right=False)] == [cells[0]]
    assert not list(run.attempts(method=[]))
    with pytest.raises(RunError, match="cannot be chosen by 'gold'; there are problem, family"):
        list(run.attempts(gold=1))


def test_a_cell_holds_one_attempt_and_its_problem_must_be_known(run):
    run.add(attempt())
    with pytest.raises(RunError, match="UNIQUE"):
        run.add(attempt())
    with pytest.raises(RunError, match="FOREIGN KEY"):
        run.add(replace(attempt(), problem="a-9"))
    assert len(list(run.attempts())) == 1


@pytest.mark.parametrize("table", ["attempts", "ledger", "events"])
def test_an_interrupted_transaction_leaves_no_half_attempt(run, table):
    run.add(attempt(seed=1))
    other = sqlite3.connect(run.folder / FILE)
    other.execute(f"CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
    other.commit()
    with pytest.raises(RunError, match="the disk is full"):
        run.add(attempt(seed=2))
    other.execute("DROP TRIGGER broken")
    other.commit()
    counts = [other.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("attempts", "ledger", "events")]
    other.close()
    assert counts == [1, 2, 2]
    run.add(attempt(seed=2))
    assert [found.seed for found in run.attempts()] == [1, 2]


def test_a_process_killed_within_a_transaction_leaves_no_half_attempt(tmp_path):
    Store.create(tmp_path, META, PROBLEMS).close()
    killed = (
        "import os, sys; sys.path.insert(0, sys.argv[2]);"
        "from planneal.experiments.runs.store import Store; from test_run_store import attempt;"
        "s = Store.open(sys.argv[1], write=True); s.add(attempt(seed=1)); s._db.execute('BEGIN IMMEDIATE');"
        's._db.execute("INSERT INTO attempts SELECT NULL, problem, method, budget, 2, value, text, plan, draft, stop,'
        ' notes, right, plan_right, draft_right, seconds FROM attempts"); os.kill(os.getpid(), 9)'
    )
    here = str(__import__("pathlib").Path(__file__).parent)
    assert subprocess.run([sys.executable, "-c", killed, str(tmp_path), here], check=False).returncode == -9
    with Store.open(tmp_path, write=True) as run:  # neither the killed writer's lock nor its half attempt is left
        assert [found.cell.seed for found in run.attempts()] == [1]
        run.add(attempt(seed=2))


def test_ordinary_tools_can_read_it(run):
    run.add(attempt())
    other = sqlite3.connect(run.folder / FILE)
    rows = other.execute(
        "SELECT method, avg(right), sum(l.prompt_tokens + l.completion_tokens) FROM attempts "
        "JOIN ledger l ON l.attempt = attempts.id GROUP BY method"
    ).fetchall()
    kinds = other.execute("SELECT json_extract(event, '$.kind') FROM events ORDER BY n").fetchall()
    other.close()
    assert rows == [("direct", 1.0, 12)]
    assert kinds == [("accepted",), ("end",)]


def test_one_writes_and_others_read(run):
    run.add(attempt())
    with pytest.raises(RunError, match="another process is writing"):
        Store.open(run.folder, write=True)
    with Store.open(run.folder / FILE) as reader:
        assert len(list(reader.attempts())) == 1
        with pytest.raises(RunError, match="readonly"):
            reader.add(attempt(seed=5))


def test_a_run_is_not_made_twice_nor_found_where_none_is(run, tmp_path):
    run.close()
    with pytest.raises(RunError, match="holds a run already"):
        Store.create(run.folder, META, PROBLEMS)
    with pytest.raises(RunError, match=r"no run in .*empty: there is no run.sqlite"):
        Store.open(tmp_path / "empty")
    assert not Store.exists(tmp_path / "empty")
    junk = tmp_path / "junk"
    junk.mkdir()
    (junk / FILE).write_text("this is no database, but it is long enough to be looked at" * 20)
    with pytest.raises(RunError, match="cannot be read as a run"):
        Store.open(junk)
    with pytest.raises(RunError, match="holds a run already"):
        Store.create(junk, META, PROBLEMS)


def test_a_run_that_was_killed_while_it_was_made_is_made_anew(tmp_path):
    (tmp_path / FILE).write_bytes(b"")
    assert not Store.exists(tmp_path)
    with Store.create(tmp_path, META, PROBLEMS) as run:
        assert Store.exists(tmp_path)
        assert run.meta["schema"] == str(SCHEMA)


@pytest.mark.parametrize(("found", "advice"), [(0, "run the comparison anew"), (SCHEMA + 1, "update planneal")])
def test_another_schema_is_refused_with_what_to_do(run, found, advice):
    run.close()
    other = sqlite3.connect(run.folder / FILE)
    other.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(found),))
    other.commit()
    other.close()
    for write in (False, True):
        with pytest.raises(RunError, match=f"has schema {found}, this planneal reads {SCHEMA}; .*{advice}"):
            Store.open(run.folder, write=write)


def test_other_arguments_are_refused_by_name(run):
    run.agree(META)
    arguments = json.dumps({"family": "arithmetic", "n": 3, "budgets": [100, 200], "cap": 9})
    with pytest.raises(RunError, match=r"--cap was not given and is 9; --n was 2 and is 3; version was 1 and is 2\."):
        run.agree({"arguments": arguments, "version": "2"})


def test_the_export_leaves_out_clocks_and_nothing_else(run, tmp_path):
    run.add(attempt(seed=1))
    run.add(attempt(seed=0, seconds=99.0))
    assert run.export_results(tmp_path / "one") == 2
    first, second = (tmp_path / "one").read_text().splitlines()
    assert first.replace('"seed":0', '"seed":1') == second
    row = json.loads(first)
    assert "seconds" not in first
    assert row["ledger"]["answer"]["flops"] == 1e15
    assert row["events"][0] == {"kind": "accepted", "dE": -0.5, "usage": {"calls": 1}}
    assert set(row) == {*Attempt.__dataclass_fields__} - {"seconds"}


def test_no_table_has_room_for_a_gold_answer(run):
    columns = {row[1] for table in ("meta", "problems", "attempts", "ledger", "events")
               for row in run._db.execute(f"PRAGMA table_info({table})")}  # fmt: skip
    assert not any("gold" in column or "correct" in column for column in columns)
    assert stores.FILE == FILE
