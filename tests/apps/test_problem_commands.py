"""``planneal families``, ``planneal generate`` and ``planneal solve --family``: what is told, and never the gold."""

import json

import pytest
from planneal.experiments.comparison import problems
from planneal.experiments.families.registry import answer_text, family, names
from planneal.planner.trace import read_trace
from planneal.testing import FunctionModel


def lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_families_are_listed_and_the_deceptive_one_is_marked(run):
    found = run("families")
    assert found.exit_code == 0
    rows = {line.split("|")[1].strip(): line for line in found.stdout.splitlines()[2:]}
    assert set(names()) <= set(rows)
    assert [name for name in names() if rows[name].rstrip(" |").endswith("deceptive")] == ["countdown"]
    told = lines(run("families", "--json").stdout)
    assert [entry["name"] for entry in told] == list(names())
    assert all(set(entry["levels"]) == {"easy", "middle", "hard"} for entry in told)
    assert [entry["name"] for entry in told if entry["deceptive"]] == ["countdown"]


@pytest.mark.parametrize("family", names())
def test_generated_problems_are_public_and_their_gold_goes_to_a_file(run, tmp_path, family):
    gold = tmp_path / "gold.jsonl"
    found = run("generate", family, "--n", 3, "--seed", 7, "--gold", gold)
    assert (found.exit_code, found.stderr) == (0, "")
    told, sealed = lines(found.stdout), lines(gold.read_text())
    expected = problems(3, 7, family=family)
    assert told == [json.loads(problem.public.model_dump_json()) for problem in expected]
    assert [entry["id"] for entry in told] == [entry["id"] for entry in sealed]
    assert [entry["gold"]["plan"] for entry in sealed] == [problem.gold.plan for problem in expected]
    for problem in expected:
        assert problem.gold.plan not in found.stdout
        assert json.dumps(problem.gold.plan) not in found.stdout
    assert "gold" not in found.stdout


def test_the_same_arguments_give_the_same_and_others_other_problems(run):
    def texts(*args):
        return {entry["question"] for entry in lines(run("generate", "arithmetic", "--n", 5, *args).stdout)}

    first = texts("--seed", 7, "--difficulty", 16)
    assert first == texts("--seed", 7, "--difficulty", "middle") == texts("--seed", 7)
    for other in (("--seed", 8), ("--seed", 7, "--split", "train"), ("--seed", 7, "--difficulty", "hard")):
        assert not first & texts(*other)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("nothing",), "no problem family 'nothing'; there are arithmetic"),
        (("arithmetic", "--difficulty", "huge"), "give easy, middle, hard, a size such as 12"),
        (("arithmetic", "--difficulty", "1"), "2 to"),
        (("arithmetic", "--split", "test"), "no split 'test'; there are train, eval"),
        (("arithmetic", "--gold", "/nowhere/gold.jsonl"), "cannot write /nowhere/gold.jsonl"),
    ],
)
def test_wrong_arguments_are_told_and_nothing_is_written(run, args, told):
    found = run("generate", *args)
    assert (found.exit_code, found.stdout) == (2, "")
    assert told in found.stderr


def test_a_gold_file_is_never_overwritten(run, tmp_path):
    gold = tmp_path / "gold.jsonl"
    gold.write_text("mine")
    found = run("generate", "arithmetic", "--gold", gold)
    assert (found.exit_code, found.stdout, gold.read_text()) == (2, "", "mine")


# --- solving


def model_for(problem, value):
    def reply(request, index):
        return problem.gold.plan if request.prompt.endswith("plan:\n") else f"answer: {value} [S1]"

    return FunctionModel(reply)


@pytest.fixture
def problem():
    return problems(1, 3, "easy")[0]


@pytest.mark.parametrize(("slip", "verdict"), [(0, "right"), (1, "wrong")])
def test_a_problem_is_shown_solved_and_graded(run, problem, slip, verdict):
    model = model_for(problem, problem.gold.value + slip)
    found = run("solve", "--family", "arithmetic", "--seed", 3, "--difficulty", "easy", model=model)
    assert found.stdout == f"answer: {problem.gold.value + slip} [S1]\n"
    assert " ".join(found.stderr.split()).startswith(problem.public.question)
    assert found.stderr.splitlines()[-1] == verdict
    asked = "\n".join(request.prompt for request in model.requests)
    assert problem.public.question in asked


