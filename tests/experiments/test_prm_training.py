"""The embedded reward model from rows to a loaded verifier, and the figures that are told of it."""

import asyncio
import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the local extra is not installed")
pytest.importorskip("transformers", reason="the local extra is not installed")
pytest.importorskip("sklearn", reason="the calibration extra is not installed")

import planneal.decoders
import torch
import transformers
from planneal.decoders.embedded_prm import RENDER, load_embedded_prm
from planneal.decoders.prm_hf import HFStepScorer
from planneal.experiments.families.base import Split
from planneal.experiments.families.registry import family
from planneal.experiments.training.packing import pack
from planneal.experiments.training.prm.calibrated import fit_scores, fold, probability
from planneal.experiments.training.prm.classifier import (
    FORMAT,
    Encoded,
    Judge,
    batched,
    classifier_of,
    encode,
    raw_scores,
)
from planneal.experiments.training.prm.config import PrmConfig, load_prm_config
from planneal.experiments.training.prm.data import chunks, make_rows, read_rows
from planneal.experiments.training.prm.drafts import UNLABELLED, Row, judged_draft, row_of
from planneal.experiments.training.prm.export import export
from planneal.experiments.training.prm.figures import Judged, equal_mass_error, figures, table
from planneal.experiments.training.prm.inside import heads_of, with_inside
from planneal.experiments.training.prm.labels import label
from planneal.experiments.training.prm.measure import judged_items, measure
from planneal.experiments.training.prm.negatives import hard_negative, widely_wrong
from planneal.experiments.training.prm.packed import batch_of, shelve, trees_of
from planneal.experiments.training.prm.pipeline import Where, make
from planneal.experiments.training.prm.spoken import line_ids, spoken
from planneal.experiments.training.prm.train import Losses, Training
from planneal.experiments.training.prm.widened import LAYERS
from planneal.planner.errors import CalibrationError, ConfigError
from planneal.planner.notation import format_plan, parse_plan
from planneal.verifiers.prm import PRMVerifier, rendered
from planneal.verifiers.scoring import auroc

EMBEDDED = Path(planneal.decoders.__file__).parent / "embedded"
CONFIG = PrmConfig(name="tiny", seed=1, families=("arithmetic",), steps=8, minutes=1e6, warmup=2, rate=5e-3)
LENGTHS = (256, 512)
CONFIG = CONFIG.model_copy(update={"tokens": 1024, "lengths": LENGTHS, "compile": False})


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(EMBEDDED)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory, tokenizer):
    """A folder with a random language model of the embedded one's make."""
    folder = tmp_path_factory.mktemp("tiny")
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def rows():
    """Gold plans and hard negatives, told to be drafts."""

    async def made():
        rng, found = np.random.default_rng(2), []
        for seed in range(10):
            problem = family("arithmetic").generate(seed, family("arithmetic").levels["easy"], Split.TRAIN)
            gold = parse_plan(problem.gold.plan)
            found.append(row_of(problem, gold, "sampled", "compact", ((), True)))
            wrong = await hard_negative(rng, problem)
            if wrong is not None:
                found.append(row_of(problem, wrong.plan, "negative", "compact", (wrong.named, wrong.silent)))
        return found

    return asyncio.run(made())


@pytest.fixture
def encoded(rows, tokenizer):
    return encode(rows, tokenizer, 2048)


def test_rows_become_tokens_with_a_label_at_each_steps_newline(rows, encoded, tokenizer):
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
    for row, found in zip(rows, encoded, strict=True):
        assert len(found.marks) == len(row.steps) == len(row.labels)
        assert [found.ids[mark] for mark in found.marks] == newline * len(row.steps)
        assert found.ids[-1] == newline[0]
        assert found.drafted == (row.origin == "sampled")
        shown = tokenizer.decode(found.ids)
        assert shown == row.question + "".join(f"{step}\n" for step in row.steps)
    ids, labels = batched(encoded[:3], 1)
    assert ids.shape == labels.shape
    assert (labels != UNLABELLED).sum() == sum(len(row.marks) for row in encoded[:3])


