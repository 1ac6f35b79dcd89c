"""The sandboxes that work on this machine; tests of the others are skipped and say why."""

import asyncio
from functools import cache

import pytest
from planneal.verifiers.sandbox.base import Limits
from planneal.verifiers.sandbox.bubblewrap import BubblewrapSandbox
from planneal.verifiers.sandbox.check import works
from planneal.verifiers.sandbox.monty import MontySandbox
from planneal.verifiers.sandbox.unsafe import UnsafeSandbox

MAKERS = {"monty": MontySandbox, "bubblewrap": BubblewrapSandbox, "unsafe": UnsafeSandbox}


@cache
def missing(name):
    async def tried():
        async with MAKERS[name]() as sandbox:
            return await works(sandbox)

    return asyncio.run(tried())


def maker(name):
    why = missing(name)
    if why:
        pytest.skip(f"the {name} sandbox does not work here: {why}")
    return MAKERS[name]


@pytest.fixture(params=["monty", "bubblewrap", "unsafe"])
def make(request):
    """Makes a sandbox; the test runs once for each kind."""
    return maker(request.param)


@pytest.fixture(params=["bubblewrap", "unsafe"])
def make_cpython(request):
    return maker(request.param)


@pytest.fixture
def bubblewrap():
    return maker("bubblewrap")


@pytest.fixture
def monty():
    return maker("monty")


@pytest.fixture
def unsafe():
    return maker("unsafe")


@pytest.fixture
def run():
    """Runs one job in a fresh sandbox of a kind."""

    def run(make, job, **options):
        async def once():
            async with make(**options) as sandbox:
                return await sandbox.run(job)

        return asyncio.run(once())

    return run


SHORT = Limits(wall_seconds=1.0, cpu_seconds=1.0, memory_bytes=256 * 2**20)


@pytest.fixture
def short():
    return SHORT
