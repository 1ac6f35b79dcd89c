"""The horizon curve: growth that is known is found, what was not reached is not forgotten, and one command does it."""

from __future__ import annotations

import asyncio
import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from planneal.experiments import horizon as command
from planneal.experiments.families.base import Split
from planneal.experiments.families.registry import difficulty_of, family
from planneal.experiments.horizon import page, plan, run_plan
from planneal.experiments.horizon_page import equal, write
from planneal.experiments.matching import Curve, tokens
from planneal.experiments.report.horizon import bins, horizons
from planneal.experiments.report.loading import Tried
from planneal.experiments.report.sections import needed
from planneal.experiments.runs.arguments import Arguments
from planneal.experiments.runs.store import Store
from planneal.experiments.statistics import Cost, censored_growth, growth
from planneal.planner.errors import ConfigError
from planneal.planner.ledger import Usage
from planneal.testing import FunctionModel
from run_world import Unsealed
from scipy.stats import norm

H = (2, 4, 6, 8, 12, 16, 20, 24)


def line(h):
    return 100 + 60 * h


def power(h):
    return 120 * math.exp(0.22 * h)


def level(h):
    return 900


def capped(cost, cap=math.inf, least=0.0):
    return Cost(cap, "above") if cost > cap else Cost(least, "below") if cost < least else Cost(cost)


def draws(truth, rng, *, noise=0.06, cap=math.inf, count=60):
    """Costs with noise, and as many sets of them as a bootstrap would give, centred on what was seen."""
    seen = [truth(h) * math.exp(rng.normal(0, noise)) for h in H]
    again = [[capped(cost * math.exp(rng.normal(0, noise)), cap) for cost in seen] for _ in range(count)]
    return [capped(cost, cap) for cost in seen], again


# The fit -------------------------------------------------------------------------------------------------------------


def test_without_censoring_the_exponential_is_least_squares():
    costs, _ = draws(power, np.random.default_rng(1))
    plain, found = growth(H, [cost.tokens for cost in costs]).exponential, censored_growth(H, costs)
    mine = found.growth.exponential
    assert (mine.slope, mine.intercept) == pytest.approx((plain.slope, plain.intercept), rel=1e-4)
    assert mine.slope_interval == pytest.approx(plain.slope_interval, rel=1e-3)
    assert (found.exact, found.above, found.below, found.shape) == (8, 0, 0, "exponential")


def test_the_line_is_the_likeliest_one():
    """Against a search over a grid, written down anew from the formula."""
    costs, _ = draws(line, np.random.default_rng(1), cap=1200)
    fit = censored_growth(H, costs).growth.linear

    def likelihood(a, b, sigma):
        z = [(math.log(cost.tokens) - math.log(a + b * h)) / sigma for h, cost in zip(H, costs, strict=True)]
        exact = [norm.logpdf(value) - math.log(sigma) for value, c in zip(z, costs, strict=True) if c.side == "exact"]
        return sum(exact) + sum(norm.logsf(value) for value, c in zip(z, costs, strict=True) if c.side == "above")

    best = max(likelihood(fit.intercept, fit.slope, sigma) for sigma in np.geomspace(0.01, 0.3, 400))
    k, n = 3, len(H)
    assert fit.aic == pytest.approx(2 * k - 2 * best + 2 * k * (k + 1) / (n - k - 1), abs=1e-3)
    for a, b in ((1.03, 1.0), (0.97, 1.0), (1.0, 1.01), (1.0, 0.99), (1.05, 0.995)):
        assert all(likelihood(a * fit.intercept, b * fit.slope, s) < best for s in np.geomspace(0.01, 0.3, 100))


@pytest.mark.parametrize(("truth", "shape"), [(line, "linear"), (power, "exponential"), (level, "undecided")])
def test_known_growth_is_recovered_over_resamples(truth, shape):
    rng = np.random.default_rng(2)
    found = [censored_growth(H, *draws(truth, rng, count=30)) for _ in range(10)]
    shapes = [one.shape for one in found]
    assert shapes.count(shape) >= 8, shapes
    wrong = {"linear": "exponential", "exponential": "linear"}.get(shape, "")
    assert wrong not in shapes


