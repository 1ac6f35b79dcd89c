"""``planneal solve``: what goes to which stream, options and their variables, the JSON object."""

import json
import re

import pytest
import worlds
from planneal.planner.trace import read_trace
from planneal.testing import FunctionModel, ScriptedModel

ANSWER = "nuts = 4 [S4]\nbolts = 4 + 3 = 7 [S3]\nwigs = 2 * 7 = 14 [S1]\nsaws = 14 - 5 = 9 [S2]\nanswer: 9 [S2]\n"
Q = worlds.QUESTION
FIELDS = {
    "answer": (str, type(None)),
    "value": (str, type(None)),
    "faithful": bool,
    "problems": list,
    "claims": list,
    "uncited": list,
    "plan": str,
    "draft": str,
    "solved": bool,
    "energy": (float, type(None)),
    "stop_reason": str,
    "detail": str,
    "steps": int,
    "accepted": int,
    "spent": dict,
    "spent_by_role": dict,
    "model": str,
    "seed": int,
    "warnings": list,
    "trace": (str, type(None)),
    "exit_code": int,
}


def header(path):
    return next(iter(read_trace(path)))


# --- streams


@pytest.mark.parametrize("flags", [(), ("-q",), ("-v",)])
def test_standard_output_is_the_answer_and_nothing_else(run, flags):
    found = run("solve", Q, *flags)
    assert (found.exit_code, found.stdout) == (0, ANSWER)
    assert (found.stderr == "") == (flags == ("-q",))


@pytest.mark.parametrize("flags", [(), ("-q",), ("-v",)])
def test_json_is_one_object_whatever_else_is_told(run, flags):
    found = run("solve", Q, "--json", *flags)
    told = json.loads(found.stdout)
    assert found.stdout.count("\n") == 1
    assert told.keys() == FIELDS.keys()
    assert all(isinstance(told[name], kind) for name, kind in FIELDS.items())
    assert (told["answer"], told["value"], told["faithful"], told["solved"]) == (ANSWER.strip(), "9", True, True)
    assert told["claims"][1] == {"text": "bolts = 4 + 3 = 7", "citations": ["S3"], "outcome": "pass", "reason": ""}
    assert set(told["spent_by_role"]) == {"draft", "propose", "verify", "answer"}
    assert sum(usage["calls"] for usage in told["spent_by_role"].values()) == told["spent"]["calls"]
    assert told["exit_code"] == found.exit_code == 0


def test_verbose_tells_all_that_decided_a_step(run):
    told = run("solve", Q, "-v").stderr
    assert re.search(r"step 1  lm\.insert  energy \d+\.\d{3} -> 0\.000  temperature [\d.]+  limit \+[\d.]+", told)
    for line in ("answers   S1 uses bolts, defined nowhere", "edit      insert S3 before S1: [bolts = nuts + 3]"):
        assert line in told
    assert "  accepted: " in told
    assert "| total" in told


def test_verbose_tells_why_a_step_was_rejected(run):
    def stubborn(request, index):
        prompt = request.prompt
        return "nonsense" if prompt.rstrip().endswith("edit:") else worlds.respond(prompt)

    found = run("solve", Q, "-v", "--rule", "greedy", "--max-steps", "4", model=FunctionModel(stubborn))
    assert "energy 11.458 -> not judged" in found.stderr
    assert "  rejected  malformed: line 1, column 1: not plan notation" in found.stderr


def test_plain_output_has_no_boxes_and_no_colours_and_fits(run):
    told = run("solve", Q, "-v").stderr
    assert told.isascii()
    assert max(map(len, told.splitlines())) <= 100


def test_what_a_model_wrote_is_neither_markup_nor_a_control_sequence(run):
    evil = "\x1b]0;owned\x07[bold]nuts[/bold] = 4 [S1]\nanswer: 4 [S1]"
    script = ["goal: nuts? [nuts]\nS1: [nuts = 4]", evil]
    found = run("solve", "How many nuts?", "-v", model=ScriptedModel(script, repeat=True))
    for text in (found.stdout, found.stderr):
        assert "\x1b" not in text
        assert "\\x1b]0;owned\\x07[bold]nuts[/bold]" in text


def test_without_an_answer_the_plan_is_told_even_when_quiet(run):
    from planneal.planner.errors import TransientError

    def breaks(request, index):
        return TransientError("503") if request.prompt.endswith("answer:\n") else worlds.respond(request.prompt)

    found = run("solve", Q, "-q", model=FunctionModel(breaks))
    assert (found.exit_code, found.stdout) == (3, "")
    assert "no answer; the best plan is:\n  goal: how many saws? [saws]" in found.stderr


# --- the question


