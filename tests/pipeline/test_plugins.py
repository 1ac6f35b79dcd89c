"""Parts that other packages add by name: found lazily, used in runs, and told apart from each other when broken."""

from __future__ import annotations

import sys
import textwrap

import pytest
import worlds
from planneal import Pipeline, Settings
from planneal.decoders.registry import load_model
from planneal.planner.errors import ConfigError, PluginError
from planneal.planner.plugins import load_plugin, plugin_names
from planneal.proposers import Mixture
from planneal.testing import FunctionModel
from planneal.verifiers import RelationsVerifier, StructureVerifier
from planneal.verifiers.registry import load_verifier

MODULE = """
from planneal import Verdict, Verifier
from planneal.planner.verifier import Judgement
from planneal.proposers import Mixture
from planneal.testing import FunctionModel


class Mine(Verifier):
    name = "mine"
    stage = 0

    def scope(self, task, plan, item_id):
        return "same"

    async def judge(self, task, plan, item_ids, draw=0):
        return Judgement({item_id: Verdict.ok() for item_id in item_ids})


class Needy(Mine):
    def __init__(self, level):
        self.level = level


ready = Mine()
number = 7


def text():
    return "no verifier"


def proposer(model, prompts, settings):
    return Mixture(None, floor=settings.floor)


def model(name, **options):
    return FunctionModel(lambda request, index: name, name=f"mine/{name}")
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Puts a real distribution, metadata and module, on the import path."""

    def make(name: str, entries: dict[str, dict[str, str]], module: str = MODULE) -> None:
        folder = tmp_path / name
        info = folder / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in names.items()) for group, names in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        (folder / f"{name}.py").write_text(textwrap.dedent(module))
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.delitem(sys.modules, name, raising=False)

    return make


def verifiers(package, **entries):
    return {"planneal.verifiers": {name: f"{package}:{value}" for name, value in entries.items()}}


def model():
    return FunctionModel(worlds.model_reply, dialect="chat")


def names(pipeline):
    return [verifier.name for verifier in pipeline.judges(pipeline.model)]


def test_an_installed_verifier_judges_in_a_run_by_its_name(install):
    install("extra_judges", verifiers("extra_judges", mine="Mine", ready="ready"))
    assert {"mine", "ready"} <= set(plugin_names("planneal.verifiers"))
    assert "extra_judges" not in sys.modules, "looking names up imports nothing"
    pipeline = Pipeline(model(), verifiers=["structure", "relations", "mine"])
    assert names(pipeline) == ["structure", "relations", "mine"]
    result = pipeline.solve(worlds.QUESTION, seed=1)
    assert result.solved
    assert result.value == "9"
    assert load_verifier("ready") is sys.modules["extra_judges"].ready


def test_default_stands_for_the_default_ones_and_nothing_is_taken_twice(install):
    install("extra_default", verifiers("extra_default", mine="Mine"))
    assert names(Pipeline(model())) == ["structure", "order", "relations"]
    assert names(Pipeline(model(), verifiers=["default", "mine", "mine"])) == [
        "structure",
        "order",
        "relations",
        "mine",
    ]
    mixed = Pipeline(model(), verifiers=[StructureVerifier(), "relations", RelationsVerifier()])
    assert names(mixed) == ["structure", "relations", "relations"]  # objects are the caller's business
    first, second = (pipeline_judges[-1] for pipeline_judges in [mixed.judges(mixed.model) for _ in range(2)])
    assert first is second


def test_settings_name_verifiers_so_that_traces_and_files_do(install):
    install("extra_settings", verifiers("extra_settings", mine="Mine"))
    settings = Settings(verifiers=("structure", "mine"))
    assert names(Pipeline(model(), settings=settings)) == ["structure", "mine"]
    assert Settings.model_validate(settings.shown()) == settings
    assert names(Pipeline(model(), settings=settings, verifiers=["order"])) == ["order"]


