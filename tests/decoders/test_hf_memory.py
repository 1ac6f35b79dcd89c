"""Leased memory: never in two hands, and never lost."""

import gc

import pytest

torch = pytest.importorskip("torch", reason="needs the local extra (torch)")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from planneal.decoders.hf_memory import BufferPool, bytes_of  # noqa: E402


def filled(lease, value, *shapes):
    tensors = [lease.tensor(shape, torch.zeros((), dtype=torch.bfloat16)) for shape in shapes]
    for tensor in tensors:
        tensor.fill_(value)
    return tensors


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40), st.booleans()), max_size=20))
def test_what_is_held_is_never_written_by_others(steps):
    pool, held = BufferPool(), []
    for number, (rows, width, drops) in enumerate(steps):
        if drops and held:
            held.pop(0)
        shapes = [(rows, width), (rows, 3, width)]
        lease = pool.lease(sum(bytes_of(shape, torch.zeros((), dtype=torch.bfloat16)) for shape in shapes))
        held.append((lease, filled(lease, number, *shapes), number))
        for _, tensors, value in held:
            assert all(bool((tensor == value).all()) for tensor in tensors)


def test_memory_that_nobody_holds_is_used_again_and_no_more_is_kept_than_agreed():
    pool = BufferPool(most=1000)
    lease = pool.lease(640)
    place = lease.tensor((4,), torch.zeros(())).data_ptr()
    del lease
    gc.collect()
    assert pool.ready == 800  # a quarter to spare
    again = pool.lease(700)
    assert again.tensor((4,), torch.zeros(())).data_ptr() == place
    leases = [pool.lease(600) for _ in range(3)]
    del leases, again
    gc.collect()
    assert pool.lease(1) is not None
    assert pool.ready <= 1000