def test_rows_without_a_label_or_too_long_are_left_out(rows, tokenizer):
    blank = rows[0]._replace(labels=(UNLABELLED,) * len(rows[0].labels))
    assert encode([blank], tokenizer, 2048) == []
    assert encode(rows[:1], tokenizer, 20) == []
    assert len(encode(rows[:1], tokenizer, 2048)) == 1


def test_rows_survive_their_file(rows, tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row._asdict()) + "\n" for row in rows), encoding="utf-8")
    assert list(read_rows(file)) == rows


def test_the_body_is_the_language_models(tiny):
    model = classifier_of(Judge(tiny, 0), tiny)
    spoken_model = transformers.LlamaForCausalLM.from_pretrained(tiny)
    body = dict(model.model.named_parameters())
    assert all(torch.equal(body[name], weight) for name, weight in spoken_model.model.named_parameters())
    assert model.score.weight.shape == (2, 32)
    assert Judge(tiny, 0).score.weight.equal(model.score.weight)


def test_packed_plans_are_scored_as_each_alone(tiny, encoded):
    judge = Judge(tiny, 3).eval()
    wanted = sorted(float(odds) for odds in np.concatenate(raw_scores(classifier_of(judge, tiny), encoded)))
    found = []
    for shelf in shelve(encoded, LENGTHS, 1024):
        assert all(len(tree.ids) <= shelf.length for tree in shelf.trees)
        batch = pack(shelf.trees, len(shelf.trees), shelf.length, 0)
        mask = torch.zeros(batch.mask.shape).masked_fill_(~torch.from_numpy(batch.mask), float("-inf"))[:, None]
        with torch.inference_mode():
            logits = judge(torch.from_numpy(batch.ids).long(), torch.from_numpy(batch.positions).long(), mask).classes
        found += (logits[..., 1] - logits[..., 0])[torch.from_numpy(batch.weights) > 0].tolist()
    assert sorted(found) == pytest.approx(wanted, abs=1e-4)


def test_plans_of_one_question_share_it_and_none_is_lost(encoded):
    trees = trees_of(encoded, LENGTHS[-1])
    assert len(trees) < len(encoded)
    assert sum(map(sum, (tree.weights for tree in trees))) == sum(len(row.labels) for row in encoded)
    assert sum(sum(tree.labels) for tree in trees) == sum(map(sum, (row.labels for row in encoded)))
    assert sum(len(tree.ids) for tree in trees) < 0.8 * sum(len(row.ids) for row in encoded)
    longest = max(len(row.ids) for row in encoded)
    alone = trees_of(encoded, longest)
    assert all(len(tree.ids) <= longest for tree in alone)
    assert sum(len(tree.parents) - 1 for tree in trees_of(encoded, longest - 1)) < len(encoded)


def test_a_resumed_run_goes_on_as_if_it_had_not_been_stopped(tiny, encoded, tmp_path):
    ends = []
    for name, stops in (("once", (None,)), ("twice", (3, None))):
        folder = tmp_path / name
        folder.mkdir()
        for stop in stops:
            training = Training(CONFIG, folder, Judge(tiny, 0))
            training.train(encoded, stop)
        assert training.step == CONFIG.steps
        ends.append(training.model.state_dict())
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])
    assert not torch.equal(ends[0]["score.weight"], Judge(tiny, 0).state_dict()["score.weight"])


def test_a_run_that_is_complete_is_left_alone(tiny, encoded, tmp_path):
    Training(CONFIG, tmp_path, Judge(tiny, 0)).train(encoded)
    again = Training(CONFIG, tmp_path, Judge(tiny, 0))
    before = {name: weight.clone() for name, weight in again.model.state_dict().items()}
    again.train(encoded)
    assert again.step == CONFIG.steps
    assert all(torch.equal(weight, before[name]) for name, weight in again.model.state_dict().items())