def test_a_trace_of_a_run_with_an_installed_verifier_replays(install, tmp_path):
    from planneal.replay import replay

    install("extra_replay", verifiers("extra_replay", mine="Mine"))
    settings = Settings(verifiers=("default", "mine"))
    trace = tmp_path / "run.jsonl"
    Pipeline(model(), settings=settings).solve(worlds.QUESTION, trace=trace)
    assert '"mine"' in trace.read_text()
    assert replay(trace).same


def test_a_proposer_and_a_model_can_be_named_too(install):
    entries = {
        "planneal.proposers": {"plain": "extra_parts:proposer"},
        "planneal.models": {"mine": "extra_parts:model", "openai": "extra_parts:model"},
    }
    install("extra_parts", entries)
    pipeline = Pipeline(model(), proposer="plain")
    assert isinstance(pipeline.proposer(pipeline.model, pipeline.prompts, pipeline.settings), Mixture)
    assert load_model("mine/large").name == "mine/large"
    assert type(load_model("openai/x", base_url="http://localhost:1", api_key="k")).__name__ == "OpenAIModel"
    with pytest.raises(ConfigError, match="mine/NAME"):
        load_model("nobody/x")


BROKEN = {
    "needy": "it cannot be made: TypeError",
    "number": "it is no Verifier and makes none",
    "text": "it made str, which is no Verifier",
    "gone": "it cannot be loaded: AttributeError",
}


@pytest.mark.parametrize("name", list(BROKEN))
def test_a_broken_plugin_says_which_package_it_is_and_why(install, name):
    install("bad_judges", verifiers("bad_judges", needy="Needy", number="number", text="text", gone="gone"))
    with pytest.raises(PluginError) as told:
        Pipeline(model(), verifiers=["default", name])
    assert str(told.value).startswith(f"package bad_judges 1.2 adds the verifier '{name}' as bad_judges:")
    assert BROKEN[name] in str(told.value)
    assert told.value.package == "bad_judges"
    assert isinstance(told.value, ConfigError)
    assert names(Pipeline(model())) == ["structure", "order", "relations"]  # others do not pay for it


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
    ],
)
def test_a_package_that_cannot_be_imported_says_so(install, module, reason):
    install("bad_import", verifiers("bad_import", mine="Mine"), module)
    with pytest.raises(PluginError, match=reason):
        load_plugin("planneal.verifiers", "mine")


def test_two_packages_with_one_name_are_told_and_a_shipped_name_is_safe(install):
    install("one_judge", verifiers("one_judge", mine="Mine", relations="Mine"))
    install("other_judge", verifiers("other_judge", mine="Mine"))
    with pytest.raises(PluginError, match="several packages add a verifier 'mine': one_judge and other_judge"):
        load_verifier("mine")
    assert type(load_verifier("relations")) is RelationsVerifier


def test_an_unknown_name_lists_those_there_are(install):
    install("more_judges", verifiers("more_judges", mine="Mine"))
    with pytest.raises(ConfigError, match=r"no verifier 'mien'; there are default, structure, .*mine"):
        Pipeline(model(), verifiers=["mien"])
    with pytest.raises(ConfigError, match="no proposer 'x'"):
        Pipeline(model(), proposer="x")
    with pytest.raises(PluginError, match="no package adds a verifier"):
        load_plugin("planneal.verifiers", "mien")


def test_the_command_line_takes_names(install, monkeypatch):
    from planneal.apps import options
    from planneal.apps.cli import app
    from typer.testing import CliRunner

    install("cli_judges", verifiers("cli_judges", mine="Mine"))
    monkeypatch.setattr(options.registry, "load_model", lambda name, **given: model())
    run = CliRunner().invoke(app, ["solve", worlds.QUESTION, "--verifier", "default", "--verifier", "mine"])
    assert run.exit_code == 0, run.output
    run = CliRunner().invoke(app, ["solve", worlds.QUESTION, "--verifier", "mien"])
    assert run.exit_code == 2
    assert "no verifier 'mien'" in run.output + run.stderr
