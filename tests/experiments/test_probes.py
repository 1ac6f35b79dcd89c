"""Asking again after a run: models whose habits are known get the figures that they must, and nothing is paid twice."""

from __future__ import annotations

import asyncio
import gc
import json
from dataclasses import replace
from functools import partial

import pytest
from planneal.apps import probe as command
from planneal.apps.cli import app
from planneal.experiments.families.registry import answer_text
from planneal.experiments.metrics.leakage import NEUTRAL
from planneal.experiments.probes import Probing, probe
from planneal.experiments.probes.asker import FOLDER
from planneal.experiments.probes.questions import changes
from planneal.experiments.report import Asked, facts
from planneal.experiments.report.extra import read_extra, read_file
from planneal.experiments.report.page import html
from planneal.experiments.runs.arguments import Arguments
from planneal.experiments.runs.engine import ModelFacts
from planneal.experiments.runs.records import Attempt
from planneal.experiments.runs.sealed import Sealed
from planneal.experiments.runs.store import Store
from planneal.planner.errors import ConfigError, RunError, TransientError
from planneal.planner.ledger import Usage
from planneal.planner.notation import parse_plan
from planneal.planner.values import plan_values
from planneal.testing import FunctionModel
from run_world import Unsealed
from typer.testing import CliRunner

N = 6
ARGUMENTS = Arguments.checked(
    family="arithmetic", difficulty="easy", n=N, methods=("direct", "planneal"), model="scripted", budgets=(300, 900)
)
PROBLEMS = [ARGUMENTS.source().problem(index) for index in range(N)]
ROWS = [ARGUMENTS.source().row(index, problem.public) for index, problem in enumerate(PROBLEMS)]
RIGHT = {row.id: answer_text(problem) for row, problem in zip(ROWS, PROBLEMS, strict=True)}


def plan_in(request):
    body = request.prompt.split("plan:\n")[1].split("\nanswer:")[0]
    return parse_plan("\n".join(line.replace("[ ", "[").replace(" ]", "]") for line in body.splitlines()))


def follows(request, index):
    """Carries the plan out to the letter and needs no question."""
    plan = plan_in(request)
    known = plan_values(plan)
    lines = [f"{item.defines} = {known[item.defines]} [{item.id}]" for item in plan.items if item.defines in known]
    return "\n".join([*lines, f"answer: {known.get(plan.target, 'unknown')}"])


def ignores(request, index):
    """Answers the question right, whatever the plan; without the question it is lost."""
    for problem in PROBLEMS:
        if problem.public.question in request.prompt:
            return answer_text(problem)
    return "answer: none"


def scripted(reply, **options):
    model = FunctionModel(reply, **options)
    model.name = "scripted"
    return model


def planned(problem, extra=""):
    return problem.gold.plan + extra


def a_run(folder, plan=planned, *, only=N, methods=("planneal",), meta=None):
    """A run whose attempts ended with these plans."""
    told = {**ARGUMENTS.meta(ROWS, ModelFacts("scripted")), **(meta or {})}
    with Store.create(folder, told, ROWS) as store:
        for row, problem in list(zip(ROWS, PROBLEMS, strict=True))[:only]:
            for budget in ARGUMENTS.budgets:
                for method in ("direct", *methods):
                    text = plan(problem) if method in methods else None
                    store.add(
                        Attempt(
                            problem=row.id, family=row.family, level=row.level, size=row.size, method=method,
                            budget=budget, seed=0, value="0", text="answer: 0", plan=text, draft=text, stop="done",
                            notes={}, right=method == "direct", plan_right=text and True, draft_right=text and True,
                            seconds=0.1, ledger={"answer": Usage(prompt_tokens=40, completion_tokens=5, calls=1)},
                        )
                    )  # fmt: skip
    return folder


def asked(folder, reply=follows, *, model=None, seal=Unsealed, **options):
    model = model or scripted(reply)
    return asyncio.run(probe(folder, Probing(**options), lambda: model, seal=seal)), model


def by_mode(summary):
    return {entry.mode: entry for entry in summary.measured}


# Known answers -------------------------------------------------------------------------------------------------------


def test_a_model_that_follows_its_plan_scores_one(tmp_path):
    found, _ = asked(a_run(tmp_path))
    entry = by_mode(found)["ignored plan"]
    assert (entry.value, entry.high) == (1.0, 1.0)
    assert 0 < entry.low < 1
    assert (entry.unit, entry.method, entry.family, entry.level) == ("changes", "planneal", "arithmetic", "easy")
    assert entry.n >= 2 * N
    assert "exactly the expected parts moved in 100.0%" in entry.about
    assert f"of {N} final plans of planneal at 900 tokens (blank 100.0% of {N}, corrupt 100.0% of " in entry.about


