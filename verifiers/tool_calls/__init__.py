"""Tool calls: toolboxes, the static check of ``call:`` and ``calls:`` items, and the dry run."""

from __future__ import annotations

from .declare import from_function, from_functions, from_spec, from_specs
from .dry_run import DryRunVerifier, tool_call_verifiers
from .rules import CallLimits, CallsCheck, before, no_repeat, requires
from .static import ToolCallVerifier
from .toolbox import Tool, Toolbox

__all__ = [
    "CallLimits",
    "CallsCheck",
    "DryRunVerifier",
    "Tool",
    "ToolCallVerifier",
    "Toolbox",
    "before",
    "from_function",
    "from_functions",
    "from_spec",
    "from_specs",
    "no_repeat",
    "requires",
    "tool_call_verifiers",
]