def test_the_question_comes_from_a_file_or_from_standard_input(run, tmp_path):
    path = tmp_path / "q.txt"
    path.write_text(Q, encoding="utf-8")
    for found in (run("solve", "--file", path), run("solve", "-", stdin=Q), run("solve", "-f", "-", stdin=Q)):
        assert (found.exit_code, found.stdout) == (0, ANSWER)


def test_a_question_that_starts_with_a_dash_needs_the_usual_separator(run):
    assert run("solve", "--", "-" + Q).exit_code == 0


# --- options, their variables, the settings file


def test_the_task_and_the_settings_reach_the_run(run, tmp_path):
    trace = tmp_path / "t.jsonl"
    options = ["--goal", "saws", "--target", "saws", "-c", "saws > 0", "-c", "C7: [saws < 99]", "--seed", "5"]
    options += ["--rule", "greedy", "--schedule", "lam", "--chains", "2", "--max-steps", "7", "--trace", trace]
    options += ["--budget-tokens", "9000", "--budget-calls", "50", "--budget-completion-tokens", "8000"]
    found = run("solve", Q, *options, "--budget-seconds", "60", "--json")
    head = header(trace)
    assert found.exit_code == 0, found.stderr
    assert json.loads(found.stdout)["trace"] == str(trace)
    assert (head.seed, head.task.goal, head.task.target) == (5, "saws", "saws")
    assert [(item.id, item.locked) for item in head.task.constraints] == [("C1", True), ("C7", True)]
    assert head.budget.model_dump(exclude_none=True) == {
        "tokens": 9000, "calls": 50, "completion_tokens": 8000, "seconds": 60.0,
    }  # fmt: skip
    assert (head.settings["rule"], head.settings["schedule"], head.settings["chains"]) == ("greedy", "lam", 2)
    assert head.settings["stop"]["max_steps"] == 7


def test_every_option_has_a_variable(run, loaded, tmp_path):
    trace = tmp_path / "t.jsonl"
    env = {
        "PLANNEAL_MODEL": "openai/x",
        "PLANNEAL_BASE_URL": "http://localhost:1/v1",
        "PLANNEAL_SEED": "9",
        "PLANNEAL_CONSTRAINT": "saws > 0\nsaws < 99",
        "PLANNEAL_RULE": "greedy",
        "PLANNEAL_MAX_STEPS": "6",
        "PLANNEAL_BUDGET_TOKENS": "9000",
        "PLANNEAL_TRACE": str(trace),
        "PLANNEAL_JSON": "1",
        "PLANNEAL_QUIET": "1",
    }
    found = run("solve", Q, env=env)
    head = header(trace)
    assert loaded == [("openai/x", {"base_url": "http://localhost:1/v1"})]
    assert json.loads(found.stdout)["seed"] == head.seed == 9
    assert [str(item.check) for item in head.task.constraints] == ["saws > 0", "saws < 99"]
    assert (head.settings["rule"], head.settings["stop"]["max_steps"], head.budget.tokens) == ("greedy", 6, 9000)
    assert found.stderr == ""


def test_what_is_typed_wins_over_the_environment(run, loaded):
    env = {"PLANNEAL_MODEL": "openai/x", "PLANNEAL_QUIET": "1", "PLANNEAL_FILE": "/nowhere"}
    found = run("solve", Q, "-m", "embedded", "-v", env=env)
    assert loaded == [("embedded", {})]
    assert found.exit_code == 0
    assert "step 1" in found.stderr


def test_a_base_url_of_the_environment_does_not_concern_local_models(run, loaded):
    assert run("solve", Q, env={"PLANNEAL_BASE_URL": "http://localhost:1/v1"}).exit_code == 0
    assert loaded == [("embedded", {})]
    assert run("solve", Q, "--base-url", "http://localhost:1/v1").exit_code == 2


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.toml", 'rule = "barker"\n[stop]\nmax_steps = 5\nidle = 2\n[draft]\nmax_tokens = 99\n'),
        ("s.json", '{"rule": "barker", "stop": {"max_steps": 5, "idle": 2}, "draft": {"max_tokens": 99}}'),
    ],
)
def test_settings_come_from_a_file_with_options_on_top(run, tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    trace = tmp_path / "t.jsonl"
    found = run("solve", Q, "--settings", tmp_path / name, "--max-steps", "8", "--trace", trace)
    shown = header(trace).settings
    assert found.exit_code == 0, found.stderr
    assert (shown["rule"], shown["draft"]["max_tokens"]) == ("barker", 99)
    assert (shown["stop"]["max_steps"], shown["stop"]["idle"]) == (8, 2)


def test_prompts_come_from_a_folder(run, tmp_path):
    (tmp_path / "answer.j2").write_text("Speak.\n{{ question }}\n{{ plan }}\nanswer:\n", encoding="utf-8")
    model = FunctionModel(worlds.model_reply)
    assert run("solve", Q, "--prompts", tmp_path, model=model).exit_code == 0
    assert model.requests[-1].prompt.startswith("Speak.")
