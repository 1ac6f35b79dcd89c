"""The registry: families by name, imported late; and what every family promises, on a few problems of each."""

import asyncio
import subprocess
import sys

import pytest
from planneal.experiments import check_families
from planneal.experiments.families.base import LEVELS, Family, Split
from planneal.experiments.families.registry import MODULES, difficulty_of, families, family, names
from planneal.planner.errors import ConfigError

QUICK = [name for name in names() if name != "code"]


def test_the_five_families_are_there():
    assert names() == ("arithmetic", "schedule", "tools", "code", "countdown")
    assert [made.name for made in families()] == list(names())
    assert all(isinstance(made, Family) for made in families())
    assert family("schedule") is family("schedule")
    assert {made.name for made in families() if made.deceptive} == {"countdown"}


def test_an_unknown_name_is_told_with_the_known_ones():
    with pytest.raises(ConfigError, match="no problem family 'sudoku'; there are arithmetic, schedule, tools"):
        family("sudoku")


def test_a_family_is_imported_only_when_it_is_asked_for():
    code = (
        "import sys; from planneal.experiments.families import registry; registry.family('arithmetic');"
        "print([m for m in sys.modules if m.startswith('planneal.experiments.families')])"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "arithmetic_family" in loaded
    assert not any(f"families{MODULES[name]}'" in loaded for name in ("schedule", "tools", "code", "countdown"))


@pytest.mark.parametrize("name", names())
def test_levels_and_sizes_are_difficulties(name):
    made = family(name)
    assert tuple(made.levels) == LEVELS
    middle = made.generate(0)
    assert middle == made.generate(0, made.levels["middle"])
    assert difficulty_of(made, "hard") == made.levels["hard"]
    assert made.generate(0, difficulty_of(made, str(middle.public.size))).public.size >= 1
    for wrong in ("huge", "", "-1", "1e3", "999999", "0"):
        with pytest.raises(ConfigError):
            difficulty_of(made, wrong)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("level", LEVELS)
def test_promises_are_kept_on_a_few_problems(name, level):
    found = asyncio.run(check_families.check(family(name), level, 40, spoilt=20, verified=5, split=Split.TRAIN))
    assert found.kept, found.faults
    assert (found.problems, found.distinct, found.right, found.solved) == (40, 40, 40, 5)
    assert found.dropped == 20
    assert found.near >= 60


def test_broken_promises_are_found(monkeypatch):
    """Negative control: a grader that lets everything pass, or nothing, is told."""
    made = type("Lax", (type(family("arithmetic")),), {})()

    async def lax(problem, text):
        return True

    monkeypatch.setattr(made, "grade", lax)
    found = asyncio.run(check_families.check(made, "easy", 5, verified=0))
    assert not found.kept
    assert found.let_pass == found.near

    async def strict(problem, text):
        return False

    monkeypatch.setattr(made, "grade", strict)
    found = asyncio.run(check_families.check(made, "easy", 5, verified=0))
    assert (found.kept, found.right) == (False, 0)
    monkeypatch.setattr(made, "verifiers", lambda public: [])
    assert asyncio.run(check_families.check(made, "easy", 2, graded=0, spoilt=0)).solved == 0


def test_the_script_prints_a_table(capsys):
    arguments = ["--family", "arithmetic", "--difficulty", "easy", "6", "--n", "20", "--spoilt", "5", "--verified", "3"]
    assert check_families.main(arguments) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("| family | difficulty | problems | per second |")
    assert [line.split(" | ")[1] for line in told[2:]] == ["easy", "6"]
