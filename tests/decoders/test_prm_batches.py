"""Local reward models in batches: the same scores as one by one, shared beginnings once, and what that costs."""

import asyncio
import importlib
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")
sys.path.append(str(Path(__file__).parent))
tiny = importlib.import_module("tiny")
tiny_prm = importlib.import_module("tiny_prm")

from planneal.decoders.prm import Solution, StepScores  # noqa: E402
from planneal.decoders.prm_formats import MathShepherd, QwenMath, Skywork, TokenClassification  # noqa: E402
from planneal.decoders.prm_hf import HFStepScorer  # noqa: E402
from planneal.decoders.prm_load import RewardModel  # noqa: E402
from planneal.planner.errors import ModelError  # noqa: E402

MADE = {"trl": TokenClassification(), "qwen": QwenMath(), "shepherd": MathShepherd(), "skywork": Skywork()}


def solutions(count=12, questions=2):
    """Plans that share a question, and some of them their first steps; lengths differ."""
    made = []
    for number in range(count):
        steps = [f"S{n}: [nuts{n} = {n}]" for n in range(1, 4 + number % 5)]
        if number % 3:
            steps[number % len(steps)] = f"S9: something else [bolts = {number}]"
        made.append(Solution(f"{tiny_prm.QUESTION} ({number % questions})", tuple(steps)))
    return made


def run(scorer, asked):
    return asyncio.run(scorer.score(asked))


