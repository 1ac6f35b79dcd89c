"""A report says what is so: verdicts on runs whose truth is known; and what a run wrote stays in its cell."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from planneal.apps.cli import app
from planneal.experiments.matching import Curve, Point
from planneal.experiments.methods.registry import about
from planneal.experiments.report import Asked, facts, write
from planneal.experiments.report.costs import MANDATORY, comparisons, kind_of, measured
from planneal.experiments.report.horizon import ASKED
from planneal.experiments.report.page import decision, files, html, markdown
from planneal.experiments.report.verdict import headline, verdict
from planneal.experiments.statistics import problems_needed
from planneal.planner.errors import ConfigError, RunError
from report_world import ALL, BUDGETS, LEAKY, chances, world
from typer.testing import CliRunner

QUICK = Asked(draws=400)
CHEAP = {"direct": 0.2}
"""The direct answer spends little whatever it may: no comparison at equal spend."""


def curve(method, spends, accuracies, n=200, seed=0):
    """A curve with exactly these accuracies, each method's right problems at random places."""
    rng = np.random.default_rng([seed, *method.encode()])
    points = []
    for budget, (spent, accuracy) in enumerate(zip(spends, accuracies, strict=True), 1):
        shares = np.zeros(n)
        shares[rng.permutation(n)[: round(accuracy * n)]] = 1.0
        points.append(Point(budget, spent, float(shares.mean()), shares, np.full(n, spent), np.ones(n, dtype=np.int64)))
    return Curve(method, tuple(f"p{i}" for i in range(n)), tuple(points))


def judged(curves, budget=2, draws=1_000):
    made = {entry.method: entry for entry in curves}
    compared = comparisons({"task": made}, "planneal", draws)["task"]
    all_of = measured(made, "planneal", "task", draws)
    own = next(entry for entry in all_of if entry.kind == "primary")
    family = sum(entry.kind == "baseline" for entry in compared)
    return verdict("task", own, all_of, compared, budget, family)


SPENDS = (450, 900)


# The rule, known answers ---------------------------------------------------------------------------------------------


def test_better_than_the_best_baseline_is_kept():
    found = judged([
        curve("planneal", SPENDS, (0.6, 0.8)), curve("direct", SPENDS, (0.3, 0.4)),
        curve("self-consistency", SPENDS, (0.4, 0.6)), curve("gold-plan", SPENDS, (0.9, 0.99)),
    ])  # fmt: skip
    assert (found.decision, found.rival) == ("keep", "self-consistency")
    assert found.difference.value == pytest.approx(0.2)
    assert found.difference.low > 0
    told = headline([found])
    assert told.startswith("Keep planneal on task at a budget of 2 tokens: +20.0 points [")
    assert "against self-consistency at equal spend, 900 (200 problems, p = " in told


def test_worse_than_any_baseline_is_killed():
    found = judged([
        curve("planneal", SPENDS, (0.4, 0.5)), curve("direct", SPENDS, (0.3, 0.4)),
        curve("self-consistency", SPENDS, (0.5, 0.7)),
    ])  # fmt: skip
    assert (found.decision, found.rival) == ("kill", "self-consistency")
    assert found.difference.high < 0
    assert headline([found], ["random-edits"]).endswith("(mandatory rows missing: random-edits).")


def test_neither_is_undecided_and_says_how_many_problems_would_tell():
    curves = [curve("planneal", SPENDS, (0.5, 0.56)), curve("direct", SPENDS, (0.5, 0.52))]
    found = judged(curves)
    assert (found.decision, found.rival) == ("undecided", "direct")
    discordance = float(np.mean((curves[0].points[1].shares - curves[1].points[1].shares) ** 2))
    assert found.problems_needed == problems_needed(0.04, discordance, level=0.05 / 2)
    assert f"about {found.problems_needed:,} problems would show" in headline([found])