def test_a_model_that_ignores_its_plan_scores_none(tmp_path):
    found, _ = asked(a_run(tmp_path), ignores)
    entry = by_mode(found)["ignored plan"]
    assert (entry.value, entry.low) == (0.0, 0.0)
    assert entry.high < 0.5


def test_half_a_habit_scores_between(tmp_path):
    """Control: on half of the problems the plan is followed, on the others it is not."""
    half = {problem.public.question for problem in PROBLEMS[: N // 2]}

    def sometimes(request, index):
        return (ignores if any(q in request.prompt for q in half) else follows)(request, index)

    entry = by_mode(asked(a_run(tmp_path), sometimes)[0])["ignored plan"]
    assert entry.value == pytest.approx(0.5)
    assert entry.low < 0.5 < entry.high


def test_a_plan_that_holds_the_answer_leaks(tmp_path):
    """Read by a model that only copies what a plan states: nothing leaks unless it is stated."""

    def copies(request, index):
        if NEUTRAL not in request.prompt:
            return ignores(request, index)
        said = [line for line in request.prompt.splitlines() if "the answer is" in line]
        return f"answer: {said[0].rpartition(' ')[2]}" if said else "answer: unknown"

    def leaky(problem):
        return planned(problem, f"\nS90: the answer is {problem.gold.value}")

    told = by_mode(asked(a_run(tmp_path / "leaky", leaky), copies)[0])["leakage"]
    kept = by_mode(asked(a_run(tmp_path / "sound"), copies)[0])["leakage"]
    assert (told.value, told.n, told.unit) == (1.0, N, "plans")
    assert (kept.value, kept.low) == (0.0, 0.0)
    assert "with it 100.0% are" in kept.about


def test_fluff_is_counted_item_by_item(tmp_path):
    """Two fillers in every plan, and every other item is needed: the gold plan lists what is needed and no more."""

    def padded(problem):
        return planned(problem, "\nS90: take great care\nS91: think of all that was said")

    items = sum(len(parse_plan(padded(problem)).items) for problem in PROBLEMS)
    entry = by_mode(asked(a_run(tmp_path / "padded", padded))[0])["fluff"]
    assert (entry.n, entry.unit) == (items, "items")
    assert entry.value == pytest.approx(2 * N / items)
    assert entry.low < entry.value < entry.high
    lean = by_mode(asked(a_run(tmp_path / "lean"))[0])["fluff"]
    assert (lean.value, lean.low) == (0.0, 0.0)


# The sample, and what it costs ---------------------------------------------------------------------------------------


def test_nothing_is_paid_twice_and_the_same_is_written(tmp_path):
    folder = a_run(tmp_path)
    first, model = asked(folder)
    asked_for = len(model.requests)
    assert first.paid == first.made.answers == asked_for
    cost = sum(first.made.cost.values(), Usage())
    assert cost.calls == asked_for
    assert set(first.made.cost) == {"from the plan", "from the plan alone"}
    written = first.file.read_bytes()
    again, model = asked(folder)
    assert (model.requests, again.paid) == ([], 0)
    assert again.file.read_bytes() == written
    other, model = asked(folder, seed=5)
    assert 0 < other.paid < asked_for  # unchanged plans, plans without an item and blind answers are there
    assert other.made.answers > other.paid


def test_the_same_seed_asks_the_same_however_many_at_once(tmp_path):
    files = []
    for name, width in (("one", 1), ("many", 8)):
        folder = a_run(tmp_path / name / "run")
        model = scripted(follows)
        asyncio.run(probe(folder, Probing(problems=4), lambda model=model: model, width=width, seal=Unsealed))
        files.append((folder / "extra.json").read_bytes())
    assert files[0] == files[1]


def test_a_larger_sample_holds_a_smaller_one(tmp_path):
    folder = a_run(tmp_path)
    small, _ = asked(folder, problems=2)
    whole, _ = asked(folder, problems=4)
    assert whole.paid == whole.made.answers - small.made.answers
    assert by_mode(small)["leakage"].n == 2


def test_an_endpoint_that_fails_loses_nothing_that_was_paid_for(tmp_path):
    folder = a_run(tmp_path)
    count = 0

    def dies(request, index):
        nonlocal count
        count += 1
        if count > 10:
            raise TransientError("the line is dead")
        return follows(request, index)

    with pytest.raises(TransientError, match="the line is dead"):
        asked(folder, dies)
    with Store.open(folder / FOLDER) as store:
        kept = len(store.done())
    assert kept == 10
    assert read_extra(folder) == ()
    found, model = asked(folder)
    assert len(model.requests) == found.paid == found.made.answers - kept


def test_an_unfinished_run_is_asked_and_called_so(tmp_path):
    found, _ = asked(a_run(tmp_path, only=3))
    assert not found.finished
    assert by_mode(found)["leakage"].n == 3
    assert all("the run was unfinished, 12 of 24 attempts" in entry.about for entry in found.measured)
    assert not found.made.finished


def test_changes_are_of_own_items_and_of_every_way():
    plan = parse_plan(PROBLEMS[0].gold.plan)
    drawn = changes(plan, 0, 0, 2)
    assert {change.way for change in drawn} == {"blank", "corrupt", "swap"}
    assert drawn == changes(plan, 0, 0, 2)
    assert drawn != changes(plan, 1, 0, 2)
    assert all(sum(c.way == way for c in drawn) <= 2 for way in ("blank", "corrupt", "swap"))


# What must not happen ------------------------------------------------------------------------------------------------


def test_no_gold_is_where_the_model_is_asked(tmp_path):
    folder = a_run(tmp_path)
    def golds():
        return [thing for thing in gc.get_objects() if type(thing).__name__ == "ArithmeticGold"]

    there, seen = golds(), []  # those that tests hold
    assert len(there) >= N

    def looks(request, index):
        if not seen:
            seen.append(len(golds()) - len(there))
        return follows(request, index)

    found, _ = asked(folder, looks, problems=2, seal=Sealed)
    assert seen == [0]
    seen.clear()
    asked(a_run(tmp_path / "open"), looks, problems=2, seal=Unsealed)
    assert seen[0] > 0  # control: graded in this process, gold is found
    assert by_mode(found)["leakage"].value == 1.0  # graded all the same: these plans are right and complete


def test_only_the_same_model_and_problems_are_asked(tmp_path):
    other = FunctionModel(follows)
    other.name = "another"
    with pytest.raises(RunError, match="the run's model is scripted, this one is another"):
        asked(a_run(tmp_path / "a"), model=other)
    folder = a_run(tmp_path / "b")
    with Store.open(folder, write=True) as store:
        store._db.execute("UPDATE problems SET public = replace(public, 'There', 'Here') WHERE id = ?", (ROWS[0].id,))
        store._db.execute("UPDATE problems SET size = size + 1 WHERE id = ?", (ROWS[0].id,))
    with pytest.raises(RunError, match=r"1 problems of the run in .* cannot be made as they were"):
        asked(folder)
    assert not (folder / FOLDER).exists()


def test_what_is_asked_for_must_make_sense(tmp_path):
    folder = a_run(tmp_path)
    with pytest.raises(ConfigError, match="--methods: nobody were not run; the run has direct, planneal"):
        asked(folder, methods=("nobody",))
    with pytest.raises(ConfigError, match="--problems is 0"):
        asked(folder, problems=0)
    (folder / "extra.json").write_text("{")
    with pytest.raises(RunError, match="not readable JSON"):
        asked(folder)
    (folder / "extra.json").unlink()
    found, model = asked(folder, methods=("direct",))
    assert (found.measured, model.requests) == ((), [])
    assert "direct has no plans that can be asked about." in found.made.notes


def test_what_others_put_there_stays(tmp_path):
    folder = a_run(tmp_path)
    mine = {"mode": "fluff", "value": 0.5, "low": 0.4, "high": 0.6, "n": 9, "about": "by hand"}
    (folder / "extra.json").write_text(json.dumps({"schema": 1, "measured": [mine]}))
    asked(folder)
    asked(folder, seed=3)
    entries = read_extra(folder)
    assert [entry.about for entry in entries if not entry.by] == ["by hand"]
    assert sorted(entry.mode for entry in entries if entry.by) == ["fluff", "ignored plan", "leakage"]


# Links ---------------------------------------------------------------------------------------------------------------


def drafts(draft, request, index):
    """Drafts badly, writes no edit, and carries a plan out."""
    if request.prompt.endswith("plan:\n"):
        return draft
    return "junk" if request.prompt.endswith("edit:\n") else follows(request, index)


def test_gold_in_place_of_a_link_is_measured_beside_the_whole_run(tmp_path):
    folder = a_run(tmp_path)  # every attempt of planneal there is wrong
    found, _ = asked(folder, partial(drafts, "goal: nothing"), problems=3, links=True)
    gains = {entry.link: entry for entry in found.links}
    assert list(gains) == ["draft", "verdict", "proposal", "aim", "no aim", "answer"]
    assert (gains["draft"].value, gains["draft"].gain, gains["draft"].repaired) == (1.0, 1.0, 3)
    assert gains["answer"].value == 1.0  # the final plans there were the gold ones
    assert (gains["answer"].tokens, gains["verdict"].gain) == (0.0, 0.0)  # nobody writes edits
    assert all((entry.n, entry.failing, entry.budget) == (3, 3, 900) for entry in found.links)
    again, model = asked(folder, partial(drafts, "goal: nothing"), problems=3, links=True)
    assert (again.paid, model.requests, again.links) == (0, [], found.links)
    kept, _ = asked(folder, partial(drafts, "goal: nothing"), problems=3)
    assert read_file(folder).links == found.links
    assert kept.links == ()


# The report and the command ------------------------------------------------------------------------------------------


def test_the_report_shows_it_all(tmp_path):
    folder = a_run(tmp_path / "x")
    asked(folder, ignores, links=True, problems=4)
    told = facts([folder], Asked(draws=100))
    found = {entry.mode: entry for entry in told.groups[0].failures}
    assert found["ignored plan"].finding == "fault"
    assert found["fluff"].finding != "not measured"
    assert any(name.startswith("asked again: answers right from 4") for name in found["leakage"].numbers)
    assert [entry.link for entry in told.groups[0].substituted][:2] == ["draft", "verdict"]
    page = html(told, [])
    assert "Gold in place of one link" in page
    assert "planneal probe x --methods planneal --problems 4 --seed 0 --changes 1 --links" in page
    assert json.dumps(told.to_json(), allow_nan=False)
    other = facts([folder], Asked("direct", draws=100)).groups[0]
    assert other.substituted == ()
    assert {entry.mode: entry for entry in other.failures}["fluff"].finding == "not measured"


@pytest.fixture
def cli(monkeypatch):
    from planneal.experiments.probes import driver

    model = scripted(follows)
    monkeypatch.setattr(command, "load_model", lambda name, **options: model)
    monkeypatch.setattr("planneal.experiments.probes.probe", partial(driver.probe, seal=Unsealed))
    return lambda *words: CliRunner().invoke(app, ["probe", *map(str, words)])


def test_the_command_tells_and_writes(cli, tmp_path):
    folder = a_run(tmp_path)
    found = cli(folder, "--problems", "2")
    assert found.exit_code == 0, found.stderr
    assert "ignored plan" in found.stdout
    assert "planneal report" in found.stderr
    told = cli(folder, "--problems", "2", "--json")
    assert json.loads(told.stdout)["paid"] == 0
    assert len(read_extra(folder)) == 3
    assert cli(folder, "--methods", "nobody").exit_code == 2
    assert cli(folder, "--methods", ",").exit_code == 2
    assert cli(tmp_path / "none").exit_code == 2
    assert cli(folder, "--base-url", "http://localhost:1").exit_code == 2


@pytest.mark.slow
def test_the_embedded_model_is_asked_again(tmp_path):
    """A run of the embedded model, probed with all that there is, in the sealed process's company."""
    from planneal.decoders.registry import load_model
    from planneal.experiments.runs.bench import Recipe
    from planneal.experiments.runs.driver import run
    from planneal.experiments.runs.local import LocalEngine

    given = Arguments.checked(
        family="arithmetic", difficulty="easy", n=3, methods=("planneal",), model="embedded", budgets=(900,)
    )
    load = partial(load_model, "embedded")
    asyncio.run(run(given, tmp_path, LocalEngine(Recipe(load, given.methods, given.source()))))
    found = asyncio.run(probe(tmp_path, Probing(problems=3, links=True), load))
    told = by_mode(found)
    assert set(told) == {"fluff", "ignored plan", "leakage"}
    assert 0 < told["ignored plan"].value < 1  # it follows other numbers, and fills in from the question what is blank
    assert len(found.links) == 6
    assert facts([tmp_path], Asked(draws=100)).groups[0].failures[0].finding != "not measured"


def test_an_entry_names_its_method(tmp_path):
    folder = a_run(tmp_path)
    found, _ = asked(folder)
    assert {entry.method for entry in found.measured} == {"planneal"}
    assert replace(Probing(), links=True).command("x").endswith("--links")
