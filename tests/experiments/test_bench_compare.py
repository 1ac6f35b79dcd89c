"""The clock around the model: it counts what is inside and nothing else."""

import itertools

import pytest
from planneal.experiments.bench_compare import TWELVE, Timed, Timing, measure
from planneal.experiments.methods import METHODS


class Inner:
    name = "engine"

    def run(self, jobs):
        if not jobs:
            raise ValueError("nothing to do")
        return [job * 2 for job in jobs]


def test_the_clock_runs_while_the_engine_does_and_when_it_fails_too():
    ticks = itertools.count(0, 3)
    work = itertools.count(0, 2)
    timed = Timed(Inner(), clock=lambda: next(ticks), work=lambda: next(work))
    assert timed.run([1, 2]) == [2, 4]
    with pytest.raises(ValueError, match="nothing"):
        timed.run([])
    assert (timed.seconds, timed.worked, timed.calls, timed.name) == (6, 4, 2, "engine")


def test_the_share_leaves_loading_out():
    found = Timing(
        attempts=1, seconds=12.0, model_seconds=8.0, loading=2.0, worked=8.0, model_worked=6.0, charged=0, tokens=0
    )
    assert found.share == 0.8
    assert found.share_of_work == 0.75


def test_twelve_are_twelve_known_methods():
    assert len(set(TWELVE)) == 12
    assert set(TWELVE) <= set(METHODS)


@pytest.mark.slow
def test_a_real_run_spends_its_time_inside_the_model(tmp_path):
    from planneal.decoders.registry import load_model
    from planneal.experiments.runs.arguments import Arguments

    pytest.importorskip("torch", reason="needs the local extra (torch)")
    methods = ("direct", "planneal")
    given = Arguments.checked(family="arithmetic", difficulty="easy", n=4, methods=methods, budgets=(900,))
    found = measure(given, lambda: load_model("embedded"), tmp_path, width=8)
    assert found.attempts == 8
    assert 0.3 < found.share < 1.0
    assert 0.3 < found.share_of_work < 1.0
    assert found.charged > 100
    assert not isinstance(load_model("embedded").engine, Timed)