def test_batches_are_a_function_of_seed_and_step_and_end_on_drafts(encoded, tiny, tmp_path):
    shelves = shelve(encoded, CONFIG.lengths, CONFIG.tokens)
    one, same, other = (batch_of(shelves, 1, step, 0).ids for step in (5, 5, 6))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    plans = []

    class Watched(Training):
        def _update(self, shelves):
            plans.append(sum(len(tree.parents) - 1 for shelf in shelves for tree in shelf.trees))
            return Losses(0.0, 0.0, 0.0, 0.0)

    Watched(CONFIG, tmp_path, Judge(tiny, 0)).train(encoded)
    drafts = sum(row.drafted for row in encoded)
    assert drafts < len(encoded)
    assert plans == [len(encoded)] * 6 + [drafts] * 2


@pytest.mark.parametrize("name", ["arithmetic", "schedule", "tools", "code", "countdown"])
def test_plans_that_are_widely_wrong_have_wrong_items_and_right_ones(name):
    rng = np.random.default_rng(2)
    made = family(name)
    marks = []
    for seed in range(12):
        problem = made.generate(seed, made.levels["hard"], Split.TRAIN)
        plan = widely_wrong(rng, problem)
        if plan is not None:
            marks += label(problem, plan).values()
    assert 0.05 < np.mean([not right for right in marks]) < 0.95
    assert len(marks) > 20


HEADS = frozenset({9})


def plan_of(tail, marks, labels, problem="p"):
    return Encoded((1, 1, *tail), marks, labels, 2, True, problem)


def test_inside_an_item_it_is_wrong_from_where_it_leaves_what_is_right():
    one = plan_of((5, 9, 20, 21, 0, 6, 9, 30, 31, 32, 0), (6, 12), (1, 0))
    other = plan_of((7, 9, 30, 31, 40, 0), (7,), (1,))
    found = with_inside([one, other], HEADS)
    assert found[0].inside == ((4, 1), (5, 1), (11, 0)), "the wrong item shares 30 and 31 with a right one"
    assert found[1].inside == ((4, 1), (5, 1), (6, 1))
    alone = with_inside([one], HEADS)[0]
    assert alone.inside == ((4, 1), (5, 1), (9, 0), (10, 0), (11, 0)), "nobody says it right: wrong from the start"
    elsewhere = with_inside([one, other._replace(problem="q")], HEADS)[0]
    assert elsewhere.inside == alone.inside, "other problems say nothing about this one"
    silent = with_inside([one._replace(labels=(UNLABELLED, 0)), other], HEADS)[0]
    assert silent.inside == ((11, 0),)


def test_labels_inside_weigh_what_they_are_told_to(encoded, tokenizer):
    known = with_inside(encoded, heads_of(tokenizer))
    assert sum(len(plan.inside) for plan in known) > 5 * sum(len(plan.marks) for plan in known)
    for weight in (0.0, 0.25):
        weights = {w for shelf in shelve(known, LENGTHS, 1024, weight) for tree in shelf.trees for w in tree.weights}
        assert weights == {0.0, weight, 1.0}
    marked = [text for text, number in tokenizer.get_vocab().items() if number in heads_of(tokenizer)]
    assert marked
    assert all(":" in text for text in marked)


def test_added_layers_learn_at_their_own_rate_with_an_account_of_what_was_expected(tiny, encoded, tokenizer, tmp_path):
    wide = Judge(tiny, 0, room=20)
    own = wide.own
    assert wide.body.shape.num_hidden_layers == own + LAYERS
    known = with_inside(encoded, heads_of(tokenizer))
    rates = {"rate": 1e-2, "body_rate": 1e-9, "weight_decay": 0.0, "language": 0.5, "surprise": 0.1}
    config = CONFIG.model_copy(update={"room": 20, "inside": 0.5, "steps": 40, **rates})
    before = {name: weight.clone() for name, weight in wide.named_parameters()}
    training = Training(config, tmp_path, wide)
    training.train(known)
    now = dict(training.model.named_parameters())
    moved = {name for name in now if not torch.allclose(now[name], before[name], atol=1e-6)}
    assert {name.split(".")[3] for name in moved if "layers" in name} == {str(own + n) for n in range(LAYERS)}
    assert {"score.weight", "surprise.weight"} <= moved
    held = {f"body.{name}": mask == 0 for name, mask in wide.learnable().items()}
    assert sum(int(mask.sum()) for mask in held.values()) > 1000
    assert all(torch.equal(now[name][mask], before[name][mask]) for name, mask in held.items())
    told = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert all(told[-1][name] < told[0][name] for name in ("label", "surprise", "expected"))
    assert told[-1]["language"] == pytest.approx(told[0]["language"], rel=0.1), "the body hardly learns at this rate"
    model = classifier_of(training.model, tiny)
    ids, labels = batched(encoded[:2], 0)
    assert model.config.num_hidden_layers == own + LAYERS
    assert model(input_ids=ids).logits.shape == (*labels.shape, 2)


