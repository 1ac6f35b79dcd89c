"""Processes in which peer libraries run, started when first needed and used again: importing one takes seconds.

A process of its own gives a peer what it lacks: a seed for its global random streams, an end where it hangs, and an
interpreter of its own where its dependencies suit no other (``PLANNEAL_PEERS_PYTHON``).
"""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ...planner.errors import ConfigError, MissingExtra

__all__ = ["INTERPRETER", "Peer", "check", "processes"]

INTERPRETER = "PLANNEAL_PEERS_PYTHON"
"""Environment variable: the interpreter that has the peers, where it is not this one."""
_MAIN = Path(__file__).parent / "side" / "peer_main.py"
_LIBRARIES: Mapping[str, tuple[str, str]] = {
    "its_hub": ("its_hub", ""),
    "dspy": ("DSPy", ""),
    "optillm": ("OptiLLM", "'planneal[peers]' && pip install --no-deps optillm"),
}
"""What each library is called, and how it is installed where the extra alone does not bring it."""
_WAIT = 0.02
"""Seconds between two looks for a free process."""


def _missing(library: str) -> MissingExtra:
    name, package = _LIBRARIES[library]
    return MissingExtra(f"comparing with {name}", "peers", package=package)


def check(library: str) -> None:
    """Says early that a library is not there. Where another interpreter has the peers, its first process tells.

    Raises:
        MissingExtra: It is not installed.
    """
    if not os.environ.get(INTERPRETER) and find_spec(library) is None:
        raise _missing(library)


class Peer:
    """One process with one library, for one job at a time.

    Args:
        library: Name of the library.

    Attributes:
        version: The library's name and version, empty before it is imported.
    """

    def __init__(self, library: str) -> None:
        self.library = library
        self.version = ""
        interpreter = os.environ.get(INTERPRETER) or sys.executable
        try:
            self._process = subprocess.Popen(
                [interpreter, "-I", "-W", "ignore", str(_MAIN), library],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                env=_environment(),
            )
        except OSError as error:
            raise ConfigError(f"{INTERPRETER}={interpreter} does not run: {error}") from error

    @property
    def alive(self) -> bool:
        """Whether it can be given a job."""
        return self._process.poll() is None

    async def begin(self) -> None:
        """Waits until the library is imported; at once where it is. Ends the process where it cannot be.

        Raises:
            MissingExtra: The library is not there.
        """
        if self.version:
            return
        try:
            hello = await self._line()
            if "missing" in hello:
                raise _missing(self.library)
        except BaseException:
            self.close()
            raise
        self.version = str(hello.get("ready", "")) or self.library

    async def run(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a job; a process that ends instead is a result as well. A job that is cancelled ends it."""
        try:
            with suppress(OSError):  # a process that has ended tells so when it is read from
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(job) + "\n")
                self._process.stdin.flush()
            return await self._line()
        except BaseException:
            self.close()
            raise

    async def _line(self) -> dict[str, Any]:
        """The next line, read by a thread of its own, so that the loop's own threads stay free."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[str] = loop.create_future()

        def read() -> None:
            assert self._process.stdout is not None
            try:
                line = self._process.stdout.readline()
            except (OSError, ValueError):
                line = ""
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_set, found, line)

        threading.Thread(target=read, daemon=True).start()
        try:
            return dict(json.loads(await found))
        except (ValueError, TypeError):
            return {"error": "PeerEnded", "message": f"the process of {self.library} ended without a result"}

    def close(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


class Processes:
    """The processes of this one, by library.

    Args:
        most: Most of them for one library.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._free: dict[str, list[Peer]] = {}
        self._all: dict[str, set[Peer]] = {}

    async def take(self, library: str) -> Peer:
        """A process that nobody uses, as soon as there is one.

        Raises:
            ConfigError: The interpreter does not run.
        """
        while True:
            free, known = self._free.setdefault(library, []), self._all.setdefault(library, set())
            if free:
                peer = free.pop()
                if peer.alive:
                    return peer
                self._drop(peer)
            elif len(known) < self._most:
                peer = Peer(library)
                known.add(peer)
                return peer
            else:
                await asyncio.sleep(_WAIT)

    def give(self, peer: Peer) -> None:
        """Takes a process back."""
        if peer.alive:
            self._free[peer.library].append(peer)
        else:
            self._drop(peer)

    def close(self) -> None:
        """Ends all of them."""
        for known in self._all.values():
            for peer in known:
                peer.close()
        self._free.clear()
        self._all.clear()

    def _drop(self, peer: Peer) -> None:
        peer.close()
        self._all[peer.library].discard(peer)


processes = Processes(most=4)
"""The processes of this one, which end with it. They mostly wait for the model, so their number is not the cores'."""
atexit.register(processes.close)


def _set(found: asyncio.Future[str], line: str) -> None:
    if not found.done():
        found.set_result(line)


def _environment() -> dict[str, str]:
    """What a peer is told of this machine: no keys, no proxies, no hub, no price list from the net, no home."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}
    home = str(Path(tempfile.gettempdir()) / f"planneal-peers-{os.getpid()}")
    return {
        **kept,
        "HOME": home,
        "DSPY_CACHEDIR": home,
        "NO_PROXY": "*",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OMP_NUM_THREADS": "1",
    }
