"""When to try again, how long to wait, and when to give up: on a fake clock, without a network."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planneal.decoders.base import Completion
from planneal.decoders.faults import Failure, retry_after
from planneal.decoders.retries import Effort, RetryPolicy, persist, spending_bound
from planneal.decoders.wire import Reply
from planneal.planner.ledger import Usage

GOOD = Reply((Completion(text="ok"),), Usage(calls=1))
PASSING = Failure("429", "passing", 429)
BAD = Failure("cut off", "bad", lost=True)
REFUSED = Failure("401", "refused", 401)


@dataclass
class Run:
    outcomes: list
    policy: dict = field(default_factory=dict)
    veto: object = staticmethod(lambda: None)

    def __post_init__(self):
        self.slept, self.made = [], 0

        async def sleep(seconds):
            self.slept.append(seconds)

        async def attempt():
            self.made += 1
            return self.outcomes[min(self.made, len(self.outcomes)) - 1]

        policy = RetryPolicy(sleep=sleep, jitter=lambda: 0.0, **self.policy)
        self.result = asyncio.run(persist(attempt, policy, self.veto))


def test_what_passes_is_tried_until_it_has_passed():
    run = Run([PASSING, PASSING, GOOD])
    assert run.result is GOOD
    assert run.made == 3
    assert run.slept == [0.25, 0.5]


def test_attempts_are_bounded_and_the_last_failure_says_so():
    run = Run([PASSING])
    assert run.made == 4
    assert run.result.message == "429; gave up after 4 requests: the limit is 4 attempts"


def test_a_refusal_is_told_at_once():
    run = Run([REFUSED])
    assert (run.made, run.slept, run.result) == (1, [], REFUSED)


def test_answers_that_are_no_completions_are_asked_for_twice_only():
    assert Run([BAD, GOOD]).result is GOOD
    run = Run([BAD])
    assert run.made == 2
    assert "limit is 2 answers of this kind" in run.result.message


def test_something_learned_is_tried_at_once_and_takes_no_attempt_away():
    learned = Failure("400", "refused", 400, learned="temperature refused")
    run = Run([learned, learned, PASSING, PASSING, PASSING, GOOD])
    assert run.result is GOOD
    assert run.slept[:2] == [0, 0]
    assert run.made == 6


def test_waits_grow_to_the_cap_with_jitter():
    policy = RetryPolicy(base=1.0, cap=20.0, jitter=lambda: 0.0)
    assert [policy.delay(PASSING, k) for k in range(1, 8)] == [0.5, 1, 2, 4, 8, 10, 10]
    high = RetryPolicy(base=1.0, cap=20.0, jitter=lambda: 1.0)
    assert [high.delay(PASSING, k) for k in (1, 2, 60, 5000)] == [1, 2, 20, 20]


def test_the_default_jitter_varies():
    policy = RetryPolicy()
    assert len({policy.delay(PASSING, 3) for _ in range(20)}) > 10


def test_retry_after_is_honoured():
    run = Run([Failure("429", "passing", 429, retry_after=33.0), GOOD])
    assert run.slept == [33.0]


def test_a_wait_longer_than_the_patience_left_gives_up_at_once():
    run = Run([Failure("429", "passing", 429, retry_after=3600.0), GOOD])
    assert (run.made, run.slept) == (1, [])
    assert "asks to wait 3600 s, longer than the 120 s of patience left" in run.result.message
    patient = Run([Failure("429", "passing", 429, retry_after=3600.0), GOOD], {"patience": 4000.0})
    assert patient.result is GOOD


def test_patience_is_for_all_waits_together():
    run = Run([Failure("429", "passing", 429, retry_after=50.0)], {"attempts": 10})
    assert run.slept == [50.0, 50.0]
    assert "longer than the 20 s" in run.result.message


def test_a_veto_ends_it_before_the_wait():
    run = Run([PASSING], veto=lambda: "max_attempts=1 allows no more")
    assert (run.made, run.slept) == (1, [])
    assert run.result.message.endswith("max_attempts=1 allows no more")


def test_cancelling_a_wait_lets_go():
    async def attempt():
        return PASSING

    async def main():
        task = asyncio.create_task(persist(attempt, RetryPolicy(base=1000, cap=1000, patience=1e9)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500", "retry-after": "7"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:02:00 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(headers, seconds):
    assert retry_after(headers, wall=100.0) == seconds


def test_an_effort_without_bounds_vetoes_nothing():
    effort = Effort(max_attempts=None, bound=None)
    for _ in range(50):
        assert effort.veto(Usage(prompt_tokens=10**9)) is None
        effort.begin(Usage(prompt_tokens=10**9))


@given(st.lists(st.sampled_from(["good", "lost", "free"]), max_size=12), st.integers(1, 5), st.integers(1, 6))
def test_an_effort_never_passes_its_bound(outcomes, n, max_attempts):
    prompt, tokens = 10, 7
    clean = Usage(prompt_tokens=n * prompt, completion_tokens=n * tokens, calls=n)
    whole = Usage(prompt_tokens=prompt, completion_tokens=n * tokens, calls=1)
    bound = spending_bound(clean, whole, max_attempts)
    effort = Effort(max_attempts=max_attempts, bound=bound)
    for index, outcome in enumerate(outcomes):
        worst = whole if index == 0 else Usage(prompt_tokens=prompt, completion_tokens=tokens, calls=1)
        if effort.veto(worst) is not None:
            break
        effort.begin(worst)
        effort.end(worst, Usage(retries=1) if outcome == "free" else worst)
    assert effort.made <= max_attempts
    assert effort.usage.prompt_tokens <= bound.prompt_tokens
    assert effort.usage.completion_tokens <= bound.completion_tokens


def test_requests_in_flight_are_held_at_their_worst_case():
    worst = Usage(prompt_tokens=10, completion_tokens=10, calls=1)
    effort = Effort(max_attempts=9, bound=Usage(prompt_tokens=20, completion_tokens=20))
    effort.begin(worst)
    effort.begin(worst)
    assert effort.veto(worst) is not None
    effort.end(worst, Usage(retries=1))
    assert effort.veto(worst) is None
