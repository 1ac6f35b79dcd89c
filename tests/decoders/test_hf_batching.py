"""The batcher: merges what arrives together, and keeps one waiter's fate from the others."""

import asyncio
import threading
import time
from dataclasses import dataclass, field

import pytest
from planneal.decoders.batching import UNFINISHED, Batcher, BatchFailed


@dataclass
class Number:
    value: int
    rows: int = 1
    abandoned: bool = False


@dataclass
class Squares:
    """A worker that squares numbers once its gate is open, remembers its batches and fails on negative ones."""

    gate: threading.Event = field(default_factory=threading.Event)
    batches: list = field(default_factory=list)
    threads: set = field(default_factory=set)
    running: int = 0

    def __call__(self, jobs):
        self.running += 1
        assert self.running == 1
        self.threads.add(threading.current_thread())
        self.batches.append([job.value for job in jobs])
        assert self.gate.wait(30)
        self.running -= 1
        if any(job.value < 0 for job in jobs):
            raise ZeroDivisionError("negative")
        return [job.value**2 for job in jobs]


def opened():
    worker = Squares()
    worker.gate.set()
    return worker


async def until_running(worker):
    while not worker.running:
        await asyncio.sleep(0.001)


async def gather(batcher, values):
    return await asyncio.gather(*(batcher.submit(Number(v)) for v in values), return_exceptions=True)


def test_what_arrives_together_is_answered_together_and_in_order():
    worker = opened()
    batcher = Batcher(worker, window=0.01)
    assert asyncio.run(gather(batcher, range(10))) == [v**2 for v in range(10)]
    assert worker.batches == [list(range(10))]
    assert threading.main_thread() not in worker.threads


def test_a_full_batch_does_not_wait_and_takes_whole_jobs_up_to_its_rows():
    worker = opened()
    batcher = Batcher(worker, max_rows=4, window=60.0)

    async def main():
        jobs = [Number(1, rows=3), Number(2, rows=9), Number(3), Number(4, rows=4)]
        return await asyncio.wait_for(asyncio.gather(*(batcher.submit(job) for job in jobs)), 20)

    started = time.monotonic()
    with pytest.raises(TimeoutError):  # negative control: one small job does wait for its window
        asyncio.run(asyncio.wait_for(Batcher(opened(), max_rows=4, window=60.0).submit(Number(1)), 0.05))
    batcher.window = 0.01
    assert asyncio.run(main()) == [1, 4, 9, 16]
    assert worker.batches == [[1], [2], [3], [4]]
    assert time.monotonic() - started < 20


def test_jobs_that_arrive_while_the_model_is_busy_form_the_next_batch():
    worker = Squares()
    batcher = Batcher(worker, window=0.001)

    async def main():
        first = asyncio.create_task(batcher.submit(Number(1)))
        await until_running(worker)  # the loop stays free while the model works, or this would never return
        rest = asyncio.create_task(gather(batcher, [2, 3, 4]))
        await asyncio.sleep(0.01)
        assert worker.batches == [[1]]
        worker.gate.set()
        return await first, await rest

    assert asyncio.run(main()) == (1, [4, 9, 16])
    assert worker.batches == [[1], [2, 3, 4]]


@pytest.mark.parametrize("moment", ["waiting", "running"])
def test_cancelling_one_waiter_leaves_the_others_their_results(moment):
    worker = Squares()
    batcher = Batcher(worker, window=0.2 if moment == "waiting" else 0.001)
    jobs = [Number(v) for v in range(4)]

    async def main():
        tasks = [asyncio.create_task(batcher.submit(job)) for job in jobs]
        await (asyncio.sleep(0) if moment == "waiting" else until_running(worker))
        tasks[1].cancel()
        await asyncio.sleep(0)
        worker.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    zero, one, two, three = asyncio.run(main())
    assert (zero, two, three) == (0, 4, 9)
    assert isinstance(one, asyncio.CancelledError)
    assert [job.abandoned for job in jobs] == [False, True, False, False]
    assert worker.batches == [[0, 2, 3] if moment == "waiting" else [0, 1, 2, 3]]


