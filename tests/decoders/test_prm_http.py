"""A served reward model: what is sent and read, and every fault of a real local endpoint."""

import asyncio
import json
import logging
import math

import pytest
from endpoint import Fault
from planneal.decoders.prm import Solution, StepScores
from planneal.decoders.prm_formats import MathShepherd, QwenMath, Skywork, TokenClassification
from planneal.decoders.prm_http import PooledStepScorer
from planneal.decoders.retries import RetryPolicy
from planneal.planner.errors import BadResponse, ConfigError, EndpointError, TransientError
from planneal.planner.notation import parse_plan
from planneal.planner.task import Task
from planneal.verifiers.prm import PRMVerifier
from pooling import PoolingEndpoint

KEY = "sk-very-secret-0123456789"
SOLUTION = Solution("How many bolts?", ("S1: [nuts = 4]", "S2: [bolts = nuts + 3] <- S1"))
ROWS = [[0.1, 0.9], [0.75, 0.25]]
TASK = Task(question="How many bolts?")
PLAN = parse_plan("goal: how many bolts? [bolts]\nS1: [nuts = 4]\nS2: [bolts = nuts + 3] <- S1")


async def no_sleep(seconds):
    await asyncio.sleep(0)


def build(endpoint, form=None, **options):
    options.setdefault("policy", RetryPolicy(sleep=no_sleep))
    return PooledStepScorer("prm", form or QwenMath(), endpoint.root, **options)


def score(scorer, *solutions):
    return asyncio.run(scorer.score(solutions or (SOLUTION,)))


def by_steps(asked, index):
    """One row per step, from the number of separators in the text."""
    return [[1 - 0.1 * n, 0.1 * n] for n in range(1, asked.count("<extra_0>") + 1)]


def test_a_row_per_step_of_a_text():
    with PoolingEndpoint(lambda asked, index: ROWS) as endpoint:
        (result,) = score(build(endpoint))
        (served,) = endpoint.served
    assert result.scores == (0.9, 0.25)
    assert served.path == "/pooling"
    assert served.body["model"] == "prm"
    assert served.body["input"] == [
        "<|im_start|>system\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n"
        "<|im_start|>user\nHow many bolts?<|im_end|>\n"
        "<|im_start|>assistant\nS1: [nuts = 4]<extra_0>S2: [bolts = nuts + 3] <- S1<extra_0>"
    ]
    assert (result.usage.prompt_tokens, result.usage.calls, result.usage.estimated) == (served.prompt_tokens, 1, False)


def test_texts_of_the_other_formats():
    sent = []
    with PoolingEndpoint(lambda asked, index: sent.append(asked) or [[0.5, 0.5]] * 2) as endpoint:
        score(build(endpoint, TokenClassification("\n\n")))
        score(build(endpoint, MathShepherd()))
    assert sent == [
        "How many bolts?S1: [nuts = 4]\n\nS2: [bolts = nuts + 3] <- S1\n\n",
        "How many bolts? S1: [nuts = 4] ки\nS2: [bolts = nuts + 3] <- S1 ки",
    ]


def test_logits_and_single_values():
    with PoolingEndpoint(lambda asked, index: [[0.0, math.log(3)], [0.0, 0.0]]) as endpoint:
        (result,) = score(build(endpoint, values="logits"))
        assert result.scores == pytest.approx((0.75, 0.5))
    with PoolingEndpoint(lambda asked, index: [[math.log(3)], [0.0]]) as endpoint:
        (result,) = score(build(endpoint, Skywork(), values="logits"))
        assert result.scores == pytest.approx((0.75, 0.5))
    with PoolingEndpoint(lambda asked, index: [0.75, 0.5]) as endpoint:  # a flat list
        (result,) = score(build(endpoint, Skywork()))
        assert result.scores == (0.75, 0.5)


def test_a_row_per_token_is_read_at_the_marks():
    pytest.importorskip("transformers", reason="needs the local extra (transformers)")
    import tiny

    with PoolingEndpoint(lambda ids, index: [[1 - n / 1000, n / 1000] for n in range(len(ids))]) as endpoint:
        form = TokenClassification()
        scorer = build(endpoint, form, tokenizer=tiny.tokenizer())
        (result,) = score(scorer)
        (ids,) = endpoint.served[0].body["input"]
    ends = [place for place, token in enumerate(ids) if tiny.tokenizer().decode([token]).endswith("\n")]
    assert result.scores == pytest.approx([place / 1000 for place in ends])
    assert scorer.bound(SOLUTION).prompt_tokens == 4 * len(ids)  # an attempt may be lost each time


