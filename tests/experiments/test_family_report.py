"""The report: every cell measured and kept, gone on from after an interruption, and honest about what it skips."""

from __future__ import annotations

import asyncio
import json

import pytest
from planneal.experiments import family_report
from planneal.experiments.comparison import problems, task_of
from planneal.experiments.families.registry import answer_text
from planneal.experiments.family_cells import Asked, cell
from planneal.experiments.family_report import Report, main
from planneal.experiments.family_tables import interval
from planneal.experiments.in_scope import fingerprint, open_model, scoped
from planneal.planner.errors import ConfigError
from planneal.testing import FunctionModel


def knowing(name="arithmetic", levels=("easy",), count=2, seed=3):
    """A model that drafts the gold plan and answers any plan by the question."""
    golds = {task_of(p).question: p for level in levels for p in problems(count, seed, level, family=name)}

    def reply(request, index):
        problem = next(golds[question] for question in golds if request.prompt.startswith(question))
        return problem.gold.plan if request.prompt.endswith("plan:\n") else answer_text(problem)

    return FunctionModel(reply)


@pytest.fixture(scope="module")
def whole():
    """A cell, links and all, of a model that knows everything."""
    return asyncio.run(cell(knowing(), Asked("arithmetic", "easy", 2, 3, links=True)))


@pytest.fixture
def measured(monkeypatch, whole):
    """Levels in the order in which the report had them measured; each is that cell."""
    found = []

    async def stub(model, asked, told):
        found.append(asked.level)
        kept = whole if asked.links else {key: value for key, value in whole.items() if key != "links"}
        return kept | {"level": asked.level}

    monkeypatch.setattr(family_report, "cell", stub)
    return found


@pytest.fixture
def put(monkeypatch, tmp_path):
    """Runs the report on a model; returns nothing, prints as the report does."""
    out = tmp_path / "kept" / "report.json"

    def run(model=None, *args, levels=("easy",)):
        model = model or FunctionModel(lambda r, i: "")
        monkeypatch.setattr(family_report, "open_model", lambda name, folder=None, dtype="float32": model)
        monkeypatch.setattr(family_report, "fingerprint", lambda name, folder=None: "abc")
        usual = ["--families", "arithmetic", "--levels", *levels, "--problems", "2", "--seed", "3", "--out", str(out)]
        main([*usual, *args])

    run.out = out
    return run


def cells(text):
    return [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]


def test_a_cell_holds_every_figure_of_every_method(whole):
    assert {key: row["right"] for key, row in whole["methods"].items()} == {
        **dict.fromkeys(("planneal", "direct", "consistency", "own draft", "gold plan"), "11"),
        "swapped plan": "11",  # right by the question, which is to say: ignored
    }
    assert [whole["swapped"][kind]["correct"] for kind in ("follows", "keeps", "neither")] == [0, 2, 0]
    assert {key: row["correct"] for key, row in whole["shares"].items()} == {"draft": 2, "tidied": 2, "refined": 2}
    links = [row["link"] for row in whole["links"]]
    assert links == ["none", "draft", "verdict", "proposal", "aim", "no aim", "answer"]
    assert all(row["correct"] == 2 for row in whole["links"])
    assert sum(whole["broken"].values()) == 0
    assert whole["matched"]["target"] == pytest.approx(whole["methods"]["planneal"]["tokens"])
    assert json.loads(json.dumps(whole)) == whole


def test_tables_say_who_was_asked_what_and_how(put, measured, capsys):
    put(None, "--link-levels", "easy")
    shown = capsys.readouterr().out
    assert "Model embedded (weights abc), float32, seed 3, 2 problems of each level" in shown
    assert "`python -m planneal.experiments.family_report --model embedded --families arithmetic --levels easy" in shown
    rows = cells(shown)
    assert len(rows[0]) == len(rows[1]) == 14
    assert rows[1][0] == "easy"
    assert "| easy | aim | a gold edit where one is needed: aim and proposal | 100.0 [34.2, 100.0] |" in shown


def test_a_model_that_knows_nothing_is_said_to_fail_and_where(put, capsys):
    put(FunctionModel(lambda r, i: "no idea"), "--link-levels", "easy")
    [found] = json.loads(put.out.read_text())["cells"].values()
    assert found["methods"]["planneal"]["correct"] == 0
    assert found["swapped"]["neither"]["correct"] == 2
    assert found["broken"]["draft"] == 2
    assert "2 runs failed; first broken link: draft 100%" in capsys.readouterr().out


def test_a_second_start_measures_nothing_and_prints_the_same(put, measured, capsys):
    put()
    first = capsys.readouterr().out
    put()
    assert capsys.readouterr().out == first
    assert measured == ["easy"]


