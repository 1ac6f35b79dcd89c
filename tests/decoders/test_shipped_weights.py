"""What the package ships by way of weights: its size, how fast it loads, what its cards say, and that it judges."""

import asyncio
import json
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")

import planneal.decoders
from planneal.decoders.embedded_backend import EmbeddedModel
from planneal.decoders.embedded_prm import load_embedded_prm, shipped_prm
from planneal.experiments.families.registry import family, names
from planneal.experiments.training.prm.labels import label
from planneal.experiments.training.prm.negatives import widely_wrong
from planneal.planner.notation import parse_plan
from planneal.verifiers.registry import embedded_prm
from planneal.verifiers.scoring import auroc

FOLDER = Path(planneal.decoders.__file__).parent
MODEL, PRM = FOLDER / "embedded", FOLDER / "embedded_prm"
MEGABYTE = 1e6


def weight(folder):
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def test_the_weights_are_as_small_as_was_promised():
    assert 0 < weight(MODEL) <= 32 * MEGABYTE
    assert 0 < weight(PRM) <= 16 * MEGABYTE
    shipped = [file for file in FOLDER.rglob("*") if file.suffix in (".safetensors", ".bin", ".pt", ".gguf")]
    assert sum(file.stat().st_size for file in shipped) <= 48 * MEGABYTE
    assert {file.suffix for file in shipped} == {".safetensors"}


def test_they_load_within_two_seconds():
    for load in (lambda: EmbeddedModel.open(MODEL), lambda: load_embedded_prm(PRM)):
        load()  # imports are not part of it
        started = time.perf_counter()
        load()
        assert time.perf_counter() - started < 2.0


@pytest.mark.parametrize("folder", [MODEL, PRM])
def test_their_cards_tell_how_they_were_made_and_what_they_cannot_do(folder):
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    for told in ("python -m planneal.experiments.training", "minutes", "core", "seed", "cannot do", "Apache-2.0"):
        assert told.lower() in card.lower(), told
    facts = json.loads((folder / "planneal.json").read_text(encoding="utf-8"))
    assert set(facts["families"]) == set(names())
    assert facts["trained"]["steps"] > 0


def test_the_shipped_reward_model_is_loaded_once():
    assert shipped_prm() is shipped_prm()
    assert embedded_prm().name == "embedded_prm"


@pytest.mark.parametrize("name", ["arithmetic", "schedule", "tools", "code"])
def test_it_tells_wrong_items_of_plans_from_right_ones(name):
    """Not how well: that is in its card. But a head that is put on upside down does not pass."""
    prm, made, rng = embedded_prm(), family(name), np.random.default_rng(3)
    scores, right = [], []
    for seed in range(12):
        problem = made.generate(seed, made.levels["middle"])
        task = made.task(problem.public)
        for plan in (parse_plan(problem.gold.plan), widely_wrong(rng, problem)):
            if plan is None:
                continue
            found, labels = asyncio.run(prm.assess(task, plan)), label(problem, plan)
            assert not found.abstained
            for item, verdict in found.verdicts.items():
                if item in labels:
                    scores.append(verdict.score)
                    right.append(labels[item])
    assert auroc(scores, right) > 0.75