def test_what_was_not_reached_tells_an_exponential():
    """The last costs lie above the ladder. To leave them out leaves too little; in the fit they decide."""
    costs, again = draws(power, np.random.default_rng(3), cap=1200, noise=0.03)
    found = censored_growth(H, costs, again)
    assert (found.shape, found.above) == ("exponential", 4)
    assert "4 above what was measured" in found.reason
    left_out = growth(H, [math.nan if cost.side == "above" else cost.tokens for cost in costs])
    assert found.growth.gap > left_out.gap + 3
    assert found.growth.exponential.slope == pytest.approx(0.22, abs=0.03)
    guessed = growth(H, [cost.tokens for cost in costs])  # the cap in place of the cost: what must not be done
    assert guessed.shape != "exponential"


def test_a_line_that_is_cut_off_stays_a_line():
    costs, again = draws(line, np.random.default_rng(4), cap=1400, noise=0.01)
    found = censored_growth(H, costs, again)
    assert (found.shape, found.above) == ("linear", 1)
    assert found.growth.linear.slope == pytest.approx(60, rel=0.1)


def test_censored_fits_are_right_on_average():
    """Slopes and their intervals, over many worlds of which a quarter of the costs is cut off."""
    rng = np.random.default_rng(5)
    slopes, held = [], 0
    for _ in range(60):
        seen = [line(h) * math.exp(rng.normal(0, 0.06)) for h in H]
        fit = censored_growth(H, [capped(cost, 1150) for cost in seen]).growth.linear
        slopes.append(fit.slope)
        held += fit.slope_interval.low <= 60 <= fit.slope_interval.high
    assert np.mean(slopes) == pytest.approx(60, rel=0.05)
    assert held >= 52


def test_costs_at_the_least_budget_are_censored_too():
    costs = [capped(power(h), least=300) for h in H]
    found = censored_growth(H, costs)
    assert found.below == 2
    assert found.shape == "exponential"
    assert "2 at or below the least" in found.reason


def test_too_few_costs_are_no_growth():
    costs = [Cost(300.0), Cost(500.0), Cost(700.0), *[Cost(900.0, "above")] * 5]
    found = censored_growth(H, costs)
    assert found.shape == "undecided"
    assert found.reason.startswith("3 horizons have an exact cost, 4 are needed; censored costs in the fit: 5 above")
    assert found.growth.linear is None
    assert censored_growth([], []).shape == "undecided"
    mostly = [[Cost(900.0, "above")] * 8] * 20
    costs, _ = draws(line, np.random.default_rng(0))
    assert "too few costs to fit" in censored_growth(H, costs, mostly).reason


def test_costs_must_be_costs():
    with pytest.raises(ValueError, match="one cost per horizon"):
        censored_growth(H, [Cost(1.0)])
    with pytest.raises(ValueError, match="not above 0"):
        censored_growth([1], [Cost(0.0)])
    perfect = censored_growth(H, [Cost(float(line(h))) for h in H])
    assert perfect.shape == "linear"
    assert math.isfinite(perfect.growth.gap)


# From attempts -------------------------------------------------------------------------------------------------------

BUDGETS = (250, 500, 1000, 2000, 4000, 8000)


def attempts(methods, *, n=60, seed=0, sizes=H, steps=True):
    """Attempts whose chance of being right passes 80% at a cost that is known, by method and size."""
    rng = np.random.default_rng(seed)
    for size in sizes:
        for number in range(n):
            ability = rng.logistic()  # a problem that is easy is so at every budget and for every method
            for method, truth in methods.items():
                for budget in BUDGETS:
                    spent = round(0.9 * budget)
                    right = math.log(4) + 3.0 * math.log(spent / truth(size)) > ability
                    yield Tried(
                        problem=f"{size}-{number}", family="arithmetic", level=f"{size}steps" if steps else "",
                        size=2 * size, method=method, budget=budget, seed=0, right=right, plan_right=None,
                        draft_right=None, seconds=0.1, ledger={}, spent=Usage(prompt_tokens=spent, calls=1),
                        overspent=False, miscounted=False, error="",
                    )  # fmt: skip