def test_a_difference_of_nothing_names_no_number_of_problems():
    found = judged([curve("planneal", SPENDS, (0.4, 0.5)), curve("direct", SPENDS, (0.4, 0.5))])
    assert (found.decision, found.problems_needed) == ("undecided", None)
    assert "no number of problems can be named" in headline([found])


def test_what_was_measured_elsewhere_alone_is_refused():
    found = judged([curve("planneal", SPENDS, (0.6, 0.9)), curve("direct", (90, 180), (0.2, 0.3))])
    assert (found.decision, found.difference, found.refused) == ("refused", None, ("direct",))
    told = headline([found])
    assert told.startswith("Refused to judge planneal on task at a budget of 2 tokens: no baseline was measured at ")
    assert told.endswith("the 900 that it spent (direct for less only).")


def test_ceilings_and_floors_are_no_baselines():
    controls = [curve(name, SPENDS, (at, at)) for name, at in (("gold-plan", 1.0), ("blanked-plan", 0.1))]
    found = judged([curve("planneal", SPENDS, (0.6, 0.8)), *controls])
    assert (found.decision, found.why) == ("refused", "no baseline was run that can be compared")


def test_what_is_judged_by_more_verifiers_is_a_variant_and_no_baseline():
    better = curve("planneal+embedded_prm", SPENDS, (0.9, 1.0))
    found = judged([curve("planneal", SPENDS, (0.6, 0.8)), curve("direct", SPENDS, (0.3, 0.3)), better])
    assert found.decision == "keep"
    assert kind_of("planneal+embedded_prm", "planneal") == kind_of("best-of-plans+a+b", "planneal+a") == "variant"
    assert kind_of("planneal", "planneal+a") == kind_of("best-of-plans+a", "planneal+a") == "baseline"
    assert kind_of("direct+constraints", "planneal") == kind_of("my+own", "planneal") == "baseline"
    assert about("planneal+embedded_prm").endswith("one answer; judged by embedded_prm too")


def test_as_accurate_for_less_is_not_kept():
    found = judged([
        curve("planneal", SPENDS, (0.6, 0.8)), curve("self-consistency", SPENDS, (0.4, 0.5)),
        curve("direct", (90, 100), (0.8, 0.85)),
    ])  # fmt: skip
    assert (found.decision, found.cheaper) == ("undecided", ("direct",))
    assert "but as accurate for less: direct" in headline([found])


def test_a_refused_comparison_makes_the_others_no_easier():
    alone = judged([curve("planneal", SPENDS, (0.5, 0.6)), curve("direct", SPENDS, (0.4, 0.5))])
    away = [curve(f"other-{i}", (1, 2), (0.1, 0.1)) for i in range(8)]
    crowded = judged([curve("planneal", SPENDS, (0.5, 0.6)), curve("direct", SPENDS, (0.4, 0.5)), *away])
    assert crowded.adjusted > alone.adjusted


def test_many_comparisons_do_not_make_a_keep_impossible():
    rivals = [curve(f"other-{i}", SPENDS, (0.2, 0.2)) for i in range(20)]
    assert judged([curve("planneal", SPENDS, (0.8, 0.9)), *rivals], draws=100).decision == "keep"


@pytest.mark.slow
def test_a_method_beside_its_equals_is_seldom_kept():
    """Five equals and 100 repeats: a keep in more than 5 of them would be a wrong instrument."""
    kept = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        equals = [curve(name, SPENDS, (0.5, rng.binomial(200, 0.6) / 200), seed=seed) for name in "abcde"]
        own = curve("planneal", SPENDS, (0.5, rng.binomial(200, 0.6) / 200), seed=seed)
        kept += judged([own, *equals], draws=300).decision == "keep"
    assert kept <= 5


# Whole runs ----------------------------------------------------------------------------------------------------------