def test_a_failure_reaches_every_waiter_of_its_batch_and_nobody_else():
    worker = opened()
    batcher = Batcher(worker, max_rows=2, window=0.005)
    answers = asyncio.run(gather(batcher, [1, -2, 3, 4]))
    failed = answers[:2]
    assert answers[2:] == [9, 16]
    assert all(isinstance(error, BatchFailed) for error in failed)
    assert failed[0] is not failed[1]
    assert all(isinstance(error.__cause__, ZeroDivisionError) for error in failed)
    assert asyncio.run(gather(batcher, [5])) == [25]


def test_a_worker_that_loses_results_is_an_error():
    answers = asyncio.run(gather(Batcher(lambda jobs: [1], window=0.005), [1, 2]))
    assert all("2 jobs gave 1 results" in str(error) for error in answers)


def test_one_batcher_serves_run_after_run_and_leaves_no_thread_behind():
    worker = opened()
    batcher = Batcher(worker, window=0.001)
    before = threading.active_count()
    for value in range(5):
        assert asyncio.run(gather(batcher, [value, value + 1])) == [value**2, (value + 1) ** 2]
        assert threading.active_count() == before
    assert len(batcher._queues) <= 1  # finished loops are forgotten


def test_a_run_that_is_cut_off_harms_no_later_run():
    worker = Squares()
    batcher = Batcher(worker, window=0.001)

    async def cut():
        task = asyncio.create_task(batcher.submit(Number(3)))
        await until_running(worker)
        threading.Timer(0.05, worker.gate.set).start()
        return task  # still running when the loop closes

    asyncio.run(cut())
    assert asyncio.run(gather(batcher, [4])) == [16]

    async def leave():  # nothing was even started
        batcher.window = 60.0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.submit(Number(5)), 0.01)

    asyncio.run(leave())
    batcher.window = 0.001
    assert asyncio.run(gather(batcher, [6])) == [36]
    assert len(batcher._queues) <= 1
    assert worker.batches == [[3], [4], [6]]


def test_two_event_loops_in_two_threads_take_turns():
    worker = opened()  # asserts that it never runs twice at once
    batcher = Batcher(worker, window=0.001)
    found = {}

    def loop(name):
        found[name] = [asyncio.run(gather(batcher, [name, name + 1])) for _ in range(4)]

    threads = [threading.Thread(target=loop, args=(name,)) for name in (10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [[name**2, (name + 1) ** 2]] * 4 for name in (10, 20)}


@dataclass
class Countdowns:
    """A worker that takes one from each number a batch and answers a number once nothing is left of it."""

    batches: list = field(default_factory=list)
    never: bool = False

    def __call__(self, jobs):
        self.batches.append([job.value for job in jobs])
        for job in jobs:
            job.value -= not self.never
        return ["out" if job.value == 0 else UNFINISHED for job in jobs]


def test_what_is_not_finished_is_handed_over_again_beside_what_came_since():
    worker = Countdowns()
    batcher = Batcher(worker, window=0.02)

    async def main():
        first = [asyncio.ensure_future(batcher.submit(Number(v))) for v in (1, 3)]
        await first[0]
        assert not first[1].done()  # nobody waits for the slowest
        return await asyncio.gather(first[1], batcher.submit(Number(1)))

    assert asyncio.run(main()) == ["out", "out"]
    assert worker.batches == [[1, 3], [2, 1], [1]]


def test_a_waiter_that_leaves_in_between_is_not_handed_over_again():
    worker = Countdowns()
    batcher = Batcher(worker, window=0.02)

    async def main():
        quick, slow = (asyncio.ensure_future(batcher.submit(Number(v))) for v in (1, 5))
        await quick
        slow.cancel()
        return await batcher.submit(Number(1))

    assert asyncio.run(main()) == "out"
    assert worker.batches == [[1, 5], [1]]


def test_a_worker_that_finishes_nothing_is_an_error_and_no_endless_loop():
    worker = Countdowns(never=True)
    answers = asyncio.run(asyncio.wait_for(gather(Batcher(worker, window=0.001), [2, 3]), 20))
    assert all(isinstance(answer, BatchFailed) for answer in answers)
    assert len(worker.batches) == 1
