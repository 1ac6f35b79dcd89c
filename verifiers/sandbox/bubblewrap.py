"""CPython behind bubblewrap: namespaces outside, a system-call filter and limits inside.

What the child has: the interpreter, its standard library and the system's shared libraries, read-only; a ``/tmp`` of
its own that dies with it; ``/dev`` with the harmless devices. What it has not: any other file, ``/proc``, a network
(not even a loopback listener of ours), our environment, other processes to see or signal, a user namespace to become
root in, new processes, sockets or ``exec`` (see :mod:`.confine`). Children are single-use (see :mod:`.children`).

Not covered: bugs of the kernel; the kernel memory behind many empty files, which only the processor time bounds; timing
channels. Linux only.

bubblewrap is never trusted to have worked: before the first program, :meth:`BubblewrapSandbox.check` runs a probe
inside and refuses unless every wall stands.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

from ...planner.errors import SandboxUnavailable
from .base import Call, Capabilities, Job, Limits
from .children import CHILD, ChildSandbox

_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache")
_INSIDE = "/sandbox"
_OUTSIDE = ("/etc/passwd", "/bin/sh", "/usr/bin/env", "/proc", "/sys", "/run", "/var")
_PROBE = """
import ctypes, os, socket
_c = ctypes.CDLL(None, use_errno=True)

def _tried(action):
    try:
        action()
    except BaseException as error:
        return type(error).__name__
    return "done"

def probe(outside):
    reaches = {
        "files": sorted(p for p in outside if os.path.exists(p)),
        "environment": sorted(os.environ),
        "process": os.path.exists("/proc/self"),
        "pid": os.getpid() < 10,
        "fork": _tried(lambda: os.fork() or os._exit(0)),
        "socket": _tried(socket.socket),
        "exec": _tried(lambda: os.execv("/nonexistent", ["x"])),
        "write": _tried(lambda: open("/written", "w")),
        "namespace": _c.unshare(0x10000000),
    }
    with open("/tmp/own", "w") as file:
        file.write("x")
    return reaches