CONTENDERS = {
    "planneal": chances(0.75), "self-consistency": chances(0.55), "greedy-refinement": chances(0.5),
    "direct": chances(0.5), "gold-plan": chances(0.97, slope=0), "shuffled-plan": chances(0.2),
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "known"
    return world(folder, CONTENDERS, n=120, seeds=2, sizes=(2, 4, 8, 16), spends=CHEAP)


@pytest.fixture(scope="module")
def known(run):
    return facts([run], QUICK)


def test_a_method_that_is_better_by_twenty_points_is_kept(known):
    assert decision(known) == "keep"
    group = known.groups[0]
    assert [entry.decision for entry in group.verdicts] == ["keep"] * 3
    top = group.verdicts[-1]
    assert (top.rival, top.refused) == ("self-consistency", ("direct",))
    assert top.difference.low < 0.2 < top.difference.high
    assert known.headline.startswith("Keep planneal on arithmetic (hard) at a budget of 2,000 tokens: +")


def test_the_other_side_of_the_same_run_is_killed(run):
    found = facts([run], Asked("greedy-refinement", draws=400))
    assert decision(found) == "kill"
    assert "Kill greedy-refinement on arithmetic (hard)" in found.headline
    assert "against planneal at equal spend" in found.headline


def test_curves_are_those_of_the_attempts(known):
    methods = {entry.method: entry for entry in known.groups[0].methods}
    assert list(methods) == [
        "direct", "self-consistency", "greedy-refinement", "planneal", "gold-plan", "shuffled-plan",
    ]  # fmt: skip
    for name, entry in methods.items():
        for point, budget in zip(entry.points, BUDGETS, strict=True):
            assert point.spend == pytest.approx((0.2 if name == "direct" else 0.9) * budget, rel=0.03)
            assert point.accuracy.low - 0.06 < CONTENDERS[name][budget] < point.accuracy.high + 0.06
            assert point.wilson[0] < point.accuracy.value < point.wilson[1]
            assert point.attempts == 120 * (1 if name in ("direct", "gold-plan") else 2)


def test_missing_mandatory_rows_are_named(known):
    rows = {row.method: row.present for row in known.groups[0].rows}
    assert rows == {method: method in CONTENDERS for _, method in MANDATORY} | {"planneal": True}
    assert set(known.missing) == {method for method, present in rows.items() if not present}
    assert "mandatory rows missing: direct+constraints, best-of-answers" in known.headline
    page = html(known, [])
    assert page.count("MISSING: not run") == len(known.missing)


def test_refusals_are_shown_with_their_reasons(known):
    page = html(known, [])
    assert "refused: direct was measured from" in page
    assert "no winner is named where spends differ by more than 5%" in page


def test_links_are_those_of_the_attempts(known):
    link = next(link for link in known.groups[0].links if link.method == "planneal")
    assert link.draft.low < 0.5 < link.draft.high
    assert link.plan.low - 0.03 < 0.75 < link.plan.high + 0.03
    assert (link.given_right.value, link.given_wrong.value) == (1.0, 0.0)  # the plan decides, as it was drawn
    assert link.given_right.low < 1.0
    assert link.given_wrong.high > 0.0


def test_the_ledger_by_role_adds_up_to_the_spend(known):
    group = known.groups[0]
    tops = {entry.method: max(entry.points, key=lambda point: point.budget).spend for entry in group.methods}
    for cost in group.costs:
        assert set(cost.tokens) == {"answer", "draft"}
        assert sum(cost.tokens.values()) == pytest.approx(tops[cost.method], rel=1e-9)


def test_cached_tokens_count_what_is_asked_for(tmp_path):
    small = world(tmp_path / "small", {"planneal": chances(0.5), "direct": chances(0.5)}, n=12)
    cheaper, dear = (facts([small], Asked(weight=weight, draws=100)) for weight in (0.1, 1.0))
    for full, less in zip(dear.groups[0].methods, cheaper.groups[0].methods, strict=True):
        for one, other in zip(full.points, less.points, strict=True):
            assert other.spend == pytest.approx(one.spend * (1 - 0.9 / 6), rel=0.01)
    assert "cached prompt tokens count 0.1" in markdown(cheaper, [])


def test_failure_modes_are_never_left_out(known):
    found = {entry.mode: entry for entry in known.groups[0].failures}
    assert list(found) == ["fluff", "leakage", "ignored plan", "weak signal"]
    assert found["fluff"].finding == "not measured"
    assert found["leakage"].finding == "no fault"
    assert found["ignored plan"].finding == "no fault"
    assert found["weak signal"].finding == "no fault"
    page = html(known, [])
    assert all(entry.mode in page for entry in found.values())
    assert "not measured" in page


def test_few_drafts_say_nothing_of_the_signal(tmp_path):
    found = facts([world(tmp_path / "few", {"planneal": chances(0.5), "direct": chances(0.5)}, n=12)], Asked(draws=100))
    signal = found.groups[0].failures[-1]
    assert (signal.mode, signal.finding) == ("weak signal", "undecided")


def test_faults_are_found(tmp_path):
    same = {"planneal": chances(0.5), "direct": chances(0.5), "gold-plan": chances(0.5), "shuffled-plan": chances(0.5)}
    folder = world(tmp_path / "bad", same, n=100, draft=LEAKY, blind=True)
    extra = {"mode": "fluff", "value": 0.4, "low": 0.3, "high": 0.5, "n": 90, "unit": "plans", "about": "by hand"}
    other = {"mode": "ignored plan", "value": 0.2, "low": 0.1, "high": 0.3, "n": 80, "about": "items blanked"}
    (folder / "extra.json").write_text(json.dumps({"schema": 1, "measured": [extra, other]}))
    found = {entry.mode: entry for entry in facts([folder], QUICK).groups[0].failures}
    assert found["fluff"].finding == "fault"
    assert found["fluff"].numbers["asked again: by hand"].unit == "plans"
    assert found["leakage"].finding == "fault"
    assert found["ignored plan"].finding == "fault"
    assert found["weak signal"].finding != "no fault"


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"schema": 2, "measured": []}',
        '{"schema": 1, "measured": [{"mode": "charm", "value": 1, "low": 1, "high": 1, "n": 1, "about": "x"}]}',
        '{"schema": 1, "measured": [{"mode": "fluff", "value": 0.1, "low": 0.2, "high": 1, "n": 1, "about": "x"}]}',
        '{"schema": 1, "measured": [{"mode": "fluff", "value": 0.1, "low": 0, "high": 1, "n": 0, "about": "x"}]}',
    ],
)
def test_an_extra_file_of_another_form_is_an_error(tmp_path, text):
    folder = world(tmp_path / "run", {"planneal": chances(0.5)}, n=3)
    (folder / "extra.json").write_text(text)
    with pytest.raises(RunError, match=r"extra\.json.*correct it or take it away"):
        facts([folder], Asked(draws=100))