def test_many_go_in_few_requests_and_equal_ones_once():
    solutions = [Solution("q", tuple(f"S{n}: a" for n in range(1, 2 + m % 5))) for m in range(12)]
    with PoolingEndpoint(by_steps) as endpoint:
        results = score(build(endpoint, batch=2), *solutions)
        assert sorted(len(served.body["input"]) for served in endpoint.served) == [1, 2, 2]
        assert sum(result.usage.prompt_tokens for result in results) == endpoint.prompt_tokens
        assert sum(result.usage.calls for result in results) == endpoint.requests
    for solution, result in zip(solutions, results, strict=True):
        assert result.scores == pytest.approx([0.1 * n for n in range(1, len(solution.steps) + 1)])


def test_results_come_back_in_the_order_of_their_index():
    data = [{"index": 1, "data": [[0.5, 0.5]]}, {"index": 0, "data": [[0.0, 1.0], [1.0, 0.0]]}]
    fault = Fault.raw(json.dumps({"data": data, "usage": {"prompt_tokens": 7}}))
    with PoolingEndpoint(by_steps, script=[fault]) as endpoint:
        first, second = score(build(endpoint), SOLUTION, Solution("q", ("S1: a",)))
    assert (first.scores, second.scores) == ((1.0, 0.0), (0.5,))


def test_tokens_that_nobody_counted_are_estimated():
    with PoolingEndpoint(by_steps, usage="missing") as endpoint:
        (result,) = score(build(endpoint, parameters=10))
    assert result.usage.estimated
    assert result.usage.prompt_tokens > 20
    assert result.usage.flops == 20 * result.usage.prompt_tokens


def test_control_tokens_in_a_plan_are_sent_as_plain_text():
    with PoolingEndpoint(by_steps) as endpoint:
        (result,) = score(build(endpoint), Solution("q <|im_end|>", ("S1: fine <extra_0> <|im_start|>",)))
        assert endpoint.served[0].body["input"][0].count("<extra_0>") == 1
        assert endpoint.served[0].body["input"][0].count("<|im_start|>") == 3
    assert len(result.scores) == 1


# -- faults ----------------------------------------------------------------------------------------------------------

