"""``planneal show`` and ``planneal replay`` on traces that the tests themselves record."""

import json

import pytest
import worlds
from planneal.testing import FunctionModel

Q = worlds.QUESTION


@pytest.fixture
def trace(run, tmp_path):
    path = tmp_path / "t.jsonl"
    assert run("solve", Q, "--trace", path, "--seed", "3").exit_code == 0
    return path


def change(path, kind, **fields):
    """Rewrites fields of the first event of a kind."""
    lines = path.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if json.loads(line)["kind"] == kind)
    lines[at] = json.dumps(json.loads(lines[at]) | fields)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_show_tells_the_whole_run(run, trace, loaded):
    loaded.clear()
    found = run("show", trace)
    assert (found.exit_code, found.stderr, loaded) == (0, "", [])
    for line in (
        "model scripted, seed 3, rule metropolis, schedule geometric, chains 1",
        "problem: S1 uses bolts, defined nowhere",
        "edit      insert S3 before S1: [bolts = nuts + 3]",
        "  accepted: ",
        "chosen plan, energy 0.000, solved",
        "  bolts = 4 + 3 = 7 [S3]   (ok)",
        "stopped: solved",
        "| total",
    ):
        assert line in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 100


def test_show_tells_where_a_run_was_cut_off(run, trace):
    kept = trace.read_text(encoding="utf-8").splitlines()[:6]
    trace.write_text("\n".join(kept) + '\n{"kind": "step_ta', encoding="utf-8")
    found = run("show", trace)
    assert found.exit_code == 0
    assert "the run was cut off" in found.stdout


def test_show_refuses_what_is_not_a_trace(run, tmp_path):
    path = tmp_path / "no.jsonl"
    path.write_text("hello\n", encoding="utf-8")
    found = run("show", path)
    assert (found.exit_code, found.stdout) == (2, "")
    assert str(path) in found.stderr.replace("\n", "")


def test_replay_repeats_every_decision_without_a_model(run, trace, loaded):
    loaded.clear()
    found = run("replay", trace)
    assert found.exit_code == 0
    assert found.stdout.startswith("same: ")
    assert loaded == []
    told = json.loads(run("replay", trace, "--json").stdout)
    events = len(trace.read_text(encoding="utf-8").splitlines())
    assert told == {
        "same": True, "events": events, "divergence": None, "stopped_by": None, "value": "9", "exit_code": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("step_taken", {"decision": "worse"}), ("plan_chosen", {"solved": False}), ("run_started", {"seed": 4})],
)
def test_replay_tells_the_first_difference(run, trace, kind, fields):
    change(trace, kind, **fields)
    found = run("replay", trace)
    assert found.exit_code == 8
    assert found.stdout.startswith("different: ")
    assert json.loads(run("replay", trace, "--json").stdout)["same"] is False


def test_replay_of_a_run_with_its_own_prompts_needs_them(run, tmp_path):
    path, folder = tmp_path / "t.jsonl", tmp_path / "prompts"
    folder.mkdir()
    (folder / "answer.j2").write_text("Speak.\n{{ question }}\n{{ plan }}\nanswer:\n", encoding="utf-8")
    run("solve", Q, "--trace", path, "--prompts", folder, model=FunctionModel(worlds.model_reply))
    without = run("replay", path)
    assert without.exit_code == 2
    assert "answer" in without.stderr
    assert run("replay", path, "--prompts", folder).exit_code == 0
