"""CPython in a plain subprocess, for those who say ``allow_unsafe=True``: limits, but no walls.

The child is the same as behind bubblewrap, without namespaces and without the filter: a program in it can read and
write files, open connections, start processes and signal ours. Every outcome is marked ``unsafe``. It exists for
machines that isolate as a whole (a throw-away container) and as the control in the tests of the others.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence

from .base import Capabilities
from .children import CHILD, ChildSandbox


class UnsafeSandbox(ChildSandbox):
    """Runs every job in a fresh CPython without isolation; see :class:`~.children.ChildSandbox` for the arguments."""

    name = "unsafe"
    unsafe = True
    folder = tempfile.gettempdir()

    def capabilities(self) -> Capabilities:
        """Time and memory of one process, and nothing else."""
        return Capabilities(
            self.name, filesystem=False, network=False, processes=False, memory=True, cpu=True, level="none"
        )

    def command(self) -> Sequence[str]:
        """What starts a child."""
        return (getattr(sys, "_base_executable", None) or sys.executable, "-I", "-S", str(CHILD), "{answers}", "plain")