def test_json_names_the_problem_and_says_whether_it_is_right(run, problem):
    model = model_for(problem, problem.gold.value)
    found = run("solve", "--family", "arithmetic", "--seed", 3, "--difficulty", "easy", "--json", "-q", model=model)
    told = json.loads(found.stdout)
    assert (told["problem"], told["right"], found.stderr) == (problem.public.id, True, "")
    plain = json.loads(run("solve", "There are 4 nuts. How many nuts are there?", "--json", model=model).stdout)
    assert "right" not in plain


def test_no_gold_goes_into_prompts_or_trace_before_the_model_says_it(run, tmp_path):
    chosen = problems(1, 5, "middle", family="schedule")[0]
    model = FunctionModel(lambda request, index: "")
    trace = tmp_path / "run.jsonl"
    run("solve", "--family", "schedule", "--seed", 5, "--max-steps", 2, "--trace", trace, model=model)
    shown = trace.read_text() + "\n".join(request.prompt for request in model.requests)
    assert model.requests
    assert json.dumps(chosen.gold.plan)[1:-1] not in shown
    assert chosen.gold.plan not in shown


def test_the_familys_own_verifiers_judge_and_a_replay_finds_them_again(run, tmp_path):
    chosen = problems(1, 4, "middle", family="schedule")[0]
    trace = tmp_path / "run.jsonl"
    rows = chosen.gold.plan.splitlines()

    def reply(request, index):
        lacking = "\n".join(rows[:-1])  # only the family's own verifier knows that a thing has no place
        return lacking if request.prompt.endswith("plan:\n") else "answer: nothing [S1]"

    args = ("--family", "schedule", "--seed", 4, "--max-steps", 2, "--trace", trace)
    found = run("solve", *args, model=FunctionModel(reply))
    assert found.stderr.splitlines()[-1] == "wrong"
    (drafted,) = (event for event in read_trace(trace) if event.kind == "plan_drafted")
    own = {verifier.name for verifier in family("schedule").verifiers(chosen.public)}
    assert "entries" in own
    assert own == set(drafted.energy["terms"])
    again = run("replay", trace)
    assert (again.exit_code, again.stdout.startswith("same")) == (0, True), again.stdout


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("a question", "--family", "arithmetic"), "leave out question"),
        (("--family", "arithmetic", "--goal", "g", "--target", "x"), "leave out target, goal"),
        (("--family", "nothing"), "no problem family"),
        (("a question", "--difficulty", "easy"), "--difficulty is for a problem of --family"),
        ((), "give one question"),
    ],
)
def test_a_question_and_a_family_are_not_mixed(run, args, told):
    found = run("solve", *args)
    assert (found.exit_code, found.stdout) == (2, "")
    assert told in found.stderr


def test_a_typed_question_wins_over_a_family_of_the_environment(run):
    question = "There are 4 nuts. How many nuts are there?"
    model = FunctionModel(lambda request, index: "goal: g [nuts]\nS1: [nuts = 4]" if "plan" in request.prompt else "")
    env = {"PLANNEAL_FAMILY": "arithmetic", "PLANNEAL_DIFFICULTY": "easy"}
    run("solve", question, model=model, env=env)
    assert model.requests[0].prompt.startswith(question)


def test_the_answer_to_a_problem_of_tools_is_shown_its_results_and_a_replay_shows_them_again(run, tmp_path):
    chosen = problems(1, 4, "easy", family="tools")[0]
    trace = tmp_path / "run.jsonl"

    def reply(request, index):
        return chosen.gold.plan if request.prompt.endswith("plan:\n") else answer_text(chosen)

    model = FunctionModel(reply)
    args = ("--family", "tools", "--seed", 4, "--difficulty", "easy", "--trace", trace)
    found = run("solve", *args, model=model)
    assert found.stderr.splitlines()[-1] == "right"
    [shown] = [request.prompt for request in model.requests if request.prompt.endswith("answer:\n")]
    assert "results:\nS1 -> " in shown
    again = run("replay", trace)
    assert (again.exit_code, again.stdout.startswith("same")) == (0, True), again.stdout