def test_what_is_exported_loads_as_any_reward_model_and_scores_as_it_was_trained(tiny, encoded, tokenizer, tmp_path):
    training = Training(CONFIG, tmp_path, Judge(tiny, 0))
    training.train(encoded)
    model = classifier_of(training.model, tiny)
    odds, labels = np.array([-2.0, -1.0, 0.5, 3.0] * 5), np.array([False, True, False, True] * 5)
    calibration = fit_scores(odds, labels, "tiny")
    raw = raw_scores(model, encoded[:1])[0]
    fold(model, calibration)
    facts = {"calibration": calibration.model_dump(mode="json"), "model": {}, "trained": {}}
    told = export(model, tokenizer, CONFIG, facts, tmp_path / "out")
    assert told["format"] == "trl"

    scorer = HFStepScorer.load(str(tmp_path / "out"), FORMAT, "cpu")
    problem = family("arithmetic").generate(4, family("arithmetic").levels["easy"])
    plan, task = parse_plan(problem.gold.plan), family("arithmetic").task(problem.public)
    found = asyncio.run(PRMVerifier(scorer, render="compact").assess(task, plan))
    assert not found.abstained
    assert set(found.verdicts) == {*(item.id for item in plan.items), "goal"}
    row = row_of(problem, plan, "gold", "compact", ((), True))
    wanted = probability(raw_scores(model.float(), encode([row], tokenizer, 2048))[0])
    assert [found.verdicts[i].score for i in row.ids] == pytest.approx(wanted.tolist(), abs=1e-3)
    shipped = load_embedded_prm(tmp_path / "out")
    assert shipped.name == "embedded_prm"
    again = asyncio.run(PRMVerifier(shipped, render=RENDER).assess(task, plan))
    assert [v.score for v in again.verdicts.values()] == [v.score for v in found.verdicts.values()]
    # The calibration is in the weights.
    expected = calibration.slope * raw + calibration.intercept
    assert raw_scores(model, encoded[:1])[0] == pytest.approx(expected, abs=0.02)


def test_a_folder_without_a_reward_model_and_one_of_another_rendering_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"training\.prm makes one"):
        load_embedded_prm(tmp_path)
    (tmp_path / "planneal.json").write_text('{"render": "notation"}')
    with pytest.raises(ConfigError, match="shown plans as 'notation', not 'compact'"):
        load_embedded_prm(tmp_path)


@pytest.mark.parametrize(("slope", "intercept"), [(0.4, -0.7), (1.0, 0.0), (2.0, 1.0)])
def test_the_fit_finds_a_known_temperature_and_bias(slope, intercept):
    rng = np.random.default_rng(8)
    odds = rng.normal(1.0, 2.0, size=40_000)
    labels = rng.random(odds.size) < probability(slope * odds + intercept)
    found = fit_scores(odds, labels, "known")
    assert found.slope == pytest.approx(slope, rel=0.05)
    assert found.intercept == pytest.approx(intercept, abs=0.06)
    assert equal_mass_error(found(probability(odds)), labels) < 0.02


def test_scores_that_rise_where_items_get_worse_are_refused():
    odds = np.array([2.0, 1.0, -1.0, -2.0])
    with pytest.raises(CalibrationError):
        fit_scores(odds, [False, False, True, True], "wrong")
    with pytest.raises(CalibrationError):
        fit_scores(odds, [True] * 4, "same")


