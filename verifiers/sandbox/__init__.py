"""Where programs that a language model wrote are run. The seam is :class:`~.base.Sandbox`."""

from __future__ import annotations

from .base import Call, CallResult, Capabilities, Job, Limits, Outcome, Sandbox

__all__ = [
    "Call",
    "CallResult",
    "Capabilities",
    "Job",
    "Limits",
    "Outcome",
    "Sandbox",
]
