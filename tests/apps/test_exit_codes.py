"""Every exit code, and that an error is a line on standard error: no traceback, no key."""

import os
import signal

import pytest
import worlds
from planneal.decoders.embedded_backend import SCOPE_MESSAGE
from planneal.planner.errors import EndpointError, MissingExtra, OutOfScope, TransientError
from planneal.testing import FunctionModel

Q = worlds.QUESTION


def told(found, code, *words):
    """The one line that was told."""
    assert found.exit_code == code, (found.exit_code, found.stderr)
    assert found.stdout == ""
    assert found.stderr.startswith("planneal: ")
    assert found.stderr.count("\n") <= 2
    assert "Traceback" not in found.stderr
    for word in words:
        assert word in found.stderr
    return found.stderr


def interrupting(role, times=1):
    """A model that gets Ctrl-C pressed while it works on a role."""

    def reply(request, index):
        if request.prompt.rstrip().endswith(role):
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
        return worlds.respond(request.prompt)

    return FunctionModel(reply)


def test_0_a_faithful_answer(run):
    assert run("solve", Q).exit_code == 0


def test_3_an_answer_that_is_not_faithful_is_still_printed(run):
    def lies(request, index):
        return lie if request.prompt.endswith("answer:\n") else worlds.respond(request.prompt)

    lie = "saws = 8 [S2]\nanswer: 8 [S2]"
    found = run("solve", Q, model=FunctionModel(lies))
    assert (found.exit_code, found.stdout) == (3, lie + "\n")
    assert "unfaithful: 'answer: 8': the answer says 8, the plan implies 9" in found.stderr


def test_1_a_failure_that_nobody_expected(run, monkeypatch):
    def breaks(request, index):
        raise RuntimeError("surprise")

    told(run("solve", Q, model=FunctionModel(breaks)), 1, "RuntimeError: surprise", "PLANNEAL_DEBUG=1")
    monkeypatch.setenv("PLANNEAL_DEBUG", "1")
    assert isinstance(run("solve", Q).exception, RuntimeError)


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["solve"], "give one question"),
        (["solve", Q, "--file", "x"], "give one question"),
        (["solve", " "], "the question is empty"),
        (["solve", "--file", "/nowhere/q"], "/nowhere/q"),
        (["solve", Q, "-q", "-v"], "not both"),
        (["solve", Q, "--rule", "annealing"], "annealing"),
        (["solve", Q, "--schedule", "slow"], "slow"),
        (["solve", Q, "--chains", "0"], "chains"),
        (["solve", Q, "-c", "saws >"], "constraint saws >"),
        (["solve", Q, "-c", "C1: [saws > 0]", "-c", "C1: [saws < 9]"], "C1"),
        (["solve", Q, "--target", "1 +"], "target"),
        (["solve", Q, "--goal", "x" * 2001], "goal"),
        (["solve", Q, "--settings", "/nowhere/s.toml"], "/nowhere/s.toml"),
        (["solve", Q, "--prompts", "/nowhere"], "/nowhere"),
        (["solve", Q, "--base-url", "http://localhost:1"], "--base-url"),
        (["show", "/nowhere/t"], "/nowhere/t"),
        (["replay", "/nowhere/t"], "/nowhere/t"),
    ],
)
def test_2_wrong_usage_is_told_before_anything_is_called(run, loaded, args, word):
    model = loaded.model = FunctionModel(worlds.model_reply)
    told(run(*args), 2, word)
    assert model.requests == []


@pytest.mark.parametrize("args", [["solve", Q, "--sed", "1"], ["solve", Q, "--seed", "-1"], ["sovle"], ["replay"]])
def test_2_wrong_usage_that_the_parser_finds(run, args):
    found = run(*args)
    assert (found.exit_code, found.stdout) == (2, "")


@pytest.mark.parametrize(
    ("text", "word"),
    [("rule = ", "TOML"), ("no_such = 1", "no_such"), ("[draft]\nmax_token = 5", "draft"), ("chains = 'x'", "chains")],
)
def test_2_a_settings_file_that_is_wrong_names_the_field(run, tmp_path, text, word):
    path = tmp_path / "s.toml"
    path.write_text(text, encoding="utf-8")
    told(run("solve", Q, "--settings", path), 2, str(path), word)


def test_2_a_trace_is_never_overwritten(run, tmp_path):
    trace = tmp_path / "t.jsonl"
    trace.write_text("precious", encoding="utf-8")
    told(run("solve", Q, "--trace", trace), 2, "never overwritten")
    assert trace.read_text(encoding="utf-8") == "precious"


def test_2_an_unknown_model_string(run, monkeypatch):
    monkeypatch.undo()
    told(run("solve", Q, "-m", "gpt"), 2, "openai/NAME")


def test_4_a_budget_that_is_too_small(run):
    told(run("solve", Q, "--budget-tokens", "10"), 4, "tokens", "Nothing was called")


def test_5_a_model_that_fails_before_there_is_a_plan(run):
    told(run("solve", Q, model=FunctionModel(lambda request, index: TransientError("HTTP 503"))), 5, "HTTP 503")


def test_5_an_error_never_shows_the_key(run, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret")
    refuses = FunctionModel(lambda request, index: EndpointError("401: wrong key sk-verysecret\n\x1b[31m"))
    assert "sk-" not in told(run("solve", Q, model=refuses), 5, "401", "[key]", "\\x1b")


def test_6_an_optional_dependency_that_is_missing(run):
    told(run("solve", Q, model=MissingExtra("the embedded model")), 6, "pip install 'planneal[local]'")


def test_7_a_question_beyond_the_embedded_model(run):
    model = FunctionModel(worlds.model_reply)
    model.out_of_scope = lambda question: SCOPE_MESSAGE.format(found=5.0, threshold=1.0)
    told(run("solve", Q, model=model), 7, "--model openai/NAME")
    assert model.requests == []
    told(run("solve", Q, model=OutOfScope("use --model")), 7, "--model")


def test_130_the_first_interrupt_brings_the_best_plan_so_far(run):
    old = signal.getsignal(signal.SIGINT)
    found = run("solve", Q, "--json", model=interrupting("edit:"))
    assert found.exit_code == 130
    assert '"exit_code": 130' in found.stdout
    assert '"answer": null' in found.stdout
    assert "the best plan is:\n  goal: how many saws? [saws]" in found.stderr
    assert signal.getsignal(signal.SIGINT) is old


def test_130_an_interrupt_during_the_answer_lets_it_end(run):
    found = run("solve", Q, model=interrupting("answer:"))
    assert found.exit_code == 130
    assert found.stdout.endswith("answer: 9 [S2]\n")


def test_130_a_second_interrupt_breaks_off_with_the_plan_there_is(run):
    found = run("solve", Q, model=interrupting("edit:", times=2))
    assert (found.exit_code, found.stdout) == (130, "")
    assert "the best plan is:\n  goal: how many saws? [saws]\n  S1: [wigs = 2 * bolts]" in found.stderr


def test_130_a_second_interrupt_before_there_is_a_plan(run):
    old = signal.getsignal(signal.SIGINT)
    assert told(run("solve", Q, model=interrupting("plan:", times=2)), 130) == "planneal: interrupted\n"
    assert signal.getsignal(signal.SIGINT) is old
