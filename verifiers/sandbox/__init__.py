"""Where programs that a language model wrote are run. The seam is :class:`~.base.Sandbox`."""

from __future__ import annotations

from .base import Call, CallResult, Capabilities, Job, Limits, Outcome, Sandbox
from .bubblewrap import BubblewrapSandbox
from .monty import MontySandbox
from .select import EscalatingSandbox, default_sandbox

__all__ = [
    "BubblewrapSandbox",
    "Call",
    "CallResult",
    "Capabilities",
    "EscalatingSandbox",
    "Job",
    "Limits",
    "MontySandbox",
    "Outcome",
    "Sandbox",
    "default_sandbox",
]
