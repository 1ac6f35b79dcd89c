"""The command line in this process, with a model of the test's own behind every model string."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import worlds
from planneal.apps.cli import app
from planneal.decoders import registry
from planneal.decoders.base import LanguageModel
from planneal.testing import FunctionModel
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch):
    for name in list(os.environ):
        if name.startswith(("PLANNEAL_", "OPENAI_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def loaded(monkeypatch):
    """What was asked of the registry; ``loaded.model`` is what it hands out, an exception is raised."""

    class Loaded(list):
        model: LanguageModel | Exception = FunctionModel(worlds.model_reply)

    calls = Loaded()

    def load(name, **options):
        calls.append((name, options))
        if isinstance(calls.model, Exception):
            raise calls.model
        return calls.model

    monkeypatch.setattr(registry, "load_model", load)
    return calls


@pytest.fixture
def run(loaded) -> Callable[..., object]:
    """Runs ``planneal ARGS``, with ``model`` behind every model string."""

    def call(*args, model=None, stdin=None, env=None):
        if model is not None:
            loaded.model = model
        return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, env=env)

    return call