"""
_WALLS = {
    "files": [],
    "process": False,
    "pid": True,
    "fork": "PermissionError",
    "socket": "PermissionError",
    "exec": "PermissionError",
    "write": "OSError",
    "namespace": -1,
}


class BubblewrapSandbox(ChildSandbox):
    """Runs every job in a fresh CPython behind bubblewrap.

    Args:
        paths: Folders that programs may read and import from, for instance a site-packages folder with numpy.
        tmp_bytes: Size of the child's ``/tmp``, and of its shared memory.
        python: The interpreter; None takes the one that runs us, out of its virtual environment.
        bwrap: Name or path of the bubblewrap program.
        spare: See :class:`~.children.ChildSandbox`, as for the rest.
        concurrency: Likewise.
        clock: Likewise.
    """

    name = "bubblewrap"

    def __init__(
        self,
        *,
        paths: Sequence[str | os.PathLike[str]] = (),
        tmp_bytes: int = 16 * 2**20,
        python: str | os.PathLike[str] | None = None,
        bwrap: str = "bwrap",
        spare: int = 1,
        concurrency: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(spare=spare, concurrency=concurrency, clock=clock)
        self._paths = tuple(str(Path(path).resolve()) for path in paths)
        self._tmp_bytes = tmp_bytes
        self._python = os.path.realpath(python or getattr(sys, "_base_executable", None) or sys.executable)
        self._bwrap = bwrap
        self._checked: SandboxUnavailable | bool = False

    def capabilities(self) -> Capabilities:
        """Everything; :meth:`check` has seen to it before a program runs."""
        return Capabilities(
            self.name, filesystem=True, network=True, processes=True, memory=True, cpu=True, level="full"
        )

    def command(self) -> Sequence[str]:
        """What starts a child.

        Raises:
            SandboxUnavailable: bubblewrap is not installed.
        """
        bwrap = shutil.which(self._bwrap)
        if bwrap is None:
            raise SandboxUnavailable(
                f"{self._bwrap} is not installed (Linux only; on Debian and Ubuntu: apt install bubblewrap)"
            )
        size = ("--size", str(self._tmp_bytes))
        mounts = [part for path in self._readable() for part in ("--ro-bind", path, path)]
        for name in ("child", "confine", "values"):
            mounts += ["--ro-bind", str(CHILD.with_name(f"{name}.py")), f"{_INSIDE}/{name}.py"]
        return (
            *(bwrap, "--unshare-all", "--unshare-user", *_where_supported(bwrap)),
            *("--uid", "65534", "--gid", "65534", "--hostname", "sandbox", "--cap-drop", "ALL"),
            *("--die-with-parent", "--new-session"),
            *(*size, "--tmpfs", "/tmp", "--dev", "/dev", *size, "--tmpfs", "/dev/shm"),
            *(*mounts, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp"),
            *(self._python, "-I", "-S", f"{_INSIDE}/child.py", "{answers}", "confine", *self._paths),
        )

    def _readable(self) -> list[str]:
        """Files and folders that are mounted: the interpreter, its library, the system's libraries, the caller's."""
        base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}  # never a virtual environment's
        library = {sysconfig.get_path(name, vars=base) for name in ("stdlib", "platstdlib")}
        if sys.base_prefix != "/usr":
            library.add(str(Path(sys.base_prefix) / "lib"))  # shared libraries that belong to it
        wanted = [*_LIBRARIES, *sorted(library), self._python, *self._paths]
        return list(dict.fromkeys(path for path in wanted if os.path.exists(path)))

    def _mounted(self, path: str) -> bool:
        """Whether the path is there inside: something mounted, within it or above it."""
        pairs = ((f"{path}/", f"{known}/") for known in self._readable())
        return any(one.startswith(other) or other.startswith(one) for one, other in pairs)

    async def check(self) -> None:
        """Runs the probe inside, once.

        Raises:
            SandboxUnavailable: bubblewrap is missing, does not start here, or leaves a wall out.
        """
        if self._checked is False:
            try:
                await self._probe()
                self._checked = True
            except SandboxUnavailable as error:
                self._checked = error
        if isinstance(self._checked, SandboxUnavailable):
            raise SandboxUnavailable(str(self._checked))

    async def _probe(self) -> None:
        with tempfile.NamedTemporaryFile(prefix="planneal-probe-") as canary:
            outside = [path for path in (*_OUTSIDE, canary.name) if not self._mounted(path)]
            calls = (Call("probe", (outside,)),)
            outcome = await self.run_unchecked(Job(_PROBE, calls, limits=Limits(wall_seconds=20.0)))
        if outcome.status != "ok" or outcome.results[0].status != "value":
            said = outcome.reason or (outcome.results[0].error if outcome.results else "")
            raise SandboxUnavailable(f"{self.name} does not work here: {said} {outcome.stdout.strip()[:200]}".strip())
        found = outcome.results[0].value
        missing = [f"{name} ({found.get(name)})" for name, wall in _WALLS.items() if found.get(name) != wall]
        if not set(found["environment"]) <= {*_ENVIRONMENT_INSIDE}:
            missing.append(f"environment ({found['environment']})")
        if missing:
            raise SandboxUnavailable(f"{self.name} leaves walls out here: {', '.join(missing)}")


_ENVIRONMENT_INSIDE = ("HOME", "LANG", "LC_CTYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH", "PWD", "TMPDIR")


@lru_cache(maxsize=8)
def _where_supported(bwrap: str) -> tuple[str, ...]:
    """Options that older versions lack; what they do is done by the filter, too."""
    shown = subprocess.run([bwrap, "--help"], capture_output=True, text=True, timeout=10, check=False, env={})
    return ("--disable-userns",) if "--disable-userns" in shown.stdout + shown.stderr else ()


async def available() -> bool:
    """Whether bubblewrap isolates here; for tests and for choosing."""
    async with BubblewrapSandbox(spare=0) as sandbox:
        try:
            await asyncio.wait_for(sandbox.check(), 30)
        except (SandboxUnavailable, TimeoutError):
            return False
    return True
