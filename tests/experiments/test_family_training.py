"""Training data of the families with a common face: what is taught is right, and is what inference will read."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from planneal.decoders.answerer import Answerer
from planneal.decoders.prompts import PromptSet
from planneal.experiments.families.base import Split
from planneal.experiments.families.registry import family
from planneal.experiments.families.schedule.counting import first_order
from planneal.experiments.families.schedule.rules import parse_rule
from planneal.experiments.training.batches import PoolFiles, _arithmetic, make_batch
from planneal.experiments.training.config import DataConfig, load_config
from planneal.experiments.training.corpus import Node
from planneal.experiments.training.draws import DRAWS, Key, draw_problem, problem_of
from planneal.experiments.training.faults import reworded, spoilt
from planneal.experiments.training.judged import branch, examine, mending
from planneal.experiments.training.mending import Mending
from planneal.experiments.training.model import Llama, ModelShape
from planneal.experiments.training.pools import Drafted, judge_drafts, read_pool, spoilt_pool
from planneal.experiments.training.tokenizer import save_tokenizer, train_tokenizer
from planneal.experiments.training.transplant import kept_tokenizer, transplant
from planneal.experiments.training.trees import followed_tree, gold_tree, mended_tree, renumbered, revised_tree
from planneal.experiments.training.wording import (
    constraint_lines,
    draft_text,
    implied_answer,
    observed_text,
    plan_block,
    uncited,
)
from planneal.planner.edits import apply
from planneal.planner.errors import ConfigError, PlanError
from planneal.planner.notation import NotationError, format_plan, parse_edit, parse_plan
from planneal.proposers.draft import read_draft
from planneal.proposers.structural import tidied
from planneal.testing import ScriptedModel
from tokenizers import Tokenizer

OTHERS = ("schedule", "tools", "code", "countdown")


def _problems(name, count=12, seed=5):
    rng = np.random.default_rng(seed)
    return [draw_problem(rng, name)[0] for _ in range(count)]


@pytest.mark.parametrize("name", DRAWS)
def test_a_key_brings_its_problem_back_and_every_problem_is_of_the_training_half(name):
    rng = np.random.default_rng(3)
    for _ in range(8):
        problem, key = draw_problem(rng, name)
        assert problem_of(name, key) == problem
        assert Split.TRAIN in problem.public.id
        assert family(name).generate(key.seed).public.question != problem.public.question


def test_reach_bounds_the_sizes():
    rng = np.random.default_rng(0)
    small = [draw_problem(rng, "schedule", 0.2)[0].public.size for _ in range(30)]
    large = [draw_problem(rng, "schedule", 1.0)[0].public.size for _ in range(30)]
    assert max(small) <= 6 < max(large)


@pytest.mark.parametrize("name", OTHERS)
def test_the_draft_that_is_taught_is_a_right_plan_once_a_run_has_read_and_tidied_it(name):
    made = family(name)
    for problem in _problems(name):
        plan = read_draft(made.task(problem.public), draft_text(problem)).plan
        assert made.grade_plan(problem, format_plan(tidied(plan))).right


@pytest.mark.parametrize("name", OTHERS)
def test_answers_that_are_taught_are_right_with_and_without_citations(name):
    made = family(name)
    for problem in _problems(name, 4):
        answer = implied_answer(problem)
        assert "[" in answer.split("answer:")[1]
        assert "[S" not in uncited(answer)
        assert asyncio.run(made.grade(problem, answer))
        assert asyncio.run(made.grade(problem, uncited(answer)))


def test_drafts_name_constraints_in_the_order_of_the_question_whichever_come_locked():
    texts = [draft_text(p) for p in _problems("schedule", 30)]
    for text in texts:
        numbers = [int(line[1 : line.index(":")]) for line in text.split("\n") if line.startswith("C")]
        assert numbers == sorted(numbers)
        assert "!" not in text


def _answer_prompt(problem, plan):
    made = family(problem.public.family)
    answerer = Answerer(ScriptedModel([], dialect="compact"), PromptSet.load("compact"))
    observe = made.observe(problem.public)
    if observe is not None:
        answerer.observing(observe)
    return answerer.request(made.task(problem.public), plan).prompt


@pytest.mark.parametrize("name", OTHERS)
def test_answer_prompts_of_training_are_those_of_inference(name):
    for problem in _problems(name, 4):
        plan = parse_plan(problem.gold.plan)
        taught = f"{problem.public.question}\n{plan_block(plan)}{observed_text(problem, plan)}answer:\n"
        assert taught == _answer_prompt(problem, plan)


@pytest.mark.parametrize("name", OTHERS)
def test_direct_prompts_of_training_are_those_of_inference(name):
    problem = _problems(name, 1)[0]
    prompts = PromptSet.load("compact")
    tree = gold_tree(np.random.default_rng(0), problem, drafts=0.0, answers=0.0, direct=1.0)
    listed = constraint_lines(problem)
    wanted = {
        prompts.render("direct", question=problem.public.question)[-1].content,
        prompts.render("direct", question=problem.public.question, constraints=listed.rstrip("\n"))[-1].content,
    }
    assert tree.target + tree.children[-1].prompt in wanted


@pytest.mark.parametrize("name", OTHERS)
def test_gold_edits_make_a_spoilt_plan_right_and_without_them_most_are_not(name):
    made = family(name)
    rng = np.random.default_rng(1)
    wrong = right = total = 0
    for problem in _problems(name, 20):
        plan = spoilt(rng, problem)
        if plan is None:
            continue
        total += 1
        wrong += not made.grade_plan(problem, format_plan(plan)).right
        for _ in range(12):
            edits = mending(problem, plan).edits
            if not edits:
                break
            plan = apply(plan, parse_edit(edits[0].line.replace("[ ", "["), plan=plan))
        ordered = tidied(plan)  # what a run does without a model
        right += made.grade_plan(problem, format_plan(ordered)).right or name == "schedule"
    assert total >= 10
    assert wrong >= total / 3
    assert right >= 0.9 * total


def test_mending_follows_references_that_are_called_otherwise():
    gold = parse_plan('goal: g\nS1: [call: a(x="k")]\nS2: [call: b(y=$S1)] <- S1\nS3: [call: answer(value=$S2)] <- S2')
    plan = parse_plan('goal: g\nS4: [call: a(x="k")]\nS2: [call: b(y=$S4)] <- S4\nS3: [call: answer(value=$S2)] <- S2')
    assert Mending(plan, gold).edits == ()
    off = parse_plan('goal: g\nS4: [call: a(x="j")]\nS3: [call: answer(value=$S2)]')
    lines = [edit.line for edit in Mending(off, gold, lists_needs=True).edits]
    assert lines == ['replace S4: [ call: a(x="k")]', "insert S before S3: [ call: b(y=$S4)] <- S4"]


def test_mending_puts_steps_back_in_turn_where_their_order_counts():
    gold = parse_plan("goal: g\nS1: sort the words\nS2: keep the first 3 items\nS3: join the words")
    plan = parse_plan("goal: g\nS2: keep the first 3 items\nS1: sort the words\nS3: join the words")
    assert Mending(plan, gold).edits == ()
    (move,) = Mending(plan, gold, in_turn=True).edits
    assert move.line == "move S1 before S2"
    assert [i.id for i in apply(plan, parse_edit(move.line)).items] == ["S1", "S2", "S3"]


@pytest.mark.parametrize("name", OTHERS)
def test_edit_branches_are_edits_that_apply_and_name_what_they_answer(name):
    rng = np.random.default_rng(2)
    made = 0
    for problem in _problems(name, 10):
        plan = spoilt(rng, problem)
        if plan is None:
            continue
        found = asyncio.run(examine(problem, plan))
        row = branch(rng, mending(problem, found.plan), found.targets)
        if row is None:
            continue
        prompt, target = row
        assert prompt.startswith("problem: ")
        assert prompt.endswith("edit:\n")
        assert prompt.count("problem: ") == target.count("\n")
        for line in target.splitlines():
            edit = parse_edit(line.replace("[ ", "["), plan=found.plan)
            apply(found.plan, edit)
        made += 1
    assert made >= 5


def test_what_is_said_against_a_settled_plan_is_said_of_that_very_plan():
    (problem,) = _problems("arithmetic", 1)
    text = "goal: g [ships]\nS3: [spoons = pigs + beads]\nS4: [ships = spoons + beads]\nS1: [beads = 30]"
    plan = parse_plan(text + "\nS5: [beads = 30]\nS2: [pigs = beads / 6]")  # all rounds of edits are needed
    found = asyncio.run(examine(problem, plan))
    assert [item.id for item in found.plan.items] == ["S1", "S2", "S3", "S4"]
    assert found.solved
    assert not found.targets


@pytest.mark.parametrize("name", OTHERS)
def test_answers_follow_a_reworded_plan_and_not_the_question(name):
    rng = np.random.default_rng(4)
    other = total = 0
    for problem in _problems(name, 24):
        plan = reworded(rng, problem)
        if plan is None:
            continue
        assert format_plan(plan) != problem.gold.plan
        try:
            answer = implied_answer(problem, plan)
        except PlanError:
            continue
        total += 1
        other += answer != implied_answer(problem)
    assert total >= 6
    assert other >= 0.8 * total


def test_spoilt_pools_are_the_same_with_any_number_of_workers_and_read_back(tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    told = spoilt_pool({"countdown": 110}, 7, one, 1)
    assert told == spoilt_pool({"countdown": 110}, 7, two, 2)
    assert one.read_bytes() == two.read_bytes()
    rows = read_pool(str(one))["countdown"]
    assert told["countdown"]["plans"] == 110
    assert 60 <= len(rows) <= 110
    assert all(answer in (" yes", " no") for row in rows for _, answer in row.checks)
    assert any(answer == " no" for row in rows for _, answer in row.checks)
    tree = mended_tree(np.random.default_rng(0), rows[0])
    assert tree.children[0].prompt == rows[0].plan


def test_drafts_that_cannot_be_read_make_no_rows(tmp_path):
    rng = np.random.default_rng(1)
    problem, key = draw_problem(rng, "countdown")
    drafts = [Drafted("countdown", key, draft_text(problem)), Drafted("countdown", key, "nothing of use")]
    told = judge_drafts(drafts, 3, tmp_path / "drafted.jsonl", 1)
    assert told == {"countdown": {"plans": 1, "solved": 1.0}}


def _walk(node: Node):
    yield node
    for child in node.children:
        yield from _walk(child)


@pytest.mark.parametrize("name", OTHERS)
def test_trees_hold_every_role(name):
    rng = np.random.default_rng(0)
    prompts = "".join(node.prompt for problem in _problems(name, 15) for node in _walk(gold_tree(rng, problem)))
    assert "plan:\n" in prompts
    assert "answer:\n" in prompts
    assert "constraints:\n" in prompts
    trees = [followed_tree(rng, p) for p in _problems(name, 10)]
    assert sum(bool(tree.children) for tree in trees) >= 6


def test_answers_of_arithmetic_go_wherever_another_plan_leads():
    """Kept to whole positive numbers, a model follows no plan that comes to anything else."""
    rng, problems = np.random.default_rng(2), _problems("arithmetic", 30)
    plain, strange = ([followed_tree(rng, problem, share) for problem in problems] for share in (0.0, 1.0))

    def odd(trees):
        answers = [node.target for tree in trees for node in _walk(tree) if node.prompt == "answer:\n"]
        assert len(answers) >= 20
        return sum(bool(re.search(r"= -\d|= \d+/\d", answer)) for answer in answers) / len(answers)

    assert odd(strange) == 1.0
    assert 0.02 < odd(plain) < 0.5
    data = {"shares": (0.0, 0.0, 1.0), "literal": 1.0, "strange": 1.0, "families": {"arithmetic": 1, "schedule": 0}}
    trees = [_arithmetic(rng, 2, DataConfig(**data), []) for _ in range(30)]
    assert odd(trees) == 1.0


def test_a_leg_keeps_the_tokenizer_it_begins_with_where_it_has_the_size(tmp_path):
    made = train_tokenizer(3, 20, 700, ("arithmetic",))
    save_tokenizer(made, tmp_path)
    assert kept_tokenizer(tmp_path, 700).get_vocab() == made.get_vocab()
    assert kept_tokenizer(tmp_path, 701) is None
    assert kept_tokenizer(tmp_path / "nowhere", 700) is None
    assert kept_tokenizer(None, 700) is None


@pytest.mark.parametrize("name", OTHERS)
def test_a_plan_whose_items_are_called_otherwise_leads_to_the_same_answer_under_other_ids(name):
    rng = np.random.default_rng(6)
    made = family(name)
    changed = 0
    for problem in _problems(name, 8):
        plan = parse_plan(problem.gold.plan)
        other = renumbered(rng, plan)
        changed += other != plan
        assert len(other.by_id) == len(plan.by_id)
        assert uncited(implied_answer(problem, other)) == uncited(implied_answer(problem))
        assert made.grade_plan(problem, format_plan(other)).right
    assert changed >= 4


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    save_tokenizer(train_tokenizer(0, 20, 1024, OTHERS), folder)
    return folder


def test_batches_of_all_families_are_a_function_of_seed_and_step_and_keep_their_shapes(small):
    data = DataConfig(
        families={"arithmetic": 1.0, **dict.fromkeys(OTHERS, 1.0)}, reach=0.3, shapes=((4, 320, 0.5), (2, 576, 0.5))
    )
    batches = [make_batch(data, 1, step, str(small), PoolFiles()) for step in range(5)]
    assert {batch.ids.shape for batch in batches} == {(4, 320), (2, 576)}
    again = make_batch(data, 1, 3, str(small), PoolFiles())
    assert all(np.array_equal(a, b) for a, b in zip(batches[3], again, strict=True))
    assert all((batch.weights == 1).sum() > 100 for batch in batches)


def _shape(size):
    return ModelShape(vocab_size=size, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2)


def _saved(folder: Path, tokens: Path) -> Llama:
    tokenizer = Tokenizer.from_file(str(tokens / "tokenizer.json"))
    torch.manual_seed(0)
    model = Llama(_shape(tokenizer.get_vocab_size())).eval()
    folder.mkdir()
    torch.save({"model": model.state_dict()}, folder / "checkpoint.pt")
    (folder / "tokenizer.json").write_text((tokens / "tokenizer.json").read_text())
    return model


def test_a_transplant_keeps_what_the_older_model_says_of_tokens_that_both_know(small, tmp_path):
    old = _saved(tmp_path / "old", small)
    larger = train_tokenizer(0, 20, 1100, OTHERS)
    torch.manual_seed(1)
    new = Llama(_shape(larger.get_vocab_size())).eval()
    transplant(new, larger, tmp_path / "old")
    older = Tokenizer.from_file(str(small / "tokenizer.json"))
    text = "goal: put 5 in order\n"
    ids, fresh = older.encode(text).ids, larger.encode(text).ids
    assert [older.id_to_token(i) for i in ids] == [larger.id_to_token(i) for i in fresh]
    mask = torch.full((len(ids), len(ids)), float("-inf")).triu(1)[None, None]
    rows = ((old, ids), (new, fresh))
    seen = [model.hidden(torch.tensor([row]), torch.arange(len(row))[None], mask) for model, row in rows]
    assert torch.allclose(seen[0], seen[1])
    known = set(older.get_vocab())
    added = next(i for token, i in larger.get_vocab().items() if token not in known and len(token) > 2)
    pieces = older.encode(larger.decode([added], skip_special_tokens=False)).ids
    wanted = old.model.embed_tokens.weight[pieces].mean(0)
    assert torch.allclose(new.model.embed_tokens.weight[added], wanted)


def test_a_transplant_says_what_does_not_fit(small, tmp_path):
    _saved(tmp_path / "old", small)
    tokenizer = Tokenizer.from_file(str(small / "tokenizer.json"))
    wide = ModelShape(vocab_size=tokenizer.get_vocab_size(), hidden_size=64, num_hidden_layers=2, num_attention_heads=2)
    with pytest.raises(ConfigError, match="other sizes"):
        transplant(Llama(wide), tokenizer, tmp_path / "old")
    with pytest.raises(ConfigError, match="no checkpoint and no model"):
        transplant(Llama(wide), tokenizer, tmp_path / "none")


def test_the_shipped_configuration_reads_and_names_all_families():
    folder = Path(__file__).parents[2] / "experiments" / "training"
    config = load_config(folder / "embedded_v2.toml")
    assert set(config.families) == set(DRAWS)
    assert config.version == 2
    assert sum(config.stage(0.9).data.families.values()) == pytest.approx(1.0)


def test_a_line_that_is_no_plan_line_is_refused_before_it_is_learnt():
    problem, _ = draw_problem(np.random.default_rng(0), "code")
    with pytest.raises(NotationError):
        parse_plan(problem.gold.plan + "\nS9 no colon")
    assert json.loads(json.dumps(Key(1, 2)._asdict())) == {"seed": 1, "difficulty": 2, "reach": 100}


def test_a_schedule_is_learnt_with_the_order_that_can_be_worked_out():
    """The hidden order is one of many and cannot be told; the first one can, and the question stays as it was."""
    moved = 0
    for problem in _problems("schedule", 40):
        made = family("schedule")
        assert made.grade_plan(problem, problem.gold.plan).right
        rules = [parse_rule(check) for check in problem.gold.checks]
        assert problem.gold.order == first_order(problem.public.entries, rules)
        moved += problem.gold.order != problem.public.entries
    assert moved > 30


def test_a_schedule_to_measure_on_keeps_its_own_order():
    rng = np.random.default_rng(5)
    other = 0
    for _ in range(8):
        problem, key = draw_problem(rng, "schedule", split=Split.EVAL)
        assert problem == problem_of("schedule", key, Split.EVAL)
        assert Split.EVAL in problem.public.id
        rules = [parse_rule(check) for check in problem.gold.checks]
        other += problem.gold.order != first_order(problem.public.entries, rules)
    assert other > 0


@pytest.mark.parametrize("name", ["arithmetic", *OTHERS])
def test_a_wrong_answer_is_criticised_and_written_anew_by_the_prompts_that_self_refinement_has(name):
    prompts = PromptSet.load("compact")
    rng = np.random.default_rng(12)
    seen = set()
    for problem in _problems(name, 12):
        root = revised_tree(rng, problem)
        question, right = problem.public.question, uncited(implied_answer(problem))
        shown = root.children[0].prompt.removeprefix("answer:\n").removesuffix("\nwrong:")
        fault = root.children[0].target.strip()
        asked = prompts.render("revise", question=question, answer=shown, critique="")
        assert "".join(m.content for m in asked) == root.target + root.children[0].prompt
        if fault == "nothing":
            assert shown == right.strip()
            assert len(root.children) == 1
        else:
            assert fault in shown
            assert fault not in [line.strip() for line in right.split("\n")]
            asked = prompts.render("revise", question=question, answer=shown, critique=fault)
            assert "".join(m.content for m in asked) == root.target + root.children[1].prompt
            assert root.children[1].target == right
        seen.add(fault == "nothing")
    assert seen == {True, False}