def test_an_interruption_keeps_what_is_finished(put, measured, monkeypatch, capsys):
    stub = family_report.cell

    async def breaks(model, asked, told):
        if asked.level == "middle":
            raise KeyboardInterrupt
        return await stub(model, asked, told)

    monkeypatch.setattr(family_report, "cell", breaks)
    with pytest.raises(KeyboardInterrupt):
        put(levels=("easy", "middle"))
    monkeypatch.setattr(family_report, "cell", stub)
    assert [row[0] for row in cells(capsys.readouterr().out)] == ["level", "easy"]
    assert list(json.loads(put.out.read_text())["cells"]) == ["arithmetic/easy"]
    put(levels=("easy", "middle"))
    assert list(json.loads(put.out.read_text())["cells"]) == ["arithmetic/easy", "arithmetic/middle"]
    assert measured == ["easy", "middle"]


def test_links_that_were_not_measured_are_measured_when_they_are_asked_for(put, measured):
    put()
    assert "links" not in json.loads(put.out.read_text())["cells"]["arithmetic/easy"]
    put(None, "--link-levels", "easy")
    assert "links" in json.loads(put.out.read_text())["cells"]["arithmetic/easy"]
    put()
    assert measured == ["easy", "easy"]


def test_another_reports_file_is_not_gone_on_from(put, measured):
    put()
    kept = put.out.read_text()
    with pytest.raises(SystemExit, match="holds a report of seed 3; give another --out"):
        put(None, "--seed", "4")
    assert put.out.read_text() == kept
    put.out.write_text("[]")
    with pytest.raises(ConfigError, match="is no report"):
        Report(put.out, {})


class Narrow(FunctionModel):
    """Knows no question but those with this word."""

    def __init__(self, word):
        super().__init__(lambda r, i: "")
        self.word = word

    def out_of_scope(self, question):
        return None if self.word in question else "not its kind"


def test_a_family_that_the_model_does_not_know_is_skipped_and_said_so(put, capsys):
    model = Narrow("no such word")
    put(model)
    assert "| easy | skipped: scripted says that 2 of 2 questions are none of its kind |" in capsys.readouterr().out
    assert not model.requests
    put(model, "--beyond-scope")
    assert "would have refused 2 questions and was asked all the same" in capsys.readouterr().out
    assert model.requests
    assert model.out_of_scope("anything") is not None


def test_few_refusals_stop_nobody_and_are_counted():
    model = Narrow("a")
    found = scoped(model, ["a", "aa", "b"])
    assert (found.refused, found.reason, found.model.out_of_scope("b")) == (1, "", None)
    assert scoped(model, ["a"]) == (model, 0, "")
    assert scoped(model, ["a", "b", "b"]).reason


def test_shares_are_shown_with_their_interval():
    assert interval({"correct": 1, "problems": 4, "low": 0.046, "high": 0.699}) == "25.0 [4.6, 69.9]"
    assert interval({"correct": 0, "problems": 0, "low": 0.0, "high": 1.0}) == "-"


def test_weights_have_a_fingerprint_where_they_are_at_hand(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    found = fingerprint("embedded", tmp_path)
    assert len(found) == 12
    assert fingerprint(f"hf/{tmp_path}") == found != fingerprint("embedded")
    assert fingerprint("openai/x") == ""
    with pytest.raises(ConfigError, match="--weights is for the embedded model"):
        open_model("openai/x", tmp_path)
    with pytest.raises(ConfigError, match="--dtype is for models that compute here"):
        open_model("openai/x", dtype="bfloat16")


@pytest.mark.parametrize("args", [["--families", "nothing"], ["--levels", "huge"]])
def test_wrong_names_are_told(args):
    with pytest.raises(SystemExit):
        main(args)


@pytest.mark.slow
def test_the_shipped_model_fills_a_cell(tmp_path, capsys):
    out = tmp_path / "report.json"
    main(["--families", "arithmetic", "--levels", "easy", "--problems", "2", "--seed", "1", "--out", str(out)])
    [found] = json.loads(out.read_text())["cells"].values()
    assert found["refused"] == 0
    assert found["shares"]["draft"]["problems"] == found["methods"]["direct"]["problems"] == 2
    assert found["methods"]["planneal"]["completion"] > 20
    assert "| easy | 2 |" in capsys.readouterr().out


def test_one_problem_has_no_interval_of_a_difference(put, capsys):
    put(knowing(count=1), "--problems", "1")
    assert "| +0.0, p = 1 (greedy direct) |" in capsys.readouterr().out
    assert "NaN" not in put.out.read_text()