@pytest.fixture(scope="module", params=MADE)
def scorer(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    getattr(tiny_prm, request.param)(folder)
    return HFStepScorer.load(str(folder), MADE[request.param])


def alone(scorer, asked):
    found = []
    for solution in asked:
        scorer.engine.prefixes.clear()
        found.extend(run(scorer, [solution]))
    scorer.engine.prefixes.clear()
    return found


def test_a_batch_gives_the_scores_of_one_by_one(scorer):
    asked = solutions()
    expected = alone(scorer, asked)
    for found in (run(scorer, asked), run(scorer, asked[::-1])[::-1]):  # the second time from the prefix cache
        for one, other in zip(found, expected, strict=True):
            assert one.scores == pytest.approx(other.scores, abs=1e-5)
    assert len({result.scores for result in expected}) > 6  # the control: they are not all alike


def test_a_score_depends_on_nothing_that_comes_later(scorer):
    (whole,) = run(scorer, [Solution(tiny_prm.QUESTION, tiny_prm.STEPS)])
    for count in (1, 2):
        (part,) = alone(scorer, [Solution(tiny_prm.QUESTION, tiny_prm.STEPS[:count])])
        assert part.scores == pytest.approx(whole.scores[:count], abs=1e-5)
    (other,) = alone(scorer, [Solution(tiny_prm.QUESTION, ("S1: [nuts = 5]", *tiny_prm.STEPS[1:]))])
    assert other.scores[1:] != pytest.approx(whole.scores[1:], abs=1e-4)  # the control: it does on what comes before


def test_shared_beginnings_are_computed_once_and_counted_apart(scorer):
    scorer.engine.prefixes.clear()
    shared = (*tiny_prm.STEPS[:2], "S3: twice as many wigs as bolts [wigs = 2 * bolts] <- S2")
    asked = [Solution(tiny_prm.QUESTION, (*shared, f"S4: [answer = {n}]")) for n in range(8)]
    first, *others = run(scorer, asked)
    assert first.usage.cached_prompt_tokens == 0
    for other in others:
        assert other.usage.cached_prompt_tokens > 0.6 * other.usage.prompt_tokens
        assert other.usage.flops < 0.4 * first.usage.flops
        assert other.scores[:3] == pytest.approx(first.scores[:3], abs=1e-6)
    assert first.usage.flops == 2.0 * scorer._model.parameters * first.usage.prompt_tokens
    assert all(result.usage.seconds > 0 and result.usage.calls == 1 for result in (first, *others))
    again = run(scorer, asked[:1])[0]
    assert again.usage.prompt_tokens - again.usage.cached_prompt_tokens == 1  # the last token is always computed


def test_a_repetition_is_not_computed(scorer):
    scorer.engine.prefixes.clear()
    one, two = run(scorer, [Solution(tiny_prm.QUESTION, tiny_prm.STEPS)] * 2)
    assert one.scores == two.scores
    assert (one.usage.cached_prompt_tokens, two.usage.cached_prompt_tokens) == (0, two.usage.prompt_tokens)
    assert two.usage.flops == 0


def test_requests_of_several_tasks_share_a_batch(scorer):
    batches = []
    inner, scorer.engine.run = scorer.engine.run, lambda jobs: batches.append(len(jobs)) or inner(jobs)

    async def main():
        return await asyncio.gather(*(scorer.score([solution]) for solution in solutions(6)))

    found = asyncio.run(main())
    scorer.engine.run = inner
    assert batches == [6]
    assert all(isinstance(result, StepScores) for (result,) in found)


def test_the_bound_is_what_it_costs_without_a_cache(scorer):
    solution = Solution(tiny_prm.QUESTION, tiny_prm.STEPS)
    (result,) = alone(scorer, [solution])
    bound = scorer.bound(solution)
    assert (bound.prompt_tokens, bound.flops) == (result.usage.prompt_tokens, result.usage.flops)


def test_one_that_does_not_fit_costs_the_others_nothing(scorer):
    good, bad = Solution(tiny_prm.QUESTION, tiny_prm.STEPS), Solution(tiny_prm.QUESTION, ("S1: nuts " * 500,))
    results = run(scorer, [good, bad, good])
    assert isinstance(results[1], ModelError)
    assert "1024-token context" in str(results[1])
    assert results[0].scores == results[2].scores
    assert scorer.bound(bad).prompt_tokens == 0


def test_a_model_that_gives_no_number_fails_that_call_only():
    def head(hidden):
        return torch.full((*hidden.shape[:-1], 2), float("nan"))

    backbone = tiny.llama().base_model
    scorer = HFStepScorer(RewardModel(backbone, head, 1), tiny.tokenizer(), TokenClassification(), name="nan")
    (result,) = run(scorer, [Solution("q", ("S1: a",))])
    assert "no number" in str(result)
    assert result.usage.prompt_tokens > 0  # it was computed all the same


def test_a_model_that_breaks_is_told():
    def head(hidden):
        raise RuntimeError("out of memory")

    scorer = HFStepScorer(RewardModel(tiny.llama().base_model, head, 1), tiny.tokenizer(), Skywork(), name="broken")
    results = run(scorer, [Solution("q", ("S1: a",)), Solution("q", ("S1: b",))])
    assert [str(result) for result in results] == ["broken failed: RuntimeError: out of memory"] * 2


def test_a_sliding_window_and_a_recurrent_memory_give_the_same_scores():
    for whole in (tiny.mistral(), tiny.gpt2(), tiny.lfm2()):
        torch.manual_seed(0)
        model = RewardModel.of(whole.base_model, torch.nn.Linear(32, 2))
        scorer = HFStepScorer(model, tiny.tokenizer(), TokenClassification(), name=type(whole).__name__)
        asked = [Solution("How many nuts?", tuple(f"S{n}: [a = {n + m}]" for n in range(3))) for m in range(4)]
        for one, other in zip(run(scorer, asked), alone(scorer, asked), strict=True):
            assert one.scores == pytest.approx(other.scores, abs=1e-5)
        with torch.inference_mode():
            layout = scorer._layout(asked[0])
            hidden = whole.base_model(input_ids=torch.tensor([layout.ids])).last_hidden_state
            by_hand = model.head(hidden).softmax(-1)[0, list(layout.marks), 1].tolist()
        assert run(scorer, asked)[0].scores == pytest.approx(by_hand, abs=1e-5)


@pytest.mark.slow
def test_many_plans_at_once_are_faster():
    from planneal.experiments import bench_prm

    assert bench_prm.main(["--repeats", "3", "--clock", "cpu"]) > 3.0
