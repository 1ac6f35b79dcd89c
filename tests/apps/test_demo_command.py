"""``planneal demo`` with a model that knows nothing: what is rendered does not depend on being right."""

import json

from planneal.testing import FunctionModel


def reply(request, index):
    prompt = request.prompt.rstrip()
    if prompt.endswith("plan:"):
        return "goal: how many? [wigs]\nS1: [wigs = 2 * bolts]"
    if prompt.endswith("edit:"):
        return "insert S before S1: [bolts = 3]"
    return "bolts = 3 [S2]\nwigs = 2 * 3 = 6 [S1]\nanswer: 6 [S1]"


def test_the_example_and_the_table(run):
    found = run("demo", "--problems", "2", model=FunctionModel(reply))
    assert found.exit_code == 0, found.stderr
    for line in (
        "first plan, energy",
        "problem: S1 uses bolts, defined nowhere",
        "edit      insert S2 before S1: [bolts = 3]",
        "  accepted: ",
        "chosen plan, energy 0.000, solved",
        "answer: faithful",
        "  wigs = 2 * 3 = 6 [S1]   (ok)",
        "2 fresh problems",
        "| method",
    ):
        assert line in found.stdout
    assert found.stdout.isascii()
    assert max(map(len, found.stdout.splitlines())) <= 100
    assert found.stdout.count("0/2 (0%)") == found.stderr.count("compared: ") > 2


def test_json_is_one_object(run):
    found = run("demo", "--quick", "--problems", "1", "--json", model=FunctionModel(reply))
    told = json.loads(found.stdout)
    assert found.exit_code == 0
    assert found.stderr == ""
    assert told["example"]["value"] == "6"
    assert {row["problems"] for row in told["rows"]} == {1}
    assert set(told["rows"][0]) == {
        "method", "problems", "correct", "wilson_low", "wilson_high", "prompt_tokens", "cached_prompt_tokens",
        "completion_tokens", "seconds",
    }  # fmt: skip


def test_quick_means_few_problems(run):
    told = json.loads(run("demo", "--quick", "--json", model=FunctionModel(reply)).stdout)
    assert {row["problems"] for row in told["rows"]} == {8}