def test_growth_is_told_from_attempts():
    methods = {"planneal": lambda h: 150 + 80 * h, "self-consistency": lambda h: 250 * math.exp(0.2 * h)}
    rows = list(attempts(methods, n=150, seed=1))
    straight, steep = horizons(rows, "planneal", tokens(1.0), 200, list(methods))
    assert (straight.method, straight.shape, straight.by) == ("planneal", "linear", "needed steps")
    assert straight.linear.slope == pytest.approx(80, rel=0.25)  # between two budgets a logistic is no line
    assert (steep.method, steep.shape) == ("self-consistency", "exponential")
    assert "above what was measured" in steep.reason  # 8,000 tokens are too few for 20 steps
    assert steep.agreeing > 0.97
    for point in straight.points:
        assert point.needed_low <= point.needed <= point.needed_high
        assert point.needed == pytest.approx(150 + 80 * point.size, rel=0.3)
    last = steep.points[-1]
    assert math.isnan(last.needed)
    assert last.most == 7200
    assert needed(last).startswith("not reached, > 7,200")
    assert "linearly, " in straight.said
    assert "exponentially, twofold every 3." in steep.said


def test_a_method_beside_itself_is_no_steeper():
    """Negative control: the same world under two names gives no two shapes."""
    same = {"planneal": lambda h: 150 + 80 * h, "best-of-answers": lambda h: 150 + 80 * h}
    one, other = horizons(list(attempts(same, n=80, seed=3)), "planneal", tokens(1.0), 100, list(same))
    assert {one.shape, other.shape} <= {"linear", "undecided"}
    assert one.gap == other.gap


def test_a_budget_that_pays_for_nothing_is_no_point():
    """Long problems do not fit into small budgets: their other budgets are measured all the same."""
    rows = [
        replace(row, right=False, spent=Usage()) if row.budget == 250 and row.size > 20 else row
        for row in attempts({"planneal": line}, n=20, seed=1)
    ]
    [found] = horizons(rows, "planneal", tokens(1.0), 40, ["planneal"])
    assert [point.size for point in found.points] == list(H)
    assert all(point.accuracy is not None for point in found.points)
    assert Curve.of([row for row in rows if row.size == 48]).idle == (250,)
    assert Curve.of([row for row in rows if row.size == 4]).idle == ()
    with pytest.raises(ConfigError, match="was not measured"):
        Curve.of([replace(row, spent=Usage()) for row in rows])


def test_needed_steps_count_where_levels_tell_them():
    rows = list(attempts({"planneal": line}, n=6, sizes=(2, 4)))
    assert [*bins(rows)[1]] == [2.0, 4.0]
    plain = list(attempts({"planneal": line}, n=6, sizes=(2, 4), steps=False))
    by, members = bins([*rows, *plain])
    assert (by, [*members]) == ("size", [4.0, 8.0])
    assert bins(rows, least=7)[1] == {}


# Problems of several sizes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [2, 7, 24])
def test_steps_are_what_a_right_plan_takes(steps):
    made = family("arithmetic")
    drawn = made.generate(3, difficulty_of(made, f"{steps}steps"), Split.EVAL)
    assert len(drawn.gold.needed) == steps
    assert drawn.public.size == steps + 4
    assert difficulty_of(family("schedule"), "9steps") == difficulty_of(family("schedule"), "9")
    with pytest.raises(ConfigError, match="need 2 to 24 steps, not 25"):
        difficulty_of(made, "25steps")
    with pytest.raises(ConfigError, match="needed steps such as 6steps"):
        difficulty_of(made, "manysteps")


def test_a_run_may_have_several_difficulties():
    def of(difficulty):
        return Arguments.checked(family="arithmetic", difficulty=difficulty, n=3, methods=("direct",), budgets=(500,))

    given = of("2steps,easy,12")
    assert given.problems == 9
    source = given.source()
    rows = [source.row(index, source.problem(index).public) for index in range(9)]
    assert [row.level for row in rows] == ["2steps", "easy", "12"] * 3
    assert [row.size for row in rows[:3]] == [6, 8, 12]
    assert len({row.id for row in rows}) == 9
    assert of("easy").problems == of(None).problems == 3
    for wrong, said in (
        ("easy,easy", "given twice"),
        ("easy,nine", "no difficulty 'nine'"),
        ("easy,", "difficulty ''"),
    ):
        with pytest.raises(ConfigError, match=said):
            of(wrong)


