"""From a run's file to one page: what was measured, compared at equal spend, and whether to keep or to kill."""

from __future__ import annotations

from .facts import Asked, Facts, facts
from .page import write
from .verdict import Verdict

__all__ = ["Asked", "Facts", "Verdict", "facts", "write"]