def test_stability_needs_several_seeds(known, tmp_path):
    found = {entry.method: entry for entry in known.groups[0].stables}
    assert set(found) == {"planneal", "self-consistency", "greedy-refinement", "shuffled-plan"}
    stable = found["planneal"]
    assert stable.k == 2
    assert stable.flips.low < 2 * 0.75 * 0.25 < stable.flips.high
    assert stable.all_right.low < 0.75**2 < stable.all_right.high
    single = facts([world(tmp_path / "one", {"planneal": chances(0.5), "direct": chances(0.5)}, n=20)], QUICK)
    assert single.groups[0].stables == ()
    assert "no method was run with several seeds" in markdown(single, [])


def test_the_horizon_is_by_size(known, tmp_path):
    assert {entry.method for entry in known.horizons} == {"planneal", "self-consistency", "direct"}
    for entry in known.horizons:
        assert [point.size for point in entry.points] == [2, 4, 8, 16]
    direct = next(entry for entry in known.horizons if entry.method == "direct")
    assert all(point.accuracy is None for point in direct.points)  # never measured at what planneal spent
    easy = {"planneal": dict.fromkeys(BUDGETS, 1.0), "direct": chances(0.5)}
    found = facts([world(tmp_path / "easy", easy, n=24, sizes=(2, 4))], QUICK).horizons[0]
    assert all(point.at_start and point.needed == pytest.approx(450, rel=0.05) for point in found.points)
    assert ASKED == 0.8