# One command ---------------------------------------------------------------------------------------------------------

SMALL = ["--sizes", "4", "2", "--problems", "3", "--methods", "direct", "self_consistency", "--budgets", "600", "300"]


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


def scripted(monkeypatch):
    model = FunctionModel(lambda request, index: f"answer: {10 + index}")
    monkeypatch.setattr(command, "open_model", lambda name, dtype: model)
    plain = command.run
    monkeypatch.setattr(command, "run", lambda *given, **options: plain(*given, **{**options, "seal": Unsealed}))
    return model


def test_one_command_runs_resumes_and_writes(monkeypatch, tmp_path, capsys):
    model = scripted(monkeypatch)
    given = [*SMALL, "--out", str(tmp_path)]
    command.main(given)
    paid = len(model.requests)
    assert paid > 0
    said = capsys.readouterr().out
    assert said.startswith("direct on arithmetic: how the spend needed grows is undecided (0 horizons have an exact")
    names = ("horizon.md", "horizon.png", "horizon.csv", "needed.csv")
    files = {name: (tmp_path / name).read_bytes() for name in names}
    command.main(given)
    assert len(model.requests) == paid
    assert all((tmp_path / name).read_bytes() == data for name, data in files.items())
    with Store.open(tmp_path) as store:
        assert len(store.done()) == 2 * 3 * 2 * 2
    rows = table(tmp_path / "needed.csv")
    assert [(row["needed_steps"], row["method"], row["known"]) for row in rows] == [
        (size, method, "more than") for method in ("direct", "self-consistency") for size in ("2", "4")
    ]
    assert {row["at_budget_of"] for row in table(tmp_path / "horizon.csv")} == {"direct"}
    text = (tmp_path / "horizon.md").read_text()
    assert "--sizes 2 4 --problems 3 --methods direct self-consistency --budgets 300 600" in text
    assert "not reached, > " in text
    assert files["horizon.png"].startswith(b"\x89PNG")
    with pytest.raises(SystemExit, match="holds a run of something else"):
        command.main([*given, "--seed", "5"])


def test_an_unfinished_run_is_shown_and_called_so(monkeypatch, tmp_path, capsys):
    scripted(monkeypatch)
    asked = plan([*SMALL, "--out", str(tmp_path)])
    asyncio.run(run_plan(asked, lambda: command.open_model("x", "float32")))
    with Store.open(tmp_path, write=True) as store:
        two = "SELECT id FROM problems ORDER BY rowid LIMIT 2"
        gone = f"SELECT id FROM attempts WHERE method = 'direct' AND problem IN ({two})"
        for name in ("ledger", "events"):
            store._db.execute(f"DELETE FROM {name} WHERE attempt IN ({gone})")
        store._db.execute(f"DELETE FROM attempts WHERE id IN ({gone})")
    command.main([*SMALL, "--out", str(tmp_path), "--show"])
    assert "**The run is unfinished**" in (tmp_path / "horizon.md").read_text()
    made = page(asked)
    assert {point.problems for entry in made.horizons for point in entry.points} == {2}
    assert {row.problems for row in equal(made)} == {2}
    assert len(write(made, tmp_path / "other")) == 4


def test_what_makes_no_curve_is_told(tmp_path):
    with pytest.raises(SystemExit, match="no method 'nothing'"):
        command.main([*SMALL, "--methods", "nothing", "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match="no run in"):
        command.main([*SMALL, "--out", str(tmp_path / "none"), "--show"])
    with pytest.raises(SystemExit, match="schedules have 5 to 14 things, not 2"):
        command.main([*SMALL, "--family", "schedule", "--out", str(tmp_path)])


@pytest.mark.slow
def test_the_embedded_model_makes_a_curve(tmp_path):
    given = ["--sizes", "2", "4", "--problems", "3", "--methods", "planneal", "self_consistency"]
    given += ["--budgets", "400", "900"]
    command.main([*given, "--out", str(tmp_path)])
    rows = table(tmp_path / "horizon.csv")
    own = [float(row["accuracy"]) for row in rows if row["method"] == "planneal" and row["needed_steps"] == "2"]
    assert max(own) > 0.5
