"""What hostile programs are let loose on: listeners, files and a process outside, watched for any sign of them."""

from __future__ import annotations

import contextlib
import os
import secrets
import selectors
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from .base import Outcome

_EXECUTED = "PLANNEAL-EXECUTED"


class Scene:
    """A scene outside the sandbox. Use it as a context manager.

    It sets one variable of our environment while it lasts, opens listeners on loopback, and keeps a bystander process
    whose environment holds a secret. Nothing on the scene is of any value.
    """

    def __init__(self) -> None:
        self.token = secrets.token_hex(8)
        self.expected = secrets.randbelow(2**31)
        self._secret = f"secret-{secrets.token_hex(8)}"
        self._hits: list[str] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Scene:
        """Sets the scene up."""
        self._folder = Path(tempfile.mkdtemp(prefix="planneal-scene-"))
        self._stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
        os.environ["PLANNEAL_CANARY"] = self._secret
        self._stack.callback(os.environ.pop, "PLANNEAL_CANARY", None)
        self._listen()
        self._bystander: subprocess.Popen[bytes] | None = None
        self._stack.callback(self._dismiss)
        self.reset()
        return self

    def __exit__(self, *_: object) -> None:
        """Takes it down."""
        self._stack.close()

    def reset(self) -> None:
        """Puts everything back as it was, before the next program."""
        self._hits.clear()
        for path in self._folder.iterdir():
            if path.name != "socket":
                path.unlink(missing_ok=True)
        for name in ("secret", "victim"):
            (self._folder / name).write_text(self._secret)
        if self._bystander is None or self._bystander.poll() is not None:
            self._bystander = subprocess.Popen(
                [sys.executable, "-S", "-c", "import time; time.sleep(3600)"], env={"PLANNEAL_CANARY": self._secret}
            )

    def where(self) -> dict[str, Any]:
        """Everything that a hostile program is told."""
        assert self._bystander is not None
        return {
            **self._ports,
            "unix": str(self._folder / "socket"),
            "abstract": f"planneal-{self.token}",
            "secret": str(self._folder / "secret"),
            "victim": str(self._folder / "victim"),
            "folder": str(self._folder),
            "bystander": self._bystander.pid,
            "host": socket.gethostname(),
            "token": self.token,
            "seen": False,
        }

    def breaches(self, outcomes: list[Outcome], *, settle: float = 0.0) -> list[str]:
        """What the program reached, as far as can be seen from outside or read from what it said.

        Args:
            outcomes: What its runs gave.
            settle: Seconds to wait for what it may have left behind.
        """
        time.sleep(settle)
        found = [f"reached {hit}" for hit in dict.fromkeys(self._hits)]
        expected = {"secret", "victim", "socket"}
        there = {path.name for path in self._folder.iterdir()}
        found += [f"{name} was {'deleted' if name in expected else 'written'}" for name in sorted(there ^ expected)]
        changed = [name for name in ("secret", "victim") if name in there and not self._intact(name)]
        found += [f"{name} was changed" for name in changed]
        if self._bystander is None or self._bystander.poll() is not None:
            found.append("a process outside was ended")
        for outcome in outcomes:
            values = [result.value for result in outcome.results if result.status == "value"]
            said = f"{outcome.stdout}{outcome.reason}{[str(value)[:100_000] for value in values]}"
            if any(value is True for value in values):
                found.append("it says that it got through")
            if any(type(value) is int and value == self.expected for value in values):
                found.append("it was judged right")
            if self._secret in said:
                found.append("it read a secret")
            if _EXECUTED in said:
                found.append("it executed a program")
        return found

    def _intact(self, name: str) -> bool:
        return (self._folder / name).read_text() == self._secret

    def _listen(self) -> None:
        """Opens the listeners and a thread that notes who comes."""
        selector = selectors.DefaultSelector()
        self._ports: dict[str, int] = {}
        unix, abstract = str(self._folder / "socket"), f"\0planneal-{self.token}"
        for name, family, kind, address in (
            ("tcp", socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            ("tcp6", socket.AF_INET6, socket.SOCK_STREAM, ("::1", 0)),
            ("udp", socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            ("unix", socket.AF_UNIX, socket.SOCK_STREAM, unix),
            ("abstract", socket.AF_UNIX, socket.SOCK_STREAM, abstract),
        ):
            self._ports[name] = 9
            with contextlib.suppress(OSError):  # a machine may lack IPv6
                listener = self._stack.enter_context(socket.socket(family, kind))
                listener.bind(address)
                listener.setblocking(False)
                if kind == socket.SOCK_STREAM:
                    listener.listen()
                if name in ("tcp", "tcp6", "udp"):
                    self._ports[name] = listener.getsockname()[1]
                selector.register(listener, selectors.EVENT_READ, name)
        done = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(selector, done), daemon=True)
        watcher.start()
        self._stack.callback(selector.close)
        self._stack.callback(watcher.join, 5.0)
        self._stack.callback(done.set)

    def _watch(self, selector: selectors.BaseSelector, done: threading.Event) -> None:
        while not done.is_set():
            for key, _ in selector.select(0.05):
                listener: Any = key.fileobj
                with contextlib.suppress(OSError):
                    if key.data == "udp":
                        listener.recvfrom(64)
                    else:
                        listener.accept()[0].close()
                    self._hits.append(f"the {key.data} listener")

    def _dismiss(self) -> None:
        if self._bystander is not None:
            self._bystander.kill()
            self._bystander.wait()