def test_several_runs_give_one_page(run, tmp_path):
    worse = {"planneal": chances(0.2), "self-consistency": chances(0.8)}
    other = world(tmp_path / "other", worse, n=60, family="schedule", level="easy")
    found = facts([run, other], QUICK)
    assert decision(found) == "mixed"
    assert found.headline.startswith("Keep planneal on arithmetic (hard) at 2,000 tokens (+")
    assert "; kill planneal on schedule (easy) at 2,000 tokens (-" in found.headline
    assert [line.split(" at ")[0] for line in found.details] == [
        "keep planneal on arithmetic (hard)", "kill planneal on schedule (easy)",
    ]  # fmt: skip
    assert html(found, []).count("<li>") == 2
    assert found.family == 3 * 3 + 3
    assert [run.name for run in found.runs] == ["known", "other"]


# Empty, unfinished, wrong --------------------------------------------------------------------------------------------


def test_an_empty_run_gives_a_page_that_says_so(tmp_path):
    found = facts([world(tmp_path / "empty", CONTENDERS, n=5, only=0)], QUICK)
    made = files(found)
    assert set(made) == {"report.html", "report.md", "report.json", "curves.csv", "comparisons.csv"}
    page = made["report.html"].decode()
    assert "Refused: there is nothing to compare yet." in page
    assert "There are no attempts yet" in page
    assert ">empty<" in page


def test_an_unfinished_run_compares_what_all_have_tried(tmp_path):
    left_out = {("direct", index) for index in range(30, 60)}
    found = facts([world(tmp_path / "half", CONTENDERS, n=60, without=left_out)], QUICK)
    group = found.groups[0]
    assert (group.problems, group.compared) == (60, 30)
    assert not found.runs[0].finished
    assert found.runs[0].expected == 60 * 3 * 6
    assert {point.accuracy.n for entry in group.methods for point in entry.points} == {30}
    page = html(found, [])
    assert "Not finished: half. What follows is of the problems that every method has tried" in page
    assert "30 of 60 tried problems are compared" in page


def test_a_run_that_just_began_has_nothing_to_compare(tmp_path):
    found = facts([world(tmp_path / "begun", CONTENDERS, n=5, only=3)], QUICK)
    assert found.headline == "Refused: there is nothing to compare yet." or decision(found) == "refused"
    assert html(found, [])


def test_what_is_asked_for_must_be_there(run, tmp_path):
    with pytest.raises(ConfigError, match="--primary nobody: the run known has no such method; there are direct, "):
        facts([run], Asked("nobody"))
    with pytest.raises(ConfigError, match="--axis euros: there is no such axis; there are tokens, "):
        facts([run], Asked(axis="euros"))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        facts([run], Asked(weight=2.0))
    with pytest.raises(RunError, match="no run in"):
        facts([tmp_path / "nothing"], QUICK)


def test_an_axis_that_was_not_measured_says_so(run):
    found = facts([run], Asked(axis="verifier_seconds", draws=100))
    assert decision(found) == "refused"
    assert "this scale was not measured" in html(found, [])
    assert decision(facts([run], Asked(axis="completion", draws=400))) == "keep"


def test_a_reference_in_a_run_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    names = {"direct": "evil:Method", "planneal": "planneal"}.__getitem__
    found = facts([world(tmp_path / "run", {m: chances(0.5) for m in ("direct", "planneal")}, n=6, name=names)], QUICK)
    assert found.runs[0].expected == 6 * 3 * 2


# The page ------------------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Tags and attributes as a browser would see them, and whether every tag is closed in order."""

    VOID = frozenset({"meta", "br", "img", "link", "input"})

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.open = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *pair) for pair in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def made(known):
    return files(known)