def test_equal_mass_error_by_hand():
    assert equal_mass_error([0.1, 0.2, 0.8, 0.9], [False, False, True, True], 2) == pytest.approx(0.15)
    # Bins (0.0, 0.2), (0.4, 0.9), (1.0): gaps 0.1 of 2, 0.35 of 2, 0 of 1.
    assert equal_mass_error([1.0, 0.9, 0.4, 0.2, 0.0], [1, 1, 1, 0, 0], 3) == pytest.approx((0.2 + 0.7) / 5)
    assert equal_mass_error([0.5] * 4, [True, False, True, False], 2) == 0.0
    assert equal_mass_error([0.5] * 4, [True, True, False, False], 4) == 0.0, "equal scores have no order"
    assert equal_mass_error([1.0, 0.0], [False, True], 15) == 1.0
    with pytest.raises(ValueError, match="outside"):
        equal_mass_error([2.0], [True])


def item(problem, right, score, *, named=False, silent=False, told=math.nan):
    return Judged(problem, right, named, silent, score, score, told)


def test_figures_by_hand():
    items = [
        item("a", True, 0.9, told=0.2),
        item("a", False, 0.8, told=0.1),
        item("b", True, 0.7, silent=True, told=0.3),
        item("b", False, 0.1, named=True, told=0.4),
        item("c", False, 0.6, silent=True),
    ]
    found = figures(items, draws=50)
    assert found.auroc == pytest.approx(5 / 6)
    assert found.auroc == auroc([i.score for i in items], [i.right for i in items])
    assert (found.problems, found.items, found.wrong, found.unseen_wrong, found.silent_wrong) == (3, 5, 3, 2, 1)
    assert found.spoken == pytest.approx(2 / 4), "the item that no draft has is left out"
    assert found.unseen == pytest.approx(3 / 4)
    assert found.unseen_spoken == 1.0
    assert found.silent == 1.0
    assert found.interval.low <= found.auroc <= found.interval.high
    assert "| 5 | 60.0% | 0.833 (" in table({"x": found})
    assert "| - |" in table({"x": figures(items[:1])})
    assert math.isnan(figures(items[:1]).auroc)


def test_raw_scores_are_told_by_undoing_the_calibration():
    row = Row("arithmetic", "p", "greedy", "q", ("s", "t"), ("S1", "S2"), (1, UNLABELLED), (False, False), True)
    given = probability(2.0 * np.array([0.5, 0.0]) + 1.0)
    (found,) = judged_items([row], [tuple(given)], [{"S1": 0.25}], 2.0, 1.0)["arithmetic"]
    assert found.raw == pytest.approx(float(probability(np.array([0.5]))[0]))
    assert (found.right, found.spoken) == (True, 0.25)
    order = Row("schedule", "p", "greedy", "q", ("a", "b"), ("C1", "S1"), (1, 0), (False, False), True)
    parts = judged_items([order], [(0.9, 0.2)], [{}], 1.0, 0.0)
    assert [[item.right for item in parts[name]] for name in ("schedule", "schedule, rules")] == [[True, False], [True]]


def test_lines_of_a_draft_are_their_items():
    text = "goal: x [ x]\nS1: [ x = y]\nC2!: [ y > 0]\nS1: [ again = 1]\nwhat\n"
    assert [item_id for _, item_id in line_ids(text)] == ["", "S1", "C2", "", "", ""]
    assert line_ids(text)[1][0] == text.index("C2")


def test_what_the_model_finds_probable_is_what_it_says(tiny, tokenizer):
    model = transformers.LlamaForCausalLM.from_pretrained(tiny).eval()
    text = "goal: how many nuts? [ nuts]\nS1: [ nuts = 4]\nS2: [ bolts = nuts + 3]\n"
    row = Row("arithmetic", "p", "greedy", "q", (), (), (), (), True, "How many nuts?\nplan:\n", text)
    longer = row._replace(text=text + "S3: [ wigs = 5]\n")
    found, other = spoken(model, tokenizer, [row, longer])
    assert list(found) == ["S1", "S2"]
    assert list(other) == ["S1", "S2", "S3"]
    assert found["S1"] == pytest.approx(other["S1"], rel=1e-4)
    prompt = tokenizer(row.prompt, add_special_tokens=False)["input_ids"]
    ids = prompt + tokenizer(text, add_special_tokens=False)["input_ids"]
    start = len(prompt) + len(tokenizer(text[: text.index("S1")], add_special_tokens=False)["input_ids"])
    end = len(prompt) + len(tokenizer(text[: text.index("S2")], add_special_tokens=False)["input_ids"])
    with torch.inference_mode():
        logprobs = model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
    wanted = torch.stack([logprobs[n - 1, ids[n]] for n in range(start, end)]).mean().exp()
    assert found["S1"] == pytest.approx(float(wanted), rel=1e-4)


