"""``planneal doctor`` against a local endpoint that does, or does not do, as it is asked."""

import json

import pytest
from endpoint import Endpoint, Fault
from planneal.apps.cli import app
from planneal.planner.errors import MissingExtra
from typer.testing import CliRunner


def doctor(*args):
    return CliRunner().invoke(app, ["doctor", *args])


def by_seed(body, index):
    return f"The river {body.get('seed')} flows past {index} mills."


def cells(text, name):
    """The row of the table that starts with a name."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} "))
    return [cell.strip() for cell in line.split("|")[1:-1]]


def test_a_good_endpoint():
    with Endpoint(by_seed) as endpoint:
        found = doctor("--model", "openai/tiny", "--base-url", endpoint.url)
        asked = endpoint.requests
    assert found.exit_code == 0
    assert f"openai/tiny at {endpoint.url}" in found.stdout
    assert [cells(found.stdout, name)[1] for name in ("reachable", "usage", "n", "seed", "stop")] == ["yes"] * 5
    assert f"spent: {asked} requests" in found.stdout
    assert found.stdout.isascii()
    assert max(map(len, found.stdout.splitlines())) <= 100


def test_an_endpoint_that_ignores_what_it_is_asked(monkeypatch):
    with Endpoint(lambda body, index: "The river is long and wide.", n="ignore", logprobs=False) as endpoint:
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.url)
        found = doctor("--model", "openai/tiny", "--json")
    told = json.loads(found.stdout)
    works = {finding["name"]: finding["works"] for finding in told["findings"]}
    assert found.exit_code == 0
    assert (told["local"], told["reachable"]) == (False, True)
    assert (works["n"], works["draws differ"], works["logprobs"]) == (False, False, False)
    assert told["usage"]["calls"] > 0


def test_an_endpoint_that_cannot_be_used():
    with Endpoint(script=lambda number, body: Fault.refusal(401, "wrong key")) as endpoint:
        found = doctor("--model", "openai/tiny", "--base-url", endpoint.url)
    assert found.exit_code == 5
    assert "no run possible" in " ".join(found.stdout.split())
    assert "mend the key" in found.stdout


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_local_model_says_of_itself_what_it_can_do(run, flags):
    found = run("doctor", *flags)
    assert found.exit_code == 0
    if flags:
        assert json.loads(found.stdout)["capabilities"]["dialect"] == "compact"
    else:
        assert "a local model, nothing to probe and nothing spent" in found.stdout
        assert cells(found.stdout, "dialect")[1] == "compact"


def test_what_cannot_be_loaded_has_its_own_codes(run):
    assert run("doctor", model=MissingExtra("a local model")).exit_code == 6


def test_an_unknown_model_string():
    assert doctor("--model", "nothing").exit_code == 2