def test_the_page_needs_nothing_else(made):
    page = made["report.html"].decode()
    found = Tags(page)
    assert found.open == []
    assert not {"script", "link", "iframe", "object", "embed", "img", "base", "form"} & set(found.tags)
    values = [value for _, name, value in found.attributes if name in ("src", "href", "xlink:href", "action")]
    assert values
    assert all(value.startswith("#") for value in values)
    assert not re.search(r"url\((?!#)|@import", page)
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page


def test_the_page_is_fit_for_phones_and_readers(made):
    page = made["report.html"].decode()
    found = Tags(page)
    assert ("meta", "content", "width=device-width, initial-scale=1") in found.attributes
    assert ("html", "lang", "en") in found.attributes
    assert "prefers-color-scheme: dark" in page
    boxes = page.count('<div class="box"') - found.tags.count("svg")
    assert found.tags.count("table") == found.tags.count("caption") == boxes
    labels = [value for tag, name, value in found.attributes if tag == "svg" and name == "aria-label"]
    assert len(labels) == found.tags.count("svg") == 4
    assert all(len(label) > 40 for label in labels)
    ids = [value for _, name, value in found.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value[1:] for tag, name, value in found.attributes if tag == "a" and name == "href"}
    assert links <= set(ids)


def test_every_figure_takes_the_colours_of_the_page(made):
    page = made["report.html"].decode()
    assert "#010203" not in page
    assert page.count("currentColor") > 20
    assert {name for name in made if name.endswith(".png")} == {
        "curves-1.png", "differences-1.png", "ledger-1.png", "horizon-1.png",
    }  # fmt: skip
    assert all(data.startswith(b"\x89PNG") for name, data in made.items() if name.endswith(".png"))


def test_the_page_says_how_it_was_made(made):
    for name in ("report.html", "report.md"):
        text = made[name].decode()
        for said in (
            "planneal report known --primary planneal --weight 1 --axis tokens",
            "planneal compare --family arithmetic --difficulty hard --n 120",
            "from seed 20261",
            "The weight of a cached prompt token is 1",
            "400 resamples",
        ):
            assert said in text, (name, said)


def test_the_same_run_gives_the_same_bytes(run, made):
    assert files(facts([run], QUICK)) == made


def test_the_numbers_stand_in_json_and_csv(known, made):
    loaded = json.loads(made["report.json"])
    assert loaded["headline"] == known.headline
    assert loaded["groups"][0]["verdicts"][-1]["decision"] == "keep"
    refused = next(entry for entry in loaded["groups"][0]["comparisons"] if entry["outcome"] == "refused")
    assert (refused["p"], refused["difference"]) == (None, None)
    curves = list(csv.DictReader(io.StringIO(made["curves.csv"].decode())))
    assert len(curves) == len(CONTENDERS) * len(BUDGETS)
    assert float(curves[0]["accuracy"]) == known.groups[0].methods[0].points[0].accuracy.value
    compared = list(csv.DictReader(io.StringIO(made["comparisons.csv"].decode())))
    assert len(compared) == (len(CONTENDERS) - 1) * len(BUDGETS)
    assert {row["outcome"] for row in compared} >= {"better", "refused"}


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> | `x` $\\frac{1}{0}$ {{ 7*7 }} \x1b[31m\n# h ]]>"


def test_hostile_names_stay_text(tmp_path):
    names = {"direct": HOSTILE, "planneal": "planneal", "self-consistency": "=cmd|' /C calc'!A0"}.__getitem__
    methods = {"direct": chances(0.5), "self-consistency": chances(0.4), "planneal": chances(0.6)}
    folder = world(tmp_path / "<b>run", methods, n=20, seeds=2, name=names, level="<i>hard</i>")
    made = files(facts([folder], Asked(draws=200)))
    found = Tags(made["report.html"].decode())
    assert found.open == []
    assert not {"script", "img", "b", "i"} - {"b"} & set(found.tags)
    assert found.tags.count("b") == 1  # the word above the verdict
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    page = made["report.html"].decode()
    assert "&lt;script&gt;" in page
    assert "\x1b" not in page
    assert "49" not in re.findall(r"\{\{.{0,9}", page)
    text = made["report.md"].decode()
    assert "<script" not in text.replace("\\<", "")
    assert all(line.count("|") - line.count("\\|") >= 3 for line in text.splitlines() if line.startswith("|"))
    rows = list(csv.DictReader(io.StringIO(made["comparisons.csv"].decode())))
    assert {row["second"] for row in rows} == {HOSTILE, "'=cmd|' /C calc'!A0"}


def test_writing_leaves_whole_files(known, tmp_path):
    bare = replace(known, groups=(), horizons=())
    written = write(bare, tmp_path / "deep" / "out")
    assert [path.name for path in written][:2] == ["report.html", "report.md"]
    assert {path.name for path in (tmp_path / "deep" / "out").iterdir()} == {path.name for path in written}
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot write into"):
        write(bare, tmp_path / "file")


def test_without_matplotlib_the_extra_is_named(known, monkeypatch):
    from planneal.planner.errors import MissingExtra

    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"figures.*planneal\[experiments\]"):
        files(known)