def test_a_draft_is_judged_as_structure_settles_it_and_an_empty_one_is_none():
    problem = family("arithmetic").generate(3, family("arithmetic").levels["middle"], Split.TRAIN)
    plan = parse_plan(problem.gold.plan)
    turned = format_plan(plan.with_items([item.model_copy(update={"needs": ()}) for item in reversed(plan.items)]))
    settled = asyncio.run(judged_draft(problem, turned, "greedy", "compact"))
    raw = asyncio.run(judged_draft(problem, turned, "greedy", "compact", raw=True))
    assert raw.ids == tuple(item.id for item in reversed(plan.items))
    assert settled.ids != raw.ids
    assert set(settled.labels) == set(raw.labels) == {1}
    assert settled.silent
    assert settled.question == rendered(family("arithmetic").task(problem.public), plan, "compact").solution.question
    assert asyncio.run(judged_draft(problem, "nothing of use", "greedy", "compact")) is None


def test_parts_share_no_problem(tmp_path):
    config = CONFIG.model_copy(update={"chunk": 2, "workers": 1, "longest": 2, "negatives": 0.0, "gold": 1.0})
    assert [chunk.size for chunk in chunks(config, "train", 5)] == [2, 2, 1]
    found = make_rows(config, EMBEDDED, tmp_path, "train", 3)
    assert len(found) == 3
    assert make_rows(config, EMBEDDED, tmp_path, "train", 3) == found, "what is there is read again"
    assert len({row.problem for row in found}) == 3
    assert all("-train-" in row.problem for row in found)


def test_a_folder_that_does_not_say_what_it_is_is_not_measured(tmp_path):
    with pytest.raises(ConfigError, match="export"):
        measure(tmp_path, EMBEDDED, 1, tmp_path / "rows")
    (tmp_path / "planneal.json").write_text('{"render": "compact"}', encoding="utf-8")
    with pytest.raises(ConfigError, match="calibration, families"):
        measure(tmp_path, EMBEDDED, 1, tmp_path / "rows")


def test_the_shipped_configuration_is_read():
    shipped = Path(planneal.decoders.__file__).parents[1] / "experiments/training/embedded_prm.toml"
    assert load_prm_config(shipped).render == "compact"


def test_batches_of_one_length_pad_nothing_into_scores(tiny, encoded):
    model = classifier_of(Judge(tiny, 0), tiny)
    together = raw_scores(model, encoded, 32)
    alone = [raw_scores(model, [row])[0] for row in encoded]
    assert all(one == pytest.approx(other, abs=1e-5) for one, other in zip(together, alone, strict=True))


@pytest.mark.slow
def test_one_command_makes_all_of_it(tmp_path):
    # In schedule a few steps learn something for certain: rules are mostly right, things are not.
    sizes = {"problems": 30, "calibration": 24, "chunk": 15, "workers": 1, "steps": 24}
    config = CONFIG.model_copy(update={"families": ("schedule",), **sizes})
    where = Where(EMBEDDED, tmp_path / "run", tmp_path / "out", "the command")
    shown = make(config, where, 6)
    assert shown.splitlines()[2].startswith("| schedule |")
    card = (tmp_path / "out" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert shown in card
    assert "the command" in card
    assert sum(file.stat().st_size for file in (tmp_path / "out").iterdir()) < 16 * 2**20
    assert make(config, where, 6) == shown, "a finished run is told again"