PASSING = {
    "rate limit": Fault.rate_limit("1"),
    "server error": Fault.server_error(500),
    "timeout": Fault.slow(5.0),
    "dropped": Fault.dropped(),
    "truncated": Fault.truncated(),
    "garbage": Fault.raw("%%% nothing to read %%%"),
    "no data": Fault.raw('{"object": "list"}'),
    "too few results": Fault.raw('{"data": []}'),
    "odd numbering": Fault.raw('{"data": [{"index": 5, "data": [[0.5, 0.5], [0.5, 0.5]]}]}'),
}
LASTING = {
    "unauthorised": (Fault.refusal(401, f"bad key {KEY}"), EndpointError, "does not accept the key"),
    "no such model": (Fault.refusal(404, "no such model"), EndpointError, "knows no model 'prm'"),
    "not a pooling model": (Fault.refusal(400, "does not support Pooling API"), EndpointError, "Pooling API"),
    "web page": (Fault.raw("<html>hello</html>", "text/html"), BadResponse, "web page"),
}
WRONG = {
    "wrong length": ([[0.5, 0.5]], "1 rows came for 2 steps"),
    "not a number": ([[math.nan, math.nan], [0.5, 0.5]], "no finite number"),
    "null": ([[None, 0.5], [0.5, 0.5]], "no finite number"),
    "text": ("AAAA", "no list of numbers"),
    "nothing": ([], "no list of numbers"),
    "an empty row": ([[], [0.5, 0.5]], "no finite number"),
    "three classes": ([[0.2, 0.3, 0.5], [0.2, 0.3, 0.5]], "2 numbers per step"),
    "logits": ([[2.0, -3.0], [1.0, 1.0]], "are they logits"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_can_pass_is_tried_again_and_counted(fault):
    with PoolingEndpoint(lambda asked, index: ROWS, script=[fault]) as endpoint:
        (result,) = score(build(endpoint, timeout=0.3))
        assert result.scores == (0.9, 0.25)
        assert (result.usage.calls, result.usage.retries, endpoint.requests) == (1, 1, 2)
        assert result.usage.prompt_tokens >= endpoint.prompt_tokens  # a lost answer is charged


@pytest.mark.parametrize("name", PASSING)
def test_what_does_not_pass_becomes_an_abstention(name):
    with PoolingEndpoint(lambda asked, index: ROWS, script=lambda number, body: PASSING[name]) as endpoint:
        scorer = build(endpoint, timeout=0.1 if name == "timeout" else 30.0)
        (result,) = score(scorer)
        assert isinstance(result, (TransientError, BadResponse))
        assert "gave up after" in str(result)
        assert result.usage.retries == endpoint.requests > 1
        assessment = asyncio.run(PRMVerifier(scorer).assess(TASK, PLAN))
    assert "gave up after" in assessment.abstained
    assert not assessment.verdicts
    assert assessment.usage.retries > 1  # what the failed attempts cost is not lost


@pytest.mark.parametrize(("fault", "kind", "why"), LASTING.values(), ids=LASTING)
def test_what_cannot_pass_is_told_at_once(fault, kind, why, caplog):
    caplog.set_level(logging.DEBUG)
    with PoolingEndpoint(lambda asked, index: ROWS, script=lambda number, body: fault) as endpoint:
        scorer = build(endpoint, api_key=KEY)
        (result,) = score(scorer)
        assert endpoint.requests == 1
        assert endpoint.served[0].authorization == f"Bearer {KEY}"
        assessment = asyncio.run(PRMVerifier(scorer).assess(TASK, PLAN))
    assert isinstance(result, kind)
    assert why in str(result)
    assert why in assessment.abstained
    assert KEY not in f"{result!r} {assessment!r} {scorer!r} {caplog.text}"


@pytest.mark.parametrize(("data", "why"), WRONG.values(), ids=WRONG)
def test_an_answer_that_makes_no_sense_costs_its_own_plan_only(data, why):
    def answer(asked, index):
        return data if "bolts = nuts + 3" in asked else by_steps(asked, index)

    with PoolingEndpoint(answer) as endpoint:
        good = Solution("q", ("S1: a",))
        bad, fine = score(build(endpoint), SOLUTION, good)
        assert isinstance(bad, BadResponse)
        assert why in str(bad)
        assert isinstance(fine, StepScores)
        assert endpoint.requests == 1  # asking again would bring the same
        other = parse_plan("goal: how many bolts? [bolts]\nS1: [bolts = 7]")
        assessments = asyncio.run(PRMVerifier(build(endpoint)).assess_many(TASK, [PLAN, other]))
    assert why in assessments[0].abstained
    assert assessments[1].abstained is None


def test_nobody_there_becomes_an_abstention():
    scorer = PooledStepScorer("prm", QwenMath(), "http://127.0.0.1:9", policy=RetryPolicy(attempts=2, sleep=no_sleep))
    assessment = asyncio.run(PRMVerifier(scorer).assess(TASK, PLAN))
    assert "nothing answers" in assessment.abstained


def test_a_server_that_hangs_costs_its_own_verdict():
    with PoolingEndpoint(by_steps, script=lambda number, body: Fault.slow(5.0)) as endpoint:
        verifier = PRMVerifier(build(endpoint), timeout=0.1)
        assert asyncio.run(verifier.assess(TASK, PLAN)).abstained == "no verdict within 0.1 s"
        many = asyncio.run(verifier.assess_many(TASK, [PLAN, PLAN]))
    assert [a.abstained for a in many] == ["no verdict within 0.1 s"] * 2


def test_several_loops_one_after_another():
    with PoolingEndpoint(lambda asked, index: ROWS) as endpoint:
        scorer = build(endpoint)
        assert score(scorer)[0].scores == score(scorer)[0].scores
        asyncio.run(scorer.aclose())


@pytest.mark.parametrize(
    "options",
    [
        {"model": " "},
        {"base_url": "localhost:8000"},
        {"base_url": f"http://me:{KEY}@localhost/"},
        {"api_key": "half\nkey"},
        {"values": "scores"},
    ],
)
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError) as caught:
        PooledStepScorer(**{"model": "prm", "form": QwenMath(), "base_url": "http://localhost:8000", **options})
    assert KEY not in str(caught.value)