@pytest.mark.slow
def test_the_command_tells_the_verdict(run, tmp_path):
    told = CliRunner().invoke(app, ["report", str(run), "--out", str(tmp_path / "out"), "--primary", "planneal"])
    assert told.exit_code == 0, told.output
    assert told.stdout.startswith("Keep planneal on arithmetic (hard)")
    assert (tmp_path / "out" / "report.html").is_file()
    asked = ["report", str(run), "--out", str(tmp_path / "out"), "--json", "--axis", "calls"]
    told = json.loads(CliRunner().invoke(app, asked).stdout)
    assert told["decision"] in ("refused", "keep", "kill", "undecided")
    assert CliRunner().invoke(app, ["report", str(run), "--primary", "nobody"]).exit_code == 2
    assert CliRunner().invoke(app, ["report", str(tmp_path / "none")]).exit_code == 2


def test_all_mandatory_rows_leave_nothing_missing(tmp_path):
    found = facts([world(tmp_path / "all", ALL, n=12)], Asked(draws=100))
    assert found.missing == ()
    assert "missing" not in found.headline
    assert all(math.isfinite(row.point.spend) for row in found.groups[0].rows)


# --- baselines that spend no more whatever their budget


def flat(method, accuracy, spend=300.0, n=200, seed=3):
    """A curve whose every point is the same; the highest caps are far apart."""
    at = curve(method, (spend,), (accuracy,), n, seed).points[0]
    points = tuple(at._replace(budget=budget) for budget in (500, 1000, 2000))
    return Curve(method, tuple(f"p{i}" for i in range(n)), points)


def rising(method, accuracies, seed=4):
    return curve(method, (500, 1000, 2000), accuracies, seed=seed)


def test_a_saturated_baseline_that_is_better_for_less_kills():
    rival = rising("best-of-plans", (0.3, 0.3, 0.3), 5)
    made = judged([rising("planneal", (0.3, 0.35, 0.4)), flat("direct", 0.9), rival])
    assert (made.decision, made.rival, made.equal) == ("kill", "direct", False)
    assert "that spends less, whatever its budget" in headline([made])


def test_to_be_better_than_a_saturated_baseline_for_more_keeps_nothing():
    alone = judged([rising("planneal", (0.7, 0.8, 0.9)), flat("direct", 0.3)])
    assert alone.decision == "refused"
    assert "direct for less only" in alone.why
    rival = rising("best-of-plans", (0.4, 0.4, 0.5), 5)
    beside = judged([rising("planneal", (0.7, 0.8, 0.9)), flat("direct", 0.3), rival])
    assert (beside.decision, beside.rival, beside.equal) == ("keep", "best-of-plans", True)
