"""A warm child process for work whose length cannot be foreseen: bounded in time and memory, killed at the limit.

Requests and replies are JSON lines of planneal's own expression trees; text of a language model never crosses. A call
that is not answered in time, or whose child dies, gives a reason instead of a result, and the next call gets a new
child. After :data:`MAX_LOSSES` lost children in a row nothing is started any more.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from typing import Any

SECONDS = 2.0
"""Most wall seconds of one call."""
START_SECONDS = 30.0
"""Most wall seconds until a new child is ready."""
MEMORY_BYTES = 1 << 30
"""Most address space of the child."""
MAX_REPLY = 1 << 16
"""Most bytes of a reply."""
MAX_LOSSES = 20
"""Most children lost in a row before calls are refused."""


class BoundedWorker:
    """Runs a module of this package as a child and asks it one thing at a time; usable from several threads.

    Args:
        module: Name of the module; it prints ``ready`` as a JSON line and then answers each line with one.
        seconds: Most wall seconds of one call.
        memory: Most bytes of address space.
    """

    def __init__(self, module: str, *, seconds: float = SECONDS, memory: int = MEMORY_BYTES) -> None:
        self._module = module
        self._seconds = seconds
        self._memory = memory
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._losses = 0
        self._lock = threading.Lock()
        atexit.register(self.close)

    def call(self, request: Any) -> Any | str:
        """The child's reply, or in words why there is none.

        A reply is whatever JSON value but text the child gives; text from the child is its own refusal.
        """
        with self._lock:
            child = self._ready()
            if isinstance(child, str):
                return child
            reply = self._ask(child, json.dumps(request).encode() + b"\n", self._seconds)
            if isinstance(reply, str):
                self._drop()
                self._losses += 1
                return reply
            self._losses = 0
            return reply[0]

    def close(self) -> None:
        """Ends the child, if there is one."""
        with self._lock:
            self._drop()

    def _ready(self) -> subprocess.Popen[bytes] | str:
        if self._child is not None and (self._owner != os.getpid() or self._child.poll() is not None):
            self._child = None  # another process's child, or a dead one
        if self._child is not None:
            return self._child
        if self._losses >= MAX_LOSSES:
            return "the solver was lost too often"
        environment = {k: v for k, v in os.environ.items() if k in ("PATH", "PYTHONPATH", "LANG", "SYSTEMROOT")}
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", self._module, str(self._memory), str(max(1, round(self._seconds) + 1))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            return f"the solver did not start: {error.strerror}"
        self._child, self._owner = child, os.getpid()
        hello = self._ask(child, b"", START_SECONDS)
        if isinstance(hello, str):
            self._drop()
            self._losses += 1
            return f"the solver did not start: {hello}"
        return child

    def _ask(self, child: subprocess.Popen[bytes], line: bytes, seconds: float) -> tuple[Any] | str:
        assert child.stdin is not None, "made with pipes"
        assert child.stdout is not None, "made with pipes"
        deadline = time.monotonic() + seconds
        descriptor = child.stdout.fileno()
        received = b""
        try:
            child.stdin.write(line)
            child.stdin.flush()
            while not received.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                    return f"not solved within {seconds:g} s"
                part = os.read(descriptor, MAX_REPLY)
                if not part or len(received) + len(part) > MAX_REPLY:
                    return "the solver ended, or ran out of memory"
                received += part
            return (json.loads(received),)
        except (OSError, ValueError):
            return "the solver ended, or ran out of memory"

    def _drop(self) -> None:
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return
        with contextlib.suppress(OSError):
            child.kill()
        for stream in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):
                if stream is not None:
                    stream.close()
        child.wait()


__all__ = ["MEMORY_BYTES", "SECONDS", "BoundedWorker"]
